"""Draws the machines from their tables, for the docs: `python -m controller.callback.diagram`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.callback.return_table import RETURN
from controller.callback.states import TRIGGER, Row


def mermaid(table: Mapping[Any, Mapping[str, Row]]) -> str:
    """Give a Mermaid state diagram of one table: an arrow for each event that moves."""
    first = next(iter(table))
    lines = ["stateDiagram-v2", f"    [*] --> {first}"]
    for state, rows in table.items():
        for event, row in rows.items():
            lines += [f"    {state} --> {to}: {event} / {row.action}" for to in row.to]
    lines += [f"    {state} --> [*]" for state, rows in table.items() if is_final(rows)]
    return "\n".join(lines)


def is_final(rows: Mapping[str, Row]) -> bool:
    """Whether no event leads out of a state with these rows."""
    return not any(row.to for row in rows.values())


def listing(table: Mapping[Any, Mapping[str, Row]]) -> str:
    """Give the whole table in Markdown, with the rows that do nothing and why."""
    lines = ["| state | event | what is done | leads to |", "| --- | --- | --- | --- |"]
    for state, events in table.items():
        for event, row in events.items():
            done = f"`{row.action}`" if row.action else f"nothing: {row.why}"
            targets = ", ".join(row.to) if row.to else "stays"
            lines.append(f"| {state} | {event} | {done} | {targets} |")
    return "\n".join(lines)


def page() -> str:
    """Give the whole page."""
    parts = [
        "# The states of a callback",
        "",
        "Drawn from the tables in `controller/callback/states.py` and `return_table.py` by",
        "`make diagrams`; a test fails when this page is older than they are.",
    ]
    for title, table in (("The trigger leg", TRIGGER), ("The return leg", RETURN)):
        parts += ["", f"## {title}", "", "```mermaid", mermaid(table), "```", "", listing(table)]
    return "\n".join(parts) + "\n"


def main(path: str) -> None:
    """Write the page to `path`."""
    Path(path).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
