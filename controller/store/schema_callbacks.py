"""The tables of callbacks, of their attempts, and of what is stopped; see `schema`."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from controller.store.schema_metadata import SERIAL, metadata

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
    # I1: the name that came with it, where it may be shown to others.
    Column("last_name", String(40)),
    Column("channel", String(64)),
    Column("leg", String(64)),
    Column("rang", BigInteger, nullable=False, server_default="0"),
    # How long the first one rang until its end; NULL: nobody rang, or nobody knows.
    Column("rang_milliseconds", Integer),
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
    # Written when a try ends, and by none of the moves before.
    Index(
        "callback_request_outcome",
        "outcome",
        "created",
        sqlite_where=text("outcome IS NOT NULL"),
        postgresql_where=text("outcome IS NOT NULL"),
    ),
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
    # JSON of `routing.model.Plan`: how they were found, and what each shows (I9).
    Column("plan", Text),
    # Over which of them it was answered.
    Column("channel", String(64)),
    # JSON: the hang-up cause of each channel that failed.
    Column("causes", Text, nullable=False, server_default="{}"),
    Column("begun", BigInteger, nullable=False),
    Column("answered", BigInteger),
    # When its leg was found alive last, where somebody pays for it.
    Column("seen", BigInteger),
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

#: What was said, typed and decided on a return call, in order: a request's transcript. `line` tells
#: apart what happened at one moment.
callback_transcript: Final = Table(
    "callback_transcript",
    metadata,
    Column(
        "request",
        String(36),
        ForeignKey("callback_request.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("leg", String(64), nullable=False),
    # said, typed, decided, called, ended
    Column("what", String(16), nullable=False),
    Column("text", String(300), nullable=False),
)

#: A destination that was called on a return call: by which channels, what each shows, and why (I9).
#: `position`: the how-manieth of its leg.
callback_destination: Final = Table(
    "callback_destination",
    metadata,
    Column(
        "request",
        String(36),
        ForeignKey("callback_request.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("leg", String(64), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    # E.164, or that of an extension of the platform, or an emergency number.
    Column("number", String(16), nullable=False),
    Column("begun", BigInteger, nullable=False),
    # JSON of `routing.model.Plan`.
    Column("plan", Text, nullable=False),
    # Over which channel people talked, from when; NULL: they did not.
    Column("channel", String(64)),
    Column("connected", BigInteger),
    # When its leg was found alive last, where somebody pays for it.
    Column("seen", BigInteger),
    Column("ended", BigInteger),
    Column("cause", String(64)),
    # JSON: the hang-up cause of each channel that failed.
    Column("causes", Text, nullable=False, server_default="{}"),
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

#: Nodes that get no new return calls, until somebody resumes them.
node_drain: Final = Table(
    "node_drain",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("actor", String(80), nullable=False),
    Column("reason", String(200), nullable=False),
    Column("since", BigInteger, nullable=False),
)

#: What controllers see of nodes: when one of them had a link last, and what the switch said then.
node_seen: Final = Table(
    "node_seen",
    metadata,
    Column("name", String(64), primary_key=True),
    # Another value at each sign of life, by the clock of whoever had it.
    Column("seen", BigInteger, nullable=False),
    # Which run of its switch, and its release.
    Column("core", String(64), nullable=False),
    Column("version", String(80), nullable=False),
    # Legs that it has, and may have; NULL: it has not said. How much of its time is idle, percent.
    Column("sessions", Integer),
    Column("most_sessions", Integer),
    Column("idle", Integer),
)

#: Calls that look like fraud (G3): a pattern that was seen at a subject (an extension, a number, a
#: block of numbers), since when, and how often. Released ones stay, with who released them.
suspicion: Final = Table(
    "suspicion",
    metadata,
    Column("id", SERIAL, primary_key=True, autoincrement=True),
    Column("pattern", String(24), nullable=False),
    # What it was seen at: `1001`, `+12125550199`, `1001/+121255501`.
    Column("subject", String(40), nullable=False),
    # Whose it is, for a client's own view; NULL: of several, and the operator's.
    Column("extension", String(10)),
    Column("client", String(32)),
    # Whether callbacks are blocked by it.
    Column("blocks", Boolean, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("times", Integer, nullable=False),
    # What was seen, in a sentence.
    Column("said", String(200), nullable=False),
    Column("released", BigInteger),
    Column("released_by", String(80)),
    Index("suspicion_client", "client", "id"),
    Index("suspicion_released", "released"),
    Index("suspicion_subject", "pattern", "subject", "released"),
    # One that is open each.
    Index(
        "suspicion_open",
        "pattern",
        "subject",
        unique=True,
        sqlite_where=text("released IS NULL"),
        postgresql_where=text("released IS NULL"),
    ),
)
