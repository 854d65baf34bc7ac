"""Extensions in a real SQLite file."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import Engine, update

from controller.policy.model import Policy, PolicyError
from controller.store.extensions import Extensions
from controller.store.schema import extension


def test_what_is_added_is_found_as_it_was(extensions: Extensions, policy: Policy) -> None:
    extensions.add(policy, 1)
    assert extensions.get("100") == policy
    for did in policy.dids:
        assert extensions.by_dids([did]) == (did, policy)
        found = extensions.by_dids([did])
        assert found is not None
        assert (found[0], found[1].extension) == (did, "100")


def test_what_is_not_there_is_none(extensions: Extensions) -> None:
    assert extensions.get("100") is None
    assert extensions.by_dids(["+12025550101"]) is None
    assert extensions.by_dids(["+12025550101"]) is None
    assert extensions.all() == []


def test_all_come_by_number(extensions: Extensions, policy: Policy) -> None:
    for number in ("300", "100", "200"):
        dids = (f"+12025550{number}",)
        extensions.add(msgspec.structs.replace(policy, extension=number, dids=dids), 1)
    assert [found.extension for found in extensions.all()] == ["100", "200", "300"]


def test_an_extension_is_added_once(extensions: Extensions, policy: Policy) -> None:
    extensions.add(policy, 1)
    again = msgspec.structs.replace(policy, dids=("+12025550199",))
    with pytest.raises(PolicyError, match=r"^extension: 100 is there already"):
        extensions.add(again, 2)
    # Nothing of it is left behind.
    assert extensions.by_dids(["+12025550199"]) is None


def test_one_number_reaches_one_extension(extensions: Extensions, policy: Policy) -> None:
    extensions.add(policy, 1)
    other = msgspec.structs.replace(policy, extension="200", dids=("+12025550199", "+12025550101"))
    with pytest.raises(PolicyError, match=r"^dids: \+12025550101 reaches extension 100 already"):
        extensions.add(other, 2)
    assert extensions.get("200") is None
    assert extensions.by_dids(["+12025550199"]) is None


def test_a_did_is_found_by_the_first_reading_that_is_one(
    extensions: Extensions, policy: Policy
) -> None:
    """A trunk's digits can be read nationally and internationally; only one is a DID of ours."""
    extensions.add(policy, 1)
    known = policy.dids[1]
    assert extensions.by_dids(["+442079460000", known]) == (known, policy)
    assert extensions.by_dids(list(policy.dids)) == (policy.dids[0], policy)
    assert extensions.by_dids(["+442079460000"]) is None
    assert extensions.by_dids([]) is None


def test_a4_it_is_known_whether_any_extension_has_a_password(
    extensions: Extensions, policy: Policy
) -> None:
    """A lost pepper matters only then."""
    assert not extensions.any_password()
    without = msgspec.structs.replace(
        policy, extension="200", dids=("+12025550199",), password_hash=None
    )
    extensions.add(without, 1)
    assert not extensions.any_password()
    extensions.add(policy, 1)
    assert extensions.any_password()


def test_g1_what_looks_like_sql_is_a_text(extensions: Extensions, policy: Policy) -> None:
    extensions.add(policy, 1)
    for text in ("' OR 1=1 --", "100'; DROP TABLE extension; --", "%"):
        assert extensions.get(text) is None
        assert extensions.by_dids([text]) is None
    assert extensions.get("100") == policy


def test_a_stored_policy_that_cannot_be_is_refused_by_its_field(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    extensions.add(policy, 1)
    stored = msgspec.to_builtins(policy) | {"ring_seconds": 99}
    del stored["dids"]
    with engine.begin() as connection:
        connection.execute(update(extension).values(policy=msgspec.json.encode(stored).decode()))
    with pytest.raises(PolicyError, match=r"^ring_seconds: "):
        extensions.get("100")
