"""Accounts, price lists and calls that are charged, as they get to the charging engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, insert, select

from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Identify,
    LegEnd,
    Price,
    Refused,
    Side,
)
from controller.policy.records import Entry, EntryKind
from controller.store import ledger, schema

SECOND = 1_000_000
NOW = 1_795_489_015_000_000
UNTIL = NOW + 600 * SECOND
HOME, ABROAD = "+12125550199", "+442079460000"
#: A cent a second to the one, two to the other.
CENT = Price("+1", 600_000)
TWO = Price("+44", 1_200_000)


def listed(engine: Engine, name: str = "usual", *prices: Price, since: int = 0) -> None:
    """Make a price list, and rates of it."""
    kept = {"description": "", "version": 1, "created": 1, "changed": 1}
    with engine.begin() as connection:
        lists = schema.price_list
        if connection.execute(select(lists.c.name).where(lists.c.name == name)).first() is None:
            connection.execute(insert(lists).values(name=name, currency="USD", **kept))
        for price in prices or (CENT, TWO):
            connection.execute(
                insert(schema.rate).values(
                    price_list=name,
                    since=since,
                    until=None,
                    **{field: getattr(price, field) for field in Price.__struct_fields__},
                    **kept,
                )
            )


def extended(engine: Engine, *extensions: str) -> None:
    """Make extensions, with no policy that anybody reads."""
    with engine.begin() as connection:
        for extension in extensions:
            connection.execute(
                insert(schema.extension).values(
                    extension=extension,
                    client="main",
                    enabled=True,
                    policy="{}",
                    version=1,
                    created=1,
                    changed=1,
                )
            )


def account(engine: Engine, name: str, money: int = 0, **values: Any) -> str:
    """Make an account of extension 100 with so much on it, unless told otherwise."""
    extension, caller = values.get("extension", "100"), values.get("caller")
    row = {
        "id": name,
        "extension": extension,
        "owner": extension,
        "currency": "USD",
        "unlimited": False,
        "price_list": "usual",
        "description": "",
        "version": 1,
        "created": 1,
        "changed": 1,
    }
    with engine.begin() as connection:
        if caller is not None:
            connection.execute(
                insert(schema.authorised_caller).values(
                    extension=extension,
                    number=caller,
                    enabled=True,
                    speed_dials="{}",
                    presets="{}",
                    notes="",
                    version=1,
                    created=1,
                    changed=1,
                )
            )
        connection.execute(insert(schema.account).values(**row | values))
    if money:
        add(engine, name, money, "first")
    return name


def add(engine: Engine, name: str, money: int, key: str) -> None:
    """Put money on an account, or take it away."""
    entry = Entry(key=key, kind=EntryKind.CORRECTION, amount=money)
    with engine.begin() as connection:
        ledger.add(connection, name, entry, actor="test", now=NOW)


def held(engine: Engine) -> dict[str, int]:
    """Give what is held, by call."""
    holds = schema.credit_hold
    with engine.connect() as connection:
        found = select(holds.c.call, holds.c.amount).where(holds.c.ended.is_(None))
        return {row.call: row.amount for row in connection.execute(found)}


def granted(answer: Granted | Refused) -> Granted:
    """Give an answer that is no refusal."""
    assert isinstance(answer, Granted)
    return answer


def beginning(call: str, **more: Any) -> Begin:
    """A return call, 60 s of dialogue at a cent a second."""
    values: dict[str, Any] = {
        "call": call,
        "request": f"of-{call}",
        "extension": "100",
        "caller": None,
        "number": HOME,
        "free": False,
        "minimum": None,
        "exposure": None,
        "wanted": 60,
        "longest": 3600,
        "now": NOW,
        "until": UNTIL,
    }
    return Begin(**values | more)


def identifying(call: str, caller: str = HOME, **more: Any) -> Identify:
    """Somebody has identified himself ten seconds after the answer."""
    values: dict[str, Any] = {
        "call": call,
        "request": f"of-{call}",
        "extension": "100",
        "caller": caller,
        "number": HOME,
        "free": False,
        "answered": NOW,
        "wanted": 60,
        "longest": 3600,
        "now": NOW + 10 * SECOND,
        "until": UNTIL,
    }
    return Identify(**values | more)


def dialling(call: str, position: int = 1, **more: Any) -> Dial:
    """A destination abroad, 30 s after the answer; it may ring 20 s."""
    values: dict[str, Any] = {
        "call": call,
        "request": f"of-{call}",
        "extension": "100",
        "position": position,
        "number": ABROAD,
        "free": False,
        "answered": NOW,
        "rings": 20,
        "tail": 10,
        "longest": 3600,
        "slice": 60,
        "now": NOW + 30 * SECOND,
    }
    return Dial(**values | more)


def extending(call: str, at: int = 90, connected: int | None = 40, **more: Any) -> Extend:
    """Talk goes on, seconds after the answer of the return leg."""
    values: dict[str, Any] = {
        "call": call,
        "answered": NOW,
        "connected": None if connected is None else NOW + connected * SECOND,
        "tail": 10,
        "longest": 3600,
        "slice": 60,
        "now": NOW + at * SECOND,
    }
    return Extend(**values | more)


def ending(call: str, position: int, seconds: int | None, **more: Any) -> LegEnd:
    """A leg ended after so many seconds; None: it was not answered."""
    answered = NOW + (40 if position else 0) * SECOND
    values: dict[str, Any] = {
        "leg": f"{call}-{position}",
        "call": call,
        "request": f"of-{call}",
        "side": Side.DESTINATION if position else Side.RETURN,
        "position": position,
        "node": "fs1",
        "channel": "pstn",
        "cause": "NORMAL_CLEARING",
        "begun": answered - 5 * SECOND,
        "answered": None if seconds is None else answered,
        "ended": answered + (seconds or 0) * SECOND,
    }
    return LegEnd(**values | more)
