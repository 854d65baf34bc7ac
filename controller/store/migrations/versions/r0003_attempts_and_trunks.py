"""Attempts of callbacks as rows, what is kept of who rang, trunks that say who rings, stops.

Of requests that are there, whoever rang is whom to call back, and they expire 15 minutes after they
were due, as the release that wrote them would have had it unless told otherwise. Each attempt that
was written gets a row of its own.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_LIVE = "state IN ('calling', 'answered')"


def upgrade() -> None:
    """Make the tables and columns, and fill them of what is there."""
    _channels()
    _requests()
    _attempts()
    _keys()
    op.create_table(
        "stop",
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("hang_up", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name="stop_pkey"),
    )


def _channels() -> None:
    for column in (
        sa.Column("addresses", sa.Text, nullable=False, server_default="[]"),
        sa.Column("identity", sa.Text, nullable=False, server_default='["from"]'),
        sa.Column("country", sa.String(2)),
        sa.Column("rewrite", sa.Text, nullable=False, server_default="{}"),
        sa.Column("refusal_cause", sa.String(16), nullable=False, server_default="USER_BUSY"),
    ):
        op.add_column("channel", column)


def _requests() -> None:
    for column in (
        sa.Column("caller", sa.String(16)),
        sa.Column("said", sa.String(100)),
        sa.Column("source", sa.String(8), nullable=False, server_default="call"),
        sa.Column("actor", sa.String(80)),
        sa.Column("key", sa.String(64)),
        sa.Column("last_caller", sa.String(16)),
        sa.Column("last_did", sa.String(16)),
        sa.Column("channel", sa.String(64)),
        sa.Column("leg", sa.String(64)),
        sa.Column("rang", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("expires", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("callback_request", column)
    op.execute(
        "UPDATE callback_request SET caller = number, last_caller = number, last_did = did, "
        "rang = created, expires = due + 900000000, "
        "attempts = CASE WHEN attempt IS NULL THEN 0 ELSE 1 END"
    )
    # Two extensions may be calling one person: of these the index allows one.
    op.execute(
        "UPDATE callback_request SET state = 'done', outcome = 'unknown', ended = due, "
        "holder = NULL, lease_until = NULL WHERE state IN ('calling', 'answered') AND EXISTS "
        "(SELECT 1 FROM callback_request AS other WHERE other.number = callback_request.number "
        "AND other.state IN ('calling', 'answered') AND (other.created > callback_request.created "
        "OR (other.created = callback_request.created AND other.id > callback_request.id)))"
    )
    op.create_index(
        "callback_request_last", "callback_request", ["last_caller", "last_did", "rang"]
    )
    op.create_index("callback_request_caller", "callback_request", ["caller", "created"])
    op.create_index("callback_request_number", "callback_request", ["number", "created"])
    op.create_index("callback_request_of", "callback_request", ["extension", "created"])
    op.create_index("callback_request_created", "callback_request", ["created"])
    op.create_index("callback_request_key", "callback_request", ["actor", "key"], unique=True)
    op.create_index("callback_request_leg", "callback_request", ["leg"])
    op.create_index(
        "callback_request_live",
        "callback_request",
        ["number"],
        unique=True,
        sqlite_where=sa.text(_LIVE),
        postgresql_where=sa.text(_LIVE),
    )


def _attempts() -> None:
    op.create_table(
        "callback_attempt",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("request", sa.String(36), nullable=False),
        sa.Column("extension", sa.String(10), nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("core", sa.String(64), nullable=False, server_default=sa.text("''")),
        sa.Column("channels", sa.Text, nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("answered", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("outcome", sa.String(32)),
        sa.Column("cause", sa.String(64)),
        sa.Column("counts", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.PrimaryKeyConstraint("id", name="callback_attempt_pkey"),
        sa.ForeignKeyConstraint(
            ["request"], ["callback_request.id"], name="callback_attempt_request_fkey"
        ),
    )
    op.create_index("callback_attempt_request", "callback_attempt", ["request"])
    op.create_index("callback_attempt_of", "callback_attempt", ["extension", "number", "begun"])
    op.create_index(
        "callback_attempt_open",
        "callback_attempt",
        ["node"],
        sqlite_where=sa.text("ended IS NULL"),
        postgresql_where=sa.text("ended IS NULL"),
    )
    op.execute(
        "INSERT INTO callback_attempt (id, request, extension, number, node, channels, begun, "
        "answered, ended, outcome, cause) SELECT attempt, id, extension, number, "
        "COALESCE(node, ''), '[]', due, CASE WHEN state = 'answered' THEN due END, ended, outcome, "
        "cause FROM callback_request WHERE attempt IS NOT NULL AND number IS NOT NULL"
    )


def _keys() -> None:
    op.create_table(
        "callback_key",
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("request", sa.String(36), nullable=False),
        sa.Column("did", sa.String(16), nullable=False),
        sa.Column("caller", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("actor", "key", name="callback_key_pkey"),
        sa.ForeignKeyConstraint(
            ["request"],
            ["callback_request.id"],
            name="callback_key_request_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_index("callback_key_request", "callback_key", ["request"])
