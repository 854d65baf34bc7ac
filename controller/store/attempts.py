"""Attempts: the tries of a callback, written before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Connection, bindparam, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from controller.routing.model import Plan
from controller.store.arrivals import Arrivals
from controller.store.plans import write_plan
from controller.store.prepared import Prepared
from controller.store.request_rows import Attempt, Request
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests

#: What PostgreSQL is asked for while a place on a node is taken: one at a time. Any number.
_TAKING_PLACES: Final = Prepared(select(func.pg_advisory_xact_lock(0x63626401)))


class Begun(StrEnum):
    """What became of a wish to begin an attempt."""

    YES = "yes"
    #: The request is somebody else's now, or over.
    LOST = "lost"
    #: The number is being called, or talks, for another extension (T7).
    ENGAGED = "engaged"
    #: The node, or the channel, has as many calls being set up as it may.
    FULL = "full"


class NodeCalls(msgspec.Struct, frozen=True):
    """How many return calls of a node are being set up, and how many are answered."""

    calling: int = 0
    answered: int = 0

    @property
    def live(self) -> int:
        """All of them."""
        return self.calling + self.answered


NO_CALLS: Final = NodeCalls()


class Places(msgspec.Struct, frozen=True):
    """The return calls that are under way.

    `nodes`: by node. `firsts`: those being set up, by the channel that is tried first.
    """

    nodes: dict[str, NodeCalls]
    firsts: dict[str, int]

    def of(self, node: str) -> NodeCalls:
        """Give the calls of a node."""
        return self.nodes.get(node, NO_CALLS)


# Statements of every call are made once.

_answered: Final = attempts.c.answered.is_not(None).label("is_answered")
_PLACES: Final = Prepared(
    select(attempts.c.node, attempts.c.channels, _answered, func.count())
    .where(text("ended IS NULL"))
    .group_by(attempts.c.node, attempts.c.channels, _answered)
)
_BEGINNING: Final = Prepared(
    update(requests)
    .where(
        requests.c.id == bindparam("of"),
        requests.c.state == "pending",
        requests.c.holder == bindparam("by"),
        # Whoever rings us meanwhile is called later (T5).
        requests.c.due <= bindparam("now", type_=BigInteger),
    )
    .values(
        state="calling",
        node=bindparam("on"),
        attempt=bindparam("as_attempt"),
        attempts=requests.c.attempts + 1,
        lease_until=bindparam("until", type_=BigInteger),
    )
)
_BEGUN: Final = Prepared(
    insert(attempts).values(
        {
            name: bindparam(name)
            for name in (
                "id", "request", "extension", "number", "node", "core", "channels", "plan", "begun",
            )
        }
    )
)  # fmt: skip


NO_PLACES: Final = Places({}, {})


class Attempts(Arrivals):
    """Begins attempts. Calls block."""

    def begin_attempt(
        self,
        request: Request,
        *,
        holder: str,
        node: str,
        attempt: str,
        until: int,
        channels: Sequence[str] = (),
        plan: Plan | None = None,
        core: str = "",
        now: int,
        per_node: int | None = None,
        per_channel: int | None = None,
    ) -> Begun:
        """Write an attempt before it is sent. `per_node`, `per_channel`: how many at a time.

        `plan`: by which channels it goes, and why (I9); without one, `channels` says by which.
        """
        if plan is not None:
            channels = plan.channels
        try:
            with self._engine.begin() as connection:
                if per_node is not None or per_channel is not None:
                    if connection.dialect.name == "postgresql":
                        _TAKING_PLACES.all(connection)
                    places = self._places(connection)
                    if per_node is not None and places.of(node).calling >= per_node:
                        return Begun.FULL
                    first = channels[0] if channels else ""
                    if per_channel is not None and places.firsts.get(first, 0) >= per_channel:
                        return Begun.FULL
                moved = _BEGINNING.change(
                    connection,
                    {
                        "of": request.id,
                        "by": holder,
                        "now": now,
                        "on": node,
                        "as_attempt": attempt,
                        "until": until,
                    },
                )
                if not moved:
                    return Begun.LOST
                _BEGUN.change(
                    connection,
                    {
                        "id": attempt,
                        "request": request.id,
                        "extension": request.extension,
                        "number": request.number,
                        "node": node,
                        "core": core,
                        "channels": msgspec.json.encode(list(channels)).decode(),
                        "plan": None if plan is None else write_plan(plan),
                        "begun": now,
                    },
                )
        except IntegrityError:
            # `callback_request_live`: whoever asks second is told here.
            return Begun.ENGAGED
        return Begun.YES

    def claim(self, attempt: Attempt, now: int, *, holder: str, until: int) -> bool:
        """Take an attempt that was written and not sent, to send it; of several who try, one does.

        It counts as begun now: whoever finds it next waits again before he takes it. It is his who
        takes it, until `until`: whoever wrote it gives nothing back any more. One of which
        something is known was sent, whatever the switch still says of it.
        """
        with self._engine.connect() as connection, connection.begin() as transaction:
            moved = self._move(
                connection,
                attempt.request,
                ("calling",),
                requests.c.attempt == attempt.id,
                holder=holder,
                lease_until=until,
            )
            taken = connection.execute(
                update(attempts)
                .where(
                    attempts.c.id == attempt.id,
                    attempts.c.begun == attempt.begun,
                    attempts.c.answered.is_(None),
                    attempts.c.ended.is_(None),
                )
                .values(begun=now)
            )
            if not moved or taken.rowcount != 1:
                transaction.rollback()
                return False
        return True

    def places(self) -> Places:
        """Give how many calls are under way, by node and by the channel that is tried first."""
        with self._one.connect() as connection:
            return self._places(connection)

    def _places(self, connection: Connection) -> Places:
        rows = _PLACES.all(connection)
        nodes: dict[str, NodeCalls] = {}
        firsts: dict[str, int] = {}
        for node, named, is_answered, count in rows:
            before = nodes.get(node, NO_CALLS)
            if is_answered:
                nodes[node] = NodeCalls(before.calling, before.answered + count)
                continue
            nodes[node] = NodeCalls(before.calling + count, before.answered)
            first = (msgspec.json.decode(named, type=list[str]) or [""])[0]
            firsts[first] = firsts.get(first, 0) + count
        return Places(nodes, firsts)

    def _move(
        self,
        connection: Connection,
        request: str,
        from_states: tuple[str, ...],
        *conditions: Any,  # noqa: ANN401  (clauses of SQLAlchemy)
        **values: object,
    ) -> bool:
        moved = connection.execute(
            update(requests)
            .where(requests.c.id == request, requests.c.state.in_(from_states), *conditions)
            .values(**values)
        )
        return bool(moved.rowcount == 1)
