"""A return call that is played through and not made (I9): what its transcript would have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callback.events import Credit
from controller.callback.rehearsing import Rehearsal
from controller.callback.return_session import ReturnSession

from .calls import policy
from .given import CALLER, DID, HASH, MEMBER, NOW, OTHER, plan, policies

DIALS = "2125550123"
ENTER = ("said", "destination_enter")
CALLED = ("called", "+12125550123")


def played(wanted: Any = None, **more: Any) -> Rehearsal:
    """Play a call; `more` is of the session, or of the rehearsal."""
    own: dict[str, Any] = {
        "dials": DIALS,
        "plan_of": lambda _: plan("one"),
        "credit": None,
        "member": None,
    }
    own |= {name: more.pop(name) for name in list(own) if name in more}
    session = ReturnSession(
        leg="leg", request="request", policy=wanted or policy(), did=DID, number=CALLER, **more
    )
    call = Rehearsal(session, now=NOW, **own)
    call.play()
    return call


def lines(call: Rehearsal) -> list[tuple[str, str]]:
    """Give its lines."""
    return [(one.what, one.text) for one in call.lines]


def test_i9_who_is_asked_nothing_dials_and_talks() -> None:
    call = played()
    assert lines(call) == [ENTER, ("typed", f"{DIALS}#"), CALLED]
    assert call.connected


def test_a1_t9_what_is_asked_first_is_answered() -> None:
    call = played(policy(human_check=True, password_hash=HASH))
    assert lines(call)[:5] == [
        ("said", "human_check"),
        ("typed", "1"),
        ("said", "password_enter"),
        ("typed", "(password)"),
        ("decided", "password_right"),
    ]
    assert call.connected


def test_c1_who_may_hear_his_credit_chooses_a_call() -> None:
    call = played(policy(credit_query=True), caller=MEMBER)
    assert lines(call)[:2] == [("said", "credit_menu"), ("typed", "2")]
    assert call.connected


def test_d5_c1_a_preset_is_called_by_itself() -> None:
    member = type(MEMBER)(extension="100", number=CALLER, presets={DID: "+12125550123"})
    call = played(policy(), caller=member, credit=Credit(5_000_000, "USD"))
    assert lines(call) == [CALLED]
    assert call.connected


def test_d6_how_long_it_may_last_is_said_before_it_is_called() -> None:
    call = played(policy(say_time_left=True, longest_call_seconds=600))
    said = [text for what, text in lines(call) if what == "said"]
    assert "(600 s)" in said[-1]
    assert call.connected


@pytest.mark.parametrize(
    ("dials", "decided"),
    [("9005550100", "number_not_allowed"), ("12", "speed_dial_unknown")],
)
def test_g2_d3_what_is_not_called_is_said_and_that_is_the_end(dials: str, decided: str) -> None:
    call = played(dials=dials)
    assert ("decided", decided) in lines(call)
    assert not call.connected


def test_i4_without_a_way_he_is_told_so() -> None:
    call = played(plan_of=lambda _: plan())
    assert ("decided", "not_called no_channel") in lines(call)
    assert not call.connected


def test_i9_who_dials_nothing_is_left_at_the_question() -> None:
    call = played(dials="")
    assert lines(call) == [ENTER]
    assert not call.connected


def test_a5_who_is_not_on_the_list_is_asked_for_whom_he_calls() -> None:
    wanted = policy(caller_passwords=True)
    assert lines(played(wanted)) == [("said", "number_enter")]
    call = played(wanted, member=OTHER)
    assert ("typed", OTHER.number) in lines(call)
    assert call.connected


@given(policies, st.text("0123456789*", max_size=24), st.sampled_from([None, MEMBER, OTHER]))
def test_i9_any_call_ends(wanted: Any, dials: str, caller: Any) -> None:
    """Whatever the policy, and whatever is dialled; no password is ever told."""
    call = played(wanted, dials=dials, caller=caller)
    assert len(call.lines) < 60
    assert "0000" not in [text for _, text in lines(call)]
