"""`callbackd` for the shells that run the documentation's commands: there at once, being forked.

A process that has read all modules listens on a socket. What is called `callbackd` on the path of a
page's shell is a small program (`SHIM`) that hands over its arguments, directory, environment and
its three streams, and ends as what was forked for it ends.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

#: What the program of a page's shell is. Its first argument is the socket. It imports nothing that
#: is not built in: its start is half of what most commands cost.
SHIM: Final = """\
import sys, array, posix, _socket
way = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
way.connect(sys.argv[1])
order = repr((sys.argv[2:], posix.getcwd(), posix.environ)).encode()
streams = array.array("i", [0, 1, 2])
way.sendmsg([order], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
way.recv(16)
sys.exit(int(way.recv(16) or b"70"))
"""
_MOST: Final = 1 << 20
#: What is done once before anything is forked: it costs as much then as a command does altogether.
WARMING: Final = (
    "channel add pstn",
    "number add +12025550111 --channel pstn --client main",
    "extension add 1 --did +12025550111 --country US --caller-id +12025550111 --password 2468",
    "extension set 1 --ring-seconds 8",
    "explain route 1 --to +12025550123",
    "callback list",
    "stops --json",
)

#: What is asked for: arguments, the directory, the environment.
Order = tuple[list[str], str, dict[bytes, bytes]]


class Runner:
    """The process that is forked. `directory`: of its socket and of the program; a short path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._path = str(directory / "runner")
        #: The directory that a shell's PATH begins with.
        self.programs = directory / "bin"
        self.programs.mkdir()
        (directory / "shim.py").write_text(SHIM, "utf-8")
        program = self.programs / "callbackd"
        program.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -IS "{directory}/shim.py" "{self._path}" "$@"\n'
        )
        program.chmod(0o700)
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", "tests.docs.runner", self._path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"

    def start(
        self,
        arguments: list[str],
        directory: Path,
        environment: Mapping[str, str],
        log: IO[bytes],
    ) -> Started:
        """Start a command that runs on; what it writes goes to a file."""
        way = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        way.connect(self._path)
        given = {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
        order = repr((arguments, str(directory), given)).encode()
        # What it reads never ends: some run until it does.
        reading, writing = os.pipe()
        socket.send_fds(way, [order], [reading, log.fileno(), log.fileno()])
        os.close(reading)
        return Started(way, int(way.recv(16)), writing)

    def close(self) -> None:
        """End it, and whatever it has started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Started:
    """A command that runs on."""

    def __init__(self, way: socket.socket, process: int, writing: int) -> None:
        self._way = way
        self.process = process
        self._writing = writing

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return bool(select.select([self._way], [], [], 0)[0])

    def kill(self) -> None:
        """End it, and wait for that."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        self._way.recv(16)
        self._way.close()
        os.close(self._writing)


def _serve(path: str) -> None:
    for module in (
        "controller.app", "controller.cli", "controller.simulator.process", "tests.hashing",
        *_commands(),
    ):  # fmt: skip
        importlib.import_module(module)
    from controller.store import passwords
    from controller.web.api.openapi import Description
    from tests.hashing import HASHER

    # Hashed at no cost, as in all tests that are not about that.
    vars(passwords)["PasswordHasher"] = lambda: HASHER
    # Made once, as each controller would, and what commands find out when they first do something.
    Description()
    _warm_up()
    # What looks through memory writes to it, and what is written to is copied.
    gc.disable()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(64)
    running: set[int] = set()
    os.write(1, b"ready\n")
    while listener.fileno() in select.select([listener.fileno(), 0], [], [])[0]:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                running.discard(ended)
        way = listener.accept()[0]
        order, streams, _, _ = socket.recv_fds(way, _MOST, 3)
        process = os.fork()
        if process == 0:
            listener.close()
            _run(ast.literal_eval(order.decode()), streams, way)
        running.add(process)
        for stream in streams:
            os.close(stream)
        way.close()
    for process in list(running):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _warm_up() -> None:
    from click.testing import CliRunner

    from tests.databases import new_file

    with tempfile.TemporaryDirectory() as directory:
        new_file(Path(directory) / "callbackd.sqlite3")
        for command in WARMING:
            arguments = command.split()
            done = CliRunner().invoke(
                sys.modules["controller.cli"].main, arguments, env={"CALLBACKD_DATA_DIR": directory}
            )
            assert done.exit_code == 0, done.output


def _commands() -> list[str]:
    """Give the modules of all commands: they are read when they are called."""
    directory = Path(__file__).parents[2] / "controller" / "commands"
    return [f"controller.commands.{file.stem}" for file in directory.glob("[a-z]*.py")]


def _run(order: Order, streams: list[int], way: socket.socket) -> None:
    arguments, directory, environment = order
    way.send(b"%d" % os.getpid())
    status = 70
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(directory)
        os.environ.clear()
        os.environb.update(environment)
        sys.argv = ["callbackd", *arguments]
        sys.modules["controller.cli"].main(arguments, prog_name="callbackd")
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException:  # noqa: BLE001  (it has no other place to be told at)
        traceback.print_exc()
    finally:
        for out in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                out.flush()
        with contextlib.suppress(OSError):
            way.send(b"%d" % status)
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1])
