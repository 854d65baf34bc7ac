"""What is typed into fields, and the values that it stands for (O2)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some
from werkzeug.datastructures import MultiDict

from controller.policy.moments import written
from controller.web.pages.fields import Field, Typed, Widget, Wrong
from controller.web.pages.rows import hours_of, instant_of, moment_of, moment_words
from controller.web.pages.typed import beginning_of, typed_by, typed_of, value_of

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIMES = some.builds("{:02}:{:02}".format, some.integers(0, 23), some.integers(0, 59))
_HOURS = some.builds(
    "{} {}-{}".format,
    some.one_of(
        some.sampled_from(_DAYS),
        some.permutations(_DAYS).map(lambda days: f"{days[0]}-{days[1]}"),
    ),
    _TIMES,
    _TIMES | some.just("24:00"),
)
_BEGINNINGS = some.from_regex(r"\+?[0-9]{0,15}", fullmatch=True)
_PREFIXES = some.from_regex(r"\+([1-9][0-9]{0,14})?", fullmatch=True)
_MOMENTS = some.integers(0, 4 * 10**15).map(written)

#: Values of each kind of field that has more than a text.
VALUES = {
    Widget.ORDER: some.lists(some.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True),
    Widget.ROWS: some.dictionaries(_BEGINNINGS, _BEGINNINGS, min_size=1).filter(
        lambda rows: rows.get("") != ""
    ),
    Widget.HOURS: some.lists(_HOURS, min_size=1),
    Widget.PRICED: some.dictionaries(_PREFIXES, some.integers(0, 10**15)),
    Widget.MOMENT: _MOMENTS,
    Widget.INSTANT: some.integers(0, 10**11),
    Widget.MONEY: some.integers(-(10**15), 10**15),
    Widget.PAIRS: some.dictionaries(
        some.from_regex("[a-z]{1,5}", fullmatch=True),
        some.from_regex("[a-z=]{1,5}", fullmatch=True),
    ),
}


def sent(field: Field, value: Any) -> MultiDict[str, str]:
    """Give what a browser sends of a field in which this value stands."""
    typed, found = typed_of(field, value), MultiDict[str, str]()
    columns = range(max((len(row) for row in typed.rows), default=0))
    for column in columns:
        # A row for those to come is always there, and empty.
        found.setlist(f"{field.name}.{column}", [row[column] for row in typed.rows] + [""])
    if not typed.rows:
        found.setlist(field.name, list(typed.chosen) or [typed.text.replace("\n", "\r\n")])
    return found


@pytest.mark.parametrize("widget", VALUES)
@given(data=some.data())
def test_o2_what_stands_in_a_field_is_read_as_what_it_was(widget: Widget, data: Any) -> None:
    """O2: of every value; so that whoever saves a page changes nothing that he did not touch."""
    value = data.draw(VALUES[widget])
    field = Field(name="it", label="", help="", widget=widget)
    typed = typed_by(field, sent(field, value))
    assert typed == typed_of(field, value)
    assert typed is not None
    assert value_of(field, typed) == value


@given(text=some.text())
@pytest.mark.parametrize("widget", [Widget.TEXT, Widget.LONG])
def test_o2_a_text_that_nobody_touched_is_what_stood_there(widget: Widget, text: str) -> None:
    """O2: with spaces around it, and ends of lines as nobody types them."""
    if widget is Widget.TEXT:
        text = text.replace("\r", "").replace("\n", "")
    field = Field(name="it", label="", help="", widget=widget)
    assert typed_by(field, sent(field, text)) == typed_of(field, text)


@pytest.mark.parametrize("widget", [Widget.TEXT, Widget.NUMBER, Widget.PHONE, Widget.MOMENT])
def test_o2_spaces_around_what_is_typed_are_none_of_it(widget: Widget) -> None:
    field = Field(name="it", label="", help="", widget=widget)
    typed = typed_by(field, MultiDict({"it": " 2027 "})) or Typed()
    if widget is Widget.MOMENT:
        typed = Typed(text=" 2027-01-31 ")
        assert value_of(field, typed) == "2027-01-31T00:00:00.000000Z"
    else:
        assert value_of(field, typed) == (2027 if widget is Widget.NUMBER else "2027")
    assert value_of(field, Typed(text="  ")) is None


@given(text=some.text())
@pytest.mark.parametrize(
    "widget",
    [Widget.PRICED, Widget.MOMENT, Widget.INSTANT, Widget.MONEY, Widget.PAIRS, Widget.NUMBER],
)
def test_g1_whatever_is_typed_is_read_or_said_to_be_wrong(widget: Widget, text: str) -> None:
    field = Field(name="it", label="", help="", widget=widget)
    typed = typed_by(field, MultiDict({"it": text}))
    assert typed is not None
    try:
        value = value_of(field, typed)
    except Wrong:
        return
    msgspec.json.encode(value)


@given(cells=some.lists(some.lists(some.text(), max_size=3), min_size=4, max_size=4))
@pytest.mark.parametrize("widget", [Widget.HOURS, Widget.ROWS])
def test_g1_whatever_is_typed_in_rows_is_read_or_said_to_be_wrong(
    widget: Widget, cells: list[list[str]]
) -> None:
    field = Field(name="it", label="", help="", widget=widget)
    found = MultiDict[str, str]()
    for column, texts in enumerate(cells):
        found.setlist(f"it.{column}", texts)
    typed = typed_by(field, found)
    if typed is not None:
        with suppress(Wrong):
            value_of(field, typed)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2027-01-31", "2027-01-31T00:00:00.000000Z"),
        ("2027-01-31 12:00", "2027-01-31T12:00:00.000000Z"),
        ("2027-01-31 12:00:01.5 UTC", "2027-01-31T12:00:01.500000Z"),
        ("2027-01-31T12:00:00+02:00", "2027-01-31T10:00:00.000000Z"),
        ("2027-01-31T12:00:00.123456Z", "2027-01-31T12:00:00.123456Z"),
    ],
)
def test_o2_a_time_is_written_in_several_ways(text: str, read: str) -> None:
    assert moment_of(text) == read
    assert moment_of(moment_words(read)) == read
    assert instant_of("2027-01-31") == 1_801_353_600


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow",
        "2027-02-30",
        "2027-1-1",
        "31.01.2027",
        "2027-01-31 25:00",
        "0000-01-01",
        "9999-12-31 23:59-23:59",
        "\u0662\u0660\u0662\u0667-01-01",
    ],
)
def test_o2_what_is_no_time_is_said_to_be_none(text: str) -> None:
    with pytest.raises(Wrong):
        moment_of(text)


@pytest.mark.parametrize("widget", [Widget.NUMBER, Widget.COUNT])
@pytest.mark.parametrize("text", ["--5", "-", "5-", "+5", "5.0", "1" * 19])
def test_g1_what_is_no_whole_number_is_said_to_be_none(widget: Widget, text: str) -> None:
    """G1: never a fault of ours."""
    field = Field(name="f", label="f", help="f", widget=widget)
    with pytest.raises(Wrong):
        value_of(field, typed_by(field, MultiDict({"f": text})) or Typed())


@pytest.mark.parametrize(
    "text", ["1,000", "25,000", "1.000,50", "1,000.50", "1,000,000", "1_000", "1e3"]
)
def test_m1_an_amount_that_can_be_read_in_two_ways_is_not_guessed(text: str) -> None:
    """M1: a thousand never becomes one because of where the comma is."""
    field = Field(name="f", label="f", help="f", widget=Widget.MONEY)
    with pytest.raises(Wrong):
        value_of(field, Typed(text=text))


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("12,5", 12_500_000),
        ("0,125", 125_000),
        ("-0,125", -125_000),
        ("1000,125000", 1_000_125_000),
        ("1.000", 1_000_000),
        (".5", 500_000),
        ("+3", 3_000_000),
    ],
)
def test_m1_an_amount_has_a_point_or_a_comma(text: str, micros: int) -> None:
    """M1: as it is written where one lives."""
    field = Field(name="f", label="f", help="f", widget=Widget.MONEY)
    assert value_of(field, Typed(text=text)) == micros


@pytest.mark.parametrize(
    ("text", "read"),
    [("+1 (202) 555-01", "+120255501"), ("1202", "+1202"), ("+", "+"), ("", ""), ("x1", "x1")],
)
def test_o2_numbers_are_looked_for_as_they_are_typed(text: str, read: str) -> None:
    """O2: what stands between the digits is left out; all numbers begin with a plus."""
    assert beginning_of(text) == read


@pytest.mark.parametrize(
    "text", ["25:00", "8", "08:60", "24:01", "\N{ARABIC-INDIC DIGIT ZERO}8:00", "noon"]
)
def test_o2_what_is_no_time_of_day_is_said_to_be_none(text: str) -> None:
    """O2: in the words of the row, and not of the text that is kept."""
    with pytest.raises(Wrong, match="is no time of day; write one such as 08:00"):
        hours_of([("mon", "fri", "8:00", text)])
    assert hours_of([("mon", "fri", "8:00", "24:00")]) == ["mon-fri 08:00-24:00"]
