"""The whole configuration as one document: what goes out comes in again, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.admin import document
from controller.admin.bulk import Applied
from controller.admin.model import Actor, Kind
from controller.policy.channels import (
    Channel,
    HiddenIdentity,
    NumberFormat,
    RefusalCause,
    Transport,
)
from controller.policy.fields import Choice, IdentityHeader, ShownFrom
from tests.unit.examples import many

from .documents import ADMIN, FORMATS, WHOLE, World, extension, whole

# --- there and back --------------------------------------------------------------------------


def test_a_second_import_changes_nothing(world: World) -> None:
    assert world.take(WHOLE).created == 15
    again = world.take(WHOLE)
    assert (again.created, again.changed) == (0, 0)


def test_both_databases_take_a_document_and_refuse_one_alike(
    tmp_path: Path, database_url: str
) -> None:
    world = World(tmp_path, None, database_url)
    try:
        assert world.take(WHOLE, dry_run=True) == Applied(created=15, same=1)
        assert world.take(WHOLE) == Applied(created=15, same=1)
        for written_as in FORMATS:
            assert world.take(world.give(written_as), written_as) == Applied(same=16)
        wrong = WHOLE.replace("client: norway\n  dids", "client: sweden\n  dids")
        wrong = wrong.replace("+4721234568", "+12025550100").replace(
            "currency: NOK", "currency: USD"
        )
        assert [error.partition(": ")[2][:30] for error in world.refused(wrong)] == [
            "currency: is NOK, and the acco",
            "dids: +12025550100 reaches ext", "client: there is no client swe",
            "caller_ids: +4721234567 is no ", "currency: is NOK already, and ",
        ]  # fmt: skip
    finally:
        world.engine.dispose()


def test_norway_is_no_boolean_and_a_number_no_integer(world: World) -> None:
    world.take(WHOLE)
    policy = world.one(Kind.EXTENSION, "007")
    assert (policy.country, policy.return_countries) == ("NO", ("NO", "SE"))
    assert policy.dids == ("+4721234568",)
    assert world.one(Kind.SOUND, "no/welcome").path == "/a.wav"
    caller = world.one(Kind.CALLERID, "1001/+12125550199")
    assert caller.speed_dials == {"1": "+12125550188"}
    assert caller.notes == "two\nlines\n"
    assert not world.one(Kind.CALLERID, "1001/+12125550198").enabled
    # Whoever else reads what is written, by YAML's own rules, reads text too.
    read = yaml.safe_load(world.give())
    assert read["extensions"][0]["country"] == "NO"
    assert read["extensions"][0]["dids"] == ["+4721234568"]
    assert read["extensions"][1]["extension"] == "1001"
    assert read["channels"][0]["country"] == "NO"
    assert read["channels"][0]["rewrite"] == {"00": "+", "0": "+47", "": "+"}
    # And what is meant to be numbers are numbers.
    assert read["channels"][0]["destinations"] == {"+47": 12_000, "+": 90_000}
    assert read["channels"][0]["username"] == "0123"
    assert read["channels"][0]["dial_prefix"] == "00"


def test_i4_t4_a_channel_has_all_that_its_document_says(world: World) -> None:
    world.take(WHOLE)
    assert world.one(Kind.CHANNEL, "pstn") == Channel(
        name="pstn",
        addresses=("192.0.2.10", "2001:db8::/32"),
        identity=(IdentityHeader.P_ASSERTED_IDENTITY, IdentityHeader.FROM),
        country="NO",
        rewrite={"00": "+", "0": "+47", "": "+"},
        refusal_cause=RefusalCause.CALL_REJECTED,
        trust_callers=True,
        enabled=False,
        destinations={"+47": 12_000, "+": 90_000},
        priority=5,
        hours=("mon-fri 08:00-18:00", "sat 22:00-02:00"),
        time_zone="Europe/Oslo",
        concurrent_calls=30,
        progress_seconds=8,
        number_format=NumberFormat.NATIONAL,
        dial_prefix="00",
        caller_id_format=NumberFormat.PLUS,
        domain="sip.example.com",
        hidden_identity=HiddenIdentity.PRIVATE,
        proxy="sip.example.com:5061",
        transport=Transport.TLS,
        username="0123",
        register=True,
        ping_seconds=30,
        cost_list="trunk",
    )


def test_i1_i7_an_extension_shows_what_its_document_says(world: World) -> None:
    world.take(WHOLE)
    policy = world.one(Kind.EXTENSION, "007")
    assert policy.caller_id_name_from is ShownFrom.EQUIPMENT
    assert policy.caller_id_choice is Choice.STICKY
    assert (policy.hide_caller_id, policy.p_asserted_identity) == (True, True)
    assert policy.p_preferred_identity == "sip:007@example.com"


def shows(*extensions: tuple[str, str, str], **more: Any) -> str:
    """A document of extensions: name, DID and the number that each chooses to show."""
    return whole(
        *(
            extension(
                extension=name,
                dids=[did],
                caller_id_number_from="custom",
                caller_id_number=number,
            )
            for name, did, number in extensions
        ),
        **more,
    )


ONE, TWO, THREE = "+12025550101", "+12025550102", "+12025550103"


def test_i2_extensions_may_show_each_others_dids_whichever_comes_first(
    make: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one is written long before the other."""
    monkeypatch.setattr("controller.admin.bulk.AT_A_TIME", 1)
    monkeypatch.setattr("controller.admin.importing.BATCH", 1)
    for written_as in FORMATS:
        first, second = make(), make()
        first.take(shows(("1", ONE, THREE), ("2", TWO, ONE), ("3", THREE, THREE)), "json")
        second.take(first.give(written_as), written_as)
        assert second.give() == first.give()
        assert second.one(Kind.EXTENSION, "1").caller_id_number == THREE


