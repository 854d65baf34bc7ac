"""What is held for a call, and how that changes: as any charging engine may keep it (M4, M7).

`destinations` are those that were dialled before the one under way. Of one whose end is not known
yet the cost is held still, and the price of each stays known: its leg may be told of late.
"""

from __future__ import annotations

from typing import Self

import msgspec

from controller.credit.deciding import Decision, Payer
from controller.credit.model import Begin, Dial, Extend, Granted, Identify, Price, Refused
from controller.credit.rating import charge


class Dialled(msgspec.Struct, frozen=True):
    """A destination that was dialled earlier; `open`: what it has cost is not known yet."""

    position: int
    price: Price | None
    seconds: int
    open: bool


class Hold(msgspec.Struct):
    """What is held for a call: one for an attempt, over both legs.

    Attributes:
        call, request, extension: as in `model.Begin`.
        account: whose; `limited`: whether it was limited when it was held.
        amount: micro-units that are held still; what was charged is no part of it any more.
        serial: counts what was granted.
        return_price: what the return leg is charged by; None: it is free. `return_seconds`: how
            long it may last; `return_answered`: when it was, as far as was told;
            `return_settled`: whether it is paid for.
        position: of the destination under way, 0: there is none. Its price, seconds, answer as
            those of the return leg.
        destinations: those before it.
        until: when it ends by itself, if nobody renews it.
        ended: since when nothing is held any more; None: it is held.

    """

    call: str
    request: str
    extension: str
    account: str
    limited: bool
    amount: int
    serial: int
    return_price: Price | None
    return_seconds: int
    return_answered: int | None
    return_settled: bool
    position: int
    destination_price: Price | None
    destination_seconds: int
    destination_answered: int | None
    destinations: tuple[Dialled, ...]
    until: int
    created: int
    changed: int
    ended: int | None

    @classmethod
    def begun(
        cls,
        call: Begin | Identify,
        account: str,
        price: Price | None,
        decided: Decision,
        *,
        limited: bool,
    ) -> Self:
        """Hold for a return call what is decided for it, of nothing that was held before."""
        hold = cls(
            call=call.call,
            request=call.request,
            extension=call.extension,
            account=account,
            limited=limited,
            amount=0,
            serial=0,
            return_price=price,
            return_seconds=0,
            return_answered=None,
            return_settled=False,
            position=0,
            destination_price=None,
            destination_seconds=0,
            destination_answered=None,
            destinations=(),
            until=0,
            created=call.now,
            changed=call.now,
            ended=None,
        )
        hold.grant(decided, call.now, limited=limited)
        return hold

    def grant(self, decided: Decision, now: int, *, limited: bool) -> None:
        """Let what is decided be what is held, and open; 0 s: the return leg's limit stays."""
        granted = decided.granted
        self.limited, self.amount = limited, decided.amount
        self.return_seconds = granted.return_seconds or self.return_seconds
        self.destination_seconds = granted.destination_seconds
        self.serial, self.until, self.changed, self.ended = granted.serial, granted.until, now, None

    def reserved(self) -> int:
        """Give what the destinations before this one cost at most, of which no end is known."""
        return sum(charge(one.price, one.seconds) for one in self.destinations if one.open)

    def needed(self) -> int:
        """Give what the legs that are not over cost if they last as long as they may."""
        cost = self.reserved() + charge(self.destination_price, self.destination_seconds)
        return (
            cost if self.return_settled else cost + charge(self.return_price, self.return_seconds)
        )

    def held(self, *, unlimited: bool) -> int:
        """Give what is held of an account as it is now; nothing, where it was not limited then."""
        return self.amount if self.limited or unlimited else 0

    def is_dialled(self, call: Dial, price: Price | None) -> bool:
        """Whether this destination is the one under way already: it is asked for again."""
        same = self.position == call.position and self.destination_price == price
        return same and self.ended is None

    def make_way(self, position: int) -> None:
        """Put the destination under way aside for another one, which may have been there before."""
        self.put_aside(open=self.ended is None)
        self.destinations = tuple(one for one in self.destinations if one.position != position)

    def dial(
        self, call: Dial, price: Price | None, decided: Decision, payer: Payer, before: int
    ) -> None:
        """Let a destination be under way (M4); `before`: what was `held` when it was asked for."""
        self.position, self.destination_price = call.position, price
        self.return_answered = call.answered
        self.grant(decided, call.now, limited=not payer.unlimited)
        if payer.bounded:
            # What the legs may last already stays held, also where that is over a limit by now.
            self.amount = max(self.amount + self.reserved(), min(before, self.needed()))

    def is_over_for(self, call: Extend) -> bool:
        """Whether what more is asked for is over: it is told of late."""
        over = not self.position or call.position not in (0, self.position)
        return self.return_settled or (call.connected is not None and over)

    def extend(self, call: Extend, decided: Decision, payer: Payer, before: int) -> None:
        """Let it last longer; `before`: what was `held` when that was asked for."""
        self.return_answered, self.destination_answered = call.answered, call.connected
        self.grant(decided, call.now, limited=not payer.unlimited)
        if payer.bounded:
            # What was granted stays held, also where somebody has taken money away meanwhile.
            most = max(before, payer.money)
            self.amount = min(max(before, self.amount + self.reserved()), most)

    def lower(self, now: int) -> None:
        """Hold no more than the legs need that are not over; nothing, where all are."""
        self.changed = now
        self.amount = min(self.amount, self.needed())
        if self.idle():
            self.amount = 0
            self.ended = now if self.ended is None else self.ended

    def shorten(self, seconds: int) -> None:
        """Take it that the return leg ends after so many seconds: no more is held for it."""
        if seconds < self.return_seconds:
            self.return_seconds = seconds
            self.amount = min(self.amount, self.needed())

    def idle(self) -> bool:
        """Whether no leg is left that this is held for."""
        return (
            self.return_settled
            and not self.position
            and not any(one.open for one in self.destinations)
        )

    def has_called(self) -> bool:
        """Whether a destination was dialled that costs something."""
        prices = (self.destination_price, *(one.price for one in self.destinations))
        return any(price is not None for price in prices)

    def price(self, position: int) -> Price | None:
        """Give what a leg is charged by; 0 is the return leg. None: it is free, or unknown."""
        if position == 0:
            return self.return_price
        if position == self.position:
            return self.destination_price
        return next((one.price for one in self.destinations if one.position == position), None)

    def is_open(self, position: int) -> bool:
        """Whether something is held for a leg; 0 is the return leg."""
        if position == 0:
            return not self.return_settled
        return position == self.position or any(
            one.open for one in self.destinations if one.position == position
        )

    def put_aside(self, *, open: bool) -> None:  # noqa: A002  (what the field is called)
        """Let there be no destination under way; it is kept with the earlier ones."""
        if self.position:
            one = Dialled(self.position, self.destination_price, self.destination_seconds, open)
            others = (known for known in self.destinations if known.position != self.position)
            self.destinations = (*others, one)
        self.position, self.destination_price, self.destination_seconds = 0, None, 0
        self.destination_answered = None

    def close(self, position: int) -> bool:
        """Take it that a destination is over; False where it was already, or is unknown."""
        if position and position == self.position:
            self.put_aside(open=False)
            return True
        known = self.destinations
        self.destinations = tuple(
            msgspec.structs.replace(one, open=False) if one.position == position else one
            for one in known
        )
        return self.destinations != known

    def granted(self) -> Granted:
        """Give what was granted last, as far as it is kept."""
        return Granted(
            charged=True,
            return_seconds=self.return_seconds,
            destination_seconds=self.destination_seconds,
            lasts=self.destination_seconds or self.return_seconds or None,
            more=False,
            serial=self.serial,
            until=self.until,
        )


def granted(decision: Decision | Refused) -> Granted | Refused:
    """Give of what is decided what whoever asked is told."""
    return decision if isinstance(decision, Refused) else decision.granted


def again(hold: Hold, decision: Decision | Refused) -> Granted:
    """Give what was granted, of which whoever asked did not get to know.

    How long all that there is would last is not kept, and decided anew.
    """
    kept = hold.granted()
    if isinstance(decision, Refused):
        return kept
    anew = decision.granted
    return msgspec.structs.replace(
        anew,
        return_seconds=kept.return_seconds if anew.return_seconds else 0,
        destination_seconds=kept.destination_seconds,
        serial=kept.serial,
        until=kept.until,
    )
