"""People who log in to the pages: users, their sessions, links that let them in.

Before, there were none: whoever has the machine lets the first one in. And what the pages ask of
callbacks: by what they ended, and how long the trigger call rang; of those of before nobody knows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the tables, and of callbacks a column and an index."""
    op.create_table(
        "user",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("client", sa.String(32), sa.ForeignKey("client.name", name="user_client_fkey")),
        sa.Column("enabled", sa.Boolean, nullable=False, server_default=sa.text("true")),
        sa.Column("password_hash", sa.String(200)),
        sa.Column("totp", sa.String(64)),
        sa.Column("totp_step", sa.BigInteger),
        sa.Column("recovery", sa.Text, nullable=False, server_default="[]"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
    )
    op.create_index("user_client", "user", ["client"])
    op.create_table(
        "web_session",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column(
            "user",
            sa.String(64),
            sa.ForeignKey("user.name", name="web_session_user_fkey", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("peer", sa.String(64), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("web_session_user", "web_session", ["user"])
    op.create_table(
        "invitation",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column(
            "user",
            sa.String(64),
            sa.ForeignKey("user.name", name="invitation_user_fkey", ondelete="CASCADE"),
        ),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
    op.create_index("invitation_user", "invitation", ["user"])
    op.create_table(
        "log_in_failure",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_index("log_in_failure_last", "log_in_failure", ["last"])
    op.add_column("callback_request", sa.Column("rang_milliseconds", sa.Integer))
    # What is to be made has no outcome, and is not in it: it is written when a try ends.
    op.create_index(
        "callback_request_outcome",
        "callback_request",
        ["outcome", "created"],
        sqlite_where=sa.text("outcome IS NOT NULL"),
        postgresql_where=sa.text("outcome IS NOT NULL"),
    )
