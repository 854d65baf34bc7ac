"""`callbackd backup` and `restore`: the database, and the pepper of its passwords."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from controller import __version__
from controller.commands.common import Context, actor, now, pass_context, refusing

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.commands.archive import Archive
    from controller.settings import Settings
    from controller.store.restored import Past

#: What an archive is called where a directory is named.
_NAMED: Final = "callbackd-{kind}%Y-%m-%dT%H%M%SZ.tar"
_OURS: Final = "callbackd-{kind}????-??-??T??????Z.tar"
#: What stands in the name of one of the pepper alone: the others are kept for themselves.
_PEPPER: Final = "pepper-"
_MICROS: Final = 1_000_000


@click.command("backup")
@click.argument("where", type=click.Path(path_type=Path))
@click.option(
    "--keep",
    type=click.IntRange(1, 10_000),
    help="Of the archives in a directory keep the last so many, and remove those before them; of "
    "those with a database and those of the pepper alone each for themselves.",
)
@click.option(
    "--without-database",
    is_flag=True,
    help="Only the pepper: the database is backed up by other means.",
)
@pass_context
def backup(context: Context, where: Path, keep: int | None, *, without_database: bool) -> None:
    """Make an archive of the database and the pepper, while controllers work with them.

    WHERE is a file that is not there yet, or a directory, in which the archive is named by its
    time. It is checked before it gets its name, and only its owner can read it: whoever has it can
    log in as anybody, and try PINs at leisure. The settings are yours, and not in it; uploaded
    sounds are in the database. With PostgreSQL, pg_dump has to be on the PATH.
    """
    from controller.store.backup import BackupError

    settings = context.settings()
    at = datetime.datetime.now(datetime.UTC)
    directory = where.is_dir()
    if keep is not None and not directory:
        raise click.BadParameter("name a directory", param_hint="--keep")
    kind = _PEPPER if without_database else ""
    path = where / at.strftime(_NAMED.format(kind=kind)) if directory else where
    if path.exists():
        raise click.ClickException(f"{path} is there already; name another file")
    try:
        with refusing():
            archive = _make(settings, path, at, without_database=without_database)
        removed = 0 if keep is None else _remove_old(where, kind, keep)
    except (BackupError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: {archive.described()}")
    if removed:
        click.echo(f"{removed} older removed")


def _make(
    settings: Settings, path: Path, at: datetime.datetime, *, without_database: bool
) -> Archive:
    from controller.commands.archive import Archive, write
    from controller.commands.own_directory import own_directory
    from controller.store.backup import (
        BackupError,
        copy_sqlite,
        dump_postgres,
        private,
        program,
        put_in_place,
    )
    from controller.store.database import look_at_database, parsed_url

    url = parsed_url(settings.database_url)
    sqlite = url.drivername == "sqlite"
    if not sqlite and not without_database and program("pg_dump") is None:
        raise BackupError(
            "pg_dump is not on the PATH: install PostgreSQL's client programs, or back the "
            "database up by your own means and add --without-database for the pepper"
        )
    with ExitStack() as stack, look_at_database(settings.database_url) as (engine, revision):
        # Beside the archive: it is no smaller, and nobody else's to read.
        own = stack.enter_context(own_directory(path.parent))
        copy: Path | None = None
        if not without_database:
            copy = own / "database"
            private(copy)
            if sqlite:
                copy_sqlite(Path(str(url.database)), copy)
            else:
                dump_postgres(url, copy)
        pepper = settings.pepper_path.read_bytes() if settings.pepper_path.exists() else None
        # The one that is in use, and after the copy: what has no pepper then had none before.
        _check_fits(engine, pepper, settings)
        if pepper is None and copy is None:
            raise BackupError(f"there is nothing to back up: {settings.pepper_path} is not there")
        kind = None if copy is None else "sqlite" if sqlite else "postgresql"
        archive = Archive(at.isoformat(timespec="seconds"), __version__, kind, revision or "")
        made = own / "archive"
        private(made)
        archive = write(made, archive, copy, pepper)
        put_in_place(made, path)
    return archive


def _check_fits(engine: Engine, pepper: bytes | None, settings: Settings) -> None:
    """See that the database's passwords are made with the pepper: else nobody could use them."""
    from controller.store.backup import BackupError
    from controller.store.pepper import fits

    if not fits(engine, pepper):
        wrong = (
            "is not there, and passwords of this database are made with it"
            if pepper is None
            else "is not the pepper of this database"
        )
        raise BackupError(
            f"{settings.pepper_path} {wrong}: nothing was made; set data_dir as the service has it"
        )


def _remove_old(directory: Path, kind: str, keep: int) -> int:
    old = sorted(directory.glob(_OURS.format(kind=kind)))[:-keep]
    for path in old:
        path.unlink()
    return len(old)


@click.command("restore")
@click.argument("archive", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--replace",
    is_flag=True,
    help="Another database or pepper is there: set it aside under another name. SQLite only.",
)
@click.option(
    "--moved",
    is_flag=True,
    help="Nothing has run since the archive was made, as when a service moves to another machine: "
    "callbacks that wait are made, and people stay logged in.",
)
@click.option(
    "--by-hand",
    is_flag=True,
    help="The database is restored already, by pg_restore or to a moment: only see to what was "
    "under way then. Without ARCHIVE.",
)
@pass_context
def restore(
    context: Context, archive: Path | None, *, replace: bool, moved: bool, by_hand: bool
) -> None:
    """Put the database and the pepper of an archive in place. Controllers have to be stopped.

    All is checked first: that the archive is whole, that this program knows its database, that
    database and pepper belong together, and that nobody works with what is there. An older
    database is brought up to date. Callbacks that waited when the archive was made end as
    `unknown`: they may have been made since, and nobody is called twice. What was charged and
    topped up since is not in it; `docs/backup.md` says how that is found.
    """
    from controller.commands.restoring import When, see_to_it, take
    from controller.store.backup import BackupError

    if (archive is None) is not by_hand:
        raise click.UsageError("name an archive, or --by-hand, and not both")
    settings = context.settings()
    try:
        with refusing():
            when = When(now(), actor().name, moved)
            if archive is None:
                past: Past | None = see_to_it(settings, when)
            else:
                said, past = take(settings, archive, when, replace=replace)
                click.echo(said)
    except (BackupError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for line in () if past is None else _told(past, moved=moved):
        click.echo(line)


def _told(past: Past, *, moved: bool) -> Iterator[str]:
    waiting = "wait, and are made" if moved else "had waited, and were ended as unknown"
    yield f"callbacks: {past.waiting} {waiting}; {past.calling} were under way: switches are asked"
    yield f"credit: held for {past.held} calls, until their switches were asked for them"
    yield f"the last leg that is recorded ended {_when(past.last_leg)}"
    yield f"the last entry of an account was made {_when(past.last_entry)}"
    if not moved:
        yield (
            "what was charged since is told by the records of the switches: "
            "callbackd switch records DIRECTORY"
        )


def _when(micros: int | None) -> str:
    if micros is None:
        return "never"
    return datetime.datetime.fromtimestamp(micros // _MICROS, datetime.UTC).isoformat()
