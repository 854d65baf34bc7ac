"""A switch of the laboratory: the simulator as a process, with witnesses that outlive it.

What the phones see is written to a file as it happens, line by line, with the switch's own times of
each leg; call records are kept twice, since the service removes those that it has read. Orders are
lines of a named pipe.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent.event import Event as Signal
from gevent.os import make_nonblocking, nb_read

from controller.simulator import Behaviour, Simulator
from controller.simulator import legs as simulated_legs
from controller.simulator.events import micros
from controller.simulator.legs import Leg
from controller.simulator.records import write_record
from tests.faults.messages import Order, Seen, Told
from tests.faults.people import phone
from tests.peer.money import Schedule


class Switch(Simulator):
    """The simulator, whose phones follow from their numbers, and which writes down what is seen."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._calls: dict[str, int] = {}
        self._journal = os.open(told.journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        super().__init__(
            ("127.0.0.1", told.port),
            dialplan=Path(told.dialplan),
            globals={"callback_controllers": told.controllers},
            node=told.name,
            seed=told.seed,
            odd_orders=0.1,
            records=Path(told.records),
        )
        self._schedule = _Watched(self, lambda leg: self.say("bare", leg=leg))

    def say(self, what: str, **values: Any) -> None:
        """Write a line of the journal."""
        line = Seen(at=micros(), node=self.node, core=self.head.core_uuid, what=what, **values)
        os.write(self._journal, msgspec.json.encode(line) + b"\n")

    def behaviour(self, number: str) -> Behaviour:
        """Give what the phone of a number does with the call that it gets now."""
        plain = number.lstrip("+")
        count = self._calls.get(plain, 0)
        self._calls[plain] = count + 1
        return phone(self._told.seed, plain, count)

    def note(self, leg: Leg, what: str, detail: dict[str, str]) -> None:
        """Write in both journals."""
        super().note(leg, what, detail)
        # Nobody looks at the simulator's own, which is kept as long as it runs.
        self.journal.clear()
        times = leg.profile.times
        self.say(
            what,
            leg=leg.uuid,
            role=leg.role,
            number=leg.number.lstrip("+"),
            call=leg.get("callback_call") or "",
            request=leg.get("callback_request") or "",
            position=leg.get("callback_position") or "",
            answered=times.answered,
            ended=times.hungup,
            gave_up=len(leg.get("cb_hops") or "") > 20,
            detail={name: text for name, text in detail.items() if name != "invite"},
        )


class _Watched(Schedule):
    """Says at once which leg has no end in the schedule any more (M5)."""

    def __init__(self, switch: Switch, bare: Callable[[str], None]) -> None:
        super().__init__(switch)
        self._bare = bare

    def cancel(self, task: int) -> bool:
        """Forget a task; whether there was one."""
        before = len(self.bare)
        found = super().cancel(task)
        for leg in self.bare[before:]:
            self._bare(leg)
        return found


def main(arguments: list[str]) -> None:
    """Run until SIGTERM."""
    told = msgspec.json.decode(arguments[0], type=Told)

    def keep_twice(directory: Path, leg: Leg) -> Path:
        path = write_record(directory, leg)
        with contextlib.suppress(FileExistsError):
            os.link(path, Path(told.kept) / path.name)
        return path

    # The one place where the simulator writes records.
    vars(simulated_legs)["write_record"] = keep_twice
    # Asked for by the laboratory where one does not answer any more.
    faulthandler.register(signal.SIGUSR1)
    switch = Switch(told)
    done = Signal()
    gevent.signal_handler(signal.SIGTERM, done.set)
    with switch:
        switch.say("started")
        gevent.spawn(_obey, switch, told.orders)
        done.wait()
    switch.say("stopped")


def _obey(switch: Switch, path: str) -> None:
    # Opened for both, so that it never ends.
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    make_nonblocking(fd)
    rest = b""
    while True:
        *lines, rest = (rest + nb_read(fd, 65536)).split(b"\n")
        for line in lines:
            order = msgspec.json.decode(line, type=Order)
            if order.call is not None:
                switch.place_call(order.call)
            if order.report:
                legs = {uuid: leg.role for uuid, leg in switch.legs.items()}
                sockets = str(switch.connections["outbound"])
                switch.say("report", detail={"report": order.report, "sockets": sockets, **legs})
