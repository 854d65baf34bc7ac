"""Every decision over money while a call is under way: what is held, and what is granted for it.

A callback is two legs, each charged from its own answer. What is granted are their limits, which
the switch itself keeps (M5); what is held is what both cost if they last as long as that. So an
account that is limited never owes anything, whatever dies.

The return leg outlives the destination's: when that is cut, its caller hears why. It must last
while the destination rings (`rings`), while they talk, and `tail` after that.

Who pays without a limit, or for nothing, is limited by the policy alone: nothing is held. But where
the extension may spend only so much (G3), that is held for whoever pays, as far as the limit goes:
what has been charged lately and what is held are never more than that together.
"""

from __future__ import annotations

from typing import Final

import msgspec

from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Identify,
    Price,
    Refused,
    SpendLimit,
)
from controller.credit.rating import SECOND, charge, longest, seconds_for

#: M3: without a minimum, the credit must buy so many seconds of the return call.
FIRST_SECONDS: Final = 30
#: M4: a destination is not called for a shorter conversation.
WORTH_TALKING: Final = 10
#: How long after the granted time a hold ends by itself, seconds.
SLACK_SECONDS: Final = 60

NO_CREDIT: Final = "no_credit"
NO_RATE: Final = "no_rate"
SPEND_LIMIT: Final = "spend_limit"


class Payer(msgspec.Struct, frozen=True):
    """Whose account pays.

    Attributes:
        available: micro-units: what is on it, less what is held for other calls.
        unlimited: whether nothing need be on it.
        room: micro-units that the extension may still spend (`room_of`); None: any sum.

    """

    available: int
    unlimited: bool
    room: int | None = None

    @property
    def bounded(self) -> bool:
        """Whether there is an end to what the call may cost."""
        return not self.unlimited or self.room is not None

    @property
    def by_limit(self) -> bool:
        """Whether that is where the extension's limit is reached, and not where the credit ends."""
        return self.room is not None and (self.unlimited or self.room < self.available)

    @property
    def money(self) -> int:
        """Give what the call may cost, where there is an end to it."""
        return self.room if self.room is not None and self.by_limit else self.available

    @property
    def refused(self) -> Refused:
        """Give why there is too little."""
        return Refused(SPEND_LIMIT if self.by_limit else NO_CREDIT)

    def less(self, reserved: int) -> Payer:
        """Give what there is for the rest of a call, of which so much is held already."""
        room = None if self.room is None else self.room - reserved
        return Payer(self.available - reserved, self.unlimited, room)


def room_of(limit: SpendLimit, hour: int, day: int, held: int) -> int:
    """Give what an extension may still spend (G3), micro-units; below 0: it has a lower limit now.

    `hour`, `day`: what its calls were charged in the last 60 minutes and 24 hours; `held`: what is
    held for its other calls. As long as no more than this is held for one more, no window that
    ends later has more in it: what is charged then is held now, or it is in this one too.
    """
    left = [
        most - spent
        for most, spent in ((limit.per_hour, hour), (limit.per_day, day))
        if most is not None
    ]
    return min(left) - held


class Decision(msgspec.Struct, frozen=True):
    """What is held from now on for the whole of a call, micro-units, and what is granted."""

    amount: int
    granted: Granted


def decide_begin(call: Begin, price: Price | None, payer: Payer | None) -> Decision | Refused:
    """Decide whether a return call is made, and for how long (M3).

    `price` is the return call's; `payer` None: nobody pays. What is granted is counted from the
    answer, and no more of it is granted than `exposure` pays for.
    """
    if _lacks_rate(payer, price, free=call.free):
        return Refused(NO_RATE)
    if payer is None or not payer.bounded or call.free:
        granted = Granted(charged=payer is not None, return_seconds=0, more=False, until=call.until)
        return Decision(0, granted)
    first = charge(price, min(FIRST_SECONDS, call.wanted, call.longest))
    least = first if call.minimum is None else call.minimum
    if not payer.unlimited and payer.available < least:
        return Refused(NO_CREDIT)
    cap = payer.money if call.exposure is None else min(payer.money, call.exposure)
    seconds = seconds_for(price, cap, min(call.wanted, call.longest))
    if payer.by_limit and payer.money < first:
        return Refused(SPEND_LIMIT)
    if seconds == 0:
        return Refused(NO_CREDIT)
    bought = seconds_for(price, payer.money, call.longest)
    lasts, more = _outlook(seconds, bought, call.longest)
    granted = Granted(
        charged=True,
        return_seconds=seconds,
        lasts=lasts,
        more=more,
        until=call.until,
        spend_limit=_by_limit(payer, lasts),
    )
    return Decision(charge(price, seconds), granted)


