"""Commands over a store of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import main

from .running import ADD, PREPARED, Run, ok


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(data: Path) -> Run:
    def run_command(*arguments: str, types: str = "", **environment: str) -> Result:
        env = {"CALLBACKD_DATA_DIR": str(data), **environment}
        return CliRunner().invoke(main, arguments, input=types, env=env)

    return run_command


@pytest.fixture
def prepared(run: Run) -> Run:
    """A store that has a channel and a public number."""
    for command in PREPARED:
        ok(run(*command))
    return run


@pytest.fixture
def stocked(prepared: Run) -> Run:
    """A store that has extension 100 too."""
    ok(prepared(*ADD))
    return prepared


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits there."""
    monkeypatch.setattr("controller.commands.common.is_terminal", lambda: True)
