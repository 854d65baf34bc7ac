"""O4, O5: some faults of every kind while calls go on, and all that must hold does.

`make faults` does a thousand; FAULTS and FAULTS_SEED say how many here, and which.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.faults.report import lines_of
from tests.faults.run import run

FAULTS = int(os.environ.get("FAULTS", "8"))
SEED = int(os.environ.get("FAULTS_SEED", "1"))
#: What is waited for less long than usual, seconds.
SOON: dict[str, float] = {
    "controller.runtime.dispatcher:LEASE_SECONDS": 5,
    "controller.runtime.calling:CALLING_SLACK_SECONDS": 10,
    "controller.runtime.reconcile:CALLING_SLACK_SECONDS": 10,
    "controller.runtime.answers:ANSWERED_SLACK_SECONDS": 10,
}


def test_o5_no_request_is_lost_whatever_fails(tmp_path: Path) -> None:
    """O4, O5, M7: kills, stops, cuts and delays at random; then the three witnesses agree."""
    outcome = run(SEED, FAULTS, pause=1.0, each=1.2, lead=1.0, constants=SOON, keep=tmp_path)
    assert outcome.faults == FAULTS
    assert not outcome.wrong, "\n".join(lines_of(outcome))
