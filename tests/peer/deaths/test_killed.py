"""O5: controllers are killed at random moments; no request is lost, and none is made twice.

KILLS says how often (`make kills`: 200), KILLS_SEED with which moments. One of the two is alive at
any time, and long enough to take what the other left (`app.UNSEEN_SECONDS`): what a switch says
while nobody listens is nobody's to know, and then `unknown`.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter

import gevent
from gevent import subprocess

from controller.simulator import Behaviour, HangUp, TriggerCall
from tests.peer.world import DID, World, answering

KILLS = int(os.environ.get("KILLS", "20"))
SEED = int(os.environ.get("KILLS_SEED", "1"))
#: How long the last call may take to end: an attempt that was written and not sent is found when
#: its lease is over, a minute and the ringing after it was written.
SETTLE_SECONDS = 180.0
#: Seconds from one call to the next.
EVERY = 0.2


def test_o5_killed_at_any_moment_no_request_is_lost_and_none_made_twice(two: World) -> None:
    """O5, T6: each caller is called back once, whoever died meanwhile."""
    moments = random.Random(SEED)
    two.extension(delay_seconds=1)
    processes = [start(two, index) for index in (0, 1)]
    callers: list[str] = []
    going = True

    def ring() -> None:
        while going:
            number = f"1212556{len(callers):04}"
            busy = len(callers) % 2
            two.phone(
                number,
                Behaviour(on_call="busy", after=moments.uniform(0.05, 0.5))
                if busy
                else answering(
                    after=moments.uniform(0.05, 0.5),
                    hang_up=HangUp(when="heard", what="enter", after=0.1),
                ),
            )
            callers.append(number)
            two.switch.place_call(call(number))
            gevent.sleep(moments.uniform(0, 2 * EVERY))

    ringing = gevent.spawn(ring)
    for kill in range(KILLS):
        gevent.sleep(moments.uniform(1.0, 2.0))
        index = kill % 2
        processes[index].send_signal(signal.SIGKILL)
        processes[index].wait()
        processes[index] = start(two, index)
    going = False
    ringing.join()
    wait_for_ends(two, len(callers))
    two.switch.wait(timeout=SETTLE_SECONDS)
    requests = two.requests.all(len(callers) * 2)
    said = f"seed {SEED}, {KILLS} kills, {len(callers)} calls"
    assert Counter(r.number for r in requests) == {f"+{n}": 1 for n in callers}, said
    outcomes = {(r.number or "")[1:]: r.outcome for r in requests}
    expected = {n: "busy" if i % 2 else "hung_up" for i, n in enumerate(callers)}
    assert {n: o for n, o in outcomes.items() if o != expected[n]} == {}, said
    called = Counter(e.number.lstrip("+") for e in two.switch.seen("called", role="return"))
    assert called == dict.fromkeys(callers, 1), said
    answered = {e.leg for e in two.switch.seen("answered", role="trigger")}
    assert not answered, said


def start(world: World, index: int) -> subprocess.Popen[bytes]:
    """Start a controller that looks for what was left more often than usual."""
    return world.process(index, CALLBACKD_DISPATCHER__RECONCILE_SECONDS="1.0")


def call(number: str) -> TriggerCall:
    """A call of a number."""
    return TriggerCall(id=number, caller="+" + number, did=DID)


def wait_for_ends(world: World, count: int) -> None:
    """Wait until every request has ended; say which has not, where that does not come."""
    until = time.monotonic() + SETTLE_SECONDS
    while True:
        found = world.requests.all(count * 2)
        still = [request for request in found if request.state != "done"]
        if len(found) == count and not still:
            return
        if time.monotonic() > until:
            # Who rang while a controller was killed and the machine slow may be known to nobody.
            raise AssertionError(f"{len(found)} requests of {count} callers; not ended: {still}")
        gevent.sleep(0.1)
