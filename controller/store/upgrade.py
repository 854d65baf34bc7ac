"""Brings a database to the revision that this release works with."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import OperationalError

#: What PostgreSQL is asked for while the tables are changed: one upgrade at a time. Any number.
_LOCK: Final = 0x63626400

#: How long a start waits for another one that upgrades already, seconds.
UPGRADE_SECONDS: Final = 300

#: How long a change waits for a table that others work with, seconds. All who want that meanwhile
#: wait behind it: callers do not hear that, and a long reader (pg_dump) holds nobody up.
TABLE_SECONDS: Final = 2.0
#: What PostgreSQL says where a table could not be had: by then, or because of two each had one.
_NOT_HAD: Final = ("55P03", "40P01")

#: The revision of databases that were made before there were revisions.
_FIRST: Final = "0001"


class TablesLocked(RuntimeError):
    """Somebody works with a table for longer than is waited; nothing was changed."""


class NewerDatabase(RuntimeError):
    """The database was upgraded by a newer release; the message says to which revision."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    # A `%` in a path would be read as an interpolation.
    location = str(Path(__file__).parent / "migrations").replace("%", "%%")
    config.set_main_option("script_location", location)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


@cache
def head() -> str:
    """Give the revision that this release works with."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None
    return found


@cache
def known() -> frozenset[str]:
    """Give all revisions that this release knows; of a newer one's database it knows not all."""
    script = ScriptDirectory.from_config(_config())
    return frozenset(one.revision for one in script.walk_revisions())


def revision(engine: Engine) -> str | None:
    """Give the revision of a database; None: it is empty, or older than revisions are."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _lock(connection: Connection) -> None:
    # Who upgrades already may take longer than a lock is waited for otherwise.
    setting = "SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'"
    usual = connection.exec_driver_sql(setting).scalar_one()
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{UPGRADE_SECONDS}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    most = int(TABLE_SECONDS * 1000)
    # Milliseconds; 0 is as long as it takes.
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {min(most, usual or most)}")


def upgrade(engine: Engine, to: str = "head") -> None:
    """Upgrade a database, all the way or not at all; of several who try, one does.

    `engine` must not check foreign keys on SQLite while tables are made anew (`database` gives
    such a one). Raises `NewerDatabase`, `TablesLocked`, and what the database raises.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            _lock(connection)
        found = MigrationContext.configure(connection).get_current_revision()
        if found is not None and found not in known():
            raise NewerDatabase(found)
        config = _config(connection)
        if found is None and inspect(connection).has_table("callback_request"):
            command.stamp(config, _FIRST)
        try:
            command.upgrade(config, to)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) in _NOT_HAD:
                raise TablesLocked(str(error.orig).partition("\n")[0]) from error
            raise
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise RuntimeError(f"the upgrade would leave {broken[0]} without what it refers to")
