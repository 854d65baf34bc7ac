"""What must hold of legs and money after a run; see `invariants`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from controller.credit.estimating import ESTIMATE
from controller.credit.model import Price
from controller.credit.rating import billed, charge
from controller.store.charging_prices import read_price
from tests.faults import people
from tests.faults.evidence import Evidence
from tests.faults.laboratory import RECONCILE_SECONDS
from tests.faults.witness import SECOND, SwitchLeg, at, of_leg

#: What of a leg's life an estimate may miss beyond the time from one look to the next, seconds.
ESTIMATE_SLACK = 12.0


def answered_legs_are_recorded(seen: Evidence) -> list[str]:
    """M7: each leg that was answered has its record, once.

    Of a node that died there are no records of its own: what nobody paid for is not estimated.
    """
    kept = Counter(row.leg for row in seen.kept)
    paid = {hold.call for hold in seen.holds}
    wrong = [f"leg {leg[:8]} is kept {count} times" for leg, count in kept.items() if count > 1]
    for leg in seen.legs.values():
        if leg.role in ("return", "destination") and leg.answered and leg.leg not in kept:
            if leg.died and (leg.call not in paid or _unseen(leg)):
                continue
            wrong.append(f"{of_leg(leg)}: answered {at(leg.answered)}, and not kept")
    return wrong + [
        f"leg {leg[:8]} is kept, and there was none" for leg in kept if leg not in seen.legs
    ]


def _unseen(leg: SwitchLeg) -> bool:
    """Whether a node died so soon after an answer that nobody may have written that it was."""
    return leg.gone - leg.answered < (RECONCILE_SECONDS + ESTIMATE_SLACK) * SECOND


def legs_last_as_long_as_they_did(seen: Evidence) -> list[str]:
    """M7: seconds are those of the switch, by its journal and its record; estimates never more."""
    wrong = []
    for row in seen.kept:
        leg = seen.legs.get(row.leg)
        if leg is None:
            continue
        end = leg.ended or leg.gone
        true = billed(leg.answered, end) if leg.answered else 0
        record = seen.records.get(row.leg)
        if record is not None and record.answered:
            written = billed(record.answered, record.ended)
            if written != true:
                wrong.append(f"{of_leg(leg)}: {true} s by the journal, {written} s by its record")
        if row.source != ESTIMATE:
            if row.seconds != true:
                wrong.append(f"{of_leg(leg)}: kept as {row.seconds} s, was {true} s ({row.source})")
        elif record is not None:
            wrong.append(f"{of_leg(leg)}: estimated, and its switch has a record")
        elif not 0 <= true + 1 - row.seconds <= 1 + _may_miss(seen, leg):
            wrong.append(f"{of_leg(leg)}: estimated as {row.seconds} s, was {true} s")
    return wrong


def _may_miss(seen: Evidence, leg: SwitchLeg) -> float:
    """Give how much of a leg an estimate may miss, seconds.

    docs/credit.md: from one look at its node to the next, while a controller and the database are
    there; here both are often away.
    """
    blind = ("controller", "all controllers", "database", "way to the database", "node stopped")
    away = seen.during(leg.answered, leg.gone, *blind, "way to a node")
    lasted = sum(min(f.ended or leg.gone, leg.gone) - max(f.begun, leg.answered) for f in away)
    return RECONCILE_SECONDS + ESTIMATE_SLACK + max(lasted, 0) / SECOND


def accounts_are_exact(seen: Evidence) -> list[str]:
    """M1, M7: each balance is the sum of its entries: what was put there less what legs cost."""
    wrong = []
    spent: Counter[str] = Counter()
    charged = 0
    for row in seen.kept:
        if row.account is None:
            continue
        price = read_price(row.price)
        cost = 0 if price is None else charge(price, row.seconds)
        if row.charge + row.uncovered != cost:
            wrong.append(f"leg {row.leg[:8]}: {row.charge} and {row.uncovered}, it cost {cost}")
        spent[row.account] += row.charge
        charged += row.charge > 0
    put = Counter({row.id: _first(row) for row in seen.accounts})
    (poor,) = [row.id for row in seen.accounts if row.extension == "1002" and row.caller is None]
    put[poor] += sum(seen.load.added.values())
    left: Counter[str] = Counter()
    for entry in seen.entries:
        left[entry.account] += entry.amount
        if entry.left_after != left[entry.account]:
            wrong.append(f"account {entry.account[:8]}: entry {entry.position} does not add up")
        if entry.left_after < 0:
            wrong.append(f"account {entry.account[:8]}: {entry.left_after} after {entry.position}")
    wrong += [
        f"account {row.extension} {row.caller or ''}: {left[row.id]} left,"
        f" {put[row.id]} put, {spent[row.id]} spent"
        for row in seen.accounts
        if left[row.id] != put[row.id] - spent[row.id]
    ]
    calls = sum(entry.kind == "call" for entry in seen.entries)
    if calls != charged:
        wrong.append(f"{calls} entries of calls, and {charged} legs were charged")
    return wrong


def _first(row: Any) -> int:
    if row.caller is not None:
        return people.OWN_CREDIT
    return people.ACCOUNTS[row.extension][2]


def right_accounts_pay(seen: Evidence) -> list[str]:
    """M9: the account of the extension pays, or that of the authorised caller; by its list."""
    accounts = {row.id: row for row in seen.accounts}
    prices = {
        name: Price("+", **{"per_minute": 0, **values})
        for name, (_, values) in people.PRICES.items()
    }
    wrong = []
    for row in seen.kept:
        has = row.extension in people.ACCOUNTS or row.extension == people.LISTED
        if row.account is None:
            if has and row.answered:
                wrong.append(f"leg {row.leg[:8]} of {row.extension}: nobody paid")
            continue
        account = accounts[row.account]
        caller = account.caller is None or account.caller == row.caller
        if account.extension != row.extension or not caller:
            wrong.append(f"leg {row.leg[:8]} of {row.extension}: paid by {account.extension}")
        price = read_price(row.price)
        if row.answered and price != prices[account.price_list]:
            wrong.append(f"leg {row.leg[:8]}: charged by {price}")
    return wrong


def nothing_is_held(seen: Evidence) -> list[str]:
    """Nothing is held any more."""
    return [
        f"call {hold.call[:8]} of {hold.extension}: {hold.amount} held since {at(hold.created)}"
        for hold in seen.holds
        if hold.ended is None
    ]


#: All of them, in the order in which they are told.
OF_MONEY = (
    answered_legs_are_recorded,
    legs_last_as_long_as_they_did,
    accounts_are_exact,
    right_accounts_pay,
    nothing_is_held,
)
