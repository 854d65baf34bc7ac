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
        self._seen: dict[tuple[Moment, str], int] = {}
        self.facts = facts

    def on(self, moment: Moment, sound: str = "") -> None:
        """A moment has come: press the keys that wait for it, and hang up if it is time.

        ``sound``: what is heard from now on, where the moment is ``heard``.
        """
        waiting: list[Keys] = [
            keys for keys in self._keys if keys.when == moment and keys.what in sound
        ]
        end = self._hang_up
        if end is not None and (end.when != moment or end.what not in sound):
            end = None
        for what in {keys.what for keys in waiting} | ({end.what} if end else set()):
            self._seen[moment, what] = self._seen.get((moment, what), 0) + 1
        due = [keys for keys in waiting if keys.count == self._seen[moment, keys.what]]
        # Of those that take whatever comes next, one is used up, and none beside one that counts.
        due = due[:1] or [keys for keys in waiting if keys.count is None][:1]
        for keys in due:
            self._keys.remove(keys)
            self._leg.simulator.spawn(self._press, keys)
        if end is not None and end.count == self._seen[moment, end.what]:
            self._leg.simulator.spawn_later(end.after, self.hang_up)

    def hang_up(self) -> None:
        """The person hangs up, or gives up while it still rings."""
        leg = self._leg
        unanswered = leg.inbound and not leg.answered
        leg.hangup("ORIGINATOR_CANCEL" if unanswered else "NORMAL_CLEARING", by="phone")

    def _press(self, keys: Keys) -> None:
        leg = self._leg
        gevent.sleep(keys.after)
        shown = ""
        for digit in keys.press:
            if shown:
                gevent.sleep(keys.gap)
            if leg.cause is not None:
                break
            shown += "*" if leg.true("sensitive_dtmf") else digit
            leg.dtmf(digit)
        if shown:
            leg.note("pressed", digits=shown)
