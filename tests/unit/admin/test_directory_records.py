"""Making, showing, changing and removing records of every kind, over both databases."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from controller.admin.directory import SECRET_PREFIX, Directory
from controller.admin.model import Actor, Conflict, Invalid, Kind, NotFound, Stale
from controller.admin.shapes import FIXED, KEYS, VIEWS
from controller.admin.suspicions import Suspecting
from controller.guard.patterns import Pattern, Sighting, Subject
from controller.policy.channels import Channel
from controller.policy.records import Role
from controller.store import schema
from controller.store.extensions import Extensions
from controller.store.passwords import Passwords
from controller.store.suspicions import Suspicions
from tests.seed import ADMIN, PEPPER
from tests.unit.admin.given import CHANGE, NEW, create, two_clients


@pytest.mark.parametrize("kind", Kind)
def test_a_record_of_every_kind_is_made_shown_changed_and_removed(
    store: Directory, kind: Kind
) -> None:
    two_clients(store)
    values, key = NEW[kind]
    others = {item.key for item in store.list(ADMIN, kind).items}
    made = create(store, kind, values)
    key = key or made.key
    assert (made.kind, made.key, made.version) == (kind, key, 1)
    assert made.created == made.changed > 0
    assert json.loads(json.dumps({name: made.values[name] for name in values})) == values
    assert store.get(ADMIN, kind, key) == made
    assert {item.key for item in store.list(ADMIN, kind).items} == {*others, key}
    # What is shown is what is said to be shown.
    told = {"version", "created", "changed"}
    assert set(made.values) == {field.name for field in msgspec.structs.fields(VIEWS[kind])} - told

    changed = store.change(ADMIN, kind, key, CHANGE[kind], version=1)
    assert (changed.version, changed.created) == (2, made.created)
    assert changed.changed > made.changed
    # Where a sound is played from follows from its path.
    follows = {"switch_path": CHANGE[kind]["path"]} if kind is Kind.SOUND else {}
    assert changed.values == made.values | CHANGE[kind] | follows
    assert store.get(ADMIN, kind, key) == changed

    store.delete(ADMIN, kind, key, version=2)
    with pytest.raises(NotFound, match=rf"^there is no {kind.word} "):
        store.get(ADMIN, kind, key)
    assert {item.key for item in store.list(ADMIN, kind).items} == others
    for gone in (
        lambda: store.change(ADMIN, kind, key, CHANGE[kind]),
        lambda: store.delete(ADMIN, kind, key),
    ):
        with pytest.raises(NotFound):
            gone()
    # Its name can be used again, and begins anew.
    assert create(store, kind, values).version == 1


def test_what_is_there_already_is_not_made_again(store: Directory) -> None:
    two_clients(store)
    for kind, (values, _) in NEW.items():
        made = create(store, kind, values)
        with pytest.raises(Conflict, match=rf"^{kind.word} .* is there already; change it, or"):
            create(store, kind, values)
        assert store.get(ADMIN, kind, made.key) == made


def test_a_change_that_changes_nothing_is_none(store: Directory) -> None:
    two_clients(store)
    for kind, (values, _) in NEW.items():
        made = create(store, kind, values)
        before = store.audit(ADMIN).items[0].id
        for same in ({}, {name: made.values[name] for name in (*CHANGE[kind], *values)}):
            assert store.change(ADMIN, kind, made.key, same) == made
        assert store.audit(ADMIN).items[0].id == before


def test_null_brings_the_default_back(store: Directory) -> None:
    two_clients(store)
    for kind, (values, _) in NEW.items():
        made = create(store, kind, values)
        store.change(ADMIN, kind, made.key, CHANGE[kind])
        back = store.change(ADMIN, kind, made.key, dict.fromkeys(CHANGE[kind]))
        least = {name: made.values[name] for name in CHANGE[kind]}
        if kind is Kind.CLIENT:
            least = {"contact_name": ""}
        elif kind is Kind.CHANNEL:
            least = {"description": ""}
        elif kind is Kind.SOUND:
            # What is uploaded next takes its place.
            least = {"path": None}
            assert back.values["switch_path"] is None
        assert {name: back.values[name] for name in CHANGE[kind]} == least
    for kind, key, field in (
        (Kind.EXTENSION, "100", "country"),
        (Kind.NUMBER, "+12025550110", "channel"),
    ):
        with pytest.raises(Invalid, match=rf"^{field}: is missing; it has no default"):
            store.change(ADMIN, kind, key, {field: None})


def test_what_names_a_record_and_what_is_fixed_never_changes(store: Directory) -> None:
    two_clients(store)
    other: dict[str, Any] = {
        "extension": "101",
        "number": "+12125550177",
        "caller": "+12125550177",
        "currency": "JPY",
        "role": "admin",
        "client": "other",
        "language": "fr",
        "id": "00000000-0000-4000-8000-000000000000",
        "name": "another",
        "price_list": "trunk",
        "prefix": "+43",
        "since": "2101-01-01T00:00:00Z",
    }
    for kind, (values, _) in NEW.items():
        # One account each: the other extension's is the one that is made here.
        key = create(store, kind, values).key
        for field in (*KEYS[kind], *FIXED.get(kind, ())):
            changed = "100" if (kind, field) == (Kind.ACCOUNT, "extension") else other[field]
            for value in (changed, None):
                if value is None and (kind, field) == (Kind.ACCOUNT, "caller"):
                    continue  # It is none.
                with pytest.raises(Invalid, match=rf"^{field}: never changes; make another"):
                    store.change(ADMIN, kind, key, {field: value})
        assert store.get(ADMIN, kind, key).version == 1


def test_a_record_that_was_changed_meanwhile_is_left_as_it_is(store: Directory) -> None:
    two_clients(store)
    for kind, (values, _) in NEW.items():
        key = create(store, kind, values).key
        after = store.change(ADMIN, kind, key, CHANGE[kind])
        for version in (1, 3, 0, -1, 10**30):
            with pytest.raises(Stale, match=r"has version 2 now, and not .*; read it again"):
                store.change(ADMIN, kind, key, dict.fromkeys(CHANGE[kind]), version=version)
            with pytest.raises(Stale, match="read it again"):
                store.delete(ADMIN, kind, key, version=version)
        assert store.get(ADMIN, kind, key) == after


HOSTILE = [
    "",
    "/",
    "//",
    "100/",
    "en/acme/",
    "' OR 1=1 --",
    "%",
    "_00",
    "100\x00",
    "\ud800",
    "100\n",
    "1" * 5000,
    "../100",
    "Acme",
]


def test_g1_whatever_is_asked_for_is_there_or_is_not_found(store: Directory) -> None:
    two_clients(store)
    for kind in Kind:
        for key in HOSTILE:
            with pytest.raises(NotFound):
                store.get(ADMIN, kind, key)
            with pytest.raises(NotFound):
                store.change(ADMIN, kind, key, {})
            with pytest.raises(NotFound):
                store.delete(ADMIN, kind, key)
    with pytest.raises(NotFound):
        store.add_entry(ADMIN, "%", {"key": "a", "amount": 1})
    with pytest.raises(NotFound):
        store.entries(ADMIN, "' OR 1=1 --")


def test_g1_whatever_is_written_is_kept_as_it_is_or_refused(store: Directory) -> None:
    two_clients(store)
    for text in (
        "'; DROP TABLE client; --",
        "<script>",
        "${x}",
        "=1+1",
        "%s",
        "\u202e",
        "\U0001d54f\t",
    ):
        for kind, key, field in (
            (Kind.CLIENT, "acme", "description"),
            (Kind.CALLERID, "100/+12125550101", "notes"),
        ):
            if field == "description" and "\t" in text:
                continue
            assert store.change(ADMIN, kind, key, {field: text}).values[field] == text
    for text in ("\x00", "\ud800", "\x1b"):
        for kind, key, field in (
            (Kind.CLIENT, "acme", "description"),
            (Kind.EXTENSION, "100", "description"),
            (Kind.CALLERID, "100/+12125550101", "notes"),
            (Kind.SOUND, "en/acme", "path"),
        ):
            with pytest.raises(Invalid, match=rf"^{field}: "):
                store.change(ADMIN, kind, key, {field: text})


# --- channels --------------------------------------------------------------------------------


def test_t4_a_channels_lists_and_tables_are_kept_as_they_were_written_last(
    store: Directory,
) -> None:
    create(store, Kind.PRICE_LIST, {"name": "usd", "currency": "USD"})
    channel = create(store, Kind.CHANNEL, NEW[Kind.CHANNEL][0])
    changes: tuple[tuple[dict[str, Any], Any], ...] = (
        # In the order in which they count.
        ({"identity": ["from", "remote-party-id"]}, ("from", "remote-party-id")),
        ({"identity": ["remote-party-id", "from"]}, ("remote-party-id", "from")),
        ({"rewrite": {"0": "+44"}}, {"0": "+44"}),
        ({"rewrite": {}}, {}),
        ({"addresses": ["2001:db8::/32"]}, ("2001:db8::/32",)),
        ({"addresses": None}, ()),
        ({"identity": None}, ("from",)),
        ({"refusal_cause": None}, "USER_BUSY"),
        ({"destinations": {"+4420": 0, "+": 1}}, {"+4420": 0, "+": 1}),
        ({"destinations": None}, {}),
        ({"hours": ["sun 00:00-24:00"]}, ("sun 00:00-24:00",)),
        ({"hours": None}, ()),
        ({"number_format": None}, "digits"),
        ({"country": None}, None),
        ({"concurrent_calls": None}, None),
        ({"register": None}, False),
        ({"enabled": None}, True),
    )
    for patch, expected in changes:
        (field,) = patch
        changed = store.change(ADMIN, Kind.CHANNEL, "second", patch)
        assert changed.values == channel.values | {field: expected}
        channel = changed
        assert store.get(ADMIN, Kind.CHANNEL, "second") == channel
    refused: tuple[dict[str, Any], ...] = (
        {"addresses": ["trunk.example"]},
        {"addresses": ["192.0.2.1/24"]},
        {"identity": []},
        {"identity": ["diversion"]},
        {"country": "XX"},
        {"rewrite": {"x": "+"}},
        {"refusal_cause": "NO_ANSWER"},
    )
    for wrong in refused:
        with pytest.raises(Invalid, match=rf"^{next(iter(wrong))}(\[.*\])?: "):
            store.change(ADMIN, Kind.CHANNEL, "second", wrong)
    assert store.get(ADMIN, Kind.CHANNEL, "second") == channel


def test_t4_calls_find_the_trunks_that_were_written(engine: Engine, store: Directory) -> None:
    create(store, Kind.PRICE_LIST, {"name": "usd", "currency": "USD"})
    create(store, Kind.CHANNEL, NEW[Kind.CHANNEL][0])
    found = Extensions(engine).trunks().find("192.0.2.77")
    assert found == msgspec.convert(NEW[Kind.CHANNEL][0], Channel)


# --- extensions ------------------------------------------------------------------------------


def test_i5_the_default_number_goes_with_those_that_are_assigned(store: Directory) -> None:
    two_clients(store)
    number = "+12025550151"
    changed = store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": [number]})
    assert list(changed.values["caller_ids"]) == [number]
    assert changed.values["default_caller_id"] == number
    with pytest.raises(Invalid, match=r"^default_caller_id: .* write one of caller_ids"):
        store.change(
            ADMIN,
            Kind.EXTENSION,
            "100",
            {"caller_ids": [number], "default_caller_id": "+12025550110"},
        )
    wrong_ids: tuple[object, ...] = (5, "x", {}, [5], None, [])
    for wrong in wrong_ids:
        with pytest.raises(Invalid, match=r"^caller_ids(\[0\])?: "):
            store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": wrong})


def test_the_dids_of_an_extension_are_those_that_were_written_last(store: Directory) -> None:
    two_clients(store)
    for dids in (
        ["+12025550177", "+12025550100"],
        ["+12025550100"],
        ["+12025550100", "+12025550178", "+12025550177"],
    ):
        changed = store.change(ADMIN, Kind.EXTENSION, "100", {"dids": dids})
        assert list(changed.values["dids"]) == dids
        assert store.get(ADMIN, Kind.EXTENSION, "100") == changed
        for did in dids:
            (found,) = store.list(ADMIN, Kind.EXTENSION, {"did": did}).items
            assert found.key == "100"


def test_with_an_extension_goes_what_is_part_of_it_and_nothing_else(store: Directory) -> None:
    keys = two_clients(store)
    store.delete(ADMIN, Kind.EXTENSION, "100")
    assert [item.key for item in store.list(ADMIN, Kind.CALLERID).items] == [
        keys[Kind.CALLERID]["other"]
    ]
    assert store.list(ADMIN, Kind.EXTENSION, {"did": "+12025550100"}).items == ()
    # Its number is the client's again, to be assigned or removed.
    store.delete(ADMIN, Kind.NUMBER, keys[Kind.NUMBER]["acme"])
    assert len(store.list(ADMIN, Kind.ACCOUNT).items) == 2


# --- accounts --------------------------------------------------------------------------------


def test_m1_a_new_account_is_somebodys(store: Directory) -> None:
    for values in ({"extension": None, "currency": "USD"}, {"currency": "USD"}):
        with pytest.raises(Invalid, match=r"^extension: (an account is somebody's|is missing)"):
            store.create(ADMIN, Kind.ACCOUNT, values)


@pytest.mark.parametrize("removed", [Kind.CALLERID, Kind.EXTENSION])
def test_m1_an_account_outlives_its_owner(store: Directory, removed: Kind) -> None:
    keys = two_clients(store)
    account = keys[Kind.ACCOUNT]["acme"]
    own = store.create(ADMIN, Kind.ACCOUNT, {"extension": "100", "currency": "EUR"}).key
    for amount in (5, -5):
        values = {"key": f"k{amount}", "kind": "correction", "amount": amount}
        store.add_entry(ADMIN, account, values)
        store.add_entry(ADMIN, own, values)
    before = store.entries(ADMIN, account), store.entries(ADMIN, own)
    store.delete(ADMIN, removed, keys[removed]["acme"])
    assert (store.entries(ADMIN, account), store.entries(ADMIN, own)) == before
    left = store.get(ADMIN, Kind.ACCOUNT, account)
    assert left.values["owner"] == "100/+12125550101"
    assert left.values["extension"] is None
    if removed is Kind.EXTENSION:
        assert store.get(ADMIN, Kind.ACCOUNT, own).values["extension"] is None
        assert store.get(ADMIN, Kind.ACCOUNT, own).values["owner"] == "100"
    else:
        assert store.get(ADMIN, Kind.ACCOUNT, own).values["extension"] == "100"
    # Whoever comes to have its name has nothing of it.
    if removed is Kind.CALLERID:
        store.create(ADMIN, Kind.CALLERID, {"extension": "100", "number": "+12125550101"})
        new = store.create(
            ADMIN,
            Kind.ACCOUNT,
            {"extension": "100", "caller": "+12125550101", "currency": "EUR"},
        )
        assert (new.key != account, new.values["balance"]) == (True, 0)
        found = store.list(ADMIN, Kind.ACCOUNT, {"owner": "100/+12125550101"}).items
        assert sorted(item.key for item in found) == sorted([new.key, account])
    # It can still be said what became of it.
    described = store.change(ADMIN, Kind.ACCOUNT, account, {"description": "paid out"})
    assert described.values == left.values | {"description": "paid out"}
    store.add_entry(ADMIN, account, {"key": "late", "amount": 1})
    assert store.get(ADMIN, Kind.ACCOUNT, account).values["balance"] == 1


# --- passwords and tokens --------------------------------------------------------------------


def stored_hash(engine: Engine, kind: Kind) -> str | None:
    with engine.connect() as connection:
        if kind is Kind.EXTENSION:
            statement = select(schema.extension.c.policy).where(
                schema.extension.c.extension == "100"
            )
            document = connection.execute(statement).scalar_one()
            found: str | None = msgspec.json.decode(document)["password_hash"]
        else:
            column = schema.authorised_caller.c.pin_hash
            statement = select(column).where(schema.authorised_caller.c.extension == "100")
            found = connection.execute(statement).scalar_one()
    return found


@pytest.mark.parametrize("kind", [Kind.EXTENSION, Kind.CALLERID])
def test_a4_a_password_is_kept_as_its_hash_and_shown_as_being_there(
    engine: Engine, store: Directory, kind: Kind
) -> None:
    key = two_clients(store)[kind]["acme"]
    word, hashed = ("password", "password_hash") if kind is Kind.EXTENSION else ("pin", "pin_hash")
    assert store.get(ADMIN, kind, key).values[f"{word}_set"] is False
    first = store.change(ADMIN, kind, key, {word: "1357908642"})
    assert first.values[f"{word}_set"] is True
    assert {word, hashed} & set(first.values) == set()
    kept = stored_hash(engine, kind)
    assert kept is not None
    assert Passwords(PEPPER).check("1357908642", kept)
    # Something else was changed: it stays.
    store.change(ADMIN, kind, key, CHANGE[kind])
    assert stored_hash(engine, kind) == kept
    # Nobody writes a hash: whoever could would know the password.
    for forged in (kept, None, ""):
        with pytest.raises(Invalid, match=rf"^{hashed}: there is no such setting; write {word}"):
            store.change(ADMIN, kind, key, {hashed: forged})
    for wrong in ("123", "1" * 21, "12a4", "", "\uff11\uff12\uff13\uff14", 1234, True, ["1234"]):
        with pytest.raises(Invalid, match=rf"^{word}: write 4 to 20 digits"):
            store.change(ADMIN, kind, key, {word: wrong})
    with pytest.raises(Invalid, match=rf"^{word}_set: there is no such setting"):
        store.change(ADMIN, kind, key, {f"{word}_set": False})
    assert stored_hash(engine, kind) == kept
    assert store.change(ADMIN, kind, key, {word: None}).values[f"{word}_set"] is False
    assert stored_hash(engine, kind) is None


def test_a4_a_hash_is_not_taken_for_a_new_record_either(store: Directory) -> None:
    two_clients(store)
    for kind, hashed in ((Kind.EXTENSION, "password_hash"), (Kind.CALLERID, "pin_hash")):
        for value in ("$argon2id$x", None):
            with pytest.raises(Invalid, match=rf"^{hashed}: there is no such setting"):
                store.create(ADMIN, kind, NEW[kind][0] | {hashed: value})


def test_a_token_is_told_once_and_stands_for_who_has_it(engine: Engine) -> None:
    now = 10_000_000
    store = Directory(engine, passwords=lambda: Passwords(PEPPER), now=lambda: now)
    two_clients(store)
    item, secret = store.issue_token(
        ADMIN, {"name": "t", "role": "client", "client": "acme", "expires": 11}
    )
    assert secret.startswith(SECRET_PREFIX)
    assert secret not in str(item)
    assert store.authenticate(secret) == Actor(name="t", role=Role.CLIENT, client="acme")
    _, other = store.issue_token(ADMIN, {"name": "u", "role": "admin"})
    assert other != secret
    assert store.authenticate(other) == Actor(name="u", role=Role.ADMIN, client=None)
    for wrong in ("", SECRET_PREFIX, secret[:-1], secret + " ", secret.lower(), "\ud800", "\x00"):
        assert store.authenticate(wrong) is None
    now = 10_999_999
    assert store.authenticate(secret) is not None
    now = 11_000_000
    assert store.authenticate(secret) is None
    store.change(ADMIN, Kind.TOKEN, "t", {"expires": None})
    assert store.authenticate(secret) is not None
    store.delete(ADMIN, Kind.TOKEN, "t")
    assert store.authenticate(secret) is None
    with pytest.raises(Invalid, match=r"use `issue_token`"):
        store.create(ADMIN, Kind.TOKEN, {"name": "v", "role": "admin"})


def test_g3_an_extension_that_is_made_anew_is_suspected_of_nothing(
    store: Directory, engine: Engine
) -> None:
    """Its number may be somebody else's now; suspicions of other extensions stay open."""
    two_clients(store)
    create(store, Kind.EXTENSION, NEW[Kind.EXTENSION][0])
    key = NEW[Kind.EXTENSION][0]["extension"]
    now = store.get(ADMIN, Kind.EXTENSION, key).created
    suspicions = Suspicions(engine, now=lambda: now)
    suspicions.saw([
        Sighting(
            subject=Subject(Pattern.SUDDEN_SPEND, extension), blocks=True, extension=extension,
            client="main", at=now, said="",
        )
        for extension in (key, "99")
    ])  # fmt: skip
    store.delete(ADMIN, Kind.EXTENSION, key)
    assert suspicions.known().open == {"sudden_spend:99": True}
    gone = Suspecting(engine, now=lambda: now).list(ADMIN, {"open": False}).items
    assert [(one.subject, one.released_by) for one in gone] == [(key, ADMIN.name)]
