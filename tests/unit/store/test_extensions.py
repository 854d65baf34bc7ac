"""Policies as calls find them, in a real SQLite file and a real PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select, update

from controller.admin.model import Kind
from controller.policy.clients import ClientLimits
from controller.policy.fields import NumberType, Rate
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.policy.versions import StoredPolicyError
from controller.store.extensions import Extensions
from controller.store.schema import extension
from tests.seed import ADMIN, directory, keep


def test_what_is_kept_is_found_as_it_was(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    keep(engine, policy)
    assert extensions.get("100") == policy
    assert extensions.by_extension("100").policy == policy
    for did in policy.dids:
        assert extensions.by_dids([did]) == (did, policy)
        assert extensions.by_did(did).policy == policy


def test_what_is_not_there_is_none(extensions: Extensions) -> None:
    assert extensions.get("100") is None
    assert extensions.by_dids(["+12025550101"]) is None
    assert extensions.by_did("+12025550101").policy is None
    assert extensions.by_extension("100").policy is None


def test_dids_come_in_the_order_in_which_they_were_given(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    for dids in (policy.dids, tuple(reversed(policy.dids))):
        keep(engine, msgspec.structs.replace(policy, dids=dids))
        found = extensions.get("100")
        assert found is not None
        assert found.dids == dids


def test_a_did_is_found_by_the_first_reading_that_is_one(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    """A trunk's digits can be read nationally and internationally; only one is a DID of ours."""
    keep(engine, policy)
    known = policy.dids[1]
    assert extensions.by_dids(["+442079460000", known]) == (known, policy)
    assert extensions.by_dids(list(policy.dids)) == (policy.dids[0], policy)
    assert extensions.by_dids(["+442079460000"]) is None
    assert extensions.by_dids([]) is None


