"""What an import refuses, and what it does with passwords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controller.admin import document
from controller.admin.bulk import Applied
from controller.admin.model import Kind

from .documents import ADMIN, SECRET, WHOLE, World, extension, whole

# --- passwords -------------------------------------------------------------------------------


def test_a4_a_password_in_clear_is_hashed_once_and_not_again(world: World) -> None:
    world.take(SECRET, "json")
    hashes = (
        world.one(Kind.EXTENSION, "1001").password_hash,
        world.one(Kind.CALLERID, "1001/+12125550199").pin_hash,
    )
    assert world.passwords.check("24682468", hashes[0])
    assert world.passwords.check("13571357", hashes[1])
    assert world.take(SECRET, "json") == Applied(same=4)
    assert world.hashed == 4
    assert world.one(Kind.EXTENSION, "1001").password_hash == hashes[0]
    assert world.take(SECRET.replace("24682468", "99999999"), "json").changed == 1
    assert world.one(Kind.EXTENSION, "1001").password_hash != hashes[0]


def test_a4_nothing_of_a_password_is_in_the_database_or_the_audit_log(world: World) -> None:
    world.take(SECRET, "json")
    world.take(SECRET.replace("24682468", "86428642"), "json")
    stored = b"".join(path.read_bytes() for path in world.path.glob("*sqlite3*"))
    for password in (b"24682468", b"13571357", b"86428642"):
        assert password not in stored
    assert b"argon2" in stored
    assert "argon2" not in repr(world.directory.audit(ADMIN, limit=1000))


def test_a_dry_run_hashes_nothing_and_tells_what_would_be(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.passwords, "hash", None)
    assert world.take(SECRET, "json", dry_run=True) == Applied(created=4)
    monkeypatch.undo()
    world.take(SECRET, "json")
    before = world.give(secrets=True)
    assert world.take(SECRET, "json", dry_run=True) == Applied(same=4)
    other = SECRET.replace("24682468", "99999999")
    assert world.take(other, "json", dry_run=True) == Applied(changed=1, same=3)
    assert world.give(secrets=True) == before


def test_an_export_says_of_a_password_only_that_there_is_one(world: World) -> None:
    world.take(SECRET, "json")
    text = world.give()
    assert "argon2" not in text
    assert "password_set: true" in text
    assert "pin_set: true" in text
    # Into the same store: it stays.
    assert world.take(text) == Applied(same=5)


def test_an_extension_that_had_a_password_does_not_come_back_without(
    make: Callable[[], World],
) -> None:
    """Otherwise whoever moves a configuration opens it to everybody."""
    first, second = make(), make()
    first.take(SECRET, "json")
    assert second.refused(first.give()) == [
        "extensions[0] (1001): password: there is to be one, which neither the document nor the "
        "store has; write password, or export with secrets",
        "extensions[0] (1001): authorised_callers[0] (+12125550199): pin: there is to be one, "
        "which neither the document nor the store has; write pin, or export with secrets",
    ]
    second.take(first.give(secrets=True))
    assert second.one(Kind.EXTENSION, "1001") == first.one(Kind.EXTENSION, "1001")


def test_a_password_that_is_not_mentioned_stays_and_null_takes_it_away(world: World) -> None:
    world.take(SECRET, "json")
    silent = whole(extension(authorised_callers=[{"number": "+12125550199"}]))
    assert world.take(silent, "json") == Applied(same=4)
    assert world.take(whole(extension(password=None)), "json").changed == 1
    assert world.one(Kind.EXTENSION, "1001").password_hash is None
    assert world.one(Kind.CALLERID, "1001/+12125550199").pin_hash is not None


def test_what_is_stored_and_is_no_hash_is_replaced(world: World) -> None:
    world.take(SECRET, "json")
    caller = world.one(Kind.CALLERID, "1001/+12125550199")
    broken = msgspec.structs.replace(caller, pin_hash="$argon2id$x")
    world.directory.apply(ADMIN, Kind.CALLERID, [broken])
    assert world.take(SECRET, "json") == Applied(changed=1, same=3)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"password": "12"}, "password: write 4 to 20 digits"),
        ({"password": "secret word"}, "password: write 4 to 20 digits"),
        ({"password": ["2468"]}, "password: write 4 to 20 digits"),
        ({"password_hash": "$argon2id$x"}, "password_hash: is no argon2id hash"),
        ({"password_hash": 5}, "password_hash: is no argon2id hash"),
        ({"password": "2468", "password_hash": "x"}, "password: password_hash is given too"),
        ({"password_set": "perhaps"}, "password_set: write true or false"),
        ({"password_set": True}, "password: there is to be one"),
    ],
)
def test_a_password_that_cannot_be_is_refused_and_not_repeated(
    world: World, fields: dict[str, Any], says: str
) -> None:
    errors = world.refused(whole(extension(**fields)), "json")
    assert len(errors) == 1
    assert says in errors[0]
    assert "secret word" not in errors[0]


# --- what is wrong ---------------------------------------------------------------------------


def test_every_error_is_told_with_its_place_and_nothing_is_written(world: World) -> None:
    text = whole(
        extension(ring_seconds="61"),
        extension(extension="1002", country="ZZ", dids=["+12025550102"]),
        extension(extension="1003", dids=["+12025550103"], colour="red"),
        extension(extension="1004", dids=["+12025550103"], client="nobody"),
        extension(extension="1005", dids=["+12025550105"], concurrent_calls=0),
        extension(
            extension="1006",
            dids=["+12025550106"],
            authorised_callers=[
                {"number": "12125550199"},
                {"number": "+12125550199", "enabled": "perhaps"},
                {"extension": "1006", "number": "+12125550198"},
                "+12125550197",
            ],
        ),
        extension(extension="1006", dids=["+12025550106"]),
        extension(extension="1007", dids=["+12025550107"], authorised_callers=5),
        "1008",
        accounts=[
            {"extension": "1009", "currency": "EUR"},
            {"extension": "1006", "currency": "XXX"},
            {"extension": "1006", "caller": "+12125550100", "currency": "EUR"},
        ],
        sounds=[{"name": "a", "path": "/a.wav", "client": "nobody"}],
        colours=[],
        clients={"name": "main"},
    )
    errors = world.refused(text, "json")
    assert errors == world.refused(text, "json", dry_run=True)
    assert {error.partition(": ")[0]: error for error in errors}.keys() >= {
        "extensions[0] (1001)", "extensions[1] (1002)", "extensions[2] (1003)",
    }  # fmt: skip
    for says in (
        "extensions[0] (1001): ring_seconds: write a whole number, at most 60",
        "extensions[1] (1002): country: 'ZZ' is no country",
        "extensions[2] (1003): colour: there is no such setting",
        "extensions[3] (1004): caller_ids: +12025550111 is no public number of client nobody",
        "extensions[3] (1004): client: there is no client nobody",
        "extensions[4] (1005): concurrent_calls: write a whole number, at least 1",
        "extensions[5] (1006): authorised_callers[0] (12125550199): number: is not written",
        "extensions[5] (1006): authorised_callers[1] (+12125550199): enabled: write true or false",
        "extensions[5] (1006): authorised_callers[2]: extension: is the one it stands under",
        "extensions[5] (1006): authorised_callers[3]: is no record",
        "extensions[6] (1006): stands twice in the document",
        "extensions[7] (1007): authorised_callers: is no list",
        "extensions[8]: is no record",
        "accounts[0] (1009): extension: there is no extension 1009",
        "accounts[1] (1006): currency: 'XXX' is none of ISO 4217",
        "accounts[2] (1006/+12125550100): caller: +12125550100 is no authorised CallerID",
        "sounds[0] (a): client: there is no client nobody",
        "colours: there is no such section",
        "clients: is no list",
    ):
        assert [error for error in errors if error.startswith(says)], says
    # A record that is wrong is there all the same for those that refer to it: said once.
    assert len(errors) == 19


def test_a_number_reaches_one_extension_in_a_document_too(world: World) -> None:
    text = whole(extension(), extension(extension="1002"))
    assert world.refused(text, "json") == [
        "extensions[1] (1002): dids: +12025550100 reaches extension 1001 in this document too; one "
        "number reaches one extension"
    ]
    world.take(whole(extension()), "json")
    assert world.refused(whole(extension(extension="1002")), "json") == [
        "extensions[0] (1002): dids: +12025550100 reaches extension 1001 already; one number "
        "reaches one extension"
    ]


def test_a_record_may_refer_to_what_the_document_makes_or_to_what_is_there(world: World) -> None:
    world.take(WHOLE)
    # The number changes hands in the same document that gives it to another client's extension.
    text = """
