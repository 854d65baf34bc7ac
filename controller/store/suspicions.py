"""Suspicions of fraud (G3) in the database: opened once, seen again, released; and what was spent.

A subject has one that is open for each pattern at most, whichever controllers see it at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    String,
    bindparam,
    case,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from controller.guard.patterns import (
    HISTORY_MICROS,
    LEAST_LEGS,
    SPEND_REST_MICROS,
    WINDOW_MICROS,
    History,
    Known,
    Sighting,
    Spent,
    Subject,
)
from controller.store.database import reader, reader_of_one
from controller.store.notices import leave
from controller.store.prepared import Prepared
from controller.store.schema_callbacks import suspicion as suspicions
from controller.store.schema_money import call_leg as legs

#: The longest sentence that is kept; more is cut.
LONGEST_SAID: Final = 200
#: So many are told in an hour of one pattern at an extension: callers forge as many numbers as they
#: like, and what else is told waits behind.
MOST_TOLD: Final = 20
#: A leg that is longer counts for no sudden spending, microseconds: it began too long ago.
_LONGEST_LEG_MICROS: Final = 2 * WINDOW_MICROS


class Suspicion(msgspec.Struct, frozen=True):
    """A suspicion as it is stored; times are microseconds since 1970. See the schema."""

    id: int
    pattern: str
    subject: str
    extension: str | None
    client: str | None
    blocks: bool
    first: int
    last: int
    times: int
    said: str
    released: int | None
    released_by: str | None


class Saw(StrEnum):
    """What became of a sighting: `blocked` of one that was open and begins to block.

    `released`: it was counted before an operator's release was known, and opens nothing.
    """

    OPENED = "opened"
    BLOCKED = "blocked"
    AGAIN = "again"
    RELEASED = "released"


class _Mark(NamedTuple):
    """What tells whether others are open than before; ids may become visible in any order."""

    last: int
    many: int
    ids: int
    blocks: int


_FIELDS: Final = [suspicions.c[name] for name in Suspicion.__struct_fields__]
_OPEN: Final = suspicions.c.released.is_(None)
_MARK: Final = Prepared(
    select(
        func.max(suspicions.c.id),
        func.count(),
        func.sum(suspicions.c.id),
        func.sum(case((suspicions.c.blocks, 1), else_=0)),
    ).where(_OPEN)
)

_of_subject: Final = (
    suspicions.c.pattern == bindparam("pattern"),
    suspicions.c.subject == bindparam("subject"),
)
_OPENED: Final = Prepared(
    select(suspicions.c.id, suspicions.c.blocks, suspicions.c.last)
    .where(*_of_subject, _OPEN)
    .with_for_update()
)
_LAST_RELEASED: Final = Prepared(select(func.max(suspicions.c.released)).where(*_of_subject))
#: What is written of one that is opened.
_SEEN: Final = (
    "pattern", "subject", "extension", "client", "blocks", "first", "last", "times", "said",
)  # fmt: skip
_is_said: Final = bindparam("is_said", type_=String)
_SAW_AGAIN: Final = Prepared(
    update(suspicions)
    .where(suspicions.c.id == bindparam("of"))
    .values(
        times=suspicions.c.times + bindparam("more"),
        last=bindparam("until"),
        blocks=bindparam("is_blocking"),
        said=case((_is_said != "", _is_said), else_=suspicions.c.said),
        client=bindparam("of_client"),
    )
)


def _mark(connection: Connection) -> _Mark:
    return _Mark(*(int(one or 0) for one in _MARK.one(connection)))


class Suspicions:
    """Suspicions of one store. Calls block; they raise `Away` where the store is.

    `now` gives microseconds since 1970; `told`: whether there is anybody who is told of them.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], int], told: bool = True) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._one = reader_of_one(engine)
        self._now = now
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._open_one = Prepared(
            insert(suspicions)
            .values({name: bindparam(name) for name in _SEEN})
            .on_conflict_do_nothing()
            .returning(suspicions.c.id)
        )
        self._told = told
        #: How many were told in which hour, by pattern and extension.
        self._notices: dict[tuple[str, str | None], tuple[int, int]] = {}
        self._mark: _Mark | None = None
        self._known = Known()

    # --- what was seen -------------------------------------------------------------------------

    def saw(self, sightings: Sequence[Sighting]) -> list[Saw]:
        """Keep what was seen, and say what became of each; one of a subject at a time.

        A notice is left for each that is opened, or begins to block, if it is not one of too many.
        A write of which nobody knows whether it was made may be made again: `times` may be too many
        then, and nothing else.
        """
        with self._engine.begin() as connection:
            return [self._saw(connection, one) for one in sightings]

    def _saw(self, connection: Connection, one: Sighting) -> Saw:
        while True:
            of = {"pattern": one.subject.pattern.value, "subject": one.subject.name}
            row = _OPENED.first(connection, of)
            if row is not None:
                return self._saw_again(connection, one, *row)
            if not one.opens:
                return Saw.RELEASED
            released = _LAST_RELEASED.one(connection, of)[0]
            # One that is longer ago than releases are known for is known to nobody (`known`).
            if released is not None and released > max(one.since, one.at - SPEND_REST_MICROS):
                return Saw.RELEASED
            made = self._open_one.first(
                connection,
                {
                    **of,
                    "extension": one.extension,
                    "client": one.client,
                    "blocks": one.blocks,
                    "first": one.at,
                    "last": one.at,
                    "times": one.times,
                    "said": one.said[:LONGEST_SAID],
                },
            )
            # Else somebody else has just opened it.
            if made is not None:
                self._tell(connection, made[0], one, key=f"suspicion:{made[0]}")
                return Saw.OPENED

    def _saw_again(
        self, connection: Connection, one: Sighting, id_: int, blocks: bool, last: int
    ) -> Saw:
        more = 0 if one.apart and one.at < last + one.apart else one.times
        _SAW_AGAIN.change(
            connection,
            {
                "of": id_,
                "more": more,
                "until": max(last, one.at),
                "is_blocking": blocks or one.blocks,
                "is_said": one.said[:LONGEST_SAID],
                "of_client": one.client,
            },
        )
        if blocks or not one.blocks:
            return Saw.AGAIN
        self._tell(connection, id_, one, key=f"suspicion:{id_}:blocks")
        return Saw.BLOCKED

    def _tell(self, connection: Connection, id_: int, one: Sighting, *, key: str) -> None:
        if not self._told:
            return
        of, hour = (one.subject.pattern.value, one.extension), one.at // WINDOW_MICROS
        since, count = self._notices.get(of, (hour, 0))
        if since == hour and count >= MOST_TOLD:
            return
        self._notices[of] = (hour, count + 1 if since == hour else 1)
        body = {
            "suspicion": id_,
            "pattern": one.subject.pattern.value,
            "subject": one.subject.name,
            "extension": one.extension,
            "client": one.client,
            "blocks": one.blocks,
            "said": one.said[:LONGEST_SAID],
        }
        leave(connection, kind="suspicion", key=key, body=body, now=one.at)

    # --- what counts ---------------------------------------------------------------------------

    def known(self) -> Known:
        """Give what counts of suspicions. It is asked often: what has not changed is not read."""
        with self._one.connect() as connection:
            if _mark(connection) == self._mark:
                return self._known
        with self._reader.connect() as connection:
            mark = _mark(connection)
            self._known = self._more(connection, mark) or Known(
                self._open(connection)[0], self._released(connection)
            )
            self._mark = mark
        return self._known

    def _more(self, connection: Connection, mark: _Mark) -> Known | None:
        """Give what is known where some were opened and nothing else is new; else None.

        Under attack there are many that are open, and more each second.
        """
        old = self._mark
        if old is None:
            return None
        found, sums = self._open(connection, old.last)
        added = (old.many + len(found), old.ids + sums, old.blocks + sum(found.values()))
        if added != (mark.many, mark.ids, mark.blocks):
            return None
        return Known({**self._known.open, **found}, self._known.released)

    def _open(self, connection: Connection, after: int = 0) -> tuple[dict[str, bool], int]:
        """Give those that are open with ids above that, by their keys, and the sum of their ids."""
        columns = (suspicions.c.pattern, suspicions.c.subject, suspicions.c.blocks)
        rows = connection.execute(
            select(suspicions.c.id, *columns).where(_OPEN, suspicions.c.id > after)
        ).all()
        found = {f"{pattern}:{subject}": bool(blocks) for _, pattern, subject, blocks in rows}
        return found, sum(row.id for row in rows)

    def _released(self, connection: Connection) -> dict[str, int]:
        rows = connection.execute(
            select(suspicions.c.pattern, suspicions.c.subject, func.max(suspicions.c.released))
            .where(suspicions.c.released > self._now() - SPEND_REST_MICROS)
            .group_by(suspicions.c.pattern, suspicions.c.subject)
        ).all()
        return {f"{pattern}:{subject}": int(released) for pattern, subject, released in rows}

    # --- what was spent ------------------------------------------------------------------------

    def spent(self, now: int) -> list[Spent]:
        """Give what extensions have spent within the last hour, on legs enough to look at."""
        # An expression: by the column, SQLite would go through all legs in the order of extensions.
        extension = func.coalesce(legs.c.extension, "")
        statement = (
            select(extension, legs.c.currency, func.sum(legs.c.charge), func.count())
            .where(
                legs.c.begun >= now - WINDOW_MICROS - _LONGEST_LEG_MICROS,
                legs.c.ended > now - WINDOW_MICROS,
                legs.c.charge > 0,
            )
            .group_by(extension, legs.c.currency)
            .having(func.count() >= LEAST_LEGS)
        )
        with self._reader.connect() as connection:
            rows = connection.execute(statement).all()
        return [
            Spent(name, currency, int(amount), count)
            for name, currency, amount, count in sorted(rows, key=lambda row: row[:2])
        ]

    def history(self, extension: str, currency: str, now: int) -> History:
        """Give what an extension spent in a currency before the last hour."""
        of = (legs.c.extension == extension, legs.c.charge > 0, legs.c.currency == currency)
        hour = legs.c.ended // WINDOW_MICROS
        with self._reader.connect() as connection:
            first = connection.execute(
                select(legs.c.begun).where(*of).order_by(legs.c.begun).limit(1)
            ).scalar()
            hours = connection.execute(
                select(func.sum(legs.c.charge))
                .where(
                    *of,
                    legs.c.begun >= now - HISTORY_MICROS,
                    legs.c.ended <= now - WINDOW_MICROS,
                )
                .group_by(hour)
                .order_by(hour)
            ).scalars()
            return History(first, tuple(int(one) for one in hours))


