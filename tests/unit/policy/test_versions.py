"""Policies as they are stored: what an older release wrote loads, what a newer one wrote may."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy import versions
from controller.policy.model import Policy, PolicyError
from controller.policy.rules import DEFAULTS, check
from controller.policy.versions import (
    BESIDE,
    OLDEST_READER,
    UPGRADES,
    VERSION,
    StoredPolicyError,
    read,
    write,
)
from tests.unit.policy.given import LEAST, SET, json_values, policy
from tests.unit.store import older

ALONG: dict[str, Any] = {
    "extension": "100",
    "client": "main",
    "dids": ("+12025550100",),
    "caller_ids": ("+12025550150",),
}


def changed(**values: Any) -> str:
    """Give a document as it is written, with other values; None takes one out."""
    document = json.loads(write(policy())) | values
    return json.dumps({name: value for name, value in document.items() if value is not ...})


# --- what is written -------------------------------------------------------------------------


def test_a_document_has_every_field_but_those_that_lie_in_tables() -> None:
    """Its default too: a later release may change one, and not what an operator has seen."""
    document = json.loads(write(policy()))
    assert set(document) == {*Policy.__struct_fields__, "version", "oldest_reader"} - set(BESIDE)
    assert (document["version"], document["oldest_reader"]) == (VERSION, OLDEST_READER)
    assert set(BESIDE) == set(ALONG)


def everything() -> st.SearchStrategy[Policy]:
    """Give policies with any of their settings set."""
    some = st.sets(st.sampled_from(sorted(SET)), max_size=6).map(
        lambda names: {key: value for name in sorted(names) for key, value in SET[name].items()}
    )
    more = st.fixed_dictionaries(
        {},
        optional={
            "description": st.text(
                st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20
            ),
            "caller_id_name": st.sampled_from(["", "Acme", "Zoë (Büro)", "名前"]),
            "enabled": st.booleans(),
            "ring_seconds": st.integers(2, 60),
            "delay_seconds": st.integers(0, 3600),
            "password_hash": st.none() | st.just("$argon2id$x"),
            "return_countries": st.lists(st.sampled_from(["US", "GB", "FR"]), unique=True),
        },
    )
    return st.builds(_possible, some, more)


def _possible(values: dict[str, Any], more: dict[str, Any]) -> Policy:
    made = msgspec.convert(
        {**LEAST, "default_caller_id": LEAST["caller_ids"][0], **values, **more}, Policy
    )
    try:
        check(made)
    except PolicyError:
        # Two of the settings that were drawn do not go together.
        return policy(**more)
    return made


@given(everything())
def test_what_is_written_is_read_as_it_was(written: Policy) -> None:
    along = {name: getattr(written, name) for name in BESIDE}
    assert read(write(written), along) == written


def test_what_lies_in_tables_is_taken_from_there() -> None:
    document = changed(extension="999", client="other", dids=["+442079460000"])
    found = read(document, ALONG)
    assert (found.extension, found.client, found.dids) == ("100", "main", ALONG["dids"])


# --- older -----------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", sorted(older.documents()))
def test_a_policy_of_version_1_is_the_same_policy(extension: str) -> None:
    """As the first release wrote it."""
    document = older.documents()[extension]
    shown = document["caller_id_number"]
    along = {**ALONG, "extension": extension, "caller_ids": (shown,)}
    expected = DEFAULTS | {
        name: value for name, value in document.items() if name != "caller_id_number"
    }
    assert read(json.dumps(document), along) == msgspec.convert(
        expected | along | {"default_caller_id": shown}, Policy
    )


def test_every_older_version_is_read() -> None:
    assert sorted(UPGRADES) == list(range(1, VERSION))
    assert 1 <= OLDEST_READER <= VERSION


def test_upgrades_are_made_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it will be when there is a version after the next."""
    monkeypatch.setattr(versions, "VERSION", VERSION + 2)
    done: list[int] = []

    def upgrade(version: int) -> Any:
        return lambda values: done.append(version)

    later = {version: upgrade(version) for version in (VERSION, VERSION + 1)}
    monkeypatch.setattr(versions, "UPGRADES", UPGRADES | later)
    document = older.documents()["100"]
    found = read(json.dumps(document), ALONG)
    assert (found.default_caller_id, done) == ("+12025550150", [VERSION, VERSION + 1])
    done.clear()
    read(changed(version=VERSION + 1), ALONG)
    assert done == [VERSION + 1]


