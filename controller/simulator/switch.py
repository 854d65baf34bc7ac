"""The simulator itself: one switch with its phones."""

from __future__ import annotations

import random
import time
import uuid as uuids
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event as Signal
from gevent.server import StreamServer

from controller.simulator import session
from controller.simulator.api import Api
from controller.simulator.applications import Applications
from controller.simulator.causes import Q850, sip_status
from controller.simulator.configuration import Configuration
from controller.simulator.dialplan import Dialplan
from controller.simulator.events import Head
from controller.simulator.gateways import Gateway, State
from controller.simulator.heartbeat import beat_on
from controller.simulator.inbound import InboundLink
from controller.simulator.legs import Leg
from controller.simulator.links import Links
from controller.simulator.listener import Listener
from controller.simulator.phones import Behaviour, JournalEntry, Phone, TriggerCall
from controller.simulator.scheduler import Scheduler
from controller.simulator.sofia import Sofia
from controller.simulator.sounds import SOUND_PREFIX

# What fs-config asks the operator to set; here so that its dialplan runs as it is.
DEFAULT_GLOBALS = {
    "callback_controllers": "127.0.0.1:8084",
    "callback_dids": r"^\+?\d{5,15}$",
    "callback_longest_call": "14400",
    "callback_trigger_limit": "75",
    "sound_prefix": SOUND_PREFIX,
}
_CONTEXTS = ("callback_trigger", "public")
_LOOK_AGAIN = 0.1  # seconds
_LETTERS = "0123456789BDFHKQSUZceghjmprtvyNX"


