"""What a real switch sent, put through our machines: every recorded leg comes to its end.

The recorded controllers were not ours, so three names are ours instead of theirs when an event is
fed: the `Event-UUID` of an application, the variable that digits are read into, and the uuid of the
destination's leg. A number, which they had the switch read, is typed key by key. All else, the
order above all, is as the switch had it.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.callback.effects import (
    Ask,
    Effect,
    FindRoute,
    LetGo,
    NoteTrigger,
    Record,
    Tell,
)
from controller.callback.events import (
    Key,
    PasswordChecked,
    ReturnAttached,
    RouteFound,
    TriggerAttached,
)
from controller.callback.return_session import ReturnSession
from controller.callback.said import Prompt
from controller.callback.states import Return, Trigger
from controller.callback.trigger import TriggerSession
from controller.callerid.model import Shown
from controller.esl.channel_data import ChannelData, channel_data
from controller.esl.events import decode_event
from controller.esl.wire import Frame
from controller.metrics import Metrics
from controller.numbers.caller import Caller
from controller.policy.model import Policy
from controller.policy.sounds import SoundTable
from controller.routing.model import Plan, Way
from controller.runtime.clock import Clock
from controller.runtime.legs import Leg, step_id
from controller.runtime.paying import Call, Paying
from controller.runtime.prompts import Prompts
from controller.runtime.return_leg import ReturnLeg
from controller.runtime.services import Legs
from controller.runtime.trigger_leg import TriggerLeg
from tests.replay.test_recordings_decode import RECORDINGS, read, streams

POLICY = Policy(
    extension="1001",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550111",),
    default_caller_id="+12025550111",
    destination_countries=("GB",),
)
#: What a session is subscribed to: see `controller.esl.session`.
RETURN_SUBSCRIPTION = {"CHANNEL_EXECUTE_COMPLETE", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE"}
#: The applications of ours that end a step.
STEPS = {"play_and_get_digits", "bridge", "playback", "hangup"}
DIALLED = "011442079460000"


class Line:
    """A connection that takes what is sent and says nothing."""

    def __init__(self) -> None:
        self.connected = True
        self.disconnect_notice = False
        self.on_event: Any = None
        self.on_closed: Any = None

    def transmit(
        self, command: bytes, on_reply: object = None, *, first: bytes | None = None
    ) -> None:
        """Take a command."""


class Calls:
    """Every destination is called by way of one channel."""

    def find(self, session: ReturnSession, wanted: FindRoute) -> RouteFound:
        """Give it."""
        shown = Shown("+12025550111", rule="I5")
        way = Way("pstn", wanted.number.removeprefix("+"), shown, "12025550111")
        return RouteFound(wanted.step, Plan((way,)))

    def connected(self, session: ReturnSession, effect: Effect) -> None:
        """People talk."""

    def over(self, session: ReturnSession, effect: Effect) -> None:
        """They do not any more."""


class Bench:
    """One recorded leg in our hands."""

    def __init__(self, data: ChannelData, stage: str | None, policy: Policy) -> None:
        self.line = Line()
        self.records: list[Record] = []
        self.notes: list[str] = []
        self.effects: list[Effect] = []
        self.words: list[tuple[str, str]] = []
        metrics = Metrics()
        services: Any = SimpleNamespace(
            clock=Clock(),
            metrics=metrics,
            legs=Legs(metrics),
            prompts=Prompts(),
            sounds=SimpleNamespace(get=lambda: SoundTable((), "")),
            sound_watch=SimpleNamespace(absent={}),
            transcribing=SimpleNamespace(add=self._write_down),
            settling=SimpleNamespace(leg_ended=lambda node, event: None),
            standing=SimpleNamespace(check=lambda: False, epoch=0, others=frozenset()),
            handing=None,
            unheld=None,
            spawn=self._spawn,
            note_esl_error=self._fail,
        )
        uuid = data.uuid
        assert uuid is not None
        session: Any = self.line
        self.leg: Leg[Any]
        if data.get("Answer-State") == "answered":
            start = ReturnSession(leg=uuid, request="r", policy=policy)
            calls: Any = Calls()
            call = Call(
                call="a", request="r", leg=uuid, node=None, number="", free=True, answered=0
            )
            paying = Paying(services, call, policy, charged=False)
            self.leg = ReturnLeg(services, session, uuid, start, calls, paying)
            attached: object = ReturnAttached(
                stage=stage,
                last_bridge_to=self.ours(data.variable("last_bridge_to"), uuid),
                bridge_hangup_cause=data.variable("bridge_hangup_cause"),
                originate_disposition=data.variable("originate_disposition"),
            )
        else:
            self.leg = TriggerLeg(services, session, uuid, TriggerSession(uuid, policy))
            caller = Caller(number="+12125550199")
            attached = TriggerAttached(rung=0.0, caller=caller, did="+12025550100")
        self._watch()
        self.leg.begin(attached, epoch=0)

    def ours(self, other: str | None, uuid: str) -> str | None:
        """Give our name of the destination's leg: the first one that a leg dials."""
        if other is None:
            return None
        session = ReturnSession(leg=uuid, request="r", policy=POLICY, dialled=1)
        return session.destination_legs[0]

    def _watch(self) -> None:
        perform = self.leg.perform

        def watched(effect: Effect) -> None:
            self.effects.append(effect)
            perform(effect)

        self.leg.perform = watched  # type: ignore[method-assign]

    def _spawn(self, function: Any, *arguments: Any) -> None:
        name = function.__name__
        if name == "_check":
            self.leg.post(PasswordChecked(arguments[0].step, right=True))
        elif name in ("_find_route", "connected"):
            function(*arguments)
        elif name == "record":
            self.records.append(arguments[1])
        elif name == "_note":
            self.notes.append(arguments[-1])

    def _write_down(self, request: str, leg: str, what: str, text: str) -> None:
        self.words.append((what, text))

    def _fail(self, error: object) -> None:
        raise AssertionError(error)

    def feed(self, frame: Frame) -> None:
        """Put one recorded event in, where we are subscribed to its kind."""
        body = json.loads(frame.body)
        name = body["Event-Name"]
        if isinstance(self.leg, TriggerLeg) or name not in RETURN_SUBSCRIPTION:
            return
        if name == "CHANNEL_BRIDGE" or body.get("Application") == "bridge":
            self._dial()
        for field in ("Bridge-B-Unique-ID", "Other-Leg-Unique-ID", "variable_last_bridge_to"):
            if field in body:
                body[field] = self.ours(body[field], self.leg.uuid)
        if body.get("Application") in STEPS:
            body["Application-UUID"] = step_id(self.leg.session.step)
        if body.get("Application") == "play_and_get_digits":
            variable = body["Application-Data"].split()[7]
            digits = body.get(f"variable_{variable}")
            if self.leg.session.state is not Return.PASSWORD:
                # What reads a number with us is the machine.
                self._type(f"{digits}#" if digits else "")
                return
            body["variable_callback_digits"] = digits
        self.leg.on_event(decode_event(json.dumps(body).encode()))

    def _dial(self) -> None:
        # Some recorded controllers dialled at once, where ours has the number typed.
        if self.leg.session.state is Return.DESTINATION:
            self._type(f"{DIALLED}#")

    def _type(self, keys: str) -> None:
        for key in keys:
            self.leg.post(Key(key))

    def close(self) -> None:
        """The recorded connection ended."""
        if self.line.connected:
            self.line.connected = False
            self.line.on_closed(None)

    def told(self) -> list[Prompt]:
        """The prompts that were wanted, in order."""
        return [p for e in self.effects if isinstance(e, Ask | Tell) for p in e.prompts]