def _at(subject: Subject) -> tuple[ColumnElement[bool], ...]:
    return (suspicions.c.pattern == subject.pattern.value, suspicions.c.subject == subject.name)


# --- for administrators --------------------------------------------------------------------------


def page(
    connection: Connection, conditions: Sequence[ColumnElement[bool]], before: int, limit: int
) -> list[Suspicion]:
    """Give suspicions with an id below `before`, the newest first."""
    rows = connection.execute(
        select(*_FIELDS)
        .where(*conditions, suspicions.c.id < before)
        .order_by(suspicions.c.id.desc())
        .limit(limit)
    )
    return [_suspicion(row) for row in rows]


def find(connection: Connection, id_: int, *, lock: bool = False) -> Suspicion | None:
    """Give a suspicion, or None; `lock`: nobody else changes it until the transaction is over."""
    statement = select(*_FIELDS).where(suspicions.c.id == id_)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    return None if row is None else _suspicion(row)


def open_of(connection: Connection, subjects: Sequence[Subject]) -> dict[str, Suspicion]:
    """Give the open suspicions of subjects, by their keys."""
    found: dict[str, Suspicion] = {}
    for subject in subjects:
        row = connection.execute(select(*_FIELDS).where(*_at(subject), _OPEN)).first()
        if row is not None:
            found[subject.key] = _suspicion(row)
    return found


