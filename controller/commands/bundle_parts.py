"""What is in a bundle for support, part by part: each gives files, and may fail by itself."""

from __future__ import annotations

import http.client
import platform
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any, Final

import gevent
import msgspec

from controller.commands import log_lines
from controller.commands.findings import told
from controller.commands.masking import Masking
from controller.commands.nodes import asking
from controller.esl.errors import EslError
from controller.release import release
from controller.settings import Settings
from controller.settings.secret_values import cleaned, environment_names

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.commands.findings import Finding
    from controller.settings import Node

#: How long one switch is asked, and this machine's controller, seconds.
_SWITCH_SECONDS: Final = 8.0
_WEB_SECONDS: Final = 3.0
#: What a switch is asked: nothing that changes anything, and nothing that has a password.
_QUESTIONS: Final = (
    ("version",), ("status",), ("sofia", "status"), ("show", "calls", "count"),
    ("show", "modules"), ("fsctl", "sps"), ("fsctl", "max_sessions"),
)  # fmt: skip
#: No answer of a switch needs to be longer.
_LONGEST: Final = 200_000

#: Name and content of a file.
File = tuple[str, bytes]


def as_json(masking: Masking, value: Any) -> bytes:
    """Write plain data, without secrets and numbers."""
    return _written(masking.value(value))


def _written(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def versions(masking: Masking) -> Iterator[File]:
    """Give what runs here."""
    try:
        system = dict(platform.freedesktop_os_release())
    except OSError:
        system = {}
    packages = {one.metadata["Name"]: one.version for one in distributions()}
    yield (
        "versions.json",
        as_json(
            masking,
            {
                "callbackd": release(),
                "python": sys.version,
                "platform": platform.platform(),
                "system": system.get("PRETTY_NAME", ""),
                "packages": dict(sorted(packages.items())),
            },
        ),
    )


def settings(masking: Masking, found: Settings, config: str | None) -> Iterator[File]:
    """Give the settings without secrets, and where they are from."""
    said = {"file": config, "variables": environment_names(), "settings": cleaned(found)}
    yield "settings.json", as_json(masking, said)


def check(masking: Masking, name: str, findings: Iterable[Finding]) -> Iterator[File]:
    """Give what `callbackd check` finds, anew with each finding: the next may never come."""
    found: list[Any] = []
    for one in findings:
        found.append(masking.value(told(one)))
        yield name, _written(found)


def switches(masking: Masking, nodes: Iterable[Node]) -> Iterator[File]:
    """Give what each switch says of itself; of one that is dead, that."""
    for node in nodes:
        lines = [f"# {node.name} at {node.host}:{node.port}"]
        late = gevent.Timeout(_SWITCH_SECONDS)
        try:
            with late, asking(node) as ask:
                for question in _QUESTIONS:
                    lines.append(f"\n# {' '.join(question)}")
                    try:
                        lines.append(ask(*question)[:_LONGEST])
                    except EslError as error:
                        lines.append(f"{type(error).__name__}: {error}")
        except gevent.Timeout as error:
            if error is not late:
                raise
            lines.append(f"it did not answer within {_SWITCH_SECONDS:g} seconds")
        except EslError as error:
            lines.append(f"{type(error).__name__}: {error}")
        yield f"switches/{node.name}.txt", masking.text("\n".join(lines) + "\n").encode()


def database(masking: Masking, url: str) -> Iterator[File]:
    """Give the database's revision, what keeps it, and how many rows its tables have."""
    from sqlalchemy import func, inspect, select, table

    from controller.store.database import look_at_database
    from controller.store.upgrade import head

    with look_at_database(url) as (engine, revision), engine.connect() as connection:
        version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        counts = {
            name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
            for name in sorted(inspect(connection).get_table_names())
        }
        said = {
            "revision": revision,
            "this_release_has": head(),
            "server": f"{connection.dialect.name} {version}",
        }
        # A count is neither a secret nor a number, whatever its table is called.
        yield "database.json", _written({**masking.value(said), "rows": counts})


def nodes(masking: Masking, engine: Engine) -> Iterator[File]:
    """Give the switches as controllers saw them last."""
    from controller.store.nodes_seen import NodesSeen

    yield (
        "nodes.json",
        as_json(masking, msgspec.to_builtins(list(NodesSeen(engine).all().values()))),
    )


def controllers(masking: Masking, found: Settings, engine: Engine) -> Iterator[File]:
    """Give the controllers as they stand in Redis, and which Redis that is."""
    from controller.commands.check_redis import info_of, version_of
    from controller.commands.lockout import counts_of, redis_of

    with redis_of(found, what="controllers") as redis:
        info = info_of(redis)
    with counts_of(found, engine, what="controllers") as counts:
        names = (
            "uptime_in_seconds", "role", "used_memory", "maxmemory", "maxmemory_policy",
            "connected_clients", "evicted_keys", "rejected_connections",
        )  # fmt: skip
        said = {
            "redis": version_of(info),
            "info": {name: info[name] for name in names if name in info},
            "controllers": msgspec.to_builtins(list(counts.presence.look() or ())),
        }
    yield "controllers.json", as_json(masking, said)


def callbacks(masking: Masking, rows: Iterable[dict[str, Any]]) -> Iterator[File]:
    """Give the last callbacks, and what became of them, one a line."""
    lines = [msgspec.json.encode(masking.value(row)) for row in rows]
    yield "callbacks.jsonl", b"".join(line + b"\n" for line in lines)


def running(masking: Masking, found: Settings) -> Iterator[File]:
    """Give what this machine's controller says of itself, if it runs. Raises `OSError`."""
    host = found.web.host
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    for path, name in (("/readyz", "readyz.json"), ("/metrics", "metrics.txt")):
        connection = http.client.HTTPConnection(host, found.web.port, timeout=_WEB_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        finally:
            connection.close()
        mask = masking.figures if name == "metrics.txt" else masking.text
        yield name, f"{mask(text)}\n".encode()


def log(masking: Masking, number: int, path: str, most: int) -> Iterator[File]:
    """Give the last lines of a log, each without secrets."""
    last = deque(log_lines.lines_of(path), maxlen=most)
    yield f"log-{number}.jsonl", b"".join(_line(masking, line) for line in last)


def _line(masking: Masking, line: bytes) -> bytes:
    text = line.decode(errors="replace").rstrip("\r\n")
    begin = text.find("{")
    if begin >= 0:
        try:
            values = msgspec.json.decode(text[begin:])
        except (msgspec.DecodeError, RecursionError):
            values = None
        if isinstance(values, dict):
            return msgspec.json.encode(masking.value(values)) + b"\n"
    return f"{masking.text(text)}\n".encode()
