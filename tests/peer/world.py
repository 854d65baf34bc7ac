"""A simulated switch, controllers in this process or in their own, and one database for all."""

from __future__ import annotations

import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import msgspec
from gevent import subprocess

from controller.app import Controller
from controller.policy.channels import Channel
from controller.policy.rules import validate
from controller.settings import Dispatcher, Listen, Node, Settings, Web
from controller.simulator import (
    Behaviour,
    HangUp,
    JournalEntry,
    Keys,
    Phone,
    Simulator,
    TriggerCall,
)
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.passwords import Passwords, load_pepper
from controller.store.requests import Request, Requests
from tests.databases import new_file
from tests.redis_servers import free_port
from tests.seed import keep

DIALPLAN = Path(__file__).parents[2] / "fs-config" / "dialplan"
DID = "12025550101"
CALLER = "12125550199"
FRIEND = "12125550123"
OTHER = "16465550124"
PASSWORD = "2468"
#: How long is waited for what must come, seconds. Nothing is measured by it.
PATIENCE = 60.0
#: By how much two clocks that are read to the thousandth may differ, seconds.
ROUNDED = 0.01


def until(so: Callable[[], object]) -> None:
    """Wait until something is so that nobody tells of."""
    with gevent.Timeout(PATIENCE):
        while not so():
            gevent.sleep(0.02)


