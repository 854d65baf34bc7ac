"""Controllers in processes of their own that are there at once, having been forked.

Most of what a start costs is reading our modules. Where hundreds are killed they are read once: by
a process that does nothing else, and is forked for each. This module is that process, and what
talks to it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent import subprocess

from tests.peer.world import PATIENCE


class Order(msgspec.Struct):
    """A controller to start: its arguments, its environment besides ours, where it logs.

    `constants`: what numbers of modules are in it, by `module:NAME`.
    """

    arguments: list[str]
    environment: dict[str, str]
    log: str
    constants: dict[str, float] = {}


class Forks:
    """Starts controllers, and kills them. Each has a log of its own, beside its settings."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.peer.forking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
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
        """Start a controller; give its process id. `constants`: see `Order`."""
        arguments = ["--config", str(config), "serve", "--log-level=info"]
        log = config.parent / f"process{len(self.logs):04}.log"
        order = Order(arguments, environment, str(log), dict(constants or {}))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        self._process.stdin.flush()
        process = int(self._process.stdout.readline())
        self._logs[process] = log
        self.logs.append(log)
        return process

    def wait(self, process: int) -> None:
        """Wait for the link of a controller."""
        log = self._logs[process]
        with gevent.Timeout(PATIENCE, AssertionError(f"no link: {log}")):
            while not log.exists() or b'"link_up"' not in log.read_bytes():
                assert _is_there(process), log.read_text()
                gevent.sleep(0.02)

    def kill(self, process: int, number: int = signal.SIGKILL) -> None:
        """Send a signal and wait for the end."""
        self._logs.pop(process, None)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
        with gevent.Timeout(PATIENCE):
            while _is_there(process):
                gevent.sleep(0.01)

    def kill_all(self) -> None:
        """Kill those that are there still, and forget the logs."""
        for process in list(self._logs):
            self.kill(process)
        self.logs.clear()

    def close(self) -> None:
        """End everything."""
        self.kill_all()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _run(order: Any) -> None:
    from controller.cli import main

    for name, value in order.constants.items():
        module, _, constant = name.partition(":")
        assert hasattr(sys.modules[module], constant), name
        setattr(sys.modules[module], constant, value)
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.environ.update(order.environment)
    main(order.arguments)


def _reap(*_: object) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _serve() -> None:
    import controller.app
    import controller.cli  # noqa: F401  (read before anything is forked)
    from controller.web.api.openapi import Description

    # It is made once, as each of them would.
    Description()
    # What is there by now stays: no collection of theirs has to look at it.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
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
