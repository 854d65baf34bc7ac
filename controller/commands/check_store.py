"""What `callbackd check` says of the database: revision, settings, clock, and the pepper."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from controller.commands.check_clock import clock
from controller.commands.findings import Finding
from controller.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import SQLAlchemyError

    from controller.policy.channels import Channel
    from controller.store.spoken import Spoken

#: The oldest release of PostgreSQL that its project still mends.
_OLDEST_POSTGRESQL: Final = 15
#: Settings of PostgreSQL without which what was committed can be lost: money, and who was called.
_KEEPS: Final = {
    "fsync": "what was committed is lost when its machine fails",
    "full_page_writes": "its files can be broken when its machine fails",
    "synchronous_commit": "what was committed last is lost when its server dies",
}
#: What a standby says: a transaction is to write, or does.
_FOLLOWS: Final = ("0A000", "25006")
_READ_ONLY: Final = "session is read-only"
_CLOSED: Final = Finding(
    subject="database",
    well=False,
    text="it takes no writes",
    remedy="it is a standby, or closed for writing: name the primary in database.url",
)
#: File systems over a network, on which SQLite's locks do not hold what they promise.
_NETWORKED: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph"})


class Known(msgspec.Struct, frozen=True):
    """What the database says that is looked for on nodes, and what else is found by it."""

    spoken: Spoken
    channels: Sequence[Channel]
    others: Sequence[Finding] = ()


def database(settings: Settings, *, others: bool = False) -> Iterator[tuple[Finding, Known | None]]:
    """Look at the database without making or changing one; with None where nothing is known by it.

    `others`: and at what keeps it, and by it for other controllers.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from controller.store.database import DatabaseError, look_at_database
    from controller.store.extensions import Extensions
    from controller.store.spoken import read_spoken
    from controller.store.upgrade import head, known

    try:
        with look_at_database(settings.database_url) as (engine, revision):
            if revision == head():
                found = Known(
                    read_spoken(engine, settings.sounds_directory),
                    Extensions(engine).trunks().channels,
                    list(_others(settings, engine)) if others else (),
                )
                yield _finding(f"revision {revision}"), found
                return
    except DatabaseError as error:
        remedy = "see database.url; callbackd serve makes a database where there is none"
        yield _finding(str(error), remedy, well=False), None
        return
    except SQLAlchemyError as error:
        remedy = "see that the database runs and can be reached"
        closed = _takes_no_writes(error)
        yield _CLOSED if closed else _finding(first_line(error), remedy, well=False), None
        return
    text = f"revision {revision or 'none'}, this release works with {head()}"
    if revision is not None and revision not in known():
        remedy = (
            "a newer release has upgraded it, and this one does not start with it: update this "
            "machine too"
        )
        yield _finding(text, remedy, well=False), None
        return
    remedy = (
        "it is brought up to date by whichever command or controller opens it first: keep a backup"
    )
    yield _finding(text, remedy), None


def _takes_no_writes(error: SQLAlchemyError) -> bool:
    """Whether a PostgreSQL answered, and does not let anybody write: it follows another one."""
    cause = getattr(error, "orig", None)
    # The last is said while connecting, where a primary was asked for and none is among them.
    return getattr(cause, "sqlstate", None) in _FOLLOWS or _READ_ONLY in str(cause)


def first_line(error: Exception) -> str:
    """Give what an error says first: the rest is of statements, and of documents."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _finding(text: str, remedy: str = "", *, well: bool = True) -> Finding:
    return Finding(subject="database", well=well, text=text, remedy=remedy)


def _others(settings: Settings, engine: Engine) -> Iterator[Finding]:
    from controller.commands.check_controllers import controllers, presence

    yield from kept_by(settings, engine)
    yield from pepper(settings, engine)
    yield from presence(settings, engine)
    yield from controllers(settings, engine)


# --- what keeps it -------------------------------------------------------------------------------


def kept_by(settings: Settings, engine: Engine) -> Iterator[Finding]:
    """Say what is to be minded about the server, or the file, that it is in."""
    if engine.dialect.name != "postgresql":
        yield _finding(f"SQLite {sqlite3.sqlite_version}")
        path = settings.sqlite_path if not settings.database.url else Path(str(engine.url.database))
        kind = filesystem(path, Path("/proc/self/mounts"))
        if kind in _NETWORKED:
            yield _finding(
                f"{path} is on {kind}, where several who write can break it",
                "keep it on a disk of this machine, or use PostgreSQL: database.url",
                well=False,
            )
        return
    with engine.connect() as connection:
        yield from _postgresql(connection)


def _postgresql(connection: Connection) -> Iterator[Finding]:
    rows = connection.exec_driver_sql("SELECT name, setting FROM pg_settings")
    said: dict[str, str] = {row.name: row.setting for row in rows}
    version = said["server_version"]
    if int(said["server_version_num"]) < _OLDEST_POSTGRESQL * 10_000:
        remedy = f"its project mends it no more: update it to {_OLDEST_POSTGRESQL} or later"
        yield _finding(f"PostgreSQL {version}", remedy)
    else:
        yield _finding(f"PostgreSQL {version}")
    for name, without in _KEEPS.items():
        if said[name] == "off":
            yield _finding(f"{name} is off: {without}", f"ALTER SYSTEM SET {name} = on")
    if said["default_transaction_read_only"] == "on":
        yield _CLOSED
    before = time.time()
    there = float(
        connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one()
    )
    yield clock("the database", there, before, time.time())


def filesystem(path: Path, mounts: Path) -> str | None:
    """Give the kind of file system that a path is on; `mounts` lists them. None: nobody knows."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
        whole = path.resolve()
    except OSError:
        return None
    best: tuple[int, str] | None = None
    for line in lines:
        parts = line.split()
        if len(parts) < 3:
            continue
        # A blank in a path is written so there.
        where = Path(parts[1].replace("\\040", " "))
        if whole.is_relative_to(where) and (best is None or len(where.parts) >= best[0]):
            best = len(where.parts), parts[2]
    return None if best is None else best[1]


def pepper(settings: Settings, engine: Engine) -> Iterator[Finding]:
    """Say whether the pepper here is that of the database: with another no password is right."""
    from controller.store.pepper import look_at_pepper

    try:
        wrong = look_at_pepper(engine, settings.pepper_path)
    except OSError as error:
        yield Finding(
            subject="pepper",
            well=True,
            text=f"{settings.pepper_path} cannot be read: {error.strerror}",
            remedy="run this as the user of the service, who has to be able to",
        )
        return
    if wrong is not None:
        text, _, remedy = wrong.rpartition("; " if "; " in wrong else ": ")
        yield Finding(subject="pepper", well=False, text=text, remedy=remedy)
