"""What systemd is told, over a real datagram socket."""

from __future__ import annotations

import os
import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent import socket, subprocess

from controller.runtime.supervisor import Supervisor

PATIENCE = 60.0


class Systemd:
    """Its end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def told(self) -> list[str]:
        """The lines of the next datagram."""
        with gevent.Timeout(PATIENCE):
            return str(self.socket.recv(4096).decode()).split("\n")

    def silent(self, seconds: float) -> bool:
        """Wait until nothing has come for so long; whether that is so soon enough."""
        self.socket.settimeout(seconds)
        try:
            for _ in range(1000):
                self.socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(None)
        return False


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    """A socket of either kind."""
    abstract = f"@callbackd-test-{secrets.token_hex(8)}"
    made = Systemd(str(tmp_path / "notify") if request.param == "path" else abstract)
    yield made
    made.socket.close()


def of(systemd: Systemd, **environment: str) -> Supervisor:
    """Us, who have nothing to say of how we are but this."""
    return Supervisor({"NOTIFY_SOCKET": systemd.address, **environment}, lambda: "2 legs")


def test_o4_it_is_ready_when_it_says_so(systemd: Systemd) -> None:
    supervisor = of(systemd)
    supervisor.ready()
    supervisor.stopping(40)
    supervisor.stop()
    assert systemd.told() == ["READY=1", "STATUS=2 legs"]
    assert systemd.told() == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=40000000"]


def test_o4_signs_of_life_come_twice_in_the_time_and_from_us_alone(systemd: Systemd) -> None:
    supervisor = of(systemd, WATCHDOG_USEC="200000", WATCHDOG_PID=str(os.getpid()))
    assert supervisor.watchdog_seconds == 0.2
    supervisor.ready()
    told = [systemd.told() for _ in range(3)]
    supervisor.stop()
    assert told == [["READY=1", "STATUS=2 legs"], ["WATCHDOG=1"], ["WATCHDOG=1"]]
    assert of(systemd, WATCHDOG_USEC="200000", WATCHDOG_PID="1").watchdog_seconds == 0
    assert of(systemd).watchdog_seconds == 0
    assert of(systemd, WATCHDOG_USEC="soon").watchdog_seconds == 0


def test_without_systemd_nothing_is_told() -> None:
    supervisor = Supervisor({"WATCHDOG_USEC": "200000"}, lambda: "2 legs")
    supervisor.ready()
    supervisor.stopping(40)
    supervisor.stop()
    assert supervisor.watchdog_seconds == 0


def test_a_socket_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": str(tmp_path / "none")}, lambda: "2 legs")
    supervisor.ready()
    supervisor.stopping(40)
    supervisor.stop()


@contextmanager
def watched(systemd: Systemd, *lines: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that is ready, and does this then."""
    code = "\n".join(
        [
            "import gevent, os, time",
            "from controller.runtime.supervisor import Supervisor",
            "Supervisor(os.environ, lambda: 'well').ready()",
            *lines,
        ]
    )
    environment = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "100000"}
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **environment})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_o4_a_process_that_stands_still_gives_no_sign(systemd: Systemd) -> None:
    """O4: stopped (SIGSTOP) it says nothing, and systemd would start it anew; it goes on later."""
    with watched(systemd, "gevent.sleep(120)") as process:
        while systemd.told() != ["WATCHDOG=1"]:
            pass
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert systemd.silent(0.5)
        process.send_signal(signal.SIGCONT)
        assert systemd.told() == ["WATCHDOG=1"]


def test_o4_a_hub_that_stands_still_gives_no_sign(systemd: Systemd) -> None:
    """O4: the process runs, and none of its calls goes on: that is no life."""
    stands = "gevent.spawn_later(0.5, time.sleep, 120)"
    with watched(systemd, stands, "gevent.sleep(240)") as process:
        assert "READY=1" in systemd.told()
        assert systemd.silent(2.0)
        assert process.poll() is None
