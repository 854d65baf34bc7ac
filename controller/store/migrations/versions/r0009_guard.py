"""What clients are limited by (G2, G3), what looks like fraud, and what extensions have spent.

A client that is there has no limits, as before.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from controller.store.schema_metadata import SERIAL

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the columns, the table of suspicions, and indexes of money."""
    for name, empty in (
        ("blocked_countries", "[]"),
        ("blocked_prefixes", "[]"),
        ("blocked_types", "[]"),
        ("callbacks", "{}"),
    ):
        op.add_column("client", sa.Column(name, sa.Text, nullable=False, server_default=empty))
    op.add_column("client", sa.Column("concurrent_calls", sa.Integer))
    op.create_table(
        "suspicion",
        sa.Column("id", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("pattern", sa.String(24), nullable=False),
        sa.Column("subject", sa.String(40), nullable=False),
        sa.Column("extension", sa.String(10)),
        sa.Column("client", sa.String(32)),
        sa.Column("blocks", sa.Boolean, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("said", sa.String(200), nullable=False),
        sa.Column("released", sa.BigInteger),
        sa.Column("released_by", sa.String(80)),
    )
    op.create_index("suspicion_client", "suspicion", ["client", "id"])
    op.create_index("suspicion_released", "suspicion", ["released"])
    op.create_index("suspicion_subject", "suspicion", ["pattern", "subject", "released"])
    op.create_index(
        "suspicion_open",
        "suspicion",
        ["pattern", "subject"],
        unique=True,
        sqlite_where=sa.text("released IS NULL"),
        postgresql_where=sa.text("released IS NULL"),
    )
    _money()


def _money() -> None:
    """What an extension has spent, and what is held for its calls, is found by it (G3)."""
    held, charged = sa.text("ended IS NULL"), sa.text("charge > 0")
    op.create_index(
        "credit_hold_of", "credit_hold", ["extension"], sqlite_where=held, postgresql_where=held
    )
    op.create_index(
        "call_leg_spent",
        "call_leg",
        ["extension", "kept", "currency", "charge"],
        sqlite_where=charged,
        postgresql_where=charged,
    )
