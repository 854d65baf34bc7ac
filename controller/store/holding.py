"""Locks of a name, for what is not there yet to be locked as a row."""

from __future__ import annotations

from sqlalchemy import Connection, func, select


def hold(connection: Connection, *name: str) -> None:
    """Have whoever else holds this name wait until the transaction is over.

    SQLite takes one writer at a time as it is.
    """
    if connection.dialect.name == "postgresql":
        number = func.hashtextextended("/".join(name), 0)
        connection.execute(select(func.pg_advisory_xact_lock(number)))
