"""The inbound link: our connection to a node's event socket, kept up for as long as we live.

It carries what is no leg's own: `bgapi originate` and its BACKGROUND_JOB, the end of legs whose
socket was let go, and questions (`uuid_exists`). When it breaks it comes back by itself, waiting
longer each time, and it keeps a list of the jobs whose answer has not come: after a reconnect
those answers will never come, and whoever asked has to find out another way.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import gevent
import gevent.socket
import msgspec
import structlog
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from greenswitch.esl import InboundESL

from controller.esl import commands
from controller.esl.connection import COMMAND_SECONDS, Connection
from controller.esl.errors import (
    AuthenticationFailed,
    CommandRefused,
    EslError,
    NotConnected,
    UnexpectedFrame,
)
from controller.esl.events import Event, text
from controller.esl.wire import Frame

log: Any = structlog.get_logger("esl.switch")

FIRST_WAIT: Final = 0.25
LONGEST_WAIT: Final = 15.0
#: How often an idle link asks for a sign of life, seconds; the answer has the command deadline.
PING_SECONDS: Final = 10.0


class InboundConnection(Connection, InboundESL):
    """One connection to an event socket, on greenswitch's `InboundESL`."""

    def __init__(
        self, host: str, port: int, password: str, timeout: float = COMMAND_SECONDS
    ) -> None:
        super().__init__(host, port, password, timeout)
        self._asked_to_log_in: AsyncResult[bool] = AsyncResult()

    def connect(self) -> None:
        """Connect and log in.

        Raises `NotConnected` where nothing listens, `AuthenticationFailed` where the switch does
        not want us, and `WireError` kinds where what answers is no event socket.
        """
        try:
            sock = gevent.socket.create_connection((self.host, self.port), timeout=self.timeout)
        except OSError as error:
            raise NotConnected(f"cannot connect to {self.host}:{self.port}: {error}") from error
        sock.settimeout(None)
        self._open(sock, self.timeout)
        self.start_event_handlers()
        silent = NotConnected(f"{self.host}:{self.port} does not ask for a password")
        try:
            with gevent.Timeout(self.timeout, silent):
                self._asked_to_log_in.get()
            self.authenticate()
        except EslError as error:
            self.close(error)
            raise

    def authenticate(self) -> None:
        """Send the password. Raises `AuthenticationFailed`."""
        try:
            self.request(commands.auth(self.password))
        except CommandRefused as error:
            raise AuthenticationFailed(
                f"{self.host}:{self.port} does not take the password of its event socket"
            ) from error

    def close(self, error: EslError | None = None) -> None:
        """End the connection and every wait on it."""
        super().close(error)
        if not self._asked_to_log_in.ready():
            self._asked_to_log_in.set_exception(
                error if error is not None else NotConnected("closed before it asked to log in")
            )

    def _on_other_frame(self, frame: Frame) -> None:
        if frame.content_type == "auth/request":
            if not self._asked_to_log_in.ready():
                self._asked_to_log_in.set(True)
        elif frame.content_type == "text/rude-rejection":
            raise AuthenticationFailed(
                f"{self.host}:{self.port} refuses our address (its ACL does not list it)"
            )
        else:
            raise UnexpectedFrame(f"a frame of an unknown type, {frame.content_type!r:.60}")


class Job(msgspec.Struct, frozen=True, eq=False):
    """A background job that was sent and not answered yet.

    `on_done` gets the job's answer (`+OK <uuid>` / `-ERR <cause>`), or the error that says that
    it was never taken.
    """

    job_uuid: str
    leg_uuids: tuple[str, ...]
    on_done: Callable[[str | None, EslError | None], None]
    connection: int


