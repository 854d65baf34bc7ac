"""Connections to PostgreSQL, or to whichever of several servers is the primary.

A server may be gone, or be there and say nothing (a frozen machine, a black hole in the network):
nobody waits long for either. Whatever ends a connection here is an `OperationalError`, so it counts
as the store being away: what was to be done is done again on a new connection.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import psycopg
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
    InvalidatePoolError,
    OperationalError,
)
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from controller.store.waiting import (
    HUNG_SECONDS,
    STATEMENT_SECONDS,
    Described,
    Lineage,
    Watched,
    aside,
)

#: How long a statement waits for a lock, seconds.
LOCK_SECONDS: Final = 5
#: How long making a connection to one server may take, seconds; psycopg takes no less than 2.
CONNECT_SECONDS: Final = 3
#: While no server takes a connection, how long until one is asked for again, seconds.
AWAY_SECONDS: Final = 0.5

#: For how long a connection was not used, seconds, until it is tried before it is used again.
UNUSED_SECONDS: Final = 1.0
_USED: Final = "callbackd_used"
_POOL: Final[dict[str, Any]] = {
    "poolclass": QueuePool,
    "pool_use_lifo": True,
    "pool_size": 5,
    "max_overflow": -1,
}

#: What PostgreSQL says of a write to a server that is a replica now, and of a session it ended.
_DEMOTED: Final = ("25006", "25P03")
#: What finds the primary. By the others a connection would be to a replica, which takes no writes.
_PRIMARY: Final = ("read-write", "primary")
#: The servers of a URL: what stands between the password and the path.
_SERVERS: Final = re.compile(r"^(postgres[a-z+]*://(?:[^:/@]*(?::[^@]*)?@)?)([^/?]*,[^/?]*)(.*)$")
_SERVER: Final = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?$")
#: Which cluster a server belongs to, and how often a replica of it was promoted (its first digits).
_LINEAGE: Final = (
    "SELECT (SELECT system_identifier FROM pg_control_system()),"
    " substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
)


def one_url(text: str) -> str:
    """Write a URL with several servers (`host:port,host:port`) as SQLAlchemy reads it.

    Any other URL is given as it is. Raises `ArgumentError`.
    """
    found = _SERVERS.match(text)
    if found is None:
        return text
    servers = [_SERVER.match(server) for server in found[2].split(",")]
    named = [server for server in servers if server is not None]
    if len(named) < len(servers):
        raise ArgumentError("several servers are written host:port,host:port")
    hosts = ",".join(server[1].strip("[]") for server in named)
    ports = ",".join(server[2] or "5432" for server in named)
    path, _, query = found[3].partition("?")
    more = f"&{query}" if query else ""
    return f"{found[1]}{path or '/'}?host={hosts}&port={ports}{more}"


class Servers:
    """Makes connections, from any thread: to the primary, if there are several servers.

    The one that took the last connection is asked first, who says nothing is asked last. A server
    that was replaced and does not know it (it was frozen, or cut off) is not taken: its timeline is
    an older one. While none takes a connection only one thread at a time asks: all others would
    wait as long for the same answer.
    """

    def __init__(
        self,
        *,
        hung_seconds: float | None = HUNG_SECONDS,
        statement_seconds: int = STATEMENT_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hung = hung_seconds
        self._options = (
            f"-c lock_timeout={LOCK_SECONDS * 1000} -c statement_timeout={statement_seconds * 1000}"
            " -c timezone=UTC"
        )
        self._now = now
        self._lock = threading.Lock()
        self._order: list[tuple[str, str]] = []
        self._lineage: Lineage | None = None
        self._settled = False
        self._asking = False
        self._away_since: float | None = None

    def connect(self, parameters: dict[str, Any]) -> Watched:
        """Make a connection. Raises psycopg's `OperationalError` where no server takes one."""
        self._begin()
        try:
            made = self._connect(parameters)
        except BaseException:
            self._end(away=True)
            raise
        self._end(away=False)
        return made

    def _begin(self) -> None:
        with self._lock:
            since = self._away_since
            if since is not None:
                if self._asking or self._now() - since < AWAY_SECONDS:
                    raise psycopg.OperationalError("no server took a connection just now")
                self._asking = True

    def _end(self, *, away: bool) -> None:
        with self._lock:
            self._asking = False
            self._away_since = self._now() if away else None

    def _connect(self, parameters: dict[str, Any]) -> Watched:
        errors: list[psycopg.Error] = []
        best: Watched | None = None
        for address in self._addresses(parameters):
            try:
                made = self._connected(address, parameters)
            except psycopg.Error as error:
                errors.append(error)
                if isinstance(error, psycopg.errors.ConnectionTimeout):
                    self._note(address, asked_first=False)
                continue
            if best is None or _newer(made.lineage, best.lineage):
                best, made = made, best
                self._note(address, asked_first=True)
            if made is not None:
                made.close()
            # The first time nobody knows which one is the newest, of two that both take writes.
            if self._settled:
                break
        if best is None:
            raise psycopg.OperationalError("\n".join(str(error) for error in errors))
        return self._settle(best)

    def _settle(self, made: Watched) -> Watched:
        with self._lock:
            if not self.is_old(made.lineage):
                self._lineage, self._settled = made.lineage or self._lineage, True
                return made
        made.close()
        raise psycopg.OperationalError("another thread found a newer primary")

    def _connected(self, address: tuple[str, str], parameters: dict[str, Any]) -> Watched:
        host, port = address
        given = {
            "connect_timeout": CONNECT_SECONDS,
            "tcp_user_timeout": LOCK_SECONDS * 1000,
            # A server that is gone while it is waited for, and nothing is on its way to it.
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "application_name": "callbackd",
            # What is worth it is prepared by `sent`. psycopg gives up all that is prepared, whoever
            # did it, at each rollback where something of its own is.
            "prepare_threshold": None,
            **parameters,
            "options": f"{self._options} {parameters.get('options', '')}".rstrip(),
        }
        for name, value in (("host", host), ("port", port)):
            if value:
                given[name] = value
            else:
                given.pop(name, None)
        made = Watched.connect(cursor_factory=Described, **given)
        made.hung_seconds = self._hung
        made.lineage = _lineage_of(made)
        if self.is_old(made.lineage):
            made.close()
            raise psycopg.OperationalError(self._replaced(address, made.lineage))
        return made

    def _addresses(self, parameters: dict[str, Any]) -> list[tuple[str, str]]:
        hosts = str(parameters.get("host", "")).split(",")
        ports = str(parameters.get("port", "")).split(",")
        if len(ports) == 1:
            ports *= len(hosts)
        with self._lock:
            if not self._order:
                self._order = list(zip(hosts, ports, strict=True))
            return list(self._order)

    def _note(self, address: tuple[str, str], *, asked_first: bool) -> None:
        """Have a server asked first that took a connection, and last that said nothing."""
        with self._lock:
            self._order.remove(address)
            self._order.insert(0 if asked_first else len(self._order), address)

    def is_old(self, lineage: Lineage | None) -> bool:
        """Whether a server was replaced by one that was seen since."""
        known = self._lineage
        if lineage is None or known is None or lineage.cluster != known.cluster:
            return False
        return lineage.timeline < known.timeline

    def _replaced(self, address: tuple[str, str], lineage: Lineage | None) -> str:
        assert lineage is not None
        assert self._lineage is not None
        return (
            f"{':'.join(address)} was replaced by another server and does not know it: its timeline"
            f" is {lineage.timeline}, {self._lineage.timeline} was seen; if an older state was"
            " restored on purpose, restart all controllers"
        )


