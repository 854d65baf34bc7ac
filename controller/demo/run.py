"""`callbackd demo`: a controller and a simulated switch in processes of their own, watched live."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter, deque
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from controller.admin.directory import Directory
from controller.admin.model import Actor, Kind
from controller.callback.limits import MAX_TRIES
from controller.demo.books import Books, Charged
from controller.demo.scripts import (
    CALLER_ID,
    COMMON,
    EXTENSIONS,
    LISTED,
    PASSWORD,
    PER_MINUTE,
    Script,
    make_scripts,
)
from controller.demo.view import View
from controller.demo.watch import Watch
from controller.policy.model import MAIN_CLIENT
from controller.policy.records import Role
from controller.simulator.phones import JournalEntry, TriggerCall
from controller.store.database import open_database
from controller.store.passwords import Passwords, load_pepper
from controller.store.requests import Requests

#: How long the two processes may take to be ready, the last call to end after it was placed, and
#: what lingers after it to go and to be settled.
READY_SECONDS: Final = 60.0
LAST_CALL_SECONDS: Final = 60.0
LINGER_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.25
LOOKS_THAT_AGREE: Final = 5
SETTLING_SECONDS: Final = 15.0
#: From when the rates are, which is long ago.
SINCE: Final = "2026-01-01T00:00:00Z"
EVENT_SOCKET_PASSWORD: Final = "ClueCon"  # noqa: S105  (of a switch that listens on loopback)


class DemoError(RuntimeError):
    """The demo could not be held."""


class Demo:
    """The two processes, their files in a directory that goes away with them."""

    def __init__(self, scripts: list[Script], directory: Path) -> None:
        self.scripts = scripts
        self.directory = directory
        self.watch = Watch(scripts)
        self._reports: list[dict[str, int]] = []
        self._reported = threading.Event()
        self._ready = threading.Event()
        self._switch_port = 0
        self._switch: subprocess.Popen[str] | None = None
        self._controller: subprocess.Popen[str] | None = None
        self._esl_port, self._web_port = free_port(), free_port()
        self._engine = open_database(f"sqlite:///{directory / 'callbackd.sqlite3'}")
        self._requests = Requests(self._engine)
        self._records = directory / "records"
        self._records.mkdir()
        self.books = Books(self._engine, self._records)

    # --- starting and stopping ---------------------------------------------------------------

    def prepare(self) -> None:
        """Store the extensions of the demo."""
        passwords = Passwords(load_pepper(self.directory / "pepper"))
        directory = Directory(
            self._engine,
            passwords=lambda: passwords,
            now=lambda: int(time.time() * 1_000_000),
        )
        actor = Actor(name="demo", role=Role.ADMIN)
        directory.create(actor, Kind.CHANNEL, {"name": "pstn"})
        directory.create(
            actor, Kind.NUMBER, {"number": CALLER_ID, "channel": "pstn", "client": MAIN_CLIENT}
        )
        for name, rates in PER_MINUTE.items():
            directory.create(actor, Kind.PRICE_LIST, {"name": name, "currency": "USD"})
            for prefix, cost in rates.items():
                rate = {"price_list": name, "prefix": prefix, "since": SINCE, "per_minute": cost}
                directory.create(actor, Kind.RATE, rate)
        for number, own in EXTENSIONS.items():
            directory.create(actor, Kind.EXTENSION, {"extension": number, **COMMON, **own})
        for script in self.scripts:
            number = script.extension
            if number not in EXTENSIONS:
                own = {"extension": number, "dids": (script.did,), **script.own}
                directory.create(actor, Kind.EXTENSION, {**COMMON, **own})
            elif number == LISTED:
                caller = {"extension": number, "number": script.caller, "pin": PASSWORD}
                directory.create(actor, Kind.CALLERID, caller)
            if script.prices is not None:
                self._put_on_account(directory, actor, script)

    @staticmethod
    def _put_on_account(directory: Directory, actor: Actor, script: Script) -> None:
        """Give whoever pays for a call an account, and put on it what he has."""
        extension, caller = script.payer
        owner = {"extension": extension, "caller": caller}
        account = {**owner, "currency": "USD", "price_list": script.prices}
        made = directory.create(actor, Kind.ACCOUNT, account)
        directory.add_entry(actor, made.key, {"key": "demo", "amount": script.credit})

    def start(self) -> None:
        """Start the switch, then the controller, and wait until both are ready."""
        self._switch = self._spawn(
            "switch.log",
            "simulate",
            "--listen=127.0.0.1:0",
            f"--password={EVENT_SOCKET_PASSWORD}",
            f"--controllers=127.0.0.1:{self._esl_port}",
            f"--records={self._records}",
        )
        assert self._switch.stdout is not None
        threading.Thread(target=self._read, args=(self._switch.stdout,), daemon=True).start()
        if not self._ready.wait(READY_SECONDS) or not self._switch_port:
            raise DemoError(f"the switch did not start: {self._tail('switch.log')}")
        config = self.directory / "callbackd.toml"
        config.write_text(
            f'data_dir = "{self.directory}"\n'
            f"[listen]\nport = {self._esl_port}\n[web]\nport = {self._web_port}\n"
            f'[[nodes]]\nname = "simulator"\nport = {self._switch_port}\n'
            f'password = "{EVENT_SOCKET_PASSWORD}"\n'
            # On a machine that stalls Redis may answer late; wrong passwords are counted more
            # strictly then (A3), and whoever is to err three times is locked out after two.
            f"[lockouts.number]\nfailures = {2 * MAX_TRIES}\n"
        )
        self._controller = self._spawn("controller.log", f"--config={config}", "serve")
        until = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if time.monotonic() > until or self._controller.poll() is not None:
                raise DemoError(f"the controller did not start: {self._tail('controller.log')}")
            time.sleep(0.05)

    def _spawn(self, log: str, *arguments: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CALLBACKD_")}
        with (self.directory / log).open("w") as errors:
            return subprocess.Popen(  # noqa: S603  (ourselves, with arguments of our own)
                [sys.executable, "-m", "controller", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
            )

    def _tail(self, log: str) -> str:
        return (self.directory / log).read_text()[-2000:].strip() or "it said nothing"

    def _is_ready(self) -> bool:
        try:
            return bool(self._fetch("/readyz"))
        except OSError:
            return False

    def _fetch(self, path: str) -> str:
        url = f"http://127.0.0.1:{self._web_port}{path}"
        with urllib.request.urlopen(url, timeout=5) as response:
            return str(response.read().decode())

    def stop(self) -> list[str]:
        """Stop both; give what was not as it should be."""
        faults = []
        for name, process in (("controller", self._controller), ("switch", self._switch)):
            if process is None:
                continue
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code != 0:
                faults.append(f"the {name} ended with {code}: {self._tail(name + '.log')}")
        self._engine.dispose()
        return faults

    # --- watching ----------------------------------------------------------------------------

    def _read(self, lines: IO[str]) -> None:
        for line in lines:
            entry: dict[str, Any] = msgspec.json.decode(line)
            if "ready" in entry:
                self._switch_port = int(entry["ready"]["port"])
                self._ready.set()
            elif "report" in entry:
                self._reports.append(entry["report"])
                self._reported.set()
            elif "journal" in entry:
                self.watch.journal(msgspec.convert(entry["journal"], JournalEntry))
        self._ready.set()

    def _tell(self, message: object) -> None:
        assert self._switch is not None
        assert self._switch.stdin is not None
        self._switch.stdin.write(msgspec.json.encode(message).decode() + "\n")
        self._switch.stdin.flush()

    def place(self, script: Script) -> None:
        """Have the switch know the phones of a call, then place it."""
        for phone in script.phones:
            self._tell({"phone": phone})
        self._tell({"call": script.call})

    def look(self) -> None:
        """See what the controller keeps by now."""
        self.watch.requests(self._requests.all(len(self.scripts) * 2 + 10))

    def left(self) -> dict[str, int]:
        """Give what there still is: legs, connections, greenlets."""
        self._reported.clear()
        self._tell({"report": True})
        self._reported.wait(5)
        report = self._reports[-1] if self._reports else {}
        left = {
            "switch_legs": report.get("legs", -1),
            "switch_sockets": report.get("outbound_sockets", -1),
        }
        wanted = {
            "callbackd_legs": "controller_legs",
            "callbackd_esl_connections": "controller_connections",
            "callbackd_greenlets": "controller_greenlets",
            "callbackd_return_calls_calling": "controller_calling",
        }
        for family in text_string_to_metric_families(self._fetch("/metrics")):
            if family.name in wanted:
                total = sum(sample.value for sample in family.samples)
                left[wanted[family.name]] = int(total)
        return left


def free_port() -> int:
    """Give a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _settled(demo: Demo) -> dict[str, int]:
    """Give what there is once what a start begins has ended: what a second's looks agree on."""
    looks: deque[dict[str, int]] = deque(maxlen=LOOKS_THAT_AGREE)
    until = time.monotonic() + SETTLING_SECONDS
    while time.monotonic() < until:
        looks.append(demo.left())
        agree = len(looks) == LOOKS_THAT_AGREE and all(look == looks[0] for look in looks)
        if agree and min(looks[0].values()) >= 0:
            break
        time.sleep(LOOK_SECONDS)
    return looks[-1]


