"""G3: suspicions of fraud in the database: opened once, seen again, released; what was spent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, event, insert, select

from controller.guard.patterns import (
    SPEND_REST_MICROS,
    History,
    Known,
    Pattern,
    Sighting,
    Spent,
    Subject,
)
from controller.store import suspicions as rows
from controller.store.schema_callbacks import suspicion
from controller.store.schema_money import notice
from controller.store.suspicions import Saw, Suspicion, Suspicions
from tests.unit.store.called import BEGUN, FREE, SECOND, keep_leg

NOW = 1_795_000_000_000_000
BLOCK = Subject(Pattern.SEQUENTIAL_NUMBERS, "1001/+121255501")
NUMBER = Subject(Pattern.MANY_EXTENSIONS, "+12125550199")
HOUR = 3_600 * SECOND


class Clock:
    """The time, which goes on when it is moved."""

    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(engine: Engine, clock: Clock) -> Suspicions:
    return Suspicions(engine, now=clock)


def seen(subject: Subject = BLOCK, **values: Any) -> Sighting:
    """Give a sighting."""
    return Sighting(
        **{
            "subject": subject, "blocks": False, "extension": "1001", "client": "main",
            "at": NOW, "said": "5 numbers", **values,
        }
    )  # fmt: skip


def every(engine: Engine) -> list[Suspicion]:
    """Give all suspicions, the oldest first."""
    with engine.connect() as connection:
        return rows.page(connection, (), 10**9, 100)[::-1]


def release(engine: Engine, id_: int, now: int) -> None:
    """Release one."""
    with engine.begin() as connection:
        rows.release(connection, id_, by="admin", now=now)


def notices(engine: Engine) -> list[Any]:
    """Give the notices that were left."""
    with engine.connect() as connection:
        return list(connection.execute(select(notice).order_by(notice.c.id)))


def test_g3_what_is_seen_again_is_one_suspicion(engine: Engine, store: Suspicions) -> None:
    assert store.saw([seen(times=2), seen(NUMBER, extension=None, client=None)]) == [
        Saw.OPENED, Saw.OPENED,
    ]  # fmt: skip
    later = seen(at=NOW + 9, said="6 numbers", client="acme", times=3)
    assert store.saw([later]) == [Saw.AGAIN]
    # An older one that is told late, and one that only counts.
    assert store.saw([seen(at=NOW + 5, said="", client="acme", opens=False)]) == [Saw.AGAIN]
    first, second = every(engine)
    assert (first.pattern, first.subject) == ("sequential_numbers", "1001/+121255501")
    assert (first.first, first.last, first.times) == (NOW, NOW + 9, 6)
    assert (first.said, first.client, first.blocks) == ("6 numbers", "acme", False)
    assert (second.extension, second.client, second.times) == (None, None, 1)
    assert store.known() == Known({BLOCK.key: False, NUMBER.key: False})


def test_g3_one_that_is_open_blocks_from_when_it_is_blocked(
    engine: Engine, store: Suspicions
) -> None:
    store.saw([seen()])
    assert store.known() == Known({BLOCK.key: False})
    assert store.saw([seen(blocks=True)]) == [Saw.BLOCKED]
    assert store.known() == Known({BLOCK.key: True})
    # What another controller's policy says that is of yesterday lets nothing through.
    assert store.saw([seen(blocks=False)]) == [Saw.AGAIN]
    assert store.known() == Known({BLOCK.key: True})
    assert [one.key for one in notices(engine)] == ["suspicion:1", "suspicion:1:blocks"]


def test_g3_an_operator_is_told_once_of_each(engine: Engine, store: Suspicions) -> None:
    for _ in range(3):
        store.saw([seen(said="x" * 300)])
    (told,) = notices(engine)
    assert (told.kind, told.created, told.due) == ("suspicion", NOW, NOW)
    assert msgspec.json.decode(told.body) == {
        "suspicion": 1, "pattern": "sequential_numbers", "subject": "1001/+121255501",
        "extension": "1001", "client": "main", "blocks": False, "said": "x" * 200,
    }  # fmt: skip


def test_g3_what_was_released_comes_back_by_new_evidence_alone(
    engine: Engine, store: Suspicions, clock: Clock
) -> None:
    store.saw([seen(blocks=True)])
    release(engine, 1, NOW + 7)
    assert store.known() == Known({}, {BLOCK.key: NOW + 7})
    # Whoever counted without knowing of it opens nothing.
    assert store.saw([seen(at=NOW + 8)]) == [Saw.RELEASED]
    assert store.saw([seen(at=NOW + 8, since=NOW + 6)]) == [Saw.RELEASED]
    assert store.saw([seen(at=NOW + 8, since=NOW + 7, opens=False)]) == [Saw.RELEASED]
    assert len(every(engine)) == 1
    assert store.saw([seen(at=NOW + 9, since=NOW + 7)]) == [Saw.OPENED]
    assert store.known() == Known({BLOCK.key: False}, {BLOCK.key: NOW + 7})
    release(engine, 2, NOW + 20)
    clock.now = NOW + 20 + SPEND_REST_MICROS
    # Nobody needs to know of those of yesterday.
    assert Suspicions(engine, now=clock).known() == Known()
    assert [one.released for one in every(engine)] == [NOW + 7, NOW + 20]


def test_g3_a_release_of_yesterday_keeps_nothing_from_being_seen_again(
    engine: Engine, store: Suspicions, clock: Clock
) -> None:
    """Nobody knows of it any more, so that nobody can say that he did (`since`)."""
    store.saw([seen(blocks=True)])
    release(engine, 1, NOW)
    clock.now = NOW + SPEND_REST_MICROS
    known = Suspicions(engine, now=clock).known()
    late = seen(at=clock.now, since=known.released.get(BLOCK.key, 0))
    assert store.saw([late]) == [Saw.OPENED]
    assert len(every(engine)) == 2


def test_g3_what_several_see_at_once_is_one(engine: Engine, store: Suspicions) -> None:
    """Each controller looks what was spent, each minute."""
    minute = seen(apart=30 * SECOND)
    assert store.saw([minute]) == [Saw.OPENED]
    assert store.saw([msgspec.structs.replace(minute, at=NOW + 29 * SECOND)]) == [Saw.AGAIN]
    assert every(engine)[0].times == 1
    store.saw([msgspec.structs.replace(minute, at=NOW + 60 * SECOND)])
    assert every(engine)[0].times == 2


def test_o3_whoever_writes_at_once_there_is_one_that_is_open(
    engine: Engine, store: Suspicions
) -> None:
    subjects = [Subject(Pattern.SHORT_ANSWERS, f"1001/+4420794600{n}") for n in range(10, 15)]
    batch = [seen(subject) for subject in subjects]
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: store.saw(batch), range(8)))
    for which in zip(*results, strict=True):
        assert sorted(which) == [Saw.AGAIN] * 7 + [Saw.OPENED]
    assert [(one.subject, one.times) for one in every(engine)] == [
        (subject.name, 8) for subject in subjects
    ]
    assert len(notices(engine)) == len(subjects)


def test_g3_what_has_not_changed_is_not_read_again(engine: Engine, store: Suspicions) -> None:
    store.saw([seen(), seen(NUMBER)])
    first = store.known()
    store.saw([seen(at=NOW + 1)])
    assert store.known() is first
    release(engine, 1, NOW + 2)
    # Another one in its place: as many are open as before.
    store.saw([seen(Subject(Pattern.SUDDEN_SPEND, "1001"))])
    assert set(store.known().open) == {NUMBER.key, "sudden_spend:1001"}


def test_o3_what_is_seen_late_is_read_though_as_many_are_open(
    engine: Engine, store: Suspicions
) -> None:
    """PostgreSQL gives an id when it is asked for, and shows the row when that is committed."""

    def keep(*ids: int) -> None:
        with engine.begin() as connection:
            for id_ in ids:
                connection.execute(insert(suspicion).values(
                    id=id_, pattern="short_answers", subject=f"1001/+{id_}", blocks=True,
                    first=NOW, last=NOW, times=1, said="",
                ))  # fmt: skip

    keep(5, 10)
    assert set(store.known().open) == {"short_answers:1001/+5", "short_answers:1001/+10"}
    keep(9)
    release(engine, 5, NOW)
    assert set(store.known().open) == {"short_answers:1001/+9", "short_answers:1001/+10"}
    assert store.known().released == {"short_answers:1001/+5": NOW}


def test_g3_of_many_that_are_open_only_those_are_read_that_are_new(
    engine: Engine, store: Suspicions
) -> None:
    """An attack opens some each second, and each controller asks twice a second."""
    store.saw([seen(Subject(Pattern.MANY_EXTENSIONS, f"+44207946{n:04}")) for n in range(50)])
    assert len(store.known().open) == 50
    asked: list[Any] = []
    event.listen(engine, "before_cursor_execute", lambda *of: asked.append((of[2], of[3])))
    store.saw([seen(blocks=True)])
    asked.clear()
    assert store.known().open[BLOCK.key] is True
    assert len(store.known().open) == 51
    (read,) = [one for one in asked if "suspicion.subject" in one[0]]
    with engine.connect() as connection:
        assert len(connection.exec_driver_sql(*read).all()) == 1


def test_g3_an_operator_is_told_of_so_many_an_hour_and_others_wait_behind_no_flood(
    engine: Engine, store: Suspicions
) -> None:
    """Whoever forges numbers makes as many as he likes."""
    flood = [seen(Subject(Pattern.SHORT_ANSWERS, f"1001/+44207946{n:04}")) for n in range(25)]
    assert store.saw(flood) == [Saw.OPENED] * 25
    assert len(notices(engine)) == rows.MOST_TOLD
    # Another pattern, another extension; and the next hour.
    store.saw([seen(), seen(Subject(Pattern.SHORT_ANSWERS, "1002/+4420"), extension="1002")])
    assert len(notices(engine)) == rows.MOST_TOLD + 2
    store.saw([seen(flood[-1].subject, at=NOW + HOUR, blocks=True)])
    assert len(notices(engine)) == rows.MOST_TOLD + 3


def test_g3_where_nobody_is_told_no_notice_is_kept(engine: Engine, clock: Clock) -> None:
    Suspicions(engine, now=clock, told=False).saw([seen(), seen(NUMBER, blocks=True)])
    assert notices(engine) == []
    assert len(every(engine)) == 2


# --- what was spent ----------------------------------------------------------------------------


def test_g3_what_was_spent_within_the_hour_is_added_by_extension_and_currency(
    engine: Engine, store: Suspicions
) -> None:
    now = BEGUN + 10 * HOUR
    for which in range(6):
        keep_leg(engine, which, begun=now - HOUR, ended=now - which * SECOND)
    # Another currency, one that cost nothing, one of before, one that is too long ago.
    keep_leg(engine, 10, begun=now - HOUR, ended=now, currency="USD")
    keep_leg(engine, 11, begun=now - HOUR, ended=now, **FREE)
    keep_leg(engine, 12, begun=now - 2 * HOUR, ended=now - HOUR)
    keep_leg(engine, 13, begun=now - 3 * HOUR - 1, ended=now)
    for which in range(20, 24):
        keep_leg(engine, which, extension="200", begun=now - HOUR, ended=now)
    assert store.spent(now) == [Spent("100", "EUR", 180_000, 6)]


def test_g3_only_legs_of_late_are_looked_at_each_minute(engine: Engine, store: Suspicions) -> None:
    """Not all that there are, extension by extension, which SQLite likes better."""
    asked: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    store.spent(NOW)
    event.remove(engine, "before_cursor_execute", note)
    ((statement, parameters),) = [one for one in asked if "call_leg" in one[0]]
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        assert "USING INDEX call_leg_begun (begun>?)" in plan[0].detail


def test_g3_history_is_what_each_hour_has_cost_before(engine: Engine, store: Suspicions) -> None:
    now = BEGUN // HOUR * HOUR + 700 * HOUR
    assert store.history("100", "EUR", now) == History()
    for which, (hours, charge) in enumerate([(1, 5), (2, 7), (2, 8), (30, 9), (673, 11)]):
        ended = now - hours * HOUR - 5 * (hours > 1)
        keep_leg(engine, which, begun=ended - SECOND, ended=ended, charge=charge)
    keep_leg(engine, 20, begun=now - SECOND, ended=now, charge=1_000)
    keep_leg(engine, 21, begun=now - 9 * HOUR, ended=now - 8 * HOUR, currency="USD", charge=9)
    keep_leg(engine, 22, begun=now - 9 * HOUR, ended=now - 8 * HOUR, extension="200", charge=9)
    keep_leg(engine, 23, begun=now - 9 * HOUR, ended=now - 8 * HOUR, **FREE)
    found = store.history("100", "EUR", now)
    assert sorted(found.hours) == [5, 9, 15]
    assert found.first == now - 673 * HOUR - 5 - SECOND
