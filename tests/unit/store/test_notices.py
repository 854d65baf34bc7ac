"""M8: notices are sent by one controller at a time, and until they were taken."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, insert, select

from controller.store.notices import Notices
from controller.store.schema_money import notice as table


@pytest.fixture
def notices(engine: Engine) -> Notices:
    return Notices(engine)


def leave(engine: Engine, key: str, due: int = 100) -> None:
    """Leave a notice."""
    with engine.begin() as connection:
        connection.execute(
            insert(table).values(kind="low_credit", key=key, body="{}", created=due, due=due)
        )


def leased(notices: Notices, now: int, holder: str = "a") -> str | None:
    """Take a notice, and give its key."""
    found = notices.lease(holder=holder, now=now, until=now + 50)
    return None if found is None else found.key


def test_m8_one_controller_at_a_time_sends_a_notice(engine: Engine, notices: Notices) -> None:
    assert leased(notices, 100) is None
    leave(engine, "one")
    leave(engine, "two")
    assert leased(notices, 99) is None
    assert leased(notices, 100) == "one"
    assert leased(notices, 101, "b") == "two"
    assert leased(notices, 150, "b") is None
    # Who took it has died.
    assert leased(notices, 151, "b") == "one"


def test_m8_what_was_taken_is_not_sent_again(engine: Engine, notices: Notices) -> None:
    leave(engine, "one")
    found = notices.lease(holder="a", now=100, until=150)
    assert found is not None
    notices.taken(found.id, now=101)
    assert leased(notices, 10_000) is None
    with engine.connect() as connection:
        row = connection.execute(select(table)).one()
    assert (row.taken, row.tries, row.holder) == (101, 1, None)


def test_m8_what_was_not_taken_is_sent_later_and_shown(engine: Engine, notices: Notices) -> None:
    leave(engine, "one")
    leave(engine, "two", due=101)
    first = notices.lease(holder="a", now=100, until=150)
    assert first is not None
    assert notices.untaken() is None
    notices.failed(first.id, "y" * 300, holder="b", due=900)
    assert leased(notices, 149, "b") == "two", "another one has it"
    notices.failed(first.id, "y" * 300, holder="a", due=900)
    assert leased(notices, 899) == "two"
    shown = notices.untaken()
    assert shown is not None
    assert (shown.count, shown.oldest, shown.problem) == (1, 100, "y" * 200)
    again = notices.lease(holder="b", now=900, until=950)
    assert again is not None
    assert (again.key, again.tries) == ("one", 2)
    notices.taken(again.id, now=901)
    assert notices.untaken() is None
