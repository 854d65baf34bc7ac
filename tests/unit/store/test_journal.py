"""What the caches go by: changes in the order of their count, remembered so long and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, local
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, select, text

from controller.admin.model import Kind
from controller.policy.changes import Change, Position, Snapshot
from controller.policy.model import Policy
from controller.store import journal, schema
from controller.store.database import open_database
from controller.store.extensions import Extensions
from controller.store.journal import Entry, Journal, writing
from tests.seed import ADMIN, directory, keep


def quiet(change: Change) -> None:
    """Tell nobody."""


def touched(engine: Engine, *extensions: str, announce: Callable[[Change], None] = quiet) -> None:
    """Count a change that touches extensions."""
    with writing(engine, announce) as transaction:
        for extension in extensions:
            transaction.touch(extension, [f"+1202555{extension}"])


# --- what a change says ----------------------------------------------------------------------


def test_a_change_names_what_it_touched_once_and_in_order(engine: Engine) -> None:
    told: list[Change] = []
    with writing(engine, told.append) as transaction:
        transaction.touch("300", ["+12025550300"])
        transaction.touch("100", ["+12025550102", "+12025550101"])
        transaction.touch("300", ["+12025550300", "+12025550301"])
        assert told == []
    expected = Change(
        seq=1,
        extensions=("100", "300"),
        dids=("+12025550101", "+12025550102", "+12025550300", "+12025550301"),
    )
    assert told == [expected]
    assert Journal(engine).changes(0) == (expected,)


def test_what_touches_no_policy_is_not_counted_and_not_announced(engine: Engine) -> None:
    told: list[Change] = []
    with writing(engine, told.append) as transaction:
        transaction.note([Entry(1, "a", "create", "channel", "pstn", None, None, {})])
    assert told == []
    assert Journal(engine).position().seq == 0
    assert len(Journal(engine).audit([], None, 10)) == 1


def test_what_is_rolled_back_is_neither_counted_nor_announced_nor_audited(engine: Engine) -> None:
    told: list[Change] = []

    def fail() -> None:
        with writing(engine, told.append) as transaction:
            transaction.note([Entry(1, "a", "create", "channel", "pstn", None, None, {})])
            transaction.touch("100", [])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert told == []
    assert Journal(engine).position().seq == 0
    assert Journal(engine).changes(0) == ()
    assert Journal(engine).audit([], None, 10) == []


def test_more_than_can_be_named_is_everything(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MOST_NAMED", 2)
    told: list[Change] = []
    touched(engine, "100", "200", announce=told.append)
    touched(engine, "100", "200", "300", announce=told.append)
    with writing(engine, told.append) as transaction:
        transaction.touch("100", ["+12025550101"])
        transaction.touch_everything()
    assert [change.extensions for change in told] == [("100", "200"), (), ()]
    assert told[1:] == [Change(seq=2, everything=True), Change(seq=3, everything=True)]


# --- how long it is remembered ---------------------------------------------------------------


def test_changes_beyond_what_is_remembered_are_not_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "REMEMBERED", 3)
    log = Journal(engine)
    lineage = log.position().lineage
    for number in range(5):
        touched(engine, str(number))
        assert log.position() == Position(lineage=lineage, seq=number + 1)
    found = {after: log.changes(after) for after in range(7)}
    # None, and not a part of them: whoever is further behind forgets everything.
    assert [found[0], found[1]] == [None, None]
    for after, left in ((2, [3, 4, 5]), (3, [4, 5]), (4, [5]), (5, [])):
        changes = found[after]
        assert changes is not None
        assert [change.seq for change in changes] == left
    # Ahead of the store: it was another one, or restored from a backup.
    assert found[6] is None
    with engine.connect() as connection:
        kept = connection.execute(select(schema.policy_change.c.seq)).scalars().all()
    assert sorted(kept) == [3, 4, 5]


def test_the_lineage_of_a_database_stays_when_it_is_opened_again(database_url: str) -> None:
    lineages = set()
    for _ in range(2):
        engine = open_database(database_url)
        touched(engine, "100")
        lineages.add(Journal(engine).position().lineage)
        engine.dispose()
    assert len(lineages) == 1


# --- order -----------------------------------------------------------------------------------


@contextmanager
def second(engine: Engine) -> Iterator[Engine]:
    """Open the same database as another controller does."""
    other = open_database(engine.url.render_as_string(hide_password=False))
    try:
        yield other
    finally:
        other.dispose()


def waits_for_a_lock(engine: Engine) -> bool:
    """Whether somebody waits for somebody else's row."""
    if engine.dialect.name == "sqlite":
        return True  # Nobody can see it there: a writer waits before its first statement.
    found = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
    with engine.connect() as connection:
        return bool(connection.execute(found).scalar_one() > 0)


