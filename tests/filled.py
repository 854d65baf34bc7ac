"""Stores that are filled once: another test that begins with the same gets a copy of the rows.

What fills them is made by the real desks, once for each kind of database; to make it for each test
took most of the time of many.
"""

from __future__ import annotations

import atexit
import contextlib
import copy
import itertools
import sqlite3
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from psycopg import Connection as Postgres
from sqlalchemy import Engine, func, select

from controller.admin.directory import Directory
from controller.store import schema
from tests.postgres import put, rows_of

#: What there is, by the kind of database and what filled it: what that gave, how often it asked for
#: the time, and what puts the rows into a database that is new.
_FILLED: Final[dict[tuple[str, str], tuple[Any, int, Callable[[Any], None]]]] = {}

T = TypeVar("T")


def filled(store: Directory, fill: Callable[[Directory], T]) -> T:
    """Let a store whose database is new hold what `fill` puts there, and give what that gives.

    Nobody is told of changes. Where something was done in it before, it is filled as it is.
    """
    engine = store._engine
    with engine.connect() as connection:
        changes = connection.execute(select(func.count()).select_from(schema.audit)).scalar_one()
    if changes:
        return fill(store)
    known = (engine.dialect.name, f"{fill.__module__}.{fill.__qualname__}")
    if known not in _FILLED:
        return _first(store, fill, known)
    given, asked, put_rows = _FILLED[known]
    with contextlib.closing(engine.raw_connection()) as connection:
        put_rows(connection.driver_connection)
    for _ in range(asked):
        store._now()
    return cast(T, copy.deepcopy(given))


def _first(store: Directory, fill: Callable[[Directory], T], known: tuple[str, str]) -> T:
    asked = itertools.count()
    now, announce = store._now, store._announce

    def counted() -> int:
        next(asked)
        return now()

    store._now, store._announce = counted, lambda change: None
    try:
        made = fill(store)
    finally:
        store._now, store._announce = now, announce
    _FILLED[known] = copy.deepcopy(made), next(asked), _copies(store._engine)
    return made


def _copies(engine: Engine) -> Callable[[Any], None]:
    """Give what puts all rows that a database holds into another one, over its connection."""
    if engine.dialect.name == "postgresql":
        rows = rows_of(engine.url.render_as_string(hide_password=False))

        def over(connection: Postgres[Any]) -> None:
            put(connection, rows)

        return over
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    atexit.register(kept.close)
    with contextlib.closing(engine.raw_connection()) as connection:
        cast(sqlite3.Connection, connection.driver_connection).backup(kept)
    return kept.backup
