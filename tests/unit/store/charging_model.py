"""M1, M4, M7: random calls, top-ups, rate changes and faults, checked by slow and obvious sums.

What a call may cost is counted here by itself: second by second, from lists of all that happened.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import OperationalError

from controller.credit.model import Granted, Price, Refused
from controller.store import schema
from controller.store.charging import SqlCharging
from tests.unit.store import paying
from tests.unit.store.paying import ABROAD, HOME, NOW, SECOND

PRICES = [
    Price("+1", 600_000),
    Price("+1", 90_001, setup_fee=7, first_block=30, interval=6),
    Price("+1", 0, setup_fee=50_000),
]
ABROADS = [
    Price("+44", 1_200_000),
    Price("+44", 333_333, setup_fee=11, first_block=60, interval=60),
]


def cost(price: Price | None, seconds: int) -> int:
    """Give what seconds cost, by counting."""
    if price is None or seconds == 0:
        return 0
    paid = price.first_block
    while paid < seconds:
        paid += price.interval
    micros = price.setup_fee
    return micros + (price.per_minute * paid + 59) // 60


@dataclass
class Call:
    """A call as the switch would have it: who pays, and how long its legs may last."""

    name: str
    account: str
    return_price: Price
    return_seconds: int
    now: int = NOW
    answered: bool = False
    serial: int = 0
    positions: int = 0
    destinations: dict[int, tuple[Price, int]] = field(default_factory=dict)
    over: bool = False


class Faults:
    """Lets transactions fail as they are committed, as where the database goes away."""

    def __init__(self, engine: Engine) -> None:
        self.left = 0
        event.listen(engine, "commit", self._commit)

    def _commit(self, _: Any) -> None:
        if self.left:
            self.left -= 1
            raise OperationalError("COMMIT", None, RuntimeError("away"))


class Sequence:
    """One sequence, on accounts of its own: one limited, one of a caller that is not."""

    def __init__(self, engine: Engine, seed: int, faults: Faults) -> None:
        self.random = random.Random(seed)
        self.engine, self.faults = engine, faults
        self.charging = SqlCharging(engine, now=lambda: NOW)
        self.name = str(100_000 + seed)
        paying.extended(engine, self.name)
        self.prices = [self.random.choice(PRICES), self.random.choice(ABROADS)]
        paying.listed(engine, self.name, *self.prices)
        values: dict[str, Any] = {"extension": self.name, "price_list": self.name}
        self.limited = paying.account(engine, f"l{self.name}", **values)
        self.unlimited = paying.account(
            engine, f"u{self.name}", unlimited=True, caller=HOME, **values
        )
        self.entries: dict[str, list[int]] = {self.limited: [], self.unlimited: []}
        self.calls: list[Call] = []
        self.count = 0

    # --- what there should be ----------------------------------------------------------------

    def balance(self, account: str) -> int:
        return sum(self.entries[account])

    def held(self, call: Call) -> int:
        if call.over or call.account == self.unlimited:
            return 0
        legs = [(call.return_price, call.return_seconds), *call.destinations.values()]
        return sum(cost(price, seconds) for price, seconds in legs)

    def available(self, but: Call | None = None) -> int:
        others = sum(self.held(call) for call in self.calls if call is not but)
        return self.balance(self.limited) - others

    def check(self) -> None:
        """Compare all that there is with all that there should be."""
        with self.engine.connect() as connection:
            for account, amounts in self.entries.items():
                rows = connection.execute(
                    select(schema.account_entry.c.amount, schema.account_entry.c.left_after)
                    .where(schema.account_entry.c.account == account)
                    .order_by(schema.account_entry.c.position)
                ).all()
                assert [row.amount for row in rows] == amounts
                assert sum(amounts) == (rows[-1].left_after if rows else 0)
            holds = schema.credit_hold
            rows = connection.execute(
                select(holds.c.call, holds.c.amount).where(
                    holds.c.extension == self.name, holds.c.ended.is_(None)
                )
            ).all()
            kept = {row.call: row.amount for row in rows}
        assert kept == {call.name: self.held(call) for call in self.calls if not call.over}
        assert self.balance(self.limited) >= sum(kept.values())
        assert self.balance(self.limited) >= 0

    # --- what may happen ---------------------------------------------------------------------

    def ask(self, operation: Any, *values: Any) -> Any:
        """Ask, perhaps in vain first, perhaps without getting to know: again it is the same."""
        if self.random.random() < 0.15:
            self.faults.left = 1
            with pytest.raises(OperationalError):
                operation(*values)
            self.check()
        answer = operation(*values)
        if self.random.random() < 0.25:
            again = operation(*values)
            if hasattr(answer, "first"):
                assert (answer.first, again.first) == (True, False)
                assert (again.seconds, again.charge) == (answer.seconds, answer.charge)
                assert (again.uncovered, again.left) == (answer.uncovered, answer.left)
            else:
                assert again == answer
        return answer

    def step(self) -> None:
        open_calls = [call for call in self.calls if not call.over]
        call = self.random.choice(open_calls) if open_calls else None
        steps: list[Any] = [self.top_up, self.take, self.new_rate, self.begin]
        if call is not None:
            own = [self.identify, self.dial, self.extend, self.end, self.not_called]
            self.random.choice([*steps, *own, *own])(call)
        else:
            self.random.choice([*steps, self.begin])(None)
        self.check()

    def top_up(self, _: Call | None) -> None:
        amount = self.random.choice([1, 50_000, 1_000_000, 5_000_000])
        self.enter(amount)

    def take(self, _: Call | None) -> None:
        most = min(self.available(), 500_000)
        if most > 0:
            self.enter(-self.random.randint(1, most))

    def enter(self, amount: int) -> None:
        self.count += 1
        paying.add(self.engine, self.limited, amount, str(self.count))
        self.entries[self.limited].append(amount)

    def new_rate(self, _: Call | None) -> None:
        """From now on calls cost something else; those under way go on as they were granted."""
        if self.random.random() < 0.3:
            self.count += 1
            which = self.random.randrange(2)
            self.prices[which] = self.random.choice([PRICES, ABROADS][which])
            paying.listed(self.engine, self.name, self.prices[which], since=self.count)

    def begin(self, _: Call | None) -> None:
        self.count += 1
        name = f"{self.name}-{self.count}"
        exposure = self.random.choice([None, None, 300_000])
        asked = paying.beginning(name, extension=self.name, exposure=exposure)
        answer = self.ask(self.charging.begin, asked)
        price = self.prices[0]
        if isinstance(answer, Refused):
            assert answer.reason == "no_credit"
            most = min(self.available(), exposure if exposure is not None else 10**18)
            assert cost(price, 30) > self.available() or cost(price, 1) > most
            return
        assert 0 < answer.return_seconds <= 60
        call = Call(name, self.limited, price, answer.return_seconds)
        assert exposure is None or self.held(call) <= exposure
        assert self.held(call) <= self.available()
        self.calls.append(call)

    def identify(self, call: Call) -> None:
        if call.answered:
            return
        caller = self.random.choice([HOME, ABROAD])
        asked = paying.identifying(call.name, caller, extension=self.name)
        answer = self.ask(self.charging.identify, asked)
        price = self.prices[0]
        if isinstance(answer, Refused):
            assert cost(price, 40) > self.available(call)
            return
        call.account = self.unlimited if caller == HOME else self.limited
        call.return_price, call.answered = price, True
        self.granted(call, answer)

    def dial(self, call: Call) -> None:
        call.positions += 1
        call.now += self.random.randint(1, 60) * SECOND
        asked = paying.dialling(call.name, call.positions, extension=self.name, now=call.now)
        answer = self.ask(self.charging.dial, asked)
        price = self.prices[1]
        if isinstance(answer, Refused):
            others = sum(cost(*one) for one in call.destinations.values())
            elapsed = -(-(call.now - NOW) // SECOND)
            least = cost(call.return_price, elapsed + 30 + 10) + cost(price, 10)
            assert least > self.available(call) - others
            return
        call.answered = True
        call.destinations[call.positions] = (price, answer.destination_seconds)
        self.granted(call, answer)

    def extend(self, call: Call) -> None:
        talked = call.positions in call.destinations
        at = (call.now - NOW) // SECOND + self.random.randint(0, 60)
        connected = (call.now - NOW) // SECOND if talked else None
        # The switch may have been told to end the return leg sooner: then that is what it is.
        sooner = self.random.randint(1, 2 * call.return_seconds + 1) if talked else 0
        sooner = self.random.choice([0, sooner])
        more = {"shortened": sooner, "serial": call.serial}
        answer = self.ask(self.charging.extend, paying.extending(call.name, at, connected, **more))
        call.answered = True
        least = min(call.return_seconds, sooner or call.return_seconds)
        assert answer.return_seconds == 0 or answer.return_seconds >= least
        if talked:
            price, before = call.destinations[call.positions]
            assert answer.destination_seconds >= before
            call.destinations[call.positions] = (price, answer.destination_seconds)
        self.granted(call, answer)

    def granted(self, call: Call, answer: Granted) -> None:
        call.return_seconds = answer.return_seconds or call.return_seconds
        call.serial = answer.serial
        if call.account == self.limited:
            assert answer.return_seconds > 0
        assert self.available() >= 0

    def not_called(self, call: Call) -> None:
        if call.destinations:
            position = self.random.choice(sorted(call.destinations))
            self.ask(self.charging.not_called, call.name, position)
            del call.destinations[position]

    def end(self, call: Call) -> None:
        """End a leg within its limit, as the switch sees to; in any order."""
        position = self.random.choice([0, *call.destinations, *call.destinations])
        price, most = (
            call.destinations[position] if position else (call.return_price, call.return_seconds)
        )
        self.settled(call, position, price, self.random.randint(0, max(1, most)))

    def settled(self, call: Call, position: int, price: Price, seconds: int) -> None:
        answer = self.ask(self.charging.settle, paying.ending(call.name, position, seconds))
        owed = cost(price, max(1, seconds))
        assert (answer.charge, answer.uncovered) == (owed, 0)
        if owed:
            self.entries[call.account].append(-owed)
        assert answer.left == self.balance(call.account)
        call.destinations.pop(position, None)
        if position == 0:
            # Its destinations end with it, and are told of later.
            for other, (its, granted) in sorted(call.destinations.items()):
                call.return_seconds = 0
                self.check()
                self.settled(call, other, its, self.random.randint(0, granted))
            call.over, call.return_seconds = True, 0

    def run(self, steps: int) -> None:
        """Run so many steps; in the end all that is left is released."""
        for _ in range(steps):
            self.step()
        for call in [call for call in self.calls if not call.over]:
            self.ask(self.charging.release, call.name, NOW)
            call.over = True
        self.check()
        with self.engine.connect() as connection:
            left = connection.execute(
                select(func.count())
                .select_from(schema.credit_hold)
                .where(
                    schema.credit_hold.c.extension == self.name,
                    (schema.credit_hold.c.amount != 0) | schema.credit_hold.c.ended.is_(None),
                )
            ).scalar_one()
        assert left == 0
