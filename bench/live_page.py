"""What watching 10,000 live calls costs the controller (O2), as a share of one core.

A process of its own serves the pages as a controller does, over 10,000 calls in progress and 50,000
of earlier days; each second so many begin and end as do where calls last three minutes. Browsers
watch by server-sent events: most of them all calls, some a filter of their own. The peer is the
same page, in the same run, that each browser asks for once a second.

With PostgreSQL what its server uses is counted too, and given apart. `--seconds N` measures longer.
"""

from __future__ import annotations

import argparse
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, insert, update

from bench.live_calls import call, fill, id_of
from bench.processes import cpu_seconds, of_postgresql
from controller.store.database import open_database
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import credit_hold as holds
from controller.web.pages.application import COOKIE
from tests.postgres import running
from tests.web.pages.site import served
from tests.web.world import World

LIVE: Final = 10_000
PAST: Final = 50_000
#: How long each is measured, seconds.
SECONDS: Final = 20.0
#: So many browsers watch; of these so many watch something of their own.
WATCHERS: Final = 20
OWN: Final = 4
USERS: Final = ("ada", "rod", "acme", "bolt")
#: So many calls begin, and as many end, in a second.
BEGIN: Final = 55
SHOWN: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


# --- the process that is measured ----------------------------------------------------------------


def serve(url: str) -> None:
    """Serve the pages over very many calls, until the end of what is read."""
    engine = open_database(url)
    world = World(engine)
    world.now = time.time_ns() // 1000
    fill(engine, now=world.now, live=LIVE, past=PAST)
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    with served(world) as server:
        print(server.address[1], flush=True)
        sys.stdin.read()


@contextmanager
def server(url: str) -> Iterator[tuple[int, int]]:
    """Run that process; give its pid, and its port."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.live_page", "--serve", url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(60)


# --- calls that come and go ---------------------------------------------------------------------


class Traffic:
    """Calls that begin and end, in a thread: as other controllers write them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._stop = threading.Event()
        self._next = LIVE + PAST
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(due - time.monotonic(), 0.0)):
            due += 0.25
            self._some(BEGIN // 4 + 1)

    def _some(self, count: int) -> None:
        now = time.time_ns() // 1000
        rows: dict[Any, list[dict[str, Any]]] = {}
        for number in range(self._next, self._next + count):
            # They are the first ones of the list: all of it is another one each second.
            for table, row in call(number, "pending", now, -60):
                rows.setdefault(table, []).append(row)
        with self._engine.begin() as connection:
            for table, made in rows.items():
                connection.execute(insert(table), made)
            over = [id_of(number) for number in range(self._next - LIVE, self._next - LIVE + count)]
            ended = {"ended": now}
            gone = update(requests).where(requests.c.id.in_(over))
            connection.execute(gone.values(state="done", **ended))
            for table in (attempts, destinations):
                connection.execute(update(table).where(table.c.request.in_(over)).values(**ended))
            held = update(holds).where(holds.c.request.in_(over))
            connection.execute(held.values(amount=0, **ended))
        self._next += count


# --- browsers ------------------------------------------------------------------------------------


class Browsers:
    """Browsers that watch: they read what comes, and count it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self.events = 0
        self.bytes = 0

    def connect(self, who: str, query: str) -> None:
        """Begin to watch."""
        line = socket.create_connection(("127.0.0.1", self._port))
        head = f"GET /live/events{query} HTTP/1.1\r\nHost: x\r\nCookie: {COOKIE}={who}\r\n\r\n"
        line.sendall(head.encode())
        self._selector.register(line, selectors.EVENT_READ)

    def read(self, seconds: float) -> None:
        """Read for so long. Raises `EOFError` where a stream ends."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                line: Any = key.fileobj
                read = line.recv(1 << 20)
                if not read:
                    raise EOFError("a stream has ended")
                self.bytes += len(read)
                self.events += read.count(b"event: ")

    def close(self) -> None:
        """Go away."""
        for key in list(self._selector.get_map().values()):
            line: Any = key.fileobj
            line.close()
        self._selector.close()


def watch(port: int, measure: Callable[[], float], seconds: float) -> tuple[float, Browsers]:
    """Let browsers watch, and give what of a core that took."""
    browsers = Browsers(port)
    for number in range(WATCHERS):
        query = f"?extension={10_000 + number}" if number < OWN else ""
        browsers.connect(USERS[number % len(USERS)] if number < OWN else USERS[number % 3], query)
    browsers.read(3.0)
    browsers.events = browsers.bytes = 0
    began, before = time.monotonic(), measure()
    browsers.read(seconds)
    share = (measure() - before) / (time.monotonic() - began)
    browsers.close()
    return share, browsers


def poll(port: int, measure: Callable[[], float], seconds: float) -> float:
    """Ask for the page again and again; give what of a core it takes where each browser does so."""
    # `later`: nobody is led to the first set-up.
    said = ("GET /live?later=1 HTTP/1.1", "Host: x", f"Cookie: {COOKIE}=ada", "Connection: close")
    head = "\r\n".join([*said, "", ""])
    began, before, asked = time.monotonic(), measure(), 0
    while time.monotonic() - began < seconds:
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(head.encode())
            answer = line.recv(1 << 20)
            if not answer.startswith(b"HTTP/1.1 200"):
                raise EOFError(answer[:100])
            while line.recv(1 << 20):
                pass
        asked += 1
    return (measure() - before) / asked * WATCHERS


# --- all of it -----------------------------------------------------------------------------------


def measured(url: str, seconds: float, directory: str = "") -> dict[str, Any]:
    """Measure over one database."""
    with server(url) as (pid, port):
        engine = open_database(url)
        with Traffic(engine):
            time.sleep(1.0)
            database = of_postgresql(directory) if directory else 0.0
            began = time.monotonic()
            share, browsers = watch(port, lambda: cpu_seconds(pid), seconds)
            spent = (of_postgresql(directory) - database) if directory else 0.0
            database = spent / (time.monotonic() - began)
            polled = poll(port, lambda: cpu_seconds(pid), min(seconds, 8.0))
        engine.dispose()
    return {
        "share": share,
        "polled": polled,
        "database": database,
        "events": browsers.events / seconds,
        "bytes": browsers.bytes / seconds,
    }


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure over both databases."""
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as directory:
        found["sqlite"] = measured(f"sqlite:///{directory}/callbackd.sqlite3", seconds)
    with running() as postgresql:
        url = postgresql.fresh()
        place = str(Path(url.rpartition("host=")[2].partition("&")[0].replace("%2F", "/")))
        found["postgresql"] = measured(url, seconds, place)
    results = [
        {
            "what": f"{WATCHERS} browsers watch {LIVE:,} live calls, {SHOWN[name]}",
            "unit": "% of a core",
            "value": round(one["share"] * 100, 2),
            "peer": "each asks for the page every second",
            "peer_value": round(one["polled"] * 100, 1),
            "ratio": round(one["polled"] / one["share"], 1) if one["share"] else 0.0,
            "database_percent": round(one["database"] * 100, 2),
            "events_per_second": round(one["events"], 1),
            "bytes_per_second": round(one["bytes"]),
        }
        for name, one in found.items()
    ]
    mean = statistics.fmean([result["value"] for result in results])
    return {**results[0], "mean": round(mean, 2), "others": results[1:]}


def main() -> int:
    """Measure, or be what is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.live_page", description=__doc__)
    parser.add_argument("--serve", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    results = run(asked.seconds)
    for one in (results, *results["others"]):
        for name in one:
            if name != "others":
                print(f"{name}: {one[name]}")
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
