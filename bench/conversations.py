"""How soon a caller is answered, with 1,000 conversations at a time on one core.

What plays the switch is a process of its own on another core (`switch_side`): it opens as many
calls as there should be, each of which types a password, dials three numbers key by key that are
busy, and is told goodbye; a new one takes its place. Measured is the time from writing an event to
the socket until the command that answers it comes, step by step. The controller has its store on
the same core (SQLite, with its disk, and the embedded server), and so has the peer, a bare
greenswitch script that asks the same and stores nothing.

Hashing is apart: in the run that is compared a password is hashed as quickly as argon2id can, so
that all that goes with it is there but the hash; what a real one takes is measured at one a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
from argon2 import PasswordHasher
from sqlalchemy import Engine, insert

from bench.processes import (
    answers,
    cpu_seconds,
    free_port,
    listens,
    process,
    wait_until,
    waited_seconds,
)
from bench.switch_side import CALL_SECONDS, PASSWORD, PASSWORD_SECONDS, Plan, leg_of, request_of
from controller.policy.rules import validate
from controller.store.database import open_database
from controller.store.passwords import Passwords, load_pepper
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests
from tests.seed import keep

#: Conversations at a time.
SESSIONS: Final = int(os.environ.get("BENCH_SESSIONS", "1000"))
#: For how long they are measured, once all are there, seconds.
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "60"))
#: How long a real password is checked now and then, seconds.
HASHING_SECONDS: Final = float(os.environ.get("BENCH_HASHING_SECONDS", "20"))
#: What the peer is told of: `all`, as its own `myevents` has it, or only what it waits for.
PEER_EVENTS: Final = ("all", "few")
#: Connections at a time, of which it has more than there are sessions.
MOST: Final = 20_000
DID: Final = "+12025550101"
NODE: Final = "bench"


class Quick(Passwords):
    """Hashes as quickly as argon2id can; what it makes is checked as any hash is."""

    def __init__(self, pepper: bytes) -> None:
        super().__init__(pepper)
        self._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def prepare(directory: Path, passwords: type[Passwords], calls: int, **policy: Any) -> None:  # noqa: ANN401
    """Make a database with an extension, and callbacks of it that ring; `policy`: what it has."""
    pepper = load_pepper(directory / "pepper")
    engine = open_database(f"sqlite:///{directory / 'callbackd.sqlite3'}")
    values = {
        "extension": "1001",
        "dids": (DID,),
        "country": "US",
        "caller_ids": ("+12025550111",),
        "password_hash": passwords(pepper).hash(PASSWORD),
        **policy,
    }
    keep(engine, validate(values))
    _store(engine, calls)
    engine.dispose()


def _store(engine: Engine, calls: int) -> None:
    now = int(time.time() * 1_000_000)
    until = now + 3600 * 1_000_000
    numbers = [(call, f"+1212{2_000_000 + call}") for call in range(calls)]
    with engine.begin() as connection:
        connection.execute(
            insert(requests),
            [
                {
                    "id": request_of(call),
                    "extension": "1001",
                    "did": DID,
                    "number": number,
                    "state": "calling",
                    "created": now,
                    "due": now,
                    "joined": 0,
                    "attempts": 1,
                    "holder": "bench",
                    "lease_until": until,
                    "node": NODE,
                    "attempt": leg_of(call),
                    "caller": number,
                    "said": number,
                    "last_caller": number,
                    "last_did": DID,
                    "rang": now,
                    "expires": until,
                }
                for call, number in numbers
            ],
        )
        connection.execute(
            insert(attempts),
            [
                {
                    "id": leg_of(call),
                    "request": request_of(call),
                    "extension": "1001",
                    "number": number,
                    "node": NODE,
                    "channels": '["pstn"]',
                    "begun": now,
                }
                for call, number in numbers
            ],
        )


@contextmanager
def controller(
    esl: int,
    node: int,
    passwords: type[Passwords],
    calls: int,
    **policy: Any,  # noqa: ANN401
) -> Iterator[int]:
    """Run a controller on a store that has so many callbacks; give its process."""
    web = free_port()
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root)
        prepare(directory, passwords, calls, **policy)
        config = directory / "callbackd.toml"
        config.write_text(
            f'data_dir = "{directory}"\ndrain_seconds = 0\n'
            f"[listen]\nport = {esl}\nmax_connections = {MOST}\n[web]\nport = {web}\n"
            f'[[nodes]]\nname = "{NODE}"\nport = {node}\n'
        )
        command = [sys.executable, "-m", "controller", f"--config={config}", "serve"]
        command += ["--log-level=warning"]
        with process(*command, core=0, stderr=subprocess.DEVNULL) as serving:
            wait_until(lambda: answers(f"http://127.0.0.1:{web}/readyz"), serving)
            yield serving.pid


@contextmanager
def greenswitch(esl: int, events: str) -> Iterator[int]:
    """Run the peer; give its process."""
    command = [sys.executable, "-m", "bench.conversation_peer", str(esl), events]
    with process(*command, core=0, stderr=subprocess.DEVNULL) as serving:
        wait_until(lambda: listens(esl), serving)
        yield serving.pid


def drive(plan: Plan, peer: str = "", passwords: type[Passwords] = Quick) -> dict[str, Any]:
    """Let a controller, or the peer, hold as many conversations as should be."""
    command = [sys.executable, "-m", "bench.switch_side", msgspec.json.encode(plan).decode()]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with process(*command, core=1, **pipes) as switch:
        node = said(switch, "ready")
        # Those there at the beginning, those that take their places, and some.
        turns = 2 + (plan.seconds + plan.call_seconds) / plan.call_seconds
        calls = int(plan.sessions * turns) + 10
        held = (
            greenswitch(plan.port, peer) if peer else controller(plan.port, node, passwords, calls)
        )
        with held as pid, switch.stdin, switch.stdout:
            switch.stdin.write("go\n")
            switch.stdin.flush()
            said(switch, "steady")
            before = cpu_seconds(pid), waited_seconds(pid), cpu_seconds(switch.pid)
            found: dict[str, Any] = said(switch, "found")
            after = cpu_seconds(pid), waited_seconds(pid), cpu_seconds(switch.pid)
    spent, waited, switch_spent = (now - then for now, then in zip(after, before, strict=True))
    return {
        **found,
        "core_used": round(spent / found["seconds"], 3),
        "core_waited": round(waited / found["seconds"], 3),
        "switch_core_used": round(switch_spent / found["seconds"], 3),
        "cpu_ms_per_call": round(spent / max(found["calls_ended"], 1) * 1000, 1),
    }


def said(switch: subprocess.Popen[str], what: str) -> Any:  # noqa: ANN401
    """Wait until the switch says something, and give it. Raises `RuntimeError` where it ends."""
    assert switch.stdout is not None
    for line in switch.stdout:
        entry = json.loads(line)
        if what in entry:
            return entry[what]
    raise RuntimeError(f"the switch has ended ({switch.poll()}) and did not say {what!r}")


def ratios(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Give ours in parts of theirs, by step and over all."""
    pairs = {step: (took, theirs["steps"][step]) for step, took in ours["steps"].items()}
    pairs["overall"] = (ours["overall"], theirs["overall"])
    return {
        step: {key: round(mine[key] / other[key], 2) for key in ("p50_ms", "p99_ms") if other[key]}
        for step, (mine, other) in pairs.items()
    }


