"""`python -m bench.fuzz_calls --inputs N --seed S`: hostile calls, from end to end.

Each input is one call (`fuzz_inputs`): what SIP says of who rings goes through the real framing,
the real trigger leg, its machine and the decision whether he is called back; the return call is
planned and written, its keys go through the real return leg and its machine, and destinations are
planned and written likewise. What is sent is read back as a switch reads it (`fuzz_switch`), and
has to be what was meant (`fuzz_judge`). Only the store is none: what it would be told is looked at.
The first input that does what none may do is printed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, Final

import structlog

from bench import fuzz_inputs
from bench.fuzz import BATCH, Fault, watchdog
from bench.fuzz_inputs import Hostile, connect_reply
from bench.fuzz_judge import (
    Meant,
    demand,
    judge_command,
    judge_dial_string,
    judge_kept,
    judge_originate,
)
from bench.fuzz_switch import Switch, commands_in, event
from controller.callback.asking import Asking, Facts, Wanted, ask
from controller.callback.effects import CallConnected, CallOver, FindRoute
from controller.callback.events import ReturnAttached, RouteFound, TimerFired
from controller.callback.return_session import ReturnSession
from controller.callback.uuids import leg_uuids
from controller.callerid.model import Numbers, Rang
from controller.credit.model import Granted
from controller.esl import commands
from controller.esl.connection import OnReply
from controller.esl.errors import EslError
from controller.esl.session import OutboundSession
from controller.esl.wire import Frame
from controller.guard.destinations import refusal_of_destination, refusal_of_return_call
from controller.policy.channels import Channel, HiddenIdentity, NumberFormat
from controller.policy.fields import IdentityHeader, ReturnCalls, ShownFrom
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.policy.sounds import SoundTable
from controller.policy.trunks import Trunks
from controller.routing.choosing import choose
from controller.routing.model import Plan
from controller.routing.planning import plan_destination, plan_return, refused
from controller.runtime import return_leg, trigger_leg, ways
from controller.runtime.dialling import originate_command
from controller.runtime.legs import Leg
from controller.runtime.paying import Call, Paying
from controller.runtime.prompts import Prompts
from controller.runtime.return_leg import ReturnLeg
from controller.settings import Settings, ranges_of
from controller.simulator.listener import Command
from controller.store.arrivals import Earlier

NOW: Final = 1_800_000_000
MICROS: Final = 1_000_000
SHOWN: Final = ("+12025550111", "+12025550112")
FIXED: Final = "+16465550177"
LISTED: Final = "+16465550188"
PREFERRED: Final = "sip:main@acme.example"
#: Timers of a leg that come due before it is ended, at most.
TIMERS: Final = 30
#: How the trunk is set: whom it is believed, and how numbers are written.
_BELIEVED: Final = (
    (IdentityHeader.FROM,),
    (IdentityHeader.P_ASSERTED_IDENTITY, IdentityHeader.FROM),
    (IdentityHeader.REMOTE_PARTY_ID, IdentityHeader.P_PREFERRED_IDENTITY, IdentityHeader.FROM),
    (IdentityHeader.P_PREFERRED_IDENTITY,),
)
TRUNKS: Final = tuple(
    Trunks((
        Channel(
            name="pstn", addresses=("192.0.2.0/24",), identity=order, trust_callers=True,
            rewrite={"00": "+", "": "+1"} if place == 1 else {}, domain="acme.example",
            number_format=NumberFormat.PLUS if place else NumberFormat.DIGITS,
        ),
        Channel(
            name="other", caller_id_format=NumberFormat.PLUS, domain="acme.example",
            hidden_identity=HiddenIdentity.PRIVATE,
        ),
    ))
    for place, order in enumerate(_BELIEVED)
)  # fmt: skip
_LEAST: Final[Mapping[str, Any]] = {
    "extension": "1001", "dids": ("+12025550100",), "country": "US", "caller_ids": SHOWN,
    "default_caller_id": SHOWN[0], "caller_id_name": "Acme",
}  # fmt: skip
_EQUIPMENT: Final[Mapping[str, Any]] = {
    "caller_id_name_from": ShownFrom.EQUIPMENT, "caller_id_number_from": ShownFrom.EQUIPMENT,
}  # fmt: skip
#: The callback that a trigger call asks for.
ASKED: Final = "0b8c1f2e-6f0d-4a53-9d0e-3f5f3c0f6a01"
POLICIES: Final = (
    Policy(**_LEAST, further_calls=2),
    Policy(
        **_LEAST, **_EQUIPMENT, return_countries=("US", "GB"), destination_countries=("US", "GB"),
        p_asserted_identity=True, p_preferred_identity=PREFERRED, further_calls=1,
    ),
    Policy(
        **_LEAST, **_EQUIPMENT, return_calls=ReturnCalls.FIXED, fixed_number=FIXED,
        hide_caller_id=True, p_asserted_identity=True,
    ),
    Policy(**_LEAST, **_EQUIPMENT, return_calls=ReturnCalls.AUTHORIZED, human_check=False),
)  # fmt: skip


class _Counting:
    """In the place of all metrics; a fault of ours is one of the input's."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __getattr__(self, name: str) -> _Counting:
        return _Counting(name)

    def labels(self, *labels: str) -> _Counting:
        """Take labels."""
        demand(self._name != "faults", f"a fault of ours: {labels}")
        demand(all(re.fullmatch(r"[a-z_]{1,40}", label) for label in labels), f"labels {labels}")
        return self

    def inc(self, amount: float = 1) -> None:
        """Count."""

    def observe(self, amount: float) -> None:
        """Count."""


