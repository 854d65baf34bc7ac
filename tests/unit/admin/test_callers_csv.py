"""Authorised CallerIDs as CSV: what people and spreadsheets write, and what comes back."""

from __future__ import annotations

import io
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.admin import callers_csv
from controller.admin.bulk import Applied
from controller.admin.callers_csv import CallersFile, load, save
from controller.admin.csv_lines import BadFile, Report
from controller.admin.directory import Directory
from controller.admin.importing import Importer
from controller.admin.model import Actor, Kind
from controller.policy.records import AuthorisedCaller, Role
from controller.store.database import open_database
from controller.store.passwords import Passwords
from tests.databases import new_file
from tests.unit.examples import many

ADMIN = Actor(name="test", role=Role.ADMIN)
HEADER = "number,enabled,pin,callback_number,language,speed_dials,presets,notes\n"


class World:
    """A store with extension 1001, of the United States."""

    def __init__(self, path: Path, template: Path) -> None:
        shutil.copy(template, path / "callbackd.sqlite3")
        self.path = path
        self.engine = open_database(f"sqlite:///{path}/callbackd.sqlite3")
        ticks = itertools.count(1)
        self.passwords = Passwords(b"0123456789abcdef")
        self.directory = Directory(
            self.engine, passwords=lambda: self.passwords, now=lambda: next(ticks)
        )
        self.hashed = 0
        self.asked = 0

    def take(self, text: str | bytes, *, dry_run: bool = False, country: str = "US") -> Report:
        """Import a file."""
        file = self.path / "taken.csv"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        importer = Importer(
            self.directory,
            self.engine,
            ADMIN,
            passwords=lambda: self.passwords,
            hashed=self._hashed,
        )
        rows = CallersFile(file, "1001", country)
        return load(importer, rows, dry_run=dry_run, checked=self._checked)

    def _hashed(self) -> None:
        self.hashed += 1

    def _checked(self, pins: int) -> None:
        self.asked += pins

    def done(self, text: str | bytes, **more: Any) -> Applied:
        """Import a file with which nothing is wrong."""
        report = self.take(text, **more)
        assert report.bad == ()
        return report.applied

    def bad(self, text: str | bytes) -> list[str]:
        """Give what is wrong with a file, and see that nothing was written."""
        before = self.give(secrets=True)
        report = self.take(text)
        assert report.applied == Applied()
        assert self.give(secrets=True) == before
        assert self.take(text, dry_run=True).bad == report.bad
        return [str(bad) for bad in report.bad]

    def give(self, *, secrets: bool = False) -> str:
        """Export to text."""
        stream = io.StringIO(newline="")
        save(self.callers().values(), stream, secrets=secrets)
        return stream.getvalue()

    def callers(self) -> dict[str, AuthorisedCaller]:
        """Give what is stored, by number."""
        found = self.directory.walk(ADMIN, Kind.CALLERID, {"extension": "1001"})
        return {caller.number: caller for caller in found}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that is made once."""
    path = tmp_path_factory.mktemp("template") / "callbackd.sqlite3"
    engine = open_database(new_file(path))
    directory = Directory(engine, passwords=lambda: Passwords(b""), now=lambda: 1)
    directory.create(ADMIN, Kind.CHANNEL, {"name": "pstn"})
    number = {"number": "+12025550111", "channel": "pstn", "client": "main"}
    directory.create(ADMIN, Kind.NUMBER, number)
    extension = {
        "extension": "1001",
        "dids": ["+12025550100"],
        "country": "US",
        "caller_ids": ["+12025550111"],
    }
    directory.create(ADMIN, Kind.EXTENSION, extension)
    engine.dispose()
    return path


@pytest.fixture
def world(tmp_path: Path, template: Path) -> Iterator[World]:
    made = World(tmp_path, template)
    yield made
    made.engine.dispose()


# --- in --------------------------------------------------------------------------------------


def test_every_column_is_read(world: World) -> None:
    line = (
        "+12125550199,off,2468,+12125550198,pt-BR,1=+12125550101|22=+16465550122,"
        '+12025550100=+12125550111,"Bob, the\nbuilder"\n'
    )
    assert world.done(HEADER + line) == Applied(created=1)
    caller = world.callers()["+12125550199"]
    assert caller.pin_hash is not None
    assert world.passwords.check("2468", caller.pin_hash)
    assert caller == AuthorisedCaller(
        extension="1001",
        number="+12125550199",
        enabled=False,
        pin_hash=caller.pin_hash,
        callback_number="+12125550198",
        language="pt-BR",
        speed_dials={"1": "+12125550101", "22": "+16465550122"},
        presets={"+12025550100": "+12125550111"},
        notes="Bob, the\nbuilder",
    )


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheets_write_it_their_way(
    world: World, separator: str, begin: bytes, end: str
) -> None:
    lines = ["Notes, Number ,ENABLED".replace(",", separator)]
    lines += [separator.join(["Zoë", "+12125550199", "On"]), separator * 2, ""]
    text = begin + end.join(lines).encode()
    assert world.done(text) == Applied(created=1)
    assert world.callers()["+12125550199"].notes == "Zoë"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("2125550199", "+12125550199"),
        ("(212) 555-0199", "+12125550199"),
        ("212.555.0199", "+12125550199"),
        ("12125550199", "+12125550199"),
        ("+12125550199", "+12125550199"),
        ("'+12125550199", "+12125550199"),
        ("+49 30 901820", "+4930901820"),
        ("212\u2011555\u00a00199", "+12125550199"),
        # What the API took is taken, though no plan has it.
        ("+99999", "+99999"),
    ],
)
def test_d3_a_number_may_be_written_as_it_is_dialled(
    world: World, written: str, number: str
) -> None:
    world.done(f"number;notes\n{written};\n")
    assert list(world.callers()) == [number]


def test_d3_national_numbers_are_those_of_the_extensions_country(world: World) -> None:
    world.done("number,callback_number\n030 901820,0176 12345678\n", country="DE")
    assert world.callers()["+4930901820"].callback_number == "+4917612345678"


@pytest.mark.parametrize(
    ("word", "enabled"),
    [("on", True), ("YES", True), ("1", True), ("true", True), ("", True),
     ("off", False), ("No", False), ("0", False), ("FALSE", False)],
)  # fmt: skip
def test_on_and_off_are_said_in_many_words(world: World, word: str, enabled: bool) -> None:
    world.done(f"number,enabled\n+12125550199,{word}\n")
    assert world.callers()["+12125550199"].enabled is enabled


def test_a_column_that_is_not_there_leaves_what_is_stored(world: World) -> None:
    world.done(HEADER + "+12125550199,off,2468,,de,1=+12125550101,,Bob\n")
    before = world.callers()["+12125550199"]
    assert world.done("number,language\n+12125550199,fr\n") == Applied(changed=1)
    after = world.callers()["+12125550199"]
    assert (after.language, after.notes, after.enabled) == ("fr", "Bob", False)
    assert (after.pin_hash, after.speed_dials) == (before.pin_hash, before.speed_dials)
    # An empty cell is the default.
    assert world.done("number,language,notes\n+12125550199,,\n") == Applied(changed=1)
    after = world.callers()["+12125550199"]
    assert (after.language, after.notes, after.enabled) == (None, "", False)


def test_numbers_that_are_not_in_the_file_stay(world: World) -> None:
    world.done("number\n+12125550199\n")
    assert world.done("number\n+12125550198\n") == Applied(created=1)
    assert list(world.callers()) == ["+12125550198", "+12125550199"]


def test_many_lines_are_taken_some_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_csv, "BATCH", 3)
    text = "number,notes\n" + "".join(f"+1212555{n:04},n{n}\n" for n in range(10))
    assert world.done(text) == Applied(created=10)
    assert world.done(text) == Applied(same=10)
    assert world.done(text.replace(",n", ",m").replace("motes", "notes")) == Applied(changed=10)


# --- PINs ------------------------------------------------------------------------------------


def test_a4_a_pin_is_hashed_only_where_it_is_another(world: World) -> None:
    text = "number,pin\n+12125550199,24682468\n+12125550198,13571357\n+12125550197,\n"
    assert world.done(text) == Applied(created=3)
    before = world.callers()
    assert (world.hashed, world.asked) == (2, 2)
    assert world.done(text) == Applied(same=3)
    assert world.done(text.replace("24682468", "99999999")) == Applied(changed=1, same=2)
    after = world.callers()
    assert after["+12125550198"] == before["+12125550198"]
    assert after["+12125550199"].pin_hash != before["+12125550199"].pin_hash
    assert after["+12125550197"].pin_hash is None
    stored = b"".join(path.read_bytes() for path in world.path.glob("*sqlite3*"))
    for pin in (b"24682468", b"13571357", b"99999999"):
        assert pin not in stored


def test_a_pin_stays_and_is_taken_away_only_where_that_is_said(world: World) -> None:
    world.done("number,pin\n+12125550199,2468\n")
    for cell in ("", "*", "2468"):
        assert world.done(f"number,pin\n+12125550199,{cell}\n") == Applied(same=1)
    assert world.done("number,notes\n+12125550199,\n") == Applied(same=1)
    assert world.done("number,pin\n+12125550199,-\n") == Applied(changed=1)
    assert world.callers()["+12125550199"].pin_hash is None


def test_who_had_a_pin_does_not_come_back_without(world: World) -> None:
    world.done("number,pin\n+12125550199,2468\n")
    text = world.give()
    assert "+12125550199,on,*,,,,,\r\n" in text
    world.directory.delete(ADMIN, Kind.CALLERID, "1001/+12125550199")
    assert world.bad(text) == [
        "line 2, pin: there is to be one, which neither the document nor the store has; write pin, "
        "or export with secrets"
    ]


def test_a_dry_run_hashes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.passwords, "hash", None)
    text = "number,pin\n+12125550199,2468\n"
    assert world.done(text, dry_run=True) == Applied(created=1)
    assert world.callers() == {}


# --- what is wrong ---------------------------------------------------------------------------

BAD = HEADER + (
    "+12125550101,on,2468,,,,,good\n"
    "12,maybe,12,abc,english,1,+12025550100=+12125550111|+12025550100=+12125550112,\n"
    "+12125550102,on\n"
    ",on,,,,,,\n"
    "2.12555E+09,on,,,,123=+12125550101,1=x,\n"
    '"+12125550103",on,,,,,,"two\nlines"\n'
    "+12125550103,on,,,,1=+12125550101|1=+12125550102,,\n"
    "+12125550101,,,,,,,again\n"
    "+12125550104,on,,,,,,a\x01b\n"
)


def test_a_dry_run_tells_every_bad_line_and_counts_the_good_ones(world: World) -> None:
    told = world.bad(BAD)
    assert [line.partition(": ")[0] for line in told] == [
        "line 3, number", "line 3, enabled", "line 3, callback_number", "line 3, language",
        "line 3, speed_dials", "line 3, presets",
        "line 4",
        "line 5, number",
        "line 6, number", "line 6, presets",
        "line 9, speed_dials",
        "line 10",
        "line 11, notes",
    ]  # fmt: skip
    for says in (
        "line 3, number: '12' is no telephone number (has more than digits); write it as +1202",
        "line 3, enabled: 'maybe' is neither; write on or off",
        "line 3, callback_number: 'abc' is no telephone number",
        "line 3, language: is not written as it has to be: ISO 639",
        "line 3, speed_dials: '1' is no pair; write them as 1=+12025550100|22=+16465550100",
        "line 3, presets: +12025550100 stands twice",
        "line 4: has 2 cells where the header has 8; put what holds a separator in quotes",
        "line 5, number: is missing",
        "line 6, number: 2.12555E+09 was shortened by a spreadsheet; format the column as text",
        "line 9, speed_dials: 1 stands twice",
        "line 10: stands twice in the document",
        "line 11, notes: is not written as it has to be: Text of any lines.",
    ):
        assert [line for line in told if line.startswith(says)], says
    assert world.take(BAD, dry_run=True).applied == Applied(created=2)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ("+12125550101,,12,,,,,", "line 2, pin: write 4 to 20 digits"),
        ("+12125550101,,secret,,,,,", "line 2, pin: write 4 to 20 digits"),
        ("+12125550101,,,,,123=+12125550101,,", "line 2, speed_dials: is not written"),
        ("2025550,,,,,,,", "line 2, number: '2025550' is no telephone number (is in no plan)"),
    ],
)
def test_what_the_model_refuses_is_told_with_its_line(world: World, cells: str, says: str) -> None:
    told = world.bad(f"{HEADER}{cells}\n")
    assert len(told) == 1
    assert told[0].startswith(says)
    assert "secret" not in told[0]


def test_what_is_not_utf_8_is_told_with_its_line(world: World) -> None:
    told = world.bad(b"number,notes\n+12125550101,ok\n+12125550102,caf\xe9\n")
    assert told == ["line 3, notes: is not UTF-8; save the file as CSV UTF-8"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "the column number is missing"),
        (b"notes\n", "the column number is missing"),
        (b"number,colour\n", "there is no column 'colour'; the first line names them, of these: n"),
        (b"+12125550101,on\n", "there is no column '\\+12125550101'"),
        (b"number,notes,Number\n", "the column number stands twice"),
        ("number,notes\n".encode("utf-16"), "is UTF-16; save it as CSV UTF-8"),
    ],
)
def test_a_file_without_its_header_is_refused(world: World, text: bytes, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        world.take(text)


def test_a_quote_that_is_not_closed_is_told_where_it_begins(world: World) -> None:
    told = world.bad('number,notes\n+12125550101,ok\n+12125550102,"never\nends\n')
    assert [line.partition(" (")[0] for line in told] == ["line 3: is no CSV"]


def test_an_extension_that_is_not_there_is_told(world: World, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("number\n+12125550101\n", encoding="utf-8")
    importer = Importer(world.directory, world.engine, ADMIN, passwords=lambda: world.passwords)
    report = load(importer, CallersFile(file, "2002", "US"), dry_run=False)
    assert [str(bad) for bad in report.bad] == ["line 2: extension: there is no extension 2002"]


# --- out -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notes", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        ("'=1", "''=1"),
        ('=HYPERLINK("http://evil.example")', '"\'=HYPERLINK(""http://evil.example"")"'),
        ("\uff1d1", "'\uff1d1"),
        ("\uff201", "'\uff201"),
        ("\n=1", '"\'\n=1"'),
        ("'x", "'x"),
        ("x=1", "x=1"),
        ("'", "'"),
        ("", ""),
    ],
)
def test_g1_notes_are_no_formula_in_a_spreadsheet_and_come_back_as_they_were(
    world: World, notes: str, written: str
) -> None:
    number = "+12125550199"
    world.directory.create(
        ADMIN, Kind.CALLERID, {"extension": "1001", "number": number, "notes": notes}
    )
    text = world.give()
    assert text == f"{HEADER.strip()}\r\n{number},on,,,,,,{written}\r\n"
    assert world.done(text) == Applied(same=1)
    assert world.callers()[number].notes == notes


NUMBERS = st.integers(10**8, 10**10 - 1).map(lambda digits: f"+{digits}")
CALLERS = st.builds(
    AuthorisedCaller,
    extension=st.just("1001"),
    number=NUMBERS,
    enabled=st.booleans(),
    pin_hash=st.none() | st.just(f"$argon2id$v=19$m=65536,t=3,p=4${'a' * 22}${'b' * 43}"),
    callback_number=st.none() | NUMBERS,
    language=st.sampled_from([None, "nl", "pt-BR"]),
    speed_dials=st.dictionaries(st.sampled_from(["0", "1", "01", "99"]), NUMBERS, max_size=3),
    presets=st.dictionaries(NUMBERS, NUMBERS, max_size=2),
    notes=st.text(
        st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t='\",;+-@"),
        max_size=20,
    ),
)


# Shrinking tables takes longer than reading one.
@settings(max_examples=many(20), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(CALLERS, max_size=5, unique_by=lambda caller: caller.number))
def test_what_goes_out_comes_in_again_and_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, template: Path, callers: list[AuthorisedCaller]
) -> None:
    first, second = (World(tmp_path_factory.mktemp(name), template) for name in "ab")
    try:
        first.directory.apply(ADMIN, Kind.CALLERID, callers)
        assert first.done(first.give()) == Applied(same=len(callers))
        text = first.give(secrets=True)
        assert first.done(text) == Applied(same=len(callers))
        assert second.done(text) == Applied(created=len(callers))
        assert second.callers() == first.callers()
    finally:
        first.engine.dispose()
        second.engine.dispose()
