"""The tables. Times are microseconds since 1970, UTC; numbers are E.164; money is micro-units.

What the operator keeps has a `version`, raised by each change (optimistic locking), and when it was
made and changed. `migrations` makes these tables; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

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
_SERIAL: Final = BigInteger().with_variant(Integer, "sqlite")


def _kept() -> list[Column[int]]:
    return [
        Column("version", Integer, nullable=False),
        Column("created", BigInteger, nullable=False),
        Column("changed", BigInteger, nullable=False),
    ]


client: Final = Table(
    "client",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("description", String(200), nullable=False),
    Column("contact_name", String(40), nullable=False),
    Column("enabled", Boolean, nullable=False),
    *_kept(),
)

#: One extension; `policy` is a document of `policy.versions`, without what lies beside it.
extension: Final = Table(
    "extension",
    metadata,
    Column("extension", String(10), primary_key=True),
    Column("client", String(32), ForeignKey("client.name"), nullable=False, index=True),
    # As in the policy; here it can be looked for.
    Column("enabled", Boolean, nullable=False),
    Column("policy", Text, nullable=False),
    *_kept(),
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

#: Trunks; `addresses`, `identity` and `rewrite` are JSON of `policy.records.Channel`.
channel: Final = Table(
    "channel",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("description", String(200), nullable=False),
    Column("addresses", Text, nullable=False, server_default="[]"),
    Column("identity", Text, nullable=False, server_default='["from"]'),
    Column("country", String(2)),
    Column("rewrite", Text, nullable=False, server_default="{}"),
    Column("refusal_cause", String(16), nullable=False, server_default="USER_BUSY"),
    *_kept(),
)

#: What may be shown on a channel (I8); without a client it is in nobody's pool.
public_number: Final = Table(
    "public_number",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("channel", String(64), ForeignKey("channel.name"), nullable=False, index=True),
    Column("client", String(32), ForeignKey("client.name"), index=True),
    Column("description", String(200), nullable=False),
    *_kept(),
)

#: The numbers that an extension may show (I8).
caller_id: Final = Table(
    "caller_id",
    metadata,
    Column(
        "extension",
        String(10),
        ForeignKey("extension.extension", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", String(16), ForeignKey("public_number.number"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

authorised_caller: Final = Table(
    "authorised_caller",
    metadata,
    Column(
        "extension",
        String(10),
        ForeignKey("extension.extension", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("number", String(16), primary_key=True, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("pin_hash", String(200)),
    Column("callback_number", String(16)),
    Column("language", String(5)),
    # JSON objects: digits to number (D3), DID to number (D5).
    Column("speed_dials", Text, nullable=False),
    Column("presets", Text, nullable=False),
    Column("notes", Text, nullable=False),
    *_kept(),
)

#: Money of an extension, or of one authorised CallerID (M1). Where its owner is removed, the
#: account stays, with the owner's name: a ledger is kept.
account: Final = Table(
    "account",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("extension", String(10), ForeignKey("extension.extension", ondelete="SET NULL")),
    Column("caller", String(16)),
    Column("owner", String(32), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("unlimited", Boolean, nullable=False),
    Column("description", String(200), nullable=False),
    *_kept(),
    ForeignKeyConstraint(
        ["extension", "caller"],
        ["authorised_caller.extension", "authorised_caller.number"],
        name="account_caller_fkey",
        ondelete="SET NULL",
    ),
    Index("account_owner", "owner"),
    # One account each.
    Index(
        "account_of_extension",
        "extension",
        unique=True,
        sqlite_where=text("caller IS NULL"),
        postgresql_where=text("caller IS NULL"),
    ),
    Index("account_of_caller", "extension", "caller", unique=True),
)

#: The ledger: each line follows the one before it, and says what was left after it. Triggers of
#: the database (migration 0002) see to it that none is changed, removed or miscounted, so that
#: the last line's `left_after` is the sum of all amounts, whoever wrote them.
account_entry: Final = Table(
    "account_entry",
    metadata,
    Column("account", String(36), ForeignKey("account.id"), primary_key=True),
    # From 1, without a gap.
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    # The writer's own: the same key again is the same entry.
    Column("key", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("left_after", BigInteger, nullable=False),
    Column("order_number", String(200), nullable=False),
    Column("notes", Text, nullable=False),
    Column("actor", String(80), nullable=False),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("account", "key", name="account_entry_key"),
    CheckConstraint("position > 0", name="position"),
)

#: Sounds that the switch has, by name (S1).
sound: Final = Table(
    "sound",
    metadata,
    Column("language", String(5), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("path", String(512), nullable=False),
    Column("client", String(32), ForeignKey("client.name"), index=True),
    Column("description", String(200), nullable=False),
    *_kept(),
)

#: Who may use the API. `hash` is SHA-256 of a secret of 256 random bits.
token: Final = Table(
    "token",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("client", String(32), ForeignKey("client.name"), index=True),
    Column("expires", BigInteger),
    *_kept(),
)

#: Who changed what, from what to what; never a password, nor its hash.
audit: Final = Table(
    "audit",
    metadata,
    Column("id", _SERIAL, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", String(80), nullable=False),
    # create, change, delete
    Column("action", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(80), nullable=False),
    # Whose it is, for a client's own view.
    Column("client", String(32), index=True),
    # JSON objects of the fields that changed; NULL where there was or is none.
    Column("before", Text),
    Column("after", Text),
    Index("audit_of", "kind", "key"),
)

#: One row: by what the pepper is known that the passwords are made with.
pepper: Final = Table(
    "pepper",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(64), nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

#: One row: the count of changes that touch policies, and a name made with the database.
policy_clock: Final = Table(
    "policy_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("lineage", String(36), nullable=False),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
)

#: The last of those changes: what they touched, as JSON of `policy.changes.Change`.
policy_change: Final = Table(
    "policy_change",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("change", Text, nullable=False),
)

#: States of a request whose return call is still to come or under way; of these, under way.
OPEN_STATES: Final = ("pending", "calling", "answered")
LIVE_STATES: Final = ("calling", "answered")

#: One callback that was asked for, or that nobody gets and why (SPEC T10).
callback_request: Final = Table(
    "callback_request",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("extension", String(10), nullable=False),
    Column("did", String(16), nullable=False),
    # Whom to call back; of one that was refused: who asked, where that is known.
    Column("number", String(16)),
    # pending -> calling -> answered -> done, or at once: refused. A retry goes back to pending.
    Column("state", String(10), nullable=False),
    # How it ended; of one that is pending again: how the last try did.
    Column("outcome", String(32)),
    Column("cause", String(64)),
    Column("destination", String(16)),
    Column("created", BigInteger, nullable=False),
    Column("due", BigInteger, nullable=False),
    # How many later triggers joined this one (SPEC T6).
    Column("joined", Integer, nullable=False, default=0),
    Column("holder", String(64)),
    Column("lease_until", BigInteger),
    # The attempt under way or the last one, and its node; see `callback_attempt`.
    Column("node", String(64)),
    Column("attempt", String(36)),
    Column("ended", BigInteger),
    # Who rang first, E.164; None: hidden, or no number: `said` is then what the trunk said.
    Column("caller", String(16)),
    Column("said", String(100)),
    # How it was asked for: `call`, or `api` (T11) and there by whom and with which key of his.
    Column("source", String(8), nullable=False, server_default="call"),
    Column("actor", String(80)),
    Column("key", String(64)),
    # Of the last trigger call: who rang what, over which trunk, its leg and its end.
    Column("last_caller", String(16)),
    Column("last_did", String(16)),
    Column("channel", String(64)),
    Column("leg", String(64)),
    Column("rang", BigInteger, nullable=False, server_default="0"),
    # No more is tried after that.
    Column("expires", BigInteger, nullable=False, server_default="0"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Index("callback_request_due", "state", "due"),
    # T1's second try of a carrier.
    Index("callback_request_last", "last_caller", "last_did", "rang"),
    Index("callback_request_caller", "caller", "created"),
    Index("callback_request_number", "number", "created"),
    Index("callback_request_of", "extension", "created"),
    Index("callback_request_created", "created"),
    Index("callback_request_key", "actor", "key", unique=True),
    Index("callback_request_leg", "leg"),
    # Nobody is called by two extensions at once (SPEC T7), whoever begins.
    Index(
        "callback_request_live",
        "number",
        unique=True,
        sqlite_where=text("state IN ('calling', 'answered')"),
        postgresql_where=text("state IN ('calling', 'answered')"),
    ),
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

#: Keys of those who joined through the API what was there already (T6), with what they asked for.
callback_key: Final = Table(
    "callback_key",
    metadata,
    Column("actor", String(80), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column(
        "request",
        String(36),
        ForeignKey("callback_request.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("did", String(16), nullable=False),
    Column("caller", String(16), nullable=False),
)

#: One try of a callback: written before it is sent, and never moved to another node. `id` is its
#: job's uuid, from which those of its legs follow, one for each channel.
callback_attempt: Final = Table(
    "callback_attempt",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("request", String(36), ForeignKey("callback_request.id"), nullable=False, index=True),
    Column("extension", String(10), nullable=False),
    Column("number", String(16), nullable=False),
    Column("node", String(64), nullable=False),
    # Which run of the node's switch: its Core-UUID, another one after each start.
    Column("core", String(64), nullable=False, server_default=text("''")),
    # JSON: the channels of its dial string, in order.
    Column("channels", Text, nullable=False),
    Column("begun", BigInteger, nullable=False),
    Column("answered", BigInteger),
    Column("ended", BigInteger),
    Column("outcome", String(32)),
    Column("cause", String(64)),
    # G4: whether it says something about the number: nobody answered, or only for a moment.
    Column("counts", Boolean, nullable=False, server_default=text("false")),
    Index("callback_attempt_of", "extension", "number", "begun"),
    Index(
        "callback_attempt_open",
        "node",
        sqlite_where=text("ended IS NULL"),
        postgresql_where=text("ended IS NULL"),
    ),
)

#: What is stopped (O6): `everywhere` (`name` empty), a `client`, an `extension`.
stop: Final = Table(
    "stop",
    metadata,
    Column("scope", String(16), primary_key=True),
    Column("name", String(32), primary_key=True),
    # Calls in progress are ended too; else they end as they would.
    Column("hang_up", Boolean, nullable=False),
    Column("reason", String(200), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("since", BigInteger, nullable=False),
)
