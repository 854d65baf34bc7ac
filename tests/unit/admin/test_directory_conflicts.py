"""What contradicts what is there is refused, with what to do about it; nothing is written then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from controller.admin.directory import Directory
from controller.admin.model import Conflict, Kind
from controller.policy.amounts import written
from controller.policy.rules import validate
from controller.store.schema import metadata
from tests.seed import ADMIN
from tests.unit.admin.given import NEW, create, two_clients


def contents(engine: Engine) -> dict[str, list[Any]]:
    """Give every row of every table."""
    with engine.connect() as connection:
        return {
            # As tuples: a row as such is shown shortened.
            table.name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for table in metadata.sorted_tables
        }


@pytest.fixture
def refused(engine: Engine, store: Directory) -> Callable[[Callable[[], object]], str]:
    """Have something done that is a conflict and changes nothing; give what was said."""

    def do(action: Callable[[], object]) -> str:
        before = contents(engine)
        with pytest.raises(Conflict) as caught:
            action()
        assert contents(engine) == before
        return str(caught.value)

    return do


Refused = Callable[[Callable[[], object]], str]

#: What a record refers to and is not there, with the words that say what to do.
MISSING: list[tuple[Kind, dict[str, Any], str]] = [
    (Kind.NUMBER, {"client": "none"}, "client: there is no client none; make it first: "),
    (Kind.NUMBER, {"channel": "none"}, "channel: there is no channel none; make it first: "),
    (Kind.SOUND, {"client": "none"}, "client: there is no client none; make it first: "),
    (Kind.TOKEN, {"client": "none"}, "client: there is no client none; make it first: "),
    (Kind.CALLERID, {"extension": "999"}, "extension: there is no extension 999"),
    (Kind.ACCOUNT, {"extension": "999"}, "extension: there is no extension 999"),
    (
        Kind.ACCOUNT,
        {"caller": "+12125550177"},
        "caller: +12125550177 is no authorised CallerID of extension 101; add it first",
    ),
    (
        # It is another extension's.
        Kind.ACCOUNT,
        {"caller": "+12125550101"},
        "caller: +12125550101 is no authorised CallerID of extension 101; add it first",
    ),
]


def test_what_a_record_refers_to_has_to_be_there(store: Directory, refused: Refused) -> None:
    two_clients(store)
    for kind, values, says in MISSING:
        said = refused(lambda: create(store, kind, NEW[kind][0] | values))  # noqa: B023
        assert said.startswith(says)
    for kind, key, patch in (
        (Kind.EXTENSION, "100", {"client": "none"}),
        (Kind.NUMBER, "+12025550199", {"client": "none"}),
        (Kind.NUMBER, "+12025550110", {"channel": "none"}),
        (Kind.SOUND, "en/shared", {"client": "none"}),
    ):
        said = refused(lambda: store.change(ADMIN, kind, key, patch))  # noqa: B023
        # To a client that is not there no number is assigned either.
        assert "there is no " in said or "is no public number of client none (I8)" in said


def test_a_did_reaches_one_extension(store: Directory, refused: Refused) -> None:
    two_clients(store)
    says = "dids: +12025550200 reaches extension 200 already; one number reaches one extension"
    new = NEW[Kind.EXTENSION][0]
    assert (
        refused(
            lambda: create(store, Kind.EXTENSION, new | {"dids": ["+12025550109", "+12025550200"]})
        )
        == says
    )
    assert (
        refused(
            lambda: store.change(
                ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550100", "+12025550200"]}
            )
        )
        == says
    )
    # Where it was given up it can be had.
    store.change(ADMIN, Kind.EXTENSION, "200", {"dids": ["+12025550201"]})
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550100", "+12025550200"]})
    (found,) = store.list(ADMIN, Kind.EXTENSION, {"did": "+12025550200"}).items
    assert found.key == "100"


def test_i8_only_numbers_of_the_clients_pool_are_assigned(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    new = NEW[Kind.EXTENSION][0]
    for number, whose in (
        ("+12025550120", "it is other's; callbackd number set +12025550120 --client acme"),
        ("+12025550199", "it is in nobody's pool; callbackd number set +12025550199 --client acme"),
        ("+12025550177", "define it on a channel first: callbackd channel add pstn (once), "),
    ):
        says = f"caller_ids: {number} is no public number of client acme (I8)"
        for action in (
            lambda: create(store, Kind.EXTENSION, new | {"caller_ids": [number]}),  # noqa: B023
            lambda: store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": [number]}),  # noqa: B023
        ):
            said = refused(action)
            assert said.startswith(says)
            assert whose in said
    # Also one that no extension has yet, and one that another extension of the client has.
    for number in ("+12025550151", "+12025550110"):
        store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": [number]})
    # What is said to do helps.
    store.change(ADMIN, Kind.NUMBER, "+12025550199", {"client": "acme"})
    store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": ["+12025550199"]})


def test_i8_an_extension_does_not_take_its_numbers_to_another_client(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    said = refused(lambda: store.change(ADMIN, Kind.EXTENSION, "100", {"client": "other"}))
    assert said.startswith("caller_ids: +12025550110 is no public number of client other (I8)")
    store.change(ADMIN, Kind.EXTENSION, "100", {"client": "other", "caller_ids": ["+12025550120"]})


def test_i8_a_number_that_is_assigned_stays_with_its_client(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    for client in ("other", None):
        said = refused(
            lambda: store.change(ADMIN, Kind.NUMBER, "+12025550110", {"client": client})  # noqa: B023
        )
        assert said == (
            "client: +12025550110 is assigned to extension 100 of its client; take it away there "
            "first: callbackd extension set 100 --remove-caller-id +12025550110"
        )
    # What is said to do helps.
    store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": ["+12025550151"]})
    store.change(ADMIN, Kind.NUMBER, "+12025550110", {"client": "other"})
    # What else is changed of one that is assigned is nobody's trouble.
    store.change(ADMIN, Kind.NUMBER, "+12025550151", {"description": "Main"})


def custom(number: str) -> dict[str, Any]:
    """Give what makes an extension show a number of its own choice."""
    return {"caller_id_number_from": "custom", "caller_id_number": number}


SERVER = {"caller_id_number_from": "server", "caller_id_number": None}


def test_i2_a_number_that_is_chosen_is_the_clients_own(store: Directory, refused: Refused) -> None:
    two_clients(store)
    new = NEW[Kind.EXTENSION][0]
    for number, whose in (
        ("+12025550120", "it is other's; callbackd number set +12025550120 --client acme"),
        ("+12025550199", "it is in nobody's pool; callbackd number set +12025550199 --client acme"),
        # The DID of another client's extension, and what is nothing here.
        ("+12025550200", "define it on a channel first: callbackd channel add pstn (once), "),
        ("+12025550177", "define it on a channel first: callbackd channel add pstn (once), "),
    ):
        says = (
            f"caller_id_number: {number} is no public number of client acme, and no DID of its "
            "extensions (I2)"
        )
        for action in (
            lambda: create(store, Kind.EXTENSION, new | custom(number)),  # noqa: B023
            lambda: store.change(ADMIN, Kind.EXTENSION, "100", custom(number)),  # noqa: B023
        ):
            said = refused(action)
            assert said.startswith(says)
            assert whose in said
    # Of the pool, whether an extension has it or not; a DID of its own; another extension's.
    for number in ("+12025550110", "+12025550151", "+12025550100", "+12025550101"):
        store.change(ADMIN, Kind.EXTENSION, "100", custom(number))
    # One that is being made has its DIDs, too.
    create(store, Kind.EXTENSION, new | custom("+12025550109"))
    # What is said to do helps.
    store.change(ADMIN, Kind.NUMBER, "+12025550199", {"client": "acme"})
    store.change(ADMIN, Kind.EXTENSION, "100", custom("+12025550199"))


def test_i2_an_extension_does_not_take_what_it_shows_to_another_client(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    store.change(ADMIN, Kind.EXTENSION, "100", custom("+12025550101"))
    moved = {"client": "other", "caller_ids": ["+12025550120"]}
    said = refused(lambda: store.change(ADMIN, Kind.EXTENSION, "100", moved))
    assert said.startswith("caller_id_number: +12025550101 is no public number of client other, ")
    # A DID goes with its extension.
    store.change(ADMIN, Kind.EXTENSION, "100", custom("+12025550100"))
    store.change(ADMIN, Kind.EXTENSION, "100", moved)


def test_i2_a_number_that_is_chosen_stays_with_its_client(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    store.change(ADMIN, Kind.EXTENSION, "101", custom("+12025550110") | {"description": "b"})
    store.change(ADMIN, Kind.EXTENSION, "100", {"caller_ids": ["+12025550151"]})
    shows = (
        "extension 101 {}; change that first: callbackd extension set 101 --reset "
        "caller-id-number-from --reset caller-id-number"
    )
    for client in ("other", None):
        said = refused(
            lambda: store.change(ADMIN, Kind.NUMBER, "+12025550110", {"client": client})  # noqa: B023
        )
        assert said == "client: " + shows.format("of its client shows +12025550110")
    said = refused(lambda: store.delete(ADMIN, Kind.NUMBER, "+12025550110"))
    assert said == "number +12025550110 cannot be removed: " + shows.format("shows it")
    # Its channel and its text may change.
    store.change(ADMIN, Kind.NUMBER, "+12025550110", {"description": "Main"})
    # What is said to do helps.
    store.change(ADMIN, Kind.EXTENSION, "101", SERVER)
    store.change(ADMIN, Kind.NUMBER, "+12025550110", {"client": "other"})
    store.delete(ADMIN, Kind.NUMBER, "+12025550110")


def test_i2_a_public_number_that_is_a_did_of_the_clients_may_go(store: Directory) -> None:
    """It is the client's as long as it is either."""
    two_clients(store)
    both = "+12025550100"
    create(store, Kind.NUMBER, {"number": both, "channel": "pstn", "client": "acme"})
    for extension in ("100", "101"):
        store.change(ADMIN, Kind.EXTENSION, extension, custom(both))
    store.change(ADMIN, Kind.NUMBER, both, {"client": None})
    store.delete(ADMIN, Kind.NUMBER, both)
    # And the other way round.
    create(store, Kind.NUMBER, {"number": both, "channel": "pstn", "client": "acme"})
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550107"]})
    assert store.get(ADMIN, Kind.EXTENSION, "101").values["caller_id_number"] == both


