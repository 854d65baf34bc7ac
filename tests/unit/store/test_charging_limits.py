"""G3 in real databases: no more is spent by an extension than it may, whoever's account pays."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, update

from controller.credit.model import Granted, Refused, SpendLimit
from controller.store import schema
from controller.store.charging import SqlCharging
from tests.unit.store.paying import (
    CENT,
    HOME,
    NOW,
    SECOND,
    TWO,
    account,
    beginning,
    dialling,
    ending,
    extended,
    extending,
    granted,
    held,
    identifying,
    listed,
)

#: What 60 s to `HOME` cost.
MINUTE = 600_000
HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
#: As much as a minute and a half.
TIGHT = SpendLimit(per_hour=900_000)
SPENT = Refused("spend_limit")


class Till:
    """An engine with extensions and a price list, and a clock."""

    def __init__(self, engine: Engine) -> None:
        extended(engine, "100", "200")
        listed(engine)
        self.engine = engine
        self.now = NOW
        self.charging = SqlCharging(engine, now=lambda: self.now)

    def begin(self, call: str, limit: SpendLimit | None = TIGHT, **more: Any) -> Granted | Refused:
        """Begin a return call, which is held for as a minute."""
        return self.charging.begin(beginning(call, limit=limit, **more))

    def spend(self, call: str, seconds: int, **more: Any) -> None:
        """Have a call that lasts so long, and is over."""
        granted(self.charging.begin(beginning(call, **more)))
        self.charging.settle(ending(call, 0, seconds))

    def held(self) -> dict[str, int]:
        """Give what is held, by call."""
        return held(self.engine)


@pytest.fixture
def till(engine: Engine) -> Till:
    return Till(engine)


@pytest.mark.parametrize(
    ("limit", "window"),
    [(TIGHT, HOUR), (SpendLimit(per_day=900_000), DAY), (SpendLimit(900_000, 10**9), HOUR)],
)
def test_g3_within_any_hour_and_any_day_no_more_is_spent_than_may_be(
    till: Till, limit: SpendLimit, window: int
) -> None:
    account(till.engine, "one", 10**9)
    till.spend("a", 60)
    # A minute was spent; of the next call 30 s are left, which is as much as one is begun for.
    first = granted(till.begin("b", limit))
    assert (first.return_seconds, first.lasts, first.spend_limit) == (30, 30, True)
    assert till.begin("c", limit) == SPENT
    till.charging.release("b", NOW)
    till.spend("d", 1)
    assert till.begin("e", limit) == SPENT
    till.now += window - 1
    assert till.begin("e", limit) == SPENT
    till.now += 1
    assert granted(till.begin("e", limit)).return_seconds == 60


def test_g3_a_call_under_way_ends_where_the_limit_is_and_goes_on_when_it_is_free_again(
    till: Till,
) -> None:
    """M4: as with credit that is used up; somebody asks again and again."""
    account(till.engine, "one", 10**9)
    limit = SpendLimit(per_hour=4_000_000)
    till.spend("a", 60, wanted=60)
    granted(till.begin("b", limit))
    dial = granted(till.charging.dial(dialling("b", limit=limit)))
    # 30 s, ringing 20 s and a tail of 10 s leave 2 800 000: 93 s at three cents.
    assert (dial.destination_seconds, dial.more, dial.spend_limit) == (60, True, True)
    end = granted(till.charging.extend(extending("b", 90, position=1, limit=limit)))
    assert not end.more
    assert end.spend_limit
    assert sum(till.held().values()) <= 3_400_000
    assert end.destination_seconds == (3_400_000 - 50 * 10_000) // 30_000
    again = granted(till.charging.extend(extending("b", 95, position=1, limit=limit)))
    assert (again.destination_seconds, again.serial) == (end.destination_seconds, end.serial)
    till.now += HOUR
    more = granted(till.charging.extend(extending("b", 100, position=1, limit=limit)))
    assert more.destination_seconds > end.destination_seconds


def test_g3_it_is_held_of_an_account_that_is_not_limited_as_well(till: Till) -> None:
    """M1: such an account is charged whatever a call costs; the limit is what ends it."""
    account(till.engine, "one", unlimited=True)
    first = granted(till.begin("a"))
    assert (first.return_seconds, till.held()) == (60, {"a": MINUTE})
    second = granted(till.begin("b"))
    assert (second.return_seconds, second.spend_limit) == (30, True)
    assert till.begin("c") == SPENT
    assert granted(till.begin("other", extension="200")).charged is False
    till.charging.settle(ending("a", 0, 60))
    assert till.held() == {"b": 300_000}
    # The switch was late: it is charged all the same, where nothing need be there.
    assert till.charging.settle(ending("b", 0, 33)).charge == 330_000
    assert till.begin("c") == SPENT
    assert granted(till.begin("free", None)).return_seconds == 0


def test_g3_callers_accounts_and_the_extensions_are_counted_together(till: Till) -> None:
    account(till.engine, "of-extension", 10**9)
    account(till.engine, "of-caller", 10**9, caller=HOME)
    till.spend("a", 30)
    granted(till.begin("b", caller=HOME))
    assert till.begin("c") == SPENT
    assert till.begin("d", caller=HOME) == SPENT
    till.charging.release("b", NOW)
    # M9: whoever takes a call over, no more of it is left than is for all.
    granted(till.begin("e"))
    moved = till.charging.identify(identifying("e", limit=TIGHT))
    assert granted(moved).return_seconds == 60
    assert granted(moved).spend_limit


def test_g3_each_currency_is_counted_by_itself(till: Till) -> None:
    account(till.engine, "dollars", 10**9)
    listed(till.engine, "euros", CENT, TWO)
    euros = {"caller": HOME, "currency": "EUR", "price_list": "euros"}
    account(till.engine, "euros", 10**9, **euros)
    granted(till.begin("a"))
    assert granted(till.begin("b", caller=HOME)).return_seconds == 60
    assert granted(till.begin("c")).return_seconds == 30
    till.charging.settle(ending("b", 0, 60))
    assert granted(till.begin("d", caller=HOME)).return_seconds == 30
    assert till.begin("e") == till.begin("f", caller=HOME) == SPENT


def test_g3_of_many_calls_at_once_on_several_accounts_no_more_is_held(till: Till) -> None:
    """Each has an account of its own, and two controllers ask: one waits for the other."""
    callers = [f"+1212555{number:04}" for number in range(12)]
    for caller in callers:
        account(till.engine, caller, 10**9, caller=caller)
    other = SqlCharging(till.engine, now=lambda: NOW)
    limit, barrier = SpendLimit(per_hour=4 * MINUTE), Barrier(len(callers))

    def begin(number: int) -> Granted | Refused:
        barrier.wait()
        one = till.charging if number % 2 else other
        return one.begin(beginning(str(number), caller=callers[number], limit=limit))

    with ThreadPoolExecutor(len(callers)) as pool:
        answers = list(pool.map(begin, range(len(callers))))
    assert sum(isinstance(answer, Granted) for answer in answers) == 4
    assert answers.count(SPENT) == len(callers) - 4
    assert sum(till.held().values()) == 4 * MINUTE


@pytest.mark.parametrize("unlimited", [True, False])
def test_g3_d3_no_limit_keeps_anybody_from_an_emergency_call_or_cuts_it(
    till: Till, unlimited: bool
) -> None:
    """And what its return leg costs is counted, so that others have less."""
    account(till.engine, "one", 0 if unlimited else 10**9, unlimited=unlimited)
    granted(till.begin("a"))
    granted(till.begin("b"))
    assert till.charging.dial(dialling("b", limit=TIGHT)) == SPENT
    help_ = dialling("b", number="112", free=True, emergency=True, limit=TIGHT)
    dial = granted(till.charging.dial(help_))
    assert (dial.destination_seconds, dial.lasts, dial.spend_limit) == (3600, None, False)
    assert dial.return_seconds == 30 + 20 + 10 + 3600
    held = till.held()["b"]
    assert held == dial.return_seconds * 10_000
    on = granted(till.charging.extend(extending("b", 3500, 50, position=1, limit=TIGHT)))
    assert on.return_seconds >= dial.return_seconds
    assert on.destination_seconds >= 3600
    assert till.held()["b"] >= held
    assert till.begin("c") == SPENT
    assert till.charging.settle(ending("b", 1, 1800)).charge == 0
    settled = till.charging.settle(ending("b", 0, 1850))
    assert (settled.charge, settled.uncovered) == (1850 * 10_000, 0)


def test_g3_d3_what_never_leaves_the_platform_is_called_at_the_limit_too(till: Till) -> None:
    """It costs nothing; the return leg lasts as long as it is held for."""
    account(till.engine, "one", unlimited=True)
    granted(till.begin("a"))
    granted(till.begin("b"))
    inside = granted(till.charging.dial(dialling("b", number="200", free=True, limit=TIGHT)))
    assert (inside.return_seconds, inside.destination_seconds) == (30, 1)
    assert till.held() == {"a": MINUTE, "b": 300_000}


def test_g3_a_limit_that_is_lowered_leaves_calls_under_way_what_they_were_granted(
    till: Till,
) -> None:
    account(till.engine, "one", unlimited=True)
    wide, none = SpendLimit(per_hour=10**9), SpendLimit(per_hour=0)
    granted(till.begin("a", wide))
    dial = granted(till.charging.dial(dialling("a", limit=wide)))
    held = till.held()
    on = granted(till.charging.extend(extending("a", 45, position=1, limit=none)))
    assert on.destination_seconds == dial.destination_seconds
    assert (on.more, on.spend_limit, till.held()) == (False, True, held)
    assert till.begin("b", none) == SPENT
    # Taken away, it ends nothing any more.
    free = granted(till.charging.extend(extending("a", 50, position=1)))
    assert (free.destination_seconds, free.spend_limit, till.held()) == (3600, False, {"a": 0})


def test_g3_where_there_is_no_limit_no_statement_more_is_made(till: Till) -> None:
    """And where there is one, one for each hold; on PostgreSQL another one for the lock."""
    account(till.engine, "one", 10**9)
    asked: list[str] = []
    event.listen(till.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    def statements(call: str, limit: SpendLimit | None) -> list[str]:
        asked.clear()
        granted(till.begin(call, limit))
        granted(till.charging.dial(dialling(call, limit=limit)))
        granted(till.charging.extend(extending(call, 60, position=1, limit=limit)))
        return [one for one in asked if "call_leg" in one or "advisory" in one]

    assert statements("a", None) == []
    locks = till.engine.dialect.name == "postgresql"
    assert len(statements("b", SpendLimit(per_day=10**9))) == (6 if locks else 3)


def test_g3_what_is_counted_is_found_by_indexes(till: Till) -> None:
    """Of a year of calls those of the day are read, and of these nothing but the index."""
    kept = {
        "call": "c", "request": "r", "side": "return", "position": 0, "number": HOME, "begun": 1,
        "ended": 2, "seconds": 1, "currency": "USD", "charge": 1000, "source": "event",
    }  # fmt: skip
    with till.engine.begin() as connection:
        connection.execute(
            insert(schema.call_leg),
            [
                kept | {"leg": str(n), "extension": str(n % 50), "kept": NOW - n * 60 * SECOND}
                for n in range(5000)
            ],
        )
        connection.exec_driver_sql("ANALYZE call_leg")
    plans: list[str] = []

    def explain(_: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        if "call_leg.charge" in statement and "EXPLAIN" not in statement:
            how = "EXPLAIN QUERY PLAN " if till.engine.dialect.name == "sqlite" else "EXPLAIN "
            cursor.execute(how + statement, values)
            plans.append(str(cursor.fetchall()))

    account(till.engine, "one", 10**9)
    event.listen(till.engine, "before_cursor_execute", explain)
    granted(till.begin("a", SpendLimit(10**9, 10**9)))
    (plan,) = plans
    assert plan.count("call_leg_spent") == 2
    assert "Seq Scan on call_leg" not in plan
    assert "SCAN call_leg" not in plan


def test_g3_a_leg_without_a_charge_and_one_of_another_extension_count_for_nothing(
    till: Till,
) -> None:
    account(till.engine, "one", 10**9)
    account(till.engine, "two", 10**9, extension="200")
    till.spend("a", 60, extension="200")
    granted(till.begin("b"))
    till.charging.settle(ending("b", 0, None))
    till.charging.release("b", NOW)
    assert granted(till.begin("c")).return_seconds == 60
    with till.engine.begin() as connection:
        legs = schema.call_leg
        connection.execute(update(legs).where(legs.c.charge > 0).values(extension="100"))
    # Now it has spent as much as that call is held for.
    assert till.begin("d") == SPENT
