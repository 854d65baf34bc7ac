"""The outbound session: FreeSWITCH connected to us for one leg.

A call's own code runs either way: by events (`on_event`, what the runtime does), or as a script
that waits for each application, with greenswitch's API. Applications are told apart by the
`Event-UUID` that comes back as `Application-UUID`, never by name: two of the same name can be
under way.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any, Final

import gevent
from gevent.event import AsyncResult
from greenswitch.esl import OutboundSession as GreenswitchSession
from greenswitch.esl import OutboundSessionHasGoneAway

from controller.esl import commands
from controller.esl.channel_data import ChannelData, channel_data
from controller.esl.connection import COMMAND_SECONDS, Connection
from controller.esl.errors import CommandTimeout
from controller.esl.events import DIGITS_VARIABLE, Event
from controller.esl.wire import Frame

#: What a session is told of, and nothing else: each event is 5-12 KB of the switch's work.
SUBSCRIPTION = ("CHANNEL_EXECUTE_COMPLETE", "CHANNEL_BRIDGE", "CHANNEL_HANGUP_COMPLETE")
#: What is kept of a leg's data once it is attached: what greenswitch's API gives.
KEPT_DATA: Final = ("Unique-ID", "variable_call_uuid", "Caller-Caller-ID-Number")
#: How long the connection stays after the end of its leg, seconds: events of that may follow.
LINGER_SECONDS: Final = 5


class OutboundSession(Connection, GreenswitchSession):
    """One connection of the `socket` application, with greenswitch's API on our own machinery.

    `session_data` is a `ChannelData` here, and events are `controller.esl.events.Event`.
    """

    def __init__(
        self,
        client_address: tuple[str, int],
        sock: Any,  # noqa: ANN401  (a gevent socket)
        command_seconds: float = COMMAND_SECONDS,
    ) -> None:
        # greenswitch's constructor is not called: it would make a file object, two greenlets and
        # a queue for each leg, none of which is used here.
        self._open(sock, command_seconds)
        self.client_address = client_address
        self.event_handlers = {}
        self.expected_events = {}
        self.session_data: ChannelData | None = None
        self._outbound_connected = False

    def connect(self, seconds: float | None = None) -> ChannelData:
        """Send `connect` and give the leg's data. The reader has to be running.

        Raises `NotConnected`, `CommandTimeout` where nothing comes within `seconds`, `BadEvent`
        where what comes is no channel.
        """
        if self.session_data is None:
            return self.attach(self.request(commands.CONNECT, seconds))
        return self.session_data

    def attach(self, frame: Frame) -> ChannelData:
        """Take the reply to `connect`: from here on there is a leg. Raises `BadEvent`."""
        self.session_data = channel_data(frame)
        self._outbound_connected = True
        return self.session_data

    def forget_data(self) -> None:
        """Keep of the leg's data what `uuid`, `call_uuid` and `caller_id_number` give, no more."""
        if self.session_data is not None:
            self.session_data = self.session_data.only(KEPT_DATA)

    @property
    def uuid(self) -> str | None:
        """The leg's uuid, once connected."""
        return None if self.session_data is None else self.session_data.uuid

    @property
    def call_uuid(self) -> str | None:
        """The uuid that the switch gives the whole call."""
        return None if self.session_data is None else self.session_data.variable("call_uuid")

    @property
    def caller_id_number(self) -> str | None:
        """What the switch made of the caller's identity headers: trusted by nobody here."""
        if self.session_data is None:
            return None
        return self.session_data.get("Caller-Caller-ID-Number")

    def subscribe(
        self, leg: str, names: Iterable[str] = SUBSCRIPTION, linger: int = LINGER_SECONDS
    ) -> None:
        """Ask for the leg's own events only, and for those after its end, in one write.

        The filter goes first: without it `event` would bring every other call's events too.
        """
        sent = (
            commands.linger(linger),
            commands.filter_events("Unique-ID", leg),
            commands.subscribe(names),
        )
        self._send_all([(command, None) for command in sent])

    def _dispatch(self, event: Event) -> None:
        super()._dispatch(event)
        if event.name == "CHANNEL_HANGUP_COMPLETE" and event.uuid == self.uuid:
            self._outbound_connected = False
            self._end_waits()

    # --- greenswitch's API, for scripts --------------------------------------------------------

    def call_command(
        self,
        app_name: str,
        app_args: str | None = None,
        block: bool = False,
        response_timeout: float | None = None,
    ) -> Any:  # noqa: ANN401  (as greenswitch has it: a reply, or an event where it blocks)
        """Execute an application; with `block`, wait until it has ended and give its event.

        Raises `OutboundSessionHasGoneAway` when the caller hangs up first, and `CommandTimeout`
        after `response_timeout` seconds.
        """
        # CHANNEL_HANGUP_COMPLETE and the notice of lingering come in either order.
        if self._lingering or (self.session_data is not None and not self._outbound_connected):
            raise OutboundSessionHasGoneAway("the leg has hung up")
        event_uuid = str(uuid.uuid4())
        command = commands.execute(app_name, app_args or "", event_uuid)
        if not block:
            return self.request(command)
        done: AsyncResult[Event] = AsyncResult()
        self._waiters[event_uuid] = done
        too_long = CommandTimeout(f"{app_name} did not end in {response_timeout} s")
        try:
            with gevent.Timeout(response_timeout, too_long):
                self.request(command)
                return done.get()
        finally:
            self._waiters.pop(event_uuid, None)

    def myevents(self) -> None:
        """Ask for all events of the leg, as JSON: plain text could hold forged headers."""
        self.send("myevents json")

    def answer(self) -> str:
        """Answer the leg; give the switch's reply to the command."""
        return str(self.call_command("answer").headers.get("Reply-Text", ""))

    def playback(self, path: str, block: bool = True) -> Any:  # noqa: ANN401
        """Play a sound."""
        return self.call_command("playback", path, block=block)

    def say(
        self,
        module_name: str = "en",
        lang: str | None = None,
        say_type: str = "NUMBER",
        say_method: str = "pronounced",
        gender: str = "FEMININE",
        text: str | None = None,
        block: bool = True,
        response_timeout: float | None = 30,
    ) -> Any:  # noqa: ANN401
        """Say a number, a date or the like with recorded words."""
        module = f"{module_name}:{lang}" if lang else module_name
        arguments = f"{module} {say_type} {say_method} {gender} {text or ''}".rstrip()
        return self.call_command("say", arguments, block, response_timeout)

    def play_and_get_digits(
        self,
        min_digits: int = 1,
        max_digits: int = 16,
        max_attempts: int = 1,
        timeout: int = 5000,
        terminators: str = "#",
        prompt_file: str = "silence_stream://10",
        error_file: str = "silence_stream://10",
        variable: str = DIGITS_VARIABLE,
        digits_regex: str = r"\d+",
        digit_timeout: int = 3000,
        transfer_on_fail: str | None = None,
        block: bool = True,
        response_timeout: float | None = 30,
    ) -> Any:  # noqa: ANN401
        """Collect digits; give them, or None. They are read from `callback_digits` only."""
        arguments = (
            f"{min_digits} {max_digits} {max_attempts} {timeout} {terminators} {prompt_file} "
            f"{error_file} {variable} {digits_regex} {digit_timeout} {transfer_on_fail or ''}"
        ).strip()
        result = self.call_command("play_and_get_digits", arguments, block, response_timeout)
        return result.digits if isinstance(result, Event) else None
