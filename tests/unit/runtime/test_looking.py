"""O3: what is looked at again and again, for metrics."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from gevent.event import Event as Flag
from sqlalchemy.exc import OperationalError

from controller.metrics import Metrics
from controller.runtime import loop_lag
from controller.runtime.loop_lag import LoopLag
from controller.runtime.tallying import Tallying
from controller.store.tallies import Tally

SECOND = 1_000_000


def test_o3_how_late_the_loop_comes_round_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_lag, "ASK_SECONDS", 0.0)
    metrics, asked = Metrics(), Flag()
    # Asked when to wake, and woken: 0.2 s later, and then in time.
    times = [10.0, 10.2, 20.0, 20.0]

    def now() -> float:
        if len(times) == 1:
            asked.set()
        return times.pop(0) if times else 30.0

    lag = LoopLag(metrics, now)
    lag.start()
    assert asked.wait(timeout=10)
    lag.stop()
    read = metrics.registry.get_sample_value
    in_time = read("callbackd_loop_late_seconds_bucket", {"le": "0.1"})
    late = read("callbackd_loop_late_seconds_bucket", {"le": "0.25"})
    assert in_time is not None
    assert in_time >= 1
    assert late == in_time + 1


class Store:
    """A store that is asked how much there is."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.says: Callable[[int], Tally] = lambda now: Tally({}, None, {})
        self.faults: list[str] = []
        services = SimpleNamespace(
            metrics=self.metrics,
            clock=SimpleNamespace(micros=lambda: 100 * SECOND),
            reads=SimpleNamespace(run=lambda function, *given: function(*given)),
            note_store_fault=self.faults.append,
        )
        tallies = SimpleNamespace(take=self._take)
        self.tallying = Tallying(cast(Any, services), cast(Any, tallies))

    def _take(self, now: int) -> Tally:
        return self.says(now)

    def read(self, name: str, **labels: str) -> float | None:
        """Give a metric."""
        return self.metrics.registry.get_sample_value(f"callbackd_{name}", labels)


def test_o3_what_waits_and_what_is_held_is_told() -> None:
    store = Store()
    store.says = lambda now: Tally({"pending": 2}, now - 7 * SECOND, {"EUR": 5, "USD": 6})
    store.tallying.look()
    assert store.read("requests_open", state="pending") == 2
    assert store.read("requests_open", state="answered") == 0
    assert store.read("oldest_due_seconds") == 7
    assert store.read("held_micro_units", currency="USD") == 6
    store.says = lambda now: Tally({}, None, {"EUR": 5})
    store.tallying.look()
    assert store.read("requests_open", state="pending") == 0
    assert store.read("oldest_due_seconds") == 0
    assert store.read("held_micro_units", currency="USD") is None


def test_o3_o5_what_was_seen_last_stays_told_while_the_store_is_away() -> None:
    store = Store()
    store.says = lambda now: Tally({"calling": 3}, None, {})
    store.tallying.look()

    def away(now: int) -> Tally:
        raise OperationalError("SELECT 1", {}, Exception("away"))

    store.says = away
    store.tallying.look()
    assert store.faults == ["tallies"]
    assert store.read("requests_open", state="calling") == 3
