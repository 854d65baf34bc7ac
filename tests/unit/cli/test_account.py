"""Accounts on the command line: amounts are exact, whatever is typed."""

from __future__ import annotations

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.commands.shown import micros, money

from .running import Run, ok, refused, said, shown, told


@pytest.fixture
def rich(stocked: Run) -> Run:
    """Extension 100 has an account, and so has one of its authorised CallerIDs."""
    ok(stocked("callerid", "add", "100", "+12125550199"))
    ok(stocked("account", "add", "100", "--currency", "EUR"))
    ok(stocked("account", "add", "100/+12125550199", "--currency", "JPY", "--unlimited"))
    return stocked


def test_m1_an_account_is_of_an_extension_or_of_an_authorised_callerid(rich: Run) -> None:
    own = said(rich("account", "show", "100", "--json"))
    callers = said(rich("account", "show", "100/+12125550199", "--json"))
    assert (own["extension"], own["caller"], own["unlimited"]) == ("100", None, False)
    assert (callers["extension"], callers["caller"]) == ("100", "+12125550199")
    assert callers["unlimited"] is True
    assert said(rich("account", "show", own["id"], "--json")) == own
    refused(rich("account", "show", "200"), "there is no account of 200", "account add 200")
    refused(rich("account", "show", "100/+12125550100"), "there is no account of 100/+1212")
    refused(rich("account", "show", "0" * 36), "there is no account")
    refused(rich("account", "add", "100/+1212", "--currency", "EUR"), "caller: ")
    refused(rich("account", "add", "100", "--currency", "XXX"), "currency: 'XXX' is none")
    assert rich("account", "set", "100", "--currency", "USD").exit_code == 2


def test_m8_a_top_up_and_a_correction_are_entries(rich: Run) -> None:
    topped = rich("account", "top-up", "100", "12.50", "--order", "A-1", "--notes", "by bank")
    assert ok(topped) == "100: 12.50 EUR, left 12.50 EUR\n"
    corrected = rich("account", "correct", "100", "-0.123456")
    assert ok(corrected) == "100: -0.123456 EUR, left 12.376544 EUR\n"
    entries = said(rich("account", "entries", "100", "--json"))
    assert [(e["position"], e["kind"], e["amount"], e["left_after"]) for e in entries] == [
        (1, "top_up", 12_500_000, 12_500_000),
        (2, "correction", -123_456, 12_376_544),
    ]
    assert (entries[0]["order_number"], entries[0]["notes"]) == ("A-1", "by bank")
    assert entries[0]["created"].endswith("Z")
    printed = told(ok(rich("account", "entries", "100")))
    assert "top_up 12.50 EUR 12.50 EUR A-1" in printed[1]
    assert shown(ok(rich("account", "show", "100")))["balance"] == "12.376544 EUR"
    assert len(said(rich("account", "entries", "100", "--limit", "1", "--json"))) == 1
    refused(rich("account", "remove", "100", "--yes"), "it has entries")


def test_m1_the_same_key_again_changes_nothing(rich: Run) -> None:
    top_up = ("account", "top-up", "100", "5", "--order", "A-1", "--key", "bank/77")
    first = said(rich(*top_up, "--json"))
    again = rich(*top_up)
    assert ok(again) == "100: 5.00 EUR, left 5.00 EUR\n"
    assert "made before; nothing changed" in again.stderr
    assert said(rich(*top_up, "--json")) == first
    refused(rich(*top_up[:3], "6", *top_up[4:]), "key: bank/77 stands for another entry")
    assert said(rich("account", "show", "100", "--json"))["balance"] == 5_000_000


def test_m1_unlimited_plus_an_amount_stays_unlimited(rich: Run) -> None:
    topped = rich("account", "top-up", "100/+12125550199", "500", "--order", "A-2")
    assert ok(topped) == "100/+12125550199: 500 JPY, left 500 JPY, unlimited\n"


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("12.1234567", "more than 6 digits"),
        ("twelve", "is no amount"),
        ("1e3", "is no amount"),
        ("12,50", "is no amount"),
        ("1.", "is no amount"),
        (".5", "is no amount"),
        ("", "is no amount"),
        ("٣", "is no amount"),
        ("0", "amount: nothing would change"),
        ("9999999999999", "is no amount"),
        ("999999999999", "amount: write a whole number, at most "),
    ],
)
def test_an_amount_that_cannot_be_is_refused(rich: Run, amount: str, says: str) -> None:
    refused(rich("account", "top-up", "100", amount, "--order", "A-1"), says)
    assert said(rich("account", "entries", "100", "--json")) == []


def test_a_top_up_adds_and_has_its_order(rich: Run) -> None:
    assert rich("account", "top-up", "100", "5").exit_code == 2
    refused(rich("account", "top-up", "100", "-5", "--order", "A"), "account correct")
    refused(rich("account", "top-up", "--order", "A", "--", "100", "-5"), "amount: a top-up adds")


@given(st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "JPY", "BHD", "CLF"]))
def test_an_amount_is_read_as_it_was_printed(amount: int, currency: str) -> None:
    text, code = money(amount, currency).split()
    assert code == currency
    assert micros(text) == amount


@pytest.mark.parametrize(
    ("amount", "printed"),
    [
        ("0.1", "0.10 EUR"),
        ("+12.5", "12.50 EUR"),
        ("-0.000001", "-0.000001 EUR"),
        ("007", "7.00 EUR"),
        ("0.30000", "0.30 EUR"),
    ],
)
def test_money_is_printed_with_the_digits_of_its_currency(amount: str, printed: str) -> None:
    assert money(micros(amount), "EUR") == printed


def test_an_amount_never_goes_by_floating_point() -> None:
    assert micros("123456789.123456") == 123_456_789_123_456
    with pytest.raises(click.ClickException):
        micros("nan")
