"""Calls at the points where examples begin, and what a caller hears of them."""

from __future__ import annotations

from typing import Any

import msgspec

from controller.callback.effects import (
    Ask,
    Bridge,
    Hangup,
    Record,
    Tell,
)
from controller.callback.said import Prompt
from controller.callback.states import Return
from controller.policy.model import Policy

from .given import MEMBER, POLICY
from .switch_leg import SwitchLeg


def policy(**settings: Any) -> Policy:
    """Give a policy without a password, with other settings."""
    return msgspec.structs.replace(POLICY, **settings)


def called(wanted: Policy = POLICY, **more: Any) -> SwitchLeg:
    """Give a call that was just answered."""
    leg = SwitchLeg(wanted, **more)
    leg.attach()
    return leg


def at_destination(wanted: Policy = POLICY, **more: Any) -> SwitchLeg:
    """Give a call at the question for the destination."""
    leg = called(wanted, **more)
    if isinstance(leg.running, Ask):
        leg.type("1234")
        leg.checked(True)
    assert leg.session.state is Return.DESTINATION
    return leg


def at_menu(**settings: Any) -> SwitchLeg:
    """Give a call at the menu."""
    leg = called(policy(credit_query=True, **settings), caller=MEMBER)
    assert leg.session.state is Return.MENU
    return leg


def bridging(wanted: Policy = POLICY, **more: Any) -> SwitchLeg:
    """Give a call whose destination is being called."""
    leg = at_destination(wanted, **more)
    leg.press("2125550123#")
    assert leg.session.state is Return.BRIDGING
    return leg


def prompts(leg: SwitchLeg) -> tuple[Prompt, ...]:
    """Give what is being said."""
    assert isinstance(leg.running, (Ask, Tell))
    return leg.running.prompts


def number(leg: SwitchLeg) -> str:
    """Give what is being called."""
    assert isinstance(leg.running, Bridge)
    return leg.running.number


def ends(leg: SwitchLeg) -> str:
    """Let a call end after its last sentence; give how it was recorded."""
    leg.played()
    assert isinstance(leg.running, Hangup)
    leg.end()
    return record(leg).outcome


def record(leg: SwitchLeg) -> Record:
    """Give the one record of a call that is over."""
    (found,) = [e for e in leg.effects if isinstance(e, Record)]
    return found
