"""G3: what looks like fraud is counted, kept, and counts here at once; faults end no callback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import Engine

from controller.admin.suspicions import Suspecting
from controller.cache.client import open_redis
from controller.cache.metrics import PatternMetrics
from controller.cache.patterns import Patterns
from controller.credit.model import LegEnd, Side
from controller.guard.patterns import Known, Pattern, Seen, Sighting, Subject
from controller.metrics import Metrics
from controller.policy.model import Policy
from controller.runtime import watching as module
from controller.runtime.spending import Spending
from controller.runtime.watching import OWN_SECONDS, Watching
from controller.settings import Guard, Settings
from controller.store import suspicions as rows
from controller.store.database import Away, open_database
from controller.store.requests import Request
from controller.store.suspicions import Suspicion, Suspicions
from tests.databases import new_file
from tests.seed import ADMIN
from tests.unit.policy.given import policy
from tests.unit.store.called import BEGUN, SECOND, keep_leg

CALLERS = [f"+121255501{n:02}" for n in range(10)]
NUMBER = "+442079460000"
HOUR = 3_600 * SECOND
SHORT = Subject(Pattern.SHORT_ANSWERS, f"1001/{NUMBER}")


@pytest.fixture
def engine(tmp_path: Any) -> Iterator[Engine]:
    made = open_database(new_file(tmp_path / "callbackd.sqlite3"))
    yield made
    made.dispose()


class Alone(Patterns):
    """Patterns without a Redis, which a test can break."""

    asked = 0
    broken = False

    def see(self, seen: Sequence[Seen]) -> list[int]:
        """Count alone."""
        self.asked += 1
        if self.broken:
            raise ZeroDivisionError
        return super().see(seen)


class World:
    """One controller's watching over a real store; what it spawns is done when a test says so."""

    def __init__(self, engine: Engine, **values: Any) -> None:
        self.engine = engine
        self.now = BEGUN
        self.policy = policy(**{"extension": "1001", **values})
        self.redis = open_redis("unix:///nowhere/there-is.none")
        self.metrics = Metrics()
        self.patterns = Alone(
            self.redis, "x", now=lambda: self.now / SECOND,
            metrics=PatternMetrics(self.metrics.registry),
        )  # fmt: skip
        self.spawned: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self.store = Suspicions(engine, now=lambda: self.now)
        self.known = Known()
        self.attempt = SimpleNamespace(extension="1001", number=NUMBER)
        self.services = cast(
            Any,
            SimpleNamespace(
                settings=Settings(guard=Guard(sequential_numbers=3, many_extensions=2)),
                clock=SimpleNamespace(now=lambda: self.now / SECOND, micros=lambda: self.now),
                suspicions=SimpleNamespace(get=lambda: self.known),
                metrics=self.metrics,
                spawn=lambda function, *of: self.spawned.append((function, of)),
                spawn_for_all=lambda function, *of: self.spawned.append((function, of)),
                keep=lambda function, *of: function(*of),
                reads=SimpleNamespace(run=lambda function, *of: function(*of)),
                requests=SimpleNamespace(attempt=lambda call: self.attempt),
                policies=SimpleNamespace(get=lambda extension: self.policy),
            ),
        )
        self.watching = Watching(self.services, self.patterns, self.store)
        self.services.watching = self.watching
        self.spending = Spending(self.services, self.store)

    def ring(self, caller: str | None, which: int = 0, **values: Any) -> str | None:
        """Have a callback asked for; give why it is not made."""
        request = Request(
            **{
                "id": f"{caller}/{which}", "extension": "1001", "did": "+12025550101",
                "number": caller or NUMBER, "caller": caller, "state": "pending", "outcome": None,
                "cause": None, "destination": None, "created": 0, "due": 0, "joined": 0,
                "node": None, "attempt": None, "ended": None, **values,
            }
        )  # fmt: skip
        watching = self.watching
        return watching.refusal(request, self.policy) or watching.seen(request, self.policy)

    def run(self) -> None:
        """Do all that was spawned."""
        while self.spawned:
            function, of = self.spawned.pop(0)
            function(*of)

    def read(self) -> None:
        """Read what all know, as it is done twice a second."""
        self.known = self.store.known()

    def rows(self) -> list[Suspicion]:
        """Give all suspicions, the oldest first."""
        with self.engine.connect() as connection:
            return rows.page(connection, (), 10**9, 100)[::-1]

    def release(self, id_: int) -> None:
        """Release one."""
        with self.engine.begin() as connection:
            rows.release(connection, id_, by="admin", now=self.now)

    def faults(self, where: str) -> float | None:
        """Give how many faults were counted."""
        return self.metrics.registry.get_sample_value("callbackd_faults_total", {"where": where})

    def opened(self) -> dict[tuple[str, bool], int]:
        """Give how many suspicions were counted, by pattern and whether they block."""
        (metric,) = [
            one for one in self.metrics.registry.collect() if one.name == "callbackd_suspicions"
        ]
        return {
            (sample.labels["pattern"], sample.labels["blocks"] == "true"): int(sample.value)
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.value
        }


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "gevent", SimpleNamespace(sleep=lambda seconds: None))


