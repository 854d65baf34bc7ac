"""M3, M4, M7, M9, G3: `credit.bookkeeping` decides as our own engine does, whatever happens.

Both keep the same rules, each in its way: here they are asked the same, in any order, twice and
late. What they answer and what is left is compared.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.contract import EXTENSION
from controller.credit.engine import Provider
from controller.credit.model import Granted, Held, Price, Refused, Settled, SpendLimit
from controller.store.charging import SqlCharging
from controller.store.database import open_database
from tests.databases import new_file
from tests.unit.examples import many
from tests.unit.store import paying
from tests.unit.store.paying import ABROAD, HOME, NOW, SECOND

PRICES = [Price("+1", 600_000), Price("+1", 90_001, setup_fee=7, first_block=30, interval=6)]
ABROADS = [Price("+44", 1_200_000), Price("+44", 333_333, setup_fee=11, first_block=60)]
LIMITS = [None, None, SpendLimit(per_hour=2_000_000), SpendLimit(per_day=4_000_000)]


class Both:
    """The two, on accounts of the same owners, with the same prices, at the same time."""

    def __init__(self, engine: Engine, prepaid: Any, path: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.now = NOW
        self.engine = engine
        self.ours = SqlCharging(engine, now=lambda: self.now)
        self.other = prepaid.engine({"path": str(path)})
        self.other._now = lambda: self.now
        paying.extended(engine, EXTENSION)
        prices = [self.random.choice(PRICES), self.random.choice(ABROADS)]
        paying.listed(engine, "usual", *prices)
        for price in prices:
            self.other.set_price(price)
        self.accounts = ["of-extension"]
        paying.account(engine, "of-extension")
        self.other.open_account("of-extension", EXTENSION)
        if self.random.random() < 0.5:
            unlimited = self.random.random() < 0.5
            self.accounts.append("of-caller")
            paying.account(engine, "of-caller", caller=HOME, unlimited=unlimited)
            self.other.open_account("of-caller", EXTENSION, caller=HOME, unlimited=unlimited)
        self.limit = self.random.choice(LIMITS)
        self.calls: list[str] = []
        self.positions: dict[str, int] = {}
        self.count = 0

    def ask(self, question: Callable[[Provider], Any]) -> Any:
        """Ask both, perhaps twice: they say the same."""
        answer: Any = None
        for _ in range(self.random.choice([1, 1, 2])):
            answer = _seen(question(self.ours))
            assert _seen(question(self.other)) == answer
        return answer

    def check(self) -> None:
        """What is on each account, and held for each call, is the same."""
        for caller in (None, HOME):
            credit = self.ours.credit(EXTENSION, caller)
            assert self.other.credit(EXTENSION, caller) == credit
        held = [sorted(map(_held, one.overdue(2**60))) for one in (self.ours, self.other)]
        assert held[0] == held[1]

    def step(self) -> None:
        """Let something happen."""
        steps = [self.begin, self.enter]
        if self.calls:
            steps += [self.identify, self.dial, self.extend, self.extend, self.settle]
            steps += [self.settle, self.not_called, self.release]
        self.random.choice(steps)()
        self.now += self.random.choice([0, 1, 20, 3600]) * SECOND
        self.check()

    @property
    def call(self) -> str:
        return self.random.choice(self.calls)

    def enter(self) -> None:
        self.count += 1
        account, money = self.random.choice(self.accounts), self.random.randint(1, 4_000_000)
        paying.add(self.engine, account, money, f"entry-{self.count}")
        self.other.top_up(account, money)

    def begin(self) -> None:
        self.calls.append(f"call-{len(self.calls)}")
        exposure = self.random.choice([None, 300_000])
        fallback = self.random.choice([None, HOME])
        asked = paying.beginning(
            self.calls[-1], exposure=exposure, fallback=fallback, limit=self.limit
        )
        self.ask(lambda engine: engine.begin(asked))

    def identify(self) -> None:
        caller = self.random.choice([HOME, ABROAD])
        asked = paying.identifying(self.call, caller, limit=self.limit)
        self.ask(lambda engine: engine.identify(asked))

    def dial(self) -> None:
        call = self.call
        self.positions[call] = self.positions.get(call, 0) + self.random.choice([0, 1, 1])
        more: dict[str, Any] = self.random.choice(
            [{}, {}, {"number": "1002", "free": True}, {"free": True, "emergency": True}]
        )
        position = max(1, self.positions[call])
        asked = paying.dialling(call, position, limit=self.limit, **more)
        self.ask(lambda engine: engine.dial(asked))

    def extend(self) -> None:
        call = self.call
        connected = 40 if self.positions.get(call) else None
        asked = paying.extending(
            call,
            self.random.randint(50, 200),
            connected,
            position=self.positions.get(call, 0),
            shortened=self.random.choice([0, 0, 60]),
            limit=self.limit,
        )
        self.ask(lambda engine: engine.extend(asked))

    def settle(self) -> None:
        call = self.call
        position = self.random.randint(0, self.positions.get(call, 0))
        end = paying.ending(call, position, self.random.randint(0, 150))
        if self.ours.settled([end.leg]):
            return
        self.ask(lambda engine: engine.settle(end))

    def not_called(self) -> None:
        call = self.call
        position = max(1, self.positions.get(call, 0))
        self.ask(lambda engine: engine.not_called(call, position))

    def release(self) -> None:
        call, now = self.call, self.now
        self.ask(lambda engine: engine.release(call, now))


def _seen(answer: Any) -> Any:
    """Give what callers see of an answer."""
    if isinstance(answer, Settled):
        # Of a leg that nobody pays for nothing need be kept there.
        first = answer.first or not (answer.charge or answer.uncovered)
        return first, answer.seconds, answer.charge, answer.uncovered
    assert answer is None or isinstance(answer, Granted | Refused)
    return answer


def _held(one: Held) -> tuple[Any, ...]:
    return (
        *(one.call, one.account, one.amount, one.position, one.serial, one.until),
        *(one.return_seconds, one.destination_seconds),
        *(one.answered or 0, one.connected or 0),
    )


def test_m4_m7_g3_both_decide_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "docs" / "examples"))
    import prepaid

    seeds = random.Random(9).sample(range(800_000), many(12))
    for seed in seeds:
        engine = open_database(new_file(tmp_path / f"{seed}.sqlite3"))
        both = Both(engine, prepaid, tmp_path / f"{seed}.prepaid", seed)
        for _ in range(15):
            both.step()
        engine.dispose()
