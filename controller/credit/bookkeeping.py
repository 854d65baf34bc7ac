"""A charging engine without its books: whoever has accounts and prices of his own brings those.

`Booked` keeps every rule of money (M3, M4, M7, M9) as our own engine does; `books.Books` is what it
asks of wherever the money is. An engine need not be made of it: `engine.Provider` is all that a
controller asks, and `controller.contract` shows whether one keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from controller.callback.events import Credit
from controller.credit import deciding, holding
from controller.credit.books import Account, Books, Charge
from controller.credit.deciding import Payer
from controller.credit.holding import Hold
from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Held,
    Identify,
    LegEnd,
    Price,
    Refused,
    Settled,
    Side,
)
from controller.credit.rating import billed, charge

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR


class Booked:
    """An engine of these books. `now`: the time, microseconds since 1970.

    It raises what the books raise: `engine.Unavailable` where they cannot be asked.
    """

    def __init__(
        self, books: Callable[[], AbstractContextManager[Books]], now: Callable[[], int]
    ) -> None:
        self._books = books
        self._now = now

    # --- while a call is under way -----------------------------------------------------------

    def begin(self, call: Begin) -> Granted | Refused:
        """Hold for a return call (M3), before it is made."""
        with self._books() as books:
            known = books.hold(call.call)
            account = books.payer(call.extension, call.caller, call.fallback)
            if account is None:
                return holding.granted(deciding.decide_begin(call, None, None))
            price = self._price(books, account, call)
            payer = self._payer(books, account, call, call.extension)
            decision = deciding.decide_begin(call, price, payer)
            if known is not None and known.ended is None:
                return holding.again(known, decision)
            if isinstance(decision, Refused):
                return decision
            books.keep(Hold.begun(call, account.id, price, decision, limited=not account.unlimited))
            return decision.granted

    def identify(self, call: Identify) -> Granted | Refused:
        """Move what is held to the account of somebody who has identified himself (M9)."""
        with self._books() as books:
            hold = books.hold(call.call)
            account = books.payer(call.extension, call.caller, None)
            if account is None and hold is not None:
                account = books.account(hold.account)
            if hold is not None and (hold.return_settled or hold.has_called()):
                # It is over; or somebody pays for a destination, and so for the whole call.
                return hold.granted()
            serial = 1 if hold is None else hold.serial + 1
            if account is None:
                return holding.granted(deciding.decide_identify(call, None, None, serial))
            price = self._price(books, account, call)
            payer = self._payer(books, account, call, call.extension)
            decision = deciding.decide_identify(call, price, payer, serial)
            if hold is not None and hold.account == account.id and hold.return_answered is not None:
                return holding.again(hold, decision)
            if isinstance(decision, Refused):
                return decision
            new = Hold.begun(call, account.id, price, decision, limited=not account.unlimited)
            new.return_answered = call.answered
            if hold is not None:
                new.created = hold.created
            books.keep(new)
            return decision.granted

    def dial(self, call: Dial) -> Granted | Refused:
        """Hold for both legs (M4), before the destination is called."""
        with self._books() as books:
            hold = books.hold(call.call)
            if hold is None:
                return holding.granted(deciding.decide_dial(call, None, None, None, 0))
            account = books.account(hold.account)
            price = self._price(books, account, call)
            repeated = hold.is_dialled(call, price)
            before = hold.held(unlimited=account.unlimited)
            if not repeated:
                hold.make_way(call.position)
            payer = self._payer(books, account, call, hold.extension)
            decision = deciding.decide_dial(
                call,
                hold.return_price,
                price,
                payer.less(hold.reserved()),
                hold.serial + 1,
                hold.return_seconds,
            )
            if repeated:
                return holding.again(hold, decision)
            if isinstance(decision, Refused):
                return decision
            hold.dial(call, price, decision, payer, before)
            books.keep(hold)
            return decision.granted

    def extend(self, call: Extend) -> Granted:
        """Hold for more of a call; never for less than its switch lets it last."""
        with self._books() as books:
            hold = books.hold(call.call)
            if hold is None:
                talk = 0 if call.connected is None else call.longest
                return Granted(
                    charged=False, return_seconds=0, destination_seconds=talk, more=False
                )
            if hold.is_over_for(call):
                return hold.granted()
            account = books.account(hold.account)
            if call.shortened and call.serial == hold.serial:
                hold.shorten(call.shortened)
            before = hold.held(unlimited=account.unlimited)
            payer = self._payer(books, account, call, hold.extension)
            decision = deciding.decide_extend(
                call,
                hold.return_price,
                hold.destination_price,
                payer.less(hold.reserved()),
                hold.granted(),
            )
            hold.extend(call, decision, payer, before)
            books.keep(hold)
            return decision.granted

    def not_called(self, call: str, position: int) -> None:
        """Release what was held for a destination that no leg of was answered."""
        with self._books() as books:
            hold = books.hold(call)
            if hold is not None and hold.close(position):
                self._lower(books, hold)

    def release(self, call: str, now: int) -> None:
        """Release all that is held for a call of which no leg is left to settle."""
        with self._books() as books:
            hold = books.hold(call)
            if hold is not None and hold.ended is None:
                hold.amount, hold.ended, hold.changed = 0, now, now
                books.keep(hold)

    # --- when a leg is over ------------------------------------------------------------------

    def settle(self, end: LegEnd) -> Settled:
        """Charge a leg that is over, and release what it does not need (M7).

        Of an account that is limited no more is taken than was held, or, where the hold has ended
        by itself, than is there. The first who tells of a leg counts.
        """
        with self._books() as books:
            hold = books.hold(end.call)
            seconds = 0 if end.answered is None else billed(end.answered, end.ended)
            if hold is None or end.answered is None:
                return Settled(True, seconds)
            account = books.account(hold.account)
            position = 0 if end.side is Side.RETURN else end.position
            known = books.charged(end.call, position)
            if known is not None:
                left = books.balance(known.account)
                return Settled(
                    False,
                    known.seconds,
                    known.amount,
                    known.uncovered,
                    left,
                    account.currency,
                    known.account,
                )
            cost = charge(hold.price(position), seconds)
            taken = self._taken(books, hold, position, cost)
            books.charge(
                Charge(
                    call=end.call,
                    position=position,
                    leg=end.leg,
                    extension=hold.extension,
                    account=account.id,
                    seconds=seconds,
                    amount=taken,
                    uncovered=cost - taken,
                    at=self._now(),
                )
            )
            hold.amount -= min(taken, hold.amount)
            if position == 0:
                hold.return_settled = True
            else:
                hold.close(position)
            self._lower(books, hold)
            left = books.balance(account.id)
            uncovered = cost - taken
            return Settled(True, seconds, taken, uncovered, left, account.currency, account.id)

    @staticmethod
    def _taken(books: Books, hold: Hold, position: int, cost: int) -> int:
        """Give how much of what a leg costs can be taken, and let that be held."""
        if not hold.limited:
            return cost
        if hold.ended is not None or not hold.is_open(position):
            # It was released before anybody knew of this leg: what it costs is held again.
            others = books.held(hold.account, hold.call)
            there = books.balance(hold.account) - others - hold.amount
            if (more := max(0, min(cost, there))) > 0:
                # And is open again, until its other leg is known too.
                hold.amount, hold.ended = hold.amount + more, None
        return min(cost, hold.amount)

    def _lower(self, books: Books, hold: Hold) -> None:
        """Hold no more than the legs need that are not over; nothing, where all are."""
        hold.lower(self._now())
        books.keep(hold)

    # --- what there is -----------------------------------------------------------------------

    def overdue(self, now: int) -> Sequence[Held]:
        """Give the calls whose hold has ended by itself and is still there."""
        with self._books() as books:
            return [
                Held(
                    call=hold.call,
                    request=hold.request,
                    account=hold.account,
                    amount=hold.amount,
                    charged=0,
                    position=hold.position,
                    return_seconds=hold.return_seconds,
                    destination_seconds=hold.destination_seconds,
                    serial=hold.serial,
                    until=hold.until,
                    answered=hold.return_answered,
                    connected=hold.destination_answered,
                )
                for hold in books.open()
                if hold.until < now
            ]

    def credit(self, extension: str, caller: str | None, call: str = "") -> Credit | None:
        """Give what whoever pays has to spend (C2): what other calls hold is not."""
        with self._books() as books:
            account = books.payer(extension, caller, None)
            if account is None:
                return None
            left = books.balance(account.id) - books.held(account.id, call)
            return Credit(left, account.currency, account.unlimited)

    # --- what is decided by ------------------------------------------------------------------

    @staticmethod
    def _price(books: Books, account: Account, call: Begin | Identify | Dial) -> Price | None:
        return None if call.free else books.price(account.id, call.number, call.now)

    def _payer(
        self,
        books: Books,
        account: Account,
        call: Begin | Identify | Dial | Extend,
        extension: str,
    ) -> Payer:
        there = books.balance(account.id) - books.held(account.id, call.call)
        if call.limit is None:
            return Payer(there, account.unlimited)
        now, currency = self._now(), account.currency
        room = deciding.room_of(
            call.limit,
            books.spent(extension, currency, now - HOUR),
            books.spent(extension, currency, now - DAY),
            books.held_of(extension, currency, call.call),
        )
        return Payer(there, account.unlimited, room)