def test_i2_a_number_that_nobody_has_is_refused_before_anything_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.admin.bulk.AT_A_TIME", 1)
    monkeypatch.setattr("controller.admin.importing.BATCH", 1)
    world.take(shows(("1", ONE, ONE), ("2", TWO, ONE)), "json")
    # The one gives its DID up that the other shows: in the store, and in the document.
    for text in (
        shows(("1", THREE, THREE)),
        shows(("1", THREE, THREE), ("2", TWO, ONE)),
        shows(("2", TWO, ONE), ("1", THREE, THREE)),
    ):
        (said,) = world.refused(text, "json")
        assert f"shows {ONE}" in said or f"caller_id_number: {ONE} is no public number" in said
    # Both at once may change; and it may be given to another one.
    world.take(shows(("1", THREE, THREE), ("2", TWO, THREE)), "json")
    world.take(shows(("2", TWO, "+12025550111"), ("1", ONE, TWO)), "json")
    assert world.one(Kind.EXTENSION, "2").caller_id_number == "+12025550111"


def test_i2_a_number_that_the_document_makes_can_be_chosen(world: World) -> None:
    number = {"number": THREE, "channel": "pstn"}
    text = shows(("1", ONE, THREE), numbers=[number | {"client": "main"}])
    text = text.replace("+12025550111", THREE)
    world.take(text, "json")
    assert world.one(Kind.EXTENSION, "1").caller_id_number == THREE
    gone = text.replace('"client": "main"', '"client": null')
    assert "is assigned to extension 1 of its client" in world.refused(gone, "json")[0]


@pytest.mark.parametrize("dids", [None, "x", [[]], {"a": 1}, 5])
def test_i2_what_is_no_list_of_dids_is_told_once(world: World, dids: Any) -> None:
    (said,) = world.refused(whole(extension(dids=dids, client=["main"])), "json")
    assert said.startswith("extensions[0] (1001): ")


@pytest.mark.parametrize("written_as", FORMATS)
def test_what_goes_out_comes_in_again(make: Callable[[], World], written_as: str) -> None:
    first, second = make(), make()
    first.take(WHOLE)
    text = first.give(written_as, secrets=True)
    second.take(text, written_as)
    assert second.give(written_as, secrets=True) == text
    assert second.take(text, written_as) == Applied(same=16)
    # And by another format.
    for other in FORMATS:
        assert first.take(second.give(other, secrets=True), other) == Applied(same=16)


def test_only_what_is_no_default_is_written(world: World) -> None:
    world.take(WHOLE)
    assert yaml.safe_load(world.give())["extensions"][1] == {
        "extension": "1001",
        "dids": ["+12025550100"],
        "country": "US",
        "ring_seconds": 7,
        "caller_ids": ["+12025550111"],
        "authorised_callers": [
            {"number": "+12125550198", "enabled": False},
            {
                "number": "+12125550199",
                "speed_dials": {"1": "+12125550188"},
                "notes": "two\nlines\n",
            },
        ],
    }
    assert "\n    notes: |\n      two\n      lines\n" in world.give()


def test_what_is_not_in_the_document_is_left_alone(world: World) -> None:
    world.take(WHOLE)
    before = world.give()
    assert world.take("version: 1\nchannels: []\nclients:\n") == Applied()
    assert world.give() == before


