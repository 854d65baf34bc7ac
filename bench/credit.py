"""`python -m bench.credit --sequences N --seed S`: calls, top-ups, new rates, crashes, at random.

Each sequence is up to three callbacks at once on two accounts, with a switch that ends legs by
itself, controllers that die before and after they have told it, and records that come late, in
any order and twice. What decides is `controller.credit`; what it is held against here is counted
second by second and kept in lists. After every step: a balance is the sum of its entries, none
that is limited is below zero or has more held than is on it, of what the extension may spend in all
(G3) no more is charged and held than that, and what is held pays for each leg up
to the moment at which the switch will end it. In the end each answered leg was charged once, to
the account that held it, for what the slow count says, and nothing is held.

As a benchmark (`run`) it measures what a decision costs: the peer finds the same by trying one
second after the other, each charge looked up in a table that was made before.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from functools import partial
from typing import Any, Final

import msgspec

from controller.credit.deciding import (
    FIRST_SECONDS,
    WORTH_TALKING,
    Decision,
    Payer,
    decide_begin,
    decide_dial,
    decide_extend,
    decide_identify,
    lasts_on,
)
from controller.credit.model import Begin, Dial, Extend, Granted, Identify, Price, Refused
from controller.credit.rating import billed, charge

SECOND: Final = 1_000_000
BEGUN: Final = 1_700_000_000 * SECOND
CHUNK: Final = 2_000
#: How many steps of time, people and machines a sequence has.
STEPS: Final = 24


class Fault(Exception):
    """The books are not what they must be."""


def demand(holds: bool, told: str) -> None:
    """Raise `Fault` where something does not hold."""
    if not holds:
        raise Fault(told)


# --- the slow count ------------------------------------------------------------------------


class Count:
    """What each number of seconds costs by one price, counted by going through all of them."""

    def __init__(self, price: Price | None) -> None:
        self.price = price
        self.paid = 0
        self.costs = [0]

    def of(self, seconds: int) -> int:
        """Give what so many seconds cost."""
        while len(self.costs) <= seconds:
            self.costs.append(self._next(len(self.costs)))
        return self.costs[seconds]

    def _next(self, second: int) -> int:
        price = self.price
        if price is None:
            return 0
        if second == 1:
            self.paid = price.first_block
        if second > self.paid:
            self.paid += price.interval
        return price.setup_fee + math.ceil(Fraction(price.per_minute * self.paid, 60))


def prices(chance: random.Random) -> list[Price]:
    """Make prices of all kinds: of currencies without coins, and of a thousand to the unit."""
    return [
        Price(
            prefix="+",
            per_minute=chance.choice((0, 1, 59, 10_000, 33_333, 90_001, 1_000_000, 25_000_000)),
            setup_fee=chance.choice((0, 0, 0, 1, 50_000, 1_000_000)),
            first_block=chance.choice((1, 1, 6, 30, 60)),
            interval=chance.choice((1, 1, 6, 10, 30, 60)),
        )
        for _ in range(96)
    ]


PRICES: Final = prices(random.Random(2))
_COUNTS: Final[dict[Price | None, Count]] = {price: Count(price) for price in (None, *PRICES)}


def counted(price: Price | None, seconds: int) -> int:
    """Give what so many seconds cost, by the slow count."""
    return _COUNTS[price].of(seconds)


def counted_longest(
    first: Price | None, around: int, second: Price | None, money: int, most: int, at_least: int = 0
) -> int:
    """Give for how long two legs can go on together, by trying one second after the other."""
    for tried in range(1, most + 1):
        if counted(first, max(around + tried, at_least)) + counted(second, tried) > money:
            return tried - 1
    return most


# --- the books -----------------------------------------------------------------------------


class Account(msgspec.Struct):
    """An account: its entries, and the balance that the database keeps beside them."""

    limited: bool
    balance: int
    entries: list[int]

    def enter(self, amount: int) -> None:
        """Add an entry."""
        self.entries.append(amount)
        self.balance += amount


class Hold(msgspec.Struct):
    """What is held for a call. `loose`: it was granted what nobody need have had the money for."""

    account: Account | None
    amount: int
    return_price: Price | None
    price: Price | None
    granted: Granted
    loose: bool
    return_settled: bool = False


class Leg(msgspec.Struct):
    """A leg as its switch knows it: `cut` is when that ends it, if nobody does before."""

    answered: int
    cut: int
    ended: int | None = None
    settled: bool = False


class Call(msgspec.Struct):
    """A callback: what is true of it, not what anybody knows."""

    free: bool
    exposure: int | None
    hold: Hold
    wanted: int
    tail: int
    identified: bool = False
    alive: bool = True
    leg: Leg | None = None
    other: Leg | None = None
    rings_until: int | None = None
    over: bool = False


class Sequence:
    """One sequence of steps. `thorough`: every grant is also looked for second by second."""

    def __init__(self, chance: random.Random, *, thorough: bool = False) -> None:
        self.chance = chance
        self.thorough = thorough
        self.now = BEGUN + int(chance.random() * SECOND)
        rich = chance.choice((0, 100_000, 1_000_000, 5_000_000, 300_000_000))
        self.accounts = [self._account(rich), self._account(rich)]
        self.paying = chance.random() < 0.9
        self.has_own = chance.random() < 0.5
        self.rates: list[Price | None] = [chance.choice(PRICES) for _ in range(4)]
        self.calls: list[Call] = []
        self.seen: Counter[str] = Counter()
        #: What all calls may cost, whoever pays; what they have cost; and whether somebody has
        #: called for help, which is counted and not limited.
        self.most = chance.choice((None, None, 100_000, 1_000_000, 20_000_000))
        self.spent = 0
        self.helped = False
        self.longest = chance.choice((60, 300, 900))
        self.slice = chance.choice((30, 60, 300))

    def _account(self, rich: int) -> Account:
        amount = int(self.chance.random() * rich)
        return Account(self.chance.random() < 0.9, amount, [amount])

    # --- what the database does

    def payer(self, account: Account | None, call: Call | None) -> Payer | None:
        """Give who pays, with what other calls leave him."""
        if account is None:
            return None
        others = sum(
            other.hold.amount
            for other in self.calls
            if other is not call and not other.over and other.hold.account is account
        )
        return Payer(account.balance - others, not account.limited, self.room(call))

    def room(self, call: Call | None) -> int | None:
        """Give what other calls leave of what may be spent; None: any sum."""
        if self.most is None:
            return None
        held = sum(c.hold.amount for c in self.calls if c is not call and not c.over)
        return self.most - self.spent - held

    def keep(self, hold: Hold, decision: Decision, payer: Payer | None) -> None:
        """Write down what is held and granted; only where there is so much."""
        if payer is not None and payer.bounded:
            amount = decision.amount
            demand(amount >= 0, "less than nothing is held")
            if not payer.unlimited:
                demand(amount <= max(payer.available, 0), "more is held than there is")
            if payer.room is not None and not self.helped:
                demand(amount <= max(payer.room, 0), "more is held than may be spent")
        else:
            demand(decision.amount == 0, "something is held of nobody, or of one without a limit")
        hold.amount, hold.granted = decision.amount, decision.granted

    def settle(self, call: Call, leg: Leg) -> None:
        """Charge a leg that is over, once."""
        self.seen["settled"] += 1
        assert leg.ended is not None
        if leg.settled:
            self.seen["settled again"] += 1
            return
        leg.settled = True
        hold = call.hold
        back = leg is call.leg
        price = hold.return_price if back else hold.price
        seconds = billed(leg.answered, leg.ended)
        length = Fraction(leg.ended - leg.answered, SECOND)
        demand(abs(seconds - length) <= Fraction(1, 2) or seconds == 1, "a second is free")
        cost = charge(price, seconds)
        demand(cost == counted(price, seconds), f"{cost} for {seconds} s by {price}")
        account = hold.account
        if account is not None:
            taken = min(cost, hold.amount) if account.limited else cost
            demand(taken == cost or hold.loose, f"{cost - taken} of {cost} is not covered")
            account.enter(-taken)
            self.spent += taken
            hold.amount = max(0, hold.amount - taken)
        if back:
            hold.return_settled = True
        else:
            self.no_destination(call)

    def no_destination(self, call: Call) -> None:
        """Let go of what was held for a destination that is over, or was not reached."""
        hold = call.hold
        hold.granted = msgspec.structs.replace(hold.granted, destination_seconds=0)
        call.other = call.rings_until = None
        if hold.return_settled:
            hold.amount = 0
        else:
            hold.amount = min(hold.amount, charge(hold.return_price, hold.granted.return_seconds))

    # --- what the switch does

    def limit(self, leg: Leg, seconds: int) -> None:
        """Have a leg ended after so many seconds from its answer: up to one earlier."""
        left = seconds - -(-(self.now - leg.answered) // SECOND)
        leg.cut = self.now + max(0, int((left - self.chance.random()) * SECOND))

    def tell(self, call: Call) -> None:
        """Tell the switch what was granted, the return leg's limit first."""
        granted = call.hold.granted
        if call.leg is not None and granted.return_seconds:
            self.limit(call.leg, granted.return_seconds)
        if call.other is not None:
            self.limit(call.other, granted.destination_seconds)

    def advance(self, micros: int) -> None:
        """Let time pass, and the switch end what is due."""
        self.now += micros
        for call in self.calls:
            leg, other = call.leg, call.other
            if leg is None or leg.ended is not None:
                continue
            if other is not None and other.ended is None and other.cut <= min(self.now, leg.cut):
                other.ended = other.cut
                self.seen["cut"] += 1
                if not call.alive:
                    self.orphan(call, other.cut)
            if leg.cut <= self.now:
                self.seen["return leg cut"] += 1
                self.end(call, leg.cut)

    def end(self, call: Call, at: int) -> None:
        """End what is there of a call."""
        for leg in (call.leg, call.other):
            if leg is not None and leg.ended is None:
                leg.ended = min(at, leg.cut)
        call.rings_until = None

    def orphan(self, call: Call, at: int) -> None:
        """Without a controller a leg that talks to nobody hears the sound of the dialplan."""
        call.rings_until = None
        if call.leg is not None:
            gone = at + int(self.chance.random() * call.tail * SECOND)
            call.leg.cut = min(call.leg.cut, gone)

    # --- what people and controllers do

    def begin(self) -> None:
        """Ask for a callback."""
        chance = self.chance
        free = chance.random() < 0.1
        account = self.accounts[0] if self.paying else None
        price = None if free else self.rates[0]
        payer = self.payer(account, None)
        wanted = chance.choice((30, 60, 120))
        exposure = chance.choice((None, None, 20_000, 1_000_000))
        minimum = chance.choice((None, None, 0, 100_000))
        longest = self.longest * 2
        asked = Begin(
            call="c", request="r", extension="1", caller=None, number="+4930", free=free,
            minimum=minimum, exposure=exposure, wanted=wanted, longest=longest, now=self.now,
            until=self.now + 600 * SECOND,
        )  # fmt: skip
        decision = decide_begin(asked, price, payer)
        if isinstance(decision, Refused):
            self.seen[f"begin: {decision.reason}"] += 1
            if decision.reason == "no_rate":
                demand(price is None and not free, "there is a rate")
                return
            demand(payer is not None and payer.bounded and not free, "refused for nothing")
            assert payer is not None
            cap = payer.money if exposure is None else min(exposure, payer.money)
            first = counted(price, min(FIRST_SECONDS, wanted))
            least = first if minimum is None else minimum
            short = not payer.unlimited and payer.available < least
            short = short or (payer.by_limit and payer.money < first)
            demand(short or counted(price, 1) > cap, "refused, and there was enough")
            return
        self.seen["begun"] += 1
        loose = payer is None or not payer.bounded
        hold = Hold(account, 0, price, None, decision.granted, loose)
        self.keep(hold, decision, payer)
        demand(exposure is None or hold.amount <= exposure, "more than the exposure is held")
        self.calls.append(Call(free, exposure, hold, wanted, tail=chance.choice((5, 15))))

    def answer(self, call: Call) -> None:
        """Let the return leg be answered, or not."""
        if self.chance.random() < 0.15:
            call.over = True
            call.hold.amount = 0
            return
        seconds = call.hold.granted.return_seconds or self.longest * 2
        call.leg = Leg(self.now, 0)
        self.limit(call.leg, seconds)
        if not call.alive:
            self.orphan(call, self.now)

    def identify(self, call: Call) -> None:
        """Let somebody identify himself, who may have an account of his own."""
        assert call.leg is not None
        hold = call.hold
        account, price = hold.account, hold.return_price
        if self.has_own:
            account, price = self.accounts[1], None if call.free else self.rates[1]
        payer = self.payer(account, call)
        asked = Identify(
            call="c", request="r", extension="1", caller="+49", number="+4930", free=call.free,
            answered=call.leg.answered, wanted=call.wanted, longest=self.longest * 2,
            now=self.now, until=self.now,
        )  # fmt: skip
        if not self.has_own and payer is not None and self.stays(asked, hold, payer):
            call.identified = True
            self.seen["stayed"] += 1
            return
        decision = decide_identify(asked, price, payer, hold.granted.serial + 1)
        if isinstance(decision, Refused):
            self.seen[f"identify: {decision.reason}"] += 1
            self.end(call, self.now)
            return
        call.identified = True
        hold.account, hold.return_price = account, price
        hold.loose = payer is None or not payer.bounded
        self.keep(hold, decision, payer)
        self.granted(call, "identified")

    def stays(self, asked: Identify, hold: Hold, payer: Payer) -> bool:
        """Whether nothing is moved, where the switch is known to keep what was granted last."""
        known, lasting = self.chance.random() < 0.5, hold.granted.return_seconds
        return known and lasts_on(asked, hold.return_price, lasting, bounded=payer.bounded)

    def granted(self, call: Call, what: str) -> bool:
        """Tell the switch, if the controller lives long enough."""
        self.seen[what] += 1
        if self.chance.random() < 0.08:
            self.crash(call)
            return False
        self.tell(call)
        return True

    def crash(self, call: Call) -> None:
        """Let the controller die: what it had in memory is gone."""
        self.seen["crash"] += 1
        call.alive = False
        if call.other is None or call.other.ended is not None:
            self.orphan(call, self.now)

    def recover(self, call: Call) -> None:
        """Let another controller take the call over, with what is in the database."""
        self.seen["recovered"] += 1
        call.alive = True
        self.tell(call)
        if call.other is None:
            self.no_destination(call)

    def dial(self, call: Call) -> None:
        """Call a destination; what is known of the one before is settled first."""
        assert call.leg is not None
        chance, hold = self.chance, call.hold
        kind = chance.random()
        free, emergency = kind < 0.1, kind < 0.03
        price = None if free else self.rates[3 if hold.account is self.accounts[1] else 2]
        payer = self.payer(hold.account, call)
        rings = chance.choice((10, 20, 45))
        before = hold.granted.return_seconds
        asked = Dial(
            call="c", request="r", extension="1", position=1, number="+44", free=free,
            emergency=emergency, answered=call.leg.answered, rings=rings, tail=call.tail,
            longest=self.longest, slice=self.slice, now=self.now,
        )  # fmt: skip
        decision = decide_dial(
            asked, hold.return_price, price, payer, hold.granted.serial + 1, before
        )
        limited = payer is not None and payer.bounded
        around = math.ceil((self.now - call.leg.answered) / SECOND) + rings + call.tail
        if isinstance(decision, Refused):
            self.seen[f"dial: {decision.reason}"] += 1
            if decision.reason == "no_rate":
                demand(price is None and not free, "there is a rate")
                return
            demand(limited and not free, "refused for nothing")
            assert payer is not None
            least = min(WORTH_TALKING, self.longest)
            cost = counted(hold.return_price, around + least) + counted(price, least)
            demand(cost > payer.money, "refused, and there was enough")
            demand((decision.reason == "spend_limit") == payer.by_limit, "the reason is another")
            return
        self.helped = self.helped or emergency
        if limited and self.thorough and not free:
            assert payer is not None
            most = min(self.slice, self.longest)
            slow = counted_longest(hold.return_price, around, price, payer.money, most)
            demand(decision.granted.destination_seconds == slow, f"{decision}: {slow}")
            slow = counted_longest(hold.return_price, around, price, payer.money, self.longest)
            demand((decision.granted.lasts or self.longest) == slow, f"{decision}: {slow}")
            demand(decision.granted.more == (slow > most), f"{decision}: {slow}")
        if not limited or not free:
            hold.loose = not limited
        elif emergency:
            hold.loose = True
        hold.price = price
        self.keep(hold, decision, payer)
        if self.granted(call, "dialled"):
            call.rings_until = self.now + rings * SECOND

    def connect(self, call: Call) -> None:
        """Let the destination answer, or not."""
        assert call.rings_until is not None
        in_time = self.now <= call.rings_until
        if in_time and self.chance.random() < 0.8:
            call.rings_until = None
            call.other = Leg(self.now, 0)
            self.limit(call.other, call.hold.granted.destination_seconds)
            self.seen["talking"] += 1
        elif call.alive:
            self.no_destination(call)

    def extend(self, call: Call) -> None:
        """Hold for more."""
        assert call.leg is not None
        hold, other = call.hold, call.other
        before, held = hold.granted, hold.amount
        payer = self.payer(hold.account, call)
        talking = other is not None and other.ended is None
        asked = Extend(
            call="c", answered=call.leg.answered,
            connected=other.answered if other is not None and talking else None, tail=call.tail,
            longest=self.longest if talking else self.longest * 2, slice=self.slice, now=self.now,
        )  # fmt: skip
        decision = decide_extend(asked, hold.return_price, hold.price, payer, before)
        granted = decision.granted
        demand(granted.return_seconds >= before.return_seconds, "the return leg lasts less")
        demand(granted.destination_seconds >= before.destination_seconds, "they talk less")
        demand(granted.until >= before.until, "held for less")
        limited = payer is not None and payer.bounded
        hold.loose = hold.loose or not limited or self.helped
        demand(hold.loose or decision.amount >= held, "less is held")
        if self.thorough and talking and not hold.loose and granted.more:
            demand(granted.lasts is None or granted.lasts > granted.destination_seconds, "no more")
        self.keep(hold, decision, payer)
        self.granted(call, "extended" if granted.serial != before.serial else "as it was")

    def money(self) -> None:
        """Top up, take back, change rates, or lift and set a limit."""
        chance = self.chance
        account = chance.choice(self.accounts)
        held = sum(c.hold.amount for c in self.calls if c.hold.account is account and not c.over)
        what = chance.random()
        if what < 0.4:
            account.enter(int(chance.random() * 3_000_000))
        elif what < 0.55:
            spare = max(0, account.balance - held)
            account.enter(-int(chance.random() * spare))
        elif what < 0.95:
            none = chance.random() < 0.05
            self.rates[int(chance.random() * 4)] = None if none else chance.choice(PRICES)
        elif account.limited or account.balance >= held:
            account.limited = not account.limited

    def act(self, call: Call) -> None:
        """Let something happen to a call."""
        chance, leg, other = self.chance, call.leg, call.other
        if leg is None:
            self.answer(call)
        elif leg.ended is not None:
            self.finish(call)
        elif chance.random() < 0.07:
            self.end(call, self.now)
        elif not call.alive:
            if call.rings_until is not None:
                self.connect(call)
            elif chance.random() < 0.6:
                self.recover(call)
        elif chance.random() < 0.05:
            self.crash(call)
        elif call.rings_until is not None:
            self.extend(call) if chance.random() < 0.1 else self.connect(call)
        elif other is not None and other.ended is None:
            if chance.random() < 0.3:
                other.ended = self.now
            else:
                self.extend(call)
        elif other is not None:
            self.settle(call, other)
        elif not call.identified:
            self.identify(call)
        elif chance.random() < 0.3:
            self.extend(call)
        else:
            self.dial(call)

    def finish(self, call: Call) -> None:
        """Settle what is over, in any order, each twice, and let go of the rest."""
        assert call.leg is not None
        legs = [leg for leg in (call.leg, call.other) if leg is not None]
        self.chance.shuffle(legs)
        for leg in (*legs, legs[0]):
            self.settle(call, leg)
        call.over = True
        call.hold.amount = 0

    def check(self) -> None:
        """See that the books are in order."""
        for account in self.accounts:
            demand(account.balance == sum(account.entries), "a balance is not its entries")
            if account.limited:
                held = sum(
                    c.hold.amount for c in self.calls if c.hold.account is account and not c.over
                )
                demand(0 <= held <= account.balance, f"{held} is held of {account.balance}")
        if self.most is not None and not self.helped:
            held = sum(call.hold.amount for call in self.calls if not call.over)
            demand(self.spent + held <= self.most, f"{self.spent} spent, {held} held")
        for call in self.calls:
            hold, leg, other = call.hold, call.leg, call.other
            if call.over or hold.loose:
                continue
            granted = hold.granted
            cost = 0 if hold.return_settled else counted(hold.return_price, granted.return_seconds)
            cost += counted(hold.price, granted.destination_seconds)
            demand(cost <= hold.amount, f"{cost} was granted, {hold.amount} is held")
            if leg is None:
                continue
            true = 0
            if not leg.settled:
                true += counted(hold.return_price, billed(leg.answered, leg.ended or leg.cut))
            if other is not None and not other.settled:
                true += counted(hold.price, billed(other.answered, other.ended or other.cut))
            demand(true <= hold.amount, f"{true} will be used, {hold.amount} is held")

    def run(self) -> Counter[str]:
        """Go through all of it; raises `Fault`."""
        chance = self.chance
        self.begin()
        for _ in range(STEPS):
            what = chance.random()
            living = [call for call in self.calls if not call.over]
            if what < 0.1 and len(living) < 3:
                self.begin()
            elif what < 0.2:
                self.money()
            elif what < 0.4 or not living:
                self.advance(int(chance.random() * chance.choice((1, 5, 30, 200)) * SECOND))
            else:
                self.advance(int(chance.random() * 3 * SECOND))
                call = chance.choice(living)
                if not call.over:
                    self.act(call)
            self.check()
        self.advance(self.longest * 10 * SECOND)
        for call in self.calls:
            if call.leg is None:
                call.over, call.hold.amount = True, 0
            elif not call.over:
                self.end(call, self.now)
                self.finish(call)
        self.check()
        demand(not any(call.hold.amount for call in self.calls), "something is held for ever")
        return self.seen


