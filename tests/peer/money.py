"""What calls have cost: by the database, and by the switch's own clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent
import msgspec
from sqlalchemy import text

from controller.credit.model import Price
from controller.credit.rating import billed, charge
from controller.simulator.legs import Leg as SwitchLeg
from controller.simulator.phones import JournalEntry
from controller.store.database import reader
from tests.peer.world import PATIENCE, World
from tests.unit.store.paying import account, listed

CENT = 10_000
#: A cent a second, for both legs.
USUAL = Price("+1", 60 * CENT)
#: What a process is told so that it looks often.
HURRY = {
    "CALLBACKD_DISPATCHER__RECONCILE_SECONDS": "0.5",
    "CALLBACKD_CREDIT__RECORDS_SECONDS": "5",
}


class Row(msgspec.Struct, frozen=True):
    """A leg that is over, as it is kept."""

    leg: str
    call: str
    side: str
    position: int
    channel: str | None
    cause: str | None
    answered: int | None
    ended: int
    seconds: int
    charge: int
    uncovered: int
    source: str


class Money:
    """An account whose calls cost a cent a second, and all legs that the switch has had."""

    def __init__(self, world: World, cents: int = 100_000, **extension: Any) -> None:
        self.world = world
        self.cents = cents
        self._legs: dict[str, SwitchLeg] = {}
        world.switch.on_journal(self._note)
        world.extension(**extension)
        listed(world.engine, "usual", USUAL)
        account(world.engine, "account", cents * CENT, extension="1001")

    def _note(self, entry: JournalEntry) -> None:
        leg = self.world.switch.legs.get(entry.leg)
        if leg is not None and leg.role in ("return", "destination"):
            self._legs[entry.leg] = leg

    # --- records -----------------------------------------------------------------------------

    def keep_records(self) -> Path:
        """Have the switch write its call records; give the directory."""
        directory = self.world.directory / "records"
        directory.mkdir(exist_ok=True)
        self.world.switch.records = directory
        return directory

    def reading(self, directory: Path) -> dict[str, str]:
        """Give what tells a process where the records are."""
        port = self.world.switch.address[1]
        node = f'{{name = "sim1", port = {port}, records_dir = "{directory}"}}'
        return {"CALLBACKD_NODES": f"[{node}]", **HURRY}

    # --- what is kept ------------------------------------------------------------------------

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with reader(self.world.engine).connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    @property
    def rows(self) -> list[Row]:
        """The legs that are kept, in order."""
        names = ", ".join(Row.__struct_fields__)
        return [Row(*row) for row in self._read(f"SELECT {names} FROM call_leg ORDER BY serial")]

    @property
    def left(self) -> int:
        """What is on the account, micro-units."""
        ((left,),) = self._read("SELECT sum(amount) FROM account_entry")
        return int(left)

    @property
    def held(self) -> int:
        """What is held, and how many calls it is held for."""
        ((held,),) = self._read("SELECT count(*) FROM credit_hold WHERE ended IS NULL")
        return int(held)

    def settled(self, count: int = 2, seconds: float = PATIENCE) -> list[Row]:
        """Wait until so many legs are kept and nothing is held; give them."""
        with gevent.Timeout(seconds, AssertionError(f"{self.rows}, {self.held} held")):
            while len(self.rows) < count or self.held:
                # The database tells nobody: looking again is the only way to know.
                gevent.sleep(0.05)
        return self.rows

    # --- what it should be -------------------------------------------------------------------

    @property
    def spent(self) -> int:
        """What all legs have cost by the switch's own times, micro-units."""
        return sum(charge(USUAL, seconds_of(leg)) for leg in self._legs.values())

    @property
    def legs(self) -> dict[str, SwitchLeg]:
        """The legs that there were, by uuid."""
        return self._legs

    def check(self) -> None:
        """Check that the account is exact, and each leg charged as long as it lasted."""
        rows = {row.leg: row for row in self.rows}
        assert {leg: row.seconds for leg, row in rows.items()} == {
            uuid: seconds_of(leg) for uuid, leg in self._legs.items()
        }
        assert not [row for row in rows.values() if row.uncovered]
        assert self.left == self.cents * CENT - self.spent
        assert self.held == 0


def seconds_of(leg: SwitchLeg) -> int:
    """Give the seconds that a leg is charged for, by the switch's clock; it has ended."""
    times = leg.profile.times
    return billed(times.answered, times.hungup) if times.answered else 0
