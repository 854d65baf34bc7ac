"""M2: rates by CSV: what people write, every bad line at once, and out again as it came."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from controller.admin.bulk import Applied
from controller.admin.csv_lines import BadFile, Report
from controller.admin.directory import Directory
from controller.admin.model import Forbidden, Kind, NotFound
from controller.admin.rates_csv import COLUMNS, RatesFile, file_of
from controller.policy.fields import MOST_MICROS
from controller.policy.moments import counted, written
from controller.policy.prices import CallRate
from controller.store.database import open_database
from controller.store.passwords import Passwords
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, LOOKS
from tests.unit.examples import many

NOW = counted("2027-06-01T12:00:00Z")
HEADER = "prefix,per_minute,setup_fee,first_block,interval,since,until,description\n"


class World:
    """A store with the list `retail`, whose time stands still until it is moved."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.directory = Directory(
            engine, passwords=lambda: Passwords(b"0" * 32), now=lambda: self.now
        )
        self.directory.create(ADMIN, Kind.PRICE_LIST, {"name": "retail", "currency": "EUR"})

    def take(self, text: str | bytes, *, dry_run: bool = False, **more: Any) -> Report:
        """Import a file."""
        data = text.encode() if isinstance(text, str) else text
        actor, name = more.get("actor", ADMIN), more.get("name", "retail")
        return self.directory.import_rates(actor, name, lambda: io.BytesIO(data), dry_run=dry_run)

    def done(self, text: str | bytes, **more: Any) -> Applied:
        """Import a file with which nothing is wrong."""
        report = self.take(text, **more)
        assert report.bad == ()
        return report.applied

    def bad(self, text: str | bytes) -> list[str]:
        """Give what is wrong with a file, and see that nothing was written."""
        before = self.give()
        report = self.take(text)
        assert report.applied == Applied()
        assert self.give() == before
        assert self.take(text, dry_run=True).bad == report.bad
        return [str(found) for found in report.bad]

    def rates(self) -> list[CallRate]:
        """Give all rates of the list."""
        return list(self.directory.export_rates(ADMIN, "retail"))

    def give(self) -> str:
        """Export the list."""
        stream = io.StringIO(newline="")
        stream.writelines(file_of(self.rates()))
        return stream.getvalue()


@pytest.fixture
def world(tmp_path: Path, template: Path) -> Iterator[World]:
    shutil.copy(template, tmp_path / "callbackd.sqlite3")
    engine = open_database(f"sqlite:///{tmp_path}/callbackd.sqlite3")
    yield World(engine)
    engine.dispose()


def test_m2_a_line_is_a_rate_to_the_micro_unit(world: World) -> None:
    line = "+4930,0.012501,1.5,60,6,2026-01-01,2028-01-01T01:00:00+01:00,Berlin\n"
    assert world.done(HEADER + line) == Applied(created=1)
    assert world.rates() == [
        CallRate(
            price_list="retail",
            prefix="+4930",
            since="2026-01-01T00:00:00.000000Z",
            until="2028-01-01T00:00:00.000000Z",
            setup_fee=1_500_000,
            per_minute=12_501,
            first_block=60,
            interval=6,
            description="Berlin",
        )
    ]


def test_m2_both_databases_take_a_file_and_give_it_back(engine: Engine) -> None:
    world = World(engine)
    text = HEADER + "+49,0.5,,,,2026-01-01,,\n+,1,,,,2026-01-01,,\n+49,0.4,,,,2028-01-01,,x\n"
    assert world.done(text, dry_run=True) == Applied(created=3)
    assert world.rates() == []
    assert world.done(text) == Applied(created=3)
    assert world.done(text) == Applied(same=3)
    assert world.done(world.give()) == Applied(same=3)
    assert world.done(text.replace("0.4", "0.3")) == Applied(changed=1, same=2)


@pytest.mark.parametrize(
    "text",
    [
        "per_minute;prefix\r\n0.5;49\r\n",
        "\ufeffprefix\tper_minute\n'+49\t 0.50\n\n",
        'PREFIX , Per_Minute\n"+49","0.5"\n',
    ],
)
def test_m2_what_a_spreadsheet_writes_is_read(world: World, text: str) -> None:
    assert world.done(text) == Applied(created=1)
    (made,) = world.rates()
    assert (made.prefix, made.per_minute, made.since) == ("+49", 500_000, written(NOW))


def test_m2_every_bad_line_is_told_and_nothing_is_written(world: World) -> None:
    world.done("prefix,per_minute,since\n+33,0.5,2026-01-01\n")
    text = HEADER + (
        "+44,0.5,,,,,,good\n"
        "0049,0.5,,,,,,\n"
        "4.9E+11,0.5,,,,,,\n"
        ',"0,5",,,,,,\n'
        "+41,0.0000001,,,,,,\n"
        "+42,,-1,,,,,\n"
        "+43,1,,1.5,0,,,\n"
        "+45,1,,,,01.02.2027,,\n"
        "+46,1,,,,2027-01-02,2027-01-01,\n"
        "+47,1\n"
        "+33,0.6,,,,2026-01-01,,\n"
        "+48,1,,,,2027-01-01,,\n"
        "48,2,,,,2027-01-01T00:00:00Z,,\n"
        "+44,0.6,,,,,,again\n"
        '+49,1,,,,,,"open\n'
    )
    assert [line.partition(";")[0] for line in world.bad(text)] == [
        "line 3, prefix: '0049' is no beginning of numbers",
        "line 4, prefix: 4.9E+11 was shortened by a spreadsheet",
        "line 5, prefix: is missing",
        "line 5, per_minute: '0,5' is no amount",
        "line 6, per_minute: 0.0000001 has more than 6 digits after the point",
        "line 7, per_minute: is missing",
        "line 7, setup_fee: -1 is less than nothing",
        "line 8, first_block: '1.5' is no number of seconds",
        "line 9, since: '01.02.2027' is no time",
        "line 10, until: is not after since, so that it would never count",
        "line 11: has 2 cells where the header has 8",
        "line 12, per_minute: this rate has begun (2026-01-01T00:00:00.000000Z), and is what calls "
        "were charged by",
        "line 14: stands twice in the document",
        "line 15, prefix: stands twice without `since`",
        "line 16: is no CSV (unexpected end of data)",
    ]


