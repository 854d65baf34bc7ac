"""G2: ranges of numbers that are known for fraud: the file that is shipped, and any other."""

from __future__ import annotations

import re
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard import ranges as module
from controller.guard.ranges import Range, RangeKind, Ranges, RangesError, Source, parse, shipped

SOURCE = Source(title="Somebody", url="https://example.com/", dated="2026")
TEXT = (Path(module.__file__).parent / "ranges.toml").read_text(encoding="utf-8")

FILE = """\
dated = "2026-11-29"

[sources.us]
title = "Ourselves"
url = "https://example.com/"
dated = "2026-10"

[[range]]
why = "one_ring"
source = "us"
abroad = true
prefixes = [
    "+1809", # Dominican Republic
    "+222",
]

[[range]]
why = "premium"
source = "us"
prefixes = ["+1809900"]
"""


def ranges_of(prefixes: list[str]) -> Ranges:
    """Give ranges of these beginnings."""
    return Ranges(
        Range(prefix=prefix, why=RangeKind.ONE_RING, source=SOURCE) for prefix in prefixes
    )


# --- reading ---------------------------------------------------------------------------------


def test_g2_a_file_says_which_numbers_why_and_who_says_so() -> None:
    found = parse(FILE)
    assert (found.dated, len(found)) == ("2026-11-29", 3)
    one = found.of("+18095550199")
    assert one is not None
    assert (one.prefix, one.why, one.abroad) == ("+1809", RangeKind.ONE_RING, True)
    assert one.said == "known for one-ring scams (Ourselves, 2026-10: https://example.com/)"
    narrower = found.of("+18099005555")
    assert narrower is not None
    assert (narrower.prefix, narrower.why, narrower.abroad) == (
        "+1809900",
        RangeKind.PREMIUM,
        False,
    )
    assert found.of("+12125550199") is None
    # A day need not be quoted, and who has no ranges may say so.
    assert len(parse("dated = 2026-11-29")) == 0
    assert parse("dated = 2026-11-29").dated == "2026-11-29"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('dated = "2026-11-29"\n', "", "line 1: dated is missing"),
        ('"2026-11-29"', '"last week"', "line 1: dated: 'last week' is no day"),
        ('"2026-11-29"', '"2026-02-30"', "line 1: dated: '2026-02-30' is no day"),
        ('"2026-10"', '"October"', "line 3: sources.us: dated: 'October' is no date"),
        ('"+222"', '"222"', "line 14: '222' is no beginning of numbers"),
        ('"+222"', '"+0222"', "line 14: '+0222' is no beginning"),
        ('"+222"', '"+22a"', "line 14: '+22a' is no beginning"),
        ('"+222"', '"+\u0661\u0662"', "line 14: '+\u0661\u0662' is no beginning"),
        ('"+222"', '"+1809"', "line 14: +1809 stands twice"),
        ('["+1809900"]', '["+222"]', "line 20: +222 stands twice"),
        ('["+1809900"]', "[]", "line 17: range[1].prefixes: expected `array` of length"),
        ('["+1809900"]', "[1900]", "line 17: range[1].prefixes[0]: expected `str`"),
        (
            '"one_ring"',
            '"wangiri"',
            "line 8: range[0].why: 'wangiri' is none; write one of: satellite,",
        ),
        ('source = "us"\nabroad', 'source = "them"\nabroad', "line 8: there is no source 'them'"),
        ("abroad = true", "abroad = 1", "line 8: range[0].abroad: expected `bool`"),
        (
            "abroad = true",
            "broad = true",
            "line 8: range[0]: object contains unknown field `broad`",
        ),
        (
            'source = "us"\nabroad',
            "abroad",
            "line 8: range[0]: object missing required field `source`",
        ),
        ('title = "Ourselves"\n', "", "sources[...]: object missing required field `title`"),
        ("[[range]]", "[[ranges]]", "object contains unknown field `ranges`"),
        ("prefixes = [\n", "prefixes = \n", "is not TOML: "),
    ],
)
def test_g2_a_file_with_a_fault_is_refused_and_the_line_is_named(
    old: str, new: str, says: str
) -> None:
    assert old in FILE
    with pytest.raises(RangesError) as caught:
        parse(FILE.replace(old, new, 1))
    assert str(caught.value).startswith(says)


@given(st.text(max_size=40))
def test_g2_any_text_is_ranges_or_an_error_that_says_why(text: str) -> None:
    for whole in (text, FILE + text, FILE.replace("+222", text)):
        try:
            read = parse(whole)
        except RangesError as error:
            said = str(error)
        else:
            said = read.dated
        assert said


