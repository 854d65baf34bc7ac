"""The tables of money beside accounts: prices, what is held, legs' records, notices; see `schema`.

Money is micro-units, times are microseconds since 1970, lengths whole seconds.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from controller.store.schema_metadata import SERIAL, kept, metadata

#: Lists of rates (M2): what an account is charged by, or what a channel costs.
price_list: Final = Table(
    "price_list",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("currency", String(3), nullable=False),
    Column("description", String(200), nullable=False),
    *kept(),
)

#: A rate of a list: that of the longest beginning counts, from `since` until `until`; of several of
#: one beginning that are in effect, that which began last (`credit.pricing.in_effect`).
rate: Final = Table(
    "rate",
    metadata,
    Column("price_list", String(64), ForeignKey("price_list.name"), primary_key=True),
    # E.164; `+` is all numbers.
    Column("prefix", String(16), primary_key=True),
    Column("since", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger),
    Column("setup_fee", BigInteger, nullable=False),
    Column("per_minute", BigInteger, nullable=False),
    Column("first_block", Integer, nullable=False),
    Column("interval", Integer, nullable=False),
    Column("description", String(200), nullable=False),
    *kept(),
)

#: What is held for a callback (M3, M4): one row for an attempt, over both legs. `amount` is held
#: still; what was charged is no part of it any more. Triggers of the database (migration 0007) see
#: to it that an account that is limited never has more held than is on it, and that no call is
#: charged more than is held for it, whoever writes.
credit_hold: Final = Table(
    "credit_hold",
    metadata,
    # The attempt.
    Column("call", String(36), primary_key=True),
    Column("request", String(36), nullable=False),
    Column("extension", String(10), nullable=False),
    Column("account", String(36), ForeignKey("account.id"), nullable=False),
    # Whether the account was limited when it was held.
    Column("limited", Boolean, nullable=False),
    Column("amount", BigInteger, nullable=False),
    # Counts what was granted: the switch's limits are named by it.
    Column("serial", Integer, nullable=False),
    # The return leg: JSON of `credit.model.Price`, NULL where it is free; how long it may last.
    Column("return_price", Text),
    Column("return_seconds", Integer, nullable=False),
    Column("return_answered", BigInteger),
    Column("return_settled", Boolean, nullable=False, server_default=text("false")),
    # The destination under way; position 0: there is none.
    Column("position", Integer, nullable=False, server_default="0"),
    Column("destination_price", Text),
    Column("destination_seconds", Integer, nullable=False, server_default="0"),
    Column("destination_answered", BigInteger),
    # Those before it: JSON of `store.charging_holds.Dialled`. One may be told of late.
    Column("destinations", Text, nullable=False, server_default="[]"),
    # When it ends by itself, if nobody renews it.
    Column("until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    # NULL: it is held.
    Column("ended", BigInteger),
    CheckConstraint("amount >= 0", name="amount"),
    Index("credit_hold_request", "request"),
    Index(
        "credit_hold_of",
        "extension",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
    Index(
        "credit_hold_open",
        "account",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
    Index(
        "credit_hold_until",
        "until",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
)

#: Of holds, those of calls that go on. Written out, as in the indexes: no index is found by a
#: condition of parameters.
OPEN_HOLD: Final = text("credit_hold.ended IS NULL")

#: One leg that is over (M7): what the switch said of it, and what it has cost.
call_leg: Final = Table(
    "call_leg",
    metadata,
    # In the order in which they were kept: where streams and pages go on.
    Column("serial", SERIAL, primary_key=True, autoincrement=True),
    Column("leg", String(64), nullable=False),
    # The attempt, and the request that it is of.
    Column("call", String(36), nullable=False),
    Column("request", String(36), nullable=False),
    # return, destination
    Column("side", String(16), nullable=False),
    # The how-manieth destination; 0: a return leg.
    Column("position", Integer, nullable=False),
    Column("extension", String(10), nullable=False),
    Column("client", String(32)),
    # Who asked for the callback, and whom this leg called.
    Column("caller", String(16)),
    Column("number", String(16), nullable=False),
    Column("node", String(64)),
    Column("channel", String(64)),
    # What it showed (I9): a number, `anonymous`, or NULL where nobody knows.
    Column("shown", String(64)),
    Column("begun", BigInteger, nullable=False),
    Column("answered", BigInteger),
    Column("ended", BigInteger, nullable=False),
    Column("cause", String(64)),
    Column("seconds", Integer, nullable=False),
    # Who paid: NULL: nobody.
    Column("account", String(36)),
    Column("currency", String(3)),
    # JSON of `credit.model.Price`: what it was charged by, and what the channel takes.
    Column("price", Text),
    Column("charge", BigInteger, nullable=False),
    Column("uncovered", BigInteger, nullable=False, server_default="0"),
    Column("cost_currency", String(3)),
    Column("cost_price", Text),
    Column("cost", BigInteger),
    # event, record, estimate
    Column("source", String(16), nullable=False),
    Column("kept", BigInteger, nullable=False),
    UniqueConstraint("leg", name="call_leg_leg_key"),
    Index("call_leg_request", "request"),
    Index("call_leg_begun", "begun"),
    Index("call_leg_of", "extension", "begun"),
    Index("call_leg_number", "number", "begun"),
    Index("call_leg_account", "account", "begun"),
    Index("call_leg_client", "client", "begun"),
    # What an extension has spent (G3), of which nothing else is read.
    Index(
        "call_leg_spent",
        "extension",
        "kept",
        "currency",
        "charge",
        sqlite_where=text("charge > 0"),
        postgresql_where=text("charge > 0"),
    ),
)

#: What is to be told to somebody else's server, in order (webhooks), until it was taken.
notice: Final = Table(
    "notice",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    # low_credit, limit_reached, …
    Column("kind", String(32), nullable=False),
    # The same key again is the same notice.
    Column("key", String(128), nullable=False, unique=True),
    Column("body", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("problem", String(200)),
    # Whoever sends it now, until when.
    Column("holder", String(64)),
    Column("lease_until", BigInteger),
    Column("taken", BigInteger),
    Index(
        "notice_due",
        "due",
        sqlite_where=text("taken IS NULL"),
        postgresql_where=text("taken IS NULL"),
    ),
    # What is erased when it is old (O7).
    Index(
        "notice_taken",
        "taken",
        sqlite_where=text("taken IS NOT NULL"),
        postgresql_where=text("taken IS NOT NULL"),
    ),
)

#: How far each stream of records has come: the last serial of `call_leg` that was taken.
stream: Final = Table(
    "stream",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("serial", BigInteger, nullable=False),
    Column("holder", String(64)),
    Column("lease_until", BigInteger),
    Column("problem", String(200)),
    Column("changed", BigInteger, nullable=False),
)
