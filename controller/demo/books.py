"""What the calls of the demo have cost: by the ledger, and by the switch's own records.

The ledger is exact where each leg that the switch has had was charged once, for the seconds that
the switch says, to the account that its script names, and where what is left on each account is
what was put on it, less that. It is counted here anew, from the files that the switch writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import Engine, func, select

from controller.demo.scripts import PER_MINUTE, Script
from controller.store.schema import account as accounts
from controller.store.schema import account_entry as entries
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import credit_hold as holds

SECOND: Final = 1_000_000
SIDES: Final = ("return", "destination")

_OWNERS: Final = select(accounts.c.id, accounts.c.extension, accounts.c.caller)
_LINES: Final = select(entries).order_by(entries.c.account, entries.c.position)


class Charged(msgspec.Struct, frozen=True):
    """What was charged, and to how many accounts; `uncovered`: what legs have cost beyond that."""

    legs: int = 0
    seconds: int = 0
    micro_units: int = 0
    uncovered: int = 0
    accounts: int = 0


class Books:
    """The ledger, and the directory in which the switch keeps its records."""

    def __init__(self, engine: Engine, records: Path) -> None:
        self._engine = engine
        self._records = records

    def waiting(self) -> bool:
        """Whether credit is held still, or a leg that is over is not settled yet."""
        switch = self._of_switch()
        return self._held() > 0 or switch is None or not switch.keys() <= self._legs().keys()

    def charged(self) -> Charged:
        """Give what was charged to all accounts."""
        paid = [leg for leg in self._legs().values() if leg.charge]
        return Charged(
            len(paid),
            sum(leg.seconds for leg in paid),
            sum(leg.charge for leg in paid),
            sum(leg.uncovered for leg in paid),
            len({leg.account for leg in paid}),
        )

    def faults(self, scripts: Sequence[Script]) -> list[str]:
        """Give what is not exact."""
        switch, kept = self._of_switch(), self._legs()
        if switch is None:
            return ["money: the switch has written a record that is none"]
        faults = [f"leg {leg}: not settled" for leg in switch.keys() - kept.keys()]
        if held := self._held():
            faults.append(f"credit is held for {held} calls that are over")
        with self._engine.connect() as connection:
            owners = {(one.extension, one.caller): one.id for one in connection.execute(_OWNERS)}
            lines = connection.execute(_LINES).all()
        by_caller = {script.caller: script for script in scripts}
        for name, leg in kept.items():
            script = by_caller.get(leg.caller or "")
            if script is None or (name not in switch and script.recorded):
                faults.append(f"leg {name}: the switch knows of none")
            elif name in switch:
                seconds = _seconds(*switch[name])
                payer = owners.get(script.payer) if script.prices else None
                wanted = (payer, seconds, _price(script.prices, leg.number, seconds))
                told = (leg.account, leg.seconds, leg.charge + leg.uncovered)
                if told != wanted:
                    faults.append(f"leg {name}: {told}, and by the switch {wanted}")
        for script in scripts:
            if script.prices:
                account = owners.get(script.payer)
                own = [line for line in lines if line.account == account]
                some = [leg for leg in kept.values() if leg.account == account]
                faults += _unbalanced(script, own, some)
        return faults

    def _held(self) -> int:
        held = select(func.count()).where(holds.c.ended.is_(None))
        with self._engine.connect() as connection:
            return int(connection.execute(held).scalar_one())

    def _legs(self) -> dict[str, Any]:
        with self._engine.connect() as connection:
            return {leg.leg: leg for leg in connection.execute(select(legs))}

    def _of_switch(self) -> dict[str, tuple[int, int]] | None:
        """Give when each leg was answered and ended, microseconds; None: one is half written."""
        found = {}
        for path in self._records.iterdir():
            try:
                said = msgspec.json.decode(path.read_bytes())["variables"]
            except msgspec.DecodeError:
                return None
            if said.get("callback_leg") in SIDES:
                found[said["uuid"]] = int(said["answer_uepoch"]), int(said["end_uepoch"])
        return found


def _seconds(answered: int, ended: int) -> int:
    """Count what an answered leg is charged for: the nearest second, one at least."""
    return max(1, (2 * (ended - answered) + SECOND) // (2 * SECOND)) if answered else 0


def _price(prices: str | None, number: str, seconds: int) -> int:
    """Count what they cost, by the longest beginning: there are no blocks, and no fees."""
    if prices is None:
        return 0
    rates = PER_MINUTE[prices]
    beginning = max((one for one in rates if number.startswith(one)), key=len, default="+")
    return -(-rates[beginning] * seconds // 60)


def _unbalanced(script: Script, lines: Sequence[Any], kept: Sequence[Any]) -> list[str]:
    """Give what is wrong with an account: what was put on it less what its legs cost is left."""
    wanted = {"demo": script.credit}
    wanted |= {f"leg:{leg.leg}": -leg.charge for leg in kept if leg.charge}
    left = sum(wanted.values())
    faults = []
    if {line.key: line.amount for line in lines} != wanted:
        faults.append(f"account of {script.payer}: its lines are not what its legs cost")
    if not lines or lines[-1].left_after != left or left < 0:
        faults.append(f"account of {script.payer}: {left} should be left")
    return faults