# --- what a decision costs -----------------------------------------------------------------

#: Decisions that are measured, and how often in turns with the peer's.
DECISIONS: Final = 500
TURNS: Final = 5
LONGEST: Final = 3600
#: Sequences that are measured: how much of all this a second goes through.
MEASURED_SEQUENCES: Final = 1_000


def dials(chance: random.Random) -> list[tuple[Dial, Price, Price, Payer]]:
    """Make destinations that are to be called, on credit for a second up to more than an hour."""
    made = []
    for _ in range(DECISIONS):
        first, second = chance.choice(PRICES), chance.choice(PRICES)
        lasts = chance.randrange(1, 2 * LONGEST)
        money = counted(first, 60 + lasts) + counted(second, lasts)
        call = Dial(
            call="c", request="r", extension="1", position=1, number="+44", free=False,
            emergency=False, answered=BEGUN, rings=20, tail=15, longest=LONGEST, slice=300,
            now=BEGUN + 25 * SECOND,
        )  # fmt: skip
        made.append((call, first, second, Payer(money, unlimited=False)))
    return made


def decided(call: Dial, first: Price, second: Price, payer: Payer) -> tuple[int, int]:
    """Give for how long a conversation is granted, and how long all the credit lasts."""
    found = decide_dial(call, first, second, payer, 1)
    if isinstance(found, Refused):
        return 0, 0
    return found.granted.destination_seconds, found.granted.lasts or call.longest


