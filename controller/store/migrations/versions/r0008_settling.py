"""When a call was seen alive last, for those whose end nobody saw (M7); records by client.

Calls of before are taken for seen never: nothing was held for them.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add a column to attempts and destinations, and an index to the legs of calls."""
    for table in ("callback_attempt", "callback_destination"):
        op.add_column(table, sa.Column("seen", sa.BigInteger))
    op.create_index("call_leg_client", "call_leg", ["client", "begun"])
