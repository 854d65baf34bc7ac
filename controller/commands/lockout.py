"""`callbackd lockout`: what is locked after wrong passwords, and its release (A3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from controller.commands import completing
from controller.commands.common import (
    Context,
    as_json,
    limit,
    logs_to_stderr,
    now,
    opened,
    pages,
    pass_context,
)
from controller.commands.shown import clock, echo_json, echo_list, told

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.admin.lockouts import LockoutDesk
    from controller.admin.model import Actor
    from controller.cache.client import RedisHandle
    from controller.cache.counts import Counts
    from controller.guard.locking import Target
    from controller.settings import Settings

_COLUMNS: Final = ("key", "until", "failures", "level", "since", "last")
_TIMES: Final = ("since", "until", "last")


@contextlib.contextmanager
def _desk(settings: Settings) -> Iterator[tuple[LockoutDesk, Actor]]:
    """Open the store, and the Redis in which running controllers count."""
    from controller.admin.lockouts import LockoutDesk

    with opened(settings) as store, counts_of(settings, store.engine) as counts:
        yield LockoutDesk(store.engine, counts.lockouts, run=_at_once, now=now), store.actor


@contextlib.contextmanager
def counts_of(settings: Settings, engine: Engine, what: str = "lock-outs") -> Iterator[Counts]:
    """Open the Redis in which running controllers count; a command ends where it is away.

    `what` is wanted of it, for the error.
    """
    import time

    from prometheus_client import CollectorRegistry

    from controller.cache.counts import Counts
    from controller.store.journal import Journal

    with redis_of(settings, what) as redis:
        yield Counts(
            redis,
            Journal(engine).position().lineage,
            rules=settings.lockouts,
            now=time.time,
            registry=CollectorRegistry(),
        )


@contextlib.contextmanager
def redis_of(settings: Settings, what: str) -> Iterator[RedisHandle]:
    """Open the Redis of running controllers; a command ends where it is away.

    `what` is wanted of it, for the error.
    """
    from pathlib import Path

    from controller.cache.embedded import EmbeddedServer

    logs_to_stderr()
    with contextlib.ExitStack() as stack:
        url = settings.redis.url
        if not url:
            # Not started here: without a controller there is no server, and nothing is counted.
            server = EmbeddedServer(Path(settings.data_dir))
            stack.callback(server.close)
            url = server.url
        yield stack.enter_context(_connected(url, what, named=bool(settings.redis.url)))


@contextlib.contextmanager
def _connected(url: str, wanted: str, *, named: bool) -> Iterator[RedisHandle]:
    """Give a Redis that answers; else the command ends, and says what to do."""
    from redis.exceptions import RedisError

    from controller.cache.client import open_redis

    redis = open_redis(url)
    try:
        redis.execute("PING")
    except RedisError as error:
        what = (
            "see that it runs and that redis.url names it"
            if named
            else "the service keeps one of its own while it runs: start it, run the command on its "
            "host and with its data_dir, or set redis.url as the service has it"
        )
        redis.close()
        raise click.ClickException(
            f"{wanted} are in Redis, and {redis.shown} cannot be reached ({error}): {what}"
        ) from error
    try:
        yield redis
    finally:
        redis.close()


def _at_once(function: Any, /, *args: Any) -> Any:
    return function(*args)


@click.group()
def lockout() -> None:
    """What is locked after wrong passwords (A3): by extension and number, extension, and DID."""


@lockout.command("list")
@click.option(
    "--kind",
    type=click.Choice(["number", "extension", "did"]),
    help="What is locked; `number` is an extension and a number.",
)
@click.option(
    "--extension",
    shell_complete=completing.names("extension", "extension"),
    help="That of this extension and of its callers' numbers.",
)
@click.option("--locked", is_flag=True, help="Not what only counts towards a lock.")
@limit
@as_json
@pass_context
def list_(
    context: Context,
    /,
    kind: str | None,
    extension: str | None,
    locked: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """List what is locked, until when, and the wrong passwords that count towards a lock.

    `level` is how many locks there were, each longer than the one before.
    """
    wanted: dict[str, str | bool | None] = {
        "kind": kind, "extension": extension, "locked": locked or None,
    }  # fmt: skip
    filters = {name: value for name, value in wanted.items() if value is not None}
    with _desk(context.settings()) as (desk, actor):

        def fetch(after: Any, most: int) -> Any:
            page = desk.list(actor, filters, after=after, limit=most)
            if not page.everywhere:
                raise click.ClickException("Redis went away meanwhile; try again")
            return page

        found = ([told(one, _TIMES) for one in page] for page in pages(fetch, limit))
        echo_list(found, _COLUMNS, as_json=as_json)


@lockout.command("release")
@click.argument(
    "extension", required=False, shell_complete=completing.names("extension", "extension")
)
@click.argument("number", required=False)
@click.option("--did", help="The lock of this DID.")
@as_json
@pass_context
def release(
    context: Context,
    /,
    extension: str | None,
    number: str | None,
    did: str | None,
    as_json: bool,
) -> None:
    """Release the lock of an extension and a NUMBER, of an EXTENSION, or of a DID.

    The wrong passwords that were counted are forgotten. Each is released by itself: a caller may
    be locked by his number and by the extension.
    """
    target = _target(extension, number, did)
    with _desk(context.settings()) as (desk, actor):
        gone = desk.release(actor, target)
        left = desk.list(actor, {"extension": extension, "locked": True}) if extension else None
    if as_json:
        echo_json(told(gone, _TIMES))
        return
    was = f"was locked until {clock(gone.until)}" if gone.until else "was not locked"
    click.echo(f"released {gone.key}: {was}, {gone.failures} wrong passwords forgotten")
    for one in left.items if left is not None else ():
        if one.until is not None and (number is None or one.number in (None, number)):
            click.echo(f"still locked: {one.key} until {clock(one.until)}", err=True)


def _target(extension: str | None, number: str | None, did: str | None) -> Target:
    from controller.guard.locking import target_of

    if (extension is None) == (did is None):
        raise click.UsageError("name an extension, an extension and a number, or --did")
    if did is not None:
        key = f"did/{did}"
    else:
        key = f"extension/{extension}" if number is None else f"number/{extension}/{number}"
    found = target_of(key)
    if found is None:
        raise click.ClickException(
            "an extension is 1-10 digits, numbers are E.164, such as +12025550100"
        )
    return found
