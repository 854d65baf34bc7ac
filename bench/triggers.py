"""How late trigger calls are refused (T1), with 2,000 of them ringing at a time on one core.

A simulated switch in a process of its own places calls at an even rate, each from another number;
the controller, pinned to one core, lets each ring X seconds, stores what follows (SQLite, with its
disk) and refuses. Late is what the phones saw: from ringing to refused, less X. The peer is a bare
greenswitch script on the same switch in the same run, that stores nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any, Final

from prometheus_client.parser import text_string_to_metric_families

from bench.processes import answers, cpu_seconds, free_port, listens, process, wait_until
from controller.policy.rules import validate
from controller.store.database import open_database
from controller.store.passwords import load_pepper
from tests.seed import keep

#: Calls that ring at a time, and for how long each does, seconds.
RINGING: Final = int(os.environ.get("BENCH_RINGING", "2000"))
X: Final = 20
#: For how long so many ring, seconds: calls that begin before and after do not count.
STEADY: Final = 30
DID: Final = "+12025550101"


class Seen:
    """What the phones of one run saw, read from the switch's journal."""

    def __init__(self) -> None:
        self.port = 0
        self.ringing: dict[str, float] = {}
        self.refused: dict[str, float] = {}

    def read(self, lines: IO[str]) -> None:
        """Read the journal to its end."""
        for line in lines:
            entry = json.loads(line)
            if "ready" in entry:
                self.port = entry["ready"]["port"]
            seen = entry.get("journal")
            if seen is None or seen["role"] != "trigger":
                continue
            if seen["what"] in ("ringing", "refused"):
                getattr(self, seen["what"]).setdefault(seen["leg"], seen["t"])

    def late(self, first: float, last: float) -> list[float]:
        """Give how late calls that began to ring between two moments were refused, sorted."""
        return sorted(
            self.refused[leg] - began - X
            for leg, began in self.ringing.items()
            if first <= began <= last and leg in self.refused
        )


def prepare(directory: Path) -> None:
    """Make a database with one extension."""
    load_pepper(directory / "pepper")
    engine = open_database(f"sqlite:///{directory / 'callbackd.sqlite3'}")
    values = {
        "extension": "1001",
        "dids": (DID,),
        "country": "US",
        "caller_ids": ("+12025550111",),
        "ring_seconds": X,
        # What follows is measured elsewhere.
        "delay_seconds": 3600,
    }
    keep(engine, validate(values))
    engine.dispose()


def own_measure(url: str) -> dict[str, float]:
    """Give what the controller itself says: how many refusals it sent within 100 ms of X."""
    with urllib.request.urlopen(url, timeout=5) as response:
        families = text_string_to_metric_families(response.read().decode())
    counts = {
        (sample.name.rpartition("_")[2], sample.labels.get("le")): sample.value
        for family in families
        if family.name == "callbackd_refusal_late_seconds"
        for sample in family.samples
    }
    return {"sent_within_100_ms": round(counts["bucket", "0.1"] / counts["count", None], 5)}


def place(switch: subprocess.Popen[str]) -> tuple[float, float]:
    """Place calls at an even rate; give when as many rang as should, and when the last was placed.

    Both in seconds since the first call.
    """
    rate = RINGING / X
    count = int(rate * (X + STEADY))
    assert switch.stdin is not None
    began = time.monotonic()
    for number in range(count):
        ahead = began + number / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        caller = f"+1212{5_000_000 + number}"
        call = {"id": caller, "caller": caller, "did": DID[1:]}
        switch.stdin.write(json.dumps({"call": call}) + "\n")
        switch.stdin.flush()
    return X, count / rate


def measure(peer: bool) -> dict[str, float]:
    """Let as many calls ring as should; give how late they were refused, and what it cost."""
    seen = Seen()
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root)
        esl, web = free_port(), free_port()
        with process(
            *(sys.executable, "-m", "controller", "simulate", "--listen=127.0.0.1:0"),
            f"--controllers=127.0.0.1:{esl}",
            core=1,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as switch:
            reader = Thread(target=seen.read, args=(switch.stdout,), daemon=True)
            reader.start()
            wait_until(lambda: seen.port, switch)
            if peer:
                command = [sys.executable, "-m", "bench.trigger_peer", str(esl), str(X)]
            else:
                prepare(directory)
                config = directory / "callbackd.toml"
                config.write_text(
                    f'data_dir = "{directory}"\n[listen]\nport = {esl}\n[web]\nport = {web}\n'
                    f'[[nodes]]\nname = "sim"\nport = {seen.port}\n'
                )
                command = [sys.executable, "-m", "controller", f"--config={config}", "serve"]
                command += ["--log-level=warning"]
            with process(*command, core=0, stderr=subprocess.DEVNULL) as refusing:
                if peer:
                    wait_until(lambda: listens(esl), refusing)
                else:
                    wait_until(lambda: answers(f"http://127.0.0.1:{web}/readyz"), refusing)
                before = cpu_seconds(refusing.pid)
                first, last = place(switch)
                until = time.monotonic() + X + 20
                while len(seen.refused) < len(seen.ringing) and time.monotonic() < until:
                    time.sleep(0.2)
                spent = cpu_seconds(refusing.pid) - before
                own = {} if peer else own_measure(f"http://127.0.0.1:{web}/metrics")
        reader.join(10)
    begin = min(seen.ringing.values())
    late = seen.late(begin + first, begin + last)
    with suppress(IndexError):
        return {
            "calls": len(late),
            "not_refused": len(seen.ringing) - len(seen.refused),
            "p50_ms": round(late[len(late) // 2] * 1000, 1),
            "p99_ms": round(late[int(len(late) * 0.99)] * 1000, 1),
            "p999_ms": round(late[int(len(late) * 0.999)] * 1000, 1),
            "most_ms": round(late[-1] * 1000, 1),
            "early_ms": round(late[0] * 1000, 1),
            "within_100_ms": round(sum(one <= 0.1 for one in late) / len(late), 5),
            "cpu_ms_per_call": round(spent / len(seen.ringing) * 1000, 2),
            **own,
        }
    raise RuntimeError("no call was refused")


def run() -> dict[str, Any]:
    """Measure both, one after the other."""
    ours, theirs = measure(peer=False), measure(peer=True)
    return {
        "what": f"refused after X with {RINGING:,} ringing, late at the 99.9th percentile",
        "unit": "ms",
        "value": ours["p999_ms"],
        "peer": "bare greenswitch",
        "peer_value": theirs["p999_ms"],
        "ratio": round(ours["p999_ms"] / theirs["p999_ms"], 2) if theirs["p999_ms"] else "",
        "ours": ours,
        "theirs": theirs,
        "cpu_ratio": round(ours["cpu_ms_per_call"] / theirs["cpu_ms_per_call"], 2),
        "x_seconds": X,
    }
