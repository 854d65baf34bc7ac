"""The simulator as a process: lines in, lines out."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulator.peer import DIALPLAN

PROGRAM = """
import sys
from pathlib import Path
from controller.simulator.process import run
run(dialplan=Path(sys.argv[1]), script=Path(sys.argv[2]), controllers="127.0.0.1:1")
"""
SCRIPT = {
    "phones": [{"number": "100", "calls": [{"on_call": "busy", "after": 0}]}],
    "calls": [{"id": "c1", "caller": "+1", "did": "2"}],
    "gateways": {"pstn": "down"},
}


@pytest.fixture
def process(tmp_path: Path) -> Any:
    (tmp_path / "d.xml").write_text(DIALPLAN)
    (tmp_path / "script.json").write_text(json.dumps(SCRIPT))
    files = [str(tmp_path / "d.xml"), str(tmp_path / "script.json")]
    arguments = [sys.executable, "-c", PROGRAM, *files]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as running:
        yield running
        running.kill()


def lines_until(process: Any, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in process.stdout:
        found.append(json.loads(line))
        if key in json.dumps(found[-1]):
            return found
    raise AssertionError(f"no {key} in {found}")


def test_it_says_where_it_listens_and_then_what_happens(process: Any) -> None:
    ready, *journal = lines_until(process, '"ended"')
    assert set(ready["ready"]) == {"host", "port"}
    assert [line["journal"]["what"] for line in journal] == [
        "called",
        "ringing",
        "refused",
        "ended",
    ]


def test_it_does_what_its_input_says(process: Any) -> None:
    lines_until(process, '"ended"')
    for line in (
        {"call": {"id": "c2", "caller": "+1", "did": "2"}},
        {"phone": {"number": "7"}, "gateway": {"name": "g", "state": "down"}},
        {"nonsense": 1},
    ):
        process.stdin.write(json.dumps(line) + "\n")
    process.stdin.flush()
    lines_until(process, '"c2"')
    process.stdin.write('{"report": true}\n{"stop": true}\n')
    process.stdin.flush()
    report = lines_until(process, '"report"')[-1]["report"]
    assert set(report) == {"legs", "inbound_links", "outbound_sockets", "calls"}
    assert report["calls"] == 2
    assert process.wait(60) == 0


def test_the_end_of_input_ends_it(process: Any) -> None:
    lines_until(process, '"ready"')
    process.stdin.close()
    assert process.wait(60) == 0


def test_a_signal_ends_it(process: Any) -> None:
    lines_until(process, '"ready"')
    process.terminate()
    assert process.wait(60) == 0
