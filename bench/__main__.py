"""`python -m bench [NAME …] [--json FILE]`: runs benchmarks and prints what they measured."""

from __future__ import annotations

import argparse
import json
import platform
from importlib import import_module
from pathlib import Path
from typing import Any, Final

#: Every benchmark: a module of this package with `run() -> dict`. The keys `what`, `unit`, `value`,
#: `peer`, `peer_value` and `ratio` are shown, and those of each of its `others`, if any; whatever
#: else it gives goes into the file only.
BENCHMARKS: Final = (
    "callerid", "charging", "conversations", "credit", "events", "live_page", "on_switch",
    "policies", "triggers",
)  # fmt: skip


def table(results: dict[str, dict[str, Any]]) -> str:
    """Give the results as lines for people."""
    head = ("benchmark", "what", "unit", "ours", "peer", "peer's", "ratio")
    rows = [head]
    every = ((name, one) for name, own in results.items() for one in (own, *own.get("others", ())))
    for name, result in every:
        shown = (result.get(key, "") for key in ("what", "unit", "value", "peer", "peer_value"))
        what, unit, value, peer, peer_value = (
            f"{one:,}" if isinstance(one, int | float) else str(one) for one in shown
        )
        rows.append((name, what, unit, value, peer, peer_value, str(result.get("ratio", ""))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def main(argv: list[str] | None = None) -> int:
    """Run what is asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    asked = parser.parse_args(argv)
    unknown = set(asked.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"no benchmark of this name: {', '.join(sorted(unknown))}")
    results: dict[str, dict[str, Any]] = {
        name: import_module(f"bench.{name}").run() for name in asked.names or BENCHMARKS
    }
    print(table(results))
    if asked.json is not None:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        asked.json.write_text(json.dumps({**machine, "results": results}, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
