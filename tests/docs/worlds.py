"""What the commands of a page find there: a small set of parts, which its first comment names.

A page says `<!-- tried with: extension 1001, files to import -->`; without such a comment it has an
empty directory, and a database in which nothing was set up. Pages that change nothing share "a
controller to look at": one of its own costs a second of CPU.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Final

import msgspec
from click.testing import CliRunner

from controller.cli import main
from controller.store.database import open_database
from controller.store.requests import Requests
from tests.databases import new_file
from tests.docs.blocks import ROOT
from tests.docs.runner import Runner, Started
from tests.redis_servers import free_port
from tests.unit.sounds.given import file, tone

#: How long is waited for what must come, seconds. Nothing is measured by it.
PATIENCE: Final = 60.0
_CALLER: Final = "12125550199"
_WRONG: Final = "12125550177"
_CALLED: Final = "12125550123"
#: What is there with "extension 1001".
_EXTENSION: Final = (
    "client add acme",
    "channel add pstn",
    "number add +12025550111 --channel pstn --client main",
    "extension add 1001 --did +12025550100 --did +12025550111 --country US --ring-seconds 1 "
    "--caller-id +12025550111 --password 2468",
)
_PHONES: Final = {
    "phones": [
        {
            "number": _CALLER,
            "calls": [
                {
                    "after": 0.1,
                    "keys": [
                        {"press": "2468#", "gap": 0.01},
                        {
                            "press": f"{_CALLED}#",
                            "gap": 0.01,
                            "when": "heard",
                            "what": "enter_destination",
                        },
                    ],
                }
            ],
        },
        {
            "number": _WRONG,
            "calls": [{"after": 0.1, "keys": [{"press": "1357#", "gap": 0.01}] * 3}],
        },
        {
            "number": _CALLED,
            "calls": [{"after": 0.1, "hang_up": {"when": "bridge", "after": 0.2}}],
        },
    ]
}
_FILES: Final = {
    "callers.csv": "number,enabled,notes\n+12125550177,true,Ada\n",
    "rates.csv": "prefix,per_minute,description\n+43,0.02,Austria\n",
    "paid-in.csv": "account,key,amount\n1001,bank/4712,5.00\n",
}


class World(msgspec.Struct):
    """What a page is tried with.

    `words` are those of the page that stand for something else here: `ID` for the id of a callback.
    """

    directory: Path
    environment: dict[str, str] = {}
    words: dict[str, str] = {}


class Worlds:
    """Makes worlds. `directory`: of what is there for all of them; a short path."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.runner = Runner(directory)
        self._until_the_end = ExitStack()
        self._to_look_at: World | None = None

    @contextmanager
    def world(self, directory: Path, parts: tuple[str, ...]) -> Iterator[World]:
        """Make what a page asks for in a directory, and end it when the page is done."""
        made = World(directory)
        with ExitStack() as until_the_end:
            if "a controller to look at" not in parts:
                self._data(directory, parts)
            for part in parts:
                PARTS[part](made, self, until_the_end)
            yield made

    def _data(self, directory: Path, parts: tuple[str, ...]) -> None:
        data = directory / "callbackd-data"
        if {"extension 1001", "a serving controller"} & set(parts):
            shutil.copytree(_prepared(self.directory), data)
        else:
            data.mkdir()
            new_file(data / "callbackd.sqlite3")

    def to_look_at(self) -> World:
        """The one controller, with its switch, of all pages that change nothing there."""
        if self._to_look_at is None:
            directory = self.directory / "shared" / "page"
            directory.mkdir(parents=True)
            parts = ("a serving controller",)
            made = self._until_the_end.enter_context(self.world(directory, parts))
            made.environment["CALLBACKD_DATA_DIR"] = str(directory / "callbackd-data")
            self._to_look_at = made
        return self._to_look_at

    def close(self) -> None:
        """End everything."""
        self._until_the_end.close()
        self.runner.close()


def _nothing_more(made: World, worlds: Worlds, until_the_end: ExitStack) -> None:
    """It is in the database that was copied."""


def _shared(made: World, worlds: Worlds, until_the_end: ExitStack) -> None:
    shared = worlds.to_look_at()
    made.environment |= shared.environment
    made.words |= shared.words


def _files(made: World, worlds: Worlds, until_the_end: ExitStack) -> None:
    for name, text in _FILES.items():
        (made.directory / name).write_text(text, "utf-8")
    sound = file(tone(0.25), "MP3", "MPEG_LAYER_III")
    (made.directory / "goodbye.mp3").write_bytes(sound)


