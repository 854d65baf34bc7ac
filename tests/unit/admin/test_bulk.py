"""Many records at a time: what is there already is left, and what contradicts it is named."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from controller.admin import bulk
from controller.admin.bulk import Applied
from controller.admin.directory import Directory
from controller.admin.model import Conflict, Forbidden, Invalid, Kind
from controller.policy.changes import Change
from controller.policy.model import Policy
from controller.policy.records import (
    Account,
    AuthorisedCaller,
    Client,
    PublicNumber,
    SoundFile,
    Token,
)
from controller.store.passwords import Passwords
from tests.seed import ADMIN, PEPPER
from tests.unit.admin.given import ACME, LOOKS, NEW, two_clients
from tests.unit.admin.test_directory_conflicts import contents

HASH = Passwords(PEPPER).hash("1234")


def callers(*numbers: int, extension: str = "100", notes: str = "") -> list[AuthorisedCaller]:
    return [
        AuthorisedCaller(extension=extension, number=f"+1212555{number:04}", notes=notes)
        for number in numbers
    ]


def everything(store: Directory) -> list[tuple[Kind, list[Any]]]:
    """Give what an export has, in the order in which an import takes it."""
    order = (Kind.CLIENT, Kind.CHANNEL, Kind.NUMBER, Kind.EXTENSION, Kind.CALLERID, Kind.SOUND)
    return [(kind, list(store.walk(ADMIN, kind))) for kind in order]


def test_what_is_applied_again_changes_nothing(engine: Engine, store: Directory) -> None:
    two_clients(store)
    accounts = [
        Account(extension="100", currency="USD"),
        Account(extension="200", currency="JPY", unlimited=True),
    ]
    first = store.apply(ADMIN, Kind.ACCOUNT, accounts)
    assert first == Applied(created=2)
    before = contents(engine)
    for kind, records in [*everything(store), (Kind.ACCOUNT, accounts)]:
        assert records
        assert store.apply(ADMIN, kind, records) == Applied(same=len(records)), kind
    assert contents(engine) == before


def test_what_is_new_is_made_and_what_differs_is_changed(store: Directory) -> None:
    two_clients(store)
    records = callers(1, 2, 3)
    assert store.apply(ADMIN, Kind.CALLERID, records) == Applied(created=3)
    mixed = [*callers(1), *callers(2, notes="new"), *callers(4)]
    assert store.apply(ADMIN, Kind.CALLERID, mixed) == Applied(created=1, changed=1, same=1)
    found = {item.key: item for item in store.list(ADMIN, Kind.CALLERID).items}
    assert found["100/+12125550002"].values["notes"] == "new"
    assert [found[f"100/+1212555000{n}"].version for n in (1, 2, 3, 4)] == [1, 2, 1, 1]
    # Each is audited as if it had been made or changed alone.
    said = store.audit(ADMIN, {"kind": "callerid"}).items[:2]
    assert {(entry.action, entry.key) for entry in said} == {
        ("change", "100/+12125550002"),
        ("create", "100/+12125550004"),
    }
    (changed,) = (entry for entry in said if entry.action == "change")
    assert (changed.before, changed.after) == ({"notes": ""}, {"notes": "new"})
    store.delete(ADMIN, Kind.CALLERID, "100/+12125550004")
    assert store.apply(ADMIN, Kind.CALLERID, mixed) == Applied(created=1, same=2)


def test_extensions_are_applied_with_their_dids_and_numbers(store: Directory) -> None:
    two_clients(store)
    (policy,) = (p for p in store.walk(ADMIN, Kind.EXTENSION) if p.extension == "100")
    other = msgspec.structs.replace(
        policy, dids=("+12025550177", "+12025550100"), password_hash=HASH
    )
    assert store.apply(ADMIN, Kind.EXTENSION, [other]) == Applied(changed=1)
    assert store.get(ADMIN, Kind.EXTENSION, "100").values["dids"] == other.dids
    assert store.apply(ADMIN, Kind.EXTENSION, [other]) == Applied(same=1)


def test_a_dry_run_counts_and_writes_nothing(engine: Engine, store: Directory) -> None:
    two_clients(store)
    store.apply(ADMIN, Kind.CALLERID, callers(1, 2))
    before = contents(engine)
    mixed = [*callers(1), *callers(2, notes="new"), *callers(4, 5)]
    done = store.apply(ADMIN, Kind.CALLERID, mixed, dry_run=True)
    assert done == Applied(created=2, changed=1, same=1)
    assert contents(engine) == before


def test_many_are_written_some_at_a_time(
    engine: Engine, store: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls are stored between two transactions."""
    two_clients(store)
    monkeypatch.setattr(bulk, "AT_A_TIME", 3)
    told: list[Change] = []
    telling = Directory(
        engine, passwords=lambda: Passwords(PEPPER), now=lambda: 1, announce=told.append
    )
    policies = [
        msgspec.convert(
            {
                **NEW[Kind.EXTENSION][0],
                "default_caller_id": "+12025550151",
                "extension": f"30{n}",
                "dids": [f"+1202555300{n}"],
            },
            Policy,
        )
        for n in range(7)
    ]
    assert telling.apply(ADMIN, Kind.EXTENSION, policies) == Applied(created=7)
    assert [change.extensions for change in told] == [
        ("300", "301", "302"),
        ("303", "304", "305"),
        ("306",),
    ]
    assert telling.apply(ADMIN, Kind.EXTENSION, []) == Applied()
    assert len(told) == 3