def test_m2_a_dry_run_counts_the_good_lines_and_lists_the_bad_ones(world: World) -> None:
    world.done("prefix,per_minute,since,description\n+1,1,2026-01-01,a\n+2,1,2026-01-01,b\n")
    text = (
        "prefix,per_minute,since,description\n"
        "+1,1,2026-01-01,a\n+2,1,2026-01-01,new\n+3,1,2026-01-01,c\nx,1,,\n"
    )
    report = world.take(text, dry_run=True)
    assert report.applied == Applied(created=1, changed=1, same=1)
    assert [found.line for found in report.bad] == [5]


def test_m2_without_since_what_is_so_already_stays_and_what_differs_begins_now(
    world: World,
) -> None:
    text = "prefix,per_minute,description\n+1,1,a\n+2,1,b\n"
    assert world.done(text) == Applied(created=2)
    world.now += 86_400_000_000
    assert world.done(text) == Applied(same=2)
    assert world.done(text.replace("+2,1", "+2,2")) == Applied(created=1, same=1)
    found = [(rate.prefix, rate.per_minute, counted(rate.since) - NOW) for rate in world.rates()]
    assert found == [("+1", 1_000_000, 0), ("+2", 1_000_000, 0), ("+2", 2_000_000, 86_400_000_000)]


def test_m2_a_column_that_is_not_there_stays_as_it_is_stored(world: World) -> None:
    world.done(HEADER + "+49,1,2,3,4,2028-01-01,2029-01-01,kept\n")
    (before,) = world.rates()
    assert world.done("prefix,per_minute,since\n+49,9,2028-01-01\n") == Applied(changed=1)
    (after,) = world.rates()
    assert after.per_minute == 9_000_000
    assert {name: getattr(after, name) for name in COLUMNS if name != "per_minute"} == {
        name: getattr(before, name) for name in COLUMNS if name != "per_minute"
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the column prefix is missing"),
        ("prefix\n", "the column per_minute is missing"),
        ("prefix,per_minute,price\n", "there is no column 'price'"),
        ("prefix,per_minute,prefix\n", "the column prefix stands twice"),
        ("prefix,per_minute\n".encode("utf-16"), "is UTF-16; save it as CSV UTF-8"),
    ],
)
def test_m2_what_is_no_such_file_is_refused(world: World, text: str | bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        world.take(text)


def test_g1_a_description_is_no_formula(world: World) -> None:
    world.done('prefix,per_minute,description\n+49,1,"\'=1+1"\n')
    assert world.rates()[0].description == "=1+1"
    assert world.give().endswith(",'=1+1\r\n")
    assert world.bad(b"prefix,per_minute,description\n+49,1,\xff\n") == [
        "line 2, description: is not UTF-8; save the file as CSV UTF-8"
    ]


def test_o2_rates_are_imported_by_administrators(world: World) -> None:
    for actor, error in ((LOOKS, Forbidden), (ACME, NotFound)):
        with pytest.raises(error):
            world.take("prefix,per_minute\n+49,1\n", actor=actor)
    with pytest.raises(NotFound, match=r"^there is no price list none"):
        world.take("prefix,per_minute\n+49,1\n", name="none")
    assert world.rates() == []


#: Times that are written with four digits of a year.
_TIMES = st.integers(0, counted("2999-12-31T00:00:00Z"))


@st.composite
def _rates(draw: st.DrawFn) -> list[CallRate]:
    keys = draw(
        st.lists(
            st.tuples(st.from_regex(r"\A\+([1-9][0-9]{0,14})?\Z"), _TIMES), unique=True, max_size=8
        )
    )
    money, block = st.integers(0, MOST_MICROS), st.integers(1, 3600)
    return [
        CallRate(
            price_list="retail",
            prefix=prefix,
            since=written(since),
            until=draw(st.none() | st.integers(since + 1, since + 10**12).map(written)),
            setup_fee=draw(money),
            per_minute=draw(money),
            first_block=draw(block),
            interval=draw(block),
            description=draw(st.sampled_from(["", "=1", "a,b", 'say "x"', "Zo\u00eb", "'x", "-"])),
        )
        for prefix, since in keys
    ]


@settings(max_examples=many(100), phases=(Phase.explicit, Phase.generate), deadline=None)
@given(_rates())
def test_m2_what_goes_out_comes_in_as_it_was(made: list[CallRate]) -> None:
    stream = io.StringIO(newline="")
    stream.writelines(file_of(made))
    file = RatesFile(lambda: io.BytesIO(stream.getvalue().encode()), "retail", NOW)
    found = [row for _, row in file.rows()]
    assert not [row for row in found if isinstance(row, list)]
    assert [CallRate(**row) for row in found if isinstance(row, dict)] == made
