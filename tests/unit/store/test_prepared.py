"""Statements that are made once (O5): whoever runs them, they give and raise the same.

On SQLite each is run by the driver and by SQLAlchemy, which runs it where somebody listens.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, bindparam, event, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from controller.store.database import open_database, reader, reader_of_one
from controller.store.prepared import Prepared, Remade
from controller.store.schema import stop as stops

MADE = Prepared(
    insert(stops).values(
        scope=bindparam("scope"), name=bindparam("name"), hang_up=bindparam("hang_up"),
        reason="", actor=bindparam("actor"), since=bindparam("since"),
    )
)  # fmt: skip
RENAMED = Prepared(
    update(stops)
    .where(stops.c.name == bindparam("of"))
    .values(reason=bindparam("why"), since=stops.c.since + 1)
    .returning(stops.c.hang_up, stops.c.since)
)
ADDED = Prepared(
    update(stops).where(stops.c.name == bindparam("of")).values(since=stops.c.since + 1)
)
FOUND = Prepared(
    select(stops.c.name, stops.c.hang_up, stops.c.reason)
    .where(stops.c.scope == bindparam("scope"))
    .order_by(stops.c.name)
)


@pytest.fixture(params=["driver", "listened"])
def either(request: pytest.FixtureRequest, engine: Engine) -> Engine:
    """Give an engine of which nobody listens to statements, and one of which somebody does."""
    if request.param == "listened":
        event.listen(engine, "before_cursor_execute", lambda *_: None)
    return engine


def row(name: str, **more: Any) -> dict[str, Any]:
    given = {"scope": "extension", "name": name, "hang_up": True, "actor": "a", "since": 10**15}
    return given | more


def test_rows_are_what_sqlalchemy_gives_and_more_may_be_known_than_is_asked(
    either: Engine,
) -> None:
    with either.begin() as connection:
        MADE.change(connection, row("100", reason="not asked"))
        MADE.change_each(connection, [row("101", hang_up=False), row("102")])
    with either.begin() as connection:
        known = {"of": "101", "why": "because", "since": 7}
        assert [tuple(found) for found in RENAMED.all(connection, known)] == [(False, 10**15 + 1)]
        assert RENAMED.first(connection, {"of": "nobody", "why": ""}) is None
        assert ADDED.change(connection, {"of": "102"}) == 1
        assert ADDED.change(connection, {"of": "nobody"}) == 0
    with reader(either).connect() as connection:
        found = [tuple(one) for one in FOUND.all(connection, {"scope": "extension"})]
    assert found == [("100", True, ""), ("101", False, "because"), ("102", True, "")]
    assert {type(hang_up) for _, hang_up, _ in found} == {bool}


def test_a_transaction_that_reads_sees_one_state(either: Engine) -> None:
    with reader(either).connect() as connection:
        assert not FOUND.all(connection, {"scope": "extension"})
        with either.begin() as other:
            MADE.change(other, row("100"))
        assert not FOUND.all(connection, {"scope": "extension"})
    with reader(either).connect() as connection:
        assert FOUND.one(connection, {"scope": "extension"})[0] == "100"


def test_what_is_wrong_is_raised_as_sqlalchemy_raises_it_and_undone(either: Engine) -> None:
    """Whoever catches it need not know who ran the statement, and no log has what was asked."""
    twice = row("100", actor="nobody's business")
    with either.begin() as connection:
        MADE.change(connection, twice)
    with pytest.raises(IntegrityError) as raised, either.begin() as connection:
        MADE.change(connection, twice)
    assert "nobody's business" not in str(raised.value)
    with pytest.raises(IntegrityError), either.begin() as connection:
        MADE.change_each(connection, [row("101"), row("101")])
    with reader(either).connect() as connection:
        assert FOUND.one(connection, {"scope": "extension"})[0] == "100"


def test_o5_a_database_that_is_away_is_away_whoever_asks_it(tmp_path: Any) -> None:
    """A writer that waits in vain for another one, at its beginning."""
    engine = open_database(f"sqlite:///{tmp_path / 'made.sqlite3'}")
    with engine.begin() as writer:
        MADE.change(writer, row("100"))
        with engine.connect() as other:
            driver = other.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA busy_timeout = 1")
            with pytest.raises(OperationalError):
                MADE.change(other, row("101"))
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        connection.begin()
        driver.execute("DROP TABLE stop")
        with pytest.raises(OperationalError):
            FOUND.all(connection, {"scope": "extension"})
    engine.dispose()


def test_a_value_is_made_anew_only_of_other_rows() -> None:
    made = Remade(list)
    first = made.of([("a", 1), ("b", 2)])
    assert made.of([("a", 1), ("b", 2)]) is first
    assert made.of([("a", 1)]) == [("a", 1)]


def test_o5_what_reads_by_one_statement_is_in_no_transaction(engine: Engine) -> None:
    """Each sees what there is when it is run, and keeps no writer waiting."""
    with reader_of_one(engine).connect() as connection:
        assert not FOUND.all(connection, {"scope": "extension"})
        assert not connection.in_transaction()
        with engine.begin() as other:
            MADE.change(other, row("100"))
        assert FOUND.one(connection, {"scope": "extension"})[0] == "100"
