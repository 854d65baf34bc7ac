"""The switch's side of many conversations at once, and nothing else: what `conversations` drives.

`python -m bench.switch_side PLAN` (JSON) prints `{"ready": …}` with the port of its event socket,
begins at a line on its input, prints `{"steady": …}` once as many calls are there as should, and at
the end what was measured. A call that has hung up makes room for the next one, so their number
stays the same.

Each call does what people do: it is told a question, types, and hears the next. Whoever controls it
decides what is played and read; here an application takes its time and ends. What is measured is
from writing an event until the command that answers it is there: its first byte has come when the
kernel says that there is something to read.
"""

from __future__ import annotations

import itertools
import json
import socket
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Final

import msgspec

from bench.switch_frames import BYE, REPLY, Events, Mould, channel_data
from bench.switch_loop import Connection, Loop

#: What is typed, and how long it takes, seconds: a question is heard to its end, then a key each.
PASSWORD: Final = "2580"
NUMBER: Final = "2125550123#"
PASSWORD_SECONDS: Final = 5.0
PROMPT_SECONDS: Final = 2.0
KEY_SECONDS: Final = 1.0
#: How long a destination rings before it is busy, and how often one is called.
RING_SECONDS: Final = 3.0
CALLS: Final = 3
GOODBYE_SECONDS: Final = 3.0
#: How long one call lasts, where nobody keeps it waiting.
CALL_SECONDS: Final = (
    PASSWORD_SECONDS
    + CALLS * (PROMPT_SECONDS + len(NUMBER) * KEY_SECONDS + RING_SECONDS)
    + GOODBYE_SECONDS
)
#: When a channel takes a command up, and its events come: at its next tick.
TICK_SECONDS: Final = 0.02

#: A question or a sentence.
SAYING: Final = frozenset({"playback", "play_and_get_digits"})
#: What begins each step, and the applications that are an answer to it. `checked` begins with the
#: same event as `password`, and ends with what is said once the password was checked.
ANSWERS: Final = {
    "attach": SAYING,
    "password": frozenset({"unset", "play_and_get_digits"}),
    "checked": SAYING,
    "number": frozenset({"bridge"}),
    "busy": SAYING,
    "goodbye": frozenset({"hangup"}),
}
_NAMES: Final = uuid.UUID("6f0e0a5c-6c7e-4d0c-9d5f-3f6c1b0f2d11")


class Plan(msgspec.Struct, frozen=True):
    """What to drive, and how.

    Attributes:
        port: where whoever controls the calls listens.
        sessions: calls at a time. seconds: for how long they are measured.
        pace: what people take is multiplied by it.
        password_only: the caller hangs up when his password was checked.

    """

    port: int
    sessions: int
    seconds: float
    pace: float = 1.0
    password_only: bool = False

    @property
    def call_seconds(self) -> float:
        """How long a call lasts, by which they begin at an even rate."""
        return (PASSWORD_SECONDS if self.password_only else CALL_SECONDS) * self.pace


def request_of(number: int) -> str:
    """Give the callback request of a call."""
    return str(uuid.uuid5(_NAMES, f"request {number}"))


def leg_of(number: int) -> str:
    """Give the uuid of a call's leg."""
    return str(uuid.uuid5(_NAMES, f"leg {number}"))


@cache
def events_of(form: str) -> Events:
    """Give what makes events, as `json` or `plain`."""
    return Events(form)


@cache
def data() -> Mould:
    """Give the answer to `connect`."""
    return channel_data()


