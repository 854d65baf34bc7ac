"""The processes of a benchmark: begun on a core, waited for, ended; what they work and hold."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

READY_SECONDS: Final = 30.0
#: The Python that has Genesis, in an environment of its own (`bench/peers.txt`).
GENESIS: Final = Path(os.environ.get("BENCH_GENESIS", "build/peers/bin/python"))
_TICK: Final = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Give a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answers(url: str) -> bool:
    """Whether an address answers well."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def wait_until(
    ready: Callable[[], object], process: subprocess.Popen[str], seconds: float = READY_SECONDS
) -> None:
    """Wait until something is so while a process lives. Raises `RuntimeError` where it is not."""
    until = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{process.args!r} is not ready ({process.poll()})")
        time.sleep(0.05)


def pin(pid: int, core: int) -> None:
    """Keep a process, and what it begins, on one core: others would have to share."""
    # With one core there is nothing to choose.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {cores[core % len(cores)]})


@contextmanager
def process(*command: str, core: int, **more: Any) -> Iterator[Any]:  # noqa: ANN401
    """Run a process on one core, and end it."""
    made = subprocess.Popen(command, text=True, **more)
    pin(made.pid, core)
    try:
        yield made
    finally:
        made.terminate()
        try:
            made.wait(20)
        except subprocess.TimeoutExpired:
            made.kill()
            made.wait()


# --- what they work and hold ---------------------------------------------------------------------


def cpu_seconds(pid: int, *, ended: bool = False) -> float:
    """Give how much a process has worked so far, seconds of a core.

    `ended`: with what its children have that have ended.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended else 13])) / _TICK


def threads_worked(pid: int) -> list[tuple[int, float, float]]:
    """Give each thread of a process, and how much it and the system for it have worked so far."""
    found = []
    for path in Path(f"/proc/{pid}/task").iterdir():
        # One that has ended meanwhile is none.
        with suppress(OSError):
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            found.append((int(path.name), int(fields[11]) / _TICK, int(fields[12]) / _TICK))
    return found


def children(pid: int) -> list[int]:
    """Give the processes that a process has begun, and those that they have."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        # One that has ended meanwhile has none.
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def cpu_of(pids: list[int]) -> float:
    """Give how much processes have worked so far; one that has ended counts for nothing."""
    worked = 0.0
    for pid in pids:
        with suppress(OSError):
            worked += cpu_seconds(pid)
    return worked


def waited_seconds(pid: int) -> float:
    """Give for how long a process' main thread could have worked, and had no core.

    Its own other threads and its store's server are among those that it waited for; whatever else
    the machine does is too, and spoils what is measured.
    """
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


def memory(pid: int) -> int:
    """Give the memory that a process has, bytes: what of it is there for it alone."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"nothing is said of the memory of {pid}")


def of_postgresql(directory: str) -> float:
    """Give how much the processes of a PostgreSQL have worked so far, by its directory."""
    found = 0.0
    for path in Path("/proc").glob("[0-9]*"):
        # One that has ended meanwhile is none of them.
        with suppress(OSError):
            command = (path / "cmdline").read_bytes()
            mine = directory in os.readlink(path / "cwd") or directory in str(command)
            if mine and b"postgres" in command:
                found += cpu_seconds(int(path.name), ended=True)
    return found
