"""Processes that are there at once, having been forked: controllers and switches.

Most of what a start costs is reading our modules. Where hundreds are started they are read once: by
a process that does nothing else, and is forked for each. This module is that process, and what
talks to it. All of them end with it, and it with whoever started it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Order(msgspec.Struct):
    """A process to start: `main` is what it runs, as `module:function`, with these arguments.

    `environment` is besides ours, `log` where it writes, `constants` what numbers of modules are in
    it, by `module:NAME`.
    """

    main: str
    arguments: list[str]
    environment: dict[str, str]
    log: str
    # What is a whole number stays one.
    constants: dict[str, int | float]


class Forking:
    """Starts processes. To be used from any thread. `modules`: those that their `main` are in."""

    def __init__(self, *modules: str) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def fork(
        self,
        main: str,
        arguments: list[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        constants: Mapping[str, float] | None = None,
    ) -> int:
        """Start a process; give its id."""
        order = Order(main, arguments, dict(environment or {}), str(log), dict(constants or {}))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(msgspec.json.encode(order) + b"\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """End everything that was started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def is_there(process: int) -> bool:
    """Whether there is a process still."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def send(process: int, number: int) -> None:
    """Send a signal to a process, if it is there still."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def gone(process: int, seconds: float) -> bool:
    """Wait for the end of a process; whether it came in time."""
    until = time.monotonic() + seconds
    while is_there(process):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _run(order: Order) -> None:
    for name, value in order.constants.items():
        module, _, constant = name.partition(":")
        assert hasattr(sys.modules[module], constant), name
        setattr(sys.modules[module], constant, value)
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.environ.update(order.environment)
    module, _, function = order.main.partition(":")
    getattr(sys.modules[module], function)(order.arguments)


def _serve() -> None:
    for module in ("controller.app", "controller.cli", *sys.argv[1:]):
        importlib.import_module(module)
    from controller.web.api.openapi import Description

    # It is made once, as each of them would.
    Description()
    # What is there by now stays: no collection of theirs has to look at it.
    gc.collect()
    gc.freeze()
    running: set[int] = set()

    def reap(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                running.discard(ended)

    signal.signal(signal.SIGCHLD, reap)
    # Whoever reads what is typed is the one that was asked, not we.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        order = msgspec.json.decode(line, type=Order)
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  (it stays open)
            status = 1
            try:
                _run(order)
                status = 0
            except SystemExit as exit_:
                status = exit_.code if isinstance(exit_.code, int) else 1
            except BaseException:  # noqa: BLE001  (it has no other place to be told at)
                traceback.print_exc()
            finally:
                os.write(2, b'{"event": "exit", "status": %d}\n' % status)
                os._exit(status)
        running.add(process)
        os.write(1, b"%d\n" % process)
    for process in list(running):
        send(process, signal.SIGKILL)
    for process in list(running):
        gone(process, 10.0)


if __name__ == "__main__":
    _serve()
