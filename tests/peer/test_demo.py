"""`callbackd demo` as its users run it."""

from __future__ import annotations

import subprocess
import sys

import msgspec


def test_fifty_callbacks_end_as_scripted_and_leave_nothing() -> None:
    """Fifty at ten a second, every one as scripted, nothing left."""
    done = subprocess.run(
        [sys.executable, "-m", "controller", "demo", "--calls=50", "--rate=10", "--json"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    summary = msgspec.json.decode(done.stdout)
    assert summary["faults"] == []
    assert summary["not_as_scripted"] == {}
    assert (summary["calls"], summary["as_scripted"]) == (50, 50)
    # M7: four calls have two destinations, and both sides are charged; of four others one side is.
    charged = summary["charged"]
    assert (charged["legs"], charged["accounts"]) == (4 * 3 + 4, 4 + 4)
    assert 0 < charged["micro_units"] < 10_000 * charged["seconds"]
    # M3, M5: too little to be called back, and enough for ten seconds.
    assert summary["outcomes"]["no_credit"] == 4
    assert summary["cut_by_credit"] == 4
    assert summary["ledger_exact"] is True
    left = summary["left"]
    # The dispatcher, those that look after calls, sounds and what waits, and for a second those
    # that write transcripts and what became of destinations.
    assert left.pop("controller_greenlets") in (4, 5, 6, 7)
    assert set(left.values()) == {0}
    assert done.returncode == 0
