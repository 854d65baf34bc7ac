"""T1, D1: a leg's deadline is never over too early."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import gevent
from gevent import socket
from gevent.event import Event as Flag

from controller.callback.effects import SetTimer
from controller.callback.events import TimerFired
from controller.runtime.legs import Leg

#: How long what comes in is worked on before a deadline is set, and how far that is, seconds.
WORKED, SECONDS = 0.2, 0.3


class Timed(Leg[Any]):
    """A leg that notes when its timer fired."""

    def __init__(self) -> None:
        clock = SimpleNamespace(now=time.monotonic)
        super().__init__(
            cast(Any, SimpleNamespace(clock=clock)), cast(Any, SimpleNamespace()), "leg", None
        )
        self.over_at = 0.0
        self.fired = Flag()

    def on_event(self, event: Any) -> None:
        """Take nothing."""

    def transition(self, event: Any, now: float) -> Any:
        """Take nothing."""

    def post(self, event: Any) -> None:
        """Note the time."""
        assert event == TimerFired(7)
        self.over_at = time.monotonic()
        self.fired.set()


def test_t1_a_deadline_counts_from_when_it_was_set_however_long_was_worked_before() -> None:
    """What a connection brings is worked on in the loop's round, by whose beginning it counts."""
    leg = Timed()
    ours, theirs = socket.socketpair()
    due = []

    def attach() -> None:
        ours.recv(1)
        # Nothing else runs meanwhile, as while policies are read and numbers are looked at.
        began = time.monotonic()
        while time.monotonic() < began + WORKED:
            pass
        due.append(time.monotonic() + SECONDS)
        leg.perform(SetTimer(7, due[0]))

    attaching = gevent.spawn(attach)
    gevent.sleep(0)
    theirs.send(b"x")
    attaching.get()
    assert leg.fired.wait(timeout=60)
    assert leg.over_at >= due[0]
    ours.close()
    theirs.close()
