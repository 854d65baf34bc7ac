"""How an archive of `callbackd backup` is put in place: first all is checked, then changed."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from controller.commands.archive import Archive, read
from controller.commands.own_directory import own_directory
from controller.store.backup import (
    BackupError,
    check_sqlite,
    fingerprint_of,
    has_callbacks,
    is_empty,
    is_used,
    load_postgres,
    others_of,
    private,
    program,
    put_in_place,
)
from controller.store.database import look_at_database, open_database, parsed_url
from controller.store.pepper import fits, is_of, open_pepper
from controller.store.restored import see_to_the_past
from controller.store.upgrade import head, known

if TYPE_CHECKING:
    from sqlalchemy import URL

    from controller.settings import Settings
    from controller.store.restored import Past


class When(NamedTuple):
    """By whom, and at what time, a database of the past is put in place; see `see_to_the_past`."""

    now: int
    actor: str
    moved: bool


_STOP = "stop the controllers first (systemctl stop callbackd), on every host"
_BY_HAND = "run callbackd restore --by-hand before any controller starts"


def take(settings: Settings, path: Path, when: When, *, replace: bool) -> tuple[str, Past | None]:
    """Put what is in an archive in place; say what was done, and what was under way then.

    Raises `BackupError`, and then the database has not changed unless its message says so, and
    `OSError`.
    """
    past: Past | None = None
    url = parsed_url(settings.database_url)
    home = Path(str(url.database)).parent if url.drivername == "sqlite" else Path(settings.data_dir)
    for directory in (home, settings.pepper_path.parent):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with own_directory(home) as own:
        database = own / "database"
        private(database)
        archive, pepper = read(path, database)
        _check_known(archive, path, url)
        mark = f"before-{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H%M%SZ}"
        _check_pepper(settings.pepper_path, pepper, replace=replace)
        if archive.database == "sqlite":
            _check_sqlite(database, url, pepper, path, mark, replace=replace)
            # Before it is in place: whoever starts then finds nothing to do twice.
            past = _see_to(f"sqlite:///{database.absolute()}", when)
        elif archive.database == "postgresql":
            _check_postgres(database, url, pepper, settings, path)
        else:
            _check_alone(settings.database_url, url, pepper, path)
        # The pepper first: without its database it opens nothing, and asked again the same is done.
        if pepper is not None:
            _put_pepper(settings.pepper_path, pepper, mark)
        if archive.database == "sqlite":
            put_in_place(database, Path(str(url.database)), mark)
        elif archive.database == "postgresql":
            load_postgres(url, database)
            past = _see_to_loaded(settings.database_url, when)
    return f"restored: {archive.described()}", past


def _see_to(url: str, when: When) -> Past:
    engine = open_database(url)
    try:
        return see_to_the_past(engine, when.now, actor=when.actor, moved=when.moved)
    finally:
        engine.dispose()


def _see_to_loaded(url: str, when: When) -> Past:
    """See to a database that is in place already: whatever ends that, it is told."""
    try:
        return _see_to(url, when)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        raise BackupError(
            f"the database is loaded, but callbacks in it wait as they did then: {_BY_HAND} "
            f"({type(error).__name__}: {error})"
        ) from error


def see_to_it(settings: Settings, when: When) -> Past:
    """See to what was under way in a database that was restored, which nobody works with yet.

    It is brought up to date first. Raises `BackupError`, `DatabaseError` where there is no such
    file, and `ValueError` where the pepper is another one.
    """
    url = parsed_url(settings.database_url)
    with look_at_database(settings.database_url) as (found, revision):
        if revision is None and not has_callbacks(found):
            where = url.render_as_string()
            raise BackupError(
                f"{where} has no tables of callbackd: nothing was made; see that database.url and "
                "data_dir are as the service has them"
            )
    _check_unused(url, settings)
    engine = open_database(settings.database_url)
    try:
        # Of another pepper nothing is begun.
        open_pepper(engine, settings.pepper_path)
    finally:
        engine.dispose()
    return _see_to(settings.database_url, when)


def _check_known(archive: Archive, path: Path, url: URL) -> None:
    here = "sqlite" if url.drivername == "sqlite" else "postgresql"
    if archive.database not in (None, here):
        raise BackupError(
            f"{path} has a database of {archive.database}, and database.url is one of {here}: "
            "set database.url as it was"
        )
    if archive.database is not None and archive.revision and archive.revision not in known():
        raise BackupError(
            f"{path} was made by a newer release ({archive.program}, revision {archive.revision}; "
            f"this one knows {head()}): install that release, and restore with it"
        )
    if archive.database == "postgresql" and program("pg_restore") is None:
        raise BackupError("pg_restore is not on the PATH: install PostgreSQL's client programs")


def _check_pepper(path: Path, pepper: bytes | None, *, replace: bool) -> None:
    if pepper is None or not path.exists() or path.read_bytes() == pepper or replace:
        return
    raise BackupError(
        f"{path} is there, and is another one than the archive's; add --replace to set it aside"
    )


def _check_unused(url: URL, settings: Settings) -> None:
    if url.drivername == "sqlite":
        path = Path(str(url.database))
        if is_used(path):
            raise BackupError(f"{path} is in use: {_STOP}")
        return
    with look_at_database(settings.database_url) as (engine, _):
        if others := others_of(engine):
            raise BackupError(f"the database has {others} connections of callbackd: {_STOP}")


def _check_sqlite(
    made: Path, url: URL, pepper: bytes | None, archive: Path, mark: str, *, replace: bool
) -> None:
    check_sqlite(made)
    with look_at_database(f"sqlite:///{made.absolute()}") as (engine, _):
        if not fits(engine, pepper):
            raise BackupError(f"{archive}: its pepper is not that of its database")
    path = Path(str(url.database))
    if path.exists() and not replace:
        raise BackupError(
            f"{path} is there already; add --replace to set it aside as {path.name}.{mark}"
        )
    if is_used(path):
        raise BackupError(f"{path} is in use: {_STOP}")


def _check_postgres(
    made: Path, url: URL, pepper: bytes | None, settings: Settings, archive: Path
) -> None:
    if pepper is None and settings.pepper_path.exists():
        pepper = settings.pepper_path.read_bytes()
    if not is_of(fingerprint_of(made), pepper):
        raise BackupError(f"{archive}: its pepper is not that of its database")
    with look_at_database(settings.database_url) as (engine, _):
        if others := others_of(engine):
            raise BackupError(f"the database has {others} connections of callbackd: {_STOP}")
        if not is_empty(engine):
            raise BackupError(
                f"the database {url.database} is not empty: make a new one (createdb) and name it "
                "in database.url, or drop this one and make it anew; nothing is removed here. If "
                f"it is what a restore that was broken off has loaded, {_BY_HAND}"
            )


def _check_alone(where: str, url: URL, pepper: bytes | None, archive: Path) -> None:
    """See that a pepper without a database is that of the one in use, if there is any yet."""
    if url.drivername == "sqlite" and not Path(str(url.database)).exists():
        return
    with look_at_database(where) as (engine, _):
        if not fits(engine, pepper):
            raise BackupError(
                f"{archive}: its pepper is not that of the database that database.url names"
            )


def _put_pepper(path: Path, pepper: bytes, mark: str) -> None:
    if path.exists() and path.read_bytes() == pepper:
        return
    made = path.with_name(f"{path.name}.restoring")
    made.unlink(missing_ok=True)
    private(made)
    made.write_bytes(pepper)
    put_in_place(made, path, mark)
