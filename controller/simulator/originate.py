"""Calling out: attempts one after the other, their limits, and what became of each.

FreeSWITCH: ``switch_ivr_originate`` in ``src/switch_ivr_originate.c``. All limits count whole
seconds of the clock, from the start of a group of legs that ring at once.
"""

from __future__ import annotations

import math
import time
import uuid as uuids
from typing import TYPE_CHECKING

import msgspec
from gevent.event import Event as Signal

from controller.simulator.dialstring import DialString, Endpoint
from controller.simulator.legs import Leg
from controller.simulator.outgoing import answer, make_leg

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator

DIALSTATUS = {
    "ORIGINATOR_CANCEL": "CANCEL",
    "USER_BUSY": "BUSY",
    "NO_ANSWER": "NOANSWER",
    "DESTINATION_OUT_OF_ORDER": "INVALIDARGS",
    "CALL_REJECTED": "DONTCALL",
}
_DEFAULT_TIMEOUT = 60
_LONG = 3600.0


class Result(msgspec.Struct):
    """The leg that was answered, or why there is none; one (uuid, cause) for each leg.

    ``cause`` is that of the last group. ``forced``: what a limit said that nothing was heard in;
    it is what the whole ends with, whatever came of later groups.
    """

    leg: Leg | None
    cause: str
    causes: list[tuple[str, str]]
    forced: str = ""

    @property
    def end(self) -> str:
        """Why there is no leg, as a whole."""
        return self.forced or self.cause


class Limits(msgspec.Struct, frozen=True):
    """What all groups of a dial string keep to: seconds, and the causes that end it."""

    ring: int
    progress: int
    final: str
    goes_on: bool

    def ends(self, cause: str | None) -> bool:
        """Whether a cause ends the whole: its name is looked for in the text."""
        return self.final == "true" or bool(cause and cause in self.final)


def dial(simulator: Simulator, dialled: DialString, caller: Leg | None) -> Result:
    """Try group after group; within a group all ring, and the first answer wins."""
    result = Result(None, "NORMAL_CLEARING", [])
    limits = _limits(dialled, caller)
    for group in dialled.groups:
        late = _Group(simulator, dialled, group, caller, limits, result).ring()
        if result.leg or (caller is not None and not caller.ready()):
            break
        if late or limits.ends(result.cause):
            break
    if caller is not None:
        caller.calling = None
    if caller is not None and not caller.ready() and result.leg is not None:
        result.leg.hangup("ORIGINATOR_CANCEL")
        result.leg = None
    if caller is not None and result.causes and result.leg is None:
        caller.profile.callee_name = "Outbound Call"
        caller.profile.callee_number = group[-1].number
    if result.leg is not None:
        result.leg.watch = None
        if caller is not None:
            for uuid, why in result.causes:
                caller.push("originate_causes", f"{uuid};{why}")
            caller.push("originate_causes", f"{result.leg.uuid};NONE")
            caller.profile.callee_name = "Outbound Call"
            caller.profile.callee_number = result.leg.number
    return result


def _limits(dialled: DialString, caller: Leg | None) -> Limits:
    given = dialled.variables
    ring = given.get("originate_timeout") or (
        (caller.get("call_timeout") or caller.get("originate_timeout")) if caller else None
    )
    seconds = _seconds(ring) or _DEFAULT_TIMEOUT
    return Limits(
        ring=seconds,
        progress=_seconds(given.get("progress_timeout")) or seconds,
        final=given.get("fail_on_single_reject", ""),
        goes_on=given.get("originate_continue_on_timeout") == "true",
    )


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


