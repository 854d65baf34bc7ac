"""Figures: how many callbacks there were, how they ended, what they cost, over a time.

All is counted by the database, in parts of one size, over what an index finds: callbacks by when
they were asked for, legs by when they began. Nothing is given of a single caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, func, select

from controller.admin.model import Actor, Invalid
from controller.credit.model import Side
from controller.store.database import reader
from controller.store.live import of_client
from controller.store.schema import callback_request as requests
from controller.store.schema_money import call_leg as legs

_HOUR: Final = 3_600 * 1_000_000
_DAY: Final = 24 * _HOUR


class Span(msgspec.Struct, frozen=True):
    """Over how long a time, in parts of which size: microseconds, and how many of them."""

    step: int
    count: int


#: What can be asked for, by name. The last part is the one that goes on now.
SPANS: Final[dict[str, Span]] = {
    "day": Span(_HOUR, 24),
    "week": Span(_DAY, 7),
    "week_hours": Span(_HOUR, 7 * 24),
    "month": Span(_DAY, 31),
}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What there was in one part of the time.

    Attributes:
        begun: its beginning, microseconds since 1970.
        asked: callbacks that were asked for, those that were refused among them.
        refused: of these, those that were refused.
        called: return calls that were made, and are over: tries, and not channels.
        answered: of these, those that were answered.
        talked: destinations with which people talked.
        seconds: of legs, return and destination, that were charged for.

    """

    begun: int
    asked: int = 0
    refused: int = 0
    called: int = 0
    answered: int = 0
    talked: int = 0
    seconds: int = 0


