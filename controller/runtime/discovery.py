"""Finds the switches that announce themselves, and has links made and let go with them.

A link is made when an announcement is there that is believed (`guard.announced`). It is let go when
the announcement's lease has ended, the link is down and no call is open there: a switch that works
is left to work, whatever became of its announcer, and one that is gone keeps its link as long as
somebody wants to know what became of its calls. One that has another name by now has two links: the
old one is let go when its calls are over, or a drain by the new name would not keep calls from it.
"""

from __future__ import annotations

import time
from typing import Any, Final

import structlog

from controller.cache.announcements import Announcements
from controller.cache.client import RedisHandle
from controller.cache.metrics import AnnouncementMetrics
from controller.guard.announced import Announced, Doubt, doubt
from controller.runtime.looker import Looker
from controller.runtime.nodes import Nodes
from controller.runtime.services import Services
from controller.runtime.strangers import is_core
from controller.settings import Node
from controller.settings.sections import networks
from controller.store.database import Away
from controller.store.nodes_seen import NodesSeen

log: Any = structlog.get_logger("nodes")

#: How often it is looked, seconds.
LOOK_SECONDS: Final = 2.0
#: So many switches are found at most, and of so many refused ones it is said: whoever writes to
#: Redis can announce as many as he likes.
MOST_FOUND: Final = 256


class Discovery(Looker):
    """The switches that one controller has found. Without `discovery.allow` it finds none."""

    def __init__(
        self, services: Services, nodes: Nodes, redis: RedisHandle, seen: NodesSeen
    ) -> None:
        super().__init__(services, where="discovery", wait_seconds=LOOK_SECONDS)
        self._nodes = nodes
        self._announcements = Announcements(
            redis,
            services.settings.discovery.group,
            now=time.time,
            faults=AnnouncementMetrics(services.metrics.registry).faults,
        )
        self._seen = seen
        self._allow = networks(services.settings.discovery.allow)
        self._configured = frozenset(node.name for node in services.settings.nodes)
        #: Those whose announcement was not believed, as it was said last.
        self._doubted: dict[str, str] = {}
        #: The announcements have not been read yet.
        self.unknown = bool(self._allow)

    @property
    def fault(self) -> str | None:
        """What is degraded, in a sentence; None while all is well."""
        return self._announcements.fault

    def start(self) -> None:
        """Begin to look, if anybody may be believed."""
        if self._allow:
            super().start()

    def look(self) -> None:
        """Make links to switches that are announced now, and let go of those that are gone."""
        found = self._announcements.all()
        if found is None:
            return  # what is known stays
        known, holding = self._nodes.discovered, {}
        room = MOST_FOUND - len(known)
        for one in found:
            if one.holds and self._believes(one, is_full=room <= 0 and one.name not in known):
                holding[one.name] = one
                room -= one.name not in known
        names = {one.name for one in found}
        self._doubted = {name: said for name, said in self._doubted.items() if name in names}
        for one in holding.values():
            self._take(one)
        self.unknown = False
        for name in sorted(self._nodes.discovered - holding.keys()):
            self._let_go(name)

    def _believes(self, one: Announced, *, is_full: bool) -> bool:
        why = doubt(one, self._allow, self._configured) or (Doubt.MANY if is_full else None)
        if why is None:
            self._doubted.pop(one.name, None)
            return True
        said = f"{why.value} {one.place}"
        if self._doubted.get(one.name) == said:
            return False
        self._services.metrics.announcements_refused.labels(why.value).inc()
        if one.name in self._doubted or len(self._doubted) < MOST_FOUND:
            self._doubted[one.name] = said
            log.warning(
                "announcement_refused", node=one.name[:64], why=why.value,
                host=None if one.place is None else one.place.host[:64],
                remedy="see discovery.allow, and who may write to Redis",
            )  # fmt: skip
        return False

    def _take(self, one: Announced) -> None:
        assert one.place is not None
        link = self._services.links.get(one.name)
        place = (one.place.host, one.place.port)
        if link is not None and link.address == place:
            return
        if link is not None:
            log.warning("node_moved", node=one.name, host=place[0], port=place[1])
            self._nodes.remove(one.name)
        else:
            log.info("node_discovered", node=one.name, host=place[0], port=place[1])
        password = self._services.settings.discovery.password
        self._nodes.add(Node(name=one.name, host=place[0], port=place[1], password=password))

    def _let_go(self, name: str) -> None:
        services = self._services
        if self._works(name):
            return
        try:
            if services.reads.run(services.requests.open_on, name):
                return
            services.write(self._seen.forget, name)
        except Away:
            return
        if not self._works(name):
            log.info("node_gone", node=name)
            self._nodes.remove(name)

    def _works(self, name: str) -> bool:
        """Whether a link is up, and the only one to its switch."""
        links = self._services.links
        link = links[name]
        return link.up.is_set() and not any(
            other.up.is_set() and is_core(link.core) and other.core == link.core
            for other in links.values()
            if other is not link
        )
