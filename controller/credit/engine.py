"""The one interface behind which credit is decided: another charging engine can take its place.

`store.charging` is ours. That of somebody else keeps `Provider`, and `store.charging_elsewhere`
makes a `Charging` of it: which legs are recorded, and which node has a call, is known here and not
there. All calls block. Where an engine cannot be asked it raises `Unavailable`, and ours
`store.database.Away`: then nothing is called, since nobody knows who pays. Each may be made again
with the same values: what was granted or settled once is not again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from controller.callback.events import Credit
from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Held,
    Identify,
    LegEnd,
    Refused,
    Settled,
)

#: When all holds have ended by themselves: whoever asks `overdue` for it is given all of them.
FOREVER: Final = 10**17


class Unavailable(Exception):
    """The charging engine cannot be asked now, or did not say whether it has done what was asked.

    Whoever asked asks again, with the same values, or calls nobody.
    """


class Provider(Protocol):
    """Who pays, for how long the credit lasts, and what a call has cost.

    It is asked in threads, several at a time, by several controllers.
    """

    def begin(self, call: Begin) -> Granted | Refused:
        """Hold for a return call (M3), before it is made."""

    def identify(self, call: Identify) -> Granted | Refused:
        """Move what is held to the account of somebody who has identified himself (M9).

        Refused: that account has not enough; what was held stays where it is held.
        """

    def dial(self, call: Dial) -> Granted | Refused:
        """Hold for both legs (M4), before the destination is called."""

    def extend(self, call: Extend) -> Granted:
        """Hold for more of a call.

        What it gives is never less than what was granted before, or what the switch was told since.
        """

    def not_called(self, call: str, position: int) -> None:
        """Release what was held for a destination that no leg of was answered."""

    def settle(self, end: LegEnd) -> Settled:
        """Charge a leg that is over, once, and release what it does not need (M7)."""

    def release(self, call: str, now: int) -> None:
        """Release all that is held for a call of which no leg is left to settle."""

    def overdue(self, now: int) -> Sequence[Held]:
        """Give the calls whose hold has ended by itself and is still there."""

    def credit(self, extension: str, caller: str | None, call: str = "") -> Credit | None:
        """Give what whoever pays has to spend (C2): what is held is not, but for `call` itself.

        None: nobody pays.
        """


class Charging(Provider, Protocol):
    """What controllers ask: a provider, and what is known of its calls beside it."""

    def settled(self, legs: Sequence[str]) -> frozenset[str]:
        """Give those of these legs that are settled already. It only reads."""

    def held_on(self, node: str) -> Sequence[Held]:
        """Give the calls of a node for which something is held."""
