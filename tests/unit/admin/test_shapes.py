"""What is given, what changes and what is shown of each kind is made of its model."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.admin.model import Kind
from controller.admin.shapes import (
    FILTERS,
    FIXED,
    INPUTS,
    KEYS,
    MODELS,
    NOW,
    PATCHES,
    SECRETS,
    VIEWS,
)
from controller.policy.records import RECORDS_NOT_YET
from controller.policy.rules import NOT_YET
from controller.store.kept import Kept
from tests.unit.admin.given import CHANGE, NEW


def fields(shape: type[Any]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(shape)}


def test_each_kind_has_each_shape() -> None:
    for table in (MODELS, KEYS, INPUTS, PATCHES, VIEWS, FILTERS):
        assert set(table) == set(Kind)
    assert len(
        {shape.__name__ for table in (INPUTS, PATCHES, VIEWS) for shape in table.values()}
    ) == 3 * len(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_no_shape_has_a_hash_or_what_nothing_acts_on(kind: Kind) -> None:
    model = fields(MODELS[kind])
    hidden = {SECRETS[kind][0]} if kind in SECRETS else set()
    hidden |= set(NOT_YET if kind is Kind.EXTENSION else RECORDS_NOT_YET.get(MODELS[kind], ()))
    clear = {SECRETS[kind][1]} if kind in SECRETS else set()
    still = {*KEYS[kind], *FIXED.get(kind, ())}
    assert set(fields(INPUTS[kind])) == set(model) - hidden | clear
    assert set(fields(PATCHES[kind])) == set(model) - hidden - still | clear
    added = {"version", "created", "changed"} | {f"{word}_set" for word in clear}
    added |= {"id", "owner", "balance"} if kind is Kind.ACCOUNT else set()
    added |= {"uploaded", "switch_path", "nodes", "used_by"} if kind is Kind.SOUND else set()
    assert set(fields(VIEWS[kind])) == set(model) - hidden | added
    for shape in (INPUTS[kind], PATCHES[kind], VIEWS[kind]):
        assert not [name for name in fields(shape) if "hash" in name]


@pytest.mark.parametrize("kind", Kind)
def test_a_shape_has_the_types_the_defaults_and_the_bounds_of_the_model(kind: Kind) -> None:
    model, given = fields(MODELS[kind]), fields(INPUTS[kind])
    if kind in NOW:
        # What is now where nothing is said is needed where it is kept.
        assert given[NOW[kind]].default is None
        del given[NOW[kind]]
    for name in set(model) & set(given):
        assert given[name].type == model[name].type
        assert given[name].required is model[name].required
        assert given[name].default == model[name].default
        assert given[name].default_factory is model[name].default_factory
    shown = fields(VIEWS[kind])
    assert all(field.required for field in shown.values())
    for name in set(model) & set(shown):
        assert shown[name].type == model[name].type


@pytest.mark.parametrize("kind", Kind)
def test_what_is_given_fits_its_shape_and_whatever_else_does_not(kind: Kind) -> None:
    values = NEW[kind][0]
    msgspec.convert(values, INPUTS[kind])
    msgspec.convert(CHANGE[kind], PATCHES[kind])
    # Every field of a patch may be left out, or be null.
    assert msgspec.to_builtins(msgspec.convert({}, PATCHES[kind])) == {}
    every = dict.fromkeys(fields(PATCHES[kind]))
    assert msgspec.to_builtins(msgspec.convert(every, PATCHES[kind])) == every
    for shape, right in ((INPUTS[kind], values), (PATCHES[kind], CHANGE[kind])):
        with pytest.raises(msgspec.ValidationError, match="colour"):
            msgspec.convert({**right, "colour": "red"}, shape)
    if kind in SECRETS:
        word = SECRETS[kind][1]
        for password in ("1234", "1" * 20, None):
            msgspec.convert({**values, word: password}, INPUTS[kind])
        for wrong in ("123", "1" * 21, "12a4", 1234):
            with pytest.raises(msgspec.ValidationError, match=word):
                msgspec.convert({**values, word: wrong}, INPUTS[kind])


def test_what_names_a_record_is_what_its_table_is_keyed_by() -> None:
    from controller.admin.references import KEPT

    assert set(KEPT) == set(Kind)
    for kind, kept in KEPT.items():
        assert isinstance(kept, Kept)
        assert kept.key == KEYS[kind]
        assert kept.model is MODELS[kind]
        assert tuple(column.name for column in kept.table.primary_key) == KEYS[kind]


def test_what_can_be_filtered_by_is_shown() -> None:
    for kind, filters in FILTERS.items():
        shown = set(fields(VIEWS[kind]))
        assert set(filters) - {"did"} <= shown, kind
        assert set(filters.values()) <= {"is", "prefix", "part"}


def test_there_is_a_schema_of_each_shape() -> None:
    shapes = [shape for table in (INPUTS, PATCHES, VIEWS) for shape in table.values()]
    _, components = msgspec.json.schema_components(shapes)
    for shape in shapes:
        assert components[shape.__name__]["type"] == "object"
    policy = components["ExtensionInput"]["properties"]["ring_seconds"]
    assert (policy["minimum"], policy["maximum"], policy["default"]) == (1, 60, 5)