class NodeLink(Connection):
    """A connection to the event socket: every question is answered well."""

    def __init__(self, switch: Switch, sock: socket.socket) -> None:
        super().__init__(switch, sock)
        self.switch = switch
        self.send(b"Content-Type: auth/request\n\n")

    def on_command(self, lines: list[str], body: str, now: float) -> None:
        """Answer."""
        if lines[0].startswith("auth "):
            self.send(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        elif lines[0].startswith("api "):
            answer = b"/sounds" if "sound_prefix" in lines[0] else b"true"
            self.send(b"Content-Type: api/response\nContent-Length: %d\n\n" % len(answer) + answer)
        else:
            self.send(REPLY)

    def on_closed(self) -> None:
        """Its controller has gone."""
        self.switch.links.discard(self)
        self.close()


class Call(Connection):
    """A return leg on its connection."""

    def __init__(self, switch: Switch, number: int) -> None:
        self.switch = switch
        self.uuid, self.request = leg_of(number), request_of(number)
        #: By step, when the event was written that has no answer yet.
        self._waiting: dict[str, float] = {}
        self._events = events_of("json")
        #: What it is told of; None: of everything.
        self._wanted: frozenset[str] | None = frozenset()
        self._typed_password = False
        self._called = 0
        self._held = self._over = False
        #: What comes at the channel's next tick.
        self._ahead: list[bytes] = []
        super().__init__(switch, socket.create_connection(("127.0.0.1", switch.plan.port)))

    # --- commands --------------------------------------------------------------------------

    def on_command(self, lines: list[str], body: str, now: float) -> None:
        """Do a command."""
        match lines[0].split(" "):
            case ["connect"]:
                values = {"uuid": self.uuid.encode(), "request": self.request.encode()}
                self._begin("attach")
                self.send(data().fill(values))
            case ["sendmsg"]:
                fields = dict(line.partition(": ")[::2] for line in lines[1:])
                self.send(REPLY)
                self._execute(
                    fields["execute-app-name"],
                    body or fields.get("execute-app-arg", ""),
                    fields.get("Event-UUID", "none"),
                    now,
                )
            case ["exit"]:
                self.send(BYE)
                self.close()
                self._end()
            case ["myevents", *form]:
                self._subscribe(form[0] if form else "plain", None)
            case ["event", form, *names]:
                self._subscribe(form, frozenset(names))
            case _:
                self.send(REPLY)

    def _subscribe(self, form: str, names: frozenset[str] | None) -> None:
        self._events, self._wanted = events_of(form), names
        self.send(REPLY)

    def _execute(self, application: str, argument: str, step: str, now: float) -> None:
        for waiting in [one for one in self._waiting if application in ANSWERS[one]]:
            self.switch.measured(waiting, self._waiting.pop(waiting), now)
            if waiting == "attach":
                self.switch.held += 1
                self._held = True
            if waiting == "checked" and self.switch.plan.password_only:
                self._hang_up()
                return
        call = {"application": application, "argument": argument, "step": step}
        self._soon(self._event("CHANNEL_EXECUTE", **call))
        if application == "playback":
            if self._called < CALLS:
                self._later(PROMPT_SECONDS, self._heard, call)
            else:
                self._later(GOODBYE_SECONDS, self._heard_goodbye, call)
        elif application == "play_and_get_digits":
            if self._typed_password:
                self._later(PROMPT_SECONDS + KEY_SECONDS, self._press, 0, call)
            else:
                self._later(PASSWORD_SECONDS, self._type_password, call)
        elif application == "bridge":
            self._later(RING_SECONDS, self._busy, call)
        elif application == "hangup":
            self._soon(self._done(call))
            self._hang_up()
        else:
            self._soon(self._done(call))

    # --- what happens ----------------------------------------------------------------------

    def _type_password(self, call: dict[str, str]) -> None:
        self._typed_password = True
        self._begin("password", "checked")
        self.send(self._done(call, digits=PASSWORD))

    def _heard(self, call: dict[str, str]) -> None:
        self.send(self._done(call))
        self._later(KEY_SECONDS, self._press, 0, None)

    def _press(self, at: int, collecting: dict[str, str] | None) -> None:
        """Press a key of the number; `collecting`: the switch itself reads it."""
        key = NUMBER[at]
        self.switch.keys += 1
        frames = self._event("DTMF", digit=key)
        if key == "#":
            if collecting is not None:
                frames += self._done(collecting, digits=NUMBER[:-1])
            self._begin("number")
        else:
            self._later(KEY_SECONDS, self._press, at + 1, collecting)
        self.send(frames)

    def _busy(self, call: dict[str, str]) -> None:
        self._called += 1
        self._begin("busy")
        self.send(self._done(call))

    def _heard_goodbye(self, call: dict[str, str]) -> None:
        self._begin("goodbye")
        self.send(self._done(call))

    def _hang_up(self) -> None:
        self._soon(self._event("CHANNEL_HANGUP"))
        self._soon(self._event("CHANNEL_HANGUP_COMPLETE"))
        self._soon(
            f"Content-Type: text/disconnect-notice\nControlled-Session-UUID: {self.uuid}\n"
            "Content-Disposition: linger\nLinger-Time: 5\n\n".encode()
        )
        seen = events_of("json").make("CHANNEL_HANGUP_COMPLETE", **self._names())
        for link in self.switch.links:
            self.switch.later(TICK_SECONDS, link, link.send, seen)
        self._end()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self.switch.ended += 1
            self.switch.let_go(self._held)

    def on_closed(self) -> None:
        """Whoever controlled it has left it."""
        self.close()
        if not self._over:
            self.switch.broken += 1
        self._end()

    # --- what is said of it ----------------------------------------------------------------

    def _names(self) -> dict[str, str]:
        return {"uuid": self.uuid, "request": self.request}

    def _event(self, name: str, application: str = "", **values: str) -> bytes:
        if self._wanted is not None and name not in self._wanted:
            return b""
        self.switch.sent += 1
        return self._events.make(name, application, **self._names(), **values)

    def _done(self, call: dict[str, str], **values: str) -> bytes:
        return self._event("CHANNEL_EXECUTE_COMPLETE", **call, **values)

    def _begin(self, *steps: str) -> None:
        self.switch.asked += len(steps)
        for step in steps:
            self._waiting[step] = time.perf_counter()

    def _soon(self, frame: bytes) -> None:
        if frame and not self._ahead:
            self.switch.later(TICK_SECONDS, self, self._tick)
        if frame:
            self._ahead.append(frame)

    def _tick(self) -> None:
        frames, self._ahead = self._ahead, []
        self.send(b"".join(frames))

    def _later(self, seconds: float, function: Callable[..., None], *args: object) -> None:
        self.switch.later(seconds * self.switch.plan.pace, self, function, *args)


class Switch(Loop):
    """All calls, in one loop."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.links: set[NodeLink] = set()
        self.keys = self.sent = self.asked = self.ended = self.broken = 0
        self._numbers = itertools.count()
        #: Calls that were asked something and have not hung up.
        self.held = self._least = 0
        self._measuring = False
        self._begun = 0.0
        self._took: dict[str, list[float]] = defaultdict(list)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.watch(self._listener, self._accept)

    # --- the run ---------------------------------------------------------------------------

    def _accept(self, now: float) -> None:
        self.links.add(NodeLink(self, self._listener.accept()[0]))

    def wait(self) -> None:
        """Say where the event socket is, and wait for the word to begin."""
        print(json.dumps({"ready": self._listener.getsockname()[1]}), flush=True)
        self.watch(sys.stdin, self._go)

    def _go(self, now: float) -> None:
        self.forget(sys.stdin)
        for number in range(self.plan.sessions):
            at = number * self.plan.call_seconds / self.plan.sessions
            self.later(at, None, self._call)
        self.later(self.plan.call_seconds, None, self._measure)

    def _call(self) -> None:
        Call(self, next(self._numbers))

    def let_go(self, held: bool) -> None:
        """A call is over: another one takes its place."""
        self.held -= held
        self._least = min(self._least, self.held)
        self._call()

    def _measure(self) -> None:
        self._begun = time.perf_counter()
        self.keys = self.sent = self.asked = self.ended = self.broken = 0
        self._least = self.held
        self._measuring = True
        self.late.clear()
        print(json.dumps({"steady": self.held}), flush=True)
        self.later(self.plan.seconds, None, self._finish)

    def measured(self, step: str, begun: float, now: float) -> None:
        """Take how long an answer took."""
        if self._measuring and begun >= self._begun:
            self._took[step].append(now - begun)

    def _finish(self) -> None:
        seconds = time.perf_counter() - self._begun
        self.over = True
        every = [one for step, took in self._took.items() if step != "checked" for one in took]
        found = {
            "held_least": self._least,
            "seconds": round(seconds, 2),
            "calls_ended": self.ended,
            "calls_broken": self.broken,
            "keys_per_second": round(self.keys / seconds, 1),
            "events_per_second": round(self.sent / seconds, 1),
            "answers": len(every),
            "unanswered": self.asked - sum(map(len, self._took.values())),
            "switch_late_p99_ms": _at(self.late, 0.99),
            "overall": _summary(every),
            "steps": {step: _summary(self._took[step]) for step in ANSWERS if step in self._took},
        }
        print(json.dumps({"found": found}), flush=True)


def _at(values: list[float], part: float) -> float:
    return round(sorted(values)[int(len(values) * part)] * 1000, 2) if values else 0.0


def _summary(took: list[float]) -> dict[str, float]:
    return {
        "count": len(took),
        "p50_ms": _at(took, 0.5),
        "p99_ms": _at(took, 0.99),
        "p999_ms": _at(took, 0.999),
        "most_ms": round(max(took, default=0.0) * 1000, 2),
    }


if __name__ == "__main__":
    made = Switch(msgspec.json.decode(sys.argv[1], type=Plan))
    made.wait()
    made.run()