def _serving(made: World, worlds: Worlds, until_the_end: ExitStack) -> None:
    """A switch and a controller, and a callback that was made: who talked, and over which legs."""
    listen, web, switch = free_port(), free_port(), free_port()
    made.environment |= {
        "CALLBACKD_LISTEN__PORT": str(listen),
        "CALLBACKD_WEB__PORT": str(web),
        "CALLBACKD_NODES": f'[{{name = "fs1", port = {switch}}}]',
        "CALLBACKD_DISPATCHER__POLL_SECONDS": "0.1",
        "CALLBACKD_NAME": "callback-a",
    }
    made.words |= {
        "127.0.0.1:8085": f"127.0.0.1:{web}",
        "127.0.0.1:8084": f"127.0.0.1:{listen}",
        "127.0.0.1:8021": f"127.0.0.1:{switch}",
    }
    script = made.directory.parent / "phones.json"
    script.write_text(json.dumps(_PHONES), "utf-8")
    start = _starting(made, worlds, until_the_end)
    start(
        f"simulate --listen 127.0.0.1:{switch} --controllers 127.0.0.1:{listen} --script {script}"
    )
    controller, log = start("serve")
    _until(lambda: _is_ready(web), controller, log)
    id_ = _callback(made, _CALLER, "completed", controller, log)
    made.words |= {"ID": id_, "LEG": _leg(made)}


def _starting(
    made: World, worlds: Worlds, until_the_end: ExitStack
) -> Callable[[str], tuple[Started, Path]]:
    numbers = itertools.count()

    def start(command: str) -> tuple[Started, Path]:
        path = made.directory.parent / f"process{next(numbers)}.log"
        log: IO[bytes] = until_the_end.enter_context(path.open("wb"))
        started = worlds.runner.start(command.split(), made.directory, made.environment, log)
        until_the_end.callback(started.kill)
        return started, path

    return start


def _callback(
    made: World, number: str, outcome: str, controller: Started | None = None, log: Path = Path()
) -> str:
    """Have a number called back, and give the callback's id when it has ended so."""
    id_ = str(
        json.loads(_done(f"callback ask 1001 +{number} --delay-seconds 0 --json", made))["id"]
    )
    engine = open_database(f"sqlite:///{made.directory}/callbackd-data/callbackd.sqlite3")
    try:
        requests = Requests(engine)

        def state() -> tuple[str, str | None]:
            found = requests.get(id_)
            assert found is not None
            return found.state, found.outcome

        _until(lambda: state()[0] == "done", controller, log)
        assert state() == ("done", outcome)
    finally:
        engine.dispose()
    return id_


def _leg(made: World) -> str:
    found: list[str] = []
    # The record of a leg is written just after its end.
    _until(lambda: found.extend(_legs(made)) or found)  # type: ignore[func-returns-value]
    return found[0]


def _legs(made: World) -> list[str]:
    return [leg["leg"] for leg in json.loads(_done("call list --json", made))]


def _until(so: Callable[[], object], process: Started | None = None, log: Path = Path()) -> None:
    """Wait until something is so that nobody tells of."""
    end = time.monotonic() + PATIENCE
    while not so():
        assert process is None or not process.ended(), log.read_text()
        assert time.monotonic() < end, log.read_text() if process is not None else "not in time"
        time.sleep(0.05)


def _is_ready(web: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{web}/readyz", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _done(command: str, made: World) -> str:
    """Run a command over a world's database; give what it printed."""
    data = made.directory / "callbackd-data"
    environment = {**made.environment, "CALLBACKD_DATA_DIR": str(data)}
    result = CliRunner().invoke(main, command.split(), env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout


@cache
def _prepared(directory: Path) -> Path:
    """A data directory in which extension 1001 is. It is made once."""
    made = World(directory / "prepared")
    data = made.directory / "callbackd-data"
    data.mkdir(parents=True)
    new_file(data / "callbackd.sqlite3")
    for command in _EXTENSION:
        _done(command, made)
    return data


def _locked(made: World, worlds: Worlds, until_the_end: ExitStack) -> None:
    """Who types three wrong passwords is locked out."""
    _callback(made, _WRONG, "password_failed")


def _configuration(made: World, worlds: Worlds, until_the_end: ExitStack) -> None:
    """Where a switch has its configuration and sounds, as it came, and the project's files."""
    conf, sounds = made.directory / "freeswitch", made.directory / "sounds"
    for directory in ("autoload_configs", "dialplan", "sip_profiles/callback_public"):
        (conf / directory).mkdir(parents=True)
    sounds.mkdir()
    # A copy, since a link would have the project's own files written to.
    shutil.copytree(ROOT / "fs-config", made.directory / "fs-config")
    made.environment |= {"CONF": str(conf), "SOUNDS": str(sounds)}


PARTS: Final[dict[str, Callable[[World, Worlds, ExitStack], None]]] = {
    "extension 1001": _nothing_more,
    "files to import": _files,
    "a serving controller": _serving,
    "a controller to look at": _shared,
    # Behind a serving controller.
    "a caller who is locked out": _locked,
    "a configuration of FreeSWITCH": _configuration,
}
