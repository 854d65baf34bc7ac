"""What Alembic runs: the revisions, on the connection and in the transaction that it is given."""

from __future__ import annotations

from alembic import context

from controller.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
# The transaction is the caller's: all revisions or none, also on SQLite.
context.run_migrations()
