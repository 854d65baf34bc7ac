"""`callbackd user`: who may log in to the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from controller.commands import completing
from controller.commands.common import (
    Context,
    Opened,
    as_json,
    confirm,
    limit,
    now,
    opened,
    pages,
    pass_context,
)
from controller.commands.shown import echo_json, echo_list, plain, told

if TYPE_CHECKING:
    from controller.admin.people import People
    from controller.admin.people_shapes import UserShown
    from controller.settings import Settings

_COLUMNS: Final = (
    "name", "role", "client", "enabled", "password_set", "totp", "locked_until", "seen",
)  # fmt: skip
_TIMES: Final = ("locked_until", "seen", "created", "changed")
#: As `policy.records.Role`, which `--help` need not load.
_ROLES: Final = click.Choice(["admin", "client", "read_only"])

_name = click.argument("name", shell_complete=completing.users)


def _role(*, required: bool) -> Callable[[Any], Any]:
    return click.option(
        "--role",
        type=_ROLES,
        required=required,
        help="What he may do: everything, what is one client's, look.",
    )


_client = click.option(
    "--client",
    shell_complete=completing.names("client", "name"),
    help="Whose records alone he sees; by default all.",
)


@click.group()
def user() -> None:
    """Users: who may log in to the pages, and links by which they set their passwords."""


@user.command("list")
@limit
@as_json
@pass_context
def list_(context: Context, /, limit: int | None, as_json: bool) -> None:
    """List users: what they may do, and whether they can log in."""
    with opened(context.settings()) as store:
        people = _people(store)

        def fetch(after: Any, most: int) -> Any:
            return people.list(store.actor, after=after, limit=most)

        found = ([told(one, _TIMES) for one in page] for page in pages(fetch, limit))
        echo_list(found, _COLUMNS, as_json=as_json)


@user.command("add")
@click.argument("name")
@_role(required=True)
@_client
@as_json
@pass_context
def add(context: Context, /, name: str, role: str, client: str | None, as_json: bool) -> None:
    """Add a user. The link by which he sets his password is printed once, on the last line."""
    settings = context.settings()
    with opened(settings) as store:
        made, secret = _people(store).make(
            store.actor, {"name": name, "role": role, "client": client}
        )
    link = _welcome(settings, secret)
    if as_json:
        echo_json({**told(made, _TIMES), "link": link})
        return
    _echo(made, as_json=False)
    click.echo(link)


@user.command("show")
@_name
@as_json
@pass_context
def show(context: Context, /, name: str, as_json: bool) -> None:
    """Show a user."""
    with opened(context.settings()) as store:
        found = _people(store).get(store.actor, name)
    _echo(found, as_json=as_json)


@user.command("set")
@_name
@_role(required=False)
@_client
@click.option("--all-clients", is_flag=True, help="He sees the records of all clients.")
@click.option("--enabled/--no-enabled", default=None, help="Off: he is logged out at once.")
@click.option("--no-totp", is_flag=True, help="Take his authenticator away; he is logged out.")
@click.option("--log-out", is_flag=True, help="Log him out everywhere.")
@as_json
@pass_context
def set_(
    context: Context,
    /,
    name: str,
    role: str | None,
    client: str | None,
    all_clients: bool,
    enabled: bool | None,
    no_totp: bool,
    log_out: bool,
    as_json: bool,
) -> None:
    """Change a user: only what is given. It counts within a second, also where he is logged in."""
    if client is not None and all_clients:
        raise click.UsageError("name a client, or say --all-clients, and not both")
    wanted: dict[str, Any] = {"role": role, "client": client, "enabled": enabled}
    patch = {field: value for field, value in wanted.items() if value is not None}
    if all_clients:
        patch["client"] = None
    if not (patch or no_totp or log_out):
        raise click.ClickException("nothing is to be changed; --help lists what can be")
    with opened(context.settings()) as store:
        people = _people(store)
        # What can be refused comes first.
        found = people.change(store.actor, name, patch)
        if no_totp:
            people.take_totp(store.actor, name)
        if log_out:
            people.end_sessions(store.actor, name)
        if no_totp or log_out:
            found = people.get(store.actor, name)
    _echo(found, as_json=as_json)


@user.command("remove")
@_name
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@pass_context
def remove(context: Context, /, name: str, yes: bool, as_json: bool) -> None:
    """Remove a user, and log him out."""
    with opened(context.settings()) as store:
        people = _people(store)
        found = people.get(store.actor, name)
        confirm(f"Remove user {name}?", yes=yes)
        people.remove(store.actor, name)
    if as_json:
        echo_json(told(found, _TIMES))
    else:
        click.echo(f"removed user {name}")


@user.command("link")
@click.argument("name", required=False, shell_complete=completing.users)
@as_json
@pass_context
def link(context: Context, /, name: str | None, as_json: bool) -> None:
    """Print a link by which user NAME sets a new password; it works once, and for a day.

    Earlier links of his end; his password works until he sets another one. Without a NAME it makes
    the first administrator, as long as none can log in.
    """
    settings = context.settings()
    with opened(settings) as store:
        people = _people(store)
        secret = people.first_link() if name is None else people.link(store.actor, name)
    if secret is None:
        raise click.ClickException("an administrator can log in already; name whose link it is")
    made = _welcome(settings, secret)
    if as_json:
        echo_json({"link": made})
    else:
        click.echo(made)


def _people(store: Opened) -> People:
    from controller.admin.people import People

    return People(store.engine, passwords=_no_passwords, now=now)


def _no_passwords() -> Any:
    # Whoever has a link sets his password himself: no command hashes one.
    raise NotImplementedError


def _welcome(settings: Settings, secret: str) -> str:
    from controller.settings.addresses import welcome

    return welcome(settings.web.host, settings.web.port, secret)


def _echo(found: UserShown, *, as_json: bool) -> None:
    values = told(found, _TIMES)
    if as_json:
        echo_json(values)
        return
    for name, value in values.items():
        click.echo(f"{name:<28} {plain(name, value, values)}")