def _newer(one: Lineage | None, other: Lineage | None) -> bool:
    return one is not None and other is not None and one.timeline > other.timeline


def _lineage_of(made: Watched) -> Lineage | None:
    """Ask a server which cluster it is of; None where it is a replica, or no plain PostgreSQL."""
    found = None
    made.autocommit = True
    with contextlib.suppress(psycopg.Error):
        found = made.execute(_LINEAGE).fetchone()
    if not made.closed:
        made.autocommit = False
    return None if found is None else Lineage(str(found[0]), str(found[1]))


def postgres_engine(url: URL, *, upgrading: bool = False) -> Engine:
    """Make the engine for a URL of `with_primary`; nothing is connected to yet.

    `upgrading`: a statement takes as long as it takes, and no connection is kept.
    """
    servers = Servers(hung_seconds=None, statement_seconds=0) if upgrading else Servers()
    engine = create_engine(
        url,
        # An error's text must not hold numbers or hashes: it goes to the log.
        hide_parameters=True,
        # Whoever asks has a turn (`runtime.offload`), and there are only so many: nobody waits for
        # a connection, which would stop the loop. The one used last is the first to be used again.
        **({"poolclass": NullPool} if upgrading else _POOL),
    )

    def connect(_: object, __: object, ___: object, parameters: dict[str, Any]) -> Watched:
        return aside(servers.connect, parameters)

    def see_that_it_counts(made: Watched, entry: ConnectionPoolEntry, _: object) -> None:
        if servers.is_old(made.lineage):
            raise DisconnectionError
        # One that died in the pool, as in a fail-over, is made anew, and so are all others.
        if time.monotonic() - entry.info.get(_USED, 0.0) > UNUSED_SECONDS and not _answers(made):
            raise InvalidatePoolError

    def note_use(_: object, entry: ConnectionPoolEntry) -> None:
        entry.info[_USED] = time.monotonic()

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", note_use)
    event.listen(engine, "checkout", see_that_it_counts)
    event.listen(engine, "checkin", note_use)
    event.listen(engine, "handle_error", _name_fail_over)
    return engine


def _answers(made: Watched) -> bool:
    """Whether a connection that nobody has used for a while still has its server."""
    try:
        made.autocommit = True
        made.execute("")
        made.autocommit = False
    except psycopg.Error:
        return False
    return True


def with_primary(url: URL) -> URL:
    """Give the URL such that of several servers the primary is found. Raises `ArgumentError`."""
    wanted = url.query.get("target_session_attrs")
    several = not isinstance(url.query.get("host", ""), str) or "," in str(url.query.get("host"))
    if several and wanted is None:
        return url.update_query_dict({"target_session_attrs": _PRIMARY[0]})
    if wanted is not None and wanted not in _PRIMARY:
        raise ArgumentError(
            f"target_session_attrs={wanted} would find a server that takes no writes; "
            f"write {' or '.join(_PRIMARY)}"
        )
    return url


def _name_fail_over(context: ExceptionContext) -> None:
    """Take a server that was demoted for one that is away: its connections are made anew.

    It still answers what only reads, and refuses what writes as something that was done wrong.
    """
    state = getattr(context.original_exception, "sqlstate", None)
    if state in _DEMOTED:
        context.is_disconnect = True
        raise OperationalError(
            context.statement, None, context.original_exception, hide_parameters=True
        ) from context.original_exception
