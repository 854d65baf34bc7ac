"""`callbackd person`: what is kept about a telephone number, exported and erased (O7)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from controller.commands.common import Context, as_json, confirm, now, opened, pass_context
from controller.commands.lockout import redis_of
from controller.commands.shown import echo_json
from controller.commands.transfer import complete

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from controller.admin.model import Actor
    from controller.admin.persons import PersonDesk
    from controller.credit.model import Held
    from controller.settings import Settings

_no_service = click.option(
    "--no-service",
    is_flag=True,
    help="No controller runs that keeps a Redis of its own, so that nothing is counted in one.",
)


@contextlib.contextmanager
def _desk(settings: Settings, *, no_service: bool) -> Iterator[tuple[PersonDesk, Actor]]:
    """Open the store, and the Redis in which running controllers count."""
    from controller.admin.persons import PersonDesk
    from controller.cache.traces import Traces
    from controller.commands.common import announcer
    from controller.store.journal import Journal

    if no_service and settings.redis.url:
        raise click.UsageError("--no-service: redis.url is set, and what is counted is there")
    with opened(settings) as store, contextlib.ExitStack() as stack:
        traces = None
        if not no_service:
            redis = stack.enter_context(redis_of(settings, "what is counted of a number"))
            traces = Traces(redis, Journal(store.engine).position().lineage)
        desk = PersonDesk(
            store.engine,
            run=_at_once,
            now=now,
            announce=announcer(settings, store.engine),
            traces=traces,
            streams=[stream.name for stream in settings.records.streams],
            told=bool(settings.notices.url),
            elsewhere=partial(_held, store.engine, settings) if settings.credit.engine else None,
        )
        yield desk, store.actor


def _held(engine: Engine, settings: Settings) -> Sequence[Held]:
    """Ask the engine that charges for what it holds."""
    from controller.credit.engine import FOREVER
    from controller.store.charging_elsewhere import ChargingElsewhere, EngineError, load_provider

    try:
        provider = load_provider(settings.credit.engine, settings.credit.options)
    except EngineError as error:
        raise click.ClickException(str(error)) from error
    charging = ChargingElsewhere(engine, provider)
    try:
        return charging.overdue(FOREVER)
    finally:
        charging.close()


def _at_once(function: Any, /, *args: Any) -> Any:
    return function(*args)


@click.group()
def person() -> None:
    """What is kept about one person, by his telephone number (O7)."""


@person.command("export")
@click.argument("number")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; nobody else can read it. By default it is printed.",
)
@_no_service
@pass_context
def export(context: Context, /, number: str, output: Path | None, no_service: bool) -> None:
    """Write all that is kept about a NUMBER (E.164) as JSON: every row, by table.

    As caller, as who is called back, as destination, as authorised CallerID with its account and
    ledger; in the audit log, and in what is counted in Redis. Of what is others' only what names
    him. Read it through before you hand it out.
    """
    with _desk(context.settings(), no_service=no_service) as (desk, actor):
        made = desk.export(actor, number)
        with complete(output, private=True) as stream:
            encoded = msgspec.json.format(msgspec.json.encode(made), indent=2)
            stream.write(encoded.decode() + "\n")
    if output is not None:
        rows = sum(map(len, made.records.values()))
        click.echo(f"{output}: {rows} records of {len(made.records)} kinds")
    if made.counted is None:
        raise click.ClickException("Redis went away meanwhile: what it counts is not in it")


@person.command("erase")
@click.argument("number")
@click.option(
    "--with-callerid",
    is_flag=True,
    help="Him as an authorised CallerID too, and in the entries of others. What is on his account "
    "stays there, and it has no owner.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_no_service
@as_json
@pass_context
def erase(
    context: Context,
    /,
    number: str,
    with_callerid: bool,
    yes: bool,
    no_service: bool,
    as_json: bool,
) -> None:
    """Erase what is kept about a NUMBER (E.164). It cannot be undone.

    Callbacks that he asked for, or that called him, are gone, with their transcripts. What has to
    stay (what calls have cost, the ledger, callbacks of others, the audit log) stays without his
    number. Nothing is erased while a call of his is under way, or credit is held for it.
    """
    confirm(f"erase all that is kept about {number}?", yes=yes)
    with _desk(context.settings(), no_service=no_service) as (desk, actor):
        gone = desk.erase(actor, number, with_callerid=with_callerid)
    if as_json:
        echo_json(msgspec.to_builtins(gone))
        return
    click.echo(f"erased {gone.callbacks} callbacks and {gone.callerids} authorised CallerIDs")
    rows = ", ".join(f"{table} {count}" for table, count in sorted(gone.changed.items()))
    if rows:
        click.echo(f"{gone.pseudonym} stands in the place of the number in: {rows}")
    click.echo(f"gone in Redis: {gone.counted}")
    if gone.left:
        click.echo(
            f"{gone.left} records still have the number: of a call of his, or of what was "
            "configured meanwhile (erase again later); entries of accounts whose key or author "
            "it is stay so",
            err=True,
        )
    click.echo(
        "still to be seen to: logs, backups, files of the switch (docs/privacy.md)", err=True
    )