def show(title: str, found: dict[str, Any]) -> None:
    """Print one run, step by step."""
    print(
        f"{title}: {found['held_least']:,} or more at a time, {found['keys_per_second']:,} keys "
        f"and {found['events_per_second']:,} events a second; {found['cpu_ms_per_call']} ms of CPU "
        f"a conversation, {found['core_used']:.0%} of the core, {found['core_waited']:.0%} waited"
    )
    for step, took in {**found["steps"], "overall": found["overall"]}.items():
        print(
            f"  {step:<9} {took['count']:>7,}  p50 {took['p50_ms']:>8} ms  "
            f"p99 {took['p99_ms']:>8} ms  most {took['most_ms']:>8} ms"
        )


def hashing() -> dict[str, Any]:
    """Measure how long a real password takes to be checked, one a second."""
    sessions = int(PASSWORD_SECONDS)
    plan = Plan(port=free_port(), sessions=sessions, seconds=HASHING_SECONDS, password_only=True)
    return drive(plan, passwords=Passwords)


def run() -> dict[str, Any]:
    """Measure all, one after the other."""

    def held(peer: str = "") -> dict[str, Any]:
        return drive(Plan(port=free_port(), sessions=SESSIONS, seconds=SECONDS), peer)

    ours = held()
    show("controller", ours)
    theirs = {events: held(events) for events in PEER_EVENTS}
    for events, found in theirs.items():
        show(f"bare greenswitch, {events} events", found)
    against = theirs["all"]
    hashed = hashing()
    checked = hashed["steps"]["checked"]
    print(
        f"a real password, one a second: answered after {checked['p50_ms']} ms (p50), "
        f"{checked['p99_ms']} ms (p99)"
    )
    by_step = ratios(ours, against)
    return {
        "what": f"event to next command, {SESSIONS:,} conversations, 99th percentile",
        "unit": "ms",
        "value": ours["overall"]["p99_ms"],
        "peer": "bare greenswitch",
        "peer_value": against["overall"]["p99_ms"],
        "ratio": by_step["overall"].get("p99_ms", ""),
        "median_ratio": by_step["overall"].get("p50_ms", ""),
        "ratios": by_step,
        "ratios_to_few_events": ratios(ours, theirs["few"]),
        "cpu_ratio": round(ours["cpu_ms_per_call"] / against["cpu_ms_per_call"], 2),
        "ours": ours,
        "theirs": theirs,
        "hashing": hashed,
        "call_seconds": CALL_SECONDS,
    }