def test_a_conflict_in_the_middle_names_the_record_and_leaves_what_was_written_before(
    store: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_clients(store)
    monkeypatch.setattr(bulk, "AT_A_TIME", 2)
    records = [*callers(1, 2, 3), *callers(4, extension="999"), *callers(5)]
    with pytest.raises(Conflict) as caught:
        store.apply(ADMIN, Kind.CALLERID, records)
    assert str(caught.value) == ("callerid 999/+12125550004: extension: there is no extension 999")
    found = [item.key for item in store.list(ADMIN, Kind.CALLERID, {"extension": "100"}).items]
    # Of a transaction all or nothing: the third was in that of the fourth.
    assert found == ["100/+12125550001", "100/+12125550002", "100/+12125550101"]


def test_what_never_changes_does_not_in_bulk_either(engine: Engine, store: Directory) -> None:
    two_clients(store)
    store.apply(ADMIN, Kind.ACCOUNT, [Account(extension="100", currency="USD")])
    before = contents(engine)
    with pytest.raises(Conflict, match=r"^account 100: currency never changes; it is USD"):
        store.apply(ADMIN, Kind.ACCOUNT, [Account(extension="100", currency="EUR")])
    assert contents(engine) == before


def test_one_did_in_two_records_is_a_conflict_of_the_second(store: Directory) -> None:
    two_clients(store)
    new = {**NEW[Kind.EXTENSION][0], "default_caller_id": "+12025550151"}
    two = [msgspec.convert(new | {"extension": number}, Policy) for number in ("301", "302")]
    with pytest.raises(Conflict, match=r"^extension 302: dids: .* reaches extension 301 already"):
        store.apply(ADMIN, Kind.EXTENSION, two)


# --- preparing -------------------------------------------------------------------------------


def test_what_is_prepared_is_checked_as_if_it_were_made(store: Directory) -> None:
    caller = store.prepare(ADMIN, Kind.CALLERID, NEW[Kind.CALLERID][0] | {"pin": "1234"})
    assert Passwords(PEPPER).check("1234", caller.pin_hash)
    # An export has hashes, and is imported again.
    caller = store.prepare(ADMIN, Kind.CALLERID, NEW[Kind.CALLERID][0] | {"pin_hash": HASH})
    assert caller.pin_hash == HASH
    assert (
        store.prepare(ADMIN, Kind.CALLERID, NEW[Kind.CALLERID][0] | {"pin_hash": None}).pin_hash
        is None
    )
    for values, says in (
        ({"pin_hash": "1234"}, "pin_hash: is no argon2id hash as an export writes it; write pin"),
        ({"pin_hash": HASH + "\n"}, "pin_hash: is no argon2id hash"),
        ({"pin_hash": 5}, "pin_hash: is no argon2id hash"),
        ({"pin_hash": HASH, "pin": "1234"}, "pin_hash: pin is given too; write one of them"),
        ({"pin": "12"}, "pin: write 4 to 20 digits"),
        ({"number": "x"}, "number: is not written as it has to be: E.164"),
    ):
        with pytest.raises(Invalid) as caught:
            store.prepare(ADMIN, Kind.CALLERID, NEW[Kind.CALLERID][0] | values)
        assert str(caught.value).startswith(says)


def test_o2_who_may_not_make_a_kind_makes_none_in_bulk(store: Directory) -> None:
    two_clients(store)
    for actor, kind, record in (
        (LOOKS, Kind.CLIENT, Client(name="x")),
        (ACME, Kind.CLIENT, Client(name="x")),
        (ACME, Kind.NUMBER, PublicNumber(number="+12025550188", channel="pstn", client="acme")),
        (LOOKS, Kind.SOUND, SoundFile(name="x", path="/x.wav")),
    ):
        with pytest.raises(Forbidden):
            store.apply(actor, kind, [record])
        with pytest.raises(Forbidden):
            store.prepare(actor, kind, msgspec.to_builtins(record))


def test_a_token_is_not_made_in_bulk_since_nobody_would_be_told_its_secret(
    store: Directory,
) -> None:
    two_clients(store)
    values = NEW[Kind.TOKEN][0]
    with pytest.raises(Invalid, match=r"^token: its secret is told once; use `issue_token`"):
        store.prepare(ADMIN, Kind.TOKEN, values)
    with pytest.raises(Invalid, match=r"^token: "):
        store.apply(ADMIN, Kind.TOKEN, [msgspec.convert(values, Token)])