version: 1
clients: [{name: third}]
numbers:
- {number: +4721234569, channel: pstn, client: third}
extensions:
- extension: 3001
  client: third
  dids: [+4721234570]
  country: NO
  caller_ids: [+4721234569]
  authorised_callers: [{number: +4721234571}]
accounts: [{extension: 3001, caller: +4721234571, currency: NOK}]
sounds: [{name: own, path: /own.wav, client: third}]
"""
    world.take("version: 1\nnumbers: [{number: +4721234569, channel: pstn, client: main}]")
    done = world.take(text)
    assert (done.created, done.changed) == (5, 1)
    assert world.one(Kind.EXTENSION, "3001").client == "third"
    # What the store says against it, the whole document is told before anything is written.
    stolen = "version: 1\nnumbers: [{number: +4721234567, channel: pstn, client: third}]"
    assert "is assigned to extension 007" in world.refused(stolen)[0]
    gone = "version: 1\nnumbers: [{number: +4721234577, channel: isdn, client: third}]"
    assert "channel: there is no channel isdn" in world.refused(gone)[0]


def test_a_document_may_make_what_a_wrong_record_of_it_needs(world: World) -> None:
    """What is wrong is said once, not once more for each record that refers to it."""
    text = """
version: 1
clients: [{name: acme, contact_name: "Bob's"}]
channels: [{name: pstn}]
numbers:
- {number: +12025550111, channel: pstn, client: acme, description: 5, colour: red}
- {number: +12025550112, channel: pstn, client: ACME}
- {number: twelve, channel: pstn}
- {channel: pstn}
extensions:
- {extension: 1, dids: [+12025550100], country: US, client: acme, caller_ids: [+12025550111]}
- {extension: 2, dids: [+12025550102], country: XX, client: acme, caller_ids: [+12025550111],
   authorised_callers: [{number: +12025550103}, {number: none}]}
