"""The dialplan applications, and how one is run on a leg.

FreeSWITCH: ``switch_core_session_exec`` in ``src/switch_core_session.c``,
``switch_ivr_parse_event`` in ``src/switch_ivr.c``, ``mod_dptools.c``.
"""

from __future__ import annotations

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
from controller.simulator.sounds import Sounds

if TYPE_CHECKING:
    from controller.simulator.legs import Leg
    from controller.simulator.listener import Command
    from controller.simulator.switch import Simulator

Application = Callable[["Leg", str], str | None]

_SAMPLES = 8  # per millisecond
_TRUE = {"true", "yes", "on", "1", "t", "enabled", "active", "allow"}  # switch_utils.h


class Applications:
    """All applications of one switch; the table maps a name to what it does."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.sounds = Sounds()
        self.durations, self.missing = self.sounds.durations, self.sounds.missing
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
        if (leg.get("app_disable_expand_variables") or "").lower() not in _TRUE:
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
        # An application that was run inside this one may have left its response.
        response = leg.get("current_application_response") or "_none_"
        done: Event = {**about, "Application-Response": response}
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

    def play(self, leg: Leg, file: str, heed: Callable[[str], bool] | None = None) -> bool:
        """Play a sound; True if it was played to its end.

        ``heed`` is asked about each key, and cuts the sound with True. Without it, keys stay for
        what comes next.
        """
        breaks, keyed = leg.breaks, False
        leg.note("heard", file=file)
        leg.line.on("heard", file)
        seconds = self.sounds.duration(file)
        begun = time.monotonic()

        def stop() -> bool:
            nonlocal keyed
            while heed is not None and not keyed and (key := leg.key()) is not None:
                keyed = heed(key)
            return keyed or leg.breaks > breaks

        cut = leg.wait(seconds, stop)
        played = min(seconds, time.monotonic() - begun) if cut else seconds
        milliseconds = round(played * 1000)
        leg.set("playback_last_offset_pos", str(milliseconds * _SAMPLES))
        leg.set("playback_seconds", str(milliseconds // 1000))
        leg.set("playback_ms", str(milliseconds))
        leg.set("playback_samples", str(milliseconds * _SAMPLES))
        return not cut

    def _playback(self, leg: Leg, data: str) -> str:
        self._pre_answer(leg, "")
        leg.set("playback_terminator_used", None)
        if self.sounds.is_missing(data):
            return "FILE NOT FOUND"
        self.play(leg, data, self._terminators(leg))
        return "FILE PLAYED"

    def _say(self, leg: Leg, data: str) -> None:
        leg.set("playback_terminator_used", None)
        if self.sounds.can_say(data):
            leg.set("sound_prefix", self._simulator.globals["sound_prefix"])
            self.play(leg, "say:" + data, self._terminators(leg))

    @staticmethod
    def _terminators(leg: Leg) -> Callable[[str], bool]:
        """Whether a key cuts the sound: mod_dptools.c, ``on_dtmf``."""

        def heed(key: str) -> bool:
            keys = leg.get("playback_terminators") or "*"
            keys = {"any": "1234567890*#", "none": ""}.get(keys.lower(), keys)
            if key in keys:
                leg.set("playback_terminator_used", key)
            return key in keys

        return heed

    def _play_and_get_digits(self, leg: Leg, data: str) -> None:
        collect.play_and_get_digits(self, leg, data)

    def _read(self, leg: Leg, data: str) -> None:
        collect.read(self, leg, data)

    # -- variables ---------------------------------------------------------------------------

    def _set(self, leg: Leg, data: str) -> None:
        name, _, value = data.partition("=")
        # It expands by itself, whatever the leg says (mod_dptools.c, base_set).
        value = expand(leg, value)
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
        # Seen on 1.11.1: a key ends it, and stays for what comes next.
        leg.wait(int(data) / 1000 if data.strip().isdigit() else 0, lambda: bool(leg.keys))

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
        leg.actions.bind(data)

    def _digit_action_set_realm(self, leg: Leg, data: str) -> None:
        leg.actions.set_realm(data)

    def _clear_digit_action(self, leg: Leg, data: str) -> None:
        leg.actions.clear(data)


def export_variables(leg: Leg) -> dict[str, str]:
    """What ``export`` says a new leg inherits."""
    found = {}
    for item in (leg.get("export_vars") or "").split(","):
        name = item.removeprefix("nolocal:")
        value = leg.get(item) or leg.get(name)
        if name and value:
            found[name] = value
    return found