def lasts_on(call: Identify, price: Price | None, before: int, *, bounded: bool) -> bool:
    """Whether what was granted lasts for as long as somebody who has identified himself needs (M9).

    `before`: the return leg's limit till now, 0 where that is the policy's, which is enough where
    nobody need have money for it. `bounded`: there is an end to what it may cost (`Payer`).
    """
    needs_money = bounded and price is not None and not call.free
    lasting = before or (0 if needs_money else call.longest)
    return lasting >= _least(call)


def _least(call: Identify) -> int:
    """Give the seconds that the return leg must last for somebody who has identified himself."""
    elapsed = _seconds_up(call.answered, call.now)
    return min(elapsed + min(FIRST_SECONDS, call.wanted), call.longest)


def decide_identify(
    call: Identify, price: Price | None, payer: Payer | None, serial: int
) -> Decision | Refused:
    """Decide whether the account of somebody who has identified himself takes the call over (M9).

    It pays for the return leg from its answer on, and for the dialogue's next seconds. `serial` is
    that of this grant. The limits are given also where nothing is held: those that were set for
    the account that has paid till now may be shorter than the policy's.
    """
    if _lacks_rate(payer, price, free=call.free):
        return Refused(NO_RATE)
    elapsed = _seconds_up(call.answered, call.now)
    seconds, bought = call.longest, call.longest
    if payer is None or not payer.bounded or call.free:
        price = None
    else:
        seconds = seconds_for(price, payer.money, min(elapsed + call.wanted, call.longest))
        if seconds < _least(call):
            return payer.refused
        bought = seconds_for(price, payer.money, call.longest)
    lasts, more = _outlook(seconds, bought, call.longest)
    granted = Granted(
        charged=payer is not None,
        return_seconds=seconds,
        lasts=lasts,
        more=more,
        serial=serial,
        until=max(call.until, _over(call.answered, seconds)),
        spend_limit=_by_limit(payer, lasts),
    )
    return Decision(charge(price, seconds), granted)


def decide_dial(
    call: Dial,
    return_price: Price | None,
    price: Price | None,
    payer: Payer | None,
    serial: int,
    before: int = 0,
) -> Decision | Refused:
    """Decide whether a destination is called, and for how long they may talk (M4).

    `return_price` None: the return leg is free. `serial` is that of this grant; `before` the return
    leg's limit till now, 0 where that is the policy's.
    """
    free = call.free or call.emergency
    if _lacks_rate(payer, price, free=free):
        return Refused(NO_RATE)
    if free:
        price = None
    elapsed = _seconds_up(call.answered, call.now)
    around = elapsed + call.rings + call.tail
    talk, bought = call.longest, call.longest
    if payer is None or not payer.bounded:
        # Where the policy's limit stands it stays: it has room for all of this.
        lasting = max(before, around + talk) if before else 0
    elif call.emergency:
        lasting = max(before, around + talk)
    else:
        most = min(call.slice, call.longest)
        talk = longest(return_price, around, price, payer.money, most)
        lasting = around + talk
        if talk < min(WORTH_TALKING, most):
            if not free:
                return payer.refused
            # It costs nothing, so it is called; the return leg ends when its own credit does.
            lasting = max(before, seconds_for(return_price, payer.money, around + most))
            talk = min(most, max(1, lasting - elapsed))
        bought = longest(return_price, around, price, payer.money, call.longest)
    lasts, more = _outlook(talk, bought, call.longest)
    if return_price is None and payer is not None and payer.bounded:
        lasting = 0
    cost = charge(return_price, lasting or around + talk) + charge(price, talk)
    granted = Granted(
        charged=payer is not None,
        return_seconds=lasting,
        destination_seconds=talk,
        lasts=lasts,
        more=more,
        serial=serial,
        until=_over(call.answered, max(lasting, around + talk)),
        spend_limit=_by_limit(payer, lasts),
    )
    return Decision(_held(payer, cost, emergency=call.emergency), granted)


