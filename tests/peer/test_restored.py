"""O5: a database of the past is put in place: nobody is called twice, and no hold stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from controller.cli import main
from controller.settings import Credit, Dispatcher, Node
from tests.peer.money import CENT, Money, keep_records
from tests.peer.world import CALLER, FRIEND, OTHER, World, answering, talking, typed, until

#: Who is called back later than the backup, and the DID that he rings.
LATER, HIS_DID = "12125550177", "12025550102"


def run(world: World, *arguments: str) -> str:
    """Run a command beside the controller."""
    env = {"CALLBACKD_DATA_DIR": str(world.directory)}
    result = CliRunner().invoke(main, arguments, env=env)
    assert result.exit_code == 0, result.output
    return result.stdout


def states(world: World) -> dict[str | None, tuple[str, str | None]]:
    """Give state and outcome by whom the callback is to."""
    return {one.number: (one.state, one.outcome) for one in world.requests.all()}


def charges(world: World) -> dict[str, int]:
    """Give what each leg was charged."""
    engine = create_engine(f"sqlite:///{world.directory}/callbackd.sqlite3", poolclass=NullPool)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT leg, charge FROM call_leg")).all()
    engine.dispose()
    return {str(leg): int(charge) for leg, charge in rows}


def test_o5_m7_what_was_under_way_is_not_done_again(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O5, T5, M7: one talked, one rang, one waited; all have been called and are over since.

    By the switch's records the legs that something was held for are charged to the second. Those
    that were only called later are recorded, and nothing was held for them: that is what the backup
    lacks.
    """
    # Nobody else tells of these calls, and no file is being written.
    monkeypatch.setattr("controller.runtime.reconcile.GRACE_SECONDS", 0.5)
    monkeypatch.setattr("controller.runtime.switch_records.FRESH_SECONDS", 0.1)
    money = Money(world)
    money.account("later", 1000, "1002", dids=("+" + HIS_DID,), delay_seconds=2)
    directory = keep_records(world)
    first = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(OTHER, answering(typed(FRIEND), after=2.0))
    world.phone(LATER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(2), talking(0.2), talking(0.2))
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.ring("+" + OTHER)
    world.ring("+" + LATER, did=HIS_DID)
    until(lambda: len(states(world)) == 3)
    world.wait(lambda: len(world.switch.seen("ringing", role="return")) == 2)
    archive = tmp_path / "one.tar"
    run(world, "backup", str(archive))
    assert states(world)["+" + LATER][0] == "pending"
    world.ended(3)
    world.idle()
    money.settled(6)
    before = charges(world)
    called = len(world.switch.seen("called", role="return"))
    assert called == 3
    first.close()
    world.controllers.remove(first)
    world.engine.dispose()
    # Its disk is lost, and the day's before is put in its place.
    printed = run(world, "restore", str(archive), "--replace")
    assert "1 had waited, and were ended as unknown; 2 were under way" in printed
    assert charges(world) == {}
    node = Node(name="sim1", port=world.switch.address[1], records_dir=str(directory))
    world.controller(
        nodes=(node,),
        credit=Credit(records_seconds=5),
        dispatcher=Dispatcher(poll_seconds=0.2, reconcile_seconds=0.5),
    )
    until(lambda: all(state == "done" for state, _ in states(world).values()))
    until(lambda: money.held == 0)
    assert states(world)["+" + LATER] == ("done", "unknown")
    until(lambda: len(charges(world)) == 6)
    assert len(world.switch.seen("called", role="return")) == called
    after = charges(world)
    # The return legs of the two, and whom the first talked to.
    charged = {leg: charge for leg, charge in after.items() if charge}
    assert len(charged) == 3
    assert charged == {leg: before[leg] for leg in charged}
    assert money.left["account"] == 100_000 * CENT - sum(after.values())
    assert money.left["later"] == 1000 * CENT
