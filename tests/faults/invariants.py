"""What must hold after a run, whatever was done: each a function, which names what does not.

Three witnesses are asked, none of which knows of the others: the switches (their journals, and
their call records), the database, and those who asked for callbacks.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import Any

from controller.callback.uuids import destination_legs, leg_uuids
from tests.faults import people
from tests.faults.evidence import Evidence
from tests.faults.invariants_money import OF_MONEY
from tests.faults.witness import SECOND, SwitchLeg, at, of_leg

#: After so many seconds a trigger call is refused though the store has not taken it; a little less.
STORE_SECONDS = 1.8
#: So many faults while a try was neither sent nor looked at: nobody got to it.
STORM = 8
#: After which ends of a try another one may be made.
AGAIN = {"busy", "no_answer", "failed"}


def of_request(request: Any) -> str:
    """Name a request, its state and its times."""
    return (
        f"request {request.id[:8]} {request.number} {request.state}/{request.outcome}"
        f" {at(request.created)}-{at(request.ended or 0)}"
    )


def all_ended(seen: Evidence) -> list[str]:
    """No request is lost: each has ended, with its outcome, and so has each of its tries."""
    wrong = [
        of_request(request)
        for request in seen.requests
        if request.state not in ("done", "refused") or not request.outcome
    ]
    return wrong + [
        f"attempt {attempt.id[:8]} of {attempt.number} is open"
        for attempt in seen.attempts
        if attempt.ended is None
    ]


def triggers_are_kept(seen: Evidence) -> list[str]:
    """Each call that a controller refused has its callback, or the reason why there is none."""
    told: Counter[str] = Counter()
    for request in seen.requests:
        told[request.caller or request.said or ""] += 1 + request.joined
    refused: dict[str, list[SwitchLeg]] = defaultdict(list)
    for leg in seen.legs.values():
        if leg.role == "trigger" and leg.refused == "USER_BUSY" and not leg.gave_up:
            refused[f"+{leg.number}"].append(leg)
    asked = Counter(people.journey(seen.load.seed, one.count).caller for one in seen.load.asked)
    wrong = []
    for caller, legs in refused.items():
        missing = len(legs) + min(asked[caller], 1) - told[caller]
        lost = [leg for leg in legs if _stored_by_somebody_who_died(seen, leg)]
        if missing > len(lost):
            wrong.append(
                f"{caller}: {len(legs)} refused, {told[caller]} kept:"
                f" {', '.join(of_leg(leg) for leg in legs if leg not in lost)}"
            )
    return wrong


def _stored_by_somebody_who_died(seen: Evidence, leg: SwitchLeg) -> bool:
    """docs/how-it-works.md: where the store takes over two seconds, it is stored when it can be.

    Whoever dies meanwhile takes it with him.
    """
    waited = leg.gone - leg.called >= (people.COMMON["ring_seconds"] + STORE_SECONDS) * SECOND
    deaths = ("controller killed", "all controllers", "controller told to end")
    return waited and bool(seen.during(leg.called, leg.gone + 15 * SECOND, *deaths))


def api_keys_are_one_request(seen: Evidence) -> list[str]:
    """A key is one callback, however often it was sent; none that was taken is lost."""
    named = Counter(request.key for request in seen.requests if request.key)
    named += Counter(key.key for key in seen.keys)
    return [
        f"{one.key}: taken as {one.status}, and {named[one.key]} requests have it"
        for one in seen.load.asked
        if named[one.key] != 1
    ]


def nobody_is_called_twice(seen: Evidence) -> list[str]:
    """Each return leg is of a try that is written, made once; tries are as many as allowed."""
    wrong = []
    ways = {leg: one for one in seen.attempts for leg in leg_uuids(one.id)}
    for leg in seen.legs.values():
        if leg.role != "return":
            continue
        if leg.times > 1:
            wrong.append(f"{of_leg(leg)} was called {leg.times} times")
        if leg.leg not in ways:
            wrong.append(f"{of_leg(leg)}: no attempt is written of it")
        elif ways[leg.leg].node != leg.node:
            wrong.append(f"{of_leg(leg)}: its attempt is of {ways[leg.leg].node}")
    tries = defaultdict(list)
    for attempt in seen.attempts:
        tries[attempt.request].append(attempt)
    for request in seen.requests:
        made = sorted(tries[request.id], key=lambda one: one.begun)
        if len(made) != request.attempts:
            wrong.append(f"{of_request(request)}: {request.attempts} tries, {len(made)} written")
        wrong += [
            f"{of_request(request)}: tried again after {one.outcome}"
            for one in made[:-1]
            if one.outcome not in AGAIN
        ]
        own = people.EXTENSIONS[request.extension]
        most = 1 + own.get("retries_busy", 0) + own.get("retries_no_answer", 0)
        if len(made) > most:
            wrong.append(f"{of_request(request)}: {len(made)} tries")
    return wrong


def one_call_at_a_time(seen: Evidence) -> list[str]:
    """T7: no number has two return calls at one time."""
    wrong = []
    by_number: dict[str, list[SwitchLeg]] = defaultdict(list)
    for leg in seen.legs.values():
        if leg.role == "return":
            by_number[leg.number].append(leg)
    for legs in by_number.values():
        legs.sort(key=lambda leg: leg.called)
        for before, after in itertools.pairwise(legs):
            if after.called < before.gone:
                wrong.append(f"{of_leg(before)}, and {of_leg(after)}")
    return wrong


def outcomes_are_what_was_seen(seen: Evidence) -> list[str]:
    """How a callback ended is what its switch saw; what nobody knows is so for a reason."""
    wrong = []
    legs: dict[str, list[SwitchLeg]] = defaultdict(list)
    for leg in seen.legs.values():
        if leg.role == "return" and leg.request:
            legs[leg.request].append(leg)
    for request in seen.requests:
        own = legs[request.id]
        talked = any(leg.bridged for leg in own)
        answered = any(leg.answered for leg in own)
        died = any(leg.died for leg in own)
        name, outcome = of_request(request), request.outcome
        if outcome == "unknown":
            if not _may_be_unknown(seen, request, own):
                wrong.append(f"{name}: {[of_leg(leg) for leg in own]}, {request.cause}")
        elif outcome == "completed" and not talked:
            wrong.append(f"{name}: nobody talked")
        elif talked and outcome not in ("completed", "spend_limit") and not died:
            wrong.append(f"{name}: somebody talked")
        elif outcome in ("busy", "no_answer", "rejected") and answered:
            wrong.append(f"{name}: it was answered")
        elif outcome in ("check_failed", "stuck", "prompts_unheard", "failed"):
            if not died and not seen.during(request.created, request.ended, "node", "way of legs"):
                wrong.append(f"{name}: {request.cause}")
        elif outcome in ("hung_up", "dial_time_over", "password_failed") and not answered:
            wrong.append(f"{name}: nobody answered")
    return wrong


def _may_be_unknown(seen: Evidence, request: Any, legs: list[SwitchLeg]) -> bool:
    """docs/calls.md: `unknown`: nobody knows (a switch died)."""
    attempt = seen.attempt_of.get(request.attempt)
    begun = request.created if attempt is None else attempt.begun
    node = request.node or (attempt.node if attempt is not None else "")
    if any(leg.died for leg in legs) or seen.node_died(node, begun, request.ended):
        return True
    if not legs:
        # It was written and not sent, and no controller was there for long enough to send it.
        blind = ("controller", "all controllers", "database", "way to the database")
        return len(seen.during(begun, request.ended, *blind)) >= STORM
    # Or nobody heard how it ended, and the switch kept no record: a password was being read.
    unheard = [leg for leg in legs if leg.leg not in seen.records]
    deaf = ("controller", "all controllers", "way to a node")
    return any(seen.during(leg.gone, leg.gone + 6 * SECOND, *deaf) for leg in unheard)


def passwords_are_asked_once(seen: Evidence) -> list[str]:
    """Nobody who was let through is asked for his password again on the same call."""
    wrong = []
    for leg in seen.legs.values():
        through = [moment for moment, file in leg.heard if "enter_destination" in file]
        again = [m for m, file in leg.heard if "enter_pin" in file and through and m > through[0]]
        if again:
            wrong.append(f"{of_leg(leg)}: asked again at {at(again[0])}")
    return wrong


def destinations_are_called_as_dialled(seen: Evidence) -> list[str]:
    """No destination is called twice for one dialling, nor without."""
    wrong = []
    others = {leg.leg: leg for leg in seen.legs.values() if leg.role == "destination"}
    for leg in seen.legs.values():
        if leg.role != "return":
            continue
        typed = sum(len(digits) > 8 and digits.endswith("#") for _, digits in leg.pressed)
        called = sum(
            any(uuid in others for uuid in destination_legs(leg.leg, position))
            for position in range(1, 20)
        )
        if called > typed:
            wrong.append(f"{of_leg(leg)}: dialled {typed} times, {called} called")
    return wrong + [
        f"{of_leg(leg)} was called {leg.times} times" for leg in others.values() if leg.times > 1
    ]


def no_leg_is_left(seen: Evidence) -> list[str]:
    """No leg is left on any switch, and none was without an end in its schedule (M5)."""
    wrong = [of_leg(leg) for leg in seen.legs.values() if not leg.gone]
    return wrong + [f"leg {one.leg[:8]} had no end at {at(one.at)}" for one in seen.bare]


#: All of them, in the order in which they are told.
INVARIANTS = (
    all_ended,
    triggers_are_kept,
    api_keys_are_one_request,
    nobody_is_called_twice,
    one_call_at_a_time,
    outcomes_are_what_was_seen,
    passwords_are_asked_once,
    destinations_are_called_as_dialled,
    no_leg_is_left,
    *OF_MONEY,
)
