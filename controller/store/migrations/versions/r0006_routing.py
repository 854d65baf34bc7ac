"""How channels are used for calls that go out, and by which one each call went (I9).

A channel that is there goes on as it did: it takes all numbers, at any time, in digits.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the columns, and the table of destinations."""
    for column in (
        sa.Column("trust_callers", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("destinations", sa.Text, nullable=False, server_default="{}"),
        sa.Column("priority", sa.Integer, nullable=False, server_default="10"),
        sa.Column("hours", sa.Text, nullable=False, server_default="[]"),
        sa.Column("time_zone", sa.String(64), nullable=False, server_default="UTC"),
        sa.Column("concurrent_calls", sa.Integer),
        sa.Column("progress_seconds", sa.Integer, nullable=False, server_default="15"),
        sa.Column("number_format", sa.String(16), nullable=False, server_default="digits"),
        sa.Column("dial_prefix", sa.String(15), nullable=False, server_default=sa.text("''")),
        sa.Column("caller_id_format", sa.String(16), nullable=False, server_default="digits"),
        sa.Column("domain", sa.String(128)),
        sa.Column("hidden_identity", sa.String(16), nullable=False, server_default="omit"),
        sa.Column("proxy", sa.String(140)),
        sa.Column("transport", sa.String(8), nullable=False, server_default="udp"),
        sa.Column("username", sa.String(64)),
        sa.Column("register", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("ping_seconds", sa.Integer),
    ):
        op.add_column("channel", column)
    op.add_column("callback_request", sa.Column("last_name", sa.String(40)))
    op.add_column("callback_attempt", sa.Column("plan", sa.Text))
    op.add_column("callback_attempt", sa.Column("channel", sa.String(64)))
    op.add_column(
        "callback_attempt", sa.Column("causes", sa.Text, nullable=False, server_default="{}")
    )
    op.create_table(
        "callback_destination",
        sa.Column("request", sa.String(36), nullable=False),
        sa.Column("leg", sa.String(64), nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("begun", sa.BigInteger, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("channel", sa.String(64)),
        sa.Column("connected", sa.BigInteger),
        sa.Column("ended", sa.BigInteger),
        sa.Column("cause", sa.String(64)),
        sa.Column("causes", sa.Text, nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("request", "leg", "position", name="callback_destination_pkey"),
        sa.ForeignKeyConstraint(
            ["request"],
            ["callback_request.id"],
            name="callback_destination_request_fkey",
            ondelete="CASCADE",
        ),
    )
