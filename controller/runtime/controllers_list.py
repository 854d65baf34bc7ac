"""Tells the switches of the controllers: the lists that their dialplan reads (O4).

Each switch keeps, in global variables, 16 lists of the controllers that take legs (`guard.lists`).
Every controller sees to them on every node, whenever others are there than before, when a link
comes up (a switch that was restarted has none), and now and then: somebody who knew less may have
written last. What is right already is not written again.

Where Redis is away nobody knows who is there, and the lists stay as they are; a switch that has
none gets what was known last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog
from gevent.event import Event as Flag

from controller.esl import commands
from controller.esl.errors import EslError
from controller.guard.lists import NONE, SLOTS, lists_of, unknown

if TYPE_CHECKING:
    from controller.esl.switch import SwitchLink
    from controller.runtime.services import Services

log: Any = structlog.get_logger("lists")

#: A list's variable on a switch begins so; its slot follows.
VARIABLE: Final = "callback_controllers_"
#: How often it is looked whether a switch has the right lists, seconds.
LOOK_SECONDS: Final = 10.0
#: What a switch says of a variable that it has not.
NO_VALUE: Final = "-ERR"


class ControllersList:
    """The lists on all nodes, as one controller sees to them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._wake = Flag()
        self._greenlet: Any = None
        #: What each node surely had when it was looked at last, over the link that is up now.
        self._had: dict[str, Mapping[str, str]] = {}
        #: The nodes that are seen to now, and those that must be once more.
        self._under_way: set[str] = set()
        self._again: set[str] = set()
        #: What nodes refused.
        self._refused: dict[str, str] = {}
        self._unknown: tuple[str, ...] = ()
        #: Whether they were taken away for good.
        self._cleared = False
        services.standing.on_change.append(self._wake.set)

    def start(self) -> None:
        """Begin to see to the lists."""
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Leave the lists as they are."""
        if self._greenlet is not None:
            self._greenlet.kill()

    def link_up(self, link: SwitchLink) -> None:
        """A node is there, or there again: what it has is not known. Waits for nothing."""
        self._had.pop(link.name, None)
        self._services.spawn(self._see_to, link)

    def forget(self, node: str) -> None:
        """A node is no more."""
        self._had.pop(node, None)
        self._refused.pop(node, None)

    def is_right(self, node: str) -> bool:
        """Whether a leg of this node is offered to the controllers that take legs, and no others.

        It is not where there are no lists: the dialplan's own list may name anybody.
        """
        wanted = lists_of(self._services.standing.members)
        return wanted is not None and wanted != NONE and self._had.get(node) == wanted

    def is_written(self) -> bool:
        """Whether all nodes that are there have the lists that they should have by now, or none."""
        wanted = lists_of(self._services.standing.members)
        nodes = [link.name for link in self._services.live_links()]
        return wanted is None or all(self._had.get(node) == wanted for node in nodes)

    def clear(self) -> None:
        """Take the lists away on all nodes: nobody is left to see to them. It waits for the nodes.

        The dialplan's own list counts from then on, which may name controllers of a release that
        knows nothing of lists.
        """
        self.stop()
        # Who is just about to write one does not: what was sent before is on its way before this.
        self._cleared = True
        links = self._services.live_links()
        gevent.joinall([gevent.spawn(self._take_away, link) for link in links])

    def _take_away(self, link: SwitchLink) -> None:
        try:
            link.request_all([commands.set_controllers(VARIABLE + slot, "") for slot in SLOTS])
        except EslError as error:
            log.warning("lists_not_removed", node=link.name, error=str(error))

    @property
    def fault(self) -> str | None:
        """What is wrong with the lists, for readiness; None: nothing is."""
        said = [f"{node} refused its list: {what}" for node, what in sorted(self._refused.items())]
        if self._unknown:
            said.append(
                f"calls cannot be spread: no switch can be told of {', '.join(self._unknown)}; "
                "set listen.advertise there"
            )
        return "; ".join(said) or None

    # --- work ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait(timeout=LOOK_SECONDS)
            self._wake.clear()
            self._note_unknown()
            for link in self._services.live_links():
                # A greenlet of its own each: one node that is slow keeps none of the others.
                self._services.spawn(self._see_to, link)

    def _note_unknown(self) -> None:
        members = self._services.standing.members
        found = unknown(members) if len(members) > 1 else ()
        if found and found != self._unknown:
            log.warning(
                "controllers_not_listed",
                controllers=found,
                remedy="set listen.advertise there, each its own",
            )
        self._unknown = found

    def _see_to(self, link: SwitchLink) -> None:
        """See that a node has the right lists; one at a time does that to it."""
        node = link.name
        self._again.add(node)
        if node in self._under_way:
            return
        self._under_way.add(node)
        try:
            while node in self._again:
                self._again.discard(node)
                refused = self._put(link)
                self._note_refused(node, refused)
        except EslError:
            # Whatever ended the link is said by it; when it is back the lists are seen to.
            self._had.pop(node, None)
        finally:
            self._under_way.discard(node)

    def _note_refused(self, node: str, what: str) -> None:
        if not what:
            self._refused.pop(node, None)
            return
        if node not in self._refused:
            log.error("list_refused", node=node, reply=what)
        self._refused[node] = what
        self._services.metrics.faults.labels("controllers_list").inc()

    def _put(self, link: SwitchLink) -> str:
        """Give a node the right lists where it has others; give what it refuses, mostly nothing."""
        standing = self._services.standing
        wanted = lists_of(standing.members)
        if wanted is None:
            return ""
        self._had[link.name] = had = self._read(link)
        if had == wanted or self._cleared:
            return ""
        if not standing.is_current and (had != NONE or len(standing.members) == 1):
            # Others may know more, or nobody does.
            return ""
        # Not right until it has taken them all.
        del self._had[link.name]
        replies = link.request_all(
            [commands.set_controllers(VARIABLE + slot, wanted[slot]) for slot in SLOTS]
        )
        for frame in replies:
            said = frame.text.strip()
            if not said.startswith("+OK"):
                return said[:100] or "nothing"
        self._had[link.name] = wanted
        named = wanted[SLOTS[0]].split("|")
        log.info("listed", node=link.name, controllers=sorted(one for one in named if one))
        return ""

    def _read(self, link: SwitchLink) -> Mapping[str, str]:
        frames = link.request_all([commands.api("global_getvar", VARIABLE + s) for s in SLOTS])
        found = [frame.text.strip() for frame in frames]
        return {
            slot: "" if value.startswith(NO_VALUE) else value
            for slot, value in zip(SLOTS, found, strict=True)
        }