def test_what_a_record_leaves_out_has_its_default_again(world: World) -> None:
    world.take(WHOLE)
    changed = WHOLE.replace("  ring_seconds: 7\n", "").replace("contact_name: Acme", "")
    done = world.take(changed)
    assert (done.created, done.changed) == (0, 2)
    assert world.one(Kind.EXTENSION, "1001").ring_seconds == 5


def test_an_account_whose_owner_is_gone_is_not_written(world: World) -> None:
    world.take(WHOLE)
    world.directory.delete(ADMIN, Kind.CALLERID, "1001/+12125550199")
    world.directory.delete(ADMIN, Kind.EXTENSION, "1001")
    assert "accounts" not in world.give()


def test_callers_that_come_and_go_during_an_export_are_not_mixed_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.take(WHOLE)
    walk = world.directory.walk

    def meanwhile(actor: Actor, kind: Kind) -> Iterator[Any]:
        for record in walk(actor, kind):
            if kind is not Kind.EXTENSION or record.extension != "1001":
                yield record

    monkeypatch.setattr(world.directory, "walk", meanwhile)
    assert "authorised_callers" not in world.give()


NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True)
LINES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029"), max_size=20
)
NOTES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=30
)
COUNTRIES = st.sampled_from(["US", "NO", "DE", "YE"])
NETWORKS = st.ip_addresses().map(str) | st.sampled_from(["192.0.2.0/24", "::/0"])
BEGINNINGS = st.from_regex(r"\+?[0-9]{0,3}", fullmatch=True)
NUMBERS = st.integers(10**9, 10**10 - 1).map(lambda digits: f"+1{digits}")


DAYS = st.sampled_from(["mon", "mon-fri", "sat-sun", "fri-mon"])
TIMES = st.sampled_from(["08:00-18:00", "22:00-02:00", "00:00-24:00"])


def words(enumeration: type[StrEnum]) -> st.SearchStrategy[str]:
    return st.sampled_from(enumeration).map(lambda word: word.value)


