"""What the commands share: settings, the store, who acts, and how a command ends that cannot."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec

from controller.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from controller.admin.directory import Directory
    from controller.admin.model import Actor
    from controller.policy.changes import Change
    from controller.store.passwords import Passwords


class Context(msgspec.Struct):
    """What the options before the command said."""

    config: str | None

    def settings(self) -> Settings:
        """Load the settings; a bad one ends the command with its error."""
        try:
            return load(self.config, os.environ)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error


pass_context = click.make_pass_decorator(Context)


def json_option() -> click.Option:
    """Give the option `--json`, for a command that is put together by hand."""
    return click.Option(["--json", "as_json"], is_flag=True, help="Print JSON.")


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def logs_to_stderr() -> None:
    """Have what is logged within a command go to standard error: programs read what it prints."""
    import structlog

    def logger(*_: object) -> structlog.PrintLogger:
        return structlog.PrintLogger(sys.stderr)

    structlog.configure(logger_factory=logger)


class Opened(msgspec.Struct, frozen=True):
    """The store, opened for one command."""

    directory: Directory
    actor: Actor
    engine: Engine
    passwords: Callable[[], Passwords]


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Opened]:
    """Open the store for a command; what goes wrong inside ends the command with its message."""
    from controller.admin.directory import Directory
    from controller.admin.sounding import SoundPlaces
    from controller.store.database import open_database
    from controller.store.passwords import Passwords
    from controller.store.pepper import open_pepper

    known: list[Passwords] = []

    def passwords() -> Passwords:
        # Only a command that has to do with a password needs the pepper, and makes one if needed.
        if not known:
            try:
                known.append(Passwords(open_pepper(engine, settings.pepper_path)))
            except (OSError, ValueError) as error:
                raise click.ClickException(f"the passwords' pepper: {error}") from error
        return known[0]

    own = settings.sqlite_path.absolute()
    is_new = not settings.database.url and not own.exists()
    with refusing():
        engine = open_database(settings.database_url)
        if is_new:
            # Whoever forgot his settings would take what is empty for what he has.
            text = f"made a new database: {own} (of other settings: --config, CALLBACKD_CONFIG)"
            click.echo(text, err=True)
        try:
            directory = Directory(
                engine,
                passwords=passwords,
                now=now,
                announce=announcer(settings, engine),
                places=SoundPlaces(directory=settings.sounds_directory),
            )
            yield Opened(directory, actor(), engine, passwords)
        finally:
            engine.dispose()


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what is wrong with a file as a whole into the error that ends a command."""
    from controller.admin.csv_lines import BadFile

    try:
        yield
    except (BadFile, OSError) as error:
        raise click.ClickException(f"{file}: {error}") from error


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Turn what the rooms below raise into the error that ends a command."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from controller.admin.model import AdminError
    from controller.cache.address import CacheSettingsError
    from controller.credit.engine import Unavailable
    from controller.policy.model import PolicyError
    from controller.store.database import DatabaseError
    from controller.store.passwords import BadPassword

    try:
        yield
    except (AdminError, BadPassword, CacheSettingsError, DatabaseError, PolicyError) as error:
        raise click.ClickException(str(error)) from error
    except Unavailable as error:
        raise click.ClickException(f"credit.engine cannot be asked: {error}") from error
    except DBAPIError as error:
        # The statement says nothing to whoever typed a command.
        raise click.ClickException(f"the database: {error.orig}") from error
    except SQLAlchemyError as error:
        raise click.ClickException(f"the database: {error}") from error


def announcer(settings: Settings, engine: Engine) -> Callable[[Change], None]:
    """Give what tells the running controllers of a change that touches policies.

    Where Redis is not there it tells nobody: controllers find the change in the store's log within
    a second.
    """
    if settings.redis.url:
        from controller.cache.address import parse

        parse(settings.redis.url)  # before anything is changed
    reached = True

    def announce(change: Change) -> None:
        nonlocal reached
        if not reached:
            # It was not there a moment ago, and each try takes half a second.
            return
        from pathlib import Path

        from controller.cache.announcer import announce as tell
        from controller.cache.embedded import EmbeddedServer
        from controller.store.journal import Journal

        lineage = Journal(engine).position().lineage
        if settings.redis.url:
            reached = tell(settings.redis.url, lineage, change)
            return
        server = EmbeddedServer(Path(settings.data_dir))
        try:
            reached = tell(server.url, lineage, change)
        finally:
            server.close()

    return announce


def actor() -> Actor:
    """Give who acts: whoever the machine says is logged in, not what the environment says."""
    from controller.admin.model import Actor
    from controller.policy.records import Role

    return Actor(name=f"cli:{_user()}"[:80], role=Role.ADMIN)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container's user often has a number and no name.
        return str(os.getuid())


def now() -> int:
    """Give the time, microseconds since 1970."""
    import time

    return time.time_ns() // 1000


def is_terminal() -> bool:
    """Whether somebody sits there who can be asked."""
    return sys.stdin.isatty()


def confirm(question: str, *, yes: bool) -> None:
    """Go on only where whoever typed the command says so, by `--yes` or when asked."""
    if yes:
        return
    if not is_terminal():
        raise click.ClickException("there is no terminal to ask on; add --yes if you are sure")
    if not click.confirm(question, err=True):
        raise click.ClickException("nothing was removed")


def secret(given: str, name: str) -> str:
    """Give a password or PIN as it was given, or ask for it where that is `-`.

    On the command line the shell's history keeps it and `ps` shows it.
    """
    if given != "-":
        return given
    if is_terminal():
        answer: str = click.prompt(
            name.capitalize(), hide_input=True, confirmation_prompt=True, err=True
        )
        return answer
    return sys.stdin.readline().rstrip("\r\n")


def pages(fetch: Callable[[Any, int], Any], limit: int | None) -> Iterator[tuple[Any, ...]]:
    """Give the items of page after page: `fetch(after, most)` gives one with `items` and `next`."""
    from controller.admin.model import MOST_ITEMS

    after, left = None, limit
    while left is None or left > 0:
        page = fetch(after, MOST_ITEMS if left is None else min(left, MOST_ITEMS))
        yield page.items
        after = page.next
        if after is None:
            return
        if left is not None:
            left -= len(page.items)


limit = click.option("--limit", type=click.IntRange(min=1), help="At most so many; all by default.")


def limit_option() -> click.Option:
    """Give the option `--limit`, for a command that is put together by hand."""
    return click.Option(
        ["--limit"], type=click.IntRange(min=1), help="At most so many; all by default."
    )
