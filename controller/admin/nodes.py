"""The switches (nodes) and the controllers, for administrators: listed, drained and resumed.

A node that is drained gets no new return calls; its live ones go on, and what was to be called by
it is called by another. Running controllers see it within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Engine

from controller.admin import audit, drafts, rights
from controller.admin.model import Actor, NotFound
from controller.admin.node_shapes import (
    ControllerShown,
    DrainInput,
    KnownNode,
    NodeShown,
    Source,
)
from controller.routing.nodes import NodeState, trouble
from controller.store.attempts import NodeCalls
from controller.store.drains import Drain, get_drain, put_drain, read_drains, remove_drain
from controller.store.holding import hold
from controller.store.journal import nobody, writing
from controller.store.nodes_seen import NodeSeen, NodesSeen
from controller.store.requests import Requests

#: A node that nobody knows but by what was seen of it once is not shown for longer, microseconds.
SEEN_MICROS: Final = 86_400_000_000
#: One that was not seen for so long is down, as far as the store tells, microseconds.
DOWN_MICROS: Final = 60_000_000
#: The word for a node that has no trouble.
WELL: Final = "well"


class NodeDesk:
    """Lists nodes, drains and resumes them. Calls block, and may come of any thread.

    `now` gives microseconds since 1970; `most_calling`: how many calls may be set up at a time on
    one node. `known` gives what whoever asks knows of nodes himself: a controller has links to
    them, a command has the settings; `controllers` gives those that are there. These two are called
    where they are wanted, and not in threads.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        now: Callable[[], int],
        most_calling: int,
        known: Callable[[], Mapping[str, KnownNode]],
        controllers: Callable[[], tuple[ControllerShown, ...]],
    ) -> None:
        self.known = known
        self._controllers = controllers
        self._engine = engine
        self._now = now
        self._most_calling = most_calling
        self._requests = Requests(engine)
        self._seen = NodesSeen(engine)

    def nodes(self, actor: Actor, known: Mapping[str, KnownNode]) -> tuple[NodeShown, ...]:
        """Give all nodes, by name. Raises `Forbidden`."""
        rights.may_see_nodes(actor)
        drains = {drain.name: drain for drain in read_drains(self._engine)}
        seen, calls, now = self._seen.all(), self._requests.places().nodes, self._now()
        lately = {name for name, row in seen.items() if now - row.seen < SEEN_MICROS}
        names = {*known, *drains, *calls, *lately}
        return tuple(
            self._shown(name, known.get(name), drains.get(name), seen.get(name), calls.get(name))
            for name in sorted(names)
        )

    def controllers(self, actor: Actor) -> tuple[ControllerShown, ...]:
        """Give all controllers, by name. Raises `Forbidden`."""
        rights.may_see_nodes(actor)
        return self._controllers()

    def drain(
        self, actor: Actor, name: str, values: Mapping[str, Any], known: Mapping[str, KnownNode]
    ) -> tuple[NodeShown, bool]:
        """Have a node get no new calls, and give it; False where it was drained already.

        Raises `Invalid`, `Forbidden`, `NotFound`.
        """
        rights.may_drain(actor)
        said = drafts.read(values, DrainInput)
        self._find(actor, name, known)
        with writing(self._engine, nobody) as transaction:
            connection, now = transaction.connection, self._now()
            hold(connection, "node", name)
            there = get_drain(connection, name)
            same = there is not None and there.actor == actor.name
            since = there.since if there is not None and same else now
            drain = Drain(name=name, reason=said.reason, actor=actor.name, since=since)
            if there != drain:
                put_drain(connection, drain)
                transaction.note([audit.of_drain(now, actor, there, drain)])
        return self._find(actor, name, known), there is None

    def resume(self, actor: Actor, name: str, known: Mapping[str, KnownNode]) -> Drain:
        """Let a node get calls again, and give how it was drained.

        Raises `Forbidden`, `NotFound`.
        """
        rights.may_drain(actor)
        if not name.isprintable():
            raise NotFound("there is no such node")
        with writing(self._engine, nobody) as transaction:
            connection = transaction.connection
            hold(connection, "node", name)
            there = get_drain(connection, name)
            if there is not None:
                remove_drain(connection, name)
                transaction.note([audit.of_drain(self._now(), actor, there, None)])
        if there is None:
            self._find(actor, name, known)
            raise NotFound(f"node {name} is not drained")
        return there

    def _find(self, actor: Actor, name: str, known: Mapping[str, KnownNode]) -> NodeShown:
        for node in self.nodes(actor, known):
            if node.name == name:
                return node
        raise NotFound(f"there is no node {name:.80}; see the list of nodes")

    def _shown(
        self,
        name: str,
        known: KnownNode | None,
        drain: Drain | None,
        seen: NodeSeen | None,
        calls: NodeCalls | None,
    ) -> NodeShown:
        known = known or KnownNode(Source.ELSEWHERE)
        seen = seen or NodeSeen(name, 0)
        calls = calls or NodeCalls()
        linked = known.linked
        state = NodeState(
            name,
            up=self._now() - seen.seen < DOWN_MICROS if linked is None else linked,
            drained=drain is not None,
            silent=known.silent,
            refusing=known.refusing,
            calling=calls.calling,
            answered=calls.answered,
            sessions=seen.sessions,
            most_sessions=seen.most_sessions,
            idle=seen.idle,
        )
        return NodeShown(
            name=name,
            source=known.source,
            linked=linked,
            health=trouble(state, self._most_calling) or WELL,
            seen=seen.seen or None,
            core=known.core or seen.core or None,
            version=seen.version or None,
            calling=calls.calling,
            answered=calls.answered,
            sessions=seen.sessions,
            most_sessions=seen.most_sessions,
            idle=seen.idle,
            drained_since=None if drain is None else drain.since,
            drained_by=None if drain is None else drain.actor,
            reason=None if drain is None else drain.reason,
        )