def play(path: Path, policy: Policy) -> list[Bench]:
    """Put the outbound connections of a recording through, one after the other."""
    benches: list[Bench] = []
    stages: dict[str, str] = {}
    for connection, chunks in streams(path).items():
        if not connection.startswith("outbound"):
            continue
        bench: Bench | None = None
        for frame in read(chunks):
            if frame.headers.get("Event-Name") == "CHANNEL_DATA":
                data = channel_data(frame)
                bench = Bench(data, stages.get(data.uuid or ""), policy)
                benches.append(bench)
            elif frame.content_type == "text/event-json":
                assert bench is not None
                bench.feed(frame)
            elif frame.content_type == "text/disconnect-notice" and bench is not None:
                # Each of these lingers; ours does not where it is told of nothing.
                bench.line.disconnect_notice = True
        assert bench is not None
        bench.close()
        for effect in bench.effects:
            if type(effect).__name__ == "SaveStage":
                stages[bench.leg.uuid] = effect.stage  # type: ignore[union-attr]
    return benches


WITH_PASSWORD = Policy(
    extension="1001",
    dids=("+12025550100",),
    country="US",
    caller_ids=("+12025550111",),
    default_caller_id="+12025550111",
    destination_countries=("GB",),
    password_hash="$argon2id$",
)
#: Scenario: the policy, the outcomes recorded, and a prompt that has to be wanted.
EXPECTED: dict[str, tuple[Policy, list[str], str | None]] = {
    "bridge-busy": (POLICY, ["hung_up"], "destination_busy"),
    "bridge-no-answer": (POLICY, ["hung_up"], "destination_no_answer"),
    "bridge-cut-by-switch": (POLICY, ["completed"], None),
    "bridge-fails-over-to-second-channel": (POLICY, ["completed"], None),
    "callback-happy-path": (WITH_PASSWORD, ["completed"], "password_enter"),
    "caller-hangs-up-during-collect": (WITH_PASSWORD, ["hung_up"], "password_enter"),
    "controller-dies-and-another-takes-over": (WITH_PASSWORD, ["hung_up"], "password_enter"),
    "lean-callback-let-go-and-taken-up": (WITH_PASSWORD, ["completed"], "time_over"),
    "pin-no-digits": (WITH_PASSWORD, ["hung_up"], "password_wrong"),
    "unknown-application": (POLICY, ["hung_up"], None),
}
each_with_a_return_leg = pytest.mark.parametrize(
    "path",
    [path for path in RECORDINGS if path.stem in EXPECTED],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)