class World:
    """One switch and its phones, a database, and as many controllers as a test starts.

    `listed`: whether the switch is told of the controllers that are there, and calls are spread
    over them (O4). Else they listen on every address, so that nobody knows where each of them is,
    and the switch goes by its own list: the first one that is there takes all.
    """

    def __init__(
        self,
        directory: Path,
        controllers: int = 1,
        url: str | None = None,
        *,
        listed: bool = True,
    ) -> None:
        self.directory = directory
        self._host = "127.0.0.1" if listed else "0.0.0.0"
        self.ports = [free_port() for _ in range(controllers)]
        self.switch = Simulator(
            dialplan=DIALPLAN,
            globals={"callback_controllers": "|".join(f"127.0.0.1:{port}" for port in self.ports)},
        )
        self.switch.start()
        #: When each leg began to ring, by the time that the switch gives controllers: X counts
        #: from then on. Seconds since its start.
        self.rang: dict[str, float] = {}
        self.switch.on_journal(self._note)
        self.engine = open_database(url or new_file(directory / "callbackd.sqlite3"))
        self.extensions = Extensions(self.engine)
        self.requests = Requests(self.engine)
        #: The channels of the table, once an extension is added.
        self.channels = [Channel(name="pstn"), Channel(name="pstn2")]
        self.controllers: list[Controller] = []
        self.processes: list[subprocess.Popen[bytes]] = []
        #: What processes have logged, and where the last one's web pages are.
        self.logged: list[bytes] = []
        self.web: tuple[str, int] = ("", 0)

    def close(self) -> None:
        """End everything."""
        for controller in self.controllers:
            controller.close()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stderr is not None:
                process.stderr.close()
        self.switch.stop()
        self.engine.dispose()

    # --- setting up --------------------------------------------------------------------------

    def extension(self, number: str = "1001", password: str | None = None, **values: Any) -> None:
        """Add an extension; X is one second and there is no delay, unless told otherwise."""
        policy: dict[str, Any] = {
            "extension": number,
            "dids": ("+" + DID,),
            "country": "US",
            "caller_ids": ("+12025550111",),
            "ring_seconds": 1,
            "delay_seconds": 0,
            **values,
        }
        if password is not None:
            pepper = load_pepper(self.directory / "pepper")
            policy["password_hash"] = Passwords(pepper).hash(password)
        keep(self.engine, validate(policy), channels=self.channels)

    def settings(self, index: int = 0, **values: Any) -> Settings:
        """The settings of a controller."""
        return Settings(
            **{
                "name": f"controller{index}",
                "data_dir": str(self.directory),
                "listen": Listen(host=self._host, port=self.ports[index]),
                "web": Web(port=0),
                "nodes": (Node(name="sim1", port=self.switch.address[1]),),
                "dispatcher": Dispatcher(poll_seconds=0.2),
                **values,
            }
        )

    def controller(self, index: int = 0, **values: Any) -> Controller:
        """Start a controller in this process and wait for its link."""
        controller = Controller(self.settings(index, **values))
        self.controllers.append(controller)
        controller.start()
        for link in controller.services.links.values():
            assert link.up.wait(timeout=PATIENCE)
        return controller

    def process(self, index: int = 0, **environment: str) -> subprocess.Popen[bytes]:
        """Start a controller in a process of its own and wait for its link."""
        config = self.config(index)
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "controller", "--config", str(config)),
                *("serve", "--log-level=debug"),
            ],
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )
        assert process.stderr is not None
        self.processes.append(process)
        with gevent.Timeout(PATIENCE):
            for line in process.stderr:
                self.logged.append(line)
                said = msgspec.json.decode(line)
                if said["event"] == "started":
                    self.web = tuple(said["web"])
                if said["event"] == "link_up":
                    break
            else:
                raise AssertionError(f"the controller ended with {process.wait()}")
        # Read on, so that it never waits for us.
        gevent.spawn(self.logged.extend, process.stderr)
        return process

    def config(self, index: int = 0) -> Path:
        """Write the settings of a controller in a process of its own."""
        config = self.directory / f"controller{index}.toml"
        config.write_text(
            f'name = "controller{index}"\ndata_dir = "{self.directory}"\n'
            f'[listen]\nhost = "{self._host}"\nport = {self.ports[index]}\n[web]\nport = 0\n'
            f'[[nodes]]\nname = "sim1"\nport = {self.switch.address[1]}\n'
            "[dispatcher]\npoll_seconds = 0.2\n"
        )
        return config

    def fetch(self, path: str) -> str:
        """Fetch a page of the process that was started last."""
        host, port = self.web
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def _note(self, entry: JournalEntry) -> None:
        if entry.what == "ringing":
            times = self.switch.legs[entry.leg].profile.times
            self.rang[entry.leg] = times.progress / 1_000_000 - self.switch.started

    # --- calls -------------------------------------------------------------------------------

    def ring(self, caller: str = "+" + CALLER, *, did: str = DID, **values: Any) -> str:
        """Ring a DID; give the leg's uuid."""
        return self.switch.place_call(TriggerCall(id=caller, caller=caller, did=did, **values))

    def holder(self, role: str = "return") -> str:
        """The controller that the one leg of a role is with, or is being connected to, by name."""
        found = [leg.get("socket_path") for leg in self.switch.legs.values() if leg.role == role]
        return (found[0] or "") if len(found) == 1 else ""

    def hang_up(self, role: str = "return") -> None:
        """Let who is on the one leg of a role hang up, now."""
        (leg,) = [leg for leg in self.switch.legs.values() if leg.role == role]
        leg.line.hang_up()

    def phone(self, number: str, *calls: Behaviour) -> None:
        """Say what a phone does."""
        self.switch.phone(Phone(number=number, calls=list(calls)))

    def wait(self, predicate: Callable[[], object], timeout: float = PATIENCE) -> None:
        """Wait until something is so that the switch or its phones see."""
        self.switch.wait(predicate, timeout=timeout)

    def time(self) -> float:
        """The seconds since the switch's start, as its journal counts them."""
        return time.time() - self.switch.started

    def heard(self, what: str, *, role: str = "return") -> list[str]:
        """The files that contain `what` and were heard on a leg, in order."""
        return [
            entry.detail["file"]
            for entry in self.switch.seen("heard", role=role)
            if what in entry.detail["file"]
        ]

    def questions(self) -> list[str]:
        """The questions that were asked, by their last file: "please enter", whatever it is."""
        return [file.rpartition("/")[2] for file in self.heard("enter")]

    def ended(self, count: int = 1, seconds: float = PATIENCE) -> list[Request]:
        """Wait until so many requests have ended; give all, the oldest first."""
        found: list[Request] = []
        late = gevent.Timeout(seconds)
        with late:
            try:
                while True:
                    found = sorted(self.requests.all(), key=lambda r: (r.created, r.id))
                    if sum(r.state in ("done", "refused") for r in found) >= count:
                        return found
                    # The database tells nobody: looking again is the only way to know.
                    gevent.sleep(0.05)
            except gevent.Timeout as timeout:
                if timeout is not late:
                    raise
                raise AssertionError(f"{count} had not ended in {seconds:g} s: {found}") from None

    def idle(self) -> None:
        """Wait until the switch has no leg, and no controller of this process holds one."""
        self.switch.wait(timeout=PATIENCE)
        with gevent.Timeout(PATIENCE):
            while any(len(c.services.legs) or len(c.server.sessions) for c in self.controllers):
                gevent.sleep(0.02)


def typed(number: str, after: float = 0.1) -> Keys:
    """Keys typed at the next "please enter", with the `#`."""
    return Keys(when="heard", what="enter", press=number + "#", after=after)


def answering(*keys: Keys, hang_up: HangUp | None = None, after: float = 0.1) -> Behaviour:
    """Answer, and type."""
    return Behaviour(on_call="answer", after=after, keys=list(keys), hang_up=hang_up)


def talking(seconds: float) -> Behaviour:
    """Answer, and hang up after having talked so long."""
    return Behaviour(on_call="answer", after=0.1, hang_up=HangUp(when="bridge", after=seconds))


def kill(process: subprocess.Popen[bytes], number: int = signal.SIGKILL) -> int:
    """Send a signal and wait for the end; give the exit status."""
    process.send_signal(number)
    return int(process.wait(timeout=PATIENCE))
