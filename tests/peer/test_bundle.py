"""A4, O7: what `callbackd bundle` gives away holds no secret, and nobody's number unless asked."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from controller.admin.model import Kind
from controller.cli import main
from controller.policy.channels import Channel
from controller.simulator import HangUp
from controller.store.passwords import load_pepper
from tests.peer.world import CALLER, DID, World, answering, kill, typed, until
from tests.people import PASSWORD as LOG_IN
from tests.people import Office
from tests.seed import ADMIN, directory

NODE = "canary-node-3f81"
HOOK = "canary-hook-path-55d0"
STREAM = "canary-stream-secret-7b2e"
NOTICE = "canary-notice-secret-9c44"
TRUNK = "canary-trunk-18a6"
REDIS = "canary-redis-c0de"
DATABASE = 'canary/data?ba#se"2b9f'
QUERY = "canary-query-81d2"
TYPED = "73914682015734"
PIN = "914682"
#: What the settings have while all runs, and where other servers are used.
SET = (NODE, HOOK, STREAM, NOTICE, TRUNK, QUERY)
SERVERS = (REDIS, DATABASE)
#: What they do not have: it is known by its name, or by what it looks like.
UNKNOWN = (TYPED, LOG_IN)
NUMBERS = (CALLER, DID, "4930123456", "2125550199")


def environment(world: World) -> dict[str, str]:
    """Give settings in which every secret is set; one of them in a file of its own."""
    file = world.directory / "trunk-password"
    file.write_text(f"{TRUNK}\n")
    port = world.switch.address[1]
    return {
        "CALLBACKD_DATA_DIR": str(world.directory),
        "CALLBACKD_NODES": f'[{{name = "sim1", port = {port}, password = "{NODE}"}},'
        f'{{name = "gone", port = 1, password = "{NODE}"}}]',
        "CALLBACKD_NOTICES__URL": f"http://127.0.0.1:1/{HOOK}",
        "CALLBACKD_NOTICES__SECRET": NOTICE,
        "CALLBACKD_RECORDS__STREAMS": f'[{{name = "billing", url = "http://127.0.0.1:1/'
        f'{HOOK}?key={QUERY}", secret = "{STREAM}"}}]',
        "CALLBACKD_CHANNEL_PASSWORDS__PSTN_FILE": str(file),
    }


def log_of(world: World, *secrets: str) -> Path:
    """Write what was logged, and more: what should never be, in each shape."""
    lines = [*world.logged]
    for secret in secrets:
        more: dict[str, Any] = {
            "event": f"odd {secret}", "error": f"cannot reach redis://:{secret}@host/{secret}",
            "password": secret, "list": [secret, {"user_pin": secret}], "level": "info",
        }  # fmt: skip
        lines += [json.dumps(more).encode() + b"\n", f"plain: {secret}!\n".encode()]
    lines += [json.dumps({"event": "typed", "user_password": one}).encode() for one in UNKNOWN]
    lines.append(f'{{"event": "call", "caller": "+{CALLER}", "pin": "{PIN}"}}\n'.encode())
    lines.append(f"sofia/gateway/pstn/{CALLER} to sip:004930123456@host; {DID}\n".encode())
    path = world.directory / "serve.log"
    path.write_bytes(b"".join(lines))
    return path


def bundle(env: dict[str, str], log: Path, *options: str) -> dict[str, bytes]:
    """Make one, and unpack it; the name of each file without that of the bundle."""
    path = log.parent / f"bundle{len(list(log.parent.glob('bundle*')))}.tar.gz"
    done = CliRunner().invoke(main, ["bundle", str(path), "--log", str(log), *options], env=env)
    assert done.exit_code == 0, done.output
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        members = archive.getmembers()
        assert all(member.name.startswith("callbackd-bundle-") for member in members)
        return {
            member.name.partition("/")[2]: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in members
        }


class Planted:
    """A service with a secret in each place that can have one, and one call with a password."""

    def __init__(self, world: World) -> None:
        world.switch.password = NODE
        world.channels = [
            Channel(name="pstn", proxy="sip.example.com", username="4930123456", register=True),
            Channel(name="pstn2"),
        ]
        world.extension(password=TYPED)
        pepper = load_pepper(world.directory / "pepper")
        store = directory(world.engine, pepper)
        caller = {"extension": "1001", "number": f"+{CALLER}", "pin": PIN}
        store.create(ADMIN, Kind.CALLERID, caller)
        _, token = store.issue_token(ADMIN, {"name": "test", "role": "admin"})
        office = Office(world.engine)
        session = office.admin()
        made, recovery = office.authenticator("ada")
        self.environment = environment(world)
        self.process = world.process(0, **self.environment)
        self.environment["CALLBACKD_WEB__PORT"] = str(world.web[1])
        hang_up = HangUp(when="heard", what="enter", after=1)
        world.phone(CALLER, answering(typed(TYPED), hang_up=hang_up))
        world.ring()
        world.ended()
        with sqlite3.connect(world.directory / "callbackd.sqlite3") as database:
            dump = "\n".join(database.iterdump())
        hashes = re.findall(r"argon2id\$[^'\"]+", dump)
        assert len(hashes) >= 3
        self.secrets = (
            *SET, *UNKNOWN, token, session, made.secret, *recovery, *hashes, pepper.hex(),
        )  # fmt: skip
        self.shapes = (token, *hashes)
        self.log = log_of(world, *SET, *self.shapes)


def test_a4_o7_a_bundle_holds_no_secret_and_no_number(world: World) -> None:
    """A4, O7: while all runs; with numbers, where they are asked for; and with all of it dead."""
    planted = Planted(world)
    found = bundle(planted.environment, planted.log)
    nothing_of(found, *planted.secrets, *NUMBERS)
    is_of_use(found)
    # Asked for, numbers stay; secrets never do.
    whole = bundle(planted.environment, planted.log, "--numbers")
    nothing_of(whole, *planted.secrets)
    assert json.loads(whole["callbacks.jsonl"])["caller"] == f"+{CALLER}"

    assert kill(planted.process, 15) == 0
    until(lambda: b'"stopped"' in world.logged[-1])
    # SQLAlchemy takes the rest of it as it is.
    quoted = DATABASE.replace('"', "%22")
    dead = {
        **planted.environment,
        "CALLBACKD_DATABASE__URL": f"postgresql://callbackd:{quoted}@127.0.0.1:1/x"
        f"?sslpassword={QUERY}",
        "CALLBACKD_REDIS__URL": f"redis://:{REDIS}@127.0.0.1:1/0",
    }
    log_of(world, *SET, *SERVERS, *planted.shapes)
    left = bundle(dead, planted.log)
    nothing_of(left, *planted.secrets, *SERVERS, quoted, *NUMBERS)
    errors = left["errors.txt"].decode()
    for part in ("database: ", "callbacks: ", "controllers: ", "this machine's controller: "):
        assert part in errors
    assert b"127.0.0.1:1" in left["check.json"]
    # Where the settings cannot be read nobody knows what is secret in a log: it is left out.
    nodes = {"CALLBACKD_NODES": f'[{{name = "a b", password = "{NODE}"}}]'}
    broken = bundle(dead | nodes, planted.log)
    nothing_of(broken, *planted.secrets, *SERVERS)
    assert broken["errors.txt"].startswith(b"settings: ")
    assert {"check.json", "errors.txt", "versions.json", "MANIFEST.txt"} == set(broken)


def is_of_use(found: dict[str, bytes]) -> None:
    """Check that what helps is in it."""
    assert {
        "MANIFEST.txt", "versions.json", "settings.json", "check.json", "check-switch.json",
        "switches/sim1.txt", "switches/gone.txt", "database.json", "nodes.json",
        "controllers.json", "callbacks.jsonl", "readyz.json", "metrics.txt", "log-1.jsonl",
    } == set(found)  # fmt: skip
    (last,) = found["callbacks.jsonl"].splitlines()
    assert json.loads(last)["state"] == "done"
    assert json.loads(last)["caller"].startswith("+121\N{HORIZONTAL ELLIPSIS}")
    assert b"callbackd_callbacks_total" in found["metrics.txt"]
    assert b"FreeSWITCH Version" in found["switches/sim1.txt"]
    assert b"onnect" in found["switches/gone.txt"]
    assert json.loads(found["database.json"])["rows"]["callback_request"] == 1
    controllers = json.loads(found["controllers.json"])["controllers"]
    assert [one["member"]["name"] for one in controllers] == ["controller0"]
    assert b'"return_call"' in found["log-1.jsonl"]
    settings = json.loads(found["settings.json"])["settings"]
    assert [node["password"] for node in settings["nodes"]] == ["(removed)", "(removed)"]
    assert settings["records"]["streams"][0]["url"] == "http://127.0.0.1:1"
    assert b"secrets, " in found["MANIFEST.txt"]


def nothing_of(found: dict[str, bytes], *secrets: str) -> None:
    """Check that none of these is in any byte of a bundle."""
    for name, content in found.items():
        for secret in secrets:
            for one in {secret, json.dumps(secret)[1:-1]}:
                at = content.find(one.encode())
                assert at < 0, (name, one, content[max(at - 80, 0) : at + 80])
            assert not re.search(re.escape(secret), name)
