"""M1, M2: amounts and times are read and written exactly, and what is neither is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy import amounts, moments
from controller.policy.fields import MOST_MICROS

_LAST = (datetime(9999, 12, 31, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days * 86_400


@given(st.integers(-MOST_MICROS, MOST_MICROS), st.integers(0, 3))
def test_m1_an_amount_that_is_written_is_read_as_it_was(amount: int, digits: int) -> None:
    text = amounts.written(amount, digits)
    assert amounts.counted(text) == amount
    assert len(text.partition(".")[2]) >= digits


@pytest.mark.parametrize(
    ("text", "amount"),
    [("0.0125", 12_500), ("12", 12_000_000), ("-0.5", -500_000), ("+1.000001", 1_000_001)],
)
def test_m2_an_amount_is_of_the_currencys_unit(text: str, amount: int) -> None:
    assert amounts.counted(text) == amount


@pytest.mark.parametrize(
    "text", ["", "0,5", "1.", ".5", "1e3", " 1", "1 000", "0.0000001", "9" * 13, "nan", "\u0661"]
)
def test_m2_what_is_no_amount_is_refused_and_nothing_is_rounded(text: str) -> None:
    with pytest.raises(ValueError, match=r"no amount|more than 6 digits"):
        amounts.counted(text)


@given(st.integers(0, _LAST * 1_000_000))
def test_a_time_that_is_written_is_read_as_it_was(when: int) -> None:
    assert moments.counted(moments.written(when)) == when


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_times_sort_as_they_are_written(one: int, other: int) -> None:
    assert (one < other) == (moments.written(one) < moments.written(other))


def test_a_time_is_written_in_one_way() -> None:
    said = "2027-01-01T00:00:00.000000Z"
    for text in ("2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00", said):
        assert moments.canonical(text) == said


@pytest.mark.parametrize(
    "text",
    [
        "2027-01-01", "2027-01-01 00:00:00Z", "2027-01-01T00:00:00", "2027-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z", "2027-01-01T00:00:00+99:99", "20270101T000000Z", "",
        # There, in the year 9999 or 1; in UTC the year after or before, which nobody can write.
        "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+00:01",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        moments.canonical(text)
