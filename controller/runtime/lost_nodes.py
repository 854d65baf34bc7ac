"""Ends the calls of a node that nobody has seen for so long that it must be taken for dead.

Its calls died with it, or nobody can tell; without an end their numbers would get no callback for
hours (T6). Whether it is dead one controller cannot say by its own link: that may be what is
broken. So each that has a link to a node, or holds a leg of it, writes a sign of life of it into
the store, again and again; and one that has none takes a node for lost when it has found the same
sign there, again and again, for `dispatcher.node_lost_seconds` by its own clock. Clocks are never
compared. Time in which it did not look, or in which the store was away, proves nothing: it begins
anew then.

What is held for such calls is released as for any whose end nobody saw (`unsettled`): when the node
comes back, or when the hold ends by itself. Nobody knows whether the switch runs on.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import structlog

from controller.callback.events import LegEnded
from controller.runtime.answers import legs_of
from controller.runtime.looker import Looker
from controller.runtime.node_health import SILENT_SECONDS
from controller.runtime.reconcile import end_unknown
from controller.runtime.services import Services
from controller.store.database import Away
from controller.store.nodes_seen import NodeSeen, NodesSeen

log: Any = structlog.get_logger("nodes")

#: So often it is looked within the time after which a node is lost, and at least so often, seconds.
LOOKS: Final = 8
LONGEST_WAIT: Final = 15.0
#: The cause of calls whose node was lost.
NODE_LOST: Final = "NODE_LOST"


class Sign(msgspec.Struct, frozen=True):
    """The last sign of life of a node, and since when it is the last, by our clock, seconds.

    `open`: the attempts that were open on it then. What was begun later shows that somebody has a
    link to it.
    """

    seen: int
    since: float
    open: frozenset[str]


class LostNodes(Looker):
    """What one controller has seen of nodes that it has no link to."""

    def __init__(self, services: Services, nodes: NodesSeen) -> None:
        lost_seconds = services.settings.dispatcher.node_lost_seconds
        wait_seconds = min(lost_seconds / LOOKS, LONGEST_WAIT)
        super().__init__(services, where="lost_nodes", wait_seconds=wait_seconds)
        self._nodes = nodes
        self._signs: dict[str, Sign] = {}
        #: What we wrote ourselves, by node.
        self._wrote: dict[str, int] = {}
        self._looked: float | None = None

    @property
    def _lost_seconds(self) -> float:
        return self._services.settings.dispatcher.node_lost_seconds

    def look(self) -> None:
        """Tell others of the nodes that are there, and end the calls of those that are lost.

        Where the store is away all begins anew.
        """
        try:
            self._look()
        except Away:
            self._services.note_store_fault("nodes")
            self._signs.clear()

    def _look(self) -> None:
        services, now = self._services, self._services.clock.now()
        if self._looked is not None and now - self._looked > self._lost_seconds / 2:
            # We stood still: what nobody wrote meanwhile may have been ours to write.
            self._signs.clear()
        self._looked = now
        rows = services.reads.run(self._nodes.all)
        for node in self._there():
            self._tell(node, rows.get(node))
        open_on = services.reads.run(self._nodes.with_open_calls)
        # Of one that nobody has written of nothing is known: controllers of an older release, which
        # write nothing, may have links to it. One that we should have a link to we know ourselves.
        known = rows.keys() | services.links.keys()
        missing = (open_on.keys() & known) - self._there()
        self._signs = {node: sign for node, sign in self._signs.items() if node in missing}
        for node in sorted(missing):
            seen = rows[node].seen if node in rows else 0
            sign = self._signs.get(node)
            if sign is None or sign.seen != seen:
                self._signs[node] = self._sign(node, seen, now)
            elif now - sign.since >= self._lost_seconds:
                self._end_all(node, sign.open)
                self._signs[node] = self._sign(node, seen, now)

    def _sign(self, node: str, seen: int, now: float) -> Sign:
        found = self._services.reads.run(self._services.requests.open_on, node)
        return Sign(seen, now, frozenset(attempt.id for _, attempt in found))

    def _there(self) -> set[str]:
        """Give the nodes that we know to be alive, by a link that answers or a leg that we hold."""
        services = self._services
        linked = {
            link.name for link in services.live_links() if link.owes_seconds <= SILENT_SECONDS
        }
        held = {
            node
            for leg in services.legs
            if leg.socket is not None and (node := getattr(leg, "node", None)) is not None
        }
        return linked | held

    def _tell(self, node: str, row: NodeSeen | None) -> None:
        """Write a sign of life, unless another controller has done so since we looked last."""
        services = self._services
        if row is not None and row.seen != self._wrote.get(node, row.seen):
            self._wrote[node] = row.seen
            return
        said = services.node_health.said(node)
        link = services.links.get(node)
        # Another one each time, whatever clocks do.
        seen = max(services.clock.micros(), 0 if row is None else row.seen + 1)
        services.write(
            self._nodes.saw,
            NodeSeen(
                node,
                seen,
                core="" if link is None else link.core,
                version="" if said is None else said.version,
                sessions=None if said is None else said.sessions,
                most_sessions=None if said is None else said.most_sessions,
                idle=None if said is None else said.idle,
            ),
        )
        self._wrote[node] = seen

    def _end_all(self, node: str, which: frozenset[str]) -> None:
        services = self._services
        rows = services.reads.run(services.requests.open_on, node)
        found = [(request, attempt) for request, attempt in rows if attempt.id in which]
        if not found:
            return
        services.metrics.nodes_lost.inc()
        log.error(
            "node_lost", node=node, calls=len(found), seconds=self._lost_seconds,
            remedy="their numbers are called again when they ring; see to the node and its network",
        )  # fmt: skip
        for request, attempt in found:
            if node in self._there():
                # It is back: it can be asked which of them are alive.
                return
            end_unknown(services, request, attempt, NODE_LOST)
            for leg in (services.legs.get(uuid) for uuid in legs_of(attempt)):
                if leg is not None and leg.socket is None:
                    leg.post(LegEnded(cause=NODE_LOST))
