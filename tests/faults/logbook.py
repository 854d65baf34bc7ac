"""What the controllers have logged, and the table of faults with what was seen of each kind."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import msgspec

from tests.faults.evidence import Evidence
from tests.faults.harm import Fault
from tests.faults.witness import SECOND


class Kind(msgspec.Struct):
    """A kind of fault: how often it was done, for how long at most, and what was seen.

    `legs`: those that were there at its beginning; `died`: those of them that ended with their
    switch. `callbacks`: those that they are of, and how many of these ended so.
    """

    kind: str
    times: int
    longest: float
    legs: int
    died: int
    callbacks: int
    unknown: int
    no_controller: int


#: What may stand in an exception while a store is away, and why: the database was taken away.
AWAY = re.compile(
    r"OperationalError|QueuePool limit|AdminShutdown|CannotConnectNow|Away|InterfaceError"
)
#: Lines of level error that say what was done, and need no other explanation.
SAYING = frozenset({"stood_still", "controller_away", "judged_away", "node_lost"})
#: How a controller ends that cannot open its database at the start: systemd starts it again.
NO_DATABASE = re.compile(r"cannot open postgresql|the database went away")


def judge(seen: Evidence) -> tuple[list[str], dict[str, int]]:
    """Give what the logs hold that nothing explains, and how often each warning is there."""
    wrong: list[str] = []
    counted: Counter[str] = Counter()
    plain: dict[str, list[str]] = defaultdict(list)
    ended: dict[str, int] = {}
    for who, name, line in seen.lines():
        if "plain" in line:
            plain[name].append(line["plain"])
            continue
        level, event = line.get("level", ""), str(line.get("event", ""))
        if event == "exit":
            ended[name] = line["status"]
            continue
        if level in ("warning", "error", "critical"):
            counted[f"{level}: {event}"] += 1
        if level not in ("error", "critical") and "exception" not in line:
            continue
        text = str(line.get("exception", ""))
        if event in SAYING or (text and AWAY.search(text)):
            continue
        rest = {k: v for k, v in line.items() if k not in ("exception", "level", "event")}
        wrong.append(f"{name} {who}: {event} {rest} {text[-1500:]}")
    for name, status in ended.items():
        said = "\n".join(plain[name])
        if status and not NO_DATABASE.search(said):
            wrong.append(f"{name}: ended with {status}: {said[-1500:]}")
    counted["plain text"] = sum(bool(lines) for lines in plain.values())
    return wrong, dict(counted.most_common())


def one_line(fault: Fault) -> str:
    """Write a fault."""
    lasted = (fault.ended - fault.begun) / 1_000_000 if fault.ended else 0.0
    begun = fault.begun / 1_000_000 % 100_000
    return f"{fault.number:3} {begun:.3f} +{lasted:.1f} {fault.kind} {fault.target} {fault.said}"


def table(seen: Evidence) -> list[Kind]:
    """Give, by kind of fault, how often it was done, and what was seen of whatever was there then.

    Faults overlap: what one of them did is counted with each that was there.
    """
    by_kind: dict[str, list[Fault]] = defaultdict(list)
    for fault in seen.faults:
        by_kind[fault.kind].append(fault)
    found = []
    for kind, faults in sorted(by_kind.items()):
        legs = [
            leg
            for leg in seen.legs.values()
            if any(leg.called <= f.begun <= leg.gone for f in faults)
        ]
        requests = {leg.request for leg in legs if leg.request in seen.request_of}
        outcomes = Counter(seen.request_of[one].outcome for one in requests)
        longest = max((f.ended or f.begun) - f.begun for f in faults)
        found.append(
            Kind(
                kind=kind,
                times=len(faults),
                longest=round(longest / SECOND, 1),
                legs=len(legs),
                died=sum(leg.died for leg in legs),
                callbacks=len(requests),
                unknown=outcomes["unknown"],
                no_controller=outcomes["no_controller"],
            )
        )
    return found