class Spending(msgspec.Struct, frozen=True, kw_only=True):
    """What was spent in one currency: micro-units, in all and in each part of the time.

    `cost`: what the channels took in this currency, as far as it is known; None: not for whoever
    asks to see.
    """

    currency: str
    charge: int
    uncovered: int
    cost: int | None
    parts: tuple[int, ...]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many callbacks ended with one outcome, or were refused with one reason."""

    outcome: str
    count: int


class FiguresShown(msgspec.Struct, frozen=True, kw_only=True):
    """Figures from `since` until `until`, in parts of `step` microseconds.

    Attributes:
        refused: by reason, the most frequent first.
        ended: callbacks that were to be made and are over, by outcome, the most frequent first.
        open: those that are not over.

    """

    since: int
    until: int
    step: int
    parts: tuple[Part, ...]
    refused: tuple[Ended, ...]
    ended: tuple[Ended, ...]
    open: int
    spending: tuple[Spending, ...]


class Figures:
    """Counts. Calls block, and may come of any thread; `now` gives microseconds since 1970."""

    def __init__(self, engine: Engine, *, now: Callable[[], int]) -> None:
        self._reader = reader(engine)
        self._now = now

    def over(
        self,
        actor: Actor,
        span: str,
        *,
        extension: str | None = None,
        client: str | None = None,
    ) -> FiguresShown:
        """Give the figures of a time (`SPANS`); a client is given his own, whoever he asks for.

        `client`: of the extensions that are his now, and of the legs that were his. Raises
        `Invalid`.
        """
        if span not in SPANS:
            raise Invalid(f"span: there is no such time; there are: {', '.join(SPANS)}")
        for name, value in (("extension", extension), ("client", client)):
            if value is not None and not value.isprintable():
                raise Invalid(f"{name}: cannot be read")
        wanted, until = SPANS[span], self._now()
        # Parts begin where hours and days do (UTC), so that the same call is always in the same.
        since = until - until % wanted.step - (wanted.count - 1) * wanted.step
        owners = [one for one in (client, actor.client) if one is not None]
        which = _Which(since, until, wanted.step, extension, owners)
        with self._reader.connect() as connection:
            asked = _asked(connection, which)
            made = _made(connection, which)
            spent = _spent(connection, which)
        return FiguresShown(
            since=since,
            until=until,
            step=wanted.step,
            parts=_parts(wanted, since, asked, made, spent),
            refused=_by_outcome(row for row in asked if row.state == "refused"),
            ended=_by_outcome(row for row in asked if row.state == "done"),
            open=sum(row.count for row in asked if row.state not in ("refused", "done")),
            spending=_spending(wanted, spent, whole=actor.client is None),
        )


# --- what is counted -----------------------------------------------------------------------------


class _Which(msgspec.Struct, frozen=True):
    """What is counted: what began in a time, in parts; of an extension, of owners, or of all."""

    since: int
    until: int
    step: int
    extension: str | None
    owners: Sequence[str]

    def conditions(
        self, begun: ColumnElement[int], extension: ColumnElement[str]
    ) -> list[ColumnElement[bool]]:
        """Give the conditions but for those of the owners."""
        within = [begun >= self.since, begun < self.until]
        return within if self.extension is None else [*within, extension == self.extension]

    def part(self, at: ColumnElement[int]) -> ColumnElement[int]:
        """Give in which part a time is: whole numbers divide so in both databases."""
        return (at - self.since) // self.step


def _asked(connection: Connection, which: _Which) -> Sequence[Any]:
    """Give how many callbacks there were by part, state and outcome."""
    conditions = which.conditions(requests.c.created, requests.c.extension)
    for owner in which.owners:
        conditions += of_client(owner)
    part = which.part(requests.c.created)
    return connection.execute(
        select(
            part.label("part"),
            requests.c.state,
            requests.c.outcome,
            func.count().label("count"),
        )
        .where(*conditions)
        .group_by("part", requests.c.state, requests.c.outcome)
    ).all()


def _made(connection: Connection, which: _Which) -> Sequence[Any]:
    """Give how many return calls were made, and answered, by part.

    A try has a leg on each channel that failed before the one that was answered: it is one call,
    of the part in which its first leg began.
    """
    tries = (
        select(
            func.min(legs.c.begun).label("begun"),
            func.max(legs.c.answered).label("answered"),
        )
        .where(*_legs(which), legs.c.side == Side.RETURN.value)
        .group_by(legs.c.call)
        .subquery()
    )
    part = which.part(tries.c.begun)
    return connection.execute(
        select(
            part.label("part"),
            func.count().label("called"),
            func.count(tries.c.answered).label("answered"),
        ).group_by("part")
    ).all()


def _spent(connection: Connection, which: _Which) -> Sequence[Any]:
    """Give what legs cost and how long they were, by part, side and currencies."""
    part = which.part(legs.c.begun)
    return connection.execute(
        select(
            part.label("part"),
            legs.c.side,
            legs.c.currency,
            legs.c.cost_currency,
            func.count(legs.c.answered).label("answered"),
            func.sum(legs.c.seconds).label("seconds"),
            func.sum(legs.c.charge).label("charge"),
            func.sum(legs.c.uncovered).label("uncovered"),
            func.sum(legs.c.cost).label("cost"),
        )
        .where(*_legs(which))
        .group_by("part", legs.c.side, legs.c.currency, legs.c.cost_currency)
    ).all()


def _legs(which: _Which) -> list[ColumnElement[bool]]:
    conditions = which.conditions(legs.c.begun, legs.c.extension)
    return conditions + [legs.c.client == owner for owner in which.owners]


# --- what is made of it --------------------------------------------------------------------------


def _parts(
    wanted: Span, since: int, asked: Sequence[Any], made: Sequence[Any], spent: Sequence[Any]
) -> tuple[Part, ...]:
    parts = [dict.fromkeys(Part.__struct_fields__, 0) for _ in range(wanted.count)]
    for row in asked:
        parts[row.part]["asked"] += row.count
        if row.state == "refused":
            parts[row.part]["refused"] += row.count
    for row in made:
        parts[row.part]["called"] += row.called
        parts[row.part]["answered"] += row.answered
    for row in spent:
        parts[row.part]["seconds"] += int(row.seconds)
        if row.side == Side.DESTINATION.value:
            parts[row.part]["talked"] += row.answered
    return tuple(
        Part(**{**values, "begun": since + number * wanted.step})
        for number, values in enumerate(parts)
    )


def _by_outcome(rows: Any) -> tuple[Ended, ...]:  # noqa: ANN401  (rows)
    counts: dict[str, int] = {}
    for row in rows:
        outcome = row.outcome or "unknown"
        counts[outcome] = counts.get(outcome, 0) + row.count
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Ended(outcome=outcome, count=count) for outcome, count in ordered)


def _spending(wanted: Span, spent: Sequence[Any], *, whole: bool) -> tuple[Spending, ...]:
    """Give what was spent by currency; not `whole`: without what channels took."""
    made: dict[str, list[int]] = {}
    uncovered: dict[str, int] = {}
    cost: dict[str, int] = {}
    for row in spent:
        if row.currency is not None:
            parts = made.setdefault(row.currency, [0] * wanted.count)
            parts[row.part] += int(row.charge)
            uncovered[row.currency] = uncovered.get(row.currency, 0) + int(row.uncovered)
        if whole and row.cost_currency is not None:
            made.setdefault(row.cost_currency, [0] * wanted.count)
            cost[row.cost_currency] = cost.get(row.cost_currency, 0) + int(row.cost or 0)
    return tuple(
        Spending(
            currency=currency,
            charge=sum(parts),
            uncovered=uncovered.get(currency, 0),
            cost=cost.get(currency),
            parts=tuple(parts),
        )
        for currency, parts in sorted(made.items())
    )
