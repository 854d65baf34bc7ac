"""All event socket connections of one switch, and which events go where.

The real switch looks at every connection for every event. Here connections that can only get one
leg's events are found by its uuid, so that an idle leg costs nothing.
"""

from collections.abc import Iterator

from controller.simulator.events import Event, json_frame, plain_frame
from controller.simulator.inbound import InboundLink
from controller.simulator.legs import Leg
from controller.simulator.listener import Listener
from controller.simulator.outbound import OutboundLink


class Links:
    """The connections."""

    def __init__(self) -> None:
        self._all: set[Listener] = set()
        self._outbound: dict[str, list[OutboundLink]] = {}
        self._general: set[Listener] = set()
        self._by_leg: dict[str, set[Listener]] = {}
        self._keys: dict[Listener, set[str]] = {}

    def add(self, listener: Listener) -> None:
        """A connection has been made."""
        self._all.add(listener)
        if isinstance(listener, OutboundLink):
            self._outbound.setdefault(listener.uuid, []).append(listener)
        self.index(listener)

    def index(self, listener: Listener) -> None:
        """A connection's subscriptions have changed."""
        self._forget(listener)
        if listener.closed or not listener.kinds:
            return
        keys = listener.keys()
        if keys is None:
            self._general.add(listener)
            return
        self._keys[listener] = keys
        for key in keys:
            self._by_leg.setdefault(key, set()).add(listener)

    def _forget(self, listener: Listener) -> None:
        self._general.discard(listener)
        for key in self._keys.pop(listener, ()):
            listeners = self._by_leg[key]
            listeners.discard(listener)
            if not listeners:
                del self._by_leg[key]

    def remove(self, listener: Listener) -> None:
        """A connection has been closed."""
        self._all.discard(listener)
        self._forget(listener)
        if isinstance(listener, OutboundLink) and listener in self.of(listener.uuid):
            self._outbound[listener.uuid].remove(listener)
            if not self._outbound[listener.uuid]:
                del self._outbound[listener.uuid]

    def inbound(self) -> list[InboundLink]:
        """Those that came to the switch's event socket."""
        return [item for item in self._all if isinstance(item, InboundLink)]

    def outbound(self) -> list[OutboundLink]:
        """Those that the switch made for a leg."""
        return [item for item in self._all if isinstance(item, OutboundLink)]

    def of(self, uuid: str) -> list[OutboundLink]:
        """Those made for one leg: the current one, and older ones that are still open."""
        return list(self._outbound.get(uuid, ()))

    def leg_down(self, leg: Leg) -> None:
        """Tell a leg's own connections that it has ended."""
        for link in self.of(leg.uuid):
            link.leg_down()

    def abort(self) -> None:
        """Close all, without a word."""
        for listener in list(self._all):
            listener.abort()

    def _about(self, uuid: str) -> Iterator[Listener]:
        yield from self._by_leg.get(uuid, ())
        yield from self._general

    def wanted(self, kind: str, uuid: str) -> bool:
        """Whether anybody would get such an event of a leg."""
        return any(listener.wants(kind) for listener in self._about(uuid))

    def publish(self, event: Event) -> None:
        """Send an event to whoever subscribed to it; it is written once for each format."""
        uuid = event.get("Unique-ID")
        frames: dict[bool, bytes] = {}
        for listener in list(self._about(uuid if isinstance(uuid, str) else "")):
            if listener.passes(event):
                frame = frames.get(listener.json)
                if frame is None:
                    frame = json_frame(event) if listener.json else plain_frame(event)
                    frames[listener.json] = frame
                listener.send(frame)
