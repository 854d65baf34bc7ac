"""O7: what an erase leaves as it is, and says so; what comes while it runs."""

from __future__ import annotations

from sqlalchemy import Engine, insert, select

from controller.store import schema
from tests.unit.admin.test_persons import DIGITS, HIM, World, where

__all__ = ["alone", "world"]
from tests.unit.admin.test_persons import alone, world


def test_o7_m1_a_key_and_an_author_of_the_ledger_stay_and_are_told_of(
    world: World, engine: Engine
) -> None:
    """They never change: all else is erased, and it is told how many entries still have it."""
    account = world.pays()
    entries = schema.account_entry
    with engine.begin() as connection:
        last, left = connection.execute(
            select(entries.c.position, entries.c.left_after).order_by(entries.c.position.desc())
        ).first() or (0, 0)
        connection.execute(
            insert(entries).values(
                account=account, position=last + 1, key=f"order {HIM}", kind="top_up", amount=1,
                left_after=left + 1, order_number=f"of 00{DIGITS}", notes=f"of {HIM}",
                actor=f"till of {HIM}", created=1,
            )
        )  # fmt: skip
    done = world.erase(with_callerid=True)
    assert done.left == 1
    assert where(engine) == {"account_entry.key", "account_entry.actor"}
    (audited,) = [row for row in world.rows(schema.audit) if row["action"] == "erase"]
    assert audited["key"] == done.pseudonym
    again = world.erase(with_callerid=True)
    assert (again.changed, again.left) == ({}, 1)
