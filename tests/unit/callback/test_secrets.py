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

from .given import WITH_PASSWORD
from .switch_leg import SwitchLeg

#: Digits that stand in nothing else that is shown.
passwords = st.from_regex(r"[0-9]{9,20}\Z").filter(lambda digits: digits not in "+12025550100")


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


def test_a4_a_secret_prints_as_stars_and_is_not_encoded() -> None:
    secret = Secret("4711")
    assert repr(secret) == str(secret) == "Secret(***)"
    assert "4711" not in shown(secret)
    assert "4711" not in shown([secret, {"digits": secret}])


def test_secrets_compare_by_their_digits() -> None:
    assert Secret("4711") == Secret("4711") != Secret("4712")
    assert hash(Secret("4711")) == hash(Secret("4711"))
    assert Secret("4711") != "4711"
