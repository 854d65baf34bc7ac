"""A real FreeSWITCH in a directory of its own, with the files of fs-config/ as they are.

Changed in the copy are only the operator's own settings (callback_vars.xml, the event socket's
port and password) and what keeps two switches on one machine apart (the RTP ports).
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from . import sounds
from .eventsocket import EventSocket
from .net import HOST, free_ports, wait_until

FS_CONFIG = Path(__file__).resolve().parents[2] / "fs-config"
PASSWORD = "only-for-this-test"
# Above the ports that the kernel hands out (up to 60999 on Linux) and phones have: the switch takes
# one without looking, and a call whose port is taken ends with INCOMPATIBLE_DESTINATION. Those of
# a switch with stock settings are others too.
RTP_LOWEST, RTP_STEP, RTP_BLOCKS = 61_000, 200, 22
FOLDERS = (
    "conf",
    "log",
    "db",
    "run",
    "cache",
    "storage",
    "sounds",
    "temp",
    "recordings",
    "scripts",
    "grammar",
    "htdocs",
    "certs",
)


def replaced(text: str, pattern: str, value: str) -> str:
    """Replace the one match of a pattern's group; a file that has changed must be noticed."""
    found = list(re.finditer(pattern, text))
    if len(found) != 1:
        raise ValueError(f"{len(found)} matches of {pattern}")
    start, end = found[0].span(1)
    return text[:start] + value + text[end:]


class Switch:
    """The process, its ports, and a connection to its event socket."""

    def __init__(self, binary: str, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.sip_port, self.event_port = free_ports(2)
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._link: EventSocket | None = None
        for name in FOLDERS[1:]:
            (folder / name).mkdir(parents=True)
        shutil.copytree(FS_CONFIG, folder / "conf")
        own = {
            "callback_sip_ip": HOST,
            "callback_rtp_ip": HOST,
            "callback_sip_port": str(self.sip_port),
            "callback_trunks_cidr": f"{HOST}/32",
        }
        self.set_variables({**own, **variables})
        self._edit(
            "event_socket.conf.xml",
            (r'name="listen-port" value="([^"]*)"', str(self.event_port)),
            (r'name="password" value="([^"]*)"', PASSWORD),
        )
        low = RTP_LOWEST + RTP_STEP * (self.sip_port % RTP_BLOCKS)
        self._edit(
            "switch.conf.xml",
            (r'name="rtp-start-port" value="([^"]*)"', str(low)),
            (r'name="rtp-end-port" value="([^"]*)"', str(low + RTP_STEP - 2)),
            (r'name="loglevel" value="([^"]*)"', "debug"),
        )
        self._edit("logfile.conf.xml", (r'name="all" value="([^"]*)"', "all"))
        sounds.make(folder / "sounds")

    @property
    def records(self) -> Path:
        """Where it writes its call records."""
        return self.folder / "log" / "json_cdr"

    def set_variables(self, values: dict[str, str]) -> None:
        """Change settings of callback_vars.xml; before the start only."""
        path = self.folder / "conf" / "callback_vars.xml"
        text = path.read_text("utf-8")
        for name, value in values.items():
            text = replaced(text, rf'data="{name}=([^"]*)"', value)
        path.write_text(text, "utf-8")

    def _edit(self, name: str, *changes: tuple[str, str]) -> None:
        path = self.folder / "conf" / "autoload_configs" / name
        text = path.read_text("utf-8")
        for pattern, value in changes:
            text = replaced(text, pattern, value)
        path.write_text(text, "utf-8")

    def __enter__(self) -> Self:
        """Start it, and wait until it takes calls."""
        places = [word for name in FOLDERS for word in (f"-{name}", str(self.folder / name))]
        with (self.folder / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                [self._binary, "-nf", "-nc", "-nonat", "-np", *places],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until("the switch takes calls", self._ready, every=0.2)
        except BaseException:
            self._stop()
            raise
        return self

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the switch has ended: {self.tail()}")
        try:
            if self._link is None:
                self._link = EventSocket(self.event_port, PASSWORD)
            return "RUNNING" in self.api("sofia status") and self.api("status").startswith("UP")
        except OSError:
            return False

    def api(self, command: str) -> str:
        """Run an API command on the switch."""
        if self._link is None:
            raise RuntimeError("the switch is not running")
        return self._link.api(command)

    def count(self, what: str) -> int:
        """Count its `channels` (legs) or `calls`."""
        found = re.search(r"(\d+) total", self.api(f"show {what}"))
        if found is None:
            raise ValueError(f"show {what} says nothing")
        return int(found[1])

    def wait_idle(self) -> None:
        """Wait until no leg and no call is left."""
        try:
            wait_until(
                "no leg left on the switch",
                lambda: self.count("channels") == self.count("calls") == 0,
            )
        except TimeoutError as late:
            left = self.api("show channels")
            raise AssertionError(f"legs left behind:\n{left}") from late

    def tail(self, lines: int = 40) -> str:
        """Give the end of its log and console."""
        found = []
        for path in (self.folder / "console.log", self.folder / "log" / "freeswitch.log"):
            if path.exists():
                found += path.read_text("utf-8", "replace").splitlines()[-lines:]
        return "\n".join(found)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it for sure."""
        self._stop()

    def _stop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
