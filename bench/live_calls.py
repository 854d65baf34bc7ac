"""Very many calls in progress, as rows: what the page of live calls is measured and tried with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Engine, Table, insert

from controller.policy.rules import validate
from controller.policy.versions import write
from controller.store import schema
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import credit_hold as holds

SECOND: Final = 1_000_000
CLIENTS: Final = 20
EXTENSIONS: Final = 1000
#: Of each ten live calls: what they are at.
STATES: Final = ("pending", "calling", "menu", "dialling", *("talking",) * 6)
NODES: Final = ("fs1", "fs2", "fs3")
_AT_A_TIME: Final = 2000


def fill(engine: Engine, *, now: int, live: int = 10_000, past: int = 50_000) -> None:
    """Let there be so many live calls, and so many of earlier days."""
    with engine.begin() as connection:
        for table, rows in (
            (schema.client, _clients()),
            (schema.extension, _extensions()),
            (schema.account, _accounts()),
            (schema.account_entry, _entries(now)),
        ):
            connection.execute(insert(table), list(rows))
    for first in range(0, past + live, _AT_A_TIME):
        made: dict[Table, list[dict[str, Any]]] = {}
        for number in range(first, min(first + _AT_A_TIME, past + live)):
            for table, row in call(number, "done" if number < past else STATES[number % 10], now):
                made.setdefault(table, []).append(row)
        with engine.begin() as connection:
            for table in (requests, attempts, destinations, holds):
                if made.get(table):
                    connection.execute(insert(table), made[table])


def id_of(number: int, kind: int = 0) -> str:
    """Give a uuid."""
    return str(uuid.UUID(int=kind << 64 | number, version=4))


def _kept() -> dict[str, int]:
    return {"version": 1, "created": 0, "changed": 0}


def _clients() -> Iterator[dict[str, Any]]:
    for number in range(CLIENTS):
        record = {"name": f"client-{number}", "description": "", "contact_name": ""}
        yield {**record, **_kept(), "enabled": True}


def _extensions() -> Iterator[dict[str, Any]]:
    dids, shown = ("+12025550100",), ("+12025550111",)
    for number in range(EXTENSIONS):
        extension = str(10_000 + number)
        known = {"extension": extension, "dids": dids, "country": "US", "caller_ids": shown}
        policy = write(validate(known))
        yield {
            "extension": extension,
            "client": f"client-{number % CLIENTS}",
            "enabled": True,
            "policy": policy,
        } | _kept()


def _accounts() -> Iterator[dict[str, Any]]:
    for number in range(EXTENSIONS):
        yield {
            "id": id_of(number, 9),
            "extension": str(10_000 + number),
            "caller": None,
            "owner": str(10_000 + number),
            "currency": "EUR",
            "unlimited": False,
            "price_list": None,
            "low_credit": None,
            "description": "",
        } | _kept()


def _entries(now: int) -> Iterator[dict[str, Any]]:
    for number in range(EXTENSIONS):
        yield {
            "account": id_of(number, 9),
            "position": 1,
            "key": "first",
            "kind": "recharge",
            "amount": 1_000 * SECOND,
            "left_after": 1_000 * SECOND,
            "order_number": "",
            "notes": "",
            "actor": "bench",
            "created": now,
        }


def call(
    number: int, state: str, now: int, seconds: int | None = None
) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Give the rows of one call; it was due so many seconds ago, by default as its number says."""
    extension = str(10_000 + number % EXTENSIONS)
    over = state == "done"
    if seconds is None:
        ages = {"pending": -(number % 60), "done": number % 86_400 + 3600}
        seconds = ages.get(state, number % 600)
    due = now - seconds * SECOND
    node = NODES[number % len(NODES)]
    yield (
        requests,
        {
            "id": id_of(number),
            "extension": extension,
            "did": "+12025550100",
            "number": f"+1{2_000_000_000 + number}",
            "state": state if state in ("pending", "calling", "done") else "answered",
            "outcome": "completed" if over else None,
            "created": due - 10 * SECOND,
            "due": due,
            "caller": f"+1{2_000_000_000 + number}",
            "joined": 0,
            "source": "call",
            "expires": due + 900 * SECOND,
            "attempts": 0 if state == "pending" else 1,
            "node": None if state == "pending" else node,
            "attempt": None if state == "pending" else id_of(number, 1),
            "holder": None if state in ("pending", "done") else "one",
            "lease_until": None if state in ("pending", "done") else now + 60 * SECOND,
            "ended": due + 60 * SECOND if over else None,
            "channel": "pstn",
        },
    )
    if state == "pending":
        return
    yield (
        attempts,
        {
            "id": id_of(number, 1),
            "request": id_of(number),
            "extension": extension,
            "number": f"+1{2_000_000_000 + number}",
            "node": node,
            "channels": '["pstn","second"]',
            "begun": due,
            "answered": None if state == "calling" else due + 9 * SECOND,
            "channel": None if state == "calling" else "pstn",
            "ended": due + 60 * SECOND if over else None,
            "outcome": "completed" if over else None,
            "counts": False,
        },
    )
    if state in ("dialling", "talking", "done"):
        yield (
            destinations,
            {
                "request": id_of(number),
                "leg": id_of(number, 1),
                "position": 1,
                "number": f"+44{2_000_000_000 + number}",
                "begun": due + 20 * SECOND,
                "plan": "{}",
                "connected": None if state == "dialling" else due + 25 * SECOND,
                "channel": None if state == "dialling" else "pstn",
                "ended": due + 60 * SECOND if over else None,
            },
        )
    yield (
        holds,
        {
            "call": id_of(number, 1),
            "request": id_of(number),
            "extension": extension,
            "account": id_of(number % EXTENSIONS, 9),
            "limited": True,
            "amount": 0 if over else 250_000,
            "serial": 1,
            "return_seconds": 600,
            "return_answered": None if state == "calling" else due + 9 * SECOND,
            "position": 1 if state in ("dialling", "talking") else 0,
            "destination_seconds": 300,
            "destination_answered": due + 25 * SECOND if state == "talking" else None,
            "until": now + 60 * SECOND,
            "created": due,
            "changed": due,
            "ended": due + 60 * SECOND if over else None,
        },
    )
