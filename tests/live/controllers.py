"""Controllers under test: the real command, in processes of their own."""

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from controller.cli import main
from tests.databases import locked

from .net import HOST, PATIENCE_S, free_ports, wait_until

ROOT = Path(__file__).resolve().parents[2]
# Another command line, such as an installed `callbackd`, may be named here.
OTHER = shlex.split(os.environ.get("CALLBACK_LIVE_COMMAND", ""))
COMMAND = OTHER or [sys.executable, "-m", "controller"]


def toml(value: str | int | list[str]) -> str:
    """Write a value; JSON's strings, numbers and lists of strings are TOML's too."""
    return json.dumps(value)


class Controller:
    """One controller; several of them share a data directory, as on one machine.

    `settings` are further ones, as in its file, sections and all; `records`: where the switch
    writes its call records; `host`: where it listens; `advertise`: where it says that the switch
    reaches it.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        listen_port: int,
        event_port: int,
        password: str,
        settings: str = "",
        records: Path | None = None,
        host: str = HOST,
        advertise: str = "",
    ) -> None:
        folder.mkdir(parents=True)
        self.name = folder.name
        self.log = folder / "controller.log"
        self._folder = folder
        self._database = data / "callbackd.sqlite3"
        self._web_port = free_ports(1)[0]
        self._config = folder / "callback.toml"
        self._config.write_text(
            f"name = {toml(self.name)}\ndata_dir = {toml(str(data))}\n{settings}\n"
            f"[listen]\nhost = {toml(host)}\nport = {listen_port}\nallow = ['127.0.0.0/8']\n"
            f"advertise = {toml(advertise)}\n"
            f"[web]\nhost = {toml(HOST)}\nport = {self._web_port}\n"
            f"[[nodes]]\nname = 'fs1'\nhost = {toml(HOST)}\nport = {event_port}\n"
            f"password = {toml(password)}\n"
            + (f"records_dir = {toml(str(records))}\n" if records else ""),
            "utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._token: str | None = None

    def run(self, *words: str) -> str:
        """Run one of its commands to the end, and give what it says."""
        arguments = ["--config", str(self._config), *words]
        if not OTHER:
            # Starting a process takes ten times as long as what most commands do.
            result = CliRunner().invoke(main, arguments)
            if result.exit_code != 0:
                raise AssertionError(f"{words}: {result.exit_code}\n{result.output}")
            return result.stdout
        done = subprocess.run(
            [*OTHER, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def requests(self) -> list[dict[str, Any]]:
        """List the callback requests."""
        listed: list[dict[str, Any]] = json.loads(self.run("callback", "list", "--json"))
        return listed

    def fetch(self, path: str, body: bytes | None = None, **headers: str) -> str:
        """Fetch a page of it while it serves; with a body, post that there."""
        asked = urllib.request.Request(
            f"http://{HOST}:{self._web_port}{path}", data=body, headers=headers
        )
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as answer:
            return str(answer.read().decode())

    def ask(self, path: str, document: dict[str, Any] | None = None) -> Any:
        """Ask its API, as the operator; with a document, post that there."""
        if self._token is None:
            added = self.run("token", "add", self.name, "--role", "admin")
            self._token = added.splitlines()[-1]
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        return json.loads(self.fetch(f"/api/v1{path}", body, **headers))

    def account(self, owner: str) -> dict[str, Any]:
        """Give the one account of an extension."""
        account: dict[str, Any]
        (account,) = self.ask(f"/accounts?owner={owner}")["items"]
        return account

    def entries(self, owner: str) -> list[dict[str, Any]]:
        """Give the ledger of an extension's account."""
        path = f"/accounts/{self.account(owner)['id']}/entries?limit=1000"
        items: list[dict[str, Any]] = self.ask(path)["items"]
        return items

    def top_up(self, owner: str, amount: int, key: str) -> None:
        """Add to an extension's account, micro-units."""
        path = f"/accounts/{self.account(owner)['id']}/entries"
        self.ask(path, {"amount": amount, "key": key})

    def show(self, request: str) -> dict[str, Any]:
        """Show one callback request, with its tries and transcript."""
        shown: dict[str, Any] = json.loads(self.run("callback", "show", request, "--json"))
        return shown

    def start(self) -> None:
        """Serve, and wait until it is ready for calls."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "--config", str(self._config), "serve"],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(f"{self.name} is ready", self._ready, every=0.1)

    def _ready(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{self.name} has ended:\n{self.tail()}")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._web_port}/readyz", timeout=2) as r:
                return bool(r.status == 200)
        except urllib.error.HTTPError as refused:
            refused.close()
            return False
        except OSError:
            return False

    def kill(self) -> None:
        """Die: SIGKILL, in the middle of whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Stand still: SIGSTOP, while it writes nothing.

        Who is frozen while he writes to a file of SQLite keeps all others from writing.
        """
        assert self._process is not None
        with locked(self._database):
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def logged(self, event: str, **facts: str) -> list[dict[str, Any]]:
        """Give what it has logged of an event."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        said = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        found = [line for line in said if line["event"] == event]
        return [line for line in found if facts.items() <= line.items()]

    def stop(self) -> None:
        """Stop in good order; one that does not is killed."""
        if self._process is None or self._process.poll() is not None:
            return
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self, lines: int = 60) -> str:
        """Give the end of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])
