"""`callbackd switch`: gateways as channels want them, on the switches, and their call records."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from controller.commands import completing
from controller.commands.announcing import announce
from controller.commands.common import Context, as_json, opened, pass_context
from controller.commands.nodes import chosen
from controller.commands.shown import echo_list
from controller.commands.switch_records import records
from controller.settings import Node, Settings

if TYPE_CHECKING:
    from controller.gateways.comparing import Compared
    from controller.gateways.model import Wanted

#: The profile of fs-config that faces the trunks.
_PROFILE: Final = "callback_public"
_COLUMNS: Final = ("node", "gateway", "found", "status", "state", "differences")

_profile = click.option(
    "--profile",
    default=_PROFILE,
    show_default=True,
    help="The SIP profile that includes the directory.",
)
_node = click.option(
    "--node",
    "names",
    multiple=True,
    shell_complete=completing.nodes,
    help="Of [[nodes]], ask this one only; may be given again. All of them by default.",
)


@click.group()
def switch() -> None:
    """The switches: their gateways, the call records they write, and announcing them."""


switch.add_command(records)
switch.add_command(announce)


@switch.command()
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the files go: what the profile includes (sip_profiles/callback_public).",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--no-rescan", is_flag=True, help="Write the files, and ask no node to read them.")
@_profile
@_node
@click.option(
    "--wait",
    type=click.FloatRange(0.1, 600),
    default=15,
    show_default=True,
    metavar="SECONDS",
    help="How long each node may take until it runs what the files say.",
)
@pass_context
def config(
    context: Context,
    directory: Path | None,
    *,
    dry_run: bool,
    no_rescan: bool,
    profile: str,
    names: tuple[str, ...],
    wait: float,
) -> None:
    """Write the gateways of channels as files for FreeSWITCH, and have the nodes take them up.

    Each channel that has a proxy gets a file of its own in DIRECTORY, also one that is off; files
    that this command made for other channels are removed, and files of others are never touched.
    Then each node reads its files anew, without a restart: calls in progress go on. It ends with
    status 0 when every node runs what the files say.

    The files have to be on the machine of the switch: run it on each machine that has one, with
    --node and its name, or let all switches read one shared directory. Passwords are those of
    channel_passwords in the settings; they are in the files, which only the directory's owner can
    read, and are printed nowhere.

    Without --directory it prints what it would write, passwords masked.
    """
    from controller.gateways.files import MASK, to_xml
    from controller.gateways.model import GatewayError, check_passwords, unused_passwords

    settings = context.settings()
    asked = chosen(settings, names)
    passwords = settings.channel_passwords
    wanted = _wanted(settings)
    try:
        check_passwords(wanted, passwords)
    except GatewayError as error:
        raise click.ClickException(str(error)) from error
    for name in unused_passwords(wanted, passwords):
        click.echo(
            f"channel_passwords.{name}: is not used: no channel of this name has a proxy and a "
            "username",
            err=True,
        )
    if directory is None:
        if dry_run or no_rescan:
            raise click.UsageError("--directory: say where the files are, or would be")
        for one in wanted.gateways:
            masked = None if one.username is None else MASK
            click.echo(to_xml(one, password=masked), nl=False)
        return
    revisions = _write(directory, wanted, passwords, [] if no_rescan else asked, dry_run=dry_run)
    if dry_run or no_rescan:
        return
    _take_up(asked, wanted, revisions, profile, wait)


@switch.command("compare")
@_profile
@_node
@as_json
@pass_context
def compare_(context: Context, /, profile: str, names: tuple[str, ...], *, as_json: bool) -> None:
    """Compare the gateways that run on the nodes with those that channels want.

    A gateway that a channel with a proxy wants is `as wanted`, `different` or `missing`; that of a
    channel without one is `by hand`, or `missing` too; one that nobody wants is told. Ends with
    status 1 if anything is missing or different, or a node cannot be asked.
    """
    from controller.commands.gateway_nodes import look
    from controller.commands.nodes import asking
    from controller.esl.errors import EslError

    settings = context.settings()
    asked = chosen(settings, names)
    wanted = _wanted(settings)
    rows: list[dict[str, Any]] = []
    faults = []
    for node in asked:
        try:
            with asking(node) as ask:
                compared = look(ask, wanted, profile)
        except EslError as error:
            faults.append(f"{node.name}: {error}")
            continue
        rows += [_row(node, one) for one in compared]
        faults += _remedies(node, compared, wanted)
    _show(rows, as_json=as_json)
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        sys.exit(1)


# --- what is wanted --------------------------------------------------------------------------


def _wanted(settings: Settings) -> Wanted:
    from controller.gateways.model import GatewayError, wanted
    from controller.store.extensions import Extensions

    with opened(settings) as store:
        channels = Extensions(store.engine).trunks().channels
    try:
        return wanted(channels, settings.route.internal_gateway)
    except GatewayError as error:
        raise click.ClickException(str(error)) from error


# --- files and nodes -------------------------------------------------------------------------


def _write(
    directory: Path,
    wanted: Wanted,
    passwords: dict[str, str],
    nodes: Sequence[Node],
    *,
    dry_run: bool,
) -> dict[str, str]:
    """Bring the files to what is wanted; give their revisions. First see that nodes answer."""
    from controller.commands import gateway_files
    from controller.gateways.model import GatewayError

    try:
        with contextlib.nullcontext() if dry_run else gateway_files.held(directory):
            changes = gateway_files.plan(directory, wanted, passwords, lambda: secrets.token_hex(8))
            if not dry_run:
                gateway_files.check_owner(directory)
                _check_there(nodes)
                gateway_files.write(directory, wanted, passwords, changes)
    except GatewayError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{directory}: {error.strerror or error}") from error
    for change in changes:
        said = f"  {', '.join(change.differences)}" if change.differences else ""
        click.echo(f"{change.what:<10} {change.path}{said}")
    return {change.name: change.revision for change in changes if change.revision}


def _check_there(nodes: Sequence[Node]) -> None:
    """See that each node can be asked, before anything is written for it."""
    from controller.commands.nodes import asking
    from controller.esl.errors import EslError

    for node in nodes:
        try:
            with asking(node) as ask:
                ask("uptime")
        except EslError as error:
            raise click.ClickException(
                f"{node.name}: {error}; nothing was written: see that FreeSWITCH runs, and "
                "[[nodes]] host, port and password; or name the nodes to ask with --node, or none "
                "with --no-rescan"
            ) from error


def _take_up(
    nodes: Sequence[Node], wanted: Wanted, revisions: dict[str, str], profile: str, wait: float
) -> None:
    import gevent

    from controller.commands.gateway_nodes import NodeFault, Taking
    from controller.commands.nodes import asking
    from controller.esl.errors import EslError

    rows: list[dict[str, Any]] = []
    faults = []
    for node in nodes:
        try:
            with asking(node) as ask:
                taking = Taking(ask, wanted, revisions, profile, _teller(node))
                compared = taking.bring(wait, gevent.sleep)
        except (EslError, NodeFault) as error:
            faults.append(f"{node.name}: {error}")
            continue
        rows += [_row(node, one) for one in compared]
        for one in compared:
            if one.well and one.status and not one.up:
                click.echo(_down(node, one), err=True)
    _show(rows, as_json=False)
    if faults:
        raise click.ClickException("\n".join(faults))


def _teller(node: Node) -> Callable[[str], None]:
    def tell(text: str) -> None:
        click.echo(f"{node.name}: {text}")

    return tell


# --- what is shown ---------------------------------------------------------------------------


def _row(node: Node, one: Compared) -> dict[str, Any]:
    return {
        "node": node.name,
        "gateway": one.name,
        "found": one.found.value,
        "status": one.status,
        "state": one.state,
        "differences": [msgspec.structs.asdict(each) for each in one.differences],
    }


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    def pages() -> Iterator[list[dict[str, Any]]]:
        yield rows if as_json else [{**row, "differences": _in_words(row)} for row in rows]

    echo_list(pages(), _COLUMNS, as_json=as_json)


def _in_words(row: dict[str, Any]) -> str:
    return ", ".join(
        f"{each['field']}: {each['running']} instead of {each['wanted']}"
        for each in row["differences"]
    )


def _down(node: Node, one: Compared) -> str:
    registration = f" ({one.state})" if one.registers else ""
    return (
        f"{node.name}: {one.name} runs and is {one.status}{registration}: no call goes over it; "
        "see its proxy, its ping_seconds and, where it registers, its username and password"
    )


def _remedies(node: Node, compared: Sequence[Compared], wanted: Wanted) -> Iterator[str]:
    for one in compared:
        if one.well:
            continue
        if one.name in wanted.by_hand:
            yield (
                f"{node.name}: {one.name} of {wanted.by_hand[one.name]} is written by hand, and is "
                "not there: write it into the profile's directory and rescan the profile, or set "
                "a channel's proxy"
            )
        else:
            yield (
                f"{node.name}: {one.name} is {one.found.value}: run `callbackd switch config "
                "--directory DIRECTORY` on the machine of the switch"
            )
