"""`callbackd`: the commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import msgspec

from controller.commands.account import account
from controller.commands.audit import audit
from controller.commands.backup import backup, restore
from controller.commands.bundle import bundle
from controller.commands.call import call
from controller.commands.callback import callback
from controller.commands.callerid import callerid
from controller.commands.channel import channel
from controller.commands.check import check
from controller.commands.client import client
from controller.commands.common import Context, pass_context
from controller.commands.completion import completion
from controller.commands.explain import explain
from controller.commands.extension import extension
from controller.commands.lockout import lockout
from controller.commands.node import controller as controller_
from controller.commands.node import node
from controller.commands.number import number
from controller.commands.person import person
from controller.commands.price_list import price_list
from controller.commands.rate import rate
from controller.commands.sound import sound
from controller.commands.stopping import resume, stop, stops
from controller.commands.suspicion import suspicion
from controller.commands.switch import switch
from controller.commands.token import token
from controller.commands.trace import trace
from controller.commands.transfer import export, import_
from controller.commands.user import user
from controller.release import release


@click.group()
@click.version_option(release(), prog_name="callbackd")
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    envvar="CALLBACKD_CONFIG",
    help="The settings, a TOML file. Without one the defaults and the environment count.",
)
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """Run a callback service on FreeSWITCH."""
    # The file is no setting of the tree, though its variable has the same prefix.
    os.environ.pop("CALLBACKD_CONFIG", None)
    context.obj = Context(config=config)


for command in (
    client, extension, callerid, channel, number, price_list, rate, account, sound, token, user,
    callback, call, stop, resume, stops, lockout, suspicion, node, controller_, explain,
    audit, person, import_, export, switch, check, trace, bundle, backup, restore, completion,
):  # fmt: skip
    main.add_command(command)


@main.command()
@click.option(
    "--log-format",
    type=click.Choice(["json", "console"]),
    default="json",
    show_default=True,
    help="How logs are written on standard error: lines of JSON, or for people.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="From what on it is written.",
)
@pass_context
def serve(context: Context, log_format: str, log_level: str) -> None:
    """Run the controller until SIGTERM, which drains it."""
    from controller import logs, process
    from controller.app import Controller
    from controller.store.database import Away, DatabaseError

    logs.configure(json=log_format == "json", level=log_level)
    settings = context.settings()
    lost = "the database went away while the controller started; see that it is there, start again"
    try:
        controller = Controller(settings)
    except Away as error:
        raise click.ClickException(lost) from error
    except (DatabaseError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    logs.name(controller.services.name)
    try:
        process.run(controller)
    except Away as error:
        # Only of the start: what runs waits for it.
        controller.close()
        raise click.ClickException(lost) from error
    except OSError as error:
        controller.close()
        raise click.ClickException(
            f"cannot listen ({error.strerror or error}): is another controller on "
            f"{settings.listen.host}:{settings.listen.port} or "
            f"{settings.web.host}:{settings.web.port}? Set listen.port and web.port"
        ) from error


# --- the simulator ---------------------------------------------------------------------------


@main.command()
@click.option("--listen", default="127.0.0.1:8021", show_default=True, help="Its event socket.")
@click.option("--password", default="ClueCon", show_default=True, help="Of the event socket.")
@click.option(
    "--controllers",
    default="127.0.0.1:8084",
    show_default=True,
    help="Where `socket` connects to: host:port, or several with commas.",
)
@click.option("--script", type=click.Path(exists=True, dir_okay=False), help="Phones and calls.")
@click.option("--dialplan", type=click.Path(exists=True), help="Default: ours, of fs-config.")
@click.option(
    "--records",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where it writes the record of each leg, as mod_json_cdr does. Default: nowhere.",
)
def simulate(
    listen: str,
    password: str,
    controllers: str,
    script: str | None,
    dialplan: str | None,
    records: Path | None,
) -> None:
    """Run a simulated FreeSWITCH with its phones, in this process.

    It prints what the phones see as JSON lines, and reads calls to place as JSON lines.
    """
    from controller.simulator.process import run

    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit():
        raise click.BadParameter("write host:port, such as 127.0.0.1:8021", param_hint="--listen")
    try:
        run(
            listen=(host, int(port)),
            password=password,
            # FreeSWITCH writes a list of hosts with bars; a comma is easier in a shell.
            controllers=controllers.replace(",", "|"),
            script=Path(script) if script else None,
            dialplan=Path(dialplan) if dialplan else _our_dialplan(),
            records=records,
        )
    except (OSError, msgspec.ValidationError) as error:
        raise click.ClickException(str(error)) from error


def _our_dialplan() -> Path:
    """Find fs-config/dialplan: beside the package in a checkout, under share/ where installed."""
    for root in (Path(__file__).parent.parent, Path(sys.prefix) / "share" / "callbackd"):
        path = root / "fs-config" / "dialplan"
        if path.is_dir():
            return path
    raise click.ClickException("fs-config/dialplan is not there: name one with --dialplan")


@main.command()
@click.option(
    "--calls", type=click.IntRange(1, 10_000), default=15, show_default=True, help="So many calls."
)
@click.option(
    "--rate",
    type=click.FloatRange(0.1, 1000),
    default=2.0,
    show_default=True,
    help="So many of them begin in a second.",
)
@click.option("--json", "as_json", is_flag=True, help="No table; the summary as JSON.")
def demo(calls: int, rate: float, as_json: bool) -> None:
    """Show callbacks happening: a controller and a simulated FreeSWITCH on this machine."""
    from controller.demo.run import run

    sys.exit(run(calls=calls, rate=rate, as_json=as_json))
