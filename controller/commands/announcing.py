"""`callbackd switch announce`: a switch tells controllers in Redis that it is there."""

from __future__ import annotations

import ipaddress
import secrets
from typing import TYPE_CHECKING

import click

from controller.commands import completing
from controller.commands.common import Context, logs_to_stderr, pass_context, refusing
from controller.commands.nodes import asking, chosen

if TYPE_CHECKING:
    from controller.guard.announced import Announcement
    from controller.settings import Node, Settings


@click.command("announce")
@click.option(
    "--node",
    "name",
    shell_complete=completing.nodes,
    help="Which of [[nodes]] is announced; not needed where there is one.",
)
@click.option(
    "--address",
    metavar="IP[:PORT]",
    help="Where controllers reach its event socket. Default: that of [[nodes]].",
)
@click.option(
    "--lease",
    type=click.FloatRange(1, 300),
    default=15,
    show_default=True,
    metavar="SECONDS",
    help="How long controllers believe it without hearing of it again.",
)
@pass_context
def announce(context: Context, /, name: str | None, address: str | None, lease: float) -> None:
    """Announce a switch to the controllers, for as long as its event socket answers.

    Runs beside the switch, until SIGTERM, which takes the announcement back. It renews a lease in
    redis.url, under discovery.group, three times as often as it ends; before each it logs in at the
    event socket, at the address that it announces. Controllers believe it where their
    discovery.allow names its network, and log in with their discovery.password.
    """
    settings = context.settings()
    node = _node(settings, name)
    place = _place(node, address)
    if not settings.redis.url:
        raise click.ClickException(
            "redis.url: is not set; a switch is announced in the Redis that all controllers reach"
        )
    with refusing():
        _run(settings, node, place, lease)


def _node(settings: Settings, name: str | None) -> Node:
    if name is None and len(settings.nodes) != 1:
        names = ", ".join(node.name for node in settings.nodes) or "none"
        raise click.UsageError(f"--node: say which is announced; there are: {names}")
    return chosen(settings, () if name is None else (name,))[0]


def _place(node: Node, address: str | None) -> Announcement:
    """Give where a switch is announced to be: an address that others reach, never a name."""
    from controller.guard.announced import Announcement

    host, port = node.host, str(node.port)
    if address is not None:
        host, port = address, str(node.port)
        if not _is_ip(address):
            host, _, port = address.rpartition(":")
            host = host.removeprefix("[").removesuffix("]")
    if not _is_ip(host) or not port.isdigit() or not 0 < int(port) < 65_536:
        raise click.BadParameter(
            f"{address or node.host}: write an IP address, and a port behind it where that is not "
            f"{node.port}: 192.0.2.7:8021",
            param_hint="--address",
        )
    if address is None and ipaddress.ip_address(host).is_loopback:
        raise click.UsageError(
            f"--address: node {node.name} is at {host}, where no other machine reaches it; say at "
            "which address controllers do"
        )
    return Announcement(str(ipaddress.ip_address(host)), int(port))


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _run(settings: Settings, node: Node, place: Announcement, lease: float) -> None:
    import signal
    import time

    import gevent
    from gevent.event import Event as Flag
    from prometheus_client import CollectorRegistry

    from controller.cache.announcements import Announcements
    from controller.cache.client import open_redis
    from controller.cache.metrics import AnnouncementMetrics

    logs_to_stderr()
    run, stop = secrets.token_hex(8), Flag()
    handlers = [gevent.signal_handler(n, stop.set) for n in (signal.SIGTERM, signal.SIGINT)]
    redis = open_redis(settings.redis.url)
    faults = AnnouncementMetrics(CollectorRegistry()).faults
    there = Announcements(redis, settings.discovery.group, now=time.time, faults=faults)
    said = ""
    try:
        while not stop.is_set():
            told = _trouble(node, place)
            if told is None:
                taken = there.announce(node.name, run, place, int(lease * 1000))
                told = (
                    str(there.fault)
                    if taken is None
                    else f"announced {node.name} at {place.host} port {place.port}"
                    if taken
                    else f"another switch is announced as {node.name}; give each its own name"
                )
            if told != said:
                click.echo(told, err=True)
                said = told
            stop.wait(timeout=lease / 3)
        there.leave(node.name, run)
        click.echo(f"announced {node.name} no more", err=True)
    finally:
        redis.close()
        for handler in handlers:
            handler.cancel()


def _trouble(node: Node, place: Announcement) -> str | None:
    """Give why a switch cannot be announced now; None: its event socket answers."""
    import msgspec

    from controller.esl.errors import EslError

    try:
        with asking(msgspec.structs.replace(node, host=place.host, port=place.port)) as ask:
            ask("uptime")
    except EslError as error:
        return f"{node.name} is not announced: {error}"
    return None