def _hold(demo: Demo, view: View, rate: float) -> tuple[dict[str, int], dict[str, int]]:
    """Place the calls and wait until all have ended; give what there was before, and is after."""
    before = _settled(demo)
    began = time.monotonic()
    waiting = list(demo.scripts)
    until = began + len(waiting) / rate + LAST_CALL_SECONDS
    while time.monotonic() < until:
        while waiting and time.monotonic() - began >= waiting[0].call.at:
            script = waiting.pop(0)
            # Placed now: the moment in the script counts from the demo's own beginning.
            demo.place(msgspec.structs.replace(script, call=_now(script)))
        demo.look()
        view.show(demo.watch)
        if not waiting and demo.watch.ended == len(demo.scripts):
            break
        time.sleep(LOOK_SECONDS)
    # Sockets linger for a moment after the last leg.
    until = time.monotonic() + LINGER_SECONDS
    left = demo.left()
    while (is_more(left, before) or demo.books.waiting()) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        left = demo.left()
    demo.look()
    view.show(demo.watch)
    return before, left


def is_more(left: dict[str, int], before: dict[str, int]) -> bool:
    """Tell whether more is there than before, or it cannot be known: less may have ended since."""
    return any(count < 0 or count > before.get(name, 0) for name, count in left.items())


def _now(script: Script) -> TriggerCall:
    return msgspec.structs.replace(script.call, at=0.0)


