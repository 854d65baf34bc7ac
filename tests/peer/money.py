"""What calls have cost: by the database, and by the switch's own clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from sqlalchemy import text

from controller.credit.model import Price
from controller.credit.rating import billed, charge
from controller.simulator import Simulator
from controller.simulator.events import micros, whole_seconds
from controller.simulator.legs import Leg as SwitchLeg
from controller.simulator.phones import JournalEntry
from controller.simulator.scheduler import Scheduler
from controller.store.database import reader
from tests.peer.world import PATIENCE, World
from tests.unit.store.paying import account, add, listed

CENT = 10_000
#: A cent a second, for both legs.
USUAL = Price("+1", 60 * CENT)
#: What a process is told so that it looks often.
HURRY = {
    "CALLBACKD_DISPATCHER__RECONCILE_SECONDS": "0.5",
    "CALLBACKD_CREDIT__RECORDS_SECONDS": "5",
}
#: And so that more is held again and again.
CREDIT = {
    "CALLBACKD_CREDIT__SLICE_SECONDS": "30",
    "CALLBACKD_CREDIT__DIALOGUE_SECONDS": "30",
    "CALLBACKD_CREDIT__TAIL_SECONDS": "5",
}


def keep_records(world: World) -> Path:
    """Have the switch write its call records; give the directory."""
    directory = world.directory / "records"
    directory.mkdir(exist_ok=True)
    world.switch.records = directory
    return directory


def reading_records(world: World, directory: Path) -> dict[str, str]:
    """Give what tells a process where the records are."""
    port = world.switch.address[1]
    node = f'{{name = "sim1", port = {port}, records_dir = "{directory}"}}'
    return {"CALLBACKD_NODES": f"[{node}]", **HURRY}


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
    account: str | None
    charge: int
    uncovered: int
    source: str


class Money:
    """Accounts whose calls cost a cent a second, and all legs that the switch has had."""

    def __init__(self, world: World, cents: int = 100_000, **extension: Any) -> None:
        self.world = world
        #: What was put on each account, micro-units.
        self.put: dict[str, int] = {}
        #: Whose account pays for a leg.
        self.payer: Callable[[SwitchLeg], str] = lambda leg: "account"
        self._legs: dict[str, SwitchLeg] = {}
        world.switch.on_journal(self._note)
        listed(world.engine, "usual", USUAL)
        self.account("account", cents, "1001", **extension)

    def account(self, name: str, cents: int, number: str, **extension: Any) -> None:
        """Add an extension, and its account with so much on it."""
        self.world.extension(number, **extension)
        account(self.world.engine, name, extension=number)
        self.add(name, cents, "first")

    def add(self, name: str, cents: int, key: str) -> None:
        """Put something on an account. Raises what the store raises."""
        add(self.world.engine, name, cents * CENT, key)
        self.put[name] = self.put.get(name, 0) + cents * CENT

    def _note(self, entry: JournalEntry) -> None:
        leg = self.world.switch.legs.get(entry.leg)
        if leg is not None and leg.role in ("return", "destination"):
            self._legs[entry.leg] = leg

    # --- what is kept ------------------------------------------------------------------------

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with reader(self.world.engine).connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    @property
    def rows(self) -> list[Row]:
        """The legs that are kept, in order."""
        names = ", ".join(Row.__struct_fields__)
        return [Row(*row) for row in self._read(f"SELECT {names} FROM call_leg ORDER BY serial")]

    def called(self) -> list[tuple[Any, ...]]:
        """Give side, number and what was shown of each leg that is kept."""
        return self._read("SELECT side, number, shown FROM call_leg ORDER BY serial")

    def dialled(self) -> list[str]:
        """Give the destinations that it is kept of that they are called."""
        return [number for (number,) in self._read("SELECT number FROM callback_destination")]

    @property
    def left(self) -> dict[str, int]:
        """What is on each account by its entries, micro-units."""
        rows = self._read("SELECT account, sum(amount) FROM account_entry GROUP BY account")
        return {name: int(left) for name, left in rows}

    @property
    def balances(self) -> dict[str, list[int]]:
        """What each account says was on it after each of its entries, in order."""
        found: dict[str, list[int]] = {}
        for name, left in self._read(
            "SELECT account, left_after FROM account_entry ORDER BY account, position"
        ):
            found.setdefault(name, []).append(int(left))
        return found

    @property
    def held(self) -> int:
        """What is held, and how many calls it is held for."""
        ((held,),) = self._read("SELECT count(*) FROM credit_hold WHERE ended IS NULL")
        return int(held)

    @property
    def seen(self) -> bool:
        """Whether a conversation is known to have been alive: both its legs."""
        seen = "WHERE seen IS NOT NULL AND"
        (calls,) = self._read(f"SELECT count(*) FROM callback_attempt {seen} answered > 0")
        (others,) = self._read(f"SELECT count(*) FROM callback_destination {seen} connected > 0")
        return bool(calls[0] and others[0])

    def settled(self, count: int = 2, seconds: float = PATIENCE) -> list[Row]:
        """Wait until so many legs are kept and nothing is held; give them."""
        with gevent.Timeout(seconds, AssertionError(f"{self.rows}, {self.held} held")):
            while len(self.rows) < count or self.held:
                # The database tells nobody: looking again is the only way to know.
                gevent.sleep(0.05)
        return self.rows

    # --- what it should be -------------------------------------------------------------------

    @property
    def legs(self) -> dict[str, SwitchLeg]:
        """The legs that there were, by uuid."""
        return self._legs

    def check(self, schedule: Schedule | None = None) -> None:
        """Check that each leg was charged once, as long as it lasted, and each account is exact.

        `schedule`: the switch may have been late to end a leg; what that cost is not charged where
        nothing was left of what was held.
        """
        rows = {row.leg: row for row in self.rows}
        assert len(rows) == len(self.rows)
        assert {leg: row.seconds for leg, row in rows.items()} == {
            uuid: seconds_of(leg) for uuid, leg in self._legs.items()
        }
        spent = dict.fromkeys(self.put, 0)
        for uuid, leg in self._legs.items():
            row, payer = rows[uuid], self.payer(leg)
            late = schedule is not None and schedule.was_late(leg)
            assert late or not row.uncovered, row
            cost = charge(USUAL, row.seconds)
            assert row.account == payer, row
            assert row.charge + row.uncovered == cost, row
            spent[payer] += row.charge
        assert self.left == {name: put - spent[name] for name, put in self.put.items()}
        for name, balances in self.balances.items():
            assert balances[-1] == self.left[name]
            assert min(balances) >= 0
        entries = self._read("SELECT count(*) FROM account_entry WHERE kind = 'call'")
        assert entries == [(sum(row.charge > 0 for row in rows.values()),)]
        assert self.held == 0


class Schedule(Scheduler):
    """The schedule of a switch that is looked at: whether a leg has an end in it at any time (M5).

    From when a leg first has one, which it gets with its answer.
    """

    def __init__(self, switch: Simulator) -> None:
        super().__init__(switch)
        self._switch = switch
        self._ends: dict[int, str] = {}
        self._due: dict[str, int] = {}
        #: The legs that had no end for a moment.
        self.bare: list[str] = []
        switch.scheduler = self

    def add(self, seconds: int, group: str, run: Callable[[], object]) -> int:
        """Run something after so many whole seconds; the task's id."""
        task = super().add(seconds, group, run)
        leg = group.removeprefix("limit_").rpartition("_")[0] or group
        if leg in self._switch.legs:
            self._ends[task] = leg
            due = micros() + int(whole_seconds(seconds) * 1_000_000)
            self._due[leg] = max(due, self._due.get(leg, 0))
        return task

    def cancel(self, task: int) -> bool:
        """Forget a task; whether there was one."""
        found = super().cancel(task)
        name = self._ends.pop(task, None)
        leg = self._switch.legs.get(name or "")
        if leg is not None and leg.cause is None and name not in self._ends.values():
            self.bare.append(leg.uuid)
        return found

    def had(self, leg: SwitchLeg) -> bool:
        """Whether a leg had an end."""
        return leg.uuid in self._due

    def was_late(self, leg: SwitchLeg) -> bool:
        """Whether a leg went on after its end."""
        return leg.profile.times.hungup > self._due.get(leg.uuid, 0)


def seconds_of(leg: SwitchLeg) -> int:
    """Give the seconds that a leg is charged for, by the switch's clock; it has ended."""
    times = leg.profile.times
    return billed(times.answered, times.hungup) if times.answered else 0
