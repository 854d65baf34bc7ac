"""The phone at a leg's far end, in action: keys, hanging up, and what it may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gevent

from controller.simulator.phones import Behaviour, Keys, Moment

if TYPE_CHECKING:
    from controller.simulator.legs import Leg


class Line:
    """Carries out one `Behaviour` on one leg. ``facts``: the SIP values invented for the leg."""

    def __init__(self, leg: Leg, behaviour: Behaviour, facts: dict[str, str]) -> None:
        self._leg = leg
        self._keys = list(behaviour.keys)
        self._hang_up = behaviour.hang_up
        self._seen: dict[str, int] = {}
        self.facts = facts

    def on(self, moment: Moment) -> None:
        """A moment has come: press the keys that wait for it, and hang up if it is time."""
        count = self._seen[moment] = self._seen.get(moment, 0) + 1
        keys = next((entry for entry in self._keys if entry.when == moment), None)
        if keys is not None:
            self._keys.remove(keys)
            self._leg.simulator.spawn(self._press, keys)
        end = self._hang_up
        if end is not None and end.when == moment and end.count == count:
            self._leg.simulator.spawn_later(end.after, self.hang_up)

    def hang_up(self) -> None:
        """The person hangs up, or gives up while it still rings."""
        leg = self._leg
        unanswered = leg.inbound and not leg.answered
        leg.hangup("ORIGINATOR_CANCEL" if unanswered else "NORMAL_CLEARING", by="phone")

    def _press(self, keys: Keys) -> None:
        leg = self._leg
        gevent.sleep(keys.after)
        pressed = 0
        for digit in keys.press:
            if leg.cause is not None:
                break
            if pressed:
                gevent.sleep(keys.gap)
            leg.dtmf(digit)
            pressed += 1
        if pressed:
            sensitive = leg.true("sensitive_dtmf")
            leg.note("pressed", digits="*" * pressed if sensitive else keys.press[:pressed])
