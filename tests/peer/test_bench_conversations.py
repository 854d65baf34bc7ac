"""The benchmark `conversations` measures what it says, with a few calls and hasty people."""

from __future__ import annotations

import pytest

from bench.conversations import drive, ratios, show
from bench.processes import free_port
from bench.switch_side import ANSWERS, CALL_SECONDS, PASSWORD_SECONDS, Plan
from controller.store.passwords import Passwords

#: A call lasts some three seconds.
PACE = 0.05


@pytest.mark.parametrize("peer", ["", "all", "few"], ids=["ours", "all-events", "few-events"])
def test_every_step_is_answered(peer: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = drive(Plan(port=free_port(), sessions=4, seconds=4, pace=PACE), peer)
    assert found["calls_broken"] == 0
    assert found["calls_ended"] >= 1
    assert 0 <= found["unanswered"] <= 4 * 2
    assert 1 <= found["held_least"] <= 4
    assert set(found["steps"]) == set(ANSWERS)
    for took in (found["overall"], *found["steps"].values()):
        assert 0 < took["p50_ms"] <= took["p99_ms"] <= took["most_ms"]
    show("a few", found)
    assert "overall" in capsys.readouterr().out
    assert ratios(found, found)["overall"] == {"p50_ms": 1.0, "p99_ms": 1.0}


def test_a_real_password_is_checked_and_the_caller_leaves() -> None:
    pace = 0.2
    plan = Plan(port=free_port(), sessions=1, seconds=8, pace=pace, password_only=True)
    assert plan.call_seconds == PASSWORD_SECONDS * pace < CALL_SECONDS * pace
    found = drive(plan, passwords=Passwords)
    assert set(found["steps"]) == {"attach", "password", "checked"}
    assert found["steps"]["checked"]["p50_ms"] > found["steps"]["password"]["p50_ms"]