class _Group:
    """Legs that ring at once."""

    def __init__(
        self,
        simulator: Simulator,
        dialled: DialString,
        endpoints: list[Endpoint],
        caller: Leg | None,
        limits: Limits,
        result: Result,
    ) -> None:
        self._simulator, self._dialled, self._endpoints = simulator, dialled, endpoints
        self._caller, self._limits, self._result = caller, limits, result
        self._signal = Signal()
        self._legs: list[Leg] = []
        self._begin = math.floor(time.time())

    def ring(self) -> bool:
        """Ring until one answers, all have ended, or it is too late; whether it was."""
        for endpoint in self._endpoints:
            leg = self._start(endpoint)
            if leg is not None:
                self._legs.append(leg)
                leg.watch = self._changed
                self._simulator.spawn(answer, self._simulator, leg, endpoint)
        late = cut = False
        while not cut and not self._settled():
            late, cut = self._keep_limits()
            if cut or self._settled():
                break
            if self._caller is not None and not self._caller.ready():
                break
            self._wait(self._next())
        self._end(cut)
        return late and not self._limits.goes_on

    def _changed(self) -> None:
        self._signal.set()
        if self._caller is not None:
            self._caller.wake()

    def _settled(self) -> bool:
        return any(leg.answered for leg in self._legs) or all(leg.cause for leg in self._legs)

    def _elapsed(self) -> int:
        return math.floor(time.time()) - self._begin

    def _wait(self, seconds: float) -> None:
        if self._caller is not None:
            self._caller.wait(seconds, self._settled)
        else:
            self._signal.clear()
            self._signal.wait(seconds)

    def _next(self) -> float:
        """How long until one of the limits may be over, seconds."""
        elapsed = self._elapsed()
        own = [
            _seconds(leg.get(name)) + 1
            for leg in self._legs
            for name in ("leg_timeout", "leg_progress_timeout")
        ]
        ends = (self._limits.ring, self._limits.progress + 1, *own)
        ahead = [end for end in ends if end > elapsed]
        return self._begin + min(ahead) - time.time() if ahead else _LONG

    def _keep_limits(self) -> tuple[bool, bool]:
        """End what has lasted too long; whether the whole has, and whether the group ends now."""
        limits, result, elapsed = self._limits, self._result, self._elapsed()
        for leg in self._legs:
            if leg.cause is not None:
                continue
            heard = leg.profile.times.progress or leg.answered
            silent = _seconds(leg.get("leg_progress_timeout"))
            if silent and elapsed > silent and not heard:
                leg.hangup("PROGRESS_TIMEOUT")
                result.forced = "PROGRESS_TIMEOUT"
            own = _seconds(leg.get("leg_timeout"))
            if own and elapsed > own:
                leg.hangup("ALLOTTED_TIMEOUT")
        late = elapsed >= limits.ring
        # Who originates hears no ringing: to him all phones are silent.
        rung = self._caller is not None and any(leg.profile.times.progress for leg in self._legs)
        if not rung and elapsed > limits.progress:
            result.forced = result.forced or "PROGRESS_TIMEOUT"
            return late, True
        if not late:
            return False, False
        # Seen on 1.11.1: where final causes are named, the whole has no limit but for those.
        return True, not limits.final or any(limits.ends(leg.cause) for leg in self._legs)

    def _end(self, cut: bool) -> None:
        """Keep what became of each leg, and end those that are still there."""
        result, caller = self._result, self._caller
        winner = next((leg for leg in self._legs if leg.answered and leg.cause is None), None)
        gone = caller is not None and not caller.ready()
        for leg in self._legs:
            if leg is winner:
                continue
            if leg.cause is None:
                late = result.forced or "NO_ANSWER"
                leg.hangup("ORIGINATOR_CANCEL" if gone else "LOSE_RACE" if winner else late)
            cause = leg.cause or "NORMAL_CLEARING"
            result.causes.append((leg.uuid, cause))
            result.cause = cause
            if caller is not None and winner is None:
                _tell_caller(caller, leg, cause)
        if winner is not None:
            result.leg, result.cause = winner, "SUCCESS"
        elif cut:
            result.cause = "NO_ANSWER"

    def _start(self, endpoint: Endpoint) -> Leg | None:
        """Make the leg; None, with the cause in the result, if there can be none."""
        simulator, caller = self._simulator, self._caller
        common = self._dialled.variables
        given = {**common, **endpoint.variables}
        uuid = given.get("origination_uuid") or str(uuids.uuid4())
        gateway = simulator.gateways.get(endpoint.gateway)
        if endpoint.gateway and gateway is None:
            self._result.cause = "INVALID_GATEWAY"
            return None
        if gateway is not None and gateway.status != "UP":
            gateway.failed += 1
            self._result.cause = "GATEWAY_DOWN"
            return None
        # The same is said of all three (seen on 1.11.1).
        if simulator.taken(uuid) or simulator.configuration.refuses:
            self._result.cause = "DESTINATION_OUT_OF_ORDER"
            return None
        if gateway is not None:
            gateway.calls += 1
        leg = make_leg(simulator, endpoint, uuid, common, caller)
        if caller is not None:
            caller.calling = leg
            caller.push("originated_legs", f"{uuid};Outbound Call;{endpoint.number}")
        return leg


def _tell_caller(caller: Leg, leg: Leg, cause: str) -> None:
    """What stays on the calling leg after a leg that was not answered."""
    if leg.refusal is not None and leg.ended_by == "phone":
        status, phrase = leg.refusal
        if leg.profile.times.progress:
            caller.set("sip_invite_failure_status", str(status))
            caller.set("sip_invite_failure_phrase", phrase)
        caller.set("sip_hangup_phrase", phrase)
        caller.set("last_bridge_proto_specific_hangup_cause", f"sip:{status}")
    caller.set("last_bridge_hangup_cause", cause)
    if leg.profile.times.progress:
        caller.set("originate_signal_bond", leg.uuid)
