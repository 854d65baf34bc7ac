"""What is over is given back at once: nothing of a call holds itself until it is collected.

A collection of all objects stops every call, so there is hardly ever one (`controller.process`).
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from controller.simulator import HangUp, Keys
from tests.peer.world import CALLER, FRIEND, PASSWORD, World, answering, talking, typed


@contextmanager
def collected() -> Iterator[Counter[str]]:
    """Give, at the end, what of the controller's nobody had any more but itself, by its type."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(
            f"{type(one).__module__}.{type(one).__qualname__}"
            for one in gc.garbage
            # The switch is in this process too.
            if type(one).__module__.startswith("controller.")
            and not type(one).__module__.startswith("controller.simulator")
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_d4_a_call_that_is_over_leaves_nothing_to_collect(world: World) -> None:
    """D4, A1: a password and two destinations; and one who hangs up at the question for one."""
    world.extension(password=PASSWORD, further_calls=1)
    world.controller()
    drops = Keys(when="bridge", press="**", after=0.3)
    talks = answering(typed(PASSWORD), typed(FRIEND), drops, typed(FRIEND))
    leaves = answering(
        typed(PASSWORD), hang_up=HangUp(when="heard", what="enter_destination", after=0.1)
    )
    world.phone(CALLER, talks, leaves, talks, leaves)
    world.phone(FRIEND, answering(), talking(0.3), answering(), talking(0.3))

    def calls(before: int) -> None:
        for count in (before + 1, before + 2):
            world.ring()
            world.ended(count)
            world.idle()

    # What is made once is there after the first ones.
    calls(0)
    with collected() as found:
        calls(2)
    outcomes = [request.outcome for request in world.ended(4)]
    assert outcomes == ["completed", "hung_up"] * 2
    assert not found