def run(*, calls: int, rate: float, as_json: bool) -> int:
    """Hold the demo; give 0 where every call ended as its script says and nothing was left."""
    scripts = make_scripts(calls, rate)
    view = View(quiet=as_json)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="callbackd-demo-") as directory:
        demo = Demo(scripts, Path(directory))
        faults: list[str] = []
        left: dict[str, int] = {}
        charged, exact = Charged(), False
        try:
            demo.prepare()
            demo.start()
            with view:
                before, left = _hold(demo, view, rate)
            going = len(scripts) - demo.watch.ended
            if going:
                faults.append(
                    f"{going} calls had not ended {LAST_CALL_SECONDS:.0f} s after the last"
                )
            charged = demo.books.charged()
            inexact = demo.books.faults(scripts)
            exact = not inexact
            faults += inexact
            if is_more(left, before):
                faults.append(f"something was left: {left}, before the calls it was {before}")
        except (DemoError, OSError) as error:
            faults.append(str(error))
        finally:
            faults += demo.stop()
        wrong = {seen.script.id: seen.faults() for seen in demo.watch.calls if seen.faults()}
        summary = {
            "calls": len(scripts),
            "as_scripted": len(scripts) - len(wrong),
            "outcomes": dict(sorted(Counter(s.outcome for s in demo.watch.calls).items())),
            "seconds": round(time.monotonic() - began, 1),
            "charged": charged,
            "ledger_exact": exact,
            "cut_by_credit": sum(s.cut and s.script.prices is not None for s in demo.watch.calls),
            "left": left,
            "faults": faults,
            "not_as_scripted": {
                key: {"kind": next(s.kind for s in scripts if s.id == key), "faults": value}
                for key, value in wrong.items()
            },
        }
    view.summary(summary)
    return 1 if wrong or faults else 0
