"""What price lists and rates must find in the database (M2), and what keeps them there.

A list that is checked against is locked: its currency stays what it is until all is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from controller.policy.moments import counted
from controller.policy.prices import CHANGEABLE, CallRate, PriceList
from controller.store import schema, schema_money
from controller.store.kept import PRICE_LISTS, Stored

Pairs = Sequence[tuple[Stored | None, Any]]


def other_currencies(connection: Connection, records: Pairs) -> list[tuple[int, str]]:
    """Give the accounts whose list is not there, or is of another currency."""
    named = {
        index: after.price_list
        for index, (before, after) in enumerate(records)
        if after.price_list is not None
        and (before is None or before.value.price_list != after.price_list)
    }
    lists = _lists(connection, named.values())
    found = []
    for index, name in named.items():
        if name not in lists:
            found.append((index, _missing("price_list", name, records[index][1].currency)))
        elif lists[name].currency != records[index][1].currency:
            found.append(
                (
                    index,
                    f"price_list: {name} is in {lists[name].currency}, and the account in "
                    f"{records[index][1].currency}; take a list of that currency: callbackd "
                    f"price-list list --currency {records[index][1].currency}",
                )
            )
    return found


def unknown_costs(connection: Connection, records: Pairs) -> list[tuple[int, str]]:
    """Give the channels whose list is not there."""
    named = {
        index: after.cost_list
        for index, (before, after) in enumerate(records)
        if after.cost_list is not None
        and (before is None or before.value.cost_list != after.cost_list)
    }
    lists = _lists(connection, named.values())
    return [
        (index, _missing("cost_list", name)) for index, name in named.items() if name not in lists
    ]


def without_list(connection: Connection, records: Pairs) -> list[tuple[int, str]]:
    """Give the rates whose list is not there."""
    lists = _lists(connection, (after.price_list for _, after in records))
    return [
        (index, _missing("price_list", after.price_list))
        for index, (_, after) in enumerate(records)
        if after.price_list not in lists
    ]


def changed_history(records: Pairs, now: int) -> list[tuple[int, str]]:
    """Give the rates that have begun and would be another: with them calls were charged."""
    found = []
    for index, (before, after) in enumerate(records):
        if before is None or counted(after.since) > now:
            continue
        for field in CallRate.__struct_fields__:
            if field not in CHANGEABLE and getattr(before.value, field) != getattr(after, field):
                found.append(
                    (
                        index,
                        f"{field}: this rate has begun ({after.since}), and is what calls were "
                        "charged by; add one with a later `since`: it takes its place",
                    )
                )
                break
    return found


def changed_currencies(connection: Connection, records: Pairs) -> list[tuple[int, str]]:
    """Give the lists that would be in another currency, and are used or have rates."""
    found = []
    for index, (before, after) in enumerate(records):
        if before is None or before.value.currency == after.currency:
            continue
        user = _user(connection, after.name)
        if user is None and _has_rates(connection, after.name):
            user = "it has rates"
        if user is not None:
            found.append(
                (
                    index,
                    f"currency: is {before.value.currency}, and {user}: all its amounts would be "
                    f"others; make another list: callbackd price-list add NAME --currency "
                    f"{after.currency}",
                )
            )
    return found


def used(connection: Connection, name: str) -> str | None:
    """Give what keeps a list from being removed, and what to do about it; or None."""
    user = _user(connection, name)
    return None if user is None else f"{user}; change that first"


def kept_rate(connection: Connection, rate: CallRate, now: int) -> str | None:
    """Give what keeps a rate from being removed: that it has begun, and calls are charged by it."""
    user = None if counted(rate.since) > now else _user(connection, rate.price_list)
    if user is None:
        return None
    return (
        f"it has begun, and {user}; end it by `until`: callbackd rate set {rate.price_list} "
        f"{rate.prefix} {rate.since} --until now"
    )


def _user(connection: Connection, name: str) -> str | None:
    account, channel = schema.account, schema.channel
    for word, column, key in (
        ("the account of", account.c.price_list, account.c.owner),
        ("the channel", channel.c.cost_list, channel.c.name),
    ):
        user = connection.execute(select(key).where(column == name).order_by(key).limit(1)).scalar()
        if user is not None:
            return f"{word} {user} uses it"
    return None


def _has_rates(connection: Connection, name: str) -> bool:
    rate = schema_money.rate
    found = select(rate.c.prefix).where(rate.c.price_list == name).limit(1)
    return connection.execute(found).first() is not None


def _lists(connection: Connection, names: Iterable[str]) -> dict[str, PriceList]:
    keys = [(name,) for name in sorted(set(names))]
    found = PRICE_LISTS.get_many(connection, keys, lock=True)
    return {key[0]: stored.value for key, stored in found.items()}


def _missing(field: str, name: str, currency: str = "EUR") -> str:
    return (
        f"{field}: there is no price list {name}; make it first: callbackd price-list add {name} "
        f"--currency {currency}"
    )
