"""Knows of each node how it does: what it said of itself, and whether it takes our calls.

A switch tells its legs and its idle time every 20 seconds (HEARTBEAT). One that refuses a call
for its own reasons is left alone for a while, like a channel that fails: it is paused, or has as
many sessions, or as many new ones in a second, as it may. For each of these it says
DESTINATION_OUT_OF_ORDER, as for a uuid that is alive, and makes no leg (seen on 1.11.1; in
switch_core_session.c, switch_core_session_request_uuid). What is known is one controller's, as
with channels.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import structlog

from controller.esl.events import Event, text
from controller.esl.switch import SwitchLink
from controller.metrics import Metrics
from controller.routing import failures
from controller.routing.failures import Failures
from controller.routing.nodes import NodeState

log: Any = structlog.get_logger("nodes")

#: What a node's link has to bring for it, and the filter that lets it through.
NODE_EVENTS: Final = ("HEARTBEAT",)
NODE_FILTERS: Final = (("Event-Name", "HEARTBEAT"),)
#: What was said so long ago is not so any more, seconds: three of the switch's own times.
STALE_SECONDS: Final = 65.0
#: How long a node may owe an answer before it gets no new call, seconds; it answers within one of
#: its ticks, and one that owes it for `COMMAND_SECONDS` has its link ended.
SILENT_SECONDS: Final = 1.5
#: Digits of a count that a switch tells.
_LONGEST: Final = 9


class Said(msgspec.Struct, frozen=True):
    """What a node said last, and when by our clock, seconds."""

    at: float
    version: str
    sessions: int | None
    most_sessions: int | None
    idle: int | None


class NodeHealth:
    """What is known of nodes. Used from the hub's thread only; `now`: seconds, never back."""

    def __init__(self, *, metrics: Metrics, now: Callable[[], float]) -> None:
        self._metrics = metrics
        self._now = now
        self._said: dict[str, Said] = {}
        self._failures: dict[str, Failures] = {}
        #: Those whose refusals the metric has.
        self._refused: set[str] = set()
        #: Calls that are being made on a node, and not written yet.
        self._more: Counter[str] = Counter()

    def told(self, node: str, event: Event) -> None:
        """Take what a node tells of itself: a HEARTBEAT."""
        idle = text(event.idle_cpu) or ""
        self._said[node] = Said(
            at=self._now(),
            version=(text(event.version) or "")[:80],
            sessions=_count(text(event.sessions)),
            most_sessions=_count(text(event.most_sessions)),
            idle=_count(idle.partition(".")[0]),
        )

    def link_up(self, node: str) -> None:
        """A link is there again: its switch may be another one, and has said nothing yet."""
        self._said.pop(node, None)

    def forget(self, node: str) -> None:
        """A node is no more."""
        self._said.pop(node, None)
        self._failures.pop(node, None)
        if node in self._refused:
            self._refused.remove(node)
            self._metrics.node_refusals.remove(node)

    def said(self, node: str) -> Said | None:
        """Give what a node said lately, or None."""
        said = self._said.get(node)
        return said if said is not None and self._now() - said.at < STALE_SECONDS else None

    # --- calls ---------------------------------------------------------------------------------

    def refused(self, node: str) -> None:
        """A node made no leg of a call that it was asked for: it is left alone for a while."""
        now = self._now()
        before = self._failures.get(node, failures.WELL)
        after = self._failures[node] = failures.refused(before, now)
        self._refused.add(node)
        self._metrics.node_refusals.labels(node).inc()
        if after.until != before.until:
            log.warning(
                "node_set_aside", node=node, seconds=after.seconds,
                remedy="fsctl pause_check, and fsctl max_sessions, say on the switch why",
            )  # fmt: skip

    def took(self, node: str) -> None:
        """A node made a leg of a call, whatever became of that."""
        if self._failures.pop(node, None) is not None:
            log.info("node_works", node=node)

    def trying(self, node: str) -> None:
        """A call is sent to a node: where it is on trial, this is its trial."""
        state = self._failures.get(node)
        if state is not None:
            after = self._failures[node] = failures.asked(state, self._now())
            if after is failures.WELL:
                self.took(node)

    @contextlib.contextmanager
    def having_one_more(self, node: str | None) -> Iterator[None]:
        """Count a call as being set up on a node, until it is written; None: on none."""
        if node is None:
            yield
            return
        self._more[node] += 1
        try:
            yield
        finally:
            self._more[node] -= 1

    # --- all of it -----------------------------------------------------------------------------

    def states(
        self,
        links: Iterable[SwitchLink],
        calls: Mapping[str, tuple[int, int]],
        drained: Iterable[str],
    ) -> tuple[NodeState, ...]:
        """Give what is known of each node.

        `calls`: by node, how many are being set up and answered; `drained`: nodes that are.
        """
        now, none = self._now(), frozenset(drained)
        found = []
        for link in links:
            said = self.said(link.name)
            calling, answered = calls.get(link.name, (0, 0))
            state, more = self._failures.get(link.name, failures.WELL), self._more[link.name]
            # On trial: the one that is being made for it is the trial, and not yet sent perhaps.
            is_tried = state.seconds > 0 and more > 0
            found.append(
                NodeState(
                    link.name,
                    up=link.up.is_set(),
                    drained=link.name in none,
                    silent=link.owes_seconds > SILENT_SECONDS,
                    refusing=is_tried or not failures.may_call(state, now),
                    calling=calling + more,
                    answered=answered,
                    sessions=None if said is None else said.sessions,
                    most_sessions=None if said is None else said.most_sessions,
                    idle=None if said is None else said.idle,
                )
            )
        return tuple(found)


def _count(said: str | None) -> int | None:
    """Read a count; None for what is none."""
    if said is None or not (said.isascii() and said.isdigit()) or len(said) > _LONGEST:
        return None
    return int(said)