def tried(call: Dial, first: Price, second: Price, payer: Payer) -> tuple[int, int]:
    """Find the same by the slow count."""
    around = math.ceil((call.now - call.answered) / SECOND) + call.rings + call.tail
    most = min(call.slice, call.longest)
    talk = counted_longest(first, around, second, payer.available, most)
    if talk < min(WORTH_TALKING, most):
        return 0, 0
    return talk, counted_longest(first, around, second, payer.available, call.longest)


def microseconds(
    find: Callable[[Dial, Price, Price, Payer], tuple[int, int]],
    calls: list[tuple[Dial, Price, Price, Payer]],
) -> float:
    """Give the CPU that one decision costs."""
    begin = time.process_time()
    for call in calls:
        find(*call)
    return (time.process_time() - begin) / len(calls) * 1e6


def run() -> dict[str, Any]:
    """Measure decisions, after seeing that both find the same; and sequences of all of them."""
    calls = dials(random.Random(1))
    for call in calls:
        demand(decided(*call) == tried(*call), f"not the same: {call}")
    turns = [[microseconds(find, calls) for find in (decided, tried)] for _ in range(TURNS)]
    ours, peers = (statistics.median(some) for some in zip(*turns, strict=True))
    begin = time.process_time()
    steps = sequences(1, 0, MEASURED_SEQUENCES).total()
    spent = time.process_time() - begin
    return {
        "what": "a destination decided on: both legs' limits, and how long the credit lasts",
        "unit": "us of CPU",
        "value": round(ours, 1),
        "peer": "second by second",
        "peer_value": round(peers, 1),
        "ratio": round(ours / peers, 4),
        "sequences_per_second": round(MEASURED_SEQUENCES / spent),
        "events_per_sequence": round(steps / MEASURED_SEQUENCES, 1),
    }


