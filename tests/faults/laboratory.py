"""Everything that a service is made of, as processes of their own, and who starts them again.

Two switches, three controllers, Valkey with Sentinel, PostgreSQL with a standby, and a proxy on
each way between them. What ends is started again after a random while, as systemd would.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from controller.simulator import TriggerCall
from controller.simulator.events import micros
from tests.faults import messages
from tests.faults.registering import register
from tests.faults.stores import Postgres, Valkeys
from tests.forking import Forking, gone, is_there, send
from tests.proxies import Proxy
from tests.redis_servers import free_port

CONTROLLERS = 3
NODES = 2
DIALPLAN = Path(__file__).parents[2] / "fs-config" / "dialplan"
#: How long may be waited for what must come, seconds. Nothing is measured by it.
PATIENCE = 90.0
RECONCILE_SECONDS = 2.0
#: A switch's records are waited for so long (the least there is).
RECORDS_SECONDS = 5
SLICE_SECONDS = 30


class Ward:
    """A process that is started again when it has ended, after a random while."""

    def __init__(self, name: str, drawn: random.Random, start: Any) -> None:
        self.name = name
        self._drawn = drawn
        self._start = start
        self.process = 0
        #: When it was started last, microseconds since 1970.
        self.since = 0
        self._due = 0.0

    def look(self, now: float, *, at_once: bool) -> None:
        """Start it if it has ended, and it is time."""
        if self.process and is_there(self.process):
            return
        if self.process:
            self.process = 0
            self._due = now + self._drawn.choice((0.05, 0.5, 1.0, 2.0, 4.0))
        if at_once or now >= self._due:
            self.since = micros()
            self.process = self._start()

    def send(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.process:
            send(self.process, number)


class Laboratory:
    """All of it, in one directory, that is kept where something is wrong."""

    def __init__(self, directory: Path, seed: int, constants: dict[str, float]) -> None:
        self.directory = directory
        self.seed = seed
        self._constants = constants
        drawn = random.Random(f"wards/{seed}")
        directory.chmod(0o755)
        for name in ("redis", "postgres", "logs", "data"):
            (directory / name).mkdir()
        self.forks = Forking("tests.faults.switch")
        self.valkeys = Valkeys(directory / "redis")
        self.valkeys.start()
        self.postgres = Postgres(directory / "postgres", CONTROLLERS)
        self.node_names = [f"fs{number}" for number in range(NODES)]
        self.controller_names = [f"c{number}" for number in range(CONTROLLERS)]
        self._node_ports = [free_port() for _ in range(NODES)]
        self._listens = [free_port() for _ in range(CONTROLLERS)]
        self._webs = [free_port() for _ in range(CONTROLLERS)]
        #: By controller and node: its link to the event socket.
        self.links = [
            [Proxy(("127.0.0.1", port)) for port in self._node_ports] for _ in range(CONTROLLERS)
        ]
        #: By controller: what switches connect to.
        self.sockets = [Proxy(("127.0.0.1", port)) for port in self._listens]
        self.nodes = [self._ward(f"fs{n}", drawn, self._start_node, n) for n in range(NODES)]
        self.controllers = [
            self._ward(f"c{n}", drawn, self._start_controller, n) for n in range(CONTROLLERS)
        ]
        self._runs = 0
        self._calm = threading.Event()
        self._stop = threading.Event()
        self._guard = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        #: By extension, or by authorised CallerID, the id of the account.
        self.accounts: dict[str, str] = {}
        pepper = directory / "data" / "pepper"
        self._token = register(self.postgres.own_url, pepper, self.accounts)

    @staticmethod
    def _ward(name: str, drawn: random.Random, start: Any, number: int) -> Ward:
        return Ward(name, random.Random(drawn.random()), lambda: start(number))

    # --- starting ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start switches and controllers, and wait until each controller is ready."""
        self._guard.start()
        until = time.monotonic() + PATIENCE
        while not all(self.ready(number) for number in range(CONTROLLERS)):
            if time.monotonic() > until:
                raise RuntimeError(f"the controllers are not ready: see {self.directory}/logs")
            time.sleep(0.1)

    def _supervise(self) -> None:
        while not self._stop.wait(0.03):
            for ward in (*self.nodes, *self.controllers):
                ward.look(time.monotonic(), at_once=self._calm.is_set())

    def calm(self) -> None:
        """From now on what has ended is started again at once."""
        self._calm.set()

    def _start_node(self, number: int) -> int:
        name = self.node_names[number]
        for part in ("records", "kept"):
            (self.directory / part / name).mkdir(parents=True, exist_ok=True)
        orders = self.orders(number)
        if not orders.exists():
            os.mkfifo(orders)
        told = messages.Told(
            name=name,
            port=self._node_ports[number],
            seed=self.seed,
            dialplan=str(DIALPLAN),
            controllers="|".join(
                f"127.0.0.1:{proxy.port}/{controller}"
                for proxy, controller in zip(self.sockets, self.controller_names, strict=True)
            ),
            journal=str(self.directory / f"{name}.journal"),
            records=str(self.directory / "records" / name),
            kept=str(self.directory / "kept" / name),
            orders=str(orders),
        )
        log = self.directory / "logs" / f"{name}.log"
        arguments = [msgspec.json.encode(told).decode()]
        return self.forks.fork("tests.faults.switch:main", arguments, log)

    def orders(self, number: int) -> Path:
        """Give the pipe of a switch."""
        return self.directory / f"{self.node_names[number]}.orders"

    def _start_controller(self, number: int) -> int:
        name = self.controller_names[number]
        config = self.directory / f"{name}.toml"
        if not config.exists():
            config.write_text(self._settings(number))
        self._runs += 1
        return self.forks.fork(
            "controller.cli:main",
            ["--config", str(config), "serve", "--log-level=info"],
            self.directory / "logs" / f"{name}-{self._runs:04}.log",
            constants=self._constants,
        )

    def _settings(self, number: int) -> str:
        name = self.controller_names[number]
        lines = [
            f'name = "{name}"\ndata_dir = "{self.directory}/data"\ndrain_seconds = 2\n',
            f'[database]\nurl = "{self.postgres.url(number)}"\n',
            f'[redis]\nurl = "{self.valkeys.url}"\n',
            f"[listen]\nport = {self._listens[number]}\n",
            f'advertise = "127.0.0.1:{self.sockets[number].port}"\n',
            f"[web]\nport = {self._webs[number]}\n",
            f"[dispatcher]\npoll_seconds = 0.5\nreconcile_seconds = {RECONCILE_SECONDS}\n",
            "node_lost_seconds = 5\n",
            f"[credit]\nslice_seconds = {SLICE_SECONDS}\ndialogue_seconds = 30\n",
            f"tail_seconds = 5\nrecords_seconds = {RECORDS_SECONDS}\n",
            "[presence]\nlease_seconds = 2\n",
            # Who is asked again after a fault must not be locked out by it.
            "[lockouts.number]\nfailures = 50\n[lockouts.extension]\nfailures = 100\n",
            "[lockouts.did]\nfailures = 100\n",
        ]
        for node, proxy in zip(self.node_names, self.links[number], strict=True):
            lines.append(f'[[nodes]]\nname = "{node}"\nport = {proxy.port}\n')
            lines.append(f'records_dir = "{self.directory}/records/{node}"\n')
        return "".join(lines)

    # --- using it ------------------------------------------------------------------------------

    def fetch(self, number: int, path: str, seconds: float = 3.0) -> str:
        """Fetch a page of a controller. Raises `OSError`."""
        url = f"http://127.0.0.1:{self._webs[number]}{path}"
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return str(answer.read().decode())

    def post(self, number: int, path: str, wanted: object, key: str) -> int:
        """Ask something of a controller's API; give the status. Raises `OSError`."""
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self._webs[number]}/api/v1{path}",
            data=msgspec.json.encode(wanted),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
        )
        with urllib.request.urlopen(asked, timeout=5.0) as answer:
            return int(answer.status)

    def ready(self, number: int) -> bool:
        """Whether a controller says that it is ready."""
        try:
            return bool(self.fetch(number, "/readyz", 1.0))
        except OSError:
            return False

    def tell(self, node: int, order: messages.Order) -> bool:
        """Tell a switch something; whether it is there to hear it."""
        try:
            pipe = os.open(self.orders(node), os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            os.write(pipe, msgspec.json.encode(order) + b"\n")
        except OSError:
            return False
        finally:
            os.close(pipe)
        return True

    def state_of(self, node: int) -> str:
        """Say what a switch is at that does not answer: what the kernel says, and where it is."""
        ward = self.nodes[node]
        try:
            lines = Path(f"/proc/{ward.process}/status").read_text().splitlines()
        except OSError:
            return "it is not there"
        if micros() - ward.since > 20_000_000:
            # It says where it is (`faulthandler`); one that has just begun would be ended by it.
            ward.send(signal.SIGUSR1)
            time.sleep(0.5)
        log = self.directory / "logs" / f"{self.node_names[node]}.log"
        said = log.read_text(errors="replace").splitlines()[-12:] if log.exists() else []
        state = next((line for line in lines if line.startswith("State:")), "")
        return f"process {ward.process}, {state}; its log ends: {' / '.join(said)}"

    def ring(self, node: int, count: int, caller: str, did: str, gives_up: float | None) -> bool:
        """Have somebody ring by way of a node; whether that is there."""
        call = TriggerCall(
            id=str(count), caller=caller, did=did.lstrip("+"), hang_up_after=gives_up
        )
        return self.tell(node, messages.Order(call=call))

    # --- ending --------------------------------------------------------------------------------

    def end_controllers(self) -> list[str]:
        """Tell the controllers to end, and wait; give those that would not."""
        self._stop.set()
        self._guard.join()
        for ward in self.controllers:
            ward.send(signal.SIGTERM)
        return [w.name for w in self.controllers if w.process and not gone(w.process, 30.0)]

    def close(self) -> None:
        """End everything."""
        self._stop.set()
        if self._guard.is_alive():
            self._guard.join()
        self.forks.close()
        for proxy in (*self.sockets, *(one for links in self.links for one in links)):
            proxy.close()
        self.postgres.close()
        self.valkeys.close()
