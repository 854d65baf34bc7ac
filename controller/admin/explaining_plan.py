"""How a destination would be called (I9), by the functions that calls go by."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from controller.admin.explained import Recognised
from controller.admin.explaining_channels import Names
from controller.admin.explaining_number import Destination
from controller.admin.explaining_reading import RouteSettings, Rung
from controller.callerid.model import Numbers
from controller.policy.model import Policy
from controller.policy.trunks import Trunks
from controller.routing.choosing import choose
from controller.routing.model import Candidate, Plan
from controller.routing.planning import (
    plan_destination,
    plan_emergency,
    plan_internal,
    refused,
)


class Question(msgspec.Struct, frozen=True):
    """A destination that is asked about, and what is known of who would dial it."""

    policy: Policy
    destination: Destination
    trunks: Trunks
    names: Names
    rung: Rung
    numbers: Numbers


def planned(
    question: Question, route: RouteSettings, troubles: Mapping[str, str], at: int
) -> tuple[tuple[Candidate, ...], Plan]:
    """Give the channels that take a destination, and its plan, as a call would find them."""
    policy, destination, names = question.policy, question.destination, question.names
    number = destination.number
    if destination.refusal is not None:
        return (), refused(destination.refusal)
    if destination.recognised is Recognised.EMERGENCY:
        channel = question.trunks.get(route.emergency_channel)
        if channel is None:
            return (), refused("emergency")
        return (), plan_emergency(number, names.channel(channel), route.emergency_caller_id)
    if destination.recognised is Recognised.INTERNAL:
        caller = question.rung.caller.number or ""
        gateway = names.of(route.internal_gateway)
        return (), plan_internal(number, gateway, policy=policy, caller=caller)
    choice = names.choice(choose(number, question.trunks.channels, troubles, at))
    return choice.candidates, plan_destination(
        number,
        choice.candidates,
        choice.passed,
        policy=policy,
        numbers=names.numbers(question.numbers),
        rang=question.rung.rang,
        domain=route.domain,
        # Of several at random, the first is the example.
        pick=lambda _: 0,
    )