def test_a_policy_of_version_2_is_the_same_policy() -> None:
    """What has come since has its default."""
    later = {"retry_causes", "time_zone", "quiet_from", "quiet_until"}
    document = json.loads(changed(version=2, oldest_reader=2, **dict.fromkeys(later, ...)))
    assert not later & set(document)
    assert read(json.dumps(document), ALONG) == policy()


def test_a_policy_of_version_3_is_the_same_policy() -> None:
    assert read(changed(version=3, oldest_reader=3), ALONG) == policy()


@pytest.mark.parametrize(
    "setting", ["hide_caller_id", "caller_id_number", "caller_id_choice", "p_asserted_identity"]
)
def test_i6_a_release_that_would_show_what_is_hidden_does_not_read_what_is_written_now(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """In a rolling upgrade: version 3 knew the fields, and acted on none of them."""
    written = write(policy(**SET[setting]))
    monkeypatch.setattr(versions, "VERSION", 3)
    with pytest.raises(StoredPolicyError, match="written by a newer release"):
        read(written, ALONG)


# --- newer -----------------------------------------------------------------------------------


def test_a_newer_version_that_this_may_read_is_read_without_what_it_does_not_know() -> None:
    document = changed(version=VERSION + 1, oldest_reader=VERSION, nicer_music="/m.wav")
    assert read(document, ALONG) == policy()


@pytest.mark.parametrize(
    "said",
    [
        {"version": VERSION + 1, "oldest_reader": VERSION + 1},
        {"version": VERSION + 9, "oldest_reader": VERSION + 2},
        # It does not say who may read it: none that is older.
        {"version": VERSION + 1, "oldest_reader": ...},
    ],
)
def test_a_version_that_this_may_not_read_is_refused_by_name(said: dict[str, Any]) -> None:
    with pytest.raises(StoredPolicyError) as caught:
        read(changed(**said), ALONG)
    assert str(caught.value) == (
        f"extension 100: its policy was written by a newer release (version {said['version']}, "
        f"this one reads {VERSION}); upgrade this controller too"
    )


def test_what_nobody_knows_is_refused_in_a_document_of_this_version() -> None:
    with pytest.raises(StoredPolicyError, match=r"^extension 100: .*nicer_music: there is no"):
        read(changed(nicer_music="/m.wav"), ALONG)


# --- garbage ---------------------------------------------------------------------------------

GARBAGE = [
    "",
    "null",
    "[]",
    "5",
    "{",
    "{}",
    '{"version": 1}',
    "\x00",
    "[" * 100_000,
    '{"a":' * 100_000,
    changed(version=0),
    changed(version=-1),
    changed(version="2"),
    changed(version=1.5),
    changed(version=None),
    changed(version=[]),
    changed(oldest_reader="2"),
    changed(oldest_reader=None),
    changed(oldest_reader={}),
    changed(ring_seconds=0),
    changed(ring_seconds="5"),
    changed(country=...),
    changed(country="us"),
    changed(prompts={"A": 1}),
]


@pytest.mark.parametrize("document", GARBAGE, ids=lambda document: document[:40])
def test_garbage_is_refused_by_the_name_of_the_extension_and_with_the_remedy(
    document: str,
) -> None:
    with pytest.raises(
        StoredPolicyError, match=r"(?s)^extension 100: .*set it anew, or restore the database"
    ) as caught:
        read(document, ALONG)
    assert "regex" not in str(caught.value)


@given(st.text(max_size=30) | json_values().map(json.dumps))
def test_any_text_is_a_policy_or_is_refused(document: str) -> None:
    with pytest.raises(StoredPolicyError, match=r"^extension 100: "):
        read(document, ALONG)


@given(
    st.dictionaries(
        st.sampled_from(["version", "oldest_reader", *Policy.__struct_fields__]),
        json_values(),
        min_size=1,
        max_size=3,
    )
)
def test_any_document_is_a_policy_or_is_refused(values: dict[str, Any]) -> None:
    dids, said = ALONG["dids"], "extension 100: "
    try:
        dids = read(changed(**values), ALONG).dids
    except StoredPolicyError as error:
        said = str(error)
    assert said.startswith("extension 100: ")
    assert dids == ALONG["dids"]
