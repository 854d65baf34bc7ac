"""A4, O7: no secret that is set is in a log, an answer, an output, a process list or a table."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import gevent
from click.testing import CliRunner
from gevent import subprocess

from controller.cli import main
from controller.policy.channels import Channel
from controller.simulator import HangUp
from tests.peer.world import CALLER, PATIENCE, World, answering, kill, typed, until
from tests.seed import ADMIN, directory

NODE = "canary-node-3f81"
HOOK = "canary-hook-path-55d0"
STREAM = "canary-stream-secret-7b2e"
NOTICE = "canary-notice-secret-9c44"
TRUNK = "canary-trunk-18a6"
REDIS = "canary-redis-c0de"
DATABASE = "canary-database-2b9f"
TOKEN = "cbd_canary-wrong-token-61f7"
#: What a caller types.
PASSWORD = "73914682015734"
SECRETS = (NODE, HOOK, STREAM, NOTICE, TRUNK, REDIS, DATABASE, TOKEN, PASSWORD)


def environment(world: World) -> dict[str, str]:
    """Give settings in which every secret is set; one of them in a file of its own."""
    file = world.directory / "trunk-password"
    file.write_text(f"{TRUNK}\n")
    port = world.switch.address[1]
    return {
        "CALLBACKD_DATA_DIR": str(world.directory),
        "CALLBACKD_NODES": f'[{{name = "sim1", port = {port}, password = "{NODE}"}}]',
        # Nothing is there: what cannot be reached is spoken of.
        "CALLBACKD_REDIS__URL": f"redis://:{REDIS}@127.0.0.1:1/0",
        "CALLBACKD_NOTICES__URL": f"http://127.0.0.1:1/{HOOK}",
        "CALLBACKD_NOTICES__SECRET": NOTICE,
        "CALLBACKD_RECORDS__STREAMS": f'[{{name = "billing", url = "http://127.0.0.1:1/{HOOK}",'
        f' secret = "{STREAM}"}}]',
        "CALLBACKD_CHANNEL_PASSWORDS__PSTN_FILE": str(file),
    }


def commands(env: dict[str, str]) -> Iterator[str]:
    """Run commands that show what there is; give what each printed."""
    for line in (
        "check",
        "check --json",
        "extension list --json",
        "extension show 1001",
        "client list",
        "token list --json",
        "audit list --json",
        "callback list --json",
        "lockout list",
        "export",
        "explain callback --did +12025550101 --caller +12125550199",
        "switch config",
        "switch compare",
    ):
        result = CliRunner().invoke(main, line.split(), env=env)
        error = result.exception
        assert error is None or isinstance(error, SystemExit), (line, error)
        yield f"{line}\n{result.output}"


def faults(env: dict[str, str]) -> Iterator[str]:
    """Run commands that fail; give what each printed."""
    away = {"CALLBACKD_DATABASE__URL": f"postgresql://callbackd:{DATABASE}@127.0.0.1:1/callbackd"}
    odd = {"CALLBACKD_DATABASE__URL": f"mysql://callbackd:{DATABASE}@127.0.0.1:1/callbackd"}
    worse = {"CALLBACKD_DATABASE__URL": f"://{DATABASE}"}
    cache = {"CALLBACKD_REDIS__URL": f"memcached://:{REDIS}@127.0.0.1:1/x"}
    nodes = {"CALLBACKD_NODES": f'[{{name = "a b", password = "{NODE}"}}]'}
    broken = {"CALLBACKD_NODES": f'[{{name = "sim1", password = "{NODE}" "{NODE}"}}]'}
    hook = {"CALLBACKD_NOTICES__URL": f"ftp://{HOOK}"}
    short = {"CALLBACKD_NOTICES__SECRET": NODE[:8]}
    for more in (away, odd, worse, cache, nodes, broken, hook, short):
        for line in ("check", "client list", "serve"):
            if more is cache and line != "serve":
                continue
            result = CliRunner().invoke(main, line.split(), env=env | more)
            assert result.exit_code != 0, (line, more, result.output)
            error = result.exception
            assert isinstance(error, SystemExit), (line, more, error)
            yield f"{line} {sorted(more)}\n{result.output}"


def processes(root: int) -> Iterator[str]:
    """Give the command lines of a process and all below it, as everybody here can read them."""
    below = [root]
    while below:
        pid = below.pop()
        path = Path(f"/proc/{pid}")
        # It may end meanwhile.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            for task in (path / "task").iterdir():
                below += [int(child) for child in (task / "children").read_text().split()]


def fetch(world: World, path: str, token: str | None = None) -> str:
    """Fetch a page; give its head and body, whatever its status."""
    host, port = world.web
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"http://{host}:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return f"{answer.headers}\n{answer.read().decode()}"
    except urllib.error.HTTPError as error:
        return f"{error.headers}\n{error.read().decode()}"


def test_a4_o7_no_secret_is_anywhere_but_where_it_was_put(world: World) -> None:
    """A4, O7: a controller that debugs, a call with a password, every page, every command."""
    world.switch.password = NODE
    world.channels = [
        Channel(name="pstn", proxy="sip.example.com", username="1234", register=True),
        Channel(name="pstn2"),
    ]
    world.extension(password=PASSWORD)
    _, token = directory(world.engine).issue_token(ADMIN, {"name": "test", "role": "admin"})
    env = environment(world)
    process = world.process(0, **env)
    hang_up = HangUp(when="heard", what="enter", after=1.0)
    world.phone(CALLER, answering(typed(PASSWORD), hang_up=hang_up))
    world.ring()
    world.wait(lambda: len(world.questions()) >= 1)
    world.ended()
    said = [
        *(fetch(world, path) for path in ("/metrics", "/readyz", "/livez")),
        *(
            fetch(world, f"/api/v1/{path}", token)
            for path in (
                "extensions", "clients", "channels", "tokens", "audit", "callbacks", "calls",
                "lockouts", "openapi.json",
            )
        ),
        fetch(world, "/api/v1/clients", TOKEN),
        fetch(world, f"/api/v1/{TOKEN}"),
        *processes(process.pid),
    ]  # fmt: skip
    printed = list(commands(env))
    assert kill(process, 15) == 0
    failed = list(faults(env))
    until(lambda: b'"stopped"' in world.logged[-1])
    logged = b"".join(world.logged).decode()
    for secret in (*SECRETS, token):
        assert secret not in logged, [line for line in logged.splitlines() if secret in line]
        for text in (*said, *printed, *failed):
            assert secret not in text, (secret, text[:2000])
    # What there is of them is hashes, and what is told of them is that they are there.
    world.engine.dispose()
    with sqlite3.connect(world.directory / "callbackd.sqlite3") as database:
        dump = "\n".join(database.iterdump())
    for secret in (*SECRETS, token):
        assert secret not in dump
    assert "argon2id$" in dump
    assert "argon2id$" not in "".join((*said, *printed, *failed, logged))


def test_a4_what_is_made_is_its_owners_alone(tmp_path: Path) -> None:
    """A4: whatever the umask; what the switch has to read is in a directory for that."""
    data = tmp_path / "data"
    code = (
        "import os, sys, runpy; os.umask(0); sys.argv = ['callbackd', 'serve']; "
        "runpy.run_module('controller', run_name='__main__')"
    )
    env = {
        **os.environ,
        "CALLBACKD_DATA_DIR": str(data),
        "CALLBACKD_WEB__PORT": "0",
        "CALLBACKD_LISTEN__PORT": "0",
        "CALLBACKD_DRAIN_SECONDS": "0",
    }
    process = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        with gevent.Timeout(PATIENCE):
            for line in process.stderr:
                if b'"redis_begun"' in line:
                    break
            else:
                raise AssertionError("it ended")
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        seen = set()
        for path in sorted(data.rglob("*")):
            if path.is_relative_to(data / "sounds"):
                continue
            seen.add(path.relative_to(data).as_posix())
            assert path.stat().st_mode & 0o077 == 0, (path, oct(path.stat().st_mode))
        assert seen >= {"callbackd.sqlite3", "callbackd.sqlite3-wal", "pepper", "redis"}
        assert any(stat.S_ISSOCK((data / name).stat().st_mode) for name in seen)
    finally:
        kill(process, 15)
        process.stderr.close()
