"""The tables. Times are microseconds since 1970, UTC; numbers are E.164; money is micro-units.

What the operator keeps has a `version`, raised by each change (optimistic locking), and when it was
made and changed. `migrations` makes these tables; a test compares the two. Those of callbacks
and stops are in `schema_callbacks`, those of prices, holds and legs' records in `schema_money`,
those of people in `schema_people`, and are had from here as well.
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
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from controller.store.schema_callbacks import (
    LIVE_STATES,
    OPEN_STATES,
    callback_attempt,
    callback_destination,
    callback_key,
    callback_request,
    node_drain,
    node_seen,
    stop,
    suspicion,
)
from controller.store.schema_metadata import SERIAL, kept, metadata
from controller.store.schema_money import call_leg, credit_hold, notice, price_list, rate, stream
from controller.store.schema_people import invitation, log_in_failure, user, web_session

__all__ = [
    "LIVE_STATES",
    "OPEN_STATES",
    "account",
    "account_entry",
    "audio",
    "audio_file",
    "audit",
    "authorised_caller",
    "call_leg",
    "callback_attempt",
    "callback_destination",
    "callback_key",
    "callback_request",
    "caller_id",
    "channel",
    "client",
    "credit_hold",
    "did",
    "extension",
    "invitation",
    "log_in_failure",
    "metadata",
    "node_drain",
    "node_seen",
    "notice",
    "pepper",
    "policy_change",
    "policy_clock",
    "price_list",
    "public_number",
    "rate",
    "sound",
    "sound_clock",
    "stop",
    "stream",
    "suspicion",
    "token",
    "user",
    "web_session",
]

client: Final = Table(
    "client",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("description", String(200), nullable=False),
    Column("contact_name", String(40), nullable=False),
    Column("enabled", Boolean, nullable=False),
    # JSON: where no call of its extensions goes (G2), how often one is made (G3).
    Column("blocked_countries", Text, nullable=False, server_default="[]"),
    Column("blocked_prefixes", Text, nullable=False, server_default="[]"),
    Column("blocked_types", Text, nullable=False, server_default="[]"),
    Column("callbacks", Text, nullable=False, server_default="{}"),
    Column("concurrent_calls", Integer),
    *kept(),
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
    *kept(),
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

#: Trunks; texts without a length are JSON of `policy.channels.Channel`.
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
    Column("trust_callers", Boolean, nullable=False, server_default=text("false")),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("destinations", Text, nullable=False, server_default="{}"),
    Column("priority", Integer, nullable=False, server_default="10"),
    Column("hours", Text, nullable=False, server_default="[]"),
    Column("time_zone", String(64), nullable=False, server_default="UTC"),
    Column("concurrent_calls", Integer),
    Column("progress_seconds", Integer, nullable=False, server_default="15"),
    Column("number_format", String(16), nullable=False, server_default="digits"),
    Column("dial_prefix", String(15), nullable=False, server_default=text("''")),
    Column("caller_id_format", String(16), nullable=False, server_default="digits"),
    Column("domain", String(128)),
    Column("hidden_identity", String(16), nullable=False, server_default="omit"),
    Column("proxy", String(140)),
    Column("transport", String(8), nullable=False, server_default="udp"),
    Column("username", String(64)),
    Column("register", Boolean, nullable=False, server_default=text("false")),
    Column("ping_seconds", Integer),
    # What its calls cost (M2).
    Column("cost_list", String(64), ForeignKey("price_list.name")),
    *kept(),
)

#: What may be shown on a channel (I8); without a client it is in nobody's pool.
public_number: Final = Table(
    "public_number",
    metadata,
    Column("number", String(16), primary_key=True),
    Column("channel", String(64), ForeignKey("channel.name"), nullable=False, index=True),
    Column("client", String(32), ForeignKey("client.name"), index=True),
    Column("description", String(200), nullable=False),
    *kept(),
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
    *kept(),
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
    # By what it is charged (M2); NULL: its calls are not.
    Column("price_list", String(64), ForeignKey("price_list.name")),
    # Below so much somebody is told (a webhook), once until it is above again.
    Column("low_credit", BigInteger),
    Column("low_told", Boolean, nullable=False, server_default=text("false")),
    Column("description", String(200), nullable=False),
    *kept(),
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
#: the last line's `left_after` is the sum of all amounts, whoever wrote them. Its texts may lose
#: something (O7, migration 0012), and nothing else of it changes.
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
    # Of a charge (M7): the call, from whose hold it is taken; NULL of everything else.
    Column("call", String(36)),
    UniqueConstraint("account", "key", name="account_entry_key"),
    CheckConstraint("position > 0", name="position"),
)

#: Sounds by name (S1): files that the switch has (`path`), or uploaded ones (`audio`); neither, as
#: long as nothing was uploaded.
sound: Final = Table(
    "sound",
    metadata,
    Column("language", String(5), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("path", String(512)),
    Column("client", String(32), ForeignKey("client.name"), index=True),
    Column("description", String(200), nullable=False),
    # What was uploaded, and how the file was called there.
    Column("audio", String(64), ForeignKey("audio.id"), index=True),
    Column("uploaded_name", String(200)),
    *kept(),
    CheckConstraint("path IS NULL OR audio IS NULL", name="one_source"),
)

#: What was uploaded, converted. `id` says what it is: SHA-256 of the digests of its files.
audio: Final = Table(
    "audio",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("milliseconds", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
)

#: Its files, one for each rate, in a table of their own: lists do not read them.
audio_file: Final = Table(
    "audio_file",
    metadata,
    Column("audio", String(64), ForeignKey("audio.id", ondelete="CASCADE"), primary_key=True),
    Column("rate", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

#: One row: the count of changes of sounds, so that whoever copies them sees cheaply that one was.
sound_clock: Final = Table(
    "sound_clock",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="one_row"),
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
    *kept(),
)

#: Who changed what, from what to what; never a password, nor its hash.
audit: Final = Table(
    "audit",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
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
