"""Commands over a store of their own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import main

from .running import ADD, PREPARED, Run, ok


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def runs(data: Path) -> Run:
    """Give what runs commands over a store."""

    def run_command(*arguments: str, types: str = "", **environment: str) -> Result:
        env = {"CALLBACKD_DATA_DIR": str(data), **environment}
        return CliRunner().invoke(main, arguments, input=types, env=env)

    return run_command


@pytest.fixture
def run(data: Path) -> Run:
    return runs(data)


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stores that tests begin with copies of, by their fixtures' names."""
    path = tmp_path_factory.mktemp("stores")
    for command in PREPARED:
        ok(runs(path / "prepared")(*command))
    shutil.copytree(path / "prepared", path / "stocked")
    ok(runs(path / "stocked")(*ADD))
    return path


@pytest.fixture
def prepared(run: Run, data: Path, stores: Path) -> Run:
    """A store that has a channel and a public number."""
    shutil.copytree(stores / "prepared", data)
    return run


@pytest.fixture
def stocked(run: Run, data: Path, stores: Path) -> Run:
    """A store that has extension 100 too."""
    shutil.copytree(stores / "stocked", data)
    return run


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there."""
    monkeypatch.setattr("controller.commands.common.is_terminal", lambda: True)
