"""Where Redis is: the setting `redis.url`, read and checked.

| URL | what it reaches |
|---|---|
| `redis://[[user]:password@]host[:port][/db]` | one server |
| `rediss://…` | the same with TLS; `?ssl_ca_certs=`, `ssl_certfile=`, `ssl_keyfile=` name files |
| `unix:///path/of/the/socket[?db=0]` | one server on this host |
| `redis+sentinel://[[user]:password@]host[:port][,host…]/service[/db]` | the primary that the |
| | sentinels name; `?sentinel_username=`, `sentinel_password=` where they ask for their own |

`rediss+sentinel://` has TLS to the sentinels and to the servers.
"""

from __future__ import annotations

import re
import ssl
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import gevent.ssl
import msgspec

from controller.cache.connections import (
    COMMON,
    Address,
    PrimaryConnection,
    Sentinels,
    TcpConnection,
    UnixConnection,
)

REDIS_PORT: Final = 6379
SENTINEL_PORT: Final = 26379

_TLS_OPTIONS: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_SENTINEL_OPTIONS: Final = ("sentinel_username", "sentinel_password")
_HOST: Final = re.compile(
    r"\[(?P<six>[0-9A-Fa-f:.%]+)\](:(?P<p6>\d+))?|(?P<host>[^:\[\]]+)(:(?P<p>\d+))?"
)


class CacheSettingsError(ValueError):
    """The setting `redis.url` cannot be; the message says why and what to write, no password."""


class RedisAddress(msgspec.Struct, frozen=True):
    """How to connect: redis-py's class of connection and its options. `shown` has no password."""

    shown: str
    connection_class: type[TcpConnection | UnixConnection]
    options: dict[str, Any]


def parse(url: str) -> RedisAddress:
    """Read a URL of the forms above. Raises `CacheSettingsError`."""
    try:
        parts = urlsplit(url)
        query = dict(
            parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        )
    except ValueError as error:
        # What cannot be read may hold a password: it is not shown.
        raise _wrong("is no URL") from error
    if parts.fragment:
        raise _wrong("has a #; write a # in a password as %23")
    match parts.scheme:
        case "unix":
            return _unix(parts.netloc, parts.path, query)
        case "redis" | "rediss":
            return _server(parts.scheme, parts.netloc, parts.path, query)
        case "redis+sentinel" | "rediss+sentinel":
            return _sentinel(parts.scheme, parts.netloc, parts.path, query)
        case _:
            raise _wrong("begins with none of redis://, rediss://, unix:// and redis+sentinel://")


def _wrong(what: str) -> CacheSettingsError:
    return CacheSettingsError(
        f"redis.url: {what}; write redis://:password@host:6379/0, unix:///path or "
        "redis+sentinel://:password@host:26379,host:26379/service/0, or leave it empty for the "
        "embedded server"
    )


def _unix(netloc: str, path: str, query: dict[str, str]) -> RedisAddress:
    if netloc or not path.startswith("/"):
        raise _wrong("names no absolute path of a socket")
    _only(query, ("db",))
    path = unquote(path)
    options = {"path": path, "db": _db(query.get("db", "0"))}
    return RedisAddress(f"unix://{path}", UnixConnection, options)


def _server(scheme: str, netloc: str, path: str, query: dict[str, str]) -> RedisAddress:
    login, hosts = _split(netloc)
    if len(hosts) != 1:
        raise _wrong("names no host, or several; several are for redis+sentinel://")
    host, port = _host(hosts[0], REDIS_PORT)
    options = {"host": host, "port": port, "db": _db(path.removeprefix("/") or "0"), **login}
    if scheme == "rediss":
        options["tls"] = _tls(query)
    else:
        _only(query, ())
    return RedisAddress(f"{scheme}://{host}:{port}", TcpConnection, options)


def _sentinel(scheme: str, netloc: str, path: str, query: dict[str, str]) -> RedisAddress:
    login, hosts = _split(netloc)
    service, _, db = path.removeprefix("/").partition("/")
    if not hosts or not service:
        raise _wrong("names no sentinel, or no service")
    addresses = [_host(text, SENTINEL_PORT) for text in hosts]
    options: dict[str, Any] = {"db": _db(db or "0"), **login}
    asking = {
        name.removeprefix("sentinel_"): query.pop(name)
        for name in _SENTINEL_OPTIONS
        if name in query
    }
    common: dict[str, Any] = {}
    if scheme == "rediss+sentinel":
        common["tls"] = _tls(query)
    else:
        _only(query, ())
    service = unquote(service)
    options |= common
    options["sentinels"] = Sentinels(addresses, service, {**COMMON, **asking, **common})
    shown = ",".join(f"{host}:{port}" for host, port in addresses)
    return RedisAddress(f"{scheme}://{shown}/{service}", PrimaryConnection, options)


def _split(netloc: str) -> tuple[dict[str, str], list[str]]:
    login, _, hosts = netloc.rpartition("@")
    user, colon, password = login.partition(":")
    if login and not colon:
        raise _wrong("has an @ but no password before it")
    found = {"username": unquote(user), "password": unquote(password)}
    return {name: value for name, value in found.items() if value}, hosts.split(
        ","
    ) if hosts else []


def _host(text: str, port: int) -> Address:
    found = _HOST.fullmatch(text)
    if found is None:
        raise _wrong("names a host that cannot be read")
    given = found["p6"] or found["p"]
    number = int(given) if given else port
    if not 0 < number < 65536:
        raise _wrong("names a port that is none")
    return unquote(found["six"] or found["host"]), number


def _db(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII):
        raise _wrong("names a database that is no number")
    return int(text)


def _only(query: dict[str, str], allowed: tuple[str, ...]) -> None:
    for name in query:
        if name not in allowed:
            raise _wrong(f"has an option {name[:32]!r} that is not known here")


def _tls(query: dict[str, str]) -> gevent.ssl.SSLContext:
    _only(query, _TLS_OPTIONS)
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authorities = query.get("ssl_ca_certs")
    try:
        if authorities:
            context.load_verify_locations(cafile=authorities)
        else:
            context.load_default_certs()
        if "ssl_certfile" in query:
            context.load_cert_chain(query["ssl_certfile"], query.get("ssl_keyfile"))
    except (OSError, ValueError) as error:
        raise CacheSettingsError(
            "redis.url: a file of ssl_ca_certs, ssl_certfile or ssl_keyfile cannot be read: "
            f"{error}"
        ) from error
    return context
