"""The dialplan applications, and how one is run on a leg.

FreeSWITCH: ``switch_core_session_exec`` in ``src/switch_core_session.c``,
``switch_ivr_parse_event`` in ``src/switch_ivr.c``, ``mod_dptools.c``.
"""

from __future__ import annotations

import re
import time
import uuid as uuids
from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.simulator import collect
from controller.simulator.bridge import bridge
from controller.simulator.causes import cause_name
from controller.simulator.dialplan import expand
from controller.simulator.events import Event
from controller.simulator.legs import TICK
from controller.simulator.outbound import park, run_socket

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.listener import Command
    from controller.simulator.switch import Simulator

Application = Callable[["Leg", str], str | None]

_DIGIT_GAP = 1.5  # seconds after which a digit machine starts again
_TONE = re.compile(r"%\((\d+),(\d+),")
_SAMPLES = 8  # per millisecond


class Applications:
    """All applications of one switch; the table maps a name to what it does."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.durations: dict[str, float] = {}
        #: Parts of the names of sounds that the switch does not have.
        self.missing: set[str] = set()
        self.default_duration = 0.3
        self._table: dict[str, Application] = {
            "answer": self._answer,
            "bind_digit_action": self._bind_digit_action,
            "bridge": self._bridge,
            "clear_digit_action": self._clear_digit_action,
            "digit_action_set_realm": self._digit_action_set_realm,
            "execute_extension": self._execute_extension,
            "export": self._export,
            "hangup": self._hangup,
            "info": self._nothing,
            "log": self._nothing,
            "multiset": self._multiset,
            "park": self._park,
            "play_and_get_digits": self._play_and_get_digits,
            "playback": self._playback,
            "pre_answer": self._pre_answer,
            "read": self._read,
            "ring_ready": self._ring_ready,
            "say": self._say,
            "sched_hangup": self._sched_hangup,
            "set": self._set,
            "sleep": self._sleep,
            "socket": self._socket,
            "transfer": self._transfer,
            "unset": self._unset,
        }

    # -- running -----------------------------------------------------------------------------

    def execute(self, leg: Leg, name: str, data: str, event_uuid: str | None = None) -> None:
        """Run one application. An unknown one ends the leg, with no event of its own."""
        application = self._table.get(name)
        if application is None:
            leg.hangup("DESTINATION_OUT_OF_ORDER")
            return
        data = expand(leg, data)
        leg.last_app = (name, data)
        for variable in (
            "app_uuid",
            "current_application_response",
            "current_application",
            "current_application_data",
        ):
            leg.set(variable, None)
        leg.set("current_application_data", data)
        leg.set("current_application", name)
        about: Event = {"Application": name}
        if data:
            about["Application-Data"] = data
        about["Application-UUID"] = event_uuid or str(uuids.uuid4())
        leg.emit("CHANNEL_EXECUTE", after=about)
        response = application(leg, data)
        if response:
            leg.set("current_application_response", response)
        done: Event = {**about, "Application-Response": response or "_none_"}
        done["Application-UUID"] = done.pop("Application-UUID")
        leg.emit("CHANNEL_EXECUTE_COMPLETE", after=done)

    def run_queue(self, leg: Leg) -> None:
        """Run the commands that came by ``sendmsg``: ``switch_ivr_parse_all_events``."""
        while leg.queue and leg.cause is None and not leg.locked:
            self._command(leg, leg.queue.popleft())
            self._simulator.head.skip()  # PRIVATE_COMMAND

    def _command(self, leg: Leg, command: Command) -> None:
        what = command.headers.get("call-command", "").lower()
        if what == "hangup":
            leg.hangup(cause_name(command.headers.get("hangup-cause", "")))
        if what != "execute":
            return
        lock = command.headers.get("event-lock", "").lower() == "true"
        wanted = command.headers.get("loops", "")
        loops = int(wanted) if wanted.isdigit() else 1
        leg.locked = leg.locked or lock
        begun = time.monotonic()
        event_uuid = command.headers.get("event-uuid")
        for turn in range(loops):
            leg.set("app_uuid", event_uuid)
            leg.set("current_loop", str(turn + 1))
            leg.set("total_loops", str(loops))
            self.execute(
                leg,
                command.headers.get("execute-app-name", ""),
                command.argument(),
                event_uuid,
            )
            if not leg.ready() or time.monotonic() - begun < 0.5:
                break
        leg.set("current_loop", None)
        leg.set("total_loops", None)
        if time.monotonic() - begun > TICK:
            leg.rephase()
        if lock:
            leg.locked = False

    # -- sounds ------------------------------------------------------------------------------

    def duration(self, file: str) -> float:
        """How long a sound lasts, in seconds."""
        if file.startswith("file_string://"):
            return sum(self.duration(part) for part in file[14:].split("!"))
        if file.startswith("silence_stream://"):
            digits = file[17:].split(",", maxsplit=1)[0]
            return int(digits) / 1000 if digits.isdigit() else self.default_duration
        if file.startswith("tone_stream://"):
            return sum(int(on) + int(off) for on, off in _TONE.findall(file)) / 1000
        for part, seconds in self.durations.items():
            if part in file:
                return seconds
        return self.default_duration

    def play(self, leg: Leg, file: str, until: Callable[[], bool] | None = None) -> bool:
        """Play a sound; True if it was played to its end."""
        leg.stopped = False
        leg.note("heard", file=file)
        seconds = self.duration(file)
        begun = time.monotonic()

        def stop() -> bool:
            return leg.stopped or (until is not None and until())

        cut = leg.wait(seconds, stop)
        leg.stopped = False
        played = min(seconds, time.monotonic() - begun) if cut else seconds
        milliseconds = round(played * 1000)
        leg.set("playback_last_offset_pos", str(milliseconds * _SAMPLES))
        leg.set("playback_seconds", str(milliseconds // 1000))
        leg.set("playback_ms", str(milliseconds))
        leg.set("playback_samples", str(milliseconds * _SAMPLES))
        return not cut

    def is_missing(self, file: str) -> bool:
        """Whether the switch has no such sound."""
        return any(part in file for part in self.missing)

    def _playback(self, leg: Leg, data: str) -> str:
        self._pre_answer(leg, "")
        if self.is_missing(data):
            return "FILE NOT FOUND"
        terminators = leg.get("playback_terminators") or "*"
        before, digits = leg.collecting, list[str]()
        leg.collecting = digits
        self.play(leg, data, lambda: any(digit in terminators for digit in digits))
        leg.collecting = before
        return "FILE PLAYED"

    def _say(self, leg: Leg, data: str) -> None:
        self.play(leg, "say:" + data)

    def _play_and_get_digits(self, leg: Leg, data: str) -> None:
        collect.play_and_get_digits(self, leg, data)

    def _read(self, leg: Leg, data: str) -> None:
        collect.read(self, leg, data)

    # -- variables ---------------------------------------------------------------------------

    def _set(self, leg: Leg, data: str) -> None:
        name, _, value = data.partition("=")
        leg.set(name.strip(), None if value == "_undef_" else value)

    def _unset(self, leg: Leg, data: str) -> None:
        leg.set(data.strip(), None)

    def _multiset(self, leg: Leg, data: str) -> None:
        separator = " "
        if data.startswith("^^") and len(data) > 2:
            separator, data = data[2], data[3:]
        for part in data.split(separator):
            self._set(leg, part)

    def _export(self, leg: Leg, data: str) -> None:
        name, _, value = data.partition("=")
        local = name.startswith("nolocal:")
        name = name.removeprefix("nolocal:")
        leg.set(name if not local else f"nolocal:{name}", value)
        before = [item for item in (leg.get("export_vars") or "").split(",") if item]
        leg.set("export_vars", ",".join(dict.fromkeys([*before, ("nolocal:" * local) + name])))

    # -- the call ----------------------------------------------------------------------------

    def _nothing(self, leg: Leg, data: str) -> None:
        pass

    def _ring_ready(self, leg: Leg, data: str) -> None:
        if leg.inbound:
            leg.set("sip_to_tag", leg.line.facts["to_tag"])
        leg.mark_ringing()

    def _pre_answer(self, leg: Leg, data: str) -> None:
        if leg.inbound and not leg.answered:
            self._ring_ready(leg, data)

    def _answer(self, leg: Leg, data: str) -> None:
        leg.mark_answered()

    def _sleep(self, leg: Leg, data: str) -> None:
        leg.wait(int(data) / 1000 if data.strip().isdigit() else 0)

    def _hangup(self, leg: Leg, data: str) -> None:
        leg.hangup(cause_name(data))

    def _transfer(self, leg: Leg, data: str) -> None:
        words = data.split()
        if words:
            context = words[2] if len(words) > 2 else leg.profile.context
            leg.transfer = (words[0], context)
            leg.wake()

    def _execute_extension(self, leg: Leg, data: str) -> None:
        words = data.split() or [""]
        context = words[2] if len(words) > 2 else leg.profile.context
        kept = leg.profile.destination, leg.profile.context
        leg.profile.destination, leg.profile.context = words[0], context
        actions = self._simulator.dialplan.actions(leg, self.execute) or []
        leg.profile.destination, leg.profile.context = kept
        for name, argument in actions:
            if leg.ready():
                self.execute(leg, name, argument)

    def _sched_hangup(self, leg: Leg, data: str) -> None:
        when, _, cause = data.strip().partition(" ")
        seconds = when.lstrip("+")
        if seconds.isdigit():
            after = int(seconds) if when.startswith("+") else int(seconds) - int(time.time())
            self._simulator.scheduler.hangup(after, leg.uuid, cause_name(cause))

    def _park(self, leg: Leg, data: str) -> None:
        leg.controlled = True
        park(leg)

    def _socket(self, leg: Leg, data: str) -> None:
        run_socket(self._simulator, leg, data)

    def _bridge(self, leg: Leg, data: str) -> None:
        bridge(self._simulator, leg, data)

    # -- keys while bridged ------------------------------------------------------------------

    def _bind_digit_action(self, leg: Leg, data: str) -> None:
        # <realm>,<digits or ~regex>,<action>[,<value>][,<whose digits>][,<who runs it>]
        parts = data.split(",")
        if len(parts) >= 3:
            leg.digit_actions.setdefault(parts[0], []).append(parts[1:])
            leg.digit_realm = leg.digit_realm or parts[0]

    def _digit_action_set_realm(self, leg: Leg, data: str) -> None:
        leg.digit_realm = data.split(",", maxsplit=1)[0]
        leg.digit_buffer = (0.0, "")

    def _clear_digit_action(self, leg: Leg, data: str) -> None:
        if data in {"", "all"}:
            leg.digit_actions.clear()
        leg.digit_actions.pop(data, None)

    def bridged_digit(self, leg: Leg, digit: str) -> None:
        """A key pressed in a conversation: see whether it completes an action's digits."""
        since, before = leg.digit_buffer
        now = time.monotonic()
        typed = (before if now - since < _DIGIT_GAP else "") + digit
        leg.digit_buffer = (now, typed)
        for pattern, action, *rest in leg.digit_actions.get(leg.digit_realm, []):
            hit = (
                re.fullmatch(pattern[1:], typed)
                if pattern.startswith("~")
                else typed.endswith(pattern)
            )
            if not hit:
                continue
            leg.digit_buffer = (now, "")
            target = leg.partner if len(rest) > 2 and rest[2] == "peer" else leg
            name = action.removeprefix("exec:")
            value = rest[0] if rest else ""
            if target is not None and name == "hangup":
                target.hangup(cause_name(value))
            elif target is not None:
                self.execute(target, name, value)
            return


def export_variables(leg: Leg) -> dict[str, str]:
    """What ``export`` says a new leg inherits."""
    found = {}
    for item in (leg.get("export_vars") or "").split(","):
        name = item.removeprefix("nolocal:")
        value = leg.get(item) or leg.get(name)
        if name and value:
            found[name] = value
    return found
