"""`callbackd explain`: what a call would show, where it would go, whether it would be made (I9)."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import click

from controller.commands import completing
from controller.commands.common import Context, Opened, as_json, now, opened, pass_context
from controller.commands.lockout import counts_of
from controller.commands.shown import clock, echo_json, plain, told
from controller.commands.types import Moment

if TYPE_CHECKING:
    from controller.admin.explained import (
        ChannelOrder,
        ExplainedCallback,
        ExplainedCallerId,
        ExplainedRoute,
        ShownOn,
    )
    from controller.admin.explaining import Explaining
    from controller.callerid.model import Tried
    from controller.settings import Settings

_TIMES: Final = ("at", "due", "expires", "locked_until")
_NOT_LOOKED_AT: Final = (
    "(the health of channels is not looked at; the running service knows it: /api/v1/explain)"
)


@contextlib.contextmanager
def _explaining(
    settings: Settings, *, counted: bool = False
) -> Iterator[tuple[Explaining, Opened]]:
    """Open what explains, over the store; `counted`: and over the Redis in which is counted."""
    from controller.admin.explaining import Explaining
    from controller.admin.explaining_live import Everybodys
    from controller.settings import ranges_of

    with contextlib.ExitStack() as stack:
        store = stack.enter_context(opened(settings))
        counts = None
        if counted:
            # Where it is not there, the answer says that nobody looked.
            with contextlib.suppress(click.ClickException):
                counts = stack.enter_context(counts_of(settings, store.engine))
        yield (
            Explaining(
                store.engine,
                settings.route,
                expiry_seconds=settings.dispatcher.expiry_seconds,
                ranges=ranges_of(settings),
                run=_at_once,
                now=now,
                locks=None if counts is None else counts.lockouts,
                often=None if counts is None else counts.often,
                everybodys=Everybodys(
                    settings.guard.rates, tuple(node.name for node in settings.nodes)
                ),
            ),
            store,
        )


def _at_once(function: Any, /, *args: Any) -> Any:
    return function(*args)


def _ended(answer: bool) -> None:
    if not answer:
        sys.exit(1)


# --- the commands ----------------------------------------------------------------------------


@click.group()
def explain() -> None:
    """Why: what a destination sees, over which channels it is called, who is called back (I9).

    It goes by the rules that calls go by; nothing is dialled, nothing is written. Ends with status
    1 where there would be no call.
    """


_extension: Final = click.argument(
    "extension", shell_complete=completing.names("extension", "extension")
)
_to: Final = click.option("--to", required=True, help="Whom the caller dials.")
_at: Final = click.option("--at", type=Moment(), help="When; by default now.")


def _ringing(command: Any) -> Any:
    """Add the options that describe the trigger call."""
    for option in (
        click.option(
            "--over",
            shell_complete=completing.names("channel", "name"),
            help="The channel that it comes over; by default none of ours, which is not trusted.",
        ),
        click.option("--name", help="The name that comes with it."),
        click.option("--caller", help="Who rings, as the channel writes it; E.164 always does."),
    ):
        command = option(command)
    return command


@explain.command("callerid")
@_extension
@_to
@_ringing
@as_json
@pass_context
def callerid(context: Context, /, as_json: bool, **said: Any) -> None:
    """Say what is seen of a call of EXTENSION: which number and name on each channel, and why.

    The channels are those that take the number now, in order, whatever their health.
    """
    with _explaining(context.settings()) as (explaining, store):
        found = explaining.callerid(store.actor, **said)
    if as_json:
        echo_json(told(found, _TIMES))
    else:
        _echo_callerid(found)
    _ended(found.answer)


@explain.command("route")
@_extension
@_to
@_ringing
@_at
@as_json
@pass_context
def route(context: Context, /, as_json: bool, **said: Any) -> None:
    """Say how EXTENSION calls a number: over which channels, in which order, and why not others.

    What the running service alone knows is not looked at: which channels are down, failing or
    full.
    """
    with _explaining(context.settings()) as (explaining, store):
        found = explaining.route(store.actor, **said)
    if as_json:
        echo_json(told(found, _TIMES))
    else:
        _echo(found)
    _ended(found.answer)


@explain.command("callback")
@click.option("--did", required=True, help="The number that is rung.")
@click.option("--hidden", is_flag=True, help="Whoever rings hides his number.")
@_ringing
@_at
@as_json
@pass_context
def callback(context: Context, /, as_json: bool, **said: Any) -> None:
    """Say whether a call to a DID is called back: whom, when and how, and why not.

    The call rings to its end, and ends now or at --at. Who rings is said by --caller or --hidden.
    """
    with _explaining(context.settings(), counted=True) as (explaining, store):
        found = explaining.callback(store.actor, **said)
    if as_json:
        echo_json(told(found, _TIMES))
    else:
        _echo(found)
    _ended(found.answer)


# --- what is printed -------------------------------------------------------------------------


def _line(text: str) -> None:
    click.echo(plain("", text, {}))


def _lines(tried: tuple[Tried, ...], indent: str = "") -> None:
    for one in tried:
        _line(f"{indent}{one.rule}: {one.said}")


def _echo_callerid(found: ExplainedCallerId) -> None:
    _line(found.said)
    _lines(found.tried)
    for shown in found.channels:
        _line(f"{shown.channel}: {_shown(shown)}")
        _lines(shown.tried, "  ")


def _shown(shown: ShownOn) -> str:
    """Say what is seen on a channel."""
    if shown.refusal is not None:
        return "nothing to show"
    parts = ["Anonymous"] if shown.hidden else [f"{shown.number}, written {shown.written}"]
    if len(shown.pool) > 1:
        parts.append(f"of {' '.join(shown.pool)}")
    if shown.name:
        parts.append(f'"{shown.name}"')
    if shown.p_asserted_identity:
        parts.append(f"P-Asserted-Identity {shown.p_asserted_identity}")
    if shown.p_preferred_identity:
        parts.append(f"P-Preferred-Identity {shown.p_preferred_identity}")
    return ", ".join(parts)


def _echo(found: ExplainedRoute | ExplainedCallback) -> None:
    _line(found.said)
    due, expires = getattr(found, "due", None), getattr(found, "expires", None)
    if found.answer and due is not None and expires is not None:
        _line(f"due {clock(due)}, tried until {clock(expires)} (UTC)")
    _lines(found.tried)
    for order in found.orders:
        _echo_order(order)
    if found.orders and not found.health_known:
        _line(_NOT_LOOKED_AT)


def _echo_order(order: ChannelOrder) -> None:
    where = f" on {' '.join(order.nodes)}" if order.nodes else ""
    for position, one in enumerate(order.channels, 1):
        by = (
            ""
            if one.beginning is None
            else (f", for {one.beginning}, priority {one.priority}, cost {one.cost}")
        )
        _line(f"{position}. {one.channel}{where}: dials {one.number}{by}")
    for passed in order.passed:
        _line(f"-  {passed.channel}{where}: {passed.reason}: {passed.said}")