def blocking(**values: Any) -> dict[str, Any]:
    """Give what a policy says that blocks all."""
    return {f"on_{pattern.value}": "block" for pattern in Pattern} | values


def test_g3_the_number_that_is_one_too_many_is_not_called_nor_any_after_it(
    engine: Engine,
) -> None:
    """At once in the controller that saw it: nothing is written or read yet."""
    world = World(engine, **blocking())
    assert [world.ring(caller) for caller in CALLERS[:5]] == [
        None, None, *["suspicion_sequential_numbers"] * 3,
    ]  # fmt: skip
    # The third is counted, those after it only seen again.
    assert world.patterns.asked == 3
    assert world.ring("+442079460001") is None
    world.run()
    (row,) = world.rows()
    assert (row.subject, row.blocks, row.times) == ("1001/+121255501", True, 3)
    assert row.said == "3 numbers of the block +121255501 rang 1001 within an hour"
    assert world.opened() == {("sequential_numbers", True): 1}


def test_g3_what_only_is_told_of_delays_nobody_and_blocks_nothing(engine: Engine) -> None:
    world = World(engine)
    assert [world.ring(caller) for caller in CALLERS[:4]] == [None] * 4
    assert world.patterns.asked == 0
    world.run()
    world.read()
    assert [world.ring(caller) for caller in CALLERS[:6]] == [None] * 6
    world.run()
    (row,) = world.rows()
    assert (row.blocks, row.times) == (False, 4)
    assert world.opened() == {("sequential_numbers", False): 1}


def test_g3_what_an_extension_ignores_is_not_counted(engine: Engine) -> None:
    world = World(engine, on_sequential_numbers="ignore", on_many_extensions="ignore")
    assert [world.ring(caller) for caller in CALLERS] == [None] * 10
    world.run()
    assert world.patterns.asked == 0
    world.known = Known({"sequential_numbers:1001/+121255501": True})
    assert world.ring(CALLERS[0], 1) is None


def test_t4_a_caller_who_hides_is_no_number(engine: Engine) -> None:
    world = World(engine, **blocking())
    assert [world.ring(None, which) for which in range(5)] == [None] * 5
    assert world.patterns.asked == 0


def test_t5_a_callback_that_comes_again_is_counted_once(engine: Engine) -> None:
    world = World(engine, **blocking())
    assert [world.ring(CALLERS[0]) for _ in range(3)] == [None] * 3
    assert world.ring(CALLERS[1], attempts=1) is None
    assert world.patterns.asked == 1


def test_g3_a_number_through_many_extensions_is_blocked_where_that_is_said(engine: Engine) -> None:
    world = World(engine, **blocking(extension="1002"))
    world.patterns.see([Seen(Subject(Pattern.MANY_EXTENSIONS, CALLERS[0]), "1001", world.now)])
    assert world.ring(CALLERS[0]) == "suspicion_many_extensions"
    world.run()
    (row,) = world.rows()
    assert (row.subject, row.extension, row.client, row.blocks) == (CALLERS[0], None, None, True)
    world.read()
    world.policy = policy(extension="1003")
    assert world.ring(CALLERS[0], 1) is None
    world.policy = policy(extension="1004", on_many_extensions="block")
    assert world.ring(CALLERS[0], 2) == "suspicion_many_extensions"


