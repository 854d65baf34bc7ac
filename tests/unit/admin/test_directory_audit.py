"""Who changed what, from what to what; all of a change or nothing; and told after the commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from controller.admin.directory import Directory
from controller.admin.model import Actor, Audited, Conflict, Forbidden, Invalid, Kind
from controller.policy.changes import Change
from controller.policy.records import Client, Role
from controller.store.extensions import Extensions
from controller.store.journal import Journal, Writing
from controller.store.kept import Kept
from controller.store.passwords import Passwords
from tests.seed import ADMIN, PEPPER
from tests.unit.admin.given import ACME, ACME_LOOKS, CHANGE, LOOKS, NEW, create, two_clients
from tests.unit.admin.test_directory_conflicts import contents

#: What nobody may find anywhere.
CLEAR = "90817263544536271809"


def last(store: Directory) -> Audited:
    return store.audit(ADMIN, limit=1).items[0]


@pytest.mark.parametrize("kind", Kind)
def test_o2_who_made_changed_and_removed_what_is_kept_from_what_to_what(
    store: Directory, kind: Kind
) -> None:
    two_clients(store)
    values, key = NEW[kind]
    made = create(store, kind, values)
    key = key or made.key
    nobodys = (Kind.CHANNEL, Kind.PRICE_LIST, Kind.RATE)
    client = {Kind.CLIENT: "third", **dict.fromkeys(nobodys)}.get(kind, "acme")
    said = last(store)
    assert (said.actor, said.action, said.kind, said.key) == (ADMIN.name, "create", kind, key)
    assert (said.at, said.client, said.before) == (made.created, client, None)
    shown = msgspec.json.decode(msgspec.json.encode(made.values))
    more = {"id", "balance", "nodes", "switch_path", "uploaded", "used_by"}
    assert said.after == {name: value for name, value in shown.items() if name not in more}

    changed = store.change(ADMIN, kind, key, CHANGE[kind])
    said = last(store)
    assert (said.actor, said.action, said.kind, said.key) == (ADMIN.name, "change", kind, key)
    assert (said.at, said.client) == (changed.changed, client)
    # Of the fields that changed, and of no other.
    assert said.before == {name: shown[name] for name in CHANGE[kind]}
    assert said.after == CHANGE[kind]

    store.delete(ADMIN, kind, key)
    said = last(store)
    assert (said.action, said.kind, said.key, said.client) == ("delete", kind, key, client)
    assert said.after is None
    assert said.before is not None
    assert said.before.items() >= CHANGE[kind].items()


def test_o2_what_is_entered_on_an_account_is_audited_once(store: Directory) -> None:
    account = two_clients(store)[Kind.ACCOUNT]["acme"]
    values = {"key": "a", "amount": 7, "order_number": "INV-7"}
    store.add_entry(ADMIN, account, values)
    said = last(store)
    assert (said.action, said.kind, said.key, said.client) == ("enter", "account", account, "acme")
    assert said.before == {"balance": 0}
    assert said.after == {
        "balance": 7,
        "owner": "100/+12125550101",
        "entry": "a",
        "kind": "top_up",
        "amount": 7,
        "order_number": "INV-7",
    }
    store.add_entry(ADMIN, account, values)
    assert last(store) == said


def test_o2_who_did_it_is_named_and_not_somebody_else(store: Directory) -> None:
    two_clients(store)
    store.change(ACME, Kind.EXTENSION, "100", {"ring_seconds": 7})
    assert (last(store).actor, last(store).client) == (ACME.name, "acme")
    person = Actor(name="cli:root", role=Role.ADMIN)
    store.apply(person, Kind.CLIENT, [Client(name="fourth")])
    assert (last(store).actor, last(store).key) == ("cli:root", "fourth")


def test_a4_no_password_and_no_hash_is_anywhere_but_in_its_place(
    engine: Engine, store: Directory
) -> None:
    two_clients(store)
    changes: tuple[Any, ...] = (
        (Kind.EXTENSION, "100", "password", "password_set"),
        (Kind.CALLERID, "100/+12125550101", "pin", "pin_set"),
    )
    for kind, key, word, shown in changes:
        store.change(ADMIN, kind, key, {word: CLEAR})
        said = last(store)
        assert (said.before, said.after) == ({shown: False}, {shown: True})
        store.change(ADMIN, kind, key, {word: CLEAR[::-1]})
        said = last(store)
        # That it was changed is said, and not from what to what.
        assert (said.action, said.key) == ("change", key)
        assert (said.before, said.after) == ({shown: True}, {shown: True})
        create(store, kind, NEW[kind][0] | {word: CLEAR})
        assert (last(store).after or {})[shown] is True
    _, secret = store.issue_token(ADMIN, {"name": "t", "role": "admin"})
    kept = contents(engine)
    assert CLEAR not in str(kept)
    assert CLEAR[::-1] not in str(kept)
    assert secret not in str(kept)
    # Four hashes are where they belong, and nowhere else; so is the token's digest.
    hashes = {table: str(rows).count("$argon2id$") for table, rows in kept.items()}
    assert {table: n for table, n in hashes.items() if n} == {
        "extension": 2,
        "authorised_caller": 2,
    }
    assert "hash" not in str(kept["audit"]).replace("password_hash", "hash")
    assert "hash" not in str(store.audit(ADMIN).items)


# --- reading it ------------------------------------------------------------------------------


def test_the_audit_log_is_read_the_newest_first_in_pages_and_by_what_it_says(
    store: Directory,
) -> None:
    two_clients(store)
    store.change(ACME, Kind.EXTENSION, "100", {"ring_seconds": 7})
    whole = store.audit(ADMIN, limit=1000).items
    assert [said.id for said in whole] == sorted((said.id for said in whole), reverse=True)
    found: list[Audited] = []
    before = None
    while True:
        page = store.audit(LOOKS, before=before, limit=4)
        found += page.items
        before = page.next
        if before is None:
            break
    assert tuple(found) == whole
    for filters, expected in (
        ({"kind": "extension"}, [s for s in whole if s.kind == "extension"]),
        ({"key": "100"}, [s for s in whole if s.key == "100"]),
        ({"actor": ACME.name}, whole[:1]),
        ({"action": "change", "kind": "extension"}, whole[:1]),
        ({"key": "' OR 1=1 --"}, []),
    ):
        assert list(store.audit(ADMIN, filters).items) == list(expected)
    with pytest.raises(Invalid, match=r"^client: the audit log has no such filter; it has: kind"):
        store.audit(ADMIN, {"client": "acme"})
    with pytest.raises(Invalid, match=r"^key: cannot be read"):
        store.audit(ADMIN, {"key": "\x00"})
    for actor in (ACME, ACME_LOOKS):
        with pytest.raises(Forbidden, match="see all clients"):
            store.audit(actor)


# --- all of it or nothing --------------------------------------------------------------------


class Broken(Exception):
    """What fails in the middle."""


@pytest.mark.parametrize("where", ["audit", "count", "beside"])
def test_o5_when_something_fails_in_the_middle_nothing_is_written_and_nobody_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    told: list[Change] = []
    store = _announcing(engine, told.append)
    two_clients(store)
    before, heard = contents(engine), len(told)

    def fail(*_: object) -> None:
        raise Broken

    if where == "audit":
        monkeypatch.setattr(Writing, "note", fail)
    elif where == "count":
        monkeypatch.setattr(Writing, "count", fail)
    else:
        monkeypatch.setattr("controller.store.kept.KeptExtensions._add_beside", fail)
    new = NEW[Kind.EXTENSION][0]
    actions: list[Callable[[], object]] = [
        lambda: store.create(ADMIN, Kind.EXTENSION, new),
        lambda: store.change(ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550177"]}),
    ]
    if where != "beside":
        actions.append(lambda: store.delete(ADMIN, Kind.EXTENSION, "100"))
    for action in actions:
        with pytest.raises(Broken):
            action()
    assert contents(engine) == before
    assert len(told) == heard


def test_a_removal_that_the_database_refuses_is_a_conflict_and_changes_nothing(
    engine: Engine, store: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something came to use it between the look and the removal."""
    two_clients(store)
    before = contents(engine)
    monkeypatch.setattr("controller.admin.directory.use", lambda *_, **__: None)
    for kind, key in ((Kind.CLIENT, "acme"), (Kind.CHANNEL, "pstn"), (Kind.NUMBER, "+12025550110")):
        with pytest.raises(Conflict, match=r"something came to use it; try again"):
            store.delete(ADMIN, kind, key)
    assert contents(engine) == before