@each_with_a_return_leg
def test_every_recorded_return_leg_ends_with_one_record(path: Path) -> None:
    """O3, O4: whatever the order of the last events, one record, with the right outcome."""
    policy, outcomes, prompt = EXPECTED[path.stem]
    benches = play(path, policy)
    legs = [bench for bench in benches if isinstance(bench.leg, ReturnLeg)]
    assert [record.outcome for bench in legs for record in bench.records] == outcomes
    assert legs[-1].leg.session.state is Return.ENDED
    if prompt is not None:
        assert prompt in [told for bench in legs for told in bench.told()]


def test_a_lean_callback_is_let_go_and_taken_up() -> None:
    """DESIGN 5: the recording that shows the way: let go at CHANNEL_BRIDGE, then goodbye."""
    for path in RECORDINGS:
        if path.stem == "lean-callback-let-go-and-taken-up":
            trigger, talking, after = play(path, WITH_PASSWORD)
            assert trigger.leg.session.state is Trigger.ENDED
            assert talking.leg.session.state is Return.TALKING
            assert any(isinstance(effect, LetGo) for effect in talking.effects)
            assert after.told() == ["time_over"]
            assert after.records[0].destination == "+442079460000"


def test_a4_a_recorded_password_is_written_down_nowhere() -> None:
    paths = [path for path in RECORDINGS if path.stem == "callback-happy-path"]
    assert len(paths) == 2
    for path in paths:
        written = [line for bench in play(path, WITH_PASSWORD) for line in bench.words]
        assert ("typed", "(password)") in written
        assert ("typed", "442079460000#") in written
        assert not [line for line in written if "1234" in line[1]]


def test_t2_a_recorded_caller_who_gave_up_is_noted() -> None:
    """T2, T10: ORIGINATOR_CANCEL before X."""
    paths = [path for path in RECORDINGS if path.stem == "caller-hangs-up-while-ringing"]
    assert len(paths) == 2
    for path in paths:
        (bench,) = play(path, POLICY)
        assert bench.notes == ["hung_up_early"]
        assert any(isinstance(effect, NoteTrigger) for effect in bench.effects)