def test_i2_a_did_that_another_extension_shows_stays_with_its_client(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    did = "+12025550100"
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": [did, "+12025550107"]})
    store.change(ADMIN, Kind.EXTENSION, "101", custom(did))
    says = (
        "dids: extension 101 of client acme shows +12025550100; change that first: callbackd "
        "extension set 101 --reset caller-id-number-from --reset caller-id-number"
    )
    for patch in (
        {"dids": ["+12025550107"]},
        {"client": "other", "caller_ids": ["+12025550120"]},
    ):
        assert refused(lambda: store.change(ADMIN, Kind.EXTENSION, "100", patch)) == says  # noqa: B023
    said = refused(lambda: store.delete(ADMIN, Kind.EXTENSION, "100"))
    assert said == (
        "extension 100 cannot be removed: extension 101 shows its DID +12025550100; change that "
        "first: callbackd extension set 101 --reset caller-id-number-from --reset caller-id-number"
    )
    # Whoever shows it himself takes it along, or gives it up.
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": [did]} | custom(did))
    said = refused(lambda: store.change(ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550107"]}))
    assert said.startswith(
        f"caller_id_number: {did} is no public number of client acme, and no DID"
    )
    # What is said to do helps.
    store.change(ADMIN, Kind.EXTENSION, "101", SERVER)
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550107"]} | SERVER)
    store.delete(ADMIN, Kind.EXTENSION, "100")


def test_i2_what_is_written_together_may_rely_on_one_another(store: Directory) -> None:
    """As an import writes it, whichever comes first."""
    two_clients(store)
    one, two = (
        validate(
            NEW[Kind.EXTENSION][0]
            | {"extension": extension, "dids": [did]}
            | custom("+12025550108" if did == "+12025550109" else "+12025550109")
        )
        for extension, did in (("108", "+12025550108"), ("109", "+12025550109"))
    )
    assert store.apply(ADMIN, Kind.EXTENSION, [one, two]).created == 2
    # Both go to another client, each with what the other shows.
    create(store, Kind.CLIENT, {"name": "third"})
    create(store, Kind.NUMBER, {"number": "+12025550155", "channel": "pstn", "client": "third"})
    moved = [
        msgspec.structs.replace(
            policy, client="third", caller_ids=("+12025550155",), default_caller_id="+12025550155"
        )
        for policy in (one, two)
    ]
    with pytest.raises(Conflict, match=r"^extension 108: .*no DID of its extensions \(I2\)"):
        # The other one is not there.
        store.apply(
            ADMIN,
            Kind.EXTENSION,
            [
                moved[0],
                validate(NEW[Kind.EXTENSION][0] | {"extension": "107", "dids": ["+12025550107"]}),
            ],
        )
    assert store.apply(ADMIN, Kind.EXTENSION, moved).changed == 2


def test_i2_what_is_only_said_of_a_number_shows_it_not(store: Directory) -> None:
    """A text, or what the first release called by the same name: a number that was assigned."""
    two_clients(store)
    text = '"caller_id_number":"+12025550151","caller_id_number_from":"custom"'
    store.change(ADMIN, Kind.EXTENSION, "100", {"description": text})
    store.change(ADMIN, Kind.EXTENSION, "101", {"caller_ids": ["+12025550110"]})
    store.delete(ADMIN, Kind.NUMBER, "+12025550151")


def test_i2_who_shows_one_of_many_numbers_is_found(store: Directory, refused: Refused) -> None:
    two_clients(store)
    dids = [f"+120255503{digit:02}" for digit in range(30)]
    store.change(ADMIN, Kind.EXTENSION, "100", {"dids": dids})
    store.change(ADMIN, Kind.EXTENSION, "101", custom(dids[17]))
    said = refused(lambda: store.change(ADMIN, Kind.EXTENSION, "100", {"dids": ["+12025550100"]}))
    assert said.startswith(f"dids: extension 101 of client acme shows {dids[17]}; ")
    assert "shows its DID +12025550317" in refused(
        lambda: store.delete(ADMIN, Kind.EXTENSION, "100")
    )


def test_what_is_in_use_is_not_removed(store: Directory, refused: Refused) -> None:
    two_clients(store)
    store.change(ADMIN, Kind.EXTENSION, "100", {"sound_before_disconnecting": "/acme.wav"})
    for kind, key, says in (
        (Kind.CLIENT, "acme", "the extension 100 uses it; change or remove that first"),
        (Kind.CHANNEL, "pstn", "the public number +12025550110 uses it; change or remove that"),
        (Kind.NUMBER, "+12025550110", "the extension 100 uses it; change or remove that first"),
        (
            Kind.SOUND,
            "en/acme",
            "extension 100 plays it (sound_before_disconnecting); change that first",
        ),
    ):
        said = refused(lambda: store.delete(ADMIN, kind, key))  # noqa: B023
        assert said.startswith(f"{kind.value} {key} cannot be removed: ")
        assert says in said


def test_a_client_is_kept_by_each_thing_that_is_its_own(store: Directory, refused: Refused) -> None:
    create(store, Kind.CLIENT, {"name": "third"})
    create(store, Kind.CHANNEL, {"name": "pstn"})
    owns = (
        (Kind.NUMBER, {"number": "+12025550150", "channel": "pstn"}, "public number +12025550150"),
        (
            Kind.EXTENSION,
            {
                "extension": "300",
                "dids": ["+12025550300"],
                "country": "US",
                "caller_ids": ["+12025550150"],
            },
            "extension 300",
        ),
        (Kind.SOUND, {"name": "hello", "path": "/a.wav"}, "sound hello"),
        (Kind.TOKEN, {"name": "page", "role": "client"}, "token page"),
    )
    made = [
        (kind, create(store, kind, values | {"client": "third"}).key, named)
        for kind, values, named in owns
    ]
    # The one that has most of it goes first.
    for kind, key, named in sorted(made, key=lambda one: one[0] is not Kind.EXTENSION):
        if kind is not Kind.NUMBER or "extension 300" not in named:
            said = refused(lambda: store.delete(ADMIN, Kind.CLIENT, "third"))
            assert f"the {named} uses it" in said
        store.delete(ADMIN, kind, key)
    store.delete(ADMIN, Kind.CLIENT, "third")


def test_s1_a_sound_is_in_use_where_its_very_path_is_played(store: Directory) -> None:
    two_clients(store)
    for index, path in enumerate(("/Acme.wav", "/acme.wav.bak", "/x/acme.wav", "/acm_.wav")):
        store.change(ADMIN, Kind.EXTENSION, "100", {"sound_before_disconnecting": path})
        store.delete(ADMIN, Kind.SOUND, "en/acme")
        create(store, Kind.SOUND, {"name": "acme", "path": "/acme.wav", "client": "acme"})
        assert index < 4
    create(store, Kind.SOUND, {"name": "percent", "path": "/%"})
    store.delete(ADMIN, Kind.SOUND, "en/percent")


def test_m1_what_money_is_left_on_is_not_removed(store: Directory, refused: Refused) -> None:
    keys = two_clients(store)
    account = keys[Kind.ACCOUNT]["acme"]
    for amount in (5, -9):
        store.add_entry(
            ADMIN, account, {"key": f"{amount}", "kind": "correction", "amount": amount}
        )
        left = store.get(ADMIN, Kind.ACCOUNT, account).values["balance"]
        for kind in (Kind.CALLERID, Kind.EXTENSION):
            said = refused(lambda: store.delete(ADMIN, kind, keys[kind]["acme"]))  # noqa: B023
            assert (
                f"there is a balance of {written(left, 2)} USD on the account of "
                "100/+12125550101; take it off first"
            ) in said
    # What is said to do helps; the account itself is kept for its ledger.
    store.add_entry(ADMIN, account, {"key": "off", "kind": "correction", "amount": 4})
    store.delete(ADMIN, Kind.EXTENSION, "100")
    said = refused(lambda: store.delete(ADMIN, Kind.ACCOUNT, account))
    assert said.endswith("it has entries, and a ledger is kept")


def test_m1_an_account_without_entries_is_removed(store: Directory) -> None:
    keys = two_clients(store)
    store.delete(ADMIN, Kind.ACCOUNT, keys[Kind.ACCOUNT]["acme"])
    assert [item.key for item in store.list(ADMIN, Kind.ACCOUNT).items] == [
        keys[Kind.ACCOUNT]["other"]
    ]


def test_m1_an_extension_and_each_of_its_callers_has_one_account(
    store: Directory, refused: Refused
) -> None:
    two_clients(store)
    create(store, Kind.ACCOUNT, {"extension": "100", "currency": "USD"})
    for values, owner in (
        ({"extension": "100"}, "100"),
        ({"extension": "100", "caller": "+12125550101"}, "100/+12125550101"),
    ):
        said = refused(lambda: create(store, Kind.ACCOUNT, {"currency": "JPY", **values}))  # noqa: B023
        assert said == f"account {owner} is there already; change it, or choose another"
