"""O7: a controller erases by itself what is older than its settings want it kept."""

from __future__ import annotations

import time

from sqlalchemy import select

from controller.store import schema
from controller.store.requests import Requests
from tests.peer.world import World
from tests.unit.store.asked import asking
from tests.unit.store.called import keep_leg

#: Years ago.
OLD = 1_700_000_000_000_000


def test_o7_what_is_old_goes_by_itself_and_what_is_new_stays(world: World) -> None:
    requests = Requests(world.engine)
    for at in range(OLD, OLD + 250):
        requests.refuse(asking(now=at), "blocked")
    for which in range(3):
        keep_leg(world.engine, which, begun=OLD)
    now = time.time_ns() // 1000
    new = requests.refuse(asking(now=now), "blocked")
    late = keep_leg(world.engine, 3, begun=now)
    world.process(
        CALLBACKD_RETENTION__CALLBACKS_DAYS="90", CALLBACKD_RETENTION__CALL_RECORDS_DAYS="365"
    )
    world.wait(lambda: left(world) == ([new.id], [late]))


def left(world: World) -> tuple[list[str], list[str]]:
    """Give the callbacks and the legs that are there."""
    with world.engine.connect() as connection:
        return (
            list(connection.execute(select(schema.callback_request.c.id)).scalars()),
            list(connection.execute(select(schema.call_leg.c.leg)).scalars()),
        )
