"""O3, O5: a controller tells other servers, and says in /readyz what they do not take."""

from __future__ import annotations

import msgspec

from tests.peer.world import World
from tests.unit.runtime.receiving import receiving
from tests.unit.store.called import keep_leg, uuid

SECRET = "a secret of ours that both know"


def test_o5_records_are_told_by_a_controller_that_stays_ready(world: World) -> None:
    tape = world.directory / "none" / "legs.jsonl"
    with receiving() as server:
        keep_leg(world.engine, 1)
        world.process(
            CALLBACKD_RECORDS__STREAMS=f'[{{name = "tape", file = "{tape}"}}, '
            f'{{name = "hook", url = "{server.url}", secret = "{SECRET}"}}]'
        )
        world.wait(lambda: "cannot be written" in world.fetch("/readyz"))
        world.wait(server.came.is_set)
        said = msgspec.json.decode(world.fetch("/readyz"))
        assert said["ready"] is True
        assert said["checks"]["call_records"].startswith("tape: cannot be written: ")
        assert said["checks"]["notices"] == "ok"
        tape.parent.mkdir()
        world.wait(tape.exists)
        world.wait(lambda: uuid(1).encode() in tape.read_bytes())
        assert [got.json["records"][0]["leg"] for got in server.got] == [uuid(1)]
