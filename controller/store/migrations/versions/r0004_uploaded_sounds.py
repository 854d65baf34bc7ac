"""Sounds that were uploaded: what they were converted to, beside those that the switch has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables; a sound may have audio in place of a path."""
    op.create_table(
        "audio",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="audio_pkey"),
    )
    op.create_table(
        "audio_file",
        sa.Column("audio", sa.String(64), nullable=False),
        sa.Column("rate", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("audio", "rate", name="audio_file_pkey"),
        sa.ForeignKeyConstraint(
            ["audio"], ["audio.id"], name="audio_file_audio_fkey", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "sound_clock",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="sound_clock_pkey"),
        sa.CheckConstraint("id = 1", name=op.f("sound_clock_one_row")),
    )
    op.execute("INSERT INTO sound_clock (id, seq) VALUES (1, 0)")
    with op.batch_alter_table("sound") as table:
        table.alter_column("path", existing_type=sa.String(512), nullable=True)
        table.add_column(sa.Column("audio", sa.String(64)))
        table.add_column(sa.Column("uploaded_name", sa.String(200)))
        table.create_foreign_key("sound_audio_fkey", "audio", ["audio"], ["id"])
        table.create_check_constraint(op.f("sound_one_source"), "path IS NULL OR audio IS NULL")
    op.create_index("sound_audio", "sound", ["audio"])