# --- looking up ------------------------------------------------------------------------------

digits = st.text("0123", min_size=1, max_size=6).map(lambda text: f"+1{text}")


@given(st.lists(digits, unique=True, max_size=12), digits)
def test_g2_the_narrowest_range_counts_as_a_slow_search_finds_it(
    prefixes: list[str], number: str
) -> None:
    fitting = [prefix for prefix in prefixes if number.startswith(prefix)]
    slow = max(fitting, key=len, default=None)
    found = ranges_of(prefixes).of(number)
    assert (None if found is None else found.prefix) == slow


def test_g2_ranges_are_equal_where_they_say_the_same() -> None:
    """Sessions that have them are compared."""
    assert parse(FILE) == parse(FILE)
    assert hash(parse(FILE)) == hash(parse(FILE))
    assert parse(FILE) != parse(FILE.replace("+222", "+223"))
    assert parse(FILE) != parse(FILE.replace("2026-11-29", "2026-11-28"))
    assert parse(FILE) != FILE


# --- what is shipped -------------------------------------------------------------------------


def test_g2_what_is_shipped_is_dated_and_each_entry_has_a_source() -> None:
    found = list(shipped())
    assert len(found) > 80
    assert re.match(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}\Z", shipped().dated)
    for one in found:
        assert one.source.title
        assert one.source.url.startswith(("http://", "https://"))
    used = {one.source.title for one in found}
    # A source that nothing was taken from would only look well.
    assert len(used) == TEXT.count("\n[sources.")


@pytest.mark.parametrize("one", list(shipped()), ids=lambda one: str(one.prefix))
def test_g2_a_country_whose_numbers_are_ordinary_at_home_is_one(one: Range) -> None:
    """`abroad` ranges are a country's, or a part of one's; no other code begins so."""
    codes = [
        code
        for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE
        if one.prefix.startswith(f"+{code}") or f"+{code}".startswith(one.prefix)
    ]
    assert len(codes) <= 1
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[codes[0]] if codes else ("001",)
    assert one.abroad == (regions != ("001",) and one.why is not RangeKind.SATELLITE)


@pytest.mark.parametrize(
    ("country", "prefix"),
    [
        # Federal Trade Commission: 268, 284, 473, 664, 649, 767, 809, 829, 849 and 876.
        *(("AG", "+1268"), ("VG", "+1284"), ("GD", "+1473"), ("MS", "+1664"), ("TC", "+1649")),
        *(("DM", "+1767"), ("DO", "+1809"), ("JM", "+1876")),
        # Federal Communications Commission.
        *(("MR", "+222"), ("SL", "+232")),
        # Bundesnetzagentur, December 2017 and February 2018.
        *(("AL", "+355"), ("BJ", "+229"), ("BA", "+387"), ("BI", "+257"), ("CI", "+225")),
        *(("GN", "+224"), ("YE", "+967"), ("LR", "+231"), ("MG", "+261"), ("MV", "+960")),
        *(("ML", "+223"), ("MA", "+212"), ("MK", "+389"), ("RS", "+381"), ("SC", "+248")),
        *(("SO", "+252"), ("SD", "+249"), ("TZ", "+255"), ("TD", "+235"), ("TN", "+216")),
        *(("UG", "+256"), ("KM", "+269"), ("WS", "+685"), ("ZW", "+263"), ("DZ", "+213")),
        *(("NR", "+674"), ("GY", "+592"), ("FM", "+691"), ("HT", "+509"), ("TO", "+676")),
        *(("GW", "+245"), ("SN", "+221")),
        # Carriers and ComReg.
        *(("CU", "+53"), ("LV", "+371"), ("SI", "+386"), ("AZ", "+994"), ("MC", "+377")),
        *(("GM", "+220"), ("ST", "+239"), ("CK", "+682"), ("TK", "+690"), ("IO", "+246")),
    ],
)
def test_g2_numbers_of_places_that_were_warned_of_are_in_their_range(
    country: str, prefix: str
) -> None:
    example = phonenumbers.example_number(country)
    assert example is not None
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    found = shipped().of(number)
    assert found is not None
    assert found.prefix == prefix


@pytest.mark.parametrize("country", ["US", "CA", "PR", "GB", "DE", "FR", "AU", "IN", "CN", "BR"])
def test_g2_ordinary_numbers_are_in_none(country: str) -> None:
    kinds = phonenumbers.PhoneNumberType
    for kind in (kinds.FIXED_LINE, kinds.MOBILE, kinds.TOLL_FREE):
        example = phonenumbers.example_number_for_type(country, kind)
        if example is not None:
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert shipped().of(number) is None
