"""How a number is called: over which channels, written how, and what each of them shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controller.callerid.identity import identities
from controller.callerid.model import Decision, Numbers, Rang
from controller.callerid.resolver import (
    for_emergency,
    for_internal,
    for_return_call,
    resolve,
)
from controller.numbers.sending import as_sent
from controller.policy.channels import Channel
from controller.policy.model import Policy
from controller.routing.model import MOST_WAYS, Candidate, Passed, Plan, Way


def plan_destination(
    number: str,
    candidates: Iterable[Candidate],
    passed: Iterable[Passed],
    *,
    policy: Policy,
    numbers: Numbers,
    rang: Rang,
    domain: str,
    pick: Callable[[int], int],
) -> Plan:
    """Plan a public call to an E.164 number, with what I1 to I7 show on each channel.

    `candidates` are tried in their order, as many as `MOST_WAYS`; one that has nothing to show is
    passed, for the next (I2). `domain`: the service's own, for identities. `pick(n)` gives one of
    0 to n-1 (I3).
    """

    def decide(channel: Channel) -> Decision:
        return resolve(policy, numbers, rang, channel=channel.name, destination=number, pick=pick)

    return _plan(number, candidates, passed, decide, policy, domain)


def plan_return(
    number: str,
    candidates: Iterable[Candidate],
    passed: Iterable[Passed],
    *,
    policy: Policy,
    did: str,
    domain: str,
) -> Plan:
    """Plan a return call to an E.164 number: each channel shows the DID that was rung (T8)."""
    decision = Decision(for_return_call(policy, did))
    return _plan(number, candidates, passed, lambda _: decision, policy, domain)


def plan_internal(number: str, gateway: str, *, policy: Policy, caller: str) -> Plan:
    """Plan a call that stays on the platform: nothing of I1 to I7 is for it.

    `number`: an extension's, or E.164. `caller`: who calls, E.164, empty where he hides it.
    """
    shown = for_internal(policy, caller)
    way = Way(
        channel=gateway,
        number=as_sent(number, "digits", None),
        shown=shown,
        caller_id=as_sent(shown.number, "digits", None),
    )
    return Plan(ways=(way,), kind="internal")


def plan_emergency(number: str, channel: Channel, caller_id: str) -> Plan:
    """Plan an emergency call: the digits as they were dialled, and the number (E.164) set for it.

    Nothing is put before the digits: a trunk knows its country's emergency numbers as they are.
    """
    way = Way(
        channel=channel.name,
        number=number,
        shown=for_emergency(caller_id),
        caller_id=as_sent(caller_id, channel.caller_id_format, channel.country),
        progress_seconds=channel.progress_seconds,
    )
    return Plan(ways=(way,), kind="emergency")


def refused(reason: str, passed: Iterable[Passed] = ()) -> Plan:
    """Give the plan of a call that is not made (`Plan.refusal`)."""
    return Plan(passed=tuple(passed), refusal=reason)


def _plan(
    number: str,
    candidates: Iterable[Candidate],
    passed: Iterable[Passed],
    decide: Callable[[Channel], Decision],
    policy: Policy,
    domain: str,
) -> Plan:
    ways: list[Way] = []
    left_out = list(passed)
    for candidate in candidates:
        name = candidate.channel.name
        if len(ways) == MOST_WAYS:
            left_out.append(Passed(name, "beyond"))
            continue
        decision = decide(candidate.channel)
        if decision.shown is None:
            left_out.append(Passed(name, "no_caller_id", decision.tried))
        else:
            ways.append(_way(number, candidate, decision, policy, domain))
    if ways:
        return Plan(tuple(ways), tuple(left_out))
    nothing_to_show = any(one.reason == "no_caller_id" for one in left_out)
    return refused("no_caller_id" if nothing_to_show else "no_channel", left_out)


def _way(number: str, candidate: Candidate, decision: Decision, policy: Policy, domain: str) -> Way:
    channel, shown = candidate.channel, decision.shown
    assert shown is not None
    asserted, preferred = identities(policy, channel, shown, domain=domain)
    written = as_sent(number, channel.number_format, channel.country)
    return Way(
        channel=channel.name,
        # Nothing can stand before a plus.
        number=written if written.startswith("+") else channel.dial_prefix + written,
        shown=shown,
        caller_id=as_sent(shown.number, channel.caller_id_format, channel.country)
        if shown.number
        else "",
        p_asserted=asserted,
        p_preferred=preferred,
        progress_seconds=channel.progress_seconds,
        beginning=candidate.beginning,
        cost=candidate.cost,
        failing=candidate.failing,
        tried=decision.tried,
    )