def test_a_record_that_the_database_refuses_is_a_conflict_and_changes_nothing(
    engine: Engine, store: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it refers to went, or its place was taken, between the look and the writing."""
    two_clients(store)
    before = contents(engine)
    monkeypatch.setattr("controller.admin.writing.troubles", lambda *_, **__: [])
    monkeypatch.setattr(Kept, "get", lambda *_, **__: None)
    for kind, values in (
        (Kind.CLIENT, {"name": "acme"}),
        (Kind.NUMBER, {"number": "+12025550151", "channel": "pstn"}),
        (Kind.NUMBER, {"number": "+12025550152", "channel": "none"}),
        (Kind.EXTENSION, NEW[Kind.EXTENSION][0] | {"dids": ["+12025550200"]}),
        (Kind.EXTENSION, NEW[Kind.EXTENSION][0] | {"client": "none"}),
        (Kind.CALLERID, {"extension": "999", "number": "+12125550109"}),
        (Kind.ACCOUNT, {"extension": "999", "currency": "USD"}),
    ):
        with pytest.raises(Conflict, match=r"somebody else wrote it, or what it refers to"):
            store.create(ADMIN, kind, values)
    assert contents(engine) == before


# --- what is told ----------------------------------------------------------------------------


def _announcing(engine: Engine, announce: Callable[[Change], None]) -> Directory:
    now = iter(range(1, 10**6))
    return Directory(
        engine,
        passwords=lambda: Passwords(PEPPER),
        now=lambda: next(now),
        announce=announce,
    )


def test_a_change_of_a_policy_is_told_after_the_commit_with_the_dids_it_had_and_has(
    engine: Engine,
) -> None:
    told: list[Change] = []
    reading = Extensions(engine)

    def announce(change: Change) -> None:
        # Whoever is told of it already reads it.
        assert reading.position().seq == change.seq
        told.append(change)

    store = _announcing(engine, announce)
    two_clients(store)
    told.clear()
    seq = Journal(engine).position().seq
    create(store, Kind.EXTENSION, NEW[Kind.EXTENSION][0])
    store.change(ADMIN, Kind.EXTENSION, "109", {"dids": ["+12025550109", "+12025550107"]})
    store.change(ADMIN, Kind.EXTENSION, "109", {"ring_seconds": 6})
    store.change(ADMIN, Kind.CLIENT, "acme", {"contact_name": "New"})
    store.delete(ADMIN, Kind.EXTENSION, "109")
    two = ("+12025550107", "+12025550109")
    assert told == [
        Change(seq=seq + 1, extensions=("109",), dids=("+12025550108", "+12025550109")),
        Change(
            seq=seq + 2,
            extensions=("109",),
            dids=("+12025550107", "+12025550108", "+12025550109"),
        ),
        Change(seq=seq + 3, extensions=("109",), dids=two),
        Change(seq=seq + 4, everything=True),
        Change(seq=seq + 5, extensions=("109",), dids=two),
    ]
    assert Journal(engine).changes(seq) == tuple(told)


def test_what_changes_no_policy_is_told_to_nobody(engine: Engine) -> None:
    told: list[Change] = []
    store = _announcing(engine, told.append)
    keys = two_clients(store)
    told.clear()
    seq = Journal(engine).position().seq
    for kind in Kind:
        if kind is Kind.EXTENSION:
            continue
        key = create(store, kind, NEW[kind][0]).key
        if kind is not Kind.CLIENT:
            store.change(ADMIN, kind, key, CHANGE[kind])
        store.delete(ADMIN, kind, key)
    store.change(ADMIN, Kind.EXTENSION, "100", {})
    store.add_entry(ADMIN, keys[Kind.ACCOUNT]["acme"], {"key": "a", "amount": 1})
    with pytest.raises(Conflict):
        store.create(ADMIN, Kind.EXTENSION, NEW[Kind.EXTENSION][0] | {"extension": "100"})
    assert told == []
    assert Journal(engine).position().seq == seq


def test_who_cannot_be_told_finds_it_in_the_store_all_the_same(engine: Engine) -> None:
    """What is committed is committed: the announcement only makes it faster."""

    def away(_: Change) -> None:
        raise Broken

    two_clients(_announcing(engine, lambda change: None))
    store = _announcing(engine, away)
    seq = Journal(engine).position().seq
    with pytest.raises(Broken):
        store.change(ADMIN, Kind.EXTENSION, "100", {"ring_seconds": 6})
    assert store.get(ADMIN, Kind.EXTENSION, "100").values["ring_seconds"] == 6
    assert Journal(engine).position().seq == seq + 1
