"""Our charging engine: accounts, rates, and what is held, in the database.

Each operation is one transaction. It locks the call's hold, then the account that pays, and decides
by `credit.deciding` on what is on that and not held by other calls: however many calls, controllers
or threads ask at once, together they never hold more than there is, nor more than the extension may
spend (`charging_limits`). That there is as much the database's own triggers see to as well
(migration 0007), whoever writes.

Each may be made again when nobody knows whether it was made: what was granted is given again as it
is kept, and a leg is charged once, whoever tells of it first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import Connection, Engine

from controller.callback.events import Credit
from controller.credit import deciding, holding
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
from controller.store import charging_holds as holds
from controller.store import charging_legs as legs
from controller.store import ledger
from controller.store.charging_accounts import (
    Account,
    Standing,
    credit_of,
    lock_payer,
    standing,
    tell_low,
)
from controller.store.charging_holds import Hold
from controller.store.charging_legs import Charged
from controller.store.charging_legs import kept as recorded
from controller.store.charging_limits import payer_within
from controller.store.charging_terms import terms
from controller.store.database import reader_of_one


def _now() -> int:
    return time.time_ns() // 1000


class SqlCharging:
    """Decides over credit, and charges. Calls block; they raise `Away` where the store is."""

    def __init__(self, engine: Engine, now: Callable[[], int] = _now) -> None:
        self._engine = engine
        self._one = reader_of_one(engine)
        self._now = now
        self._insert_leg = legs.inserting(engine.dialect.name)

    # --- while a call is under way -----------------------------------------------------------

    def begin(self, call: Begin) -> Granted | Refused:
        """Hold for a return call (M3), before it is made."""
        with self._engine.begin() as connection:
            account = lock_payer(connection, call.extension, call.caller, call.fallback)
            if account is None or account.price_list is None:
                return holding.granted(deciding.decide_begin(call, None, None))
            by = terms(connection, account, call.call, call.number, call.now, free=call.free)
            known = holds.find(connection, call.call) if by.known else None
            payer = payer_within(connection, account, by.found, call, call.extension, self._now)
            decision = deciding.decide_begin(call, by.price, payer)
            if known is not None and known.ended is None:
                return holding.again(known, decision)
            if isinstance(decision, Refused):
                return decision
            hold = Hold.begun(call, account.id, by.price, decision, limited=not account.unlimited)
            hold.lies = None if known is None else known.lies
            _keep(connection, hold, account, by.found)
            return decision.granted

    def identify(self, call: Identify) -> Granted | Refused:
        """Move what is held to the account of somebody who has identified himself (M9).

        Where neither he nor the extension has one it stays where it is held. Refused: his has not
        enough, and it stays there as well. Where the same one pays on, nothing is held anew as long
        as what was granted lasts, if the switch keeps the limit of that.
        """
        with self._engine.begin() as connection:
            hold, account = holds.find_with_payer(
                connection, call.call, call.extension, call.caller
            )
            if hold is not None and (hold.return_settled or hold.has_called()):
                # It is over; or somebody pays for a destination, and so for the whole call.
                return hold.granted()
            serial = 1 if hold is None else hold.serial + 1
            if account is None or account.price_list is None:
                if hold is not None:
                    holds.forget(connection, call.call)
                return holding.granted(deciding.decide_identify(call, None, None, serial))
            by = terms(connection, account, call.call, call.number, call.now, free=call.free)
            if hold is not None and _stays(call, hold, account, by.price):
                return hold.granted()
            payer = payer_within(connection, account, by.found, call, call.extension, self._now)
            decision = deciding.decide_identify(call, by.price, payer, serial)
            if hold is not None and hold.account == account.id and hold.return_answered is not None:
                return holding.again(hold, decision)
            if isinstance(decision, Refused):
                return decision
            new = Hold.begun(call, account.id, by.price, decision, limited=not account.unlimited)
            new.return_answered = call.answered
            if hold is not None:
                new.created, new.lies = hold.created, hold.lies
            _keep(connection, new, account, by.found)
            return decision.granted

    def dial(self, call: Dial) -> Granted | Refused:
        """Hold for both legs (M4), before the destination is called."""
        with self._engine.begin() as connection:
            hold, account = holds.find_with_account(connection, call.call)
            if hold is None or account is None:
                return holding.granted(deciding.decide_dial(call, None, None, None, 0))
            by = terms(connection, account, call.call, call.number, call.now, free=call.free)
            price = by.price
            again = hold.is_dialled(call, price)
            before = hold.held(unlimited=account.unlimited)
            if not again:
                hold.make_way(call.position)
            payer = payer_within(connection, account, by.found, call, hold.extension, self._now)
            decision = deciding.decide_dial(
                call,
                hold.return_price,
                price,
                payer.less(hold.reserved()),
                hold.serial + 1,
                hold.return_seconds,
            )
            if again:
                return holding.again(hold, decision)
            if isinstance(decision, Refused):
                return decision
            hold.dial(call, price, decision, payer, before)
            _keep(connection, hold, account, by.found)
            return decision.granted

    def extend(self, call: Extend) -> Granted:
        """Hold for more of a call; never for less than its switch lets it last."""
        with self._engine.begin() as connection:
            hold, account = holds.find_with_account(connection, call.call)
            if hold is None or account is None:
                talk = 0 if call.connected is None else call.longest
                return Granted(
                    charged=False, return_seconds=0, destination_seconds=talk, more=False
                )
            if hold.is_over_for(call):
                return hold.granted()
            found = standing(connection, account.id, call.call)
            if call.shortened and call.serial == hold.serial:
                hold.shorten(call.shortened)
            before = hold.held(unlimited=account.unlimited)
            payer = payer_within(connection, account, found, call, hold.extension, self._now)
            decision = deciding.decide_extend(
                call,
                hold.return_price,
                hold.destination_price,
                payer.less(hold.reserved()),
                hold.granted(),
            )
            hold.extend(call, decision, payer, before)
            _keep(connection, hold, account, found)
            return decision.granted

    def not_called(self, call: str, position: int) -> None:
        """Release what was held for a destination that no leg of was answered."""
        with self._engine.begin() as connection:
            hold = holds.find(connection, call)
            if hold is not None and hold.close(position):
                self._lower(connection, hold)

    def release(self, call: str, now: int) -> None:
        """Release all that is held for a call of which no leg is left to settle."""
        with self._engine.begin() as connection:
            hold = holds.find(connection, call)
            if hold is not None and hold.ended is None:
                hold.amount, hold.ended, hold.changed = 0, now, now
                holds.keep(connection, hold)

    # --- when a leg is over ------------------------------------------------------------------

    def settle(self, end: LegEnd) -> Settled:
        """Charge a leg that is over, keep its record, and release what it does not need (M7).

        Of an account that is limited no more is taken than was held, or, where the hold has ended
        by itself, than is there. The first who tells of a leg counts.
        """
        with self._engine.begin() as connection:
            hold, account = holds.find_with_account(connection, end.call)
            found = legs.read(connection, end, hold)
            if found.known is not None:
                return _known(connection, found.known)
            seconds = 0 if end.answered is None else billed(end.answered, end.ended)
            charged, left = Charged(seconds), None
            if hold is not None and account is not None:
                charged, left = self._charge(connection, end, hold, account, found, seconds)
            row = legs.values_of(connection, end, found.facts, charged, self._now())
            if self._insert_leg.first(connection, row) is None:
                # Two told of it at once, of a call for which nothing is held.
                known = legs.known(connection, end)
                assert known is not None
                return _known(connection, known)
            paid = None if left is None else charged.currency
            return Settled(True, seconds, charged.charge, charged.uncovered, left, paid)

    def _charge(
        self,
        connection: Connection,
        end: LegEnd,
        hold: Hold,
        account: Account,
        leg: legs.Found,
        seconds: int,
    ) -> tuple[Charged, int]:
        """Take what a leg costs from what is held, and give it, and what is left on the account."""
        now, found = self._now(), leg.standing
        side = 0 if end.side is Side.RETURN else end.position
        price, left = hold.price(side), found.left
        cost = charge(price, seconds)
        taken = cost
        if hold.limited:
            if hold.ended is not None or not hold.is_open(side):
                # It was released before anybody knew of this leg: what it costs is held again.
                more = max(0, min(cost, found.left - found.held - hold.amount))
                if more:
                    hold.amount, hold.ended, hold.changed = hold.amount + more, None, now
                    holds.keep(connection, hold)
            taken = min(cost, hold.amount)
        if taken:
            left -= taken
            notes = f"{leg.facts.number or ''} {seconds} s".lstrip()
            after = (found.position, found.left)
            ledger.take(connection, account.id, end.call, end.leg, taken, notes, after, now)
            tell_low(connection, account, left, found.position + 1, now)
            # Of an account that is not limited nothing may be held, or as much as a limit lets.
            hold.amount -= min(taken, hold.amount)
        if end.answered is not None:
            if end.side is Side.RETURN:
                hold.return_settled = True
            else:
                hold.close(end.position)
            self._lower(connection, hold)
        charged = Charged(seconds, account.id, account.currency, price, taken, cost - taken)
        return charged, left

    def _lower(self, connection: Connection, hold: Hold) -> None:
        """Hold no more than the legs need that are not over; nothing, where all are."""
        hold.lower(self._now())
        holds.keep(connection, hold)

    def settled(self, legs: Sequence[str]) -> frozenset[str]:
        """Give those of these legs that are settled already. It only reads."""
        with self._one.connect() as connection:
            return recorded(connection, legs)

    # --- what there is -----------------------------------------------------------------------

    def overdue(self, now: int) -> Sequence[Held]:
        """Give the calls whose hold has ended by itself and is still there."""
        with self._one.connect() as connection:
            return holds.overdue(connection, now)

    def held_on(self, node: str) -> Sequence[Held]:
        """Give the calls of a node for which something is held."""
        with self._one.connect() as connection:
            return holds.held_on(connection, node)

    def credit(self, extension: str, caller: str | None, call: str = "") -> Credit | None:
        """Give what whoever pays has to spend (C2): what other calls hold is not."""
        with self._one.connect() as connection:
            return credit_of(connection, extension, caller, call)


def _stays(call: Identify, hold: Hold, account: Account, price: Price | None) -> bool:
    """Whether what is held may stay as it is now that somebody has identified himself (M9)."""
    return (
        call.told == hold.serial
        and hold.ended is None
        and hold.account == account.id
        and hold.limited is not account.unlimited
        and hold.return_price == price
        and deciding.lasts_on(
            call,
            price,
            hold.return_seconds,
            bounded=not account.unlimited or call.limit is not None,
        )
    )


def _keep(connection: Connection, hold: Hold, account: Account, found: Standing) -> None:
    holds.keep(connection, hold)
    tell_low(connection, account, found.left, found.position, hold.changed)


def _known(connection: Connection, known: legs.Known) -> Settled:
    left = None if known.account is None else standing(connection, known.account, "").left
    return Settled(False, known.seconds, known.charge, known.uncovered, left)
