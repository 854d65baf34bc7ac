"""Statements of every call: built once, and run at what the database itself takes for them.

SQLAlchemy takes for a statement ten times what SQLite does, and as much again where it is built
anew; and psycopg takes as long again for what `sent` knows beforehand. So what every call asks is
built once (`Prepared`), and it is the driver that runs it (SQLite's, or `sent`), unless somebody
listens for statements. What an error means, and whether it ends the connection, SQLAlchemy says.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, NoReturn, TypeVar

import msgspec
import psycopg
from sqlalchemy import BindParameter, Boolean, Connection, Dialect
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError

from controller.store.sent import BOOLEAN, Sent

Row = Sequence[Any]
Known = Mapping[str, object]
T = TypeVar("T")

#: The execution option of a connection that only reads: in transactions, or by one statement.
READING: Final = "callbackd_reading"
TRANSACTION: Final = "transaction"
STATEMENT: Final = "statement"

_NOTHING: Final[Known] = {}


class _Compiled(msgspec.Struct, frozen=True):
    """A statement as a database takes it.

    `names`: its parameters, in order; `fixed`: the values of those that are written in it;
    `readers`: what makes the values of columns of what there is, where that is not the same;
    `gives`: whether there are rows; `sent`: what runs it on PostgreSQL.
    """

    sql: str
    names: tuple[str, ...]
    fixed: dict[str, Any]
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]
    gives: bool
    sent: Sent | None

    def values(self, known: Known) -> tuple[Any, ...]:
        """Give the parameters, in order. Raises `KeyError` where one is not known."""
        fixed = self.fixed
        if not fixed:
            return tuple([known[name] for name in self.names])
        return tuple([fixed[name] if name in fixed else known[name] for name in self.names])

    def asked(self, known: Known) -> dict[str, Any]:
        """Give what SQLAlchemy is told: what is named as a column is it would take for a value."""
        return {name: known[name] for name in self.names if name not in self.fixed}


class Prepared:
    """One statement; its parameters are `bindparam`s, and no list of which the length may differ.

    It runs in the transaction of its connection, which begins with it where none has, but where
    one reads by one statement (`database.reader_of_one`): that has none. What it
    raises is SQLAlchemy's, whoever runs it. Rows are in the order of the statement's columns.
    `known` may have more than the statement asks for.
    """

    def __init__(self, statement: Any) -> None:  # noqa: ANN401  (any statement of SQLAlchemy)
        self.statement = statement
        self._by_dialect: dict[str, _Compiled] = {}

    def all(self, connection: Connection, known: Known = _NOTHING) -> Sequence[Row]:
        """Give all rows."""
        if not _is_quick(connection):
            rows: Sequence[Row] = connection.execute(
                self.statement, self._compiled(connection).asked(known)
            ).all()
            return rows
        _, found = self._run(connection, known)
        readers = self._compiled(connection).readers
        return [_read(row, readers) for row in found] if readers else found

    def first(self, connection: Connection, known: Known = _NOTHING) -> Row | None:
        """Give the first row, or None where there is none."""
        found = self.all(connection, known)
        return found[0] if found else None

    def one(self, connection: Connection, known: Known = _NOTHING) -> Row:
        """Give the row of a statement that always has one."""
        (row,) = self.all(connection, known)
        return row

    def change(self, connection: Connection, known: Known = _NOTHING) -> int:
        """Run what changes rows; gives how many, but of an insert."""
        if not _is_quick(connection):
            return int(
                connection.execute(self.statement, self._compiled(connection).asked(known)).rowcount
            )
        return self._run(connection, known)[0]

    def change_each(self, connection: Connection, each: Iterable[Known]) -> None:
        """Run what changes rows once for each of these."""
        if not _is_quick(connection):
            connection.execute(
                self.statement, [self._compiled(connection).asked(known) for known in each]
            )
            return
        compiled, driver = self._compiled(connection), _driver(connection)
        values = [compiled.values(known) for known in each]
        try:
            if compiled.sent is not None:
                compiled.sent.run_each(driver, values, begins=connection.in_transaction())
            else:
                driver.executemany(compiled.sql, values)
        except _ERRORS as error:
            _raise(connection, compiled.sql, error)

    def _run(self, connection: Connection, known: Known) -> tuple[int, list[tuple[Any, ...]]]:
        compiled, driver = self._compiled(connection), _driver(connection)
        try:
            if compiled.sent is not None:
                return compiled.sent.run(
                    driver, compiled.values(known), begins=connection.in_transaction()
                )
            cursor = driver.execute(compiled.sql, compiled.values(known))
            found = cursor.fetchall() if compiled.gives else _NO_ROWS
        except _ERRORS as error:
            _raise(connection, compiled.sql, error)
        return cursor.rowcount, found

    def _compiled(self, connection: Connection) -> _Compiled:
        dialect = connection.dialect
        found = self._by_dialect.get(dialect.name)
        if found is None:
            # Two threads may do it at once: it comes to the same.
            found = self._by_dialect[dialect.name] = _compile(self.statement, dialect)
        return found


def _compile(statement: Any, dialect: Dialect) -> _Compiled:  # noqa: ANN401
    postgresql = dialect.name == "postgresql"
    if postgresql:
        # As the server itself has them: each stands there as often as it likes, and is sent once.
        dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect)
    names = tuple(compiled.positiontup)
    columns = tuple(statement.exported_columns)
    readers = (
        (at, column.type.result_processor(dialect, None)) for at, column in enumerate(columns)
    )
    return _Compiled(
        str(compiled),
        names,
        {name: given.value for name, given in compiled.binds.items() if not given.required},
        tuple((at, reader) for at, reader in readers if reader is not None),
        bool(columns),
        Sent(str(compiled), [_oid(compiled.binds[name]) for name in names]) if postgresql else None,
    )


def _oid(parameter: BindParameter[Any]) -> int:
    # Of all others the text says what they are: SQLAlchemy writes it there.
    return BOOLEAN if isinstance(parameter.type, Boolean) else 0


class Remade(Generic[T]):
    """What is made of rows that are read again and again: made anew where they are others."""

    def __init__(self, make: Callable[[Sequence[Row]], T]) -> None:
        self._make = make
        self._last: tuple[list[Row], T] | None = None

    def of(self, rows: Sequence[Row]) -> T:
        """Give what is made of these rows; the very same as before of the same ones."""
        found, last = list(rows), self._last
        if last is not None and last[0] == found:
            return last[1]
        made = self._make(found)
        self._last = (found, made)
        return made


def _read(
    row: tuple[Any, ...], readers: tuple[tuple[int, Callable[[Any], Any]], ...]
) -> tuple[Any, ...]:
    values = list(row)
    for at, reader in readers:
        values[at] = reader(values[at])
    return tuple(values)


def _is_quick(connection: Connection) -> bool:
    """Whether the driver may run it: nobody would be told of a statement that it runs."""
    return not connection.dispatch.before_cursor_execute


def _driver(connection: Connection) -> Any:  # noqa: ANN401  (sqlite3's, or psycopg's)
    if not connection.in_transaction() and not _by_itself(connection):
        connection.begin()
    return connection.connection.driver_connection


def _by_itself(connection: Connection) -> bool:
    """Whether each statement of a connection is a transaction by itself."""
    return connection.get_execution_options().get(READING) == STATEMENT


def as_sqlalchemy(sql: str, error: sqlite3.Error) -> DatabaseError:
    """Give what SQLAlchemy would raise; what was asked with stands in no error."""
    kind = next(
        (ours for theirs, ours in _AS_SQLALCHEMY.items() if isinstance(error, theirs)),
        DatabaseError,
    )
    return kind(sql, None, error, hide_parameters=True)


def _raise(connection: Connection, sql: str, error: Exception) -> NoReturn:
    """Raise what SQLAlchemy would, and have it do what it does where the connection has died.

    It is its own way out of each of its statements; no other tells its listeners, and its pool.
    """
    connection._handle_dbapi_exception(error, sql, None, None, None)


_ERRORS: Final = (sqlite3.Error, psycopg.Error)
_AS_SQLALCHEMY: Final[dict[type[sqlite3.Error], type[DatabaseError]]] = {
    sqlite3.OperationalError: OperationalError,
    sqlite3.IntegrityError: IntegrityError,
}
_NO_ROWS: Final[list[tuple[Any, ...]]] = []