def test_changes_become_visible_in_the_order_of_their_count_though_they_overlap(
    engine: Engine,
) -> None:
    """Else a cache that has read up to 2 would never learn of 1."""
    log = Journal(engine)
    first_counted, may_commit, second_began = Event(), Event(), Event()

    def hold(_: object) -> None:
        first_counted.set()
        assert may_commit.wait(60)

    def later(other: Engine) -> None:
        second_began.set()
        touched(other, "200")

    with second(engine) as one, second(engine) as two, ThreadPoolExecutor(2) as pool:
        event.listen(one, "commit", hold)
        try:
            early = pool.submit(touched, one, "100")
            assert first_counted.wait(60)
            late = pool.submit(later, two)
            assert second_began.wait(60)
            while not (late.done() or waits_for_a_lock(engine)):
                time.sleep(0.01)
            # The first is not committed, so that neither is there, nor a gap.
            assert not late.done()
            assert log.changes(0) == ()
            assert log.position().seq == 0
        finally:
            may_commit.set()
        early.result()
        late.result()
    found = log.changes(0)
    assert found is not None
    assert [(change.seq, change.extensions) for change in found] == [(1, ("100",)), (2, ("200",))]


def test_changes_at_the_same_time_are_all_counted_without_a_gap(engine: Engine) -> None:
    log = Journal(engine)
    threads, each = 4, 5
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda n: touched(engine, str(n)), range(threads * each)))
    found = log.changes(0)
    assert found is not None
    assert [change.seq for change in found] == list(range(1, threads * each + 1))
    assert {change.extensions for change in found} == {(str(n),) for n in range(threads * each)}


# --- one state -------------------------------------------------------------------------------

#: What the writer changes at once: extension, DIDs, numbers shown, and the client that owns it.
OLD = {"dids": ["+12025550101", "+12025550102"], "caller_ids": ["+12025550100"]}
NEW = {
    "dids": ["+12025550102", "+12025550103"],
    "caller_ids": ["+12025550109"],
    "ring_seconds": 9,
    "caller_id_name": "New",
}


class Interposed:
    """Does something between two statements of a thread: before its `at`th, counted from 0."""

    def __init__(self, engine: Engine, at: int, action: Callable[[], object]) -> None:
        self._engine, self._at, self._action = engine, at, action
        self._mine = local()
        self.count = 0
        self.done = False

    def __enter__(self) -> Interposed:
        self._mine.here = True
        event.listen(self._engine, "before_cursor_execute", self._before)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._before)

    def _before(self, *_: Any) -> None:
        if not getattr(self._mine, "here", False):
            return
        if self.count == self._at:
            self.done = True
            self._action()
        self.count += 1


@pytest.mark.parametrize("way", ["by_did", "by_extension"])
def test_a_reader_sees_one_state_wherever_between_its_statements_a_writer_commits(
    engine: Engine, policy: Policy, way: str
) -> None:
    keep(engine, policy, msgspec.structs.replace(policy, extension="200", dids=("+12025550199",)))
    store = directory(engine)
    store.create(
        ADMIN, Kind.NUMBER, {"number": "+12025550109", "channel": "pstn", "client": "main"}
    )
    reading = Extensions(engine)
    key = "+12025550102" if way == "by_did" else "100"
    seen = set()
    at = 0
    with second(engine) as other:
        writer = directory(other)
        while True:
            writer.change(ADMIN, Kind.EXTENSION, "100", {**OLD, **dict.fromkeys(NEW.keys() - OLD)})
            old = getattr(reading, way)(key)

            def change() -> None:
                writer.change(ADMIN, Kind.EXTENSION, "100", NEW)

            with Interposed(engine, at, change) as interposed:
                found: Snapshot = getattr(reading, way)(key)
            if not interposed.done:
                break
            new: Snapshot = getattr(reading, way)(key)
            assert new.seq == old.seq + 1
            assert new.policy is not None
            assert new.policy.dids == tuple(NEW["dids"])  # type: ignore[arg-type]
            # Wholly the one or wholly the other, and it says which.
            assert found in (old, new), at
            seen.add(found == new)
            at += 1
    # A writer came between each two statements.
    assert at >= 5
    assert False in seen


def test_a_reader_waits_for_no_writer_and_sees_what_was_committed(
    engine: Engine, policy: Policy
) -> None:
    keep(engine, policy)
    reading = Extensions(engine)
    before = reading.by_did(policy.dids[0])
    with writing(engine, quiet) as transaction:
        transaction.connection.execute(text("DELETE FROM did"))
        transaction.touch("100", policy.dids)
        assert reading.by_did(policy.dids[0]) == before
    assert reading.by_did(policy.dids[0]) == Snapshot(seq=before.seq + 1, policy=None)
