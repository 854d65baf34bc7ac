"""Knows of each node which channels cannot be used now, so that no call waits for that.

Two things tell. The switch knows of its gateways which are there (it asks trunks, and registers at
them): each node is asked every few seconds, and tells changes itself in between. And calls tell:
a channel that fails again and again is left alone for a while (`routing.failures`).

What is known is one controller's: each finds out for itself, within a few calls.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any, Final

import gevent
import structlog

from controller.esl.errors import EslError
from controller.esl.events import Event, text
from controller.esl.gateways import GATEWAY_EVENTS, Gateway, ask_gateways, is_usable
from controller.esl.switch import SwitchLink
from controller.metrics import Metrics
from controller.routing import failures
from controller.routing.causes import group_of, means_person
from controller.routing.failures import Failures

log: Any = structlog.get_logger("channels")

#: How often a node is asked for the state of its gateways, seconds.
ASK_SECONDS: Final = 10.0
#: What a node's link has to bring, besides what it brings: that a gateway's state is another one.
HEALTH_EVENTS: Final = GATEWAY_EVENTS
#: The filter that lets them through; the link is told of no other event of a module.
HEALTH_FILTERS: Final = (("Event-Name", "CUSTOM"),)
#: Channels that a sentence names.
_NAMED: Final = 5


class ChannelHealth:
    """What is known of channels on each node. Used from the hub's thread only.

    `channels` gives the names of those that calls may go out over, and is asked for every call;
    `now` is the clock that `troubles` and the others are called by, seconds.
    """

    def __init__(
        self,
        *,
        channels: Callable[[], Collection[str]],
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._channels = channels
        self._metrics = metrics
        self._now = now
        self._links: dict[str, SwitchLink] = {}
        #: By node: of each gateway that it has, whether calls are sent over it.
        self._usable: dict[str, dict[str, bool]] = {}
        #: By node: what it told of gateways since it was asked last.
        self._told: dict[str, dict[str, bool]] = {}
        self._failures: dict[tuple[str, str], Failures] = {}
        #: By node and channel: whom the last call that failed there had called.
        self._last: dict[tuple[str, str], str] = {}
        #: By node and channel: whether it was usable when that was said last, in log and metric.
        self._said: dict[tuple[str, str], bool] = {}
        #: Nodes that are being asked, and those that could not be.
        self._asking: set[str] = set()
        self._silent: set[str] = set()
        self._greenlet: Any = None

    # --- life ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to ask every node that is there, again and again."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Ask no more."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def link_up(self, link: SwitchLink) -> None:
        """A node is there: it is asked now, by a greenlet."""
        self._links[link.name] = link
        gevent.spawn(self._guarded, link)

    def forget(self, node: str) -> None:
        """A node is no more."""
        self._links.pop(node, None)
        for known in (self._usable, self._told):
            known.pop(node, None)
        self._silent.discard(node)
        for said in [one for one in self._said if one[0] == node]:
            self._unsay(said)

    def _run(self) -> None:
        while True:
            gevent.sleep(ASK_SECONDS)
            for link in list(self._links.values()):
                if link.up.is_set():
                    # One that does not answer keeps no other waiting.
                    gevent.spawn(self._guarded, link)

    def _guarded(self, link: SwitchLink) -> None:
        try:
            self.ask(link)
        except Exception:
            log.exception("fault", where="health")
            self._metrics.faults.labels("health").inc()

    # --- the switch ------------------------------------------------------------------------

    def ask(self, link: SwitchLink) -> None:
        """Ask a node for its gateways. What was known of it counts where it does not answer."""
        node = link.name
        if node in self._asking:
            return
        self._asking.add(node)
        told: dict[str, bool] = {}
        self._told[node] = told
        try:
            found = ask_gateways(link.api)
        except EslError as error:
            if node not in self._silent:
                self._silent.add(node)
                log.warning("gateways_not_asked", node=node, error=str(error))
            return
        finally:
            self._asking.discard(node)
        self._silent.discard(node)
        # What it told meanwhile may be newer than its answer.
        self._learn(node, _usable(found) | told)

    def told(self, node: str, event: Event) -> None:
        """Take what a node tells by itself: one of `HEALTH_EVENTS`, whose name is CUSTOM."""
        name, status = text(event.gateway), text(event.gateway_status)
        if not name:
            return
        if not status:
            # One was added, or has gone; another of its name may be there.
            if node in self._links:
                gevent.spawn(self._guarded, self._links[node])
            return
        usable = is_usable(status, text(event.gateway_state) or "")
        self._told.setdefault(node, {})[name] = usable
        known = self._usable.get(node)
        if known is not None:
            self._learn(node, {**known, name: usable})

    def _learn(self, node: str, usable: dict[str, bool]) -> None:
        """Keep what is known of a node now, and say what is another thing than before."""
        self._usable[node] = usable
        channels = set(self._channels())
        for channel in sorted(channels):
            now = usable.get(channel, False)
            # Before anything is known calls are tried.
            was = self._said.get((node, channel), True)
            if (node, channel) not in self._said:
                self._metrics.channel_failing.labels(node, channel).set_function(
                    partial(self._is_set_aside, node, channel)
                )
            self._said[node, channel] = now
            self._metrics.channel_up.labels(node, channel).set(int(now))
            if was and not now:
                why = "down" if channel in usable else "no_gateway"
                log.warning("channel_down", node=node, channel=channel, why=why)
            elif now and not was:
                log.info("channel_up", node=node, channel=channel)
        for said in [one for one in self._said if one[0] == node and one[1] not in channels]:
            # It is no longer in the table.
            self._unsay(said)

    def _unsay(self, said: tuple[str, str]) -> None:
        """Forget a channel of a node."""
        del self._said[said]
        self._failures.pop(said, None)
        self._last.pop(said, None)
        self._metrics.channel_up.remove(*said)
        self._metrics.channel_failing.remove(*said)

    # --- calls -----------------------------------------------------------------------------

    def troubles(self, node: str, now: float) -> dict[str, str]:
        """Give, by channel, why it is not used on a node now: `down`, or `failing`.

        Of a node that was never asked nothing is known, and its channels are tried. It waits for
        nothing.
        """
        usable = self._usable.get(node)
        found = {}
        for channel in self._channels():
            if usable is not None and not usable.get(channel, False):
                found[channel] = "down"
            elif not failures.may_call(self._state(node, channel), now):
                found[channel] = "failing"
        return found

    def trying(self, node: str, channels: Iterable[str], now: float) -> None:
        """A call is sent that may go out over these: where one is on trial, this is its trial."""
        for channel in channels:
            state = self._state(node, channel)
            if state.seconds:
                self._failures[node, channel] = failures.tried(state, now)

    def failed(
        self, node: str, channel: str, now: float, cause: str = "", number: str = ""
    ) -> None:
        """A call failed on a channel, and the channel is the reason (`causes.means_channel`).

        `number`: whom it called. One number that fails again and again says nothing of others:
        whoever dials it thrice takes the channel from nobody.
        """
        self._metrics.channel_failures.labels(channel, group_of(cause) or "failed").inc()
        if not node:
            return  # nobody knows any more where it was
        if number and self._last.get((node, channel)) == number:
            return
        self._last[node, channel] = number
        before = self._state(node, channel)
        after = self._failures[node, channel] = failures.failed(before, now)
        if after.until != before.until:
            log.warning("channel_set_aside", node=node, channel=channel, seconds=after.seconds)

    def worked(self, node: str, channel: str) -> None:
        """A call went through a channel, as far as whoever is behind it."""
        before = self._failures.pop((node, channel), failures.WELL)
        self._last.pop((node, channel), None)
        if before.seconds:
            log.info("channel_works", node=node, channel=channel)

    def ended(self, node: str, channel: str, cause: str, now: float, number: str = "") -> None:
        """A call ended on a channel; its cause says whether that fails, works, or neither."""
        if group_of(cause) is not None:
            self.failed(node, channel, now, cause, number)
        elif means_person(cause):
            self.worked(node, channel)

    def _state(self, node: str, channel: str) -> Failures:
        return self._failures.get((node, channel), failures.WELL)

    def _is_set_aside(self, node: str, channel: str) -> bool:
        return failures.is_set_aside(self._state(node, channel), self._now())

    # --- readiness -------------------------------------------------------------------------

    @property
    def fault(self) -> str | None:
        """That no channel can be used on any node, in a sentence; None where one can, or may."""
        channels = sorted(self._channels())
        nodes = [name for name, link in self._links.items() if link.up.is_set()]
        if not channels or not nodes:
            return None
        for node in nodes:
            usable = self._usable.get(node)
            if usable is None or any(usable.get(channel, False) for channel in channels):
                return None
        named = ", ".join(channels[:_NAMED]) + (", …" if len(channels) > _NAMED else "")
        return f"no channel can be used on any node ({named}): see the switch's gateways"


def _usable(gateways: Iterable[Gateway]) -> dict[str, bool]:
    """Give of each gateway whether calls are sent over it; of two of one name, one is enough.

    Two profiles may have one of the same name, and which of them calls go to is not told.
    """
    found: dict[str, bool] = {}
    for gateway in gateways:
        found[gateway.name] = found.get(gateway.name, False) or gateway.usable
    return found
