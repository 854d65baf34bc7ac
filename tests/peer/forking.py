"""Controllers in processes of their own that are there at once, having been forked."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path

import gevent

from tests.forking import Forking, is_there, send
from tests.peer.world import PATIENCE


class Forks(Forking):
    """Starts controllers, and kills them. Each has a log of its own, beside its settings."""

    def __init__(self) -> None:
        super().__init__()
        self._logs: dict[int, Path] = {}
        #: All logs there are, the oldest first.
        self.logs: list[Path] = []

    def run(self, config: Path, **environment: str) -> int:
        """Start a controller and wait for its link; give its process id."""
        process = self.start(config, None, **environment)
        self.wait(process)
        return process

    def start(
        self, config: Path, constants: Mapping[str, float] | None = None, **environment: str
    ) -> int:
        """Start a controller; give its process id. `constants`: see `tests.forking.Order`."""
        arguments = ["--config", str(config), "serve", "--log-level=info"]
        log = config.parent / f"process{len(self.logs):04}.log"
        process = self.fork(
            "controller.cli:main", arguments, log, environment=environment, constants=constants
        )
        self._logs[process] = log
        self.logs.append(log)
        return process

    def wait(self, process: int) -> None:
        """Wait for the link of a controller."""
        log = self._logs[process]
        with gevent.Timeout(PATIENCE, AssertionError(f"no link: {log}")):
            while not log.exists() or b'"link_up"' not in log.read_bytes():
                assert is_there(process), log.read_text()
                gevent.sleep(0.02)

    def kill(self, process: int, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        self._logs.pop(process, None)
        send(process, number)
        with gevent.Timeout(PATIENCE):
            while is_there(process):
                gevent.sleep(0.01)

    def kill_all(self) -> None:
        """Kill those that are there still, and forget the logs."""
        for process in list(self._logs):
            self.kill(process)
        self.logs.clear()

    def close(self) -> None:
        """End everything."""
        self.kill_all()
        super().close()
