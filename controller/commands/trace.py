"""`callbackd trace`: one callback, from its trigger call to its last record, in order (O3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec
from click.core import ParameterSource

from controller.commands import call, completing
from controller.commands.callback import callbacks_of, plan_lines, public
from controller.commands.common import Context, Opened, as_json, opened, pass_context
from controller.commands.log_lines import LogLine, about
from controller.commands.outcomes import why
from controller.commands.shown import clock, echo_json, echo_list, money, plain, rfc3339
from controller.logs import CONTROLLER

if TYPE_CHECKING:
    from controller.admin.callback_shapes import WholeCallback
    from controller.admin.callbacks import Callbacks
    from controller.admin.held import HeldShown
    from controller.admin.model import Actor, Audited
    from controller.admin.tracing import Traced

_COLUMNS: Final = ("created", "id", "extension", "caller", "number", "state", "outcome")
#: What of a line of the log says of which call it is, and is said already.
_KNOWN: Final = frozenset({"request", CONTROLLER})


class Happened(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    Attributes:
        at: when, microseconds since 1970.
        kind: `trigger`, `waiting`, `try`, `heard`, `typed`, `decided`, `destination`, `money`,
            `record`, `notice`, `audit`, `log` or `end`.
        text, more: in sentences.

    """

    at: int
    kind: str
    text: str
    more: tuple[str, ...] = ()


