"""What pages ask again and again reads what it shows, and not all that there ever was (O2).

A SQLite file has no statistics: which index is used is told by the words of a statement alone.
PostgreSQL has some.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert

from controller.admin.callback_shapes import Callback
from controller.admin.callbacks import Callbacks
from controller.admin.model import Actor, Kind
from controller.guard.ranges import shipped
from controller.policy.model import Policy
from controller.policy.records import Role
from controller.store import live
from controller.store.database import open_database
from controller.store.schema import callback_request
from tests.seed import ADMIN, directory, keep

#: The index that has states first: almost all callbacks are over, or were refused.
BY_STATE = "callback_request_due"
ACME = Actor(name="acme", role=Role.CLIENT, client="acme")
#: How many callbacks there are, over as many extensions of each client.
MANY, EXTENSIONS = 3000, 5
#: How callbacks end: one in a hundred otherwise than most.
RARE, USUAL = "stuck", "completed"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path / 'callbackd.sqlite3'}")
    yield opened
    opened.dispose()


@pytest.fixture
def full(request: pytest.FixtureRequest, database_url: str) -> Iterator[Engine]:
    """A database with callbacks of two clients, of which several come at the same moment."""
    opened = open_database(database_url)
    policies = [
        Policy(extension=str(number), dids=(f"+1202555{number}",), country="US", caller_ids=(),
               client="acme" if number % 2 else "bolt")
        for number in range(1000, 1000 + 2 * EXTENSIONS)
    ]  # fmt: skip
    keep(opened, *policies)
    rows = [
        {
            "id": f"{number * 7919 % MANY:08x}-0000-4000-8000-{number:012x}",
            "extension": policies[number % len(policies)].extension,
            "did": "+12025551000", "number": "+12125550199", "caller": "+12125550199",
            "state": "refused" if number % 3 else "done",
            "outcome": RARE if number % 100 == 1 else USUAL,
            "created": number // 25, "due": number, "joined": 0,
        }
        for number in range(MANY)
    ]  # fmt: skip
    with opened.begin() as connection:
        connection.execute(insert(callback_request), rows)
    if opened.dialect.name == "postgresql":
        with opened.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    yield opened
    opened.dispose()


def desk_of(engine: Engine) -> Callbacks:
    """Give the desk whose lists are looked at."""
    return Callbacks(engine, now=int, expiry_seconds=60, ranges=shipped())


def walked(
    desk: Callbacks, actor: Actor, filters: dict[str, str | int], limit: int
) -> list[Callback]:
    """Give all callbacks of a list, page by page."""
    seen: list[Callback] = []
    after: str | None = None
    while not seen or after is not None:
        page = desk.list(actor, filters, after=after, limit=limit)
        assert page.items
        seen += page.items
        after = page.next
    return seen


def plan(engine: Engine, read: Callable[[], Any]) -> str:
    """Give how the statements of something find their rows."""
    found: list[str] = []

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            how = "EXPLAIN QUERY PLAN"
            if engine.dialect.name == "postgresql":
                # Of so few rows it would read all.
                cursor.execute("SET LOCAL enable_seqscan = off")
                how = "EXPLAIN"
            cursor.execute(f"{how} {statement}", parameters)
            found.extend(row[-1] for row in cursor.fetchall())

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
    desk = desk_of(engine)
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


@pytest.mark.parametrize("state", ["done", "refused"])
def test_o2_postgresql_reads_them_from_the_end_as_well(full: Engine, state: str) -> None:
    desk = desk_of(full)
    told = plan(full, lambda: desk.list(ADMIN, {"state": state}, limit=20))
    assert "callback_request_created" in told
    assert BY_STATE not in told
    found = desk.list(ADMIN, {"state": state}, limit=20).items
    assert [one.state for one in found] == [state] * 20


def test_o2_what_seldom_happens_is_found_by_that(full: Engine) -> None:
    """O2: by an index that a callback is written into when it is over, and not before."""
    desk = desk_of(full)
    for actor in (ADMIN, ACME):
        told = plan(full, partial(desk.list, actor, {"outcome": RARE}))
        assert "callback_request_outcome" in told
        found = desk.list(actor, {"outcome": RARE}).items
        assert {one.outcome for one in found} == {RARE}
        assert len(found) == MANY // 100
    assert desk.list(ADMIN, {"outcome": "no_such"}).items == ()


def test_o2_of_each_extension_of_a_client_its_own_end_is_read(engine: Engine) -> None:
    desk = desk_of(engine)
    place = "7:00000000-0000-4000-8000-000000000000"
    lists: tuple[dict[str, str | int], ...] = ({}, {"state": "refused"}, {"since": 5, "until": 9})
    for filters in lists:
        told = plan(engine, partial(desk.list, ACME, filters, after=place))
        assert "callback_request_of (extension=? AND created" in told
        assert "TEMP B-TREE FOR RIGHT PART OF ORDER BY" in told
        assert BY_STATE not in told
    # By what else is asked for it is found without that.
    told = plan(engine, lambda: desk.list(ACME, {"state": "pending"}))
    assert BY_STATE in told


@pytest.mark.parametrize(
    "filters", [{}, {"state": "done"}, {"outcome": USUAL}, {"since": 20, "until": 90}]
)
def test_o2_a_clients_pages_are_his_callbacks_in_order(
    full: Engine, filters: dict[str, str | int]
) -> None:
    """O2: the newest first over all of his extensions, each once, and nobody else's."""
    desk = desk_of(full)
    seen = walked(desk, ACME, filters, 170)
    assert seen == [one for one in walked(desk, ADMIN, filters, 1000) if int(one.extension) % 2]
    assert seen
