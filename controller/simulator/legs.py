"""A leg: what FreeSWITCH calls a channel with its session.

A leg that is only bridged to needs no greenlet of its own; one that runs a dialplan has one,
which sleeps until something happens to the leg. FreeSWITCH: ``src/switch_channel.c``,
``src/switch_core_session.c``, ``src/switch_core_state_machine.c``.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent
from gevent.event import Event as Signal

from controller.simulator.actions import DigitActions
from controller.simulator.events import Event, Value, micros, templates
from controller.simulator.phones import Behaviour
from controller.simulator.records import write_record
from controller.simulator.report import report_variables

if TYPE_CHECKING:
    from controller.simulator.line import Line
    from controller.simulator.listener import Command
    from controller.simulator.profile import CallerProfile
    from controller.simulator.switch import Simulator

TICK = 0.02  # seconds between two looks at the leg's queue: one frame of audio

_NUMBERS = {
    "CS_INIT": "2",
    "CS_EXECUTE": "4",
    "CS_CONSUME_MEDIA": "7",
    "CS_HANGUP": "10",
    "CS_REPORTING": "11",
}


class Leg:
    """One leg. ``role`` is what it is to the product: trigger, return or destination."""

    line: Line

    def __init__(
        self, simulator: Simulator, profile: CallerProfile, variables: dict[str, Value], role: str
    ) -> None:
        self.simulator = simulator
        self.uuid = profile.uuid
        self.inbound = profile.direction == "inbound"
        self.profiles = [profile]
        self.variables = variables
        self.role = role
        self.number = profile.cid_number if self.inbound else profile.destination
        self.call: str | None = None
        self.state = "CS_INIT"
        self.call_state = "DOWN"
        self.call_uuid = self.uuid
        self.hit_dialplan = self.inbound
        self.media = self.inbound
        self.cause: str | None = None
        self.finished = False
        self.ended_by = "switch"
        self.refusal: tuple[int, str] | None = None
        # who is at the other end of a bridge, and how that is shown in events
        self.partner: Leg | None = None
        self.calling: Leg | None = None  # whom it calls, until there is an answer
        self.other: tuple[str, CallerProfile] | None = None
        # what interrupts a running application: see `ready`
        self.transfer: tuple[str, str] | None = None
        self.reset = False
        self.breaks = 0  # uuid_break: whatever plays when it is counted up ends
        self.controlled = False
        self.in_socket = False
        self.queue: deque[Command] = deque()
        self.locked = False
        # keys that nothing has read yet, whether they are sensitive, and where from
        self.keys: deque[tuple[str, bool, str]] = deque()
        self.digits_dialed = ""
        self.actions = DigitActions(self)
        self.last_app: tuple[str, str] | None = None
        self.session: gevent.Greenlet[..., None] | None = None
        self.behaviour = Behaviour()
        self.watch: Callable[[], None] | None = None  # whoever dials it waits for it
        self._phase = time.monotonic()
        self._signal = Signal()

    @property
    def profile(self) -> CallerProfile:
        """The current caller profile."""
        return self.profiles[0]

    @property
    def answered(self) -> bool:
        """Whether it was ever answered."""
        return self.profile.times.answered > 0

    def ready(self) -> bool:
        """Whether an application may go on: ``switch_channel_ready``."""
        return self.cause is None and self.transfer is None and not self.reset

    # -- variables ---------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        """A variable, or None. The first value if it has several."""
        value = self.variables.get(name)
        return value[0] if isinstance(value, list) else value

    def set(self, name: str, value: Value | None) -> None:
        """Set a variable; None or an empty value removes it."""
        self.variables.pop(name, None)
        if value:
            self.variables[name] = value

    def push(self, name: str, value: str) -> None:
        """Add one more value to a variable."""
        before = self.variables.get(name)
        if before is None:
            self.set(name, value)
        else:
            self.set(name, [*(before if isinstance(before, list) else [before]), value])

    def true(self, name: str) -> bool:
        """Whether a variable holds a true value: ``switch_true``."""
        return (self.get(name) or "").lower() in {"true", "yes", "on", "1", "t", "enabled"}

    # -- events ------------------------------------------------------------------------------

    def emit(
        self,
        kind: str,
        before: Event | None = None,
        after: Event | None = None,
        *,
        variables: bool = True,
    ) -> None:
        """Send an event of this leg to whoever listens; built only if somebody does."""
        if self.simulator.links.wanted(kind, self.uuid):
            event = self.simulator.head.make(kind)
            event.update(before or {})
            self.add_data(event, variables=variables)
            event.update(after or {})
            self.simulator.links.publish(event)
        else:
            self.simulator.head.skip()

    def add_data(self, event: Event, *, variables: bool = True) -> None:
        """Add the leg's own fields to an event: ``switch_channel_event_set_data``."""
        hungup = self.cause is not None
        event["Channel-State"] = self.state
        event["Channel-Call-State"] = self.call_state
        event["Channel-State-Number"] = (
            "10" if hungup and self.state != "CS_REPORTING" else _NUMBERS[self.state]
        )
        event["Channel-Name"] = self.profile.channel_name
        event["Unique-ID"] = self.uuid
        event["Call-Direction"] = event["Presence-Call-Direction"] = self.profile.direction
        event["Channel-HIT-Dialplan"] = str(self.hit_dialplan).lower()
        event["Channel-Call-UUID"] = self.call_uuid
        event["Answer-State"] = "hangup" if hungup else "answered" if self.answered else "ringing"
        if self.cause is not None:
            event.setdefault("Hangup-Cause", self.cause)
        if self.media:
            event.update(templates().media)
        self.profile.add_to(event, "Caller")
        if self.other:
            kind, profile = self.other
            event["Other-Type"] = kind
            profile.add_to(event, "Other-Leg", zero_times=kind == "originator")
        if variables:
            for name, value in self.variables.items():
                event[f"variable_{name}"] = value

    def note(self, what: str, **detail: str) -> None:
        """Write in the journal what the phone at this leg saw."""
        self.simulator.note(self, what, detail)

    # -- waiting -----------------------------------------------------------------------------

    def wake(self) -> None:
        """Something happened to the leg: let its greenlet look."""
        self._signal.set()

    def enqueue(self, command: Command) -> None:
        """Queue a command that came by ``sendmsg``; it is seen at the next tick."""
        self.queue.append(command)
        self.wake()

    def tick(self) -> None:
        """Sleep until the leg's next 20 ms tick."""
        gevent.sleep(TICK - (time.monotonic() - self._phase) % TICK)

    def rephase(self) -> None:
        """The leg begins to read audio now: the next tick is 20 ms away."""
        self._phase = time.monotonic()

    def wait(self, seconds: float | None, until: Callable[[], bool] | None = None) -> bool:
        """Wait as an application does: queued commands are run in between.

        Ends after ``seconds`` (False), as soon as ``until`` holds, or when the leg is no longer
        `ready` (True). A command is run inside the running application, as FreeSWITCH does
        (``switch_ivr_parse_all_events``), unless that one was sent with ``event-lock: true``.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while self.ready():
            if self.queue and not self.locked:
                self.tick()
                self.simulator.applications.run_queue(self)
                continue
            if until is not None and until():
                return True
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            self._signal.clear()
            self._signal.wait(left)
        return True

    # -- life --------------------------------------------------------------------------------

    def mark_ringing(self) -> None:
        """The far end rings (outgoing), or is told that we ring (incoming)."""
        if self.profile.times.progress == 0 and self.cause is None:
            self.profile.times.progress = micros()
            self.call_state = "RINGING"
            self.note("ringing")
            self.emit("CHANNEL_PROGRESS")

    def mark_answered(self) -> None:
        """The leg is answered: ``switch_channel_mark_answered``."""
        if self.answered or self.cause is not None:
            return
        self.media = True
        now = self.profile.times.answered = micros()
        self.profile.times.progress = self.profile.times.progress or now
        self.note("answered")
        if not self.inbound:
            self.state = "CS_CONSUME_MEDIA"
        self.emit("CHANNEL_ANSWER")
        self.set("endpoint_disposition", "ANSWER")
        self.call_state = "ACTIVE" if self.inbound else self.call_state
        action = self.get("execute_on_answer")
        if action:
            name, _, data = action.partition(" ")
            self.simulator.applications.execute(self, name, data)
        if self.watch is not None:
            self.watch()
        self.line.on("answer")

    def dtmf(self, digit: str) -> None:
        """A key was pressed at the far end."""
        if self.cause is None and self.media and not self.actions.feed(digit):
            self.queue_key(digit, source="RTP")

    def queue_key(self, digit: str, *, source: str) -> None:
        """Keep a key for what reads it: ``switch_channel_queue_dtmf``.

        Whether it is sensitive is settled now; its event comes when it is read.
        """
        self.keys.append((digit, self.true("sensitive_dtmf"), source))
        self.wake()
        if self.session is None:
            self.pass_keys()

    def key(self) -> str | None:
        """The next key that was pressed, and its event: ``switch_channel_dequeue_dtmf``."""
        if not self.keys:
            return None
        digit, sensitive, source = self.keys.popleft()
        if not sensitive:
            self.digits_dialed += digit
            length = "2000" if source == "APP" else "1600"  # samples
            extra: Event = {"DTMF-Digit": digit, "DTMF-Duration": length, "DTMF-Source": source}
            self.emit("DTMF", after=extra, variables=False)
        return digit

    def pass_keys(self) -> None:
        """Send the keys of this side of a conversation to the other."""
        while self.partner is not None and (key := self.key()) is not None:
            self.partner.note("keyed", digit=key)

    def hangup(self, cause: str, by: str = "switch") -> None:
        """End the leg. ``by``: ``switch`` or ``phone``. A second call changes nothing."""
        if self.cause is not None:
            return
        self.cause, self.ended_by = cause, by
        self.profile.times.hungup = micros()
        if by == "phone":
            self._far_end_hung_up()
        self.emit("CHANNEL_HANGUP")
        if by == "phone" and self.answered:
            self.set("sip_hangup_disposition", "recv_bye")
        self.wake()
        self.simulator.changed()
        if self.session is None:
            # Seen out by its own thread: at once when its phone ended it, a tick later than
            # the leg that waits for it when the switch did. Both as recorded.
            if by == "phone" and not self.simulator.odd():
                self.finish()
            else:
                self.simulator.spawn_later(TICK * 0.8, self.finish)
        if self.partner is not None:
            self.partner.wake()
        if self.watch is not None:
            self.watch()

    def _far_end_hung_up(self) -> None:
        if self.answered:
            status, cause = "200", "16"
        elif self.inbound:
            status = cause = "487"
            self.set("sip_hangup_disposition", "recv_cancel")
            self.set("sip_invite_failure_status", status)
            self.set("sip_invite_failure_phrase", "CANCEL")
        else:
            return
        self.set("sip_term_status", status)
        self.set("proto_specific_hangup_cause", f"sip:{status}")
        self.set("sip_term_cause", cause)

    def finish(self) -> None:
        """The last events of the leg: ``switch_core_session_reporting_state``."""
        if self.finished:
            return
        self.finished = True
        cause = self.cause or "NORMAL_CLEARING"
        self.state = "CS_HANGUP"
        self.emit("CHANNEL_STATE", variables=False)
        self.simulator.head.skip()  # CHANNEL_CALLSTATE
        self.call_state, self.state = "HANGUP", "CS_REPORTING"
        if self.refusal and self.ended_by == "phone":
            self._refused()
        report = report_variables(cause, self.profiles[-1], self.profile, self.digits_dialed)
        if self.last_app:
            last = list(report.items())
            at = next(i for i, item in enumerate(last) if item[0] == "caller_id")
            last[at:at] = [("last_app", self.last_app[0]), ("last_arg", self.last_app[1])]
            report = dict(last)
        self.variables.update(report)
        self._disposition()
        if self.answered:
            self.variables.update(templates().rtp)
        self.emit("CHANNEL_STATE", variables=False)
        self.simulator.remove(self)
        if self.simulator.records is not None and self.get("process_cdr") != "false":
            write_record(self.simulator.records, self)
        odd = self.simulator.odd()
        if odd:
            self.simulator.links.leg_down(self)
        self.emit("CHANNEL_HANGUP_COMPLETE", before={"Hangup-Cause": cause})
        if not odd:
            self.simulator.links.leg_down(self)

    def _refused(self) -> None:
        assert self.refusal is not None
        status, phrase = self.refusal
        if not self.profile.times.progress:
            self.set("sip_local_network_addr", "127.0.0.1")
            self.set("sip_call_id", self.line.facts["call_id"])
            self.set("sip_reply_port", "0")
            self.set("sip_network_port", "0")
        self.set("sip_hangup_disposition", "recv_refuse")
        self.set("sip_invite_failure_status", str(status))
        self.set("sip_invite_failure_phrase", phrase)
        self.set("sip_term_status", str(status))
        self.set("proto_specific_hangup_cause", f"sip:{status}")
        self.set("sip_term_cause", str(self.simulator.q850(self.cause or "")))

    def _disposition(self) -> None:
        if self.ended_by == "phone":
            return
        if self.answered:
            self.set("sip_hangup_disposition", "send_bye")
        elif self.inbound:
            self.set("sip_hangup_disposition", "send_refuse")
        else:
            self.set("sip_hangup_disposition", "send_cancel")
            self.set("sip_invite_failure_status", "487")
            self.set("sip_invite_failure_phrase", "CANCEL")
