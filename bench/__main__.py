"""`python -m bench [NAME …] [--json FILE]`: runs benchmarks and prints what they measured.

Without names those of speed are run, side by side, which takes some 20 minutes on two cores; how
long and how often each measures can be set (BENCH_RUNS, BENCH_SECONDS and others, in each).
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final

#: Every benchmark: a module of this package with `run() -> dict`. The keys `what`, `unit`, `value`,
#: `peer`, `peer_value`, `ratio`, `goal` and `met` are shown, and those of each of its `others`, if
#: any; whatever else it gives goes into the file only.
SPEED: Final = ("events", "call", "latency", "sessions", "scale")
#: Those of one part each, which are run by name.
MORE: Final = (
    "callerid", "charging", "conversations", "credit", "live_page", "on_switch", "policies",
    "room", "talking", "triggers",
)  # fmt: skip


def table(results: dict[str, dict[str, Any]]) -> str:
    """Give the results as lines for people."""
    head = ("benchmark", "what", "unit", "ours", "peer", "peer's", "ratio", "goal", "")
    rows = [head]
    every = ((name, one) for name, own in results.items() for one in (own, *own.get("others", ())))
    for name, result in every:
        shown = (result.get(key, "") for key in ("what", "unit", "value", "peer", "peer_value"))
        what, unit, value, peer, peer_value = (
            f"{one:,}" if isinstance(one, int | float) else str(one) for one in shown
        )
        met = "" if "met" not in result else "met" if result["met"] else "NOT MET"
        told = (str(result.get("ratio", "")), result.get("goal", ""), met)
        rows.append((name, what, unit, value, peer, peer_value, *told))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for, those of speed by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join((*SPEED, *MORE)))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    asked = parser.parse_args(argv)
    unknown = set(asked.names) - {*SPEED, *MORE}
    if unknown:
        parser.error(f"no benchmark of this name: {', '.join(sorted(unknown))}")
    results: dict[str, dict[str, Any]] = {}
    for name in asked.names or SPEED:
        began = time.monotonic()
        try:
            results[name] = import_module(f"bench.{name}").run()
        except RuntimeError as error:
            # The others are measured all the same.
            results[name] = {"what": f"could not be measured: {error}"}
        results[name]["took_seconds"] = round(time.monotonic() - began)
        print(f"{name}: {results[name]['took_seconds']} s", file=sys.stderr, flush=True)
        if asked.json is not None:
            # What has been measured is there though another one fails.
            _keep(asked.json, results)
    print(table(results))
    return int(any("value" not in result for result in results.values()))


def _keep(path: Path, results: dict[str, dict[str, Any]]) -> None:
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**machine, "results": results}, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
