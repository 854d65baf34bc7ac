"""The simulator as a process of its own: options in, the journal out as JSON lines.

The first line says where it listens: ``{"ready": {"host": …, "port": …}}``. Each entry of the
journal is a line ``{"journal": {…}}``. Lines on standard input add calls and phones, and change
gateways; the end of input, SIGTERM or ``{"stop": true}`` ends it.
"""

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import gevent
import msgspec
from gevent.event import Event as Signal
from gevent.os import make_nonblocking, nb_read, tp_read

from controller.simulator.gateways import State
from controller.simulator.phones import JournalEntry, Phone, TriggerCall
from controller.simulator.switch import Simulator


class GatewayState(msgspec.Struct, forbid_unknown_fields=True):
    """A gateway's state; one that is not known yet is added."""

    name: str
    state: State = "up"


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """What happens by itself: the phones, the calls at their times, the gateways' states."""

    phones: list[Phone] = []
    calls: list[TriggerCall] = []
    gateways: dict[str, State] = {}


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """One line of standard input. A call's ``at`` counts from the line."""

    call: TriggerCall | None = None
    phone: Phone | None = None
    gateway: GatewayState | None = None
    report: bool = False
    stop: bool = False


def load(simulator: Simulator, script: Script) -> None:
    """Set the phones and gateways, and let the calls come at their times."""
    for name, state in script.gateways.items():
        simulator.gateway(name, state)
    for phone in script.phones:
        simulator.phone(phone)
    for call in script.calls:
        simulator.spawn_later(call.at, simulator.place_call, call)


def run(
    *,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    password: str = "ClueCon",  # noqa: S107 - what every FreeSWITCH comes with
    dialplan: Path,
    controllers: str = "127.0.0.1:8084",
    script: Path | None = None,
    node: str = "sim1",
    odd_orders: float = 0.0,
    seed: int = 0,
    linger: float | None = None,
    records: Path | None = None,
    output: IO[str] | None = None,
    input_fd: int = 0,
) -> None:
    """Run until told to stop.

    ``controllers``: ``host:port|host:port``, where the dialplan's ``socket`` connects.
    ``records``: the directory of call records. ``output``: where the lines go, standard output by
    default. Raises `OSError` if the address is
    taken or a file is not there, `msgspec.ValidationError` for a script that is none.
    """
    lines = output or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - not ours
    simulator = Simulator(
        listen,
        password,
        dialplan=dialplan,
        globals={"callback_controllers": controllers},
        node=node,
        odd_orders=odd_orders,
        seed=seed,
        linger=linger,
        records=records,
    )
    plan = Script()
    if script is not None:
        plan = msgspec.json.decode(script.read_bytes(), type=Script)
    done = Signal()

    def say(line: dict[str, Any]) -> None:
        lines.write(msgspec.json.encode(line).decode() + "\n")
        lines.flush()

    def journal(entry: JournalEntry) -> None:
        say({"journal": entry})
        # Whoever reads it keeps what he needs: this process may run for long.
        simulator.journal.clear()

    simulator.on_journal(journal)
    terminate = gevent.signal_handler(signal.SIGTERM, done.set)
    try:
        with simulator:
            host, port = simulator.address
            say({"ready": {"host": host, "port": port}})
            load(simulator, plan)
            reader = gevent.spawn(_obey, simulator, input_fd, say, done)
            done.wait()
            reader.kill(block=False)
    finally:
        terminate.cancel()


def _obey(
    simulator: Simulator, fd: int, say: Callable[[dict[str, Any]], None], done: Signal
) -> None:
    for line in _read_lines(fd):
        try:
            order = msgspec.json.decode(line, type=Order)
        except msgspec.DecodeError as error:
            say({"error": str(error)})
            continue
        if order.call is not None:
            simulator.spawn_later(order.call.at, simulator.place_call, order.call)
        if order.phone is not None:
            simulator.phone(order.phone)
        if order.gateway is not None:
            simulator.gateway(order.gateway.name, order.gateway.state)
        if order.report:
            say({"report": report(simulator)})
        if order.stop:
            break
    done.set()


def report(simulator: Simulator) -> dict[str, int]:
    """How many legs, links and sockets there are, and how many calls from outside there were."""
    connections = simulator.connections
    return {
        "legs": len(simulator.legs),
        "inbound_links": connections["inbound"],
        "outbound_sockets": connections["outbound"],
        "calls": simulator.placed,
    }


def _read_lines(fd: int) -> Iterator[bytes]:
    """The lines of a file descriptor, without stopping the hub."""
    mode = os.fstat(fd).st_mode
    read = tp_read
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):  # a file or /dev/null cannot be waited for
        make_nonblocking(fd)
        read = nb_read
    rest = b""
    while data := read(fd, 65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line for line in lines if line.strip())
    if rest.strip():
        yield rest
