"""The composition root: makes the parts of a controller, joins them, starts and stops them."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any, Final

import structlog
from gevent.event import Event as Flag

from controller.admin.sounding import SoundPlaces
from controller.administration import administrators_api, administrators_desks, operators_pages
from controller.cache.client import open_redis
from controller.cache.counts import Counts
from controller.cache.embedded import EmbeddedServer
from controller.cache.metrics import CacheMetrics
from controller.cache.policies import Policies
from controller.esl import commands
from controller.esl.channel_data import ChannelData
from controller.esl.errors import EslError
from controller.esl.server import EslServer
from controller.esl.session import OutboundSession
from controller.esl.switch import SwitchLink
from controller.metrics import Metrics
from controller.runtime import about, attaching, trigger_leg
from controller.runtime.announcing import Announcing
from controller.runtime.clock import Clock
from controller.runtime.controllers_list import ControllersList
from controller.runtime.delivery import Delivery
from controller.runtime.discovery import Discovery
from controller.runtime.dispatcher import Dispatcher
from controller.runtime.draining import Draining
from controller.runtime.health import ChannelHealth
from controller.runtime.inheriting import Inheriting
from controller.runtime.link_events import LinkEvents
from controller.runtime.looking import Looking
from controller.runtime.moving import Mover
from controller.runtime.nodes import Nodes
from controller.runtime.offload import Offload
from controller.runtime.prompts import Prompts
from controller.runtime.recent import Recent
from controller.runtime.services import Services
from controller.runtime.sound_watch import SoundWatch
from controller.runtime.strangers import Strangers
from controller.runtime.telling import Telling
from controller.runtime.unheld import SOCKET_PATH
from controller.runtime.unsettled import Unsettled
from controller.settings import Settings
from controller.settings.addresses import beside, for_switches, welcome
from controller.settings.sections import networks
from controller.store.charging_elsewhere import open_charging
from controller.store.conversing import Conversing
from controller.store.database import Away, open_database
from controller.store.destinations import Destinations
from controller.store.extensions import Extensions
from controller.store.journal import Journal
from controller.store.notices import Notices
from controller.store.passwords import LogInPasswords, Passwords
from controller.store.pepper import open_pepper
from controller.store.requests import Requests
from controller.store.sightings import Sightings
from controller.store.sounds import SoundSource
from controller.store.spoken import read_spoken
from controller.store.suspicions import Suspicions
from controller.store.transcripts import Transcripts
from controller.web.health import HealthServer

log: Any = structlog.get_logger("app")

#: Threads or greenlets that read the store, and that write to one which takes several writers;
#: threads that work with files, and threads for what administrators do.
READERS: Final = 2
WRITERS: Final = 4
FILES: Final = 2
ADMINISTRATORS: Final = 3


class Controller:
    """One controller, in one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._engine = open_database(settings.database_url)
        try:
            pepper = open_pepper(self._engine, settings.pepper_path)
            lineage = Journal(self._engine).position().lineage
            charging = open_charging(self._engine, settings.credit.engine, settings.credit.options)
        except Exception:
            # Nothing else is there yet, and nobody could close this.
            self._engine.dispose()
            raise
        self._embedded: EmbeddedServer | None = None
        if not settings.redis.url:
            memory = settings.redis.maxmemory
            self._embedded = EmbeddedServer(Path(settings.data_dir), maxmemory=memory)
        redis = open_redis(self._embedded.url if self._embedded else settings.redis.url)
        extensions = Extensions(self._engine)
        passwords = Passwords(pepper)
        clock = Clock()
        is_sqlite = self._engine.dialect.name == "sqlite"
        # A reader waits for no writer.
        reads = Offload(READERS, in_greenlets=not is_sqlite)
        #: What is no SQL, and stops a thread: files, and the end of processes.
        files = Offload(FILES)
        prompts = Prompts(
            settings.prompts.directory,
            home=settings.prompts.language,
            voices=settings.prompts.voices,
        )
        self.policies = Policies(
            extensions,
            redis=redis,
            run=reads.run,
            aside=files.run,
            now=time.monotonic,
            metrics=CacheMetrics(self.metrics.registry),
            embedded=self._embedded,
        )
        self._counts = Counts(
            redis,
            lineage,
            rules=settings.lockouts,
            now=time.time,
            registry=self.metrics.registry,
            lease_seconds=settings.presence.lease_seconds,
        )
        source = SoundSource(self._engine, settings.sounds_directory)
        self.services = Services(
            settings=settings,
            name=settings.name or f"{socket.gethostname()}-{os.getpid()}",
            clock=clock,
            metrics=self.metrics,
            # SQLite takes one writer at a time anyway: one thread makes a queue of it.
            sql=Offload(1 if is_sqlite else WRITERS, in_greenlets=not is_sqlite),
            reads=reads,
            files=files,
            hashing=Offload(2),
            policies=self.policies,
            requests=Requests(self._engine),
            passwords=passwords,
            prompts=prompts,
            sound_watch=SoundWatch(
                # It reads every extension: no call waits for that.
                spoken=lambda: self._admin.run(
                    read_spoken, self._engine, settings.sounds_directory
                ),
                places=prompts.places,
                metrics=self.metrics,
            ),
            trunks=Recent(extensions.trunks, on_fault=self._recent_fault),
            stops=Recent(extensions.stops, on_fault=self._recent_fault),
            drains=Recent(extensions.drains, on_fault=self._recent_fault),
            clients=Recent(extensions.client_limits, on_fault=self._recent_fault),
            sounds=Recent(source.table, on_fault=self._recent_fault),
            conversing=Conversing(self._engine),
            transcripts=Transcripts(self._engine),
            lockouts=self._counts.lockouts,
            health=ChannelHealth(
                channels=lambda: self.services.trunks.get().names,
                metrics=self.metrics,
                now=clock.now,
            ),
            places=self._counts.places,
            often=self._counts.often,
            patterns=self._counts.patterns,
            presence=self._counts.presence,
            notices=Notices(self._engine),
            destinations=Destinations(self._engine),
            suspicious=Suspicions(self._engine, now=clock.micros, told=bool(settings.notices.url)),
            charging=charging,
        )
        self.delivery = Delivery(
            source,
            self.services.sounds,
            directory=settings.sounds_directory,
            links=self.services.links,
            metrics=self.metrics,
            now=clock.now,
        )
        self._telling = Telling(
            settings, self._engine, name=self.services.name, clock=clock, metrics=self.metrics
        )
        #: What administrators do waits for none of the calls' threads, nor they for it.
        self._admin = Announcing(ADMINISTRATORS, self.policies.announce)
        self.lists = ControllersList(self.services)
        self.dispatcher = Dispatcher(self.services)
        self._unsettled = Unsettled(self.services, Sightings(self._engine))
        self._link_events = LinkEvents(self.services, self.dispatcher.calling)
        self.server = EslServer(
            (settings.listen.host, settings.listen.port),
            self._on_leg,
            allow=settings.networks,
            max_connections=settings.listen.max_connections,
            connect_seconds=settings.listen.silent_seconds,
            on_refused=lambda reason: self.metrics.refused.labels(reason).inc(),
            on_failed=self.services.note_esl_error,
        )
        self._inheriting = Inheriting(self.services, self.dispatcher.calling)
        self._strangers = Strangers(
            self.services.links.values,
            now=clock.now,
            on_refused=lambda reason: self.metrics.refused.labels(reason).inc(),
            unknown=lambda: self._discovery.unknown,
        )
        self.metrics.connections.set_function(lambda: len(self.server.sessions))
        self.metrics.greenlets.set_function(lambda: len(self.services.greenlets))
        self._desks = administrators_desks(
            self.services,
            self._engine,
            self._admin,
            passwords=passwords,
            log_ins=LogInPasswords(pepper),
            places=SoundPlaces(settings.sounds_directory, self.delivery.nodes),
            traces=self._counts.traces,
            on_callback=self.dispatcher.expect,
        )
        self.health = HealthServer(
            (settings.web.host, settings.web.port),
            self.metrics.registry,
            self.readiness,
            api=administrators_api(self._desks, self.metrics),
            pages=operators_pages(self._desks, self.metrics) if settings.web.pages else None,
            degraded=lambda: {
                "links": self._nodes.fault,
                "credit": self.services.charges.fault,
                "cache": self.policies.fault,
                "channels": self.services.health.fault,
                "sounds": self.services.sound_watch.fault,
                "uploaded_sounds": self.delivery.fault,
                "discovery": self._discovery.fault,
                "controllers": self.services.standing.fault,
                "lists": self.lists.fault,
                **self._counts.faults,
                **self._telling.faults,
            },
            run=self.services.standing.run,
            watchers=networks(settings.web.metrics_allow),
            proxies=networks(settings.web.proxies),
            max_connections=settings.web.max_connections,
        )
        self._mover = Mover(self.services, self.lists.is_right)
        self.draining = Draining(self.services, self.server, self.dispatcher, self.lists)
        self._stopped = Flag()
        self._nodes = Nodes(
            self.services,
            self.dispatcher.calling,
            on_event=self._link_events.take,
            on_up=self._on_link_up,
            on_gone=self._on_gone,
        )
        self._looking = Looking(self.services, self._engine)
        self._discovery = Discovery(self.services, self._nodes, redis, self._looking.nodes_seen)

    # --- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve. Raises `OSError` where an address cannot be had."""
        # What every call asks is known before the first one: later the store may be away.
        for recent in self.services.recents:
            recent.start()
        self.policies.start()
        self._counts.start()
        self.services.health.start()
        self._inheriting.begin_anew()
        self.server.start()
        self.health.start()
        # Who is in the list is connected to.
        address = for_switches(self.settings, self.server.address[1])
        web = beside(address, self.settings.web.host, self.health.address[1])
        self.services.standing.start(address, web)
        self.lists.start()
        self._mover.start()
        self._nodes.start()
        self._discovery.start()
        self._looking.start()
        self.dispatcher.start()
        self.services.metering.start()
        self.delivery.start()
        self._telling.start()
        self.services.spawn(self._look_for_unsettled)
        listen, pages = self.server.address, self.health.address
        log.info("started", name=self.services.name, listen=listen, web=pages)

    def first_link(self) -> str | None:
        """Give a link that makes the first administrator; None: one can log in, or no page is."""
        if not self.settings.web.pages:
            return None
        secret = self._desks.run(self._desks.people.first_link)
        return None if secret is None else welcome(*self.health.address, secret)

    def drain(self) -> None:
        """Take no more calls, and hand over those that are there (`runtime.draining`)."""
        self.draining.run()

    def close(self) -> None:
        """End everything that still runs."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        self._link_events.stop()
        self.dispatcher.stop()
        self.services.metering.stop()
        self.server.close()
        self.services.standing.stop()
        self._discovery.stop()
        self._looking.stop()
        self.lists.stop()
        self._mover.stop()
        self._nodes.stop()
        self.draining.finish()
        self.health.close()
        for recent in self.services.recents:
            recent.stop()
        self.delivery.stop()
        self._telling.stop()
        self._counts.stop()
        self.services.health.stop()
        self.policies.close()
        if self._embedded is not None:
            # It waits for the server to end: not on the hub.
            self.services.files.run(self._embedded.close)
        self._admin.close()
        for turns in self.services.turns:
            turns.close()
        self._engine.dispose()
        log.info("stopped")

    def _recent_fault(self) -> None:
        self.metrics.faults.labels("recent").inc()

    def readiness(self) -> dict[str, str | None]:
        """What is checked, and what is wrong with it."""
        return {
            "accepting": "draining" if self.draining.begun else None,
            "nodes": None if self.services.live_links() else "no link to any node",
            "store": self.services.store_fault,
        }

    # --- legs ------------------------------------------------------------------------------

    def _on_leg(self, session: OutboundSession, data: ChannelData) -> None:
        about.all_about(request=data.variable(about.REQUEST_VARIABLE), leg=data.uuid)
        try:
            self._attach(session, data)
        except EslError as error:
            if session.on_closed is None:
                self.services.note_esl_error(error)  # no leg is there yet to say so
            raise
        except Away:  # the switch connects again, here or elsewhere: it may be back by then
            self.services.note_store_fault("attach")
            session.close()
        except Exception:
            log.exception("attach_fault")
            self.metrics.faults.labels("attach").inc()
            session.close()

    def _attach(self, session: OutboundSession, data: ChannelData) -> None:
        kind, uuid = data.variable("callback_leg"), data.uuid
        assert uuid is not None
        self.services.standing.check()
        if self.services.unheld.is_anothers(data.variable(SOCKET_PATH)):
            # It waited while we stood still, and was moved.
            log.warning("leg_of_another", controller=data.variable(SOCKET_PATH))
            self.services.unheld.keep(uuid, session, data.variable(about.REQUEST_VARIABLE))
        elif self.draining.closed:
            session.close()
            self.metrics.refused.labels("draining").inc()
        elif self._strangers.is_one(data, session.client_address[0]):
            session.close()
        elif kind == "trigger":
            trigger_leg.attach(self.services, session, data, uuid)
        elif kind == "return":
            attaching.attach(self.services, session, data, uuid)
        else:
            # Not from our dialplan: let the switch go on with it as it likes.
            log.error("leg_of_no_kind")
            self.metrics.faults.labels("leg_of_no_kind").inc()
            session.transmit(commands.EXIT)

    # --- nodes -----------------------------------------------------------------------------

    def _on_link_up(self, link: SwitchLink) -> None:
        self.lists.link_up(link)
        self._mover.wake()
        self.delivery.link_up(link)
        self.services.spawn(self._unsettled.look)

    def _on_gone(self, node: str) -> None:
        self.lists.forget(node)
        self.delivery.forget(node)

    def _look_for_unsettled(self) -> None:
        self.services.spawn(self._unsettled.look)
        while not self._stopped.wait(timeout=self.settings.dispatcher.reconcile_seconds):
            self.services.spawn(self._unsettled.look)
