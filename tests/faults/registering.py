"""Stores who may call, and what is on which account."""

from __future__ import annotations

import time
from pathlib import Path

from controller.admin.directory import Directory
from controller.admin.model import Actor, Kind
from controller.policy.records import Role
from controller.store.database import open_database
from controller.store.passwords import Passwords, load_pepper
from tests.faults import people

ADMIN = Actor(name="laboratory", role=Role.ADMIN)
SINCE = "2026-01-01T00:00:00Z"


def register(url: str, pepper: Path, accounts: dict[str, str]) -> str:
    """Store all of it, note the accounts' ids, and give the secret of a token."""
    engine = open_database(url)
    passwords = Passwords(load_pepper(pepper))
    store = Directory(engine, passwords=lambda: passwords, now=lambda: time.time_ns() // 1000)
    store.create(ADMIN, Kind.CLIENT, {"name": "other"})
    for channel in ("pstn", "pstn2"):
        store.create(ADMIN, Kind.CHANNEL, {"name": channel})
    for name, (currency, rate) in people.PRICES.items():
        store.create(ADMIN, Kind.PRICE_LIST, {"name": name, "currency": currency})
        store.create(ADMIN, Kind.RATE, {"price_list": name, "prefix": "+", "since": SINCE, **rate})
    for number, own in people.EXTENSIONS.items():
        shown = f"+1202555011{number[-1]}"
        values = {**people.COMMON, "caller_ids": (shown,), **own}
        client = values.get("client", "main")
        store.create(ADMIN, Kind.NUMBER, {"number": shown, "channel": "pstn", "client": client})
        store.create(ADMIN, Kind.EXTENSION, {"extension": number, **values})
    for number, (currency, prices, credit) in people.ACCOUNTS.items():
        accounts[number] = _account(store, number, None, currency, prices, credit)
    for caller in people.CALLERS:
        values = {"extension": people.LISTED, "number": caller, "pin": people.PASSWORD}
        store.create(ADMIN, Kind.CALLERID, values)
        made = _account(store, people.LISTED, caller, "USD", "usual", people.OWN_CREDIT)
        accounts[caller] = made
    _, secret = store.issue_token(ADMIN, {"name": "laboratory", "role": "admin"})
    engine.dispose()
    return secret


def _account(
    store: Directory, number: str, caller: str | None, currency: str, prices: str, credit: int
) -> str:
    owner = {"extension": number} if caller is None else {"extension": number, "caller": caller}
    made = store.create(ADMIN, Kind.ACCOUNT, {**owner, "currency": currency, "price_list": prices})
    store.add_entry(ADMIN, made.key, {"key": "first", "amount": credit})
    return made.key
