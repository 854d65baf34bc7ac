"""What the benchmarks of speed make of what they measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bench import latency
from bench.__main__ import table
from bench.call import compared, peers
from bench.processes import children, cpu_of, memory, threads_worked
from bench.profile_call import Stacks

ROOT = Path(__file__).parents[3]


def test_the_table_says_which_goals_are_met() -> None:
    found = {
        "a": {"cpu_ms": 10.0},
        "bare greenswitch": {"cpu_ms": 50.0},
        "Genesis": {"cpu_ms": 5.0},
    }
    met = compared(found, "a", "bare greenswitch")
    assert (met["ratio"], met["met"]) == (0.2, True)
    found["a"]["cpu_ms"] = 13.0
    missed = compared(found, "a", "bare greenswitch")
    assert (missed["ratio"], missed["met"]) == (0.26, False)
    besides = compared(found, "a", "Genesis")
    assert "goal" not in besides
    lines = table({"call": {**met, "others": [missed, besides]}}).splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == ["goal", "met", "NOT MET", "2.6"]


def test_the_bare_script_is_always_among_the_peers() -> None:
    assert "bare greenswitch" in peers()


class Held:
    """A controller that holds so many calls a second, each of which takes a part of its core."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.asked: list[float] = []

    def at(self, rate: float, seconds: float) -> dict[str, Any]:
        self.asked.append(rate)
        return {
            "rate": rate,
            "seconds": seconds,
            "calls_ended": min(rate, self.most) * seconds,
            "calls_broken": 0,
            "core_used": min(rate / self.most, 1.0),
            "overall": {"p99_ms": 20.0 if rate <= self.most else 5000.0},
        }


@pytest.mark.parametrize("most", [4.2, 9.0, 35.0, 120.0])
def test_the_highest_rate_that_is_held_is_found(
    most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(most)
    monkeypatch.setattr(latency, "at", held.at)
    found, tried = latency.highest()
    assert most * 0.8 <= found <= most
    assert len(tried) == len(held.asked) <= latency.TRIES


def test_no_rate_that_is_held_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "at", Held(0.01).at)
    with pytest.raises(RuntimeError, match="not even"):
        latency.highest()


def test_what_was_seen_is_counted_by_whose_it_is() -> None:
    store = f"hold ({ROOT}/controller/store/charging.py)"
    leg = f"told ({ROOT}/controller/runtime/legs.py)"
    stacks = Stacks(
        [
            f"{leg};{store};execute (/venv/site-packages/sqlalchemy/engine.py) 3",
            f"{leg} 2",
            f"{leg};{store};{store} 1",
            "wait (/venv/site-packages/gevent/hub.py) 4",
        ]
    )
    assert stacks.total == 10
    assert stacks.within() == {leg: 6, store: 4}
    assert stacks.ours()[store] == 4
    assert stacks.rooms() == {"controller/store": 4, "controller/runtime": 2, "gevent": 4}
    assert stacks.libraries()["sqlalchemy"] == 3
    assert stacks.own()[leg] == 2


def test_what_a_process_works_and_holds_is_read() -> None:
    pid = os.getpid()
    worked = sum(user + system for _, user, system in threads_worked(pid))
    assert 0 < worked <= cpu_of([pid]) + 0.5
    assert memory(pid) > 2**20
    assert pid in children(os.getppid())
