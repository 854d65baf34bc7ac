"""What tests of every kind may ask for (databases), and how property tests run here.

No time limit on an example, since the machine may be busy. The gate (`CI` is set) takes the same
examples each time, so that it says of one commit what it said before; by hand they are new ones.
On a second Python fewer do (`TEST_EXAMPLES=few`), and of a test's cases some: it is the same code.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from controller.store import passwords
from tests.databases import new_file
from tests.hashing import HASHER
from tests.postgres import PostgreSQL, running
from tests.postgres_pair import Pair, pair
from tests.unit.examples import FEW, many, some

settings.register_profile(
    "here",
    deadline=None,
    max_examples=many(100),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("here")


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash at no cost what is hashed within the tests; processes of their own do as they do."""
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: HASHER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Try some cases of each test where all were tried already."""
    if not FEW:
        return
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    tried = {item for cases in tests.values() for item in some(cases)}
    config.hook.pytest_deselected(items=[item for item in items if item not in tried])
    items[:] = [item for item in items if item in tried]


def pytest_collection_finish() -> None:
    """Look through less for what nobody refers to: it took a fifth of the time of some tests.

    What was imported and collected stays until the end.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def _two_servers() -> Iterator[Pair]:
    with pair() as made:
        yield made


@pytest.fixture
def postgres_pair(_two_servers: Pair) -> Iterator[Pair]:
    """A PostgreSQL primary and its standby; what a test does to them is mended after it."""
    yield _two_servers
    _two_servers.mend()


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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a new database: the contract of the store holds over both."""
    if request.param == "sqlite":
        yield new_file(tmp_path / "callbackd.sqlite3")
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    with server.lent() as url:
        yield url
