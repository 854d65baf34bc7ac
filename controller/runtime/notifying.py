"""Tells an operator's server at once that credit is low (M8), and what the guard sees (G3).

Whoever found it left a notice in the store; one controller at a time sends it, until it was taken.
The server may get it twice, with the same key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from controller.metrics import Metrics
from controller.policy.moments import written
from controller.runtime.repeating import POLL_SECONDS, Repeated
from controller.runtime.webhooks import NotTaken, Poster
from controller.store.notices import Notice, Notices

#: For how long a notice is leased, microseconds: longer than sending may take.
LEASE_MICROS: Final = 120_000_000
#: How long a notice waits that was not taken, at first and at most, microseconds.
FIRST_DUE: Final = 1_000_000
LONGEST_DUE: Final = 300_000_000
#: How often it is asked what was not taken, microseconds.
LOOK_MICROS: Final = 10_000_000


class Notifier:
    """Sends notices, one after the other. Blocks: it is used in a thread of its own.

    `now` gives microseconds since 1970.
    """

    def __init__(
        self, poster: Poster, engine: Engine, *, holder: str, now: Callable[[], int]
    ) -> None:
        self.name = "notices"
        self._poster = poster
        self._store = Notices(engine)
        self._holder = holder
        self._now = now
        self._looked = 0
        #: What was not taken, by whichever controller, in a sentence.
        self.problem: str | None = None

    def turn(self) -> float:
        """Send the oldest notice that is due. Raises `NotTaken`, and `Away` of the store."""
        now = self._now()
        if now >= self._looked + LOOK_MICROS:
            self._look(now)
        found = self._store.lease(holder=self._holder, now=now, until=now + LEASE_MICROS)
        if found is None:
            return POLL_SECONDS
        try:
            self._poster.post(_body(found), key=found.key, kind=found.kind)
        except NotTaken as error:
            wait = min(FIRST_DUE * 2 ** min(found.tries - 1, 20), LONGEST_DUE)
            self._store.failed(found.id, str(error), holder=self._holder, due=self._now() + wait)
            self._look(now)
            raise
        self._store.taken(found.id, now=self._now())
        if self.problem is not None:
            self._look(now)
        return 0.0

    def _look(self, now: int) -> None:
        self._looked = now
        left = self._store.untaken()
        if left is None:
            self.problem = None
            return
        what = "1 notice was" if left.count == 1 else f"{left.count} notices were"
        since = written(left.oldest)
        self.problem = f"{what} not taken, the oldest of {since}: {left.problem}"

    def release(self) -> None:
        """Nothing: a notice that was not sent is given back when that fails."""

    def close(self) -> None:
        """End what is under way."""
        self._poster.close()


def _body(notice: Notice) -> bytes:
    """Give a notice as it is sent: what it says, when that was, and its key."""
    said: dict[str, Any] = msgspec.json.decode(notice.body)
    said.pop("at", None)
    made = {"kind": notice.kind, "key": notice.key, "at": written(notice.created), **said}
    return msgspec.json.encode(made)


class Notifying:
    """Sends notices where the settings say to; without a server they stay in the store."""

    def __init__(self, notifier: Notifier | None, metrics: Metrics) -> None:
        self._notifier = notifier
        self._sender = None if notifier is None else Repeated(notifier, metrics)

    @property
    def fault(self) -> str | None:
        """What is degraded, in a sentence; None while all is taken."""
        return None if self._notifier is None else self._notifier.problem

    def start(self) -> None:
        """Begin to send."""
        if self._sender is not None:
            self._sender.start()

    def stop(self) -> None:
        """Send no more."""
        if self._sender is not None:
            self._sender.stop()
