"""What tests of every kind may ask for: a real PostgreSQL, one server for the whole run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgreSQL, running


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Leave what failed where `make test` reads it: of environments run side by side, last."""
    kept = os.environ.get("FAILED_TESTS")
    if kept is None:
        return
    reports = terminalreporter.getreports("failed") + terminalreporter.getreports("error")
    lines = (f"{r.nodeid}: {_cause(r)}\n" for r in reports)
    Path(kept).write_text("".join(lines), "utf-8")


def _cause(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    said = report.longrepr if crash is None else f"{crash.path}:{crash.lineno}: {crash.message}"
    return " ".join(str(said).split())[:300]


#: Both, unless told that one will do: the tests on a second Python need not prove it again.
DATABASES = os.environ.get("TEST_DATABASES", "sqlite postgresql").split()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh database: the contract of the store holds over both."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/callbackd.sqlite3"
    server: PostgreSQL = request.getfixturevalue("postgresql")
    return server.fresh()
