"""Running commands, and what is said of how they ended."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from click.testing import Result

Run = Callable[..., Result]

#: A client's public number, and an extension that shows it.
PREPARED = (
    ("channel", "add", "pstn"),
    ("number", "add", "+12025550111", "--channel", "pstn", "--client", "main"),
)
ADD = (
    "extension", "add", "100", "--country", "US", "--did", "+12025550100",
    "--caller-id", "+12025550111",
)  # fmt: skip


def ok(result: Result) -> str:
    """Give what a command printed that went well."""
    assert result.exit_code == 0, result.output
    return result.stdout


def said(result: Result) -> Any:
    """Give the JSON that a command printed that went well."""
    return json.loads(ok(result))


def refused(result: Result, *says: str) -> None:
    """Check that a command ended with 1, a message, and nothing else."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    for part in says:
        assert part in result.stderr


def shown(printed: str) -> dict[str, str]:
    """Read the lines that show a record."""
    found: dict[str, str] = {}
    for line in printed.splitlines():
        name, value = re.split(r"\s+", line, maxsplit=1)
        found[name] = value
    return found


def told(printed: str) -> list[str]:
    """Read the lines of a list, its blanks made one each."""
    return [re.sub(r"\s+", " ", line) for line in printed.splitlines()]
