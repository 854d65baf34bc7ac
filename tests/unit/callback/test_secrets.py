"""A4: digits that somebody typed are never seen where sessions, events and effects are shown."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controller.callback import conversation
from controller.callback.effects import CheckPassword
from controller.callback.events import PasswordChecked, Secret, StepDone
from controller.callback.states import Return
from controller.callback.transcript import words
from controller.policy.model import Policy

from .given import OTHER, POLICY, WITH_PASSWORD
from .switch_leg import SwitchLeg

#: Digits that stand in nothing else that is shown.
passwords = st.from_regex(r"\A[0-9]{9,20}\Z").filter(lambda digits: digits not in "+12025550100")


def shown(thing: Any) -> str:
    """Give everything that printing, logging or encoding shows of a thing."""
    parts = [repr(thing), str(thing), f"{thing}", f"{thing!r}", format(thing)]
    with contextlib.suppress(TypeError):
        parts.append(msgspec.json.encode(thing).decode())
    with contextlib.suppress(TypeError):
        parts.append(repr(msgspec.to_builtins(thing)))
    with contextlib.suppress(TypeError):
        parts.append(repr(msgspec.structs.asdict(thing)))
    return " ".join(parts)


@given(passwords)
def test_a4_a_typed_password_shows_in_no_session_event_or_effect(digits: str) -> None:
    leg = SwitchLeg(WITH_PASSWORD)
    leg.attach()
    event = StepDone(1, digits=Secret(digits))
    after, effects = conversation.step(leg.session, event, leg.now)
    assert after.state is Return.CHECKING
    check = next(e for e in effects if isinstance(e, CheckPassword))
    things: list[object] = [event, after, check, *effects]
    for right in (True, False, None):
        later, more = conversation.step(after, PasswordChecked(check.step, right), leg.now)
        things += [later, *more]
    for thing in things:
        assert digits not in shown(thing)
    # To the one place that checks it, it is there.
    assert check.digits.reveal() == digits


WITH_A_LIST = msgspec.structs.replace(
    POLICY, caller_passwords=True, credit_query=True, human_check=True
)


@given(
    # No digit twice: of two of a kind nobody knows whether the second was seen and read too.
    # Nor is it a telephone number, which may be written down.
    st.permutations("123456789").map(lambda digits: "0" + "".join(digits)),
    st.sampled_from([WITH_PASSWORD, WITH_A_LIST]),
    st.sampled_from([True, False, None]),
    st.integers(0, 9),
)
def test_a4_a_typed_password_is_in_no_session_effect_stage_or_words_of_a_call(
    digits: str, policy: Policy, right: bool | None, early: int
) -> None:
    """Wherever it is typed: even where one key after the other was seen, and as a number (A5)."""
    leg = SwitchLeg(policy)
    leg.attach()
    things: list[object] = [leg.session]
    if policy is WITH_A_LIST:
        leg.press("1")
        leg.press(f"2*{digits}#")
        things.append(leg.session)
    leg.press(f"{digits}#", early=early)
    assert leg.session.state is Return.CHECKING
    things.append(leg.session)
    leg.checked(right, member=OTHER if right and policy is WITH_A_LIST else None)
    leg.hand_over()
    things += [leg.session, leg.stage, *leg.effects, *words(leg.effects)]
    for thing in things:
        assert digits not in shown(thing)


def test_a4_a_secret_prints_as_stars_and_is_not_encoded() -> None:
    secret = Secret("4711")
    assert repr(secret) == str(secret) == "Secret(***)"
    assert "4711" not in shown(secret)
    assert "4711" not in shown([secret, {"digits": secret}])


def test_secrets_compare_by_their_digits() -> None:
    assert Secret("4711") == Secret("4711") != Secret("4712")
    assert hash(Secret("4711")) == hash(Secret("4711"))
    assert Secret("4711") != "4711"
