"""One run: start everything, let people call, do the faults, make it quiet again, and judge."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from controller.simulator.events import micros
from tests.faults import logbook
from tests.faults.evidence import Evidence, engine_of
from tests.faults.harm import Harm
from tests.faults.invariants import INVARIANTS
from tests.faults.laboratory import NODES, Laboratory
from tests.faults.load import Load
from tests.faults.messages import Order
from tests.faults.witness import Journals

#: How long all calls may take to end after the last one began, seconds: the longest wait there is
#: for what nobody knows of (`calling.CALLING_SLACK_SECONDS` and the ringing), and more.
SETTLE_SECONDS = 240.0

_OPEN = text(
    "SELECT (SELECT count(*) FROM callback_request WHERE state IN"
    " ('pending', 'calling', 'answered')), (SELECT count(*) FROM credit_hold WHERE ended IS NULL)"
)


class Outcome(msgspec.Struct):
    """What a run was, and what did not hold: by invariant."""

    seed: int
    faults: int
    seconds: float
    settled_seconds: float
    calls: int
    legs: int
    requests: Mapping[str, int]
    sources: Mapping[str, int]
    wrong: Mapping[str, list[str]]
    kinds: list[logbook.Kind]
    logged: Mapping[str, int]
    last: list[str]
    directory: str = ""


def run(
    seed: int,
    faults: int,
    *,
    pause: float = 2.0,
    each: float = 0.7,
    lead: float = 3.0,
    kinds: dict[str, int] | None = None,
    constants: dict[str, float] | None = None,
    keep: Path | None = None,
) -> Outcome:
    """Do so many faults by a seed; give what came of it.

    `pause`: seconds from one to the next, on the average. `each`: from one call to the next.
    `keep`: where the directory of a run goes in which something is wrong.
    """
    directory = Path(tempfile.mkdtemp(prefix="cbf"))
    began = time.monotonic()
    laboratory: Laboratory | None = None
    good = False
    try:
        laboratory = Laboratory(directory, seed, constants or {})
        laboratory.start()
        journals = Journals({n: directory / f"{n}.journal" for n in laboratory.node_names})
        load = Load(laboratory, seed, each)
        harm = Harm(laboratory, seed, lambda: len(journals.live()))
        load.start()
        time.sleep(lead)
        harm.do(faults, pause, kinds)
        laboratory.calm()
        harm.stop()
        load.stop()
        ended = time.monotonic()
        left = _settle(laboratory, journals, harm)
        settled = time.monotonic() - ended
        would_not = laboratory.end_controllers()
        journals.read()
        evidence = Evidence(directory, laboratory.postgres.own_url, journals, harm.faults, load)
        evidence.dump()
        wrong = {check.__name__: check(evidence) for check in INVARIANTS}
        wrong["quiet"] = left
        wrong["ends when it is told to"] = would_not
        wrong["the laboratory itself"] = harm.errors
        wrong["logs"], logged = logbook.judge(evidence)
        wrong = {name: found for name, found in wrong.items() if found}
        good = not wrong
        return Outcome(
            seed=seed,
            faults=len(harm.faults),
            seconds=round(time.monotonic() - began, 1),
            settled_seconds=round(settled, 1),
            calls=len(load.rang) + len(load.asked),
            legs=len(evidence.legs),
            requests=dict(Counter(r.outcome or r.state for r in evidence.requests)),
            sources=dict(Counter(row.source for row in evidence.kept)),
            wrong=wrong,
            kinds=logbook.table(evidence),
            logged=logged,
            last=[logbook.one_line(fault) for fault in harm.faults[-10:]],
            directory="" if good or keep is None else str(keep / f"seed{seed}"),
        )
    finally:
        if laboratory is not None:
            laboratory.close()
        if not good and keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(keep / f"seed{seed}", ignore_errors=True)
            shutil.rmtree(directory / "postgres", ignore_errors=True)
            shutil.copytree(
                directory, keep / f"seed{seed}", ignore=shutil.ignore_patterns("*.sock", "*.orders")
            )
        shutil.rmtree(directory, ignore_errors=True)


def _settle(laboratory: Laboratory, journals: Journals, harm: Harm) -> list[str]:
    """Wait until nothing is open any more; give what is, if that does not come."""
    for fault in harm.faults:
        if fault.kind == "node killed":
            journals.killed(fault.target, fault.begun)
    until = time.monotonic() + SETTLE_SECONDS
    quiet = 0
    found: list[str] = []
    turn = 0
    while time.monotonic() < until:
        turn += 1
        found = _open(laboratory, journals, turn)
        quiet = quiet + 1 if not found else 0
        if quiet == 3:
            return []
        time.sleep(1.0)
    return found


def _open(laboratory: Laboratory, journals: Journals, turn: int) -> list[str]:
    found = []
    try:
        with engine_of(laboratory.postgres.own_url).connect() as connection:
            requests, holds = connection.execute(_OPEN).one()
        if requests or holds:
            found.append(f"{requests} requests and {holds} holds are open")
    except SQLAlchemyError as error:
        found.append(f"the database: {error}")
    for node in range(NODES):
        name, key = laboratory.node_names[node], f"{turn}-{micros()}"
        told = laboratory.tell(node, Order(report=key))
        report = journals.report(key, name, 10.0) if told else None
        if report is None:
            heard = "does not answer" if told else "cannot be told anything"
            found.append(f"{name} {heard}: {laboratory.state_of(node)}")
            continue
        legs = {uuid: role for uuid, role in report.items() if role in _ROLES}
        if legs:
            found.append(f"{name} has legs: {legs}")
    return found


_ROLES = ("trigger", "return", "destination")
