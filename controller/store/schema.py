"""The tables. Times are microseconds since 1970, UTC; numbers are E.164."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata: Final = MetaData()

#: One extension; `policy` is the policy as JSON, without its DIDs.
extension: Final = Table(
    "extension",
    metadata,
    Column("extension", String(10), primary_key=True),
    Column("policy", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

did: Final = Table(
    "did",
    metadata,
    Column("number", String(16), primary_key=True),
    Column(
        "extension",
        String(10),
        ForeignKey("extension.extension", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("position", Integer, nullable=False),
)

#: States of a request in which a return call is still to come or under way.
OPEN_STATES: Final = ("pending", "calling", "answered")

#: One trigger call that asked for a callback, or got none and why (SPEC T10).
callback_request: Final = Table(
    "callback_request",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("extension", String(10), nullable=False),
    Column("did", String(16), nullable=False),
    Column("number", String(16)),
    # pending -> calling -> answered -> done, or at once: refused
    Column("state", String(10), nullable=False),
    Column("outcome", String(32)),
    Column("cause", String(64)),
    Column("destination", String(16)),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    # How many later triggers joined this one (SPEC T6).
    Column("joined", Integer, nullable=False, default=0),
    Column("holder", String(64)),
    Column("lease_until", BigInteger),
    Column("node", String(64)),
    Column("attempt", String(36)),
    Column("ended", BigInteger),
    Index("callback_request_due", "state", "due"),
    # At most one pending or live callback per extension and number (SPEC T6), whoever stores it.
    Index(
        "callback_request_open",
        "extension",
        "number",
        unique=True,
        sqlite_where=text("state IN ('pending', 'calling', 'answered')"),
        postgresql_where=text("state IN ('pending', 'calling', 'answered')"),
    ),
)