@click.command("trace")
@click.argument("id", metavar="CALL_ID", shell_complete=completing.callbacks())
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="A file with what `serve` has logged, as JSON; - is standard input. Its lines about the "
    "call are put where they belong. May be given several times.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="Of a telephone number: so many callbacks.",
)
@as_json
@pass_context
def trace(
    context: Context,
    /,
    id: str,  # noqa: A002
    logs: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Tell all that is known of one callback, in order of time.

    CALL_ID is the id of the callback, of one of its tries or of a call record, or the uuid of a
    leg, as a switch's log has it. Of a telephone number, as E.164, its last callbacks are listed.
    """
    from controller.admin.tracing import Tracing

    number = _number(id)
    if number is not None and logs:
        raise click.UsageError("--log is of one callback, and CALL_ID is a telephone number")
    given = click.get_current_context().get_parameter_source("limit")
    if number is None and given is not ParameterSource.DEFAULT:
        raise click.UsageError("--limit is of a telephone number, and CALL_ID is none")
    with opened(context.settings()) as store:
        callbacks = callbacks_of(context, store)
        if number is not None:
            page = callbacks.list(store.actor, {"number": number}, limit=limit)
            if not page.items and not as_json:
                raise click.ClickException(f"no callback is kept to {number}, or asked for by it")
            echo_list(iter([[public(one) for one in page.items]]), _COLUMNS, as_json=as_json)
            return
        tracing = Tracing(store.engine, callbacks)
        found = _Found(store, callbacks, tracing.find(store.actor, id), tracing)
    lines: list[LogLine] = []
    for path in logs:
        those = list(about(path, found.traced.ids))
        if not those:
            click.echo(f"{path}: no line about it (JSON is read)", err=True)
        lines += those
    controllers = sorted({line.controller for line in lines} - {""})
    # What happened at one moment keeps the order of its telling.
    happened = sorted([*found.happened(), *map(_logged, lines)], key=lambda one: one.at)
    if as_json:
        _echo_json(found, controllers, happened)
    else:
        _echo(found, controllers, happened)


def _number(text: str) -> str | None:
    """Give the telephone number that somebody writes; None: it is none."""
    from controller.numbers.e164 import is_e164

    written = "+" + "".join(letter for letter in text if letter not in " -().+")
    return written if is_e164(written) else None


class _Found:
    """What is kept of a callback."""

    def __init__(self, store: Opened, callbacks: Callbacks, callback: str, tracing: Any) -> None:
        self.actor: Actor = store.actor
        self.callback: WholeCallback = callbacks.get(store.actor, callback)
        self.held: Sequence[HeldShown] = callbacks.held(store.actor, callback)
        self.traced: Traced = tracing.trace(store.actor, callback)
        audited = store.directory.audit(
            store.actor, {"kind": "callback", "key": callback}, before=None, limit=1000
        )
        self.audited: Sequence[Audited] = audited.items

    def happened(self) -> Iterator[Happened]:
        """Give all that happened."""
        # The pages tell it: only what is beside it is told here.
        from controller.web.pages.story import story

        for moment in story(self.callback):
            more = (*moment.more, *plan_lines(moment.plan, {}))
            yield Happened(at=moment.at, kind=moment.kind, text=moment.text, more=more)
        yield from self._money()
        for record in self.callback.legs:
            side = "return leg" if record.side == "return" else f"destination {record.position}"
            text = f"Record of the {side}, {record.leg}, by {record.source}: {call.told(record)}"
            yield Happened(at=record.kept, kind="record", text=text)
        for notice in self.traced.told:
            if notice.taken is not None:
                said = f"taken {clock(notice.taken)}"
            elif notice.tries:
                said = f"not taken, tried {notice.tries} times: {notice.problem}"
            else:
                said = "not sent yet"
            text = f"Notice {notice.kind} ({notice.key}): {said}"
            yield Happened(at=notice.at, kind="notice", text=text)
        for line in self.audited:
            changed = "" if line.after is None else f": {_words(line.after)}"
            yield Happened(at=line.at, kind="audit", text=f"{line.actor}: {line.action}{changed}")

    def _money(self) -> Iterator[Happened]:
        begun = {one.id: one.begun for one in self.callback.tries}
        for held in self.held:
            at = begun.get(held.call, self.callback.created)
            if held.ended is None:
                amount = money(held.amount, held.currency)
                text = f"{amount} are held of account {held.account}, until {clock(held.until)}"
                yield Happened(at=at, kind="money", text=text)
            else:
                yield Happened(at=at, kind="money", text=f"Held of account {held.account}")
                text = f"Nothing is held of account {held.account} any more"
                yield Happened(at=held.ended, kind="money", text=text)
        for entry in self.traced.charged:
            amount, left = (money(one, entry.currency) for one in (entry.amount, entry.left_after))
            text = f"{amount} on account {entry.account}, left {left} ({entry.key})"
            yield Happened(at=entry.at, kind="money", text=text)


def _logged(line: LogLine) -> Happened:
    values = {name: value for name, value in line.values.items() if name not in _KNOWN}
    fault = str(values.pop("exception", "")).strip()
    who = f"{line.controller}: " if line.controller else ""
    level = f"{line.level}: " if line.level in ("warning", "error", "critical") else ""
    text = f"{who}{level}{line.event} {_words(values)}".rstrip()
    return Happened(at=line.at, kind="log", text=text, more=tuple(fault.splitlines()[-1:]))


def _words(values: dict[str, Any]) -> str:
    return " ".join(f"{name}={plain(name, str(value), {})}" for name, value in values.items())


# --- printing --------------------------------------------------------------------------------


def _echo_json(found: _Found, controllers: Sequence[str], happened: Sequence[Happened]) -> None:
    traced = found.traced
    echo_json(
        {
            "callback": public(found.callback),
            "holder": traced.holder,
            "controllers": controllers,
            "trigger": traced.trigger,
            "legs": traced.legs,
            "destinations": traced.destinations,
            "held": found.held,
            "charged": traced.charged,
            "notices": traced.told,
            "streams": traced.streams,
            "happened": [
                {**msgspec.structs.asdict(one), "at": rfc3339(one.at)} for one in happened
            ],
        }
    )


def _echo(found: _Found, controllers: Sequence[str], happened: Sequence[Happened]) -> None:
    for name, value in _head(found, controllers):
        click.echo(f"{name:<12} {plain('', value, {})}")
    click.echo()
    for one in happened:
        when = rfc3339(one.at)[:23].replace("T", " ")
        click.echo(f"{when}  {one.kind:<11} {plain('', one.text, {})}")
        for line in one.more:
            # Rules stand below what they are of.
            indent = " " * (len(line) - len(line.lstrip()))
            click.echo(f"{'':<36} {indent}{plain('', line.strip(), {})}")
    for total in found.callback.totals:
        click.echo(f"\n{'total':<12} {call.summed(total)}")


def _head(found: _Found, controllers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Say what it was, where it stands and what to look for elsewhere."""
    from controller.web.pages.remedies import remedy

    callback, traced = found.callback, found.traced
    yield "callback", callback.id
    yield "extension", f"{callback.extension or '-'}, rung at {callback.did}"
    yield "state", " ".join(filter(None, (callback.state.value, callback.outcome, callback.cause)))
    yield "why", why(callback.state.value, callback.outcome)
    done = remedy(callback.outcome, callback.extension, found.actor)
    if done is not None:
        yield "what to do", str(done.text)
    if traced.holder:
        yield "controller", f"{traced.holder} has it"
    if controllers:
        yield "logged by", " ".join(controllers)
    if traced.trigger:
        yield "trigger leg", traced.trigger
    for number, one in enumerate(callback.tries, 1):
        ids = " ".join(traced.legs[one.id])
        yield f"try {number}", f"{one.id} on {one.node}, its legs: {ids}"
    for record in callback.legs:
        side = "return leg" if record.side == "return" else f"leg {record.position}"
        yield side, f"{record.leg} on {record.node or '-'}"
    for stream in traced.streams:
        said = "has all of its records"
        if stream.left:
            said = f"has not taken {stream.left} of its records" + (
                f": {stream.problem}" if stream.problem else ""
            )
        yield "stream", f"{stream.name} {said}"
    if callback.source == "call" and callback.extension:
        caller = f" --caller {callback.caller}" if callback.caller else ""
        yield "today", f"callbackd explain callback --did {callback.did}{caller}"
