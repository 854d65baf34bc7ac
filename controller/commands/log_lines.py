"""Lines of logs, as `callbackd serve` writes them: JSON, one event each."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from controller import logs

#: A line that is longer is none of ours.
_LONGEST: Final = 1 << 20
#: What journalctl -o json has the line in.
_MESSAGE: Final = "MESSAGE"


class LogLine(msgspec.Struct, frozen=True):
    """A line: when it was written, microseconds since 1970, what happened, and all else."""

    at: int
    event: str
    level: str
    values: dict[str, Any]

    @property
    def controller(self) -> str:
        """Which controller wrote it; empty: it does not say."""
        return str(self.values.get(logs.CONTROLLER, ""))


def lines_of(path: str) -> Iterator[bytes]:
    """Give the lines of a file; `-`: of standard input; one that ends with `.gz` is unpacked.

    Raises `click.ClickException` where it cannot be read.
    """
    try:
        with _opened(path) as stream:
            yield from stream
    except (OSError, EOFError, zlib.error) as error:
        raise click.ClickException(f"{path}: {error}") from error


def _opened(path: str) -> AbstractContextManager[Iterable[bytes]]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)
    if path.endswith(".gz"):
        return gzip.open(path)
    return Path(path).open("rb")


def read(line: bytes) -> LogLine | None:
    """Read a line; what others put before it is left out. None: it is none of ours."""
    begin = line.find(b"{")
    if begin < 0 or len(line) > _LONGEST:
        return None
    try:
        values = msgspec.json.decode(line[begin:])
    except (msgspec.DecodeError, RecursionError):
        return None
    if isinstance(values, dict) and isinstance(values.get(_MESSAGE), str):
        return read(values[_MESSAGE].encode())
    if not isinstance(values, dict) or not isinstance(values.get("event"), str):
        return None
    at = _moment(values.pop("timestamp", None))
    if at is None:
        return None
    event, level = values.pop("event"), str(values.pop("level", ""))
    return LogLine(at, event, level, values)


def about(path: str, ids: Collection[str]) -> Iterator[LogLine]:
    """Give the lines of a file that name one of these ids, whatever they call it."""
    sought = [one.encode() for one in ids]
    for line in lines_of(path):
        # Most are of other calls, and need not be read.
        if any(one in line for one in sought):
            found = read(line)
            if found is not None:
                yield found


def _moment(text: object) -> int | None:
    try:
        return round(datetime.fromisoformat(str(text)).timestamp() * 1_000_000)
    except ValueError:
        return None