def test_i1_the_name_shown_is_the_contact_name_where_the_extension_has_none(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    keep(engine, policy)
    directory(engine).change(ADMIN, Kind.CLIENT, "main", {"contact_name": "Acme"})
    shown = {}
    for name, wish in (("", "custom"), ("Sales", "custom"), ("", "server")):
        keep(
            engine,
            msgspec.convert(
                {
                    **msgspec.to_builtins(policy),
                    "caller_id_name": name,
                    "caller_id_name_from": wish,
                },
                Policy,
            ),
        )
        found = extensions.get("100")
        assert found is not None
        shown[name, wish] = found.caller_id_name
    assert shown == {("", "custom"): "Acme", ("Sales", "custom"): "Sales", ("", "server"): "Acme"}


def test_a_client_that_is_off_switches_its_extensions_off(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    keep(engine, policy)
    store = directory(engine)
    for enabled in (False, True):
        store.change(ADMIN, Kind.CLIENT, "main", {"enabled": enabled})
        found = extensions.by_did(policy.dids[0]).policy
        assert found is not None
        assert found.enabled is enabled


def test_g2_what_a_client_blocks_is_blocked_for_its_extensions_besides_their_own(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    own = msgspec.structs.replace(
        policy, blocked_countries=("FR", "DE"), blocked_types=(NumberType.VOIP,)
    )
    keep(engine, own)
    store = directory(engine)
    blocked = {
        "blocked_countries": ["GB", "DE"],
        "blocked_prefixes": ["+1900"],
        "blocked_types": ["toll_free"],
    }
    store.change(ADMIN, Kind.CLIENT, "main", blocked)
    for found in (extensions.get("100"), extensions.by_did(policy.dids[0]).policy):
        assert found is not None
        assert found.blocked_countries == ("FR", "DE", "GB")
        assert found.blocked_prefixes == ("+1900",)
        assert found.blocked_types == (NumberType.VOIP, NumberType.TOLL_FREE)
    # What is kept of the extension stays its own.
    assert store.get(ADMIN, Kind.EXTENSION, "100").values["blocked_countries"] == ("FR", "DE")
    store.change(ADMIN, Kind.CLIENT, "main", dict.fromkeys(blocked))
    assert extensions.get("100") == own


@pytest.mark.parametrize(
    "values",
    [
        {"contact_name": "Acme"},
        {"enabled": False},
        {"blocked_countries": ["GB"]},
        {"blocked_prefixes": ["+1900"]},
        {"blocked_types": ["voip"]},
    ],
)
def test_g2_what_a_client_says_to_its_extensions_is_announced_and_nothing_else(
    engine: Engine, extensions: Extensions, policy: Policy, values: dict[str, Any]
) -> None:
    """Caches hear of it."""
    keep(engine, policy)
    store = directory(engine)
    before = extensions.position().seq
    store.change(ADMIN, Kind.CLIENT, "main", {"description": "Ours"})
    assert extensions.changes(before) == ()
    store.change(ADMIN, Kind.CLIENT, "main", values)
    assert extensions.changes(before)


def test_a4_it_is_known_whether_there_is_any_password(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    """A lost pepper matters only then."""
    assert not extensions.any_password()
    without = msgspec.structs.replace(
        policy, extension="200", dids=("+12025550199",), password_hash=None
    )
    keep(engine, without)
    assert not extensions.any_password()
    store = directory(engine)
    caller = AuthorisedCaller(extension="200", number="+12125550199", pin_hash="$argon2id$x")
    store.apply(ADMIN, Kind.CALLERID, [caller])
    assert extensions.any_password()
    store.delete(ADMIN, Kind.CALLERID, "200/+12125550199")
    assert not extensions.any_password()
    keep(engine, policy)
    assert extensions.any_password()


def test_g1_what_looks_like_sql_is_a_text(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    keep(engine, policy)
    for text in ("' OR 1=1 --", "100'; DROP TABLE extension; --", "%"):
        assert extensions.get(text) is None
        assert extensions.by_dids([text]) is None
    assert extensions.get("100") == policy


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ring_seconds": 99}, "ring_seconds"),
        ({"no_such_setting": 1}, "no_such_setting"),
        ({"version": 99, "oldest_reader": 99}, "newer release"),
    ],
)
def test_a_stored_policy_that_cannot_be_followed_is_refused_by_name(
    engine: Engine, extensions: Extensions, policy: Policy, values: dict[str, object], says: str
) -> None:
    keep(engine, policy)
    with engine.begin() as connection:
        stored = json.loads(connection.execute(select(extension.c.policy)).scalar_one())
        connection.execute(update(extension).values(policy=json.dumps(stored | values)))
    with pytest.raises(StoredPolicyError, match=rf"^extension 100: .*{says}"):
        extensions.get("100")


def test_each_read_says_as_of_which_change_it_is_true(
    engine: Engine, extensions: Extensions, policy: Policy
) -> None:
    assert extensions.position().seq == 0
    assert extensions.by_did(policy.dids[0]).seq == 0
    keep(engine, policy)
    assert extensions.by_did(policy.dids[0]).seq == extensions.position().seq == 1
    keep(engine, policy)
    assert extensions.position().seq == 1  # nothing was changed
    keep(engine, msgspec.structs.replace(policy, dids=("+12025550199",)))
    (change,) = extensions.changes(1) or ()
    assert change.extensions == ("100",)
    # Those it had and those it has: each reads otherwise now.
    assert set(change.dids) == {*policy.dids, "+12025550199"}
    assert extensions.changes(2) == ()
    # Whoever is ahead of us was with another database.
    assert extensions.changes(3) is None


def test_g3_the_limits_of_clients_are_read_of_those_that_have_some(engine: Engine) -> None:
    store = directory(engine)
    rate = {"minute": 1, "hour": 5}
    for name, values in (
        ("often", {"callbacks": rate}),
        ("many", {"concurrent_calls": 3}),
        ("free", {"description": "without a limit"}),
    ):
        store.create(ADMIN, Kind.CLIENT, {"name": name, **values})
    table = Extensions(engine).client_limits()
    assert table.of("often") == ClientLimits("often", Rate(minute=1, hour=5), None)
    assert table.of("many") == ClientLimits("many", Rate(), 3)
    assert table.of("free") == ClientLimits("free", Rate(), None)
    assert table.names == {"often", "many"}
    store.change(ADMIN, Kind.CLIENT, "often", {"callbacks": {}})
    assert Extensions(engine).client_limits().names == {"many"}
