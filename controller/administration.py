"""The administrators' side of a controller: what the API and the pages work with, and they.

Made of the parts of calls.
"""

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
from controller.admin.figures import Figures
from controller.admin.live import Live
from controller.admin.lockouts import LockoutDesk
from controller.admin.node_shapes import (
    ControllerShown,
    KnownNode,
    Source,
    controllers_shown,
)
from controller.admin.nodes import NodeDesk
from controller.admin.people import People
from controller.admin.persons import PersonDesk, Traces
from controller.admin.searching import Searching
from controller.admin.sounding import SoundPlaces
from controller.admin.stopping import Stopping
from controller.admin.suspicions import Suspecting
from controller.credit.engine import FOREVER
from controller.metrics import Metrics
from controller.runtime.announcing import Announcing
from controller.runtime.services import Services
from controller.runtime.spreading import node_states
from controller.store.attempts import Places
from controller.store.database import Away
from controller.store.passwords import LogInPasswords, Passwords
from controller.switchboard import Switchboard
from controller.web.api.application import create_api
from controller.web.pages.application import create_pages
from controller.web.pages.desks import Desks
from controller.web.pages.every import every_page


def administrators_desks(
    services: Services,
    engine: Engine,
    admin: Announcing,
    *,
    passwords: Passwords,
    log_ins: LogInPasswords,
    places: SoundPlaces,
    traces: Traces,
    on_callback: Callable[[float], None],
) -> Desks:
    """Make what administrators work with. It runs in the threads of `admin`, none of the calls'.

    `log_ins` hashes passwords of people, in the threads that hash those of callers.
    """
    now, settings = services.clock.micros, services.settings
    expiry_seconds = settings.dispatcher.expiry_seconds
    directory = Directory(
        engine, passwords=lambda: passwords, now=now, announce=admin.note, places=places
    )
    callbacks = Callbacks(engine, now=now, expiry_seconds=expiry_seconds, ranges=services.ranges)
    calls = CallRecords(engine)
    return Desks(
        directory=directory,
        callbacks=callbacks,
        calls=calls,
        stopping=Stopping(engine, now=now),
        suspecting=Suspecting(engine, now=now),
        lockouts=LockoutDesk(engine, services.lockouts, run=admin.run, now=now),
        explaining=Explaining(
            engine,
            settings.route,
            expiry_seconds=expiry_seconds,
            ranges=services.ranges,
            run=admin.run,
            now=now,
            troubles=partial(channel_troubles, services),
            locks=services.lockouts,
            often=services.often,
            everybodys=Everybodys(settings.guard.rates, services.links.keys()),
        ),
        nodes=NodeDesk(
            engine,
            now=now,
            most_calling=settings.dispatcher.max_calling_per_node,
            known=partial(known_nodes, services),
            controllers=partial(known_controllers, services),
        ),
        live=live_desk(services, engine, admin),
        figures=Figures(engine, now=now),
        searching=Searching(directory, callbacks, calls, country=settings.route.country),
        people=People(
            engine,
            passwords=lambda: log_ins,
            now=now,
            run=admin.run,
            hashing=services.hashing.run,
            on_log_in=lambda result: services.metrics.log_ins.labels(result).inc(),
        ),
        persons=PersonDesk(
            engine,
            run=admin.run,
            now=now,
            announce=admin.note,
            traces=traces,
            streams=[stream.name for stream in settings.records.streams],
            told=bool(settings.notices.url),
            elsewhere=partial(services.charges.read, services.charging.overdue, FOREVER)
            if settings.credit.engine
            else None,
        ),
        run=admin.run,
        on_callback=on_callback,
        troubles=partial(channel_troubles, services),
        elsewhere=settings.credit.engine,
    )


def administrators_api(desks: Desks, metrics: Metrics) -> Flask:
    """Make the API: for programs, by tokens."""
    return create_api(
        desks.directory,
        desks.callbacks,
        desks.calls,
        desks.stopping,
        desks.suspecting,
        desks.lockouts,
        desks.explaining,
        desks.nodes,
        desks.persons,
        run=desks.run,
        away=Away,
        on_fault=metrics.faults.labels("api").inc,
        on_callback=desks.on_callback,
        on_wrong_token=lambda unseen: metrics.wrong_tokens.labels(
            "refused" if unseen else "wrong"
        ).inc(),
        shares=desks.shares,
    )


def operators_pages(desks: Desks, metrics: Metrics) -> Flask:
    """Make the pages: for people, by log-in."""
    return create_pages(
        desks,
        desks.people,
        every_page(desks),
        away=Away,
        on_fault=metrics.faults.labels("pages").inc,
    )


def live_desk(services: Services, engine: Engine, admin: Announcing) -> Live:
    """Make the desk of calls in progress: any controller ends any of them, over its own links."""
    return Live(engine, run=admin.run, now=services.clock.micros, switches=Switchboard(services))


def channel_troubles(services: Services) -> dict[str, dict[str, str]]:
    """Give what is known of channels, by node that calls are made over."""
    at = services.clock.now()
    return {link.name: services.health.troubles(link.name, at) for link in services.live_links()}


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
