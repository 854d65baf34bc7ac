"""`callbackd stop`, `resume` and `stops`: the switch that stops callbacks (O6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from controller.commands import completing
from controller.commands.common import Context, Opened, as_json, now, opened, pass_context
from controller.commands.shown import echo_json, echo_list, rfc3339

if TYPE_CHECKING:
    from controller.admin.callback_shapes import Stopped, StopScope
    from controller.admin.stopping import Stopping

_COLUMNS: Final = ("scope", "name", "since", "hang_up", "actor", "reason")


def _scoped(command: Any) -> Any:
    for option in (
        click.option(
            "--extension",
            shell_complete=completing.names("extension", "extension"),
            help="Those of this extension.",
        ),
        click.option(
            "--client",
            shell_complete=completing.names("client", "name"),
            help="Those of all extensions of this client.",
        ),
    ):
        command = option(command)
    return command


def _scope(client: str | None, extension: str | None) -> tuple[StopScope, str]:
    from controller.admin.callback_shapes import StopScope

    if client is not None and extension is not None:
        raise click.UsageError("name a client or an extension, and not both")
    if client is not None:
        return StopScope.CLIENT, client
    if extension is not None:
        return StopScope.EXTENSION, extension
    return StopScope.EVERYWHERE, ""


def _stopping(store: Opened) -> Stopping:
    from controller.admin.stopping import Stopping

    return Stopping(store.engine, now=now)


def _public(found: Stopped) -> dict[str, Any]:
    return {**msgspec.structs.asdict(found), "since": rfc3339(found.since)}


def _where(found: Stopped) -> str:
    return f"of {found.scope} {found.name}" if found.name else "everywhere"


@click.command("stop")
@_scoped
@click.option("--hang-up", is_flag=True, help="End calls in progress too, at once.")
@click.option("--reason", default="", help="For all to see who are stopped.")
@as_json
@pass_context
def stop(
    context: Context,
    /,
    client: str | None,
    extension: str | None,
    hang_up: bool,
    reason: str,
    as_json: bool,
) -> None:
    """Stop all callbacks (O6): everywhere, or of a client or an extension.

    What is pending ends as `stopped` within a second, what is asked for is refused, until it is
    resumed. Calls in progress end as they would, or with --hang-up at once.
    """
    scope, name = _scope(client, extension)
    with opened(context.settings()) as store:
        found, new = _stopping(store).stop(store.actor, scope, name, hang_up=hang_up, reason=reason)
    if as_json:
        echo_json(_public(found))
        return
    if not new:
        click.echo("they were stopped already", err=True)
    rest = "at once" if found.hang_up else "as they would"
    click.echo(f"stopped callbacks {_where(found)}; calls in progress end {rest}")


@click.command("resume")
@_scoped
@as_json
@pass_context
def resume(context: Context, /, client: str | None, extension: str | None, as_json: bool) -> None:
    """Let callbacks be made again that were stopped by `callbackd stop`.

    Each stop is taken away by itself: an extension is stopped while its client is.
    """
    scope, name = _scope(client, extension)
    with opened(context.settings()) as store:
        found = _stopping(store).resume(store.actor, scope, name)
    if as_json:
        echo_json(_public(found))
    else:
        click.echo(f"resumed callbacks {_where(found)}")


@click.command("stops")
@as_json
@pass_context
def stops(context: Context, /, as_json: bool) -> None:
    """List what is stopped, by whom and why."""
    with opened(context.settings()) as store:
        found = [_public(one) for one in _stopping(store).stops(store.actor)]
    echo_list(iter([found]), _COLUMNS, as_json=as_json)
