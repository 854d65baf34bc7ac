"""What came of runs, to be read: each by itself, and a table of all faults together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.faults.logbook import Kind
from tests.faults.run import Outcome

#: No more of what does not hold is printed of each kind.
MOST = 12


def lines_of(outcome: Outcome) -> Iterable[str]:
    """Say what came of a run."""
    yield (
        f"seed {outcome.seed}: {outcome.faults} faults in {outcome.seconds} s,"
        f" {outcome.calls} calls, {outcome.legs} legs, quiet after {outcome.settled_seconds} s:"
        f" {'NOT ALL HELD' if outcome.wrong else 'all held'}"
    )
    yield f"  callbacks: {_counted(outcome.requests)}"
    yield f"  ends of legs told by: {_counted(outcome.sources)}"
    yield f"  logged: {_counted(outcome.logged)}"
    for name, found in outcome.wrong.items():
        yield f"  WRONG {name}: {len(found)}"
        yield from (f"    {line}" for line in found[:MOST])
    if outcome.wrong:
        yield "  the last faults:"
        yield from (f"    {line}" for line in outcome.last)
        yield f"  kept in {outcome.directory}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def table_of(outcomes: Sequence[Outcome]) -> Iterable[str]:
    """Give a table of the faults of all runs, in Markdown."""
    kinds: dict[str, list[Kind]] = defaultdict(list)
    for outcome in outcomes:
        for kind in outcome.kinds:
            kinds[kind.kind].append(kind)
    yield (
        "| fault | times | longest, s | legs there then | died with their switch"
        " | callbacks | of these `unknown` | `no_controller` |"
    )
    yield "| --- " + "| ---: " * 7 + "|"
    for name, found in sorted(kinds.items()):
        total: Counter[str] = Counter()
        for kind in found:
            total += Counter(
                times=kind.times,
                legs=kind.legs,
                died=kind.died,
                callbacks=kind.callbacks,
                unknown=kind.unknown,
                no_controller=kind.no_controller,
            )
        longest = max(kind.longest for kind in found)
        yield (
            f"| {name} | {total['times']} | {longest} | {total['legs']} | {total['died']}"
            f" | {total['callbacks']} | {total['unknown']} | {total['no_controller']} |"
        )