def test_g3_what_is_released_is_called_again_and_counts_anew(engine: Engine) -> None:
    world = World(engine, **blocking())
    for caller in CALLERS[:3]:
        world.ring(caller)
    world.run()
    world.read()
    world.now += 10 * SECOND
    world.release(1)
    # That is not read yet: what was counted before opens nothing.
    assert world.ring(CALLERS[4]) == "suspicion_sequential_numbers"
    world.run()
    world.read()
    world.now += SECOND
    assert [world.ring(caller) for caller in CALLERS[5:9]] == [
        None, None, *["suspicion_sequential_numbers"] * 2,
    ]  # fmt: skip
    world.run()
    assert [row.released is None for row in world.rows()] == [False, True]


def test_g3_a_release_counts_whatever_the_clock_says_where_it_is_made(engine: Engine) -> None:
    """An operator's clock is slow: what was seen is before his release all the same."""
    world = World(engine, **blocking())
    for caller in CALLERS[:3]:
        world.ring(caller)
    world.run()
    world.read()
    Suspecting(engine, now=lambda: BEGUN - 60 * SECOND).release(ADMIN, 1)
    world.read()
    world.now += SECOND
    assert [world.ring(caller) for caller in CALLERS[5:8]] == [
        None, None, "suspicion_sequential_numbers",
    ]  # fmt: skip


def test_g3_a_release_ends_what_was_seen_here(engine: Engine) -> None:
    """What counts here by itself ends with what all know, or after a while."""
    world = World(engine, **blocking())
    for caller in CALLERS[:3]:
        world.ring(caller)
    world.run()
    key = "sequential_numbers:1001/+121255501"
    assert world.ring(CALLERS[4]) == "suspicion_sequential_numbers"
    world.known = Known({}, {key: world.now})
    assert world.watching._own_of(key) is None
    world = World(engine, **blocking())
    world.watching.note(Sighting(
        subject=SHORT, blocks=True, extension="1001", client="main", at=world.now,
    ))  # fmt: skip
    world.now += int((OWN_SECONDS + 1) * SECOND)
    # The store was away for longer than that.
    assert world.watching._own_of(SHORT.key) is not None
    world.run()
    assert world.watching._own_of(SHORT.key) is not None
    world.now += int(OWN_SECONDS * SECOND)
    assert world.watching._own_of(SHORT.key) is None


def test_g3_a_fault_ends_no_callback_and_is_counted(engine: Engine) -> None:
    world = World(engine, **blocking())
    world.patterns.broken = True
    assert [world.ring(caller) for caller in CALLERS[:4]] == [None] * 4
    assert world.faults("watching") == 4


