"""The benchmarks of speed measure what they say, with a few calls."""

from __future__ import annotations

import pytest

from bench import call, sessions
from bench.processes import cpu_seconds

#: One callback a second, for as long as the peer's takes.
RATE, WARM_UP, SECONDS = 1.0, 8.0, 2.0


@pytest.mark.parametrize("name", ["bare greenswitch", "Genesis"])
def test_a_peer_makes_complete_callbacks(name: str) -> None:
    if name not in call.peers():
        pytest.skip("Genesis has no environment here: `make bench` makes it")
    with call.bare(*call.peers()[name]) as (pid, switch, place):
        callbacks = call.Callbacks(place, [switch], RATE)
        found = call.cost(
            callbacks, lambda: {"cpu": cpu_seconds(pid)}, WARM_UP, SECONDS, idle_seconds=0.0
        )
        seen = dict(switch.seen)
    assert found["ended"] >= 1
    assert found["cpu_ms"] >= 0
    # Each was refused, called back, asked twice, and connected.
    assert seen["trigger", "refused"] >= seen["destination", "bridged"] >= found["ended"]
    assert seen["return", "question"] >= 2 * seen["return", "unbridged"]


def test_those_who_wait_are_there_while_others_converse(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PACE", 0.05), ("RATE", 1.0), ("SECONDS", 3.0), ("IDLE_SECONDS", 0.5)):
        monkeypatch.setattr(sessions, name, value)
    monkeypatch.setattr(sessions, "WARM", 2)
    monkeypatch.setattr(sessions, "SETTLE_SECONDS", 0.0)
    found = sessions.measure(6)
    assert found["sessions"] == 6
    assert found["answers"]["count"] > 0
    assert found["cpu_ms_per_call"] > 0