accounts: [{extension: 2, caller: +12025550103, currency: EUR}]
"""
    assert [error.partition(": ")[0] for error in world.refused(text)] == [
        "clients[0] (acme)", "numbers[0] (+12025550111)", "numbers[1] (+12025550112)",
        "numbers[2] (twelve)", "numbers[3]", "extensions[1] (2)", "extensions[1] (2)",
    ]  # fmt: skip


def test_m1_the_currency_of_an_account_never_changes(world: World) -> None:
    world.take(WHOLE)
    assert world.refused("version: 1\naccounts: [{extension: 1001, currency: USD}]") == [
        "accounts[0] (1001): currency: is EUR already, and never changes"
    ]


def test_what_is_no_text_is_refused(world: World) -> None:
    text = whole(extension(description="\ud800"))
    assert world.refused(text, "json") == [
        "extensions[0] (1001): description: has half a character; write it anew"
    ]


def test_json_numbers_are_text_where_text_is_meant(world: World) -> None:
    world.take(whole(extension(extension=1001)), "json")
    assert world.one(Kind.EXTENSION, "1001").extension == "1001"
    for wrong in (True, 1001.0, [1001], None):
        assert world.refused(whole(extension(extension=wrong)), "json")


def test_null_is_the_default(world: World) -> None:
    world.take(
        whole(extension(ring_seconds=None, description=None, default_caller_id=None)), "json"
    )
    assert world.one(Kind.EXTENSION, "1001").ring_seconds == 5


def test_types_that_nothing_has_yet_are_read_too() -> None:
    """Rates and prompts are settings of issues to come."""
    assert document.typed(
        Kind.EXTENSION,
        {
            "callbacks_per_number": {"minute": "3", "week": "9"},
            "prompts": {"welcome": "/a.wav"},
            "blocked_prefixes": [41],
            "human_check": "ON",
            "further_calls": "x",
        },
    ) == {
        "callbacks_per_number": {"minute": 3, "week": "9"},
        "prompts": {"welcome": "/a.wav"},
        "blocked_prefixes": ["41"],
        "human_check": True,
        "further_calls": "x",
    }
    same: dict[str, Any] = {"callbacks_per_number": 5, "prompts": 5, "blocked_prefixes": "x"}
    assert document.typed(Kind.EXTENSION, same) == same
