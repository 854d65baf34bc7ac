"""What clients as a whole may have (G3): how often callbacks are made, and how many at a time."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from controller.policy.fields import Rate


class ClientLimits(msgspec.Struct, frozen=True):
    """What all extensions of a client may have together (`Client`); by default without a limit."""

    client: str
    callbacks: Rate = Rate()
    concurrent_calls: int | None = None


class ClientTable:
    """The limits of all clients at one moment, ready to be asked."""

    def __init__(self, limits: Iterable[ClientLimits] = ()) -> None:
        self._by_name = {one.client: one for one in limits}

    @property
    def names(self) -> set[str]:
        """The clients that have limits."""
        return set(self._by_name)

    def of(self, client: str) -> ClientLimits:
        """Give the limits of a client."""
        return self._by_name.get(client) or ClientLimits(client)
