"""`callbackd callback`: callbacks that are asked for, made, refused and cancelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from controller.commands import call, completing
from controller.commands.common import (
    Context,
    Opened,
    as_json,
    now,
    opened,
    pages,
    pass_context,
)
from controller.commands.outcomes import UNPLACED, why
from controller.commands.shown import clock, echo_json, echo_list, plain, rfc3339
from controller.commands.types import Moment

if TYPE_CHECKING:
    from controller.admin.callback_shapes import (
        Callback,
        CallPlan,
        CallWay,
        DestinationTry,
        TranscriptEntry,
        Try,
    )
    from controller.admin.callbacks import Callbacks
    from controller.credit.call_record import CallRecord, CallTotal

_TIMES: Final = (
    "created", "due", "expires", "ended", "begun", "answered", "connected", "at", "kept",
)  # fmt: skip
#: What of a callback is shown in lines of its own.
_PARTS: Final = ("tries", "destinations", "legs", "totals", "transcript")
_COLUMNS: Final = ("created", "id", "extension", "number", "state", "outcome")


def callbacks_of(context: Context, store: Opened) -> Callbacks:
    """Give what does it all."""
    from controller.admin.callbacks import Callbacks
    from controller.settings import ranges_of

    settings = context.settings()
    return Callbacks(
        store.engine,
        now=now,
        expiry_seconds=settings.dispatcher.expiry_seconds,
        ranges=ranges_of(settings),
    )


def public(found: Callback | Try) -> dict[str, Any]:
    """Give a callback, or a try of one, as the API shows it."""
    return _written(found, rfc3339)


def _written(
    found: Callback | Try | DestinationTry | CallRecord | CallTotal | TranscriptEntry,
    write: Callable[[int], str],
) -> dict[str, Any]:
    made = msgspec.structs.asdict(found)
    parts = {name: made.pop(name) for name in _PARTS if name in made}
    made |= {name: write(made[name]) for name in _TIMES if made.get(name) is not None}
    return made | {name: [_written(one, write) for one in part] for name, part in parts.items()}


@click.group()
def callback() -> None:
    """Callbacks: ask for one, look at them, see why one was not made, cancel one."""


_extension: Final = completing.names("extension", "extension")


@callback.command("ask")
@click.argument("extension", shell_complete=_extension)
@click.argument("number")
@click.option("--did", help="The extension's number that is shown; by default its first.")
@click.option(
    "--delay-seconds", type=click.INT, help="From now; by default as the extension has it."
)
@click.option(
    "--key",
    help="Your own name for it: the same again changes nothing, so that a command that may have "
    "been carried out can be repeated.",
)
@as_json
@pass_context
def ask(
    context: Context, /, extension: str, number: str, as_json: bool, key: str | None, **more: Any
) -> None:
    """Ask EXTENSION to call NUMBER back, as if it had rung (T11).

    NUMBER is E.164, or as it is dialled in the extension's country. The rules are those for a
    trigger call: a callback that they refuse is kept with its reason.
    """
    values = {"extension": extension, "number": number, **more}
    with opened(context.settings()) as store:
        given = callbacks_of(context, store).ask(store.actor, values, key)
    found = given.callback
    if as_json:
        echo_json(public(found))
        return
    if not given.new:
        click.echo(f"callback {found.id} was there already", err=True)
    if found.state in ("done", "refused"):
        click.echo(f"{found.id}: {found.state}, {found.outcome}: {why(found.state, found.outcome)}")
    else:
        click.echo(f"{found.id}: {found.number} is {found.state}, due {clock(found.due)}")


def _filters(command: Any) -> Any:
    for option in reversed(
        (
            click.option("--extension", shell_complete=_extension, help="Those of this one."),
            click.option("--number", help="Those to this number, and those that it asked for."),
            click.option(
                "--state",
                type=click.Choice(["pending", "calling", "answered", "done", "refused"]),
                help="Those that are there.",
            ),
            click.option("--outcome", help="Those that ended so, or were refused for that."),
            click.option(
                "--source", type=click.Choice(["call", "api"]), help="Those asked for so."
            ),
            click.option("--since", type=Moment(), help="Those asked for then or later."),
            click.option("--until", type=Moment(), help="Those asked for before."),
        )
    ):
        command = option(command)
    return command


@callback.command("list")
@_filters
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    help="At most so many.",
)
@as_json
@pass_context
def list_(context: Context, /, limit: int, as_json: bool, **given: Any) -> None:
    """List callbacks, and trigger calls that got none, the newest first."""
    filters = {name: value for name, value in given.items() if value is not None}
    with opened(context.settings()) as store:
        callbacks = callbacks_of(context, store)

        def fetch(after: Any, most: int) -> Any:
            return callbacks.list(store.actor, filters, after=after, limit=most)

        found: Iterator[list[dict[str, Any]]] = (
            [public(one) for one in page] for page in pages(fetch, limit)
        )
        echo_list(found, _COLUMNS, as_json=as_json)


@callback.command("show")
@click.argument("id", shell_complete=completing.callbacks())
@as_json
@pass_context
def show(context: Context, /, id: str, as_json: bool) -> None:  # noqa: A002
    """Show a callback: its calls, what was said, and what became of it or why it was none.

    Of each call: over which channels it went or could have gone, what it showed, and why (I9).
    """
    with opened(context.settings()) as store:
        found = callbacks_of(context, store).get(store.actor, id)
    if as_json:
        echo_json(public(found))
        return
    values = _written(found, clock)
    tries, destinations, _, _, transcript = (values.pop(name) for name in _PARTS)
    for name, value in {**values, "why": why(found.state, found.outcome)}.items():
        click.echo(f"{name:<12} {'-' if value == '' else plain('', value, values)}")
    for number, one in enumerate(tries, 1):
        click.echo(f"{f'try {number}':<12} {_told(one)}")
        _echo_plan(one["plan"], one["causes"])
    for one in destinations:
        click.echo(f"{'destination':<12} {_called(one)}")
        _echo_plan(one["plan"], one["causes"])
    for leg in found.legs:
        name = "return leg" if leg.side == "return" else f"leg {leg.position}"
        click.echo(f"{name:<12} {plain('', call.told(leg), {})}")
    for total in found.totals:
        click.echo(f"{'total':<12} {call.summed(total)}")
    for line in transcript:
        click.echo(f"{line['at']} {line['what']:<8} {plain('text', line['text'], line)}")


def _told(one: dict[str, Any]) -> str:
    """Put a try in a line."""
    ended = (
        f"{one['outcome'] or '-'} ({one['cause'] or '-'}) {one['ended']}"
        if one["ended"]
        else "under way"
    )
    over = f" over {one['channel']}" if one["channel"] else ""
    answered = f"answered {one['answered']}{over}, " if one["answered"] else ""
    channels = " ".join(one["channels"]) or "-"
    return plain("", f"{one['begun']} on {one['node']} by {channels}: {answered}{ended}", one)


def _called(one: dict[str, Any]) -> str:
    """Put a destination in a line."""
    over = f" over {one['channel']}" if one["channel"] else ""
    talked = f"talked from {one['connected']}{over}, " if one["connected"] else ""
    ended = f"{one['cause'] or '-'} {one['ended']}" if one["ended"] else "under way"
    return plain("", f"{one['begun']} {one['number']}: {talked}{ended}", one)


def _echo_plan(plan: CallPlan | None, causes: Mapping[str, str]) -> None:
    for line in plan_lines(plan, causes):
        click.echo(f"{'':<12} {plain('', line, {})}")


def plan_lines(plan: CallPlan | None, causes: Mapping[str, str]) -> list[str]:
    """Say how a call was placed, each way in lines of its own (I9)."""
    from controller.admin.explaining_channels import PASSED

    if plan is None:
        return []
    lines = []
    if plan.refusal is not None:
        lines.append(UNPLACED.get(plan.refusal, plan.refusal))
    for way in plan.ways:
        lines += [f"{way.channel}: {_went(way)}{_failed(causes.get(way.channel or ''))}"]
        lines += [f"  {tried.rule}: {tried.said}" for tried in way.tried]
    for passed in plan.passed:
        lines.append(f"{passed.channel}: not used. {PASSED.get(passed.reason, passed.reason)}")
        lines += [f"  {tried.rule}: {tried.said}" for tried in passed.tried]
    return lines


def _went(way: CallWay) -> str:
    """Say what is dialled on a channel, and what is shown there by which rules."""
    shown = way.shown
    number = "no number" if shown.hidden else f"{shown.number} as {way.caller_id}"
    name = f" and {shown.name} ({shown.name_rule})" if shown.name else ""
    also = "".join(
        f", {header} {address}"
        for header, address in (
            ("P-Asserted-Identity", way.p_asserted),
            ("P-Preferred-Identity", way.p_preferred),
        )
        if address
    )
    cost = f" at {way.cost}" if way.cost else ""
    return f"{way.number} for {way.beginning}{cost}, shows {number} ({shown.rule}){name}{also}"


def _failed(cause: str | None) -> str:
    return "" if cause is None else f": {cause}"


@callback.command("cancel")
@click.argument("id", shell_complete=completing.callbacks("pending"))
@as_json
@pass_context
def cancel(context: Context, /, id: str, as_json: bool) -> None:  # noqa: A002
    """Cancel a callback that is pending: it is not made any more."""
    with opened(context.settings()) as store:
        found = callbacks_of(context, store).cancel(store.actor, id)
    if as_json:
        echo_json(public(found))
    else:
        click.echo(f"cancelled callback {id}")
