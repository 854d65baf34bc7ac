"""T4, G1: who rang, from what a stranger wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.guard.destinations import refusal_of_return_call
from controller.numbers.caller import Caller, identify
from controller.numbers.e164 import is_e164
from controller.policy.model import Policy

ABUSE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "abuse-cases.json").read_text(encoding="utf-8")
)
POLICY = Policy(
    extension="100",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550100",),
    default_caller_id="+12025550100",
)
WORLDWIDE = Policy(
    extension="100",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550100",),
    default_caller_id="+12025550100",
    return_countries=("US", "GB", "DE"),
)

#: Why each hostile CallerID is not called back.
REASONS = {
    "": "hidden",
    "anonymous": "hidden",
    "Anonymous": "hidden",
    "restricted": "hidden",
    "unavailable": "hidden",
    "+19005550100": "costly_number",
    "+8811234567": "not_a_number",
    "+8821234567": "not_a_number",
    "+9791234567": "not_a_number",
    "+4470123456789": "not_a_number",
}


@pytest.mark.parametrize("number", ABUSE["caller_id_number"])
@pytest.mark.parametrize("policy", [POLICY, WORLDWIDE], ids=["own country", "several"])
def test_g1_no_hostile_callerid_is_called_back_and_each_has_its_reason(
    number: str, policy: Policy
) -> None:
    written = "1" * 5000 if number == "a string of 5000 digits" else number
    caller = identify(written, None, (), policy.country)
    reason = caller.reason
    if caller.number is not None:
        assert is_e164(caller.number)
        reason = refusal_of_return_call(caller.number, policy)
    assert reason == REASONS.get(number, "not_digits")


@pytest.mark.parametrize("name", ABUSE["caller_id_name"])
def test_g1_nothing_of_a_hostile_name_goes_on(name: str) -> None:
    assert identify("+12125550199", name, (), "US") == Caller(number="+12125550199")
    assert identify(name, None, (), "US").number is None


@pytest.mark.parametrize(
    "spelling",
    [
        "", " ", "anonymous", "ANONYMOUS", "Anonymous ", "anonym", "Restricted", "private",
        "Private Number", "unavailable", "UNKNOWN", "Unknown Caller", "caller unknown",
        "withheld", "Number Withheld", "number-withheld", "Caller ID withheld", "hidden",
        "blocked", "Blocked Call", "No Caller ID", "nocallerid", "no_caller_id", "Anonymous Caller",
    ],
)  # fmt: skip
def test_t4_a_number_withheld_in_any_usual_spelling_is_hidden(spelling: str) -> None:
    assert identify(spelling, None, (), "US") == Caller(reason="hidden")
    if spelling.strip():
        assert identify("+12125550199", spelling, (), "US") == Caller(reason="hidden")


@pytest.mark.parametrize(
    "name", [None, "", " ", "Ann Onymous", "Private Bank", "Unknown Pleasures"]
)
def test_t4_an_empty_name_and_one_that_only_begins_so_hide_nobody(name: str | None) -> None:
    assert identify("+12125550199", name, (), "US").number == "+12125550199"


@pytest.mark.parametrize(
    "wish", ["id", "ID", "user", "header", "session", "id;critical", "true", " id "]
)
def test_t4_a_wish_for_privacy_hides_a_number_that_is_still_there(wish: str) -> None:
    assert identify("+12125550199", "Ann", (None, wish), "US") == Caller(reason="hidden")


@pytest.mark.parametrize("wish", [None, "", "none", "None", " none ", "false", "no", "off"])
def test_t4_no_wish_for_privacy_hides_nobody(wish: str | None) -> None:
    assert identify("+12125550199", "Ann", (wish,), "US") == Caller(number="+12125550199")


def test_g1_a_from_that_held_what_no_number_holds_is_none() -> None:
    """The event socket gives None for control characters and bytes that are no text."""
    assert identify(None, "Ann", (), "US") == Caller(reason="not_digits")


@given(
    st.text(max_size=30),
    st.one_of(st.none(), st.text(max_size=30)),
    st.sampled_from(["US", "GB", "DE"]),
)
def test_g1_whatever_is_written_gives_e164_or_a_reason(
    user: str, display: str | None, country: str
) -> None:
    caller = identify(user, display, (), country)
    assert (caller.number is None) != (caller.reason is None)
    assert caller.number is None or is_e164(caller.number)
    assert caller.reason in (None, "hidden", "not_digits", "not_a_number")
