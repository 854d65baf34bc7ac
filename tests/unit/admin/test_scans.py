"""What pages ask again and again reads what it shows, and not all that there ever was (O2).

A SQLite file has no statistics: which index is used is told by the words of a statement alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from controller.admin.callbacks import Callbacks
from controller.admin.model import Kind
from controller.guard.ranges import shipped
from controller.store import live
from controller.store.database import open_database
from tests.seed import ADMIN, directory

#: The index that has states first: almost all callbacks are over, or were refused.
BY_STATE = "callback_request_due"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'callbackd.sqlite3'}")
    yield opened
    opened.dispose()


def plan(engine: Engine, read: Callable[[], Any]) -> str:
    """Give how the statements of something find their rows."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            found.extend(row[3] for row in cursor.fetchall())

    event.listen(engine, "before_cursor_execute", explain)
    try:
        read()
    finally:
        event.remove(engine, "before_cursor_execute", explain)
    assert found
    return "\n".join(found)


@pytest.mark.parametrize("client", [None, "acme"])
def test_o2_what_settles_is_found_by_what_is_held(engine: Engine, client: str | None) -> None:
    own = live.of_client(client)
    with engine.connect() as connection:
        counted = plan(engine, lambda: live.settling(connection, own, 9))
        page = plan(engine, lambda: live.settling_page(connection, own, first=0, limit=9))
    for told in (counted, page):
        assert "callback_request_1 (id=?)" in told
        assert BY_STATE not in told


@pytest.mark.parametrize("state", ["done", "refused"])
def test_o2_the_newest_that_are_over_are_read_from_the_end(engine: Engine, state: str) -> None:
    desk = Callbacks(engine, now=int, expiry_seconds=60, ranges=shipped())
    told = plan(engine, lambda: desk.list(ADMIN, {"state": state}))
    assert "callback_request_created" in told
    assert BY_STATE not in told
    # Of those that are open there are few.
    assert BY_STATE in plan(engine, lambda: desk.list(ADMIN, {"state": "pending"}))


def test_m1_accounts_are_read_in_the_order_of_their_owners(engine: Engine) -> None:
    store = directory(engine)
    first = plan(engine, lambda: store.list(ADMIN, Kind.ACCOUNT))
    assert "account USING INDEX account_owner" in first
    after = plan(engine, lambda: store.list(ADMIN, Kind.ACCOUNT, after="100/x"))
    assert "account USING INDEX account_owner (owner>?)" in after
