"""The administrators' side of a controller: what the API works with, made of the parts of calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Flask
from sqlalchemy import Engine

from controller.admin.call_records import CallRecords
from controller.admin.callbacks import Callbacks
from controller.admin.directory import Directory
from controller.admin.explaining import Explaining
from controller.admin.explaining_live import Everybodys
from controller.admin.lockouts import LockoutDesk
from controller.admin.node_shapes import (
    ControllerShown,
    KnownNode,
    Source,
    controllers_shown,
)
from controller.admin.nodes import NodeDesk
from controller.admin.sounding import SoundPlaces
from controller.admin.stopping import Stopping
from controller.admin.suspicions import Suspecting
from controller.runtime.announcing import Announcing
from controller.runtime.services import Services
from controller.runtime.spreading import node_states
from controller.store.attempts import Places
from controller.store.database import Away
from controller.store.passwords import Passwords
from controller.web.api.application import create_api


def administrators_api(
    services: Services,
    engine: Engine,
    admin: Announcing,
    *,
    passwords: Passwords,
    places: SoundPlaces,
    on_callback: Callable[[float], None],
) -> Flask:
    """Make the API. What it does runs in the threads of `admin`, and none of the calls'."""
    now, settings = services.clock.micros, services.settings
    expiry_seconds = settings.dispatcher.expiry_seconds

    def troubles() -> dict[str, dict[str, str]]:
        """Give what is known of channels, by node that calls are made over."""
        at = services.clock.now()
        return {
            link.name: services.health.troubles(link.name, at) for link in services.live_links()
        }

    return create_api(
        Directory(engine, passwords=lambda: passwords, now=now, announce=admin.note, places=places),
        Callbacks(engine, now=now, expiry_seconds=expiry_seconds, ranges=services.ranges),
        CallRecords(engine),
        Stopping(engine, now=now),
        Suspecting(engine, now=now),
        LockoutDesk(engine, services.lockouts, run=admin.run, now=now),
        Explaining(
            engine,
            settings.route,
            expiry_seconds=expiry_seconds,
            ranges=services.ranges,
            run=admin.run,
            now=now,
            troubles=troubles,
            locks=services.lockouts,
            often=services.often,
            everybodys=Everybodys(settings.guard.rates, services.links.keys()),
        ),
        NodeDesk(
            engine,
            now=now,
            most_calling=settings.dispatcher.max_calling_per_node,
            known=partial(known_nodes, services),
            controllers=partial(known_controllers, services),
        ),
        run=admin.run,
        away=Away,
        on_fault=services.metrics.faults.labels("api").inc,
        on_callback=on_callback,
        on_wrong_token=lambda unseen: services.metrics.wrong_tokens.labels(
            "refused" if unseen else "wrong"
        ).inc(),
    )


def known_nodes(services: Services) -> dict[str, KnownNode]:
    """Give what a controller knows of nodes itself: how it knows them, and by its links."""
    configured = {node.name for node in services.settings.nodes}
    states = {state.name: state for state in node_states(services, Places({}, {}))}
    return {
        name: KnownNode(
            Source.CONFIGURED if name in configured else Source.DISCOVERED,
            linked=states[name].up,
            silent=states[name].silent,
            refusing=states[name].refusing,
            core=link.core,
        )
        for name, link in services.links.items()
    }


def known_controllers(services: Services) -> tuple[ControllerShown, ...]:
    """Give the controllers as one of them sees them. It waits for Redis."""
    standing = services.standing
    seen = standing.presence.look() or ()
    return controllers_shown(seen, services.clock.micros(), there=standing.members)
