"""The tables of people who log in: who they are, their sessions, links that let them in."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text, text

from controller.store.schema_metadata import kept, metadata

#: Who may log in. He cannot before he has set a password.
user: Final = Table(
    "user",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("role", String(16), nullable=False),
    Column("client", String(32), ForeignKey("client.name"), index=True),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # argon2id, with the pepper.
    Column("password_hash", String(200)),
    # What the secret of his authenticator is made of, with the pepper; NULL: he has none.
    Column("totp", String(64)),
    # The last step whose code was taken: none is taken twice.
    Column("totp_step", BigInteger),
    # JSON: SHA-256 of the codes that let him in once each where his authenticator is lost.
    Column("recovery", Text, nullable=False, server_default="[]"),
    *kept(),
)

#: Log-ins. `digest` is SHA-256 of a secret of 256 random bits, which the browser has.
web_session: Final = Table(
    "web_session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column(
        "user",
        String(64),
        ForeignKey("user.name", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    # Whether everything was shown that he has to show; else his authenticator is still asked for.
    Column("whole", Boolean, nullable=False),
    # From where he logged in.
    Column("peer", String(64), nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

#: Links by which somebody sets a password, once. `digest` is SHA-256 of 256 random bits.
invitation: Final = Table(
    "invitation",
    metadata,
    Column("digest", String(64), primary_key=True),
    # NULL: whoever has it becomes the first administrator.
    Column("user", String(64), ForeignKey("user.name", ondelete="CASCADE"), index=True),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

#: Log-ins that failed, by the name that was typed, whether or not there is such a user: so nothing
#: tells the two apart. `name` is SHA-256 of it: some type their password there.
log_in_failure: Final = Table(
    "log_in_failure",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last", BigInteger, nullable=False, index=True),
)