# --- many of them --------------------------------------------------------------------------


def attempt(seed: int, index: int) -> Counter[str]:
    """Go through one sequence; every 64th thoroughly. Raises `Fault`, with what shows it again."""
    try:
        return Sequence(random.Random((seed << 40) | index), thorough=index % 64 == 0).run()
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {error}\nseed {seed}, sequence {index}") from error


def sequences(seed: int, first: int, count: int) -> Counter[str]:
    """Go through some; give how often each thing came to pass."""
    seen: Counter[str] = Counter()
    for index in range(first, first + count):
        seen.update(attempt(seed, index))
    return seen


def main(argv: list[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.credit", description=__doc__)
    parser.add_argument("--sequences", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="begin at this one")
    asked = parser.parse_args(argv)
    begin = time.perf_counter()
    last = asked.first + asked.sequences
    starts = range(asked.first, last, CHUNK)
    counts = [min(CHUNK, last - start) for start in starts]
    seen: Counter[str] = Counter()
    try:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for some in pool.map(partial(sequences, asked.seed), starts, counts):
                seen.update(some)
    except Fault as fault:
        print(f"FAULT {fault}", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - begin
    for name, count in seen.most_common():
        print(f"{name:<24} {count:>12,}")
    print(
        f"{asked.sequences:,} sequences, seed {asked.seed}, in {seconds:.1f} s:"
        f" {asked.sequences / seconds:,.0f} sequences/s; the books were in order after each step"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
