"""What was said and typed on return calls, line by line."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "callback_transcript",
        sa.Column("request", sa.String(36), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("line", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("leg", sa.String(64), nullable=False),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("text", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("request", "at", "line", name="callback_transcript_pkey"),
        sa.ForeignKeyConstraint(
            ["request"],
            ["callback_request.id"],
            name="callback_transcript_request_fkey",
            ondelete="CASCADE",
        ),
    )