class Simulator:
    """A FreeSWITCH with gateways and phones.

    ``dialplan``: a file or directory of XML. ``globals``: the switch's ``$${...}``, over
    `DEFAULT_GLOBALS`. ``context``: where calls from outside go; by default ``callback_trigger``
    or ``public``, whichever the dialplan has. ``linger``: seconds a socket lingers, whatever the
    controller asked for; None is as asked. ``odd_orders``: how probable the orders are that are
    rare but real, 0 to 1, drawn with ``seed``. ``unknown``: what a number without a `Phone` does.
    ``version``: whose line numbers events carry. ``profile``: the name of the one SIP profile, for
    ``sofia``; ``gateways``: the directory of its gateways' files, see `Sofia`. ``records``: the
    directory that the record of each leg is written into, see `write_record`. Raises `OSError` if
    the dialplan cannot be read.
    """

    def __init__(
        self,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        password: str = "ClueCon",  # noqa: S107 - what every FreeSWITCH comes with
        *,
        dialplan: Path,
        globals: Mapping[str, str] | None = None,  # noqa: A002 - the switch's own word
        node: str = "sim1",
        context: str | None = None,
        linger: float | None = None,
        odd_orders: float = 0.0,
        seed: int = 0,
        unknown: Behaviour | None = None,
        version: str = "1.11.3-dev",
        profile: str = "callback_public",
        gateways: Path | None = None,
        records: Path | None = None,
    ) -> None:
        self.password, self.node, self.version, self.linger = password, node, version, linger
        self.globals = {**DEFAULT_GLOBALS, **(globals or {})}
        self.records = records
        #: Globals that were set while it runs (`global_setvar`), and are gone with it.
        self.marks: dict[str, str] = {}
        #: For how long it tries to reach a controller that gives no sign, seconds; None: for as
        #: long as the system does (Linux: 134 with its default of six tries, 7 with two).
        self.connect_seconds: float | None = None
        self.unknown = unknown or Behaviour(on_call="unallocated", after=0.0)
        self.sofia = Sofia(self, profile, gateways)
        self.configuration = Configuration(self)
        self.legs: dict[str, Leg] = {}
        self.journal: list[JournalEntry] = []
        self.total = self.peak = self.placed = 0
        self.started = time.time()
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.links = Links()
        self.applications = Applications(self)
        self.scheduler = Scheduler(self)
        self.api = Api(self)
        self._listen, self._odd_orders, self._context = listen, odd_orders, context
        self._dialplan_path = dialplan
        self._phones: dict[str, tuple[Phone, int]] = {}
        self._callbacks: list[Callable[[JournalEntry], None]] = []
        self._greenlets: set[gevent.Greenlet[..., Any]] = set()
        self._waiters: set[Signal] = set()
        self._server: StreamServer | None = None
        self._new_core()
        self.reload_dialplan()

    # -- life --------------------------------------------------------------------------------

    def _new_core(self) -> None:
        self.head = Head(self.new_uuid(), self.node, self.version)

    def reload_dialplan(self) -> None:
        """Read the dialplan again, as ``reloadxml`` does."""
        self.dialplan = Dialplan(self._dialplan_path, self.globals)

    def global_value(self, name: str) -> str:
        """A variable of the whole switch, or nothing."""
        # The last one that was set; names are the same in any case.
        wanted = name.lower()
        if wanted in self.marks:
            return self.marks[wanted]
        same = [value for known, value in self.globals.items() if known.lower() == wanted]
        return same[-1] if same else ""

    @property
    def address(self) -> tuple[str, int]:
        """Where the event socket listens."""
        if self._server is not None:
            return str(self._server.server_host), int(self._server.server_port or 0)
        return self._listen

    @property
    def listening(self) -> bool:
        """Whether the event socket accepts connections."""
        return self._server is not None

    def start(self) -> Simulator:
        """Listen. Raises `OSError` if the address is taken."""
        self.started = time.time()
        self.listen()
        self.spawn(beat_on, self)
        return self

    def listen(self) -> None:
        """Open the event socket, at the same port as before."""
        if self._server is None:
            server = StreamServer(self._listen, self._accept)
            server.start()
            self._server = server
            self._listen = self.address  # a port that was chosen is kept for the next time

    def stop_listening(self) -> None:
        """Accept nobody any more; those who are connected stay."""
        if self._server is not None:
            server, self._server = self._server, None
            server.close()

    def kill_connections(self) -> None:
        """Drop every inbound link, without a word."""
        for link in self.links.inbound():
            link.abort()

    def crash(self) -> None:
        """The switch dies: every leg and connection is gone, without an event."""
        self.stop_listening()
        self.scheduler.clear()
        self.links.abort()
        greenlets = [item for item in self._greenlets if item is not gevent.getcurrent()]
        gevent.killall(greenlets, block=True)
        for leg in self.legs.values():
            leg.note("ended", cause="crash")
        self.legs.clear()
        self.marks.clear()
        self._new_core()
        self.changed()

    def restart(self) -> None:
        """A crash, and up again at the same address with a new Core-UUID."""
        self.crash()
        self.start()

    def stop(self) -> None:
        """End everything."""
        self.crash()
        self._waiters.clear()

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- greenlets ---------------------------------------------------------------------------

    def spawn(self, function: Callable[..., Any], *args: object) -> gevent.Greenlet[..., Any]:
        """Start a greenlet that ends with the simulator."""
        return self._keep(gevent.Greenlet(function, *args), 0.0)

    def spawn_later(
        self, seconds: float, function: Callable[..., Any], *args: object
    ) -> gevent.Greenlet[..., Any]:
        """Start a greenlet in so many seconds."""
        return self._keep(gevent.Greenlet(function, *args), seconds)

    def _keep(self, greenlet: gevent.Greenlet[..., Any], later: float) -> gevent.Greenlet[..., Any]:
        self._greenlets.add(greenlet)
        greenlet.rawlink(self._greenlets.discard)
        if later > 0:
            greenlet.start_later(later)
        else:
            greenlet.start()
        return greenlet

    # -- connections -------------------------------------------------------------------------

    def _accept(self, sock: socket.socket, _: object) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = InboundLink(self, sock)
        self.connected(link)
        self.spawn(link.run).join()

    def connected(self, listener: Listener) -> None:
        """A connection has been made."""
        self.links.add(listener)
        self.changed()

    def disconnected(self, listener: Listener) -> None:
        """A connection has been closed."""
        self.links.remove(listener)
        self.changed()

    @property
    def connections(self) -> dict[str, int]:
        """How many connections there are: ``inbound`` and ``outbound``."""
        return {"inbound": len(self.links.inbound()), "outbound": len(self.links.outbound())}

    def odd(self) -> bool:
        """Draw whether this time things happen in their rarer order."""
        return self._odd_orders > 0 and self.random.random() < self._odd_orders

    # -- legs and phones ---------------------------------------------------------------------

    def new_uuid(self) -> str:
        """A fresh uuid."""
        return str(uuids.uuid4())

    def facts(self, **known: str) -> dict[str, str]:
        """The SIP and RTP values of a new leg, invented as the real ones look."""
        draw = self.random

        def letters() -> str:
            return "".join(draw.choices(_LETTERS, k=13))

        sdp = int(time.time()) - draw.randrange(20000, 50000)
        self.total += 1
        return {
            "session_id": str(self.total),
            "rtp": str(draw.randrange(16384, 32768, 2)),
            "far_rtp": "6000",
            "ssrc": str(draw.getrandbits(32)),
            "sdp": str(sdp),
            "sdp1": str(sdp + 1),
            "from_tag": letters(),
            "to_tag": letters(),
            "branch": "z9hG4bK" + letters(),
            "cseq": str(draw.randrange(10**8, 2 * 10**8)),
            "call_id": str(uuids.uuid1()),
            **known,
        }

    def add(self, leg: Leg) -> None:
        """A leg begins."""
        self.legs[leg.uuid] = leg
        self.peak = max(self.peak, len(self.legs))
        self.changed()

    def remove(self, leg: Leg) -> None:
        """A leg has ended."""
        self.legs.pop(leg.uuid, None)
        self.scheduler.cancel_group(leg.uuid)
        leg.note("ended", cause=leg.cause or "")

    def taken(self, uuid: str) -> bool:
        """Whether a uuid is in use: by a live leg, or by one whose socket still lingers."""
        return uuid in self.legs or bool(self.links.of(uuid))

    def place_call(self, call: TriggerCall) -> str:
        """Let somebody call one of our numbers, now; the uuid of the leg."""
        context = self._context or next(
            (name for name in _CONTEXTS if name in self.dialplan.contexts), "public"
        )
        self.placed += 1
        return session.place(self, call, context).uuid

    def phone(self, phone: Phone) -> None:
        """Put a phone behind a number; its calls are counted from now."""
        self._phones[phone.number] = (phone, 0)

    @property
    def gateways(self) -> dict[str, Gateway]:
        """The gateways by name."""
        return self.sofia.gateways

    def gateway(self, name: str, state: State = "up") -> None:
        """Set a gateway's state, and tell of it; a new name is a new gateway."""
        self.sofia.set_state(name, state)

    def behaviour(self, number: str) -> Behaviour:
        """What the phone at a number does with the call that it gets now."""
        phone, count = self._phones.get(number, (None, 0))
        if phone is None or not phone.calls:
            return self.unknown
        self._phones[number] = (phone, count + 1)
        return phone.calls[min(count, len(phone.calls) - 1)]

    @staticmethod
    def q850(cause: str) -> int:
        """The number of a cause."""
        return Q850.get(cause, 16)

    @staticmethod
    def sip(cause: str) -> str:
        """What the caller's phone gets when it is refused with a cause."""
        status, phrase = sip_status(cause)
        return f"{status} {phrase}"

    # -- watching ----------------------------------------------------------------------------

    def note(self, leg: Leg, what: str, detail: dict[str, str]) -> None:
        """Write in the journal."""
        entry = JournalEntry(
            t=round(time.time() - self.started, 3),
            leg=leg.uuid,
            role=leg.role,
            number=leg.number,
            what=what,
            call=leg.call,
            detail=detail,
        )
        self.journal.append(entry)
        for callback in self._callbacks:
            callback(entry)
        self.changed()

    def on_journal(self, callback: Callable[[JournalEntry], None]) -> None:
        """Call a function with every entry of the journal from now on; it must not block."""
        self._callbacks.append(callback)

    def seen(self, what: str, **about: str) -> list[JournalEntry]:
        """The journal's entries of a kind, whose fields or details are as given."""
        return [
            entry
            for entry in self.journal
            if entry.what == what
            and all(
                entry.detail.get(name, getattr(entry, name, None)) == value
                for name, value in about.items()
            )
        ]

    def idle(self) -> bool:
        """Whether there is no leg."""
        return not self.legs

    def changed(self) -> None:
        """Let those who `wait` look again."""
        for waiter in self._waiters:
            waiter.set()

    def wait(self, predicate: Callable[[], object] | None = None, timeout: float = 10.0) -> None:
        """Wait until the predicate holds, or until `idle`. Raises `TimeoutError`.

        The predicate is asked again whenever the journal, a leg or a connection changes, and
        now and then, in case it is about something else.
        """
        holds = predicate or self.idle
        signal = Signal()
        self._waiters.add(signal)
        deadline = time.monotonic() + timeout
        try:
            while not holds():
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"not within {timeout} s")
                signal.clear()
                signal.wait(min(left, _LOOK_AGAIN))
        finally:
            self._waiters.discard(signal)
