"""What it costs to decide over which channels a call goes and what each shows (I1-I7).

Three channels that take the number, among which ten assigned numbers are spread: what is measured
is choosing the channels and planning the call, each time to a number that was never called before.
The peer is a whole conversation of the controller, in the same run: as many such plans as it makes,
those of its destinations and of its return call, in parts of all that it costs the CPU. The trigger
call before it is not counted: the share of a whole callback is less.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

from bench.conversations import drive
from bench.processes import free_port
from bench.switch_side import CALLS, Plan
from controller.callerid.model import Numbers, Rang
from controller.policy.channels import Channel, NumberFormat
from controller.policy.fields import Choice
from controller.policy.model import Policy
from controller.routing.choosing import choose
from controller.routing.planning import plan_destination, plan_return

#: Channels that take each number; numbers assigned to the extension, spread among them.
CHANNELS: Final = 3
ASSIGNED: Final = 10
#: Plans of a run, and runs; the median counts.
PLANS: Final = 5_000
RUNS: Final = 9
#: Conversations at a time, for how long they are measured, and how much quicker people are than
#: people: one conversation costs what it costs.
SESSIONS: Final = 100
SECONDS: Final = 20.0
PACE: Final = 0.1
DID: Final = "+12025550100"
_NOW: Final = 1_780_000_000_000_000


def channels(number_format: NumberFormat) -> list[Channel]:
    """Give channels with hours and many destinations, that want numbers written in one way."""
    return [
        Channel(
            name=f"trunk-{index}",
            country="US",
            number_format=number_format,
            caller_id_format=number_format,
            priority=index + 1,
            hours=("mon-sun 00:00-24:00",),
            time_zone="America/New_York",
            destinations={f"+{beginning}": 10_000 for beginning in range(1, 1_000)},
            domain="trunk.example.com",
        )
        for index in range(CHANNELS)
    ]


def plans(number_format: NumberFormat, choice: Choice) -> dict[str, Callable[[str], Any]]:
    """Give what makes a plan to a number: of a destination, and of a return call."""
    assigned = tuple(f"+12025551{index:03}" for index in range(ASSIGNED))
    policy = Policy(
        extension="1001",
        dids=(DID,),
        country="US",
        caller_ids=assigned,
        default_caller_id=assigned[0],
        caller_id_choice=choice,
        p_asserted_identity=True,
    )
    some = channels(number_format)
    numbers = Numbers(
        {number: some[index % CHANNELS].name for index, number in enumerate(assigned)},
        frozenset(policy.dids),
    )
    pick = random.Random(1).randrange

    def destination(number: str) -> None:
        choice = choose(number, some, {}, _NOW)
        plan = plan_destination(
            number, choice.candidates, choice.passed, policy=policy, numbers=numbers,
            rang=Rang(), domain="example.com", pick=pick,
        )  # fmt: skip
        assert len(plan.ways) == CHANNELS

    def return_call(number: str) -> None:
        choice = choose(number, some, {}, _NOW)
        plan = plan_return(
            number, choice.candidates, choice.passed, policy=policy, did=DID, domain="example.com"
        )
        assert len(plan.ways) == CHANNELS

    return {"destination": destination, "return_call": return_call}


def microseconds(plan: Callable[[str], Any], numbers: Iterator[str]) -> float:
    """Give the CPU that one plan costs."""
    costs = []
    for _ in range(RUNS):
        some = [next(numbers) for _ in range(PLANS)]
        begin = time.process_time()
        for number in some:
            plan(number)
        costs.append((time.process_time() - begin) / PLANS * 1e6)
    return statistics.median(costs)


def run() -> dict[str, Any]:
    """Measure plans of each kind, and a conversation."""
    numbers = (f"+1212{2_000_000 + index}" for index in count())
    costs = {
        f"{number_format.value}, {choice.value}": {
            kind: round(microseconds(plan, numbers), 1)
            for kind, plan in plans(number_format, choice).items()
        }
        for number_format in (NumberFormat.DIGITS, NumberFormat.NATIONAL)
        for choice in Choice
    }
    found = drive(Plan(port=free_port(), sessions=SESSIONS, seconds=SECONDS, pace=PACE))
    conversation = found["cpu_ms_per_call"] * 1000
    of_a_conversation = {
        kind: CALLS * cost["destination"] + cost["return_call"] for kind, cost in costs.items()
    }
    usual = f"{NumberFormat.DIGITS.value}, {Choice.RANDOM.value}"
    return {
        "what": f"{CALLS} destinations and a return call planned, {CHANNELS} channels",
        "unit": "us of CPU",
        "value": round(of_a_conversation[usual], 1),
        "peer": "whole conversation",
        "peer_value": round(conversation),
        "ratio": round(of_a_conversation[usual] / conversation, 4),
        "one_plan": costs,
        "shares": {kind: round(cost / conversation, 4) for kind, cost in of_a_conversation.items()},
        "conversations": found,
    }