def channel(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """A channel with all that a channel has."""
    national = COUNTRIES.flatmap(
        lambda country: st.fixed_dictionaries(
            {
                "country": st.just(country),
                "number_format": words(NumberFormat),
                "caller_id_format": words(NumberFormat),
            }
        )
    )
    other = st.fixed_dictionaries(
        {
            "country": st.none() | COUNTRIES,
            "dial_prefix": st.from_regex(r"[0-9]{0,15}", fullmatch=True).filter(str.isascii),
        }
    )
    written = st.fixed_dictionaries(
        {
            "proxy": st.sampled_from(["x", "1.2.3.4:5060", "[2001:db8::1]:5061", "no"]),
            "transport": words(Transport),
            "username": st.sampled_from(["null", "1", "0x1f", "a@b", "~", "1e3"]),
            "register": st.booleans(),
            "ping_seconds": st.none() | st.integers(5, 3600),
        }
    )
    always = st.fixed_dictionaries(
        {
            "name": st.just(name),
            "addresses": st.lists(NETWORKS, max_size=3, unique=True),
            "identity": st.permutations([header.value for header in IdentityHeader]).map(
                lambda headers: headers[:2]
            ),
            "rewrite": st.dictionaries(BEGINNINGS, BEGINNINGS, max_size=3),
            "refusal_cause": words(RefusalCause),
            "trust_callers": st.booleans(),
            "enabled": st.booleans(),
            "destinations": st.dictionaries(
                st.sampled_from(["+", "+49", "+1", "+4420", "+472"]),
                st.integers(0, 10**15),
                max_size=4,
            ),
            "priority": st.integers(1, 1000),
            "hours": st.lists(st.tuples(DAYS, TIMES).map(" ".join), max_size=3, unique=True),
            "time_zone": st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
            "concurrent_calls": st.none() | st.integers(1, 100_000),
            "progress_seconds": st.integers(1, 60),
            "domain": st.sampled_from([None, "sip.example.com", "no", "1"]),
            "hidden_identity": words(HiddenIdentity),
        }
    )
    return st.tuples(always, national | other, written | st.just({})).map(
        lambda parts: {name: value for part in parts for name, value in part.items()}
    )


def showing(numbers: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """What an extension shows, whose client has these numbers."""
    number: st.SearchStrategy[dict[str, str]] = st.one_of(
        st.just({}),
        st.just({"caller_id_number_from": "equipment"}),
        st.sampled_from(numbers).map(
            lambda number: {"caller_id_number_from": "custom", "caller_id_number": number}
        ),
        st.sampled_from(numbers).map(lambda number: {"default_caller_id": number}),
    )
    rest = st.fixed_dictionaries(
        {
            "caller_id_name_from": words(ShownFrom),
            "caller_id_choice": words(Choice),
            "hide_caller_id": st.booleans(),
            "p_asserted_identity": st.booleans(),
            "p_preferred_identity": st.sampled_from([None, "sip:1@example.com"]),
        }
    )
    return st.builds(lambda one, two: one | two, number, rest)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration of everything that there can be now."""
    clients = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    channels = ["1", "no", "null"][: draw(st.integers(1, 3))]
    pool = draw(st.lists(NUMBERS, min_size=1, max_size=4, unique=True))
    numbers = [
        {
            "number": number,
            "channel": draw(st.sampled_from(channels)),
            "client": draw(st.sampled_from(clients)),
            "description": draw(LINES),
        }
        for number in pool
    ]
    extensions = []
    names = draw(
        st.lists(
            st.from_regex(r"[0-9]{1,10}", fullmatch=True).filter(str.isascii),
            max_size=4,
            unique=True,
        )
    )
    dids = draw(st.lists(NUMBERS, min_size=8, max_size=8, unique=True))
    for index, name in enumerate(names):
        shown = draw(st.sampled_from(numbers))
        extensions.append(
            {
                "extension": name,
                "client": shown["client"],
                "dids": dids[2 * index : 2 * index + draw(st.integers(1, 2))],
                "country": draw(COUNTRIES),
                "description": draw(LINES),
                "enabled": draw(st.booleans()),
                "ring_seconds": draw(st.integers(1, 60)),
                "delay_seconds": draw(st.sampled_from([0, 3, 7])),
                "caller_ids": draw(
                    st.permutations(
                        [n["number"] for n in numbers if n["client"] == shown["client"]]
                    )
                ),
                "return_countries": draw(st.lists(COUNTRIES, max_size=2, unique=True)),
                **draw(showing([n["number"] for n in numbers if n["client"] == shown["client"]])),
                "authorised_callers": [
                    {
                        "number": number,
                        "enabled": draw(st.booleans()),
                        "notes": draw(NOTES),
                        "language": draw(st.sampled_from([None, "nl", "pt-BR"])),
                        "callback_number": draw(st.none() | NUMBERS),
                        "speed_dials": draw(
                            st.dictionaries(
                                st.sampled_from(["0", "1", "01", "99"]), NUMBERS, max_size=2
                            )
                        ),
                        "presets": draw(st.dictionaries(NUMBERS, NUMBERS, max_size=2)),
                    }
                    for number in draw(st.lists(NUMBERS, max_size=3, unique=True))
                ],
            }
        )
    return {
        "version": 1,
        "clients": [{"name": name, "description": draw(LINES)} for name in clients],
        "channels": [draw(channel(name)) for name in channels],
        "numbers": numbers,
        "extensions": extensions,
        "accounts": [
            {"extension": name, "currency": draw(st.sampled_from(["EUR", "NOK"]))} for name in names
        ],
        "sounds": [{"name": "a", "language": "no", "path": "/a.wav", "description": draw(LINES)}],
    }


# Shrinking a configuration takes minutes, and reading one does not.
@settings(max_examples=many(15), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(tree=configurations())
def test_any_configuration_goes_out_and_comes_in_unchanged(
    tmp_path_factory: pytest.TempPathFactory, template: Path, tree: dict[str, Any]
) -> None:
    first, second = (World(tmp_path_factory.mktemp(name), template) for name in "ab")
    try:
        first.take(json.dumps(tree), "json")
        records = sum(1 for kind in document.ORDER for _ in first.directory.walk(ADMIN, kind))
        for written_as in FORMATS:
            text = first.give(written_as)
            done = second.take(text, written_as)
            assert done.created + done.changed + done.same == records
            assert second.give(written_as) == text
            # The first of them brought everything there was.
            assert (done.same == records) == (written_as != FORMATS[0])
            assert second.take(text, written_as) == Applied(same=records)
    finally:
        first.engine.dispose()
        second.engine.dispose()


@pytest.mark.parametrize(
    "notes", ["\n", "\n\n", "a\n\n", "\n a", "a \n", "a\nb", " a\n", "a\n\nb\n"]
)
def test_notes_of_several_lines_end_where_they_end(world: World, notes: str) -> None:
    world.take(WHOLE)
    key = "1001/+12125550199"
    world.directory.change(ADMIN, Kind.CALLERID, key, {"notes": notes})
    assert world.take(world.give()) == Applied(same=16)
    assert world.one(Kind.CALLERID, key).notes == notes