class SwitchLink:
    """The lasting link to one node.

    Events go to `on_event`. `on_up(jobs)` is called after each (re)connect, with the jobs that an
    earlier connection left unanswered: one that still runs is answered on this connection, one
    that ended meanwhile never is, and is to be taken off the list with `forget`. `on_down(error)`
    is called when a connection has ended. `may_send()` is asked before anything is sent for
    somebody; what it raises is raised to him.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        password: str,
        *,
        on_event: Callable[[Event], None],
        on_up: Callable[[SwitchLink, list[Job]], None],
        on_down: Callable[[SwitchLink, EslError | None], None],
        events: Sequence[str],
        filters: Sequence[tuple[str, str]] = (),
        ping_seconds: float = PING_SECONDS,
        may_send: Callable[[], None] | None = None,
    ) -> None:
        self.name = name
        self._address = (host, port, password)
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._events = tuple(events)
        self._filters = tuple(filters)
        self._ping_seconds = ping_seconds
        self._may_send = may_send
        #: Why there is no connection, in words; None: there is one, or it was not tried yet.
        self.fault: str | None = None
        self._connection: InboundConnection | None = None
        self._connection_number = 0
        self._stopped = False
        self._greenlet: Any = None
        self._jobs: dict[str, Job] = {}
        self.up = Flag()
        #: Which run of the switch this is: its Core-UUID, another one after each start of it.
        self.core = ""

    @property
    def in_flight(self) -> list[Job]:
        """The jobs that were sent and not answered, oldest first."""
        return list(self._jobs.values())

    @property
    def address(self) -> tuple[str, int]:
        """Where its event socket is."""
        return self._address[:2]

    @property
    def owes_seconds(self) -> float:
        """For how long the switch owes an answer, seconds; 0: it owes none."""
        return 0.0 if self._connection is None else self._connection.owes_seconds

    def start(self) -> None:
        """Begin to connect, and to reconnect whenever it is lost."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Let go of the node for good."""
        self._stopped = True
        if self._connection is not None:
            self._connection.close()
        if self._greenlet is not None:
            self._greenlet.kill()
        self.up.clear()

    def request(self, command: bytes, seconds: float | None = None) -> Frame:
        """Send a command on the link and wait for its reply. Raises as `Connection.request`."""
        return self._live().request(command, seconds)

    def request_all(self, sent: Sequence[bytes]) -> list[Frame]:
        """Send commands in one piece, and wait for all replies. Raises as the connection does."""
        return self._live().request_all(sent)

    def api(self, command: str, *arguments: str) -> str:
        """Run an api command and give what it printed, without its line break."""
        return self.request(commands.api(command, *arguments)).text

    def send(self, command: bytes) -> None:
        """Send a command whose reply nobody waits for. Raises `NotConnected`."""
        self._live().transmit(command)

    def submit(
        self,
        command: bytes,
        job_uuid: str,
        leg_uuids: Sequence[str],
        on_done: Callable[[str | None, EslError | None], None],
        *,
        first: bytes | None = None,
    ) -> None:
        """Send a `bgapi` command; `on_done` is called once with what became of it.

        `first` is a command that the switch carries out before it; both are sent as one.

        It is on the list before it is sent. Raises `NotConnected` where nothing was sent; after
        that, a break of the link leaves it on the list, for `on_up` to hand out.
        """
        connection = self._live()
        job = Job(job_uuid, tuple(leg_uuids), on_done, self._connection_number)
        self._jobs[job_uuid] = job

        def on_reply(frame: Frame | None, error: EslError | None) -> None:
            if frame is None:
                return  # the link broke: whether the switch took it is not known
            reply = frame.headers.get("Reply-Text", "")
            if reply.startswith("-ERR") and self._jobs.pop(job_uuid, None) is not None:
                on_done(None, CommandRefused(reply))

        try:
            connection.transmit(command, on_reply, first=first)
        except EslError as error:
            # The connection was there, and broke while sending: the switch may have the command,
            # so the list decides.
            log.warning("job_in_doubt", node=self.name, job=job_uuid, error=str(error))

    def forget(self, job_uuid: str) -> None:
        """Take a job off the list: nobody waits for it any more, `on_done` will not be called."""
        self._jobs.pop(job_uuid, None)

    def look(self) -> None:
        """Ask for a sign of life now, and end a connection that has broken unseen."""
        connection = self._connection
        if connection is not None and connection.connected:
            try:
                # A switch that is stopped keeps its connections; only a question tells.
                connection.transmit(commands.api("uptime"))
            except EslError as error:
                connection.close(error)

    def _live(self) -> InboundConnection:
        if self._may_send is not None:
            self._may_send()
        if self._connection is None or not self._connection.connected:
            raise NotConnected(f"no link to node {self.name}")
        return self._connection

    def _run(self) -> None:
        wait = FIRST_WAIT
        while True:
            error = self._connect_once()
            if self.up.is_set():
                wait = FIRST_WAIT
                self.up.clear()
                self._on_down(self, error)
            if self._stopped:
                break
            self._note_down(str(error or "closed"), wait)
            # Jitter, so that a restarted node is not met by all controllers at once.
            gevent.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            wait = min(wait * 2, LONGEST_WAIT)

    def _note_down(self, error: str, wait: float) -> None:
        """Say why there is no link: once, while that is the same each time."""
        say = log.debug if error == self.fault else log.warning
        self.fault = error
        say("link_down", node=self.name, error=error, wait=wait)

    def _connect_once(self) -> EslError | None:
        """Connect and stay until the connection ends; give what ended it."""
        host, port, password = self._address
        connection = InboundConnection(host, port, password)
        ended: AsyncResult[EslError | None] = AsyncResult()
        connection.on_closed = ended.set
        connection.on_event = self._handle
        try:
            self._log_in(connection)
            self._stay(connection, ended)
            return ended.get()
        except EslError as error:
            connection.close(error)
            return error
        finally:
            # Also where `stop` ends this greenlet while it still connects.
            connection.close()

    def _log_in(self, connection: InboundConnection) -> None:
        connection.connect()
        for header, value in self._filters:
            connection.request(commands.filter_events(header, value))
        connection.request(commands.subscribe(self._events))
        answer = connection.request(commands.api("global_getvar", "core_uuid"))
        self.core = answer.body.decode(errors="replace").strip()[:64]

    def _stay(self, connection: InboundConnection, ended: AsyncResult[EslError | None]) -> None:
        self._connection = connection
        self._connection_number += 1
        self.fault = None
        self.up.set()
        lost = [j for j in self._jobs.values() if j.connection < self._connection_number]
        log.info("link_up", node=self.name, lost_jobs=len(lost))
        self._on_up(self, lost)
        while not ended.ready():
            ended.wait(timeout=self._ping_seconds)
            self.look()

    def _handle(self, event: Event) -> None:
        if event.name == "BACKGROUND_JOB":
            job = self._jobs.pop(text(event.job_uuid) or "", None)
            if job is not None:
                body = event.body if isinstance(event.body, str) else ""
                job.on_done(body.strip(), None)
                return
        self._on_event(event)