def test_o3_the_store_away_is_waited_for_by_nobody_and_no_more_than_so_many_wait(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    monkeypatch.setattr(module, "MOST_OWN", 3)
    world = World(engine, **blocking())
    for n in range(4):
        subject = Subject(Pattern.SHORT_ANSWERS, f"1001/+4420794600{n}0")
        world.watching.note(msgspec.structs.replace(
            Sighting(subject=SHORT, blocks=True, extension="1001", client="main", at=world.now),
            subject=subject,
        ))  # fmt: skip
    assert len(world.spawned) == 1
    assert world.faults("suspicions") == 1
    world.run()
    assert len(world.rows()) == 2
    # The last ones block here, whether they could be written or not.
    assert len(world.watching._own) == 3


# --- return calls that are over -----------------------------------------------------------------


def ended(leg: str, seconds: float | None = 1.0, **values: Any) -> LegEnd:
    """Give the end of a return call that was answered for so long."""
    answered = None if seconds is None else BEGUN - int(seconds * SECOND)
    return LegEnd(
        **{
            "leg": leg, "call": "c", "request": "r", "side": Side.RETURN, "position": 0,
            "node": "fs1", "channel": "pstn", "cause": "NORMAL_CLEARING",
            "begun": BEGUN - 9 * SECOND, "answered": answered, "ended": BEGUN, **values,
        }
    )  # fmt: skip


def test_g3_three_return_calls_that_were_over_at_once_end_them(engine: Engine) -> None:
    world = World(engine, **blocking())
    for which in range(3):
        assert world.ring(None, which, number=NUMBER) is None
        world.watching.call_ended(ended(str(which)))
        # Told twice, by another controller: it is one.
        world.watching.call_ended(ended(str(which)))
        world.run()
    assert world.ring(None, 4, number=NUMBER) == "suspicion_short_answers"
    assert world.ring(None, 4, number=CALLERS[0]) is None
    assert world.rows()[0].subject == f"1001/{NUMBER}"


def test_g3_other_ends_of_legs_say_nothing(engine: Engine) -> None:
    world = World(engine, **blocking())
    other: list[dict[str, Any]] = [
        {"seconds": 5.0}, {"seconds": None}, {"side": Side.DESTINATION}, {"source": "estimate"},
    ]  # fmt: skip
    for which, values in enumerate(other):
        world.watching.call_ended(ended(str(which), **values))
    assert world.spawned == []
    world.policy = policy(extension="1001", on_short_answers="ignore")
    world.watching.call_ended(ended("x"))
    world.run()
    world.attempt = cast(Any, None)
    world.watching.call_ended(ended("y"))
    world.run()
    assert world.patterns.asked == 0


# --- spending -------------------------------------------------------------------------------------


def spend(world: World, legs: int, charge: int, ago: int, first: int) -> None:
    """Have an extension spend on so many legs, so long ago."""
    for which in range(first, first + legs):
        at = world.now - ago
        keep_leg(world.engine, which, extension="1001", charge=charge, begun=at - 60, ended=at)


def test_g3_sudden_spending_blocks_the_extension_and_further_destinations(engine: Engine) -> None:
    world = World(engine, **blocking())
    world.now += 30 * 24 * HOUR
    spend(world, 8, 10_000, 8 * 24 * HOUR, 0)
    spend(world, 8, 10_000, 5 * HOUR, 10)
    spend(world, 8, 100_000, 60 * SECOND, 20)
    world.spending.look()
    assert world.watching.destination_refusal(world.policy) is None
    spend(world, 1, 1, 60 * SECOND, 30)
    world.spending.look()
    assert world.watching.destination_refusal(world.policy) == "suspicion_sudden_spend"
    assert world.ring(CALLERS[0]) == "suspicion_sudden_spend"
    world.run()
    (row,) = world.rows()
    assert row.said == "0.80 EUR were spent within an hour, on 9 calls; 0.08 is usual"
    world.read()
    world.release(1)
    world.read()
    # For a day it is not looked at again: the hour that was right goes on.
    for hours in (0, 23):
        world.now += hours * HOUR
        spend(world, 9, 200_000, 60 * SECOND, 40 + hours * 10)
        world.spending.look()
        world.run()
        assert world.watching.destination_refusal(world.policy) is None
        assert len(world.rows()) == 1
    world.now += 2 * HOUR
    spend(world, 90, 2_000_000, 60 * SECOND, 500)
    world.spending.look()
    world.run()
    assert len(world.rows()) == 2


def test_g3_history_is_read_once_an_hour(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(engine)
    world.now = BEGUN // HOUR * HOUR + 700 * HOUR
    asked: list[int] = []
    history = world.store.history

    def counted(extension: str, currency: str, now: int) -> Any:
        asked.append(now)
        return history(extension, currency, now)

    monkeypatch.setattr(world.store, "history", counted)
    spend(world, 9, 10, 60 * SECOND, 0)
    for _ in range(3):
        world.spending.look()
    assert len(asked) == 1
    world.now += HOUR
    spend(world, 9, 10, 60 * SECOND, 20)
    world.spending.look()
    assert len(asked) == 2
    world.policy = policy(extension="1001", on_sudden_spend="ignore")
    world.now += HOUR
    spend(world, 9, 10, 60 * SECOND, 40)
    world.spending.look()
    assert len(asked) == 2


def test_o3_spending_is_looked_at_again_after_the_store_was_away(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(engine)
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        if len(looks) == 1:
            raise Away[0]("x", None, Exception())
        if len(looks) == 2:
            raise ZeroDivisionError
        if len(looks) == 4:
            raise SystemExit

    monkeypatch.setattr(
        "controller.runtime.spending.gevent", SimpleNamespace(sleep=lambda seconds: None)
    )
    monkeypatch.setattr(world.spending, "look", look)
    with pytest.raises(SystemExit):
        world.spending._run()
    assert world.faults("spending") == 1


def test_g3_a_policy_that_is_gone_spends_nothing(engine: Engine) -> None:
    world = World(engine)
    world.now += 700 * HOUR
    spend(world, 9, 10, 60 * SECOND, 0)
    world.policy = cast(Policy, None)
    world.spending.look()
    assert world.spawned == []
