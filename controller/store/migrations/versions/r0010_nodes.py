"""Which nodes are drained, and what controllers see of nodes.

A node of before is not drained, and was seen by nobody yet.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "node_drain",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "node_seen",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("core", sa.String(64), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("sessions", sa.Integer),
        sa.Column("most_sessions", sa.Integer),
        sa.Column("idle", sa.Integer),
    )
