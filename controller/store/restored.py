"""What becomes of what was under way in a database of the past (`callbackd restore`).

It knows nothing of what was done after it was copied. A callback that waited then may have been
made since, and is not made again; one that was being made may be over, and is not sent again, which
a controller would do of one that its switch has never heard of. Calls that still go on are found by
asking the switch, as ever, and what was held for others is released in time, or charged as far as
anybody saw them (`runtime.unsettled`).
"""

from __future__ import annotations

import uuid
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from controller.store import schema
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import OPEN_HOLD
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import credit_hold as holds

#: Why callbacks have ended that waited.
RESTORED: Final = "RESTORED"


class Past(msgspec.Struct, frozen=True):
    """What was found in a database of the past.

    Attributes:
        waiting: callbacks that waited, and were ended as `unknown`.
        calling: those that were being made, or talked.
        held: calls that something is held for still.
        last_leg: when the last leg ended that is recorded, microseconds since 1970; None: none is.
        last_entry: when the last entry of an account was made; None: there is none.

    """

    waiting: int
    calling: int
    held: int
    last_leg: int | None
    last_entry: int | None


def see_to_the_past(engine: Engine, now: int, *, actor: str, moved: bool = False) -> Past:
    """Let nothing be done twice that was under way, and nothing cached be believed.

    `moved`: nothing has run since it was copied: what waits is done. Asked again it changes no
    more.
    """
    with engine.begin() as connection:
        past = _past(connection)
        # What any Redis holds is of another database from here on.
        lineage = str(uuid.uuid4())
        connection.execute(update(schema.policy_clock).values(lineage=lineage))
        if not moved:
            _end_what_waits(connection, now)
            # Who logged out since would be logged in again.
            connection.execute(delete(schema.web_session))
            connection.execute(delete(schema.invitation))
        connection.execute(
            insert(schema.audit).values(
                at=now,
                actor=actor,
                action="restore",
                kind="database",
                key=lineage,
                client=None,
                before=None,
                after=msgspec.json.encode({"moved": moved, "waiting": past.waiting}).decode(),
            )
        )
    return past


def _past(connection: Connection) -> Past:
    def count(*states: str) -> int:
        of = select(func.count()).where(requests.c.state.in_(states))
        return int(connection.execute(of).scalar_one())

    return Past(
        waiting=count("pending"),
        calling=count("calling", "answered"),
        held=int(
            connection.execute(
                select(func.count()).select_from(holds).where(OPEN_HOLD)
            ).scalar_one()
        ),
        last_leg=connection.execute(select(func.max(legs.c.ended))).scalar_one(),
        last_entry=connection.execute(
            select(func.max(schema.account_entry.c.created))
        ).scalar_one(),
    )


def _end_what_waits(connection: Connection, now: int) -> None:
    ended = {"state": "done", "outcome": "unknown", "cause": RESTORED, "ended": now}
    connection.execute(
        update(requests)
        .where(requests.c.state == "pending")
        .values(**ended, holder=None, lease_until=None)
    )
    # Of another run of its switch nothing is sent that this one has not heard of.
    connection.execute(update(attempts).where(attempts.c.ended.is_(None)).values(core=""))
