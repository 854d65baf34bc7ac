"""`callbackd node` and `callbackd controller`: the switches and the controllers (O4)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from controller.commands import completing
from controller.commands.common import Context, as_json, logs_to_stderr, now, opened, pass_context
from controller.commands.shown import echo_json, echo_list, told

if TYPE_CHECKING:
    from controller.admin.model import Actor
    from controller.admin.nodes import NodeDesk
    from controller.settings import Node, Settings

_NODE_COLUMNS: Final = (
    "name", "health", "answered", "calling", "sessions", "most_sessions", "idle", "seen",
    "drained_since", "drained_by", "reason",
)  # fmt: skip
_NODE_TIMES: Final = ("seen", "drained_since")
_CONTROLLER_COLUMNS: Final = (
    "name", "state", "address", "legs", "version", "since", "away_since",
)  # fmt: skip
_CONTROLLER_TIMES: Final = ("since", "away_since")

_name = click.argument("name", shell_complete=completing.known_nodes)


@contextlib.contextmanager
def _desk(settings: Settings) -> Iterator[tuple[NodeDesk, Actor]]:
    from controller.admin.node_shapes import KnownNode, Source
    from controller.admin.nodes import NodeDesk

    with opened(settings) as store:
        known = {one.name: KnownNode(Source.CONFIGURED) for one in settings.nodes}
        for one in announced_nodes(settings) or ():
            known.setdefault(one.name, KnownNode(Source.DISCOVERED))
        desk = NodeDesk(
            store.engine,
            now=now,
            most_calling=settings.dispatcher.max_calling_per_node,
            known=lambda: known,
            controllers=tuple,
        )
        yield desk, store.actor


def announced_nodes(settings: Settings) -> list[Node] | None:
    """Give the switches that announce themselves and are believed; None where Redis is away."""
    import time

    from prometheus_client import CollectorRegistry

    from controller.cache.announcements import Announcements
    from controller.cache.client import open_redis
    from controller.cache.metrics import AnnouncementMetrics
    from controller.guard.announced import doubt
    from controller.settings import Node
    from controller.settings.sections import networks

    if not settings.discovery.allow:
        return []
    logs_to_stderr()
    redis = open_redis(settings.redis.url)
    try:
        faults = AnnouncementMetrics(CollectorRegistry()).faults
        group = settings.discovery.group
        found = Announcements(redis, group, now=time.time, faults=faults).all()
    finally:
        redis.close()
    if found is None:
        return None
    allow, password = networks(settings.discovery.allow), settings.discovery.password
    configured = [one.name for one in settings.nodes]
    return [
        Node(name=one.name, host=one.place.host, port=one.place.port, password=password)
        for one in found
        if one.holds and one.place is not None and doubt(one, allow, configured) is None
    ]


@click.group()
def node() -> None:
    """The switches that return calls are made on: which there are, and which are drained."""


@node.command("list")
@as_json
@pass_context
def list_(context: Context, /, as_json: bool) -> None:
    """List the nodes: their calls, their health, and which are drained.

    It tells what running controllers have written of them: `seen` is when one of them had a link
    to the node last. GET /api/v1/nodes tells what one controller sees at this moment.
    """
    with _desk(context.settings()) as (desk, actor):
        found = [told(one, _NODE_TIMES) for one in desk.nodes(actor, desk.known())]
    echo_list(iter([found]), _NODE_COLUMNS, as_json=as_json)


@node.command("drain")
@_name
@click.option("--reason", default="", help="For all administrators to see.")
@as_json
@pass_context
def drain(context: Context, /, name: str, reason: str, as_json: bool) -> None:
    """Drain a node: it gets no new return calls, within a second.

    Its live calls go on. What was to be called by it is called by another, if there is one.
    """
    with _desk(context.settings()) as (desk, actor):
        found, new = desk.drain(actor, name, {"reason": reason}, desk.known())
    if as_json:
        echo_json(told(found, _NODE_TIMES))
        return
    if not new:
        click.echo("it was drained already", err=True)
    left = found.answered + found.calling
    click.echo(f"drained {found.name}; {left} of its calls go on")


@node.command("resume")
@_name
@as_json
@pass_context
def resume(context: Context, /, name: str, as_json: bool) -> None:
    """Let a node get return calls again that was drained."""
    with _desk(context.settings()) as (desk, actor):
        found = desk.resume(actor, name, desk.known())
    if as_json:
        echo_json(told(found, ("since",)))
    else:
        click.echo(f"resumed {found.name}")


@click.group()
def controller() -> None:
    """The controllers that work on one store."""


@controller.command("list")
@as_json
@pass_context
def controllers(context: Context, /, as_json: bool) -> None:
    """List the controllers, and which are dead or stand still (`away`).

    It tells what stands in Redis, where they renew their leases. One that has only lost Redis is
    `away` here until it is back there; the others know better (GET /api/v1/controllers).
    """
    from controller.admin.node_shapes import controllers_shown
    from controller.commands.lockout import counts_of

    settings = context.settings()
    with opened(settings) as store, counts_of(settings, store.engine, what="controllers") as counts:
        seen = counts.presence.look()
        if seen is None:
            raise click.ClickException(str(counts.presence.fault))
        found = [told(one, _CONTROLLER_TIMES) for one in controllers_shown(seen, now())]
    echo_list(iter([found]), _CONTROLLER_COLUMNS, as_json=as_json)
