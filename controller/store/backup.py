"""Copies of the database: made while it is in use, checked, and put back.

SQLite is copied by itself. Of PostgreSQL its own programs make a dump and load it; they are looked
for on the PATH, and are told the password by the environment, where `ps` does not show it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Final

from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Engine, create_engine, inspect, text

#: How long a copy waits for whoever keeps all others from reading, seconds.
_BUSY_SECONDS: Final = 10.0
#: The one row of a dump's table `pepper`: its number, and the fingerprint.
_FINGERPRINT: Final = re.compile(r"^1\t([0-9a-f]{64})$", re.MULTILINE)


class BackupError(RuntimeError):
    """A copy that cannot be made, or put back; the message says why and what to do."""


# --- SQLite --------------------------------------------------------------------------------------


def copy_sqlite(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment, and check the copy. Nobody who writes waits for it.

    The target must be there, and is written over. Raises `BackupError`.
    """
    try:
        with closing(_opened(source)) as database, closing(sqlite3.connect(target)) as copy:
            # In one step: what is written meanwhile is in the log beside it, and in no copy.
            database.backup(copy, pages=-1)
            # A file by itself: one with a log is read only where there can be one beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}") from error
    check_sqlite(target)


def check_sqlite(path: Path) -> None:
    """See that every page of a database can be read and its rows refer to what is there.

    Raises `BackupError`.
    """
    try:
        with closing(_opened(path)) as database:
            wrong = [str(row[0]) for row in database.execute("PRAGMA integrity_check(3)")]
            if wrong == ["ok"]:
                wrong = [
                    f"a row of {table} refers to one of {parent} that is not there"
                    for table, _, parent, _ in database.execute("PRAGMA foreign_key_check")
                ][:3]
    except sqlite3.Error as error:
        wrong = [str(error)]
    if wrong:
        raise BackupError(f"{path} is damaged: {'; '.join(wrong)}")


def is_used(path: Path) -> bool:
    """Whether a process has a database open that works with it as we do."""
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
            # It is the log's last one who may do away with that: nobody else has it open.
            mode = database.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            if mode == "delete":
                database.execute("BEGIN EXCLUSIVE")
                database.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            return True
        raise BackupError(f"{path} cannot be opened: {error}") from error
    except sqlite3.DatabaseError:
        return False  # a damaged one: it may be why another is put in its place
    return bool(mode != "delete")


def _opened(path: Path) -> sqlite3.Connection:
    # `rw`: what is not there is not made.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS)


# --- PostgreSQL ----------------------------------------------------------------------------------


def program(name: str) -> str | None:
    """Give the path of one of PostgreSQL's programs; None: there is none on the PATH."""
    return shutil.which(name)


def dump_postgres(url: URL, target: Path) -> None:
    """Have `pg_dump` write a database, as of one moment, in its custom format.

    Raises `BackupError`, with what it said.
    """
    _run("pg_dump", url, "--format=custom", f"--file={target}")


def load_postgres(url: URL, dump: Path) -> None:
    """Have `pg_restore` load a dump into a database with nothing in it, all or nothing.

    Raises `BackupError`, with what it said.
    """
    _run("pg_restore", url, "--exit-on-error", "--single-transaction", str(dump))


def fingerprint_of(dump: Path) -> str | None:
    """Read by what a dump knows its pepper; None: by nothing. Nothing is loaded.

    Raises `BackupError`, with what `pg_restore` said.
    """
    said = _ran("pg_restore", None, "--data-only", "--table=pepper", "--file=-", str(dump))
    found = _FINGERPRINT.search(said)
    return None if found is None else found[1]


def others_of(engine: Engine) -> int:
    """Give how many connections controllers and commands have to a PostgreSQL, but for ours."""
    with engine.connect() as connection:
        return int(
            connection.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND application_name = 'callbackd' AND pid <> pg_backend_pid()"
                )
            ).scalar_one()
        )


def is_empty(engine: Engine) -> bool:
    """Whether a database has no table."""
    with engine.connect() as connection:
        return not inspect(connection).get_table_names()


def has_callbacks(engine: Engine) -> bool:
    """Whether a database has the table of callbacks, which every release has had."""
    with engine.connect() as connection:
        return inspect(connection).has_table("callback_request")


def _run(name: str, url: URL, *arguments: str) -> None:
    _, given = create_engine(url).dialect.create_connect_args(url)
    # What psycopg is told beside libpq's own is not for others.
    password, _ = given.pop("password", None), given.pop("context", None)
    own = ["--no-owner", "--no-privileges", "--no-password"]
    own += [f"--dbname={make_conninfo('', **given)}"]
    _ran(name, None if password is None else str(password), *own, *arguments)


def _ran(name: str, password: str | None, *arguments: str) -> str:
    path = program(name)
    if path is None:
        raise BackupError(f"{name} is not on the PATH: install PostgreSQL's client programs")
    environment = os.environ | ({} if password is None else {"PGPASSWORD": password})
    done = subprocess.run(  # noqa: S603  (no shell, and nothing of it is anybody's word)
        [path, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[:2] or [f"it ended with {done.returncode}"]
        raise BackupError(" ".join(said))
    return done.stdout


# --- files ---------------------------------------------------------------------------------------


def private(path: Path) -> None:
    """Make a file that nobody else can read, and that was not there. Raises `OSError`."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def put_in_place(made: Path, path: Path, mark: str | None = None) -> None:
    """Let a file that was written be the one of that name, whatever ends the machine now.

    `mark`: what is there is set aside first, as `set_aside` does. Between the two renames there is
    none of that name: whoever is ended there finds the old one beside it, and restores again.
    Where root does it, it is whose the directory is: the service has to read it.
    """
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(made, owner.st_uid, owner.st_gid)
    with made.open("rb") as file:
        os.fsync(file.fileno())
    if mark is not None:
        set_aside(path, mark)
    made.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def set_aside(path: Path, mark: str) -> Path | None:
    """Rename a database, with its log, or another file; give its new name. None: it was not there.

    Whoever wants it back renames it.
    """
    aside = path.with_name(f"{path.name}.{mark}")
    for end in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
    try:
        path.replace(aside)
    except FileNotFoundError:
        return None
    return aside