class _Session(OutboundSession):
    """A session that counts what it sends."""

    sent = 0

    def _send_all(self, sent: Sequence[tuple[bytes, OnReply | None]]) -> None:
        """Send commands, and count them."""
        self.sent += len(sent)
        super()._send_all(sent)


class _Book:
    """The store, as far as callbacks are asked for."""

    def __init__(self) -> None:
        self.kept: list[tuple[Asking, str | None, str | None]] = []

    def earlier(self, did: str, caller: str, now: int) -> Earlier:
        """Nobody rang before."""
        return Earlier()

    def ask(self, asking: Asking) -> SimpleNamespace:
        """Ask for a callback."""
        return ask(self, asking)

    def listed(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Everybody is on the list, with a callback number of his own."""
        return AuthorisedCaller(extension=extension, number=number, callback_number=LISTED)

    def facts(self, *asked: object) -> Facts:
        """Nothing is known of anybody."""
        return Facts()

    def store(self, wanted: Wanted) -> SimpleNamespace:
        """Keep a callback."""
        self.kept.append((wanted.asking, wanted.number, None))
        return SimpleNamespace(id=ASKED, state="pending", joined=0, due=wanted.due, outcome=None)

    def refuse(self, asking: Asking, reason: str) -> SimpleNamespace:
        """Keep a reason."""
        self.kept.append((asking, None, reason))
        return SimpleNamespace(id=ASKED, state="refused", joined=0, due=0, outcome=reason)


class _Calls:
    """How destinations are called: planned as ever, with nothing of a store."""

    def __init__(self, calls: Calls, rang: Rang) -> None:
        self._calls = calls
        self._rang = rang
        self.plans: dict[int, Plan] = {}
        self.plan = Plan()

    def find(self, session: ReturnSession, effect: FindRoute) -> RouteFound:
        """Plan a destination; it has to be one that was typed, and is allowed."""
        number, policy, trunks = effect.number, session.policy, self._calls.trunks
        if session.platform.is_emergency(number, policy.country):
            return RouteFound(effect.step, refused("emergency"))
        demand(refusal_of_destination(number, policy, _RANGES) is None, f"dials {number!r}")
        digits = re.sub("[^0-9]", "", self._calls.call.keys)
        demand(number.removeprefix("+").removeprefix("1") in digits, f"dials {number!r}, not typed")
        chosen = choose(number, trunks.channels, {}, NOW * MICROS)
        self.plan = self.plans[effect.position] = plan_destination(
            number, chosen.candidates, chosen.passed, policy=policy,
            numbers=Numbers(channels=dict.fromkeys(SHOWN, "pstn")), rang=self._rang,
            domain="acme.example", pick=lambda count: 0,
        )  # fmt: skip
        self._calls.ends["destination planned"] += 1
        return RouteFound(effect.step, self.plan)

    def connected(self, session: ReturnSession, effect: CallConnected) -> None:
        """People talk."""

    def over(self, session: ReturnSession, effect: CallOver) -> None:
        """A destination is over."""

    def abandon(self, session: ReturnSession, effect: FindRoute) -> None:
        """A way is gone that was found."""


class Calls:
    """One input, from the ringing to the end of the return call."""

    def __init__(self, call: Hostile) -> None:
        self.call = call
        self.policy = POLICIES[call.policy]
        self.trunks = TRUNKS[call.trunk]
        self.book = _Book()
        self.ends: Counter[str] = Counter()
        self.legs: list[Leg[Any]] = []
        self._uuids = random.Random(1)
        self._told = 0
        self._keys = list(call.keys)
        self.services: Any = SimpleNamespace(
            settings=_SETTINGS,
            clock=SimpleNamespace(
                now=lambda: float(NOW), micros=lambda: NOW * MICROS, follow=lambda: None
            ),
            policies=SimpleNamespace(by_dids=self._by_dids),
            trunks=SimpleNamespace(get=lambda: self.trunks),
            legs=SimpleNamespace(add=self.legs.append, forget=lambda leg: None),
            metrics=_Counting(),
            requests=self.book,
            reads=SimpleNamespace(run=lambda function, *args: function(*args)),
            spawn=self._spawn,
            keep=lambda function, *args: function(*args),
            is_stopped=lambda policy: False,
            on_request=lambda due: None,
            kill=lambda leg, cause: None,
            # Each is looked at where its session is over.
            note_esl_error=lambda error: None,
            ranges=_RANGES,
            sounds=SimpleNamespace(get=lambda: _SOUNDS),
            prompts=_PROMPTS,
            sound_watch=SimpleNamespace(absent={}),
            transcribing=SimpleNamespace(add=self._transcribe),
            settling=SimpleNamespace(leg_ended=lambda node, event: None),
            standing=SimpleNamespace(check=lambda: False, epoch=0, others=frozenset()),
            handing=None,
            unheld=None,
        )

    def _by_dids(self, readings: list[str]) -> tuple[str, Policy] | None:
        found = [did for did in readings if did in self.policy.dids]
        return (found[0], self.policy) if found else None

    def _spawn(self, function: Callable[..., object], *args: object) -> None:
        # How a request ended is the store's.
        if function is not return_leg.record:
            function(*args)

    def _transcribe(self, request: str, leg: str, what: str, text: str) -> None:
        demand(len(text) <= 200 and text.isprintable(), f"writes down {text!r}")

    def uuid(self) -> str:
        """Give a name of a leg that nothing else has."""
        return str(uuid.UUID(int=self._uuids.getrandbits(128), version=4))

    def run(self) -> Counter[str]:
        """Try it; give what came of it. Raises `Fault`, or what an error of ours raises."""
        self._trigger()
        demand(self.legs[0].over, "the trigger leg is not over")
        for asking, number, reason in self.book.kept:
            caller = asking.caller
            judge_kept(caller.said, asking.did, caller.name, caller.number)
            demand(asking.channel in (None, *self.trunks.names), f"keeps {asking.channel!r}")
            demand((number is None) != (reason is None), "neither a callback nor a reason")
            self.ends[reason or "callback"] += 1
        demand(len(self.book.kept) == 1, f"{len(self.book.kept)} requests of one call")
        asking, number, _ = self.book.kept[0]
        if number is not None:
            self._call_back(asking, number)
        return self.ends

    # --- the trigger call ----------------------------------------------------------------------

    def _trigger(self) -> None:
        leg = self.uuid()
        # It is told of no event.
        switch = Switch(self._judge_trigger, self._next_of_trigger, lambda *_: [])
        switch.reply = connect_reply(self.call, leg, {"variable_callback_leg": "trigger"})
        session = _Session(("192.0.2.1", 1), switch)

        def on_connected(frame: Frame | None, error: EslError | None) -> None:
            demand(frame is not None, f"no leg: {error}")
            assert frame is not None
            data = session.attach(frame)
            demand(data.uuid == leg, f"another leg: {data.uuid!r}")
            demand(data.variable("callback_leg") == "trigger", "another kind of leg")
            for name in ("evil", "pin_ok", "origination_uuid"):
                demand(data.raw(f"variable_{name}") is None, f"a variable {name}")
            trigger_leg.attach(self.services, session, data, leg)

        self._run(session, switch, on_connected)

    def _run(self, session: _Session, switch: Switch, on_connected: OnReply) -> None:
        try:
            session.transmit(commands.CONNECT, on_connected)
            session.receive_events()
        finally:
            session.close()
        demand(session.closed_by is None, f"the connection broke: {session.closed_by}")
        demand(switch.commands == session.sent, f"{switch.commands} commands of {session.sent}")

    def _judge_trigger(self, command: Command) -> None:
        own = self.legs[0].uuid if self.legs else ""
        judge_command(command, self._no_bridge, tuple, own)
        demand(
            "uuid_setvar" not in command.line
            or command.line == f"api uuid_setvar_multi {own} callback_request={ASKED}",
            f"sets {command.line!r}",
        )
        if command.line == "sendmsg":
            demand(command.headers["call-command"] == "hangup", f"executes {command.headers}")

    @staticmethod
    def _no_bridge(text: str) -> None:
        raise Fault(f"a trigger leg is bridged to {text!r}")

    def _next_of_trigger(self) -> bytes | None:
        return self._timer(self.legs[0])

    def _timer(self, leg: Leg[Any]) -> bytes | None:
        self._told += 1
        if self._told > TIMERS or leg.over:
            return None
        leg.post(TimerFired(leg.session.timer))
        return b""

    def _ends(self, name: str, argument: str, event_uuid: str) -> list[dict[str, Any]]:
        if name != "hangup":
            return []
        told = {
            key: said.decode("utf-8", "surrogateescape") for key, said in self.call.free.items()
        }
        end = {"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Hangup-Cause": argument}
        return [{**told, **end, "Unique-ID": self.legs[-1].uuid}]

    # --- the return call -----------------------------------------------------------------------

    def _call_back(self, asking: Asking, number: str) -> None:
        caller, policy, trunks = asking.caller, self.policy, self.trunks
        demand(refusal_of_return_call(number, policy, _RANGES) is None, f"calls back {number!r}")
        if policy.return_calls is ReturnCalls.FIXED:
            demand(number == FIXED, f"calls back {number!r}")
        elif policy.return_calls is ReturnCalls.AUTHORIZED:
            demand(number == LISTED, f"calls back {number!r}")
        else:
            demand(number == caller.number, f"calls back {number!r}")
        if caller.number is not None:
            self._said(caller.number)
        attempt = self.uuid()
        chosen = choose(number, trunks.channels, {}, NOW * MICROS)
        plan = plan_return(
            number, chosen.candidates, chosen.passed, policy=policy, did=asking.did,
            domain="acme.example",
        )  # fmt: skip
        sent = originate_command(
            policy=policy, request=self.uuid(), attempt=attempt, plan=plan,
            granted=Granted(charged=False, return_seconds=0), extension="return_call",
            context="callback",
        )  # fmt: skip
        legs = leg_uuids(attempt, len(plan.ways))
        meant = Meant(
            plan=plan, numbers=policy.dids, names=("Acme",), identities=_IDENTITIES, legs=legs
        )
        judge_originate(sent, commands_in(sent), meant, attempt)
        channel = trunks.get(asking.channel)
        trusted = channel is not None and channel.trust_callers
        rang = Rang(number=caller.number or "", name=caller.name, trusted=trusted)
        self._talk(attempt, number, asking, rang)

    def _said(self, number: str) -> None:
        """Have a number be one that a header said, digit by digit."""
        call = self.call
        said = b" ".join(x or b"" for x in (call.user, call.asserted, call.remote, call.preferred))
        digits = number.removeprefix("+").removeprefix("1").encode()
        demand(digits in said, f"{number!r} was said by nobody")

    def _talk(self, leg: str, number: str, asking: Asking, rang: Rang) -> None:
        session_of = ReturnSession(
            leg=leg, request=self.uuid(), policy=self.policy, did=asking.did,
            number=asking.caller.number or "", platform=ways.platform_of(self.services),
            parts_alone=len(self.call.keys) % 2 == 0,
        )  # fmt: skip
        calls = _Calls(self, rang)
        call = Call(
            call=leg, request=session_of.request, leg=leg, node="fs1", number=number, free=True,
            answered=NOW * MICROS,
        )  # fmt: skip
        paying = Paying(self.services, call, self.policy, charged=False)
        held: list[ReturnLeg] = []

        def bridged(text: str) -> None:
            session = held[0].session
            names = [name for name in ("Acme", rang.name if rang.trusted else "") if name]
            numbers = [*SHOWN, rang.number] if rang.trusted and rang.number else SHOWN
            legs = session.destination_legs[: len(calls.plan.ways)]
            meant = Meant(
                plan=calls.plan, numbers=numbers, names=names, identities=_IDENTITIES, legs=legs
            )
            judge_dial_string(text, meant, role="destination")
            self.ends["bridged"] += 1

        def judge(command: Command) -> None:
            judge_command(command, bridged, lambda: held[0].session.destination_legs, leg)

        def events(name: str, argument: str, event_uuid: str) -> list[dict[str, Any]]:
            done = {"Event-Name": "CHANNEL_EXECUTE_COMPLETE", "Application-UUID": event_uuid}
            if name == "bridge":
                return self._bridge(done, held[0].session.destination_legs)
            return self._ends(name, argument, event_uuid) or [done]

        def happens() -> bytes | None:
            if self._keys:
                return event(**{"Event-Name": "DTMF", "DTMF-Digit": self._keys.pop(0)})
            return self._timer(held[0])

        self._told = 0
        switch = Switch(judge, happens, events)
        own = {"variable_callback_leg": "return", "variable_callback_request": session_of.request}
        switch.reply = connect_reply(self.call, leg, own)
        session = _Session(("192.0.2.1", 1), switch)

        def on_connected(frame: Frame | None, error: EslError | None) -> None:
            demand(frame is not None, f"no leg: {error}")
            assert frame is not None
            session.attach(frame)
            whole: Any = calls
            held.append(ReturnLeg(self.services, session, leg, session_of, whole, paying))
            held[0].begin(ReturnAttached(None), epoch=0)

        self._run(session, switch, on_connected)

    def _bridge(self, done: dict[str, Any], legs: tuple[str, ...]) -> list[dict[str, Any]]:
        disposition, cause, other = self.call.answers
        other = legs[0] if other == "first" else other
        if disposition == "SUCCESS" and len(self.call.keys) % 2:
            return [{"Event-Name": "CHANNEL_BRIDGE", "Bridge-B-Unique-ID": other or legs[0]}]
        said = {
            "variable_originate_disposition": disposition,
            "variable_bridge_hangup_cause": cause,
            "variable_last_bridge_to": other,
            "variable_originate_causes": [f"{legs[0]};{disposition}", cause, f"{other};{cause}"],
        }
        return [{**done, **said}]


_SETTINGS: Final = Settings()
_RANGES: Final = ranges_of(_SETTINGS)
_SOUNDS: Final = SoundTable((), "")
_PROMPTS: Final = Prompts()
_IDENTITIES: Final = {
    "sip_h_P-Asserted-Identity": "<sip:1001@acme.example>",
    "sip_h_P-Preferred-Identity": f"<{PREFERRED}>",
}


def attempt(call: Hostile) -> Counter[str]:
    """Try one call; give what came of it. Raises `Fault`, with the input, at anything else."""
    try:
        return Calls(call).run()
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}\n{call!r}") from error


_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.:+/ -]*\Z")


def _looked_at(logger: object, method: str, entry: MutableMapping[str, Any]) -> str:
    for name, told in entry.items():
        demand(name != "exc_info", f"a fault of ours: {told!r}")
        demand(_HARMLESS.match(str(told)), f"logs {name}={told!r}")
    raise structlog.DropEvent


@contextmanager
def logs_looked_at() -> Iterator[None]:
    """Have nothing be logged that is not ours."""
    before = structlog.get_config()
    structlog.configure(processors=[_looked_at], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


def fuzz(inputs: int, seed: int, first: int = 0) -> Counter[str]:
    """Try inputs; give how often each end came. Raises `Fault` at the first that does harm."""
    ends: Counter[str] = Counter()
    with watchdog() as pat, logs_looked_at():
        for index in range(first, first + inputs):
            if index % BATCH == 0 or index == first:
                pat()
            try:
                ends += attempt(fuzz_inputs.make(random.Random((seed << 40) | index)))
            except Fault as fault:
                raise Fault(f"seed {seed}, input {index}: {fault}") from fault
    return ends


def main(argv: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz_calls", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="begin at this input")
    asked = parser.parse_args(argv)
    begin = time.perf_counter()
    try:
        ends = fuzz(asked.inputs, asked.seed, asked.first)
    except Fault as fault:
        print(f"FAULT {fault}", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - begin
    for name, count in ends.most_common():
        print(f"{name:<24} {count:>12,}")
    print(
        f"{asked.inputs:,} calls, seed {asked.seed}, in {seconds:.1f} s:"
        f" {asked.inputs / seconds:,.0f} calls/s; nothing else came of them"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