def release(connection: Connection, id_: int, *, by: str, now: int) -> None:
    """Release a suspicion that is open."""
    connection.execute(
        update(suspicions).where(suspicions.c.id == id_, _OPEN).values(released=now, released_by=by)
    )


def release_of(connection: Connection, extension: str, *, by: str, now: int) -> None:
    """Release all that is open of an extension."""
    columns = (suspicions.c.pattern, suspicions.c.subject, suspicions.c.id, suspicions.c.last)
    rows = connection.execute(select(*columns).where(suspicions.c.extension == extension, _OPEN))
    # In the order in which they are seen again: nobody waits for another who waits for him.
    for row in sorted(rows, key=lambda row: f"{row.pattern}:{row.subject}"):
        release(connection, row.id, by=by, now=max(now, row.last))


def condition(**values: object) -> list[ColumnElement[bool]]:
    """Give what suspicions are filtered by: columns by their values; `open`: whether they are."""
    made: list[ColumnElement[bool]] = []
    for name, value in values.items():
        if name == "open":
            made.append(_OPEN if value else ~_OPEN)
        else:
            made.append(suspicions.c[name] == value)
    return made


def _suspicion(row: Any) -> Suspicion:  # noqa: ANN401  (a row)
    found = Suspicion(*row)
    return msgspec.structs.replace(found, blocks=bool(found.blocks))
