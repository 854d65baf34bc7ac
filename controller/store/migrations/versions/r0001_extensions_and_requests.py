"""Extensions, DIDs and callback requests, as 0.1.0 began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "extension",
        sa.Column("extension", sa.String(10), primary_key=True),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "did",
        sa.Column("number", sa.String(16), primary_key=True),
        sa.Column(
            "extension",
            sa.String(10),
            sa.ForeignKey("extension.extension", ondelete="CASCADE", name="did_extension_fkey"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_index("ix_did_extension", "did", ["extension"])
    op.create_table(
        "callback_request",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("extension", sa.String(10), nullable=False),
        sa.Column("did", sa.String(16), nullable=False),
        sa.Column("number", sa.String(16)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("outcome", sa.String(32)),
        sa.Column("cause", sa.String(64)),
        sa.Column("destination", sa.String(16)),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("joined", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("node", sa.String(64)),
        sa.Column("attempt", sa.String(36)),
        sa.Column("ended", sa.BigInteger),
    )
    op.create_index("callback_request_due", "callback_request", ["state", "due"])
    still_open = sa.text("state IN ('pending', 'calling', 'answered')")
    op.create_index(
        "callback_request_open",
        "callback_request",
        ["extension", "number"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
