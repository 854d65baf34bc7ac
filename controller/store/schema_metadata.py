"""What all tables are in, how their keys and indexes are called, and columns that many have."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData

metadata: Final = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_name)s",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

#: A number that counts up by itself; SQLite does so only for INTEGER.
SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")


def kept() -> list[Column[int]]:
    """Give the columns of what the operator keeps: its version, when it was made and changed."""
    return [
        Column("version", Integer, nullable=False),
        Column("created", BigInteger, nullable=False),
        Column("changed", BigInteger, nullable=False),
    ]
