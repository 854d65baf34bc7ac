"""`callbackd`: the commands."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from controller import __version__
from controller.settings import Settings, SettingsError, load


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
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
@click.version_option(__version__, prog_name="callbackd")
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


@main.command()
@click.option("--log-format", type=click.Choice(["json", "console"]), default="json")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info"
)
@pass_context
def serve(context: Context, log_format: str, log_level: str) -> None:
    """Run the controller until SIGTERM, which drains it."""
    from controller import logs
    from controller.app import Controller
    from controller.store.database import DatabaseError

    logs.configure(json=log_format == "json", level=log_level)
    settings = context.settings()
    try:
        controller = Controller(settings)
    except (DatabaseError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    try:
        controller.run()
    except OSError as error:
        controller.close()
        raise click.ClickException(
            f"cannot listen ({error.strerror or error}): is another controller on "
            f"{settings.listen.host}:{settings.listen.port} or "
            f"{settings.web.host}:{settings.web.port}? Set listen.port and web.port"
        ) from error


# --- extensions ------------------------------------------------------------------------------


@main.group()
def extension() -> None:
    """Add and show extensions."""


def _option(name: str, kind: Any, text: str) -> Callable[[Any], Any]:
    # No default here: what is not given is left to the policy, the one place of defaults.
    return click.option(name, type=kind, default=None, help=text)


@extension.command("add")
@click.argument("number")
@click.option("--did", "dids", multiple=True, required=True, help="Access number, E.164; repeat.")
@click.option("--country", required=True, help="ISO 3166, such as US: how numbers are written.")
@click.option("--caller-id", help="Number shown to destinations, E.164 (default: the first DID).")
@_option("--caller-id-name", str, "Name shown with it.")
@_option("--ring-seconds", int, "Refuse the trigger call after so long (1-60, default 5).")
@_option("--delay-seconds", int, "From the end of the trigger call to the return call (default 3).")
@_option("--return-ring-seconds", int, "How long the return call rings (default 30).")
@click.option(
    "--password",
    help="Digits asked for on the return call (default: none is asked); - asks for them here.",
)
@_option("--dial-seconds", int, "Time for dialling the destination, in all (5-300, default 30).")
@_option("--destination-ring-seconds", int, "How long a destination rings (default 45).")
@_option("--longest-call-seconds", int, "The switch ends a conversation then (default 3600).")
@click.option("--return-country", "return_countries", multiple=True, help="Call back here; repeat.")
@click.option("--dial-country", "destination_countries", multiple=True, help="Dial here; repeat.")
@_option("--sound-before-disconnecting", str, "A sound file of the switch, played then.")
@as_json
@pass_context
def extension_add(
    context: Context, /, number: str, password: str | None, as_json: bool, **options: Any
) -> None:
    """Add extension NUMBER."""
    from controller.policy.model import PolicyError, validate
    from controller.store.passwords import BadPassword, Passwords, load_pepper

    settings = context.settings()
    if password == "-":  # noqa: S105  (no password: the wish to be asked for one)
        # Not on the command line, where the shell's history and `ps` would show it.
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    options["caller_id_number"] = options.pop("caller_id") or options["dids"][0]
    values = {name: value for name, value in options.items() if value not in (None, ())}
    try:
        if password is not None:
            values["password_hash"] = Passwords(load_pepper(settings.pepper_path)).hash(password)
        policy = validate({"extension": number, **values})
        with _store(settings) as store:
            store.add(policy, int(time.time() * 1_000_000))
    except (PolicyError, BadPassword, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    _print_policy(policy, as_json)


@extension.command("show")
@click.argument("number")
@as_json
@pass_context
def extension_show(context: Context, number: str, as_json: bool) -> None:
    """Show extension NUMBER."""
    with _store(context.settings()) as store:
        policy = store.get(number)
    if policy is None:
        raise click.ClickException(f"there is no extension {number}")
    _print_policy(policy, as_json)


@extension.command("list")
@as_json
@pass_context
def extension_list(context: Context, as_json: bool) -> None:
    """List the extensions."""
    with _store(context.settings()) as store:
        policies = store.all()
    if as_json:
        click.echo(msgspec.json.encode([_public(policy) for policy in policies]))
        return
    for policy in policies:
        state = "on" if policy.enabled else "off"
        click.echo(f"{policy.extension:<10} {state:<4} {policy.country} {' '.join(policy.dids)}")


@contextlib.contextmanager
def _store(settings: Settings) -> Any:
    from sqlalchemy.exc import SQLAlchemyError

    from controller.policy.model import PolicyError
    from controller.store.database import DatabaseError, open_database
    from controller.store.extensions import Extensions

    try:
        engine = open_database(settings.database_url)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from error
    try:
        yield Extensions(engine)
    except (PolicyError, SQLAlchemyError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        engine.dispose()


def _public(policy: Any) -> dict[str, Any]:
    """Give a policy as it may be shown: whether there is a password, never its hash."""
    values: dict[str, Any] = msgspec.to_builtins(policy)
    values["password"] = values.pop("password_hash") is not None
    return values


def _print_policy(policy: Any, as_json: bool) -> None:
    values = _public(policy)
    if as_json:
        click.echo(msgspec.json.encode(values))
        return
    for name, value in values.items():
        shown = " ".join(value) if isinstance(value, (list, tuple)) else value
        if isinstance(shown, bool):
            shown = "yes" if shown else "no"
        click.echo(f"{name:<28} {'-' if shown in (None, '') else shown}")


# --- callbacks -------------------------------------------------------------------------------


@main.group()
def callback() -> None:
    """Look at callback requests."""


@callback.command("list")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@as_json
@pass_context
def callback_list(context: Context, limit: int, as_json: bool) -> None:
    """List callback requests and trigger calls that got none, the newest first."""
    from controller.store.database import DatabaseError, open_database
    from controller.store.requests import Requests

    try:
        engine = open_database(context.settings().database_url)
    except DatabaseError as error:
        raise click.ClickException(str(error)) from error
    try:
        found = Requests(engine).all(limit)
    finally:
        engine.dispose()
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for request in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(request.created / 1_000_000))
        click.echo(
            f"{when}  {request.extension:<10} {request.number or '-':<16} "
            f"{request.state:<9} {request.outcome or '-'}"
        )


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
def simulate(
    listen: str, password: str, controllers: str, script: str | None, dialplan: str | None
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
@click.option("--calls", type=click.IntRange(1, 10_000), default=12, show_default=True)
@click.option("--rate", type=click.FloatRange(0.1, 1000), default=2.0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="No table; the summary as JSON.")
def demo(calls: int, rate: float, as_json: bool) -> None:
    """Show callbacks happening: a controller and a simulated FreeSWITCH on this machine."""
    from controller.demo.run import run

    sys.exit(run(calls=calls, rate=rate, as_json=as_json))
