"""Controllers in processes of their own that are there at once, having been forked.

Most of what a start costs is reading our modules. Where hundreds are killed they are read once: by
a process that does nothing else, and is forked for each. This module is that process, and what
talks to it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent import subprocess

from tests.peer.world import PATIENCE


class Order(msgspec.Struct):
    """A controller to start: its arguments, its environment besides ours, where it logs."""

    arguments: list[str]
    environment: dict[str, str]
    log: str


class Forks:
    """Starts controllers, and kills them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.peer.forking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._alive: set[int] = set()

    def start(self, config: Path, log: Path, **environment: str) -> int:
        """Start a controller and wait for its link; give its process id."""
        arguments = ["--config", str(config), "serve", "--log-level=info"]
        order = Order(arguments, environment, str(log))
        before = log.stat().st_size if log.exists() else 0
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        process = int(self._process.stdout.readline())
        self._alive.add(process)
        with gevent.Timeout(PATIENCE, AssertionError(f"no link: {log}")):
            while not log.exists() or b'"link_up"' not in log.read_bytes()[before:]:
                gevent.sleep(0.02)
        return process

    def kill(self, process: int, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        self._alive.discard(process)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
        with gevent.Timeout(PATIENCE), contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(process, 0)
                gevent.sleep(0.01)

    def close(self) -> None:
        """End everything."""
        for process in list(self._alive):
            self.kill(process)
        self._process.kill()
        self._process.wait()


def _run(order: Any) -> None:
    from controller.cli import main
    from controller.store import database

    # A store that is locked is away soon.
    database.BUSY_SECONDS = 1
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.environ.update(order.environment)
    main(order.arguments)


def _serve() -> None:
    import controller.app
    import controller.cli  # noqa: F401  (read before anything is forked)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
            _run(order)
            os._exit(0)
        os.write(1, b"%d\n" % process)


if __name__ == "__main__":
    _serve()
