"""Records about persons are erased (O7): what is found for it, and what of the ledger may change.

An entry of the ledger stays, with its key and amount, and stays the sum of those before it (M1).
Only its texts may change, and none may get longer: they can lose a number, and tell nothing new.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_MONEY = ("account", "position", "key", "kind", "amount", "left_after", "actor", "created", "call")
_TEXTS = ("order_number", "notes")


def upgrade() -> None:
    """Let texts of the ledger lose something, and find notices by when they were taken."""
    taken = sa.text("taken IS NOT NULL")
    op.create_index("notice_taken", "notice", ["taken"], sqlite_where=taken, postgresql_where=taken)
    differs = "IS NOT" if op.get_bind().dialect.name == "sqlite" else "IS DISTINCT FROM"
    more = " OR ".join(
        (
            *(f"NEW.{name} {differs} OLD.{name}" for name in _MONEY),
            *(f"length(NEW.{name}) > length(OLD.{name})" for name in _TEXTS),
        )
    )
    for statement in _SQLITE if differs == "IS NOT" else _POSTGRESQL:
        op.execute(statement.format(more=more))


_SQLITE = (
    "DROP TRIGGER account_entry_stays",
    """
    CREATE TRIGGER account_entry_stays BEFORE UPDATE ON account_entry
    WHEN {more}
    BEGIN SELECT RAISE(ABORT, 'account_entry: is append-only'); END
    """,
)

_POSTGRESQL = (
    """
    CREATE FUNCTION account_entry_loses() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF {more} THEN
            RAISE EXCEPTION 'account_entry: is append-only'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "DROP TRIGGER account_entry_stays ON account_entry",
    """
    CREATE TRIGGER account_entry_stays BEFORE DELETE ON account_entry
    FOR EACH ROW EXECUTE FUNCTION account_entry_stays()
    """,
    """
    CREATE TRIGGER account_entry_loses BEFORE UPDATE ON account_entry
    FOR EACH ROW EXECUTE FUNCTION account_entry_loses()
    """,
)
