"""Statements of every call as PostgreSQL takes them: prepared once, and sent with what they need.

psycopg's cursor does for each statement what is the same each time: it reads its text, looks which
types its parameters have, and looks up who reads each column. Here all that is known beforehand.
And a transaction begins with its first statement: `BEGIN` is on its way with it, and what is run
for many values is sent as one, where each would be waited for by itself.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

from controller.store.waiting import Watched

Values = Sequence[Any]
Answer = tuple[int, list[tuple[Any, ...]]]

#: The oid of what is true or false.
BOOLEAN: Final = 16

_NUMBERS: Final = count(1)
_TEXT: Final = PyFormat.TEXT
_WELL: Final = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)
#: Of a name that is not prepared, or is already: somebody has given the connection another server,
#: or given up what was prepared. A new connection knows.
_OTHERS: Final = (b"26000", b"42P05")
_BEGINS: Final = {
    None: b"",
    psycopg.IsolationLevel.READ_UNCOMMITTED: b" ISOLATION LEVEL READ UNCOMMITTED",
    psycopg.IsolationLevel.READ_COMMITTED: b" ISOLATION LEVEL READ COMMITTED",
    psycopg.IsolationLevel.REPEATABLE_READ: b" ISOLATION LEVEL REPEATABLE READ",
    psycopg.IsolationLevel.SERIALIZABLE: b" ISOLATION LEVEL SERIALIZABLE",
}


class Sent:
    """A statement, its parameters counted (`$1`).

    `types`: theirs, by oid; 0: what the server finds it to be. It has a name of its own, under
    which each connection prepares it when it first runs it.
    """

    def __init__(self, sql: str, types: Sequence[int]) -> None:
        self.sql = sql.encode()
        self.types = tuple(types)
        self.name = b"callbackd_%d" % next(_NUMBERS)

    def run(self, connection: Watched, values: Values, *, begins: bool = True) -> Answer:
        """Run it; gives how many rows it found or changed, and the rows. Raises psycopg's errors.

        `begins`: a transaction begins where there is none, but for a connection that commits by
        itself; else it is one by itself.
        """
        (answer,) = self._run(connection, (values,), begins=begins)
        return answer

    def run_each(self, connection: Watched, each: Sequence[Values], *, begins: bool = True) -> None:
        """Run it for each of these, in order, as one request; the first error is raised."""
        if each:
            self._run(connection, each, begins=begins)

    def _run(self, connection: Watched, each: Sequence[Values], *, begins: bool) -> list[Answer]:
        tools = _tools(connection)
        written = [tools.written(values) for values in each]
        asking = self._ask(connection, tools, written, begins=begins)
        try:
            results = connection.wait(asking)
        finally:
            # Of one who was killed while he waited it gives up the connection, and not some time.
            asking.close()
        return [tools.read(result) for result in results]

    def _ask(
        self,
        connection: Watched,
        tools: _Tools,
        each: list[list[bytes | None]],
        *,
        begins: bool,
    ) -> Generator[Wait, Ready, list[PGresult]]:
        pgconn = connection.pgconn
        if pgconn.status != ConnStatus.OK:
            raise psycopg.OperationalError("the connection is closed")
        begins = (
            begins
            and pgconn.transaction_status == TransactionStatus.IDLE
            and not connection.autocommit
        )
        if begins or len(each) > 1 or self.name not in tools.prepared:
            found = yield from self._ask_at_once(connection, tools, each, begins=begins)
        else:
            pgconn.send_query_prepared(self.name, each[0])
            try:
                found = yield from generators.execute(pgconn)
            except BaseException:
                # As below.
                pgconn.finish()
                raise
        tools.check(found)
        return found[-len(each) :]

    def _ask_at_once(
        self,
        connection: Watched,
        tools: _Tools,
        each: list[list[bytes | None]],
        *,
        begins: bool,
    ) -> Generator[Wait, Ready, list[PGresult]]:
        """Send all that there is to be sent, and give what each of it gave.

        What follows an error is not done: the server says so of each, after the error.
        """
        pgconn = connection.pgconn
        prepares = self.name not in tools.prepared
        found: list[PGresult] = []
        pgconn.enter_pipeline_mode()
        try:
            if begins:
                pgconn.send_query_params(_begin(connection), None)
            if prepares:
                pgconn.send_prepare(self.name, self.sql, self.types)
            for values in each:
                pgconn.send_query_prepared(self.name, values)
            pgconn.pipeline_sync()
            yield from _until_all_is_done(pgconn, found)
            pgconn.exit_pipeline_mode()
        except BaseException as error:
            # What is still to be said would be taken for the answer to what is asked next.
            pgconn.finish()
            if isinstance(error, psycopg.Error):
                # Why a server ends a connection it says first, if it says anything.
                tools.check(found)
            raise
        if prepares and found[int(begins)].status in _WELL:
            tools.prepared.add(self.name)
        return found


class _Tools:
    """What a connection has for these statements: what it has prepared, and how values are read."""

    def __init__(self, connection: Watched) -> None:
        self.prepared: set[bytes] = set()
        self._pgconn = connection.pgconn
        self.encoding: str = connection.info.encoding
        self._values = Transformer(connection)

    def written(self, values: Values) -> list[bytes | None]:
        """Write values as psycopg does, as text. Raises its `DataError`, `ProgrammingError`.

        No column has fractions (money is whole micro-units, time whole microseconds): a moment that
        was reckoned with seconds that have some is rounded, as PostgreSQL does where it is told
        what a number is.
        """
        return [
            None
            if value is None
            else b"%d" % round(value)
            if type(value) is float
            else self._values.get_dumper(value, _TEXT).dump(value)  # type: ignore[misc]
            for value in values
        ]

    def check(self, found: Sequence[PGresult]) -> None:
        """Raise the first error that the server has told."""
        for result in found:
            if result.status not in _WELL:
                if result.error_field(DiagnosticField.SQLSTATE) in _OTHERS:
                    self._pgconn.finish()
                    raise psycopg.OperationalError("what was prepared is not there any more")
                raise psycopg.errors.error_from_result(result, encoding=self.encoding)

    def read(self, result: PGresult) -> Answer:
        """Give how many rows there are, or were changed; and the rows."""
        if result.status == ExecStatus.TUPLES_OK:
            self._values.set_pgresult(result)
            rows = self._values.load_rows(0, result.ntuples, tuple)
            return result.ntuples, rows
        return result.command_tuples or 0, []


def _tools(connection: Watched) -> _Tools:
    found: _Tools | None = connection.tools
    if found is None:
        found = connection.tools = _Tools(connection)
    return found


def _begin(connection: Watched) -> bytes:
    """Give what psycopg would begin with."""
    return (
        b"BEGIN"
        + _BEGINS[connection.isolation_level]
        + {None: b"", True: b" READ ONLY", False: b" READ WRITE"}[connection.read_only]
    )


def _until_all_is_done(pgconn: PGconn, found: list[PGresult]) -> Generator[Wait, Ready, None]:
    """Send what is to be sent, and take what is said, until all of it is done."""
    while pgconn.flush():
        # The server may have to be rid of what it says before it takes more.
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    while True:
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is not None:
                if result.status == ExecStatus.PIPELINE_SYNC:
                    return
                found.append(result)
            elif pgconn.status != ConnStatus.OK:
                # Between two answers there is none either; of a dead connection no more comes.
                raise psycopg.OperationalError("the connection is lost")
        yield Wait.R
        pgconn.consume_input()
