"""The switches that a controller is linked to: their links, from the first connection to the last.

`Services.links` has them by name, for all who ask; here they are made, watched and let go.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gevent.event import Event as Flag

from controller.esl.errors import EslError
from controller.esl.events import Event
from controller.esl.switch import Job, SwitchLink
from controller.runtime.calling import Calling
from controller.runtime.link_events import LINK_EVENTS, LINK_FILTERS
from controller.runtime.reconcile import reconcile
from controller.runtime.services import Services
from controller.settings import Node

#: How often a node is asked anew which sounds it lacks: an operator may have copied them.
SOUNDS_SECONDS: Final = 600


class Nodes:
    """The links of one controller.

    `on_event(node, event)` takes what a node tells; `on_up(link)` is called whenever a link is
    there (again), `on_gone(name)` when one is removed; `calling` makes the return calls, and is
    asked what is being sent.
    """

    def __init__(
        self,
        services: Services,
        calling: Calling,
        *,
        on_event: Callable[[str, Event], None],
        on_up: Callable[[SwitchLink], None],
        on_gone: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._services = services
        self._calling = calling
        self._on_event = on_event
        self._on_up = on_up
        self._on_gone = on_gone
        self._stopped = Flag()
        #: The nodes that were not configured, but found (`discovery`).
        self.discovered: set[str] = set()
        for node in services.settings.nodes:
            self._make(node)

    def start(self) -> None:
        """Begin to connect to all of them."""
        for link in self._services.links.values():
            link.start()
        self._services.spawn(self._janitor)
        self._services.spawn(self._sound_janitor)

    def stop(self) -> None:
        """Let go of all of them for good."""
        self._stopped.set()
        for link in list(self._services.links.values()):
            link.stop()

    @property
    def fault(self) -> str | None:
        """Which nodes have no link, and why, for readiness; None: all have one."""
        down = [link for link in self._services.links.values() if not link.up.is_set()]
        said = [f"no link to {one.name}: {one.fault or 'not connected yet'}" for one in down]
        return "; ".join(said) or None

    def add(self, node: Node) -> None:
        """Begin to connect to a node that was found."""
        self._make(node)
        self.discovered.add(node.name)
        self._services.links[node.name].start()

    def remove(self, name: str) -> None:
        """Let go of a node that was found, and forget it. Nobody waits for its jobs' answers."""
        services = self._services
        self.discovered.discard(name)
        # It waits until the link's greenlet has ended, which may still say that the link is down:
        # only then nothing of it is left, all at once.
        services.links[name].stop()
        del services.links[name]
        services.health.forget(name)
        services.node_health.forget(name)
        services.sound_watch.forget(name)
        services.metrics.link_up.remove(name)
        self._on_gone(name)

    def _make(self, node: Node) -> None:
        self._services.links[node.name] = SwitchLink(
            node.name,
            node.host,
            node.port,
            node.password,
            events=LINK_EVENTS,
            filters=LINK_FILTERS,
            on_event=partial(self._on_event, node.name),
            on_up=self._up,
            on_down=self._down,
            may_send=self._services.standing.fence,
        )
        self._services.metrics.link_up.labels(node.name).set(0)

    def _up(self, link: SwitchLink, jobs: list[Job]) -> None:
        services = self._services
        services.metrics.link_up.labels(link.name).set(1)
        services.health.link_up(link)
        services.node_health.link_up(link.name)
        self._on_up(link)
        services.spawn(reconcile, services, link, self._calling)
        services.spawn(services.sound_watch.ask, link)

    def _down(self, link: SwitchLink, error: EslError | None) -> None:
        self._services.metrics.link_up.labels(link.name).set(0)
        if error is not None:
            self._services.note_esl_error(error)

    def _janitor(self) -> None:
        services = self._services
        while not self._stopped.wait(timeout=services.settings.dispatcher.reconcile_seconds):
            for link in services.live_links():
                services.spawn(reconcile, services, link, self._calling)

    def _sound_janitor(self) -> None:
        services = self._services
        while not self._stopped.wait(timeout=SOUNDS_SECONDS):
            services.spawn(services.sound_watch.ask, *services.live_links())
