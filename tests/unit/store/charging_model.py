"""M1, M4, M7, G3: random calls, top-ups, rate changes and faults, checked by slow, obvious sums.

What a call may cost, and what an extension has spent, is counted here by itself: second by second,
from lists of all that happened.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.exc import OperationalError

from controller.credit.model import Granted, Price, Refused, SpendLimit
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
#: What an extension may spend: more and less than a call costs, and not at all.
LIMITS = [
    SpendLimit(per_hour=4_000_000),
    SpendLimit(per_hour=1_500_001, per_day=5_000_000),
    SpendLimit(per_hour=6_000_000, per_day=9_000_000),
    SpendLimit(per_day=3_000_000),
    SpendLimit(per_hour=0),
]
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
#: What nobody comes to the end of.
ENDLESS = 10**18


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
    """One sequence, on accounts of its own: one limited, one of a caller that is not.

    `spends`: the extension may spend only so much, and there is more on its account.
    """

    def __init__(self, engine: Engine, seed: int, faults: Faults, *, spends: bool = False) -> None:
        self.random = random.Random(seed)
        self.engine, self.faults = engine, faults
        self.clock = NOW
        self.charging = SqlCharging(engine, now=lambda: self.clock)
        self.limit = self.random.choice(LIMITS) if spends else None
        #: What was charged, and when.
        self.charges: list[tuple[int, int]] = []
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
        if spends:
            self.enter(20_000_000)

    # --- what there should be ----------------------------------------------------------------

    def balance(self, account: str) -> int:
        return sum(self.entries[account])

    def held(self, call: Call) -> int:
        if call.over or (call.account == self.unlimited and self.limit is None):
            return 0
        legs = [(call.return_price, call.return_seconds), *call.destinations.values()]
        return sum(cost(price, seconds) for price, seconds in legs)

    def held_of(self, account: str, but: Call | None = None) -> int:
        return sum(self.held(c) for c in self.calls if c is not but and c.account == account)

    def available(self, but: Call | None = None) -> int:
        return self.balance(self.limited) - self.held_of(self.limited, but)

    def spent(self, window: int, at: int) -> int:
        """Give what was charged within the time before a moment."""
        return sum(amount for when, amount in self.charges if at - window < when <= at)

    def room(self, but: Call | None = None) -> int:
        """Give what may still be spent, G3."""
        if self.limit is None:
            return ENDLESS
        held = self.held_of(self.limited, but) + self.held_of(self.unlimited, but)
        return min(
            ENDLESS if most is None else most - self.spent(window, self.clock) - held
            for most, window in ((self.limit.per_hour, HOUR), (self.limit.per_day, DAY))
        )

    def money(self, account: str, but: Call | None = None) -> int:
        """Give what a call may cost, whoever pays."""
        available = self.available(but) if account == self.limited else ENDLESS
        return min(available, self.room(but))

    def refused(self, answer: Refused, account: str, but: Call | None = None) -> None:
        """Check why there is too little."""
        by_limit = account == self.unlimited or self.room(but) < self.available(but)
        assert answer.reason == ("spend_limit" if by_limit else "no_credit")

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
        assert self.available() >= 0
        assert self.balance(self.limited) >= 0
        if self.limit is not None:
            assert self.room() >= 0
            for most, window in ((self.limit.per_hour, HOUR), (self.limit.per_day, DAY)):
                spent = [self.spent(window, at) for at, _ in self.charges]
                assert most is None or max(spent, default=0) <= most

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
        steps: list[Any] = [self.top_up, self.take, self.new_rate, self.begin, self.pass_time]
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

    def pass_time(self, _: Call | None) -> None:
        """A while passes, in which no switch ends anything, after which less counts as spent."""
        self.clock += self.random.choice([60, 1800, 3599, 3600, 3601, 86_400]) * SECOND

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
        more = {"exposure": exposure, "limit": self.limit}
        asked = paying.beginning(name, extension=self.name, **more)
        answer = self.ask(self.charging.begin, asked)
        price, money = self.prices[0], self.money(self.limited)
        if isinstance(answer, Refused):
            most = min(money, exposure if exposure is not None else ENDLESS)
            assert cost(price, 30) > money or cost(price, 1) > most
            if cost(price, 30) <= self.available() and cost(price, 1) <= most:
                assert answer.reason == "spend_limit"
            elif self.room() >= self.available():
                assert answer.reason == "no_credit"
            return
        assert 0 < answer.return_seconds <= 60
        call = Call(name, self.limited, price, answer.return_seconds)
        assert exposure is None or self.held(call) <= exposure
        assert self.held(call) <= money
        assert answer.spend_limit <= (self.room() < self.available())
        self.calls.append(call)

    def identify(self, call: Call) -> None:
        if call.answered:
            return
        caller = self.random.choice([HOME, ABROAD])
        more = {"limit": self.limit, "told": self.random.choice([None, call.serial])}
        asked = paying.identifying(call.name, caller, extension=self.name, **more)
        answer = self.ask(self.charging.identify, asked)
        price, account = self.prices[0], self.unlimited if caller == HOME else self.limited
        if isinstance(answer, Refused):
            self.refused(answer, account, call)
            assert cost(price, 40) > self.money(account, call)
            return
        call.account = account
        call.return_price, call.answered = price, True
        self.granted(call, answer)

    def dial(self, call: Call) -> None:
        call.positions += 1
        call.now += self.random.randint(1, 60) * SECOND
        more: dict[str, Any] = {"now": call.now, "limit": self.limit}
        asked = paying.dialling(call.name, call.positions, extension=self.name, **more)
        answer = self.ask(self.charging.dial, asked)
        price = self.prices[1]
        if isinstance(answer, Refused):
            others = sum(cost(*one) for one in call.destinations.values())
            elapsed = -(-(call.now - NOW) // SECOND)
            least = cost(call.return_price, elapsed + 30 + 10) + cost(price, 10)
            self.refused(answer, call.account, call)
            assert least > self.money(call.account, call) - others
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
        more: dict[str, Any] = {"shortened": sooner, "serial": call.serial, "limit": self.limit}
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
        assert self.room() >= 0

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
            self.charges.append((self.clock, owed))
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
