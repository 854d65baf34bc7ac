"""Actions bound to keys: ``bind_digit_action`` and what becomes of keys while one is bound.

FreeSWITCH: ``bind_to_session`` and ``digit_action_callback`` in ``mod_dptools.c``,
``switch_ivr_dmachine_feed`` in ``src/switch_ivr_async.c``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import gevent

from controller.simulator.listener import Command

if TYPE_CHECKING:
    from controller.simulator.legs import Leg

_PATIENCE = 1.5  # seconds that keys are held back which may become an action's


class DigitActions:
    """The actions of one leg. They see every key first, in a conversation or not."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._realms: dict[str, list[list[str]]] = {}
        self._realm = ""
        self._held = ""
        self._timer: gevent.Greenlet[..., Any] | None = None

    def bind(self, data: str) -> None:
        """``<realm>,<digits or ~regex>,<action>[,<value>][,<whose digits>][,<who runs it>]``."""
        parts = data.split(",")
        if len(parts) >= 3:
            self._realms.setdefault(parts[0], []).append(parts[1:])
            self._realm = self._realm or parts[0]

    def set_realm(self, data: str) -> None:
        """``digit_action_set_realm``."""
        self._realm = data.split(",", maxsplit=1)[0]
        self._hold("")

    def clear(self, realm: str) -> None:
        """``clear_digit_action``: one realm, or ``all``."""
        if realm in {"", "all"}:
            self._realms.clear()
            # Seen on 1.11.1: a key that is held back is lost with them.
            self._hold("")
        self._realms.pop(realm, None)

    def feed(self, digit: str) -> bool:
        """A key was pressed; whether it is held back, or was the last of an action's."""
        bound = self._realms.get(self._realm)
        if not bound:
            return False
        typed = self._held + digit
        partly = False
        for pattern, action, *rest in bound:
            regex = pattern.startswith("~")
            if re.search(pattern[1:], typed) if regex else typed == pattern:
                self._hold("")
                self._run(typed, action, rest)
                return True
            partly = partly or regex or pattern.startswith(typed)
        self._hold(typed if partly else "")
        if not partly:
            self._give_back(typed)
        return True

    def _hold(self, typed: str) -> None:
        self._held = typed
        if self._timer is not None:
            self._timer.kill(block=False)
            self._timer = None
        if typed:
            self._timer = self._leg.simulator.spawn_later(_PATIENCE, self._late)

    def _late(self) -> None:
        typed, self._held, self._timer = self._held, "", None
        self._give_back(typed)

    def _give_back(self, typed: str) -> None:
        """No action's keys after all: they go where they would have gone, at once."""
        self._leg.set("last_non_matching_digits", typed)
        for digit in typed:
            self._leg.queue_key(digit, source="APP")

    def _run(self, typed: str, action: str, rest: list[str]) -> None:
        value = rest[0] if rest else ""
        # Seen on 1.11.1: who is still called is a peer too; without any the leg itself runs it.
        wanted = len(rest) > 2 and rest[2] == "peer"
        peer = (self._leg.partner or self._leg.calling) if wanted else None
        target = peer or self._leg
        target.set("last_matching_digits", typed)
        if action.startswith("api:"):
            target.simulator.api.run(f"{action.removeprefix('api:')} {value}")
            return
        name = action.removeprefix("exec:")
        if target.session is None:
            target.simulator.applications.execute(target, name, value)
            return
        headers = {"call-command": "execute", "execute-app-name": name, "execute-app-arg": value}
        target.enqueue(Command("sendmsg", headers))
