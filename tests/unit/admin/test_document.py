"""The whole configuration as one document: what goes out comes in again, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.admin import document
from controller.admin.bulk import Applied
from controller.admin.model import Actor, Kind
from controller.policy.fields import IdentityHeader
from controller.policy.records import Channel, RefusalCause

from .documents import ADMIN, FORMATS, WHOLE, World

# --- there and back --------------------------------------------------------------------------


def test_a_second_import_changes_nothing(world: World) -> None:
    assert world.take(WHOLE).created == 11
    again = world.take(WHOLE)
    assert (again.created, again.changed) == (0, 0)


def test_both_databases_take_a_document_and_refuse_one_alike(
    tmp_path: Path, database_url: str
) -> None:
    world = World(tmp_path, None, database_url)
    try:
        assert world.take(WHOLE, dry_run=True) == Applied(created=11, same=1)
        assert world.take(WHOLE) == Applied(created=11, same=1)
        for written_as in FORMATS:
            assert world.take(world.give(written_as), written_as) == Applied(same=12)
        wrong = WHOLE.replace("client: norway\n  dids", "client: sweden\n  dids")
        wrong = wrong.replace("+4721234568", "+12025550100").replace(
            "currency: NOK", "currency: USD"
        )
        assert [error.partition(": ")[2][:30] for error in world.refused(wrong)] == [
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


def test_t4_a_channel_has_all_that_its_document_says(world: World) -> None:
    world.take(WHOLE)
    assert world.one(Kind.CHANNEL, "pstn") == Channel(
        name="pstn",
        addresses=("192.0.2.10", "2001:db8::/32"),
        identity=(IdentityHeader.P_ASSERTED_IDENTITY, IdentityHeader.FROM),
        country="NO",
        rewrite={"00": "+", "0": "+47", "": "+"},
        refusal_cause=RefusalCause.CALL_REJECTED,
    )


@pytest.mark.parametrize("written_as", FORMATS)
def test_what_goes_out_comes_in_again(make: Callable[[], World], written_as: str) -> None:
    first, second = make(), make()
    first.take(WHOLE)
    text = first.give(written_as, secrets=True)
    second.take(text, written_as)
    assert second.give(written_as, secrets=True) == text
    assert second.take(text, written_as) == Applied(same=12)
    # And by another format.
    for other in FORMATS:
        assert first.take(second.give(other, secrets=True), other) == Applied(same=12)


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
                "caller_ids": [shown["number"]],
                "return_countries": draw(st.lists(COUNTRIES, max_size=2, unique=True)),
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
        "channels": [
            {
                "name": name,
                "addresses": draw(st.lists(NETWORKS, max_size=3, unique=True)),
                "identity": draw(st.permutations([header.value for header in IdentityHeader]))[:2],
                "country": draw(st.none() | COUNTRIES),
                "rewrite": draw(st.dictionaries(BEGINNINGS, BEGINNINGS, max_size=3)),
                "refusal_cause": draw(st.sampled_from(RefusalCause)).value,
            }
            for name in channels
        ],
        "numbers": numbers,
        "extensions": extensions,
        "accounts": [
            {"extension": name, "currency": draw(st.sampled_from(["EUR", "NOK"]))} for name in names
        ],
        "sounds": [{"name": "a", "language": "no", "path": "/a.wav", "description": draw(LINES)}],
    }


# Shrinking a configuration takes minutes, and reading one does not.
@settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
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
    assert world.take(world.give()) == Applied(same=12)
    assert world.one(Kind.CALLERID, key).notes == notes
