"""Calls in progress, put into a database as the controllers would have it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine, insert, update

from bench.live_calls import SECOND, call, id_of
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import credit_hold as holds

#: How long ago calls were due, seconds (`bench.live_calls.call`): as their numbers say.
AGES: Final = 600


def put(
    engine: Engine,
    which: int,
    state: str,
    *,
    extension: str,
    now: int,
    account: str | None = None,
    amount: int = 250_000,
    **changes: Any,
) -> str:
    """Put a call that is `pending`, `calling`, `menu`, `dialling`, `talking` or `done`; its id.

    It was due `which` seconds ago, and is on fs1. `account`: whose money is held, so much of it;
    `changes` are of its request.
    """
    assert which < AGES
    with engine.begin() as connection:
        for table, row in call(which, state, now):
            values: dict[str, Any] = dict(row)
            if "extension" in values:
                values["extension"] = extension
            if "node" in values and values["node"] is not None:
                values["node"] = "fs1"
            if table is holds:
                if account is None:
                    continue
                values |= {"account": account, "amount": amount}
            if table is requests:
                values |= changes
            connection.execute(insert(table).values(**values))
    return id_of(which)


def talk(engine: Engine, id_: str, which: int, now: int) -> None:
    """Let people talk on an answered call."""
    with engine.begin() as connection:
        connection.execute(
            insert(destinations).values(
                request=id_,
                leg=id_of(which, 1),
                position=1,
                number="+442079460999",
                begun=now - 2 * SECOND,
                plan="{}",
                connected=now - SECOND,
                channel="pstn",
            )
        )


def end(engine: Engine, id_: str, now: int, *, settled: bool = True) -> None:
    """End a call; not `settled`: what was held for it is held still."""
    with engine.begin() as connection:
        of = {"ended": now, "outcome": "completed"}
        connection.execute(
            update(requests).where(requests.c.id == id_).values(state="done", holder=None, **of)
        )
        connection.execute(update(attempts).where(attempts.c.request == id_).values(**of))
        connection.execute(
            update(destinations).where(destinations.c.request == id_).values(ended=now)
        )
        if settled:
            gone = update(holds).where(holds.c.request == id_)
            connection.execute(gone.values(ended=now, amount=0))