def decide_extend(
    call: Extend,
    return_price: Price | None,
    price: Price | None,
    payer: Payer | None,
    before: Granted,
) -> Decision:
    """Decide for how much longer a call goes on (M4): never for less than was granted `before`.

    While nobody is talked to it is the dialogue that does. A destination that rings still
    (`before.destination_seconds`, and not `connected`) keeps what is held for it. Where no limit
    is moved the serial stays too: the switch need not be told.
    """
    lasting, talk = before.return_seconds, before.destination_seconds
    lasts, more = before.lasts, before.more
    going_on = lasting
    if call.connected is not None:
        lasting, talk, bought = _more_talk(call, return_price, price, payer, before)
        lasts, more = _outlook(talk, bought, call.longest)
        going_on = _seconds_up(call.answered, call.connected) + talk + call.tail
    elif talk == 0:
        lasting, bought = _more_dialogue(call, return_price, payer, lasting)
        lasts, more = _outlook(lasting, bought, call.longest)
        going_on = _seconds_up(call.answered, call.now) + call.slice
    cost = charge(return_price, lasting or going_on) + charge(price, talk)
    moved = (lasting, talk) != (before.return_seconds, before.destination_seconds)
    granted = Granted(
        charged=payer is not None,
        return_seconds=lasting,
        destination_seconds=talk,
        lasts=lasts,
        more=more,
        serial=before.serial + moved,
        until=max(before.until, _over(call.answered, lasting or going_on)),
        spend_limit=_by_limit(payer, lasts),
    )
    return Decision(_held(payer, cost), granted)


def _more_dialogue(
    call: Extend, price: Price | None, payer: Payer | None, before: int
) -> tuple[int, int]:
    """Give how long the return leg may last now, and could on all that is available."""
    if payer is None or not payer.bounded or price is None:
        return (max(before, call.longest) if before else 0), call.longest
    most = min(_seconds_up(call.answered, call.now) + call.slice, call.longest)
    lasting = max(before, seconds_for(price, payer.money, most)) if before else 0
    return lasting, seconds_for(price, payer.money, call.longest)


def _more_talk(
    call: Extend,
    return_price: Price | None,
    price: Price | None,
    payer: Payer | None,
    before: Granted,
) -> tuple[int, int, int]:
    """Give how long the legs may last now, and how long they could talk on all that is available.

    From here on it is known how long the destination rang, so that the moment that it answered is
    what the legs have between them.
    """
    assert call.connected is not None
    talk, lasting = before.destination_seconds, before.return_seconds
    around = _seconds_up(call.answered, call.connected) + call.tail
    if payer is None or not payer.bounded:
        talk = max(talk, call.longest)
        return (max(lasting, around + talk) if lasting else 0), talk, call.longest
    money = payer.money
    most = min(_seconds_up(call.connected, call.now) + call.slice, call.longest)
    talk = max(talk, longest(return_price, around, price, money, most, lasting))
    bought = longest(return_price, around, price, money, call.longest, lasting)
    if lasting:
        # Less than `around + talk` where the destination rang for longer than it was to, or is free
        # on a return leg that is not: that ends when its credit does.
        rest = money - charge(price, talk)
        lasting = max(lasting, seconds_for(return_price, rest, around + talk))
    return lasting, talk, bought


def _lacks_rate(payer: Payer | None, price: Price | None, *, free: bool) -> bool:
    """Whether somebody would pay for a call of which nobody knows the price."""
    return payer is not None and price is None and not free


def _held(payer: Payer | None, cost: int, *, emergency: bool = False) -> int:
    """Give what is held of a cost: nothing where there is no end to what a call may cost.

    It is more than there is only where a call was begun that needed none: then it is held as far
    as it goes. An emergency call goes beyond the extension's limit, and others have less of it.
    """
    if payer is None or not payer.bounded:
        return 0
    if emergency:
        return cost if payer.unlimited else min(cost, max(0, payer.available))
    return min(cost, max(0, payer.money))


def _by_limit(payer: Payer | None, lasts: int | None) -> bool:
    """Whether the end that money puts to a call, where it puts one, is that of the limit."""
    return payer is not None and lasts is not None and payer.by_limit


def _outlook(granted: int, bought: int, most: int) -> tuple[int | None, bool]:
    """Give how long all that is available lasts, None: as long as the policy; and whether more."""
    lasts = max(granted, bought)
    return (lasts if lasts < most else None), 0 < granted < bought


def _seconds_up(begin: int, end: int) -> int:
    """Give the whole seconds between two moments, a begun one counted."""
    return max(0, -(-(end - begin) // SECOND))


def _over(answered: int, seconds: int) -> int:
    """Give when a hold ends by itself that is for so many seconds of the return leg."""
    return answered + (seconds + SLACK_SECONDS) * SECOND
