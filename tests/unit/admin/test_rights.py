"""O2: who may do what, and that nobody learns of what is another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, update

from controller.admin import rights
from controller.admin.directory import Directory
from controller.admin.model import (
    Actor,
    AdminError,
    Conflict,
    Forbidden,
    Kind,
    NotFound,
)
from controller.admin.shapes import MODELS
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller, SoundFile
from controller.policy.rules import NOT_YET
from controller.store import schema
from tests.seed import ADMIN
from tests.unit.admin.given import (
    ACME,
    ACME_LOOKS,
    CHANGE,
    EVERYBODY,
    LOOKS,
    NEW,
    OTHER,
    create,
    two_clients,
)

OPERATIONS = ("list", "get", "create", "change", "delete")

#: What a client does with its own records of each kind, and (list, get) sees.
CLIENT_MAY: dict[Kind, set[str]] = {
    Kind.CLIENT: {"list", "get", "change"},
    Kind.PRICE_LIST: set(),
    Kind.RATE: set(),
    Kind.CHANNEL: set(),
    Kind.NUMBER: {"list", "get"},
    Kind.EXTENSION: {"list", "get", "change"},
    Kind.CALLERID: {"list", "get", "create", "change", "delete"},
    Kind.ACCOUNT: {"list", "get"},
    Kind.SOUND: {"list", "get", "create", "change", "delete"},
    Kind.TOKEN: set(),
}


def may(actor: Actor, kind: Kind, operation: str) -> bool:
    """What the table of SPEC's roles says of a record that is the client acme's."""
    if actor is ADMIN:
        return True
    if operation in ("list", "get"):
        if actor is LOOKS:
            return True
        return actor.client == "acme" and operation in CLIENT_MAY[kind]
    return actor is ACME and operation in CLIENT_MAY[kind]


def attempt(store: Directory, actor: Actor, kind: Kind, operation: str, key: str) -> Any:
    """Do it; give what came of it, or how it was refused."""
    values = NEW[kind][0]
    does: dict[str, Callable[[], Any]] = {
        "list": lambda: [item.key for item in store.list(actor, kind).items],
        "get": lambda: store.get(actor, kind, key),
        "create": lambda: (
            store.issue_token(actor, values)
            if kind is Kind.TOKEN
            else store.create(actor, kind, values)
        ),
        "change": lambda: store.change(actor, kind, key, CHANGE[kind]),
        "delete": lambda: store.delete(actor, kind, key),
    }
    try:
        return does[operation]()
    except AdminError as error:
        return error


@pytest.mark.parametrize("kind", Kind)
def test_o2_each_role_does_with_each_kind_what_it_may_and_no_more(
    store: Directory, kind: Kind
) -> None:
    two_clients(store)
    values, key = NEW[kind]
    key = create(store, kind, values).key
    for actor in EVERYBODY:
        for operation in OPERATIONS:
            if operation == "create" and may(actor, kind, operation):
                store.delete(ADMIN, kind, key)
            found = attempt(store, actor, kind, operation, key)
            said = (actor.name, operation, found)
            if operation == "list":
                assert (key in found) is (
                    # A new client is none of theirs.
                    may(actor, kind, operation) and (kind is not Kind.CLIENT or not actor.client)
                ), said
            elif kind is Kind.CLIENT and actor.client:
                expected = Forbidden if operation == "create" else NotFound
                assert isinstance(found, expected), said
            elif may(actor, kind, operation):
                assert not isinstance(found, AdminError), said
                if operation == "delete":
                    key = create(store, kind, values).key
                elif operation == "create":
                    key = (found[0] if kind is Kind.TOKEN else found).key
            else:
                assert isinstance(found, Forbidden | NotFound), said
                assert store.get(ADMIN, kind, key), said
    # Of its own, a client changes what it may.
    if kind is Kind.CLIENT:
        assert store.change(ACME, kind, "acme", {"contact_name": "Acme"}).version == 2


def test_o2_who_only_looks_changes_nothing_with_anything(store: Directory) -> None:
    keys = two_clients(store)
    for actor in (LOOKS, ACME_LOOKS):
        for kind in Kind:
            found = attempt(store, actor, kind, "create", "")
            assert str(found) == "a token of role `read_only` changes nothing"
            for operation in ("change", "delete"):
                key = next(iter(keys[kind].values()))
                assert isinstance(attempt(store, actor, kind, operation, key), Forbidden | NotFound)
        with pytest.raises(Forbidden):
            store.add_entry(actor, keys[Kind.ACCOUNT]["acme"], {"key": "a", "amount": 1})


def test_o2_what_is_another_clients_cannot_be_told_from_what_is_not_there(
    store: Directory,
) -> None:
    keys = two_clients(store)
    nowhere = {
        Kind.CLIENT: "nobody",
        Kind.PRICE_LIST: "nothing",
        Kind.RATE: "usd/+77/2020-01-01T00:00:00.000000Z",
        Kind.CHANNEL: "nothing",
        Kind.NUMBER: "+12025550777",
        Kind.EXTENSION: "777",
        Kind.CALLERID: "777/+12125550777",
        Kind.ACCOUNT: "00000000-0000-4000-8000-000000000000",
        Kind.SOUND: "en/nothing",
        Kind.TOKEN: "nothing",
    }
    for actor, foreign in ((ACME, "other"), (ACME_LOOKS, "other"), (OTHER, "acme")):
        for kind in Kind:
            key = keys[kind].get(foreign, keys[kind].get(""))
            assert key is not None
            for operation in ("get", "change", "delete"):
                there = attempt(store, actor, kind, operation, key)
                gone = attempt(store, actor, kind, operation, nowhere[kind])
                assert type(there) is type(gone) is NotFound, (actor, kind, operation)
                assert str(there) == f"there is no {kind.word} {key}"
                assert str(gone) == f"there is no {kind.word} {nowhere[kind]}"
                assert key not in attempt(store, actor, kind, "list", key)
    account = keys[Kind.ACCOUNT]["other"]
    for key in (account, nowhere[Kind.ACCOUNT]):
        with pytest.raises(NotFound) as caught:
            store.entries(ACME, key)
        assert str(caught.value) == f"there is no account {key}"


def test_o2_a_client_lists_its_own_of_each_kind_and_what_is_everybodys(store: Directory) -> None:
    keys = two_clients(store)
    for actor in (ACME, ACME_LOOKS):
        for kind in Kind:
            seen = {item.key for item in store.list(actor, kind).items}
            own = set() if kind in rights.UNSCOPED_ONLY else {keys[kind]["acme"]}
            own |= {"101"} if kind is Kind.EXTENSION else set()
            own |= {"+12025550151"} if kind is Kind.NUMBER else set()
            own |= {"en/shared"} if kind is Kind.SOUND else set()
            assert seen == own, kind
    for kind in Kind:
        everything = {item.key for item in store.list(LOOKS, kind).items}
        assert everything == {item.key for item in store.list(ADMIN, kind).items}


def test_o2_a_client_gives_nothing_to_another_and_takes_nothing(store: Directory) -> None:
    two_clients(store)
    caller = {"number": "+12125550109"}
    for extension in ("200", "777"):
        with pytest.raises(NotFound, match=rf"^there is no extension {extension}$"):
            store.create(ACME, Kind.CALLERID, {"extension": extension, **caller})
    for client in ("other", None, "nobody"):
        with pytest.raises(Forbidden, match=r"^client: can only be acme; write that"):
            store.create(ACME, Kind.SOUND, {"name": "x", "path": "/x.wav", "client": client})
        with pytest.raises(Forbidden, match=r"^client: is the operator's to decide"):
            store.change(ACME, Kind.SOUND, "en/acme", {"client": client})


def test_o2_a_sound_that_is_everybodys_is_seen_and_not_changed(store: Directory) -> None:
    two_clients(store)
    before = store.get(ADMIN, Kind.SOUND, "en/shared")
    assert store.get(ACME, Kind.SOUND, "en/shared") == before
    for operation in ("change", "delete"):
        found = attempt(store, ACME, Kind.SOUND, operation, "en/shared")
        assert isinstance(found, Forbidden), operation
        assert str(found) == "sound en/shared is everybody's; ask the operator"
    assert store.get(ADMIN, Kind.SOUND, "en/shared") == before


def test_o2_many_at_a_time_are_one_clients_own_too(store: Directory) -> None:
    """What may not be written one by one may not be written in bulk."""
    two_clients(store)
    before = [item for kind in Kind for item in store.list(ADMIN, kind).items]
    for record in (
        AuthorisedCaller(extension="200", number="+12125550109"),
        AuthorisedCaller(extension="200", number="+12125550102", notes="x"),
        AuthorisedCaller(extension="777", number="+12125550109"),
    ):
        for mine in ([], [AuthorisedCaller(extension="100", number="+12125550108")]):
            with pytest.raises(NotFound, match=rf"^there is no extension {record.extension}$"):
                store.apply(ACME, Kind.CALLERID, [*mine, record])
    for sound in (
        SoundFile(name="x", path="/x.wav"),
        SoundFile(name="x", path="/x.wav", client="other"),
        # What is there is another's, or everybody's.
        SoundFile(name="other", path="/x.wav", client="acme"),
        SoundFile(name="shared", path="/x.wav", client="acme"),
    ):
        with pytest.raises((Forbidden, Conflict)):
            store.apply(ACME, Kind.SOUND, [sound])
    assert [item for kind in Kind for item in store.list(ADMIN, kind).items] == before
    # Its own it writes.
    done = store.apply(
        ACME, Kind.CALLERID, [AuthorisedCaller(extension="100", number="+12125550108")]
    )
    assert done.created == 1
    done = store.apply(ACME, Kind.SOUND, [SoundFile(name="acme", path="/n.wav", client="acme")])
    assert done.changed == 1


# --- fields ----------------------------------------------------------------------------------

#: A value other than the one that is there, of each field that a client may try.
OTHER_VALUE: dict[str, Any] = {
    "enabled": False,
    "client": "other",
    "dids": ["+12025550177"],
    "country": "GB",
    "return_countries": ["GB"],
    "destination_countries": ["GB"],
    "return_prefixes": ["+4420"],
    "destination_prefixes": ["+4420"],
    "blocked_countries": ["GB"],
    "blocked_prefixes": ["+4420"],
    "return_types": ["mobile"],
    "destination_types": ["mobile"],
    "blocked_types": ["voip"],
    "callbacks_per_number": {"hour": 9},
    "callbacks_per_block": {"hour": 9},
    "callbacks_per_did": {"hour": 9},
    "callbacks_per_extension": {"hour": 9},
    "unanswered_per_block": {"hour": 9},
    "unanswered_per_extension": {"hour": 9},
    "concurrent_calls": 9,
    "most_spent_per_hour": 9,
    "most_spent_per_day": 9,
    "on_sequential_numbers": "block",
    "on_many_extensions": "ignore",
    "on_short_answers": "block",
    "on_sudden_spend": "ignore",
    "stop_after_unanswered": 9,
    "longest_call_seconds": 86_400,
    "further_calls": 1,
    "p_asserted_identity": True,
    "p_preferred_identity": "sip:acme@example.com",
    "caller_id_number_from": "equipment",
    "caller_id_number": "+12025550151",
    "minimum_credit": 1,
    "return_call_exposure": 1,
}


def test_g2_g3_where_calls_may_go_and_how_long_is_the_operators_to_decide(
    store: Directory,
) -> None:
    two_clients(store)
    before = store.get(ADMIN, Kind.EXTENSION, "100")
    assert set(Policy.__struct_fields__) >= rights.OPERATOR_FIELDS
    for field in sorted(rights.OPERATOR_FIELDS):
        values = [OTHER_VALUE[field]] if field in OTHER_VALUE else []
        assert values or field in NOT_YET
        for value in (*values, None, before.values.get(field)):
            with pytest.raises(Forbidden) as caught:
                store.change(ACME, Kind.EXTENSION, "100", {field: value, "ring_seconds": 9})
            assert str(caught.value) == f"{field}: is the operator's to decide; ask him"
    assert store.get(ADMIN, Kind.EXTENSION, "100") == before


def test_o2_what_else_an_extension_has_is_its_clients_to_decide(store: Directory) -> None:
    two_clients(store)
    mine = {
        "description": "Ours",
        "ring_seconds": 9,
        "early_hang_up": "callback",
        "early_hang_up_seconds": 2,
        # Whom it calls stays within where calls may go.
        "return_calls": "fixed",
        "fixed_number": "+12125550108",
        "delay_seconds": 9,
        "retries_busy": 1,
        "retries_no_answer": 1,
        "retries_failed": 1,
        "retry_causes": {"SUBSCRIBER_ABSENT": "busy"},
        "retry_seconds": 9,
        "expiry_seconds": 99,
        "time_zone": "America/New_York",
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "return_ring_seconds": 9,
        "human_check": True,
        "password": "1234",
        "caller_passwords": True,
        "credit_query": True,
        "credit_query_again": True,
        "dial_seconds": 9,
        "say_time_left": True,
        "destination_ring_seconds": 9,
        "caller_id_name_from": "equipment",
        # I3, I5, I8: which of his own he shows, and whether he shows any (I6).
        "caller_ids": ["+12025550110", "+12025550151"],
        "default_caller_id": "+12025550151",
        "caller_id_choice": "sticky",
        "hide_caller_id": True,
        "warning_seconds": 30,
        "warning_sound": "/warn.wav",
        "sound_before_disconnecting": "/acme.wav",
        "language": "de",
        "prompts": {"goodbye": "/acme.wav"},
    }
    changed = store.change(ACME, Kind.EXTENSION, "100", mine)
    assert changed.version == 2
    named = {"caller_id_name_from": "custom", "caller_id_name": "Ours"}
    assert store.change(ACME, Kind.EXTENSION, "100", named).version == 3
    left = set(Policy.__struct_fields__) - set(NOT_YET) - rights.OPERATOR_FIELDS
    # Each is one or the other's, or goes with what was changed.
    assert left - set(mine) - set(named) == {"extension", "password_hash"}


def test_o2_of_itself_a_client_changes_what_it_is_called_and_no_more(store: Directory) -> None:
    two_clients(store)
    store.change(ACME, Kind.CLIENT, "acme", {"contact_name": "Acme", "description": "We"})
    for field in set(MODELS[Kind.CLIENT].__struct_fields__) - rights.CLIENT_FIELDS:
        with pytest.raises(Forbidden, match=rf"^{field}: is the operator's to decide"):
            store.change(ACME, Kind.CLIENT, "acme", {field: False})


def test_i8_a_client_learns_nothing_of_whose_a_number_or_a_did_is(store: Directory) -> None:
    two_clients(store)
    said = set()
    for number in ("+12025550120", "+12025550199", "+12025550777"):
        with pytest.raises(Conflict) as caught:
            store.change(ACME, Kind.EXTENSION, "100", {"caller_ids": [number]})
        said.add(str(caught.value).replace(number, "N"))
    assert said == {
        "caller_ids: N is no public number of client acme (I8); ask the operator for it"
    }


def test_i2_a_client_learns_nothing_of_whose_a_number_is_that_its_extension_shows(
    engine: Engine, store: Directory
) -> None:
    """Such as was given away past everything of ours: what else he changes is refused then."""
    two_clients(store)
    own = {"caller_id_number_from": "custom", "caller_id_number": "+12025550151"}
    store.change(ADMIN, Kind.EXTENSION, "100", own)
    assert store.change(ACME, Kind.EXTENSION, "100", {"ring_seconds": 9}).version == 3
    numbers = schema.public_number
    with engine.begin() as connection:
        connection.execute(
            update(numbers).where(numbers.c.number == "+12025550151").values(client="other")
        )
    with pytest.raises(Conflict) as caught:
        store.change(ACME, Kind.EXTENSION, "100", {"ring_seconds": 8})
    assert str(caught.value) == (
        "caller_id_number: +12025550151 is no public number of client acme, and no DID of its "
        "extensions (I2); ask the operator for it"
    )


def test_s1_a_client_learns_nothing_of_what_others_play(store: Directory) -> None:
    two_clients(store)
    store.change(ADMIN, Kind.EXTENSION, "200", {"sound_before_disconnecting": "/acme.wav"})
    store.delete(ACME, Kind.SOUND, "en/acme")
    create(store, Kind.SOUND, {"name": "acme", "path": "/acme.wav", "client": "acme"})
    with pytest.raises(Conflict, match="extension 200 plays it"):
        store.delete(ADMIN, Kind.SOUND, "en/acme")
    store.change(ACME, Kind.EXTENSION, "100", {"sound_before_disconnecting": "/acme.wav"})
    with pytest.raises(Conflict, match="extension 100 plays it"):
        store.delete(ACME, Kind.SOUND, "en/acme")


def test_m8_money_is_the_operators_to_enter_and_everybodys_to_see_of_his_own(
    store: Directory,
) -> None:
    account = two_clients(store)[Kind.ACCOUNT]["acme"]
    store.add_entry(ADMIN, account, {"key": "a", "amount": 5})
    for actor in (ACME, ACME_LOOKS, LOOKS):
        assert len(store.entries(actor, account).items) == 1
        assert store.get(actor, Kind.ACCOUNT, account).values["balance"] == 5
    for actor in (ACME, ACME_LOOKS, LOOKS, OTHER):
        with pytest.raises(Forbidden):
            store.add_entry(actor, account, {"key": "b", "amount": 5})
    # When nobody owns it any more, it is the operator's.
    store.add_entry(ADMIN, account, {"key": "c", "kind": "correction", "amount": -5})
    store.delete(ADMIN, Kind.EXTENSION, "100")
    with pytest.raises(NotFound):
        store.entries(ACME, account)
    assert len(store.entries(LOOKS, account).items) == 2


def test_every_field_that_is_the_operators_is_one() -> None:
    assert set(MODELS[Kind.CLIENT].__struct_fields__) >= rights.CLIENT_FIELDS
    assert rights.CLIENT_MAKES <= rights.CLIENT_CHANGES
    assert not rights.UNSCOPED_ONLY & rights.CLIENT_CHANGES
