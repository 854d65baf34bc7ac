"""The service as its operator starts it: `callbackd serve`, beside a simulated switch."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from controller.demo.run import EVENT_SOCKET_PASSWORD, free_port
from controller.simulator.phones import Phone, TriggerCall

#: Starting takes a while where much else goes on.
_READY_SECONDS = 120.0


class Service:
    """Two processes, with their files in a directory. `said` is what the controller printed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.said: list[str] = []
        self._ports = (free_port(), free_port())
        self.address = f"http://127.0.0.1:{self._ports[1]}"
        self._switch_port = 0
        self._switch_ready = threading.Event()
        self._processes: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start both, and wait until they are ready."""
        switch = self._spawn(
            "switch.log",
            "simulate",
            "--listen=127.0.0.1:0",
            f"--password={EVENT_SOCKET_PASSWORD}",
            f"--controllers=127.0.0.1:{self._ports[0]}",
        )
        self._read(switch.stdout, self._from_switch)
        assert self._switch_ready.wait(_READY_SECONDS), self._tail("switch.log")
        config = self.directory / "callbackd.toml"
        config.write_text(
            f'data_dir = "{self.directory}"\n'
            f"[listen]\nport = {self._ports[0]}\n[web]\nport = {self._ports[1]}\n"
            f'[[nodes]]\nname = "fs1"\nport = {self._switch_port}\n'
            f'password = "{EVENT_SOCKET_PASSWORD}"\n'
        )
        controller = self._spawn("controller.log", f"--config={config}", "serve")
        self._read(controller.stdout, self.said.append)
        until = time.monotonic() + _READY_SECONDS
        while not self._is_ready():
            alive = controller.poll() is None and time.monotonic() < until
            assert alive, self._tail("controller.log")
            time.sleep(0.05)

    def stop(self) -> None:
        """End both."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def run(self, *words: str) -> str:
        """Run a command to its end, and give what it says."""
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "controller",
                f"--config={self.directory / 'callbackd.toml'}",
                *words,
            ],
            capture_output=True,
            text=True,
            timeout=_READY_SECONDS,
            check=False,
            env=_environment(),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def first_link(self) -> str:
        """Give the link that was printed when it started."""
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            found = re.search(r"http://\S+", "\n".join(self.said))
            if found:
                return found[0].rstrip(".")
            time.sleep(0.05)
        raise AssertionError(self.said)

    def call(self, call: TriggerCall, *phones: Phone) -> None:
        """Have somebody ring; these are the phones that will be called."""
        for phone in phones:
            self._tell({"phone": phone})
        self._tell({"call": call})

    def _spawn(self, log: str, *arguments: str) -> subprocess.Popen[str]:
        with (self.directory / log).open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "controller", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=_environment(),
            )
        self._processes.append(process)
        return process

    def _read(self, lines: IO[str] | None, take: Any) -> None:
        assert lines is not None

        def read() -> None:
            # It may be closed before it was read to its end.
            with contextlib.suppress(ValueError):
                for line in lines:
                    take(line)

        threading.Thread(target=read, daemon=True).start()

    def _from_switch(self, line: str) -> None:
        entry: dict[str, Any] = msgspec.json.decode(line)
        if "ready" in entry:
            self._switch_port = int(entry["ready"]["port"])
            self._switch_ready.set()

    def _tell(self, message: object) -> None:
        stdin = self._processes[0].stdin
        assert stdin is not None
        stdin.write(msgspec.json.encode(message).decode() + "\n")
        stdin.flush()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def _tail(self, log: str) -> str:
        return (self.directory / log).read_text()[-2000:]


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("CALLBACKD_")}
    # What is printed is to be read as it comes.
    return own | {"PYTHONUNBUFFERED": "1"}


@contextmanager
def serving(directory: Path) -> Iterator[Service]:
    """Run the service."""
    made = Service(directory)
    try:
        made.start()
        yield made
    finally:
        made.stop()
