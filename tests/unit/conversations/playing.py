"""Plays a row and gives what came of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from controller.callback.effects import Record
from controller.callback.states import Return
from controller.callback.transcript import Words

from .acting import Actor
from .clock import START, Clock
from .given import Store
from .language import Row, read_tables
from .leg import Leg
from .moments import BadScript

TABLE = Path(__file__).with_name("table")


class Played(msgspec.Struct, frozen=True):
    """What came of a conversation, as a row would write it, and all that could be seen of it."""

    hears: tuple[str, ...]
    speaks: tuple[str, ...]
    calls: tuple[str, ...]
    record: Record
    lasts: float
    transcript: tuple[tuple[float, Words], ...]
    shown: tuple[str, ...]
    secrets: frozenset[str]
    acted: frozenset[tuple[Return, str]]
    said: frozenset[str]


@cache
def rows() -> tuple[Row, ...]:
    """Give every row there is."""
    return read_tables(TABLE)


def play(row: Row, *, to_the_last_move: bool = True) -> Played:
    """Play a row to its end; a move whose moment never comes is an error in the row."""
    clock = Clock()
    leg = Leg(row, Store(row), clock)
    actors = [Actor(moves, leg, clock) for moves in (row.moves, row.troubles)]
    leg.answered()
    clock.run()
    assert leg.over_at is not None, f"{row.id}: nothing moves any more, and the leg is not over"
    for actor in actors if to_the_last_move else ():
        for move in actor.never_made:
            raise BadScript(f"{row.where}: [{row.id}] it never came to {move.text!r}")
    # Two controllers may tell of one end; the first that does counts, so both must say the same.
    assert len(set(leg.records)) == 1, f"{row.id}: recorded {leg.records}"
    assert all(driver.session.state is Return.ENDED for driver in leg.drivers)
    return Played(
        hears=tuple(map(str, leg.heard)),
        speaks=tuple(leg.languages) or ("en",),
        calls=tuple(leg.called),
        record=leg.records[0],
        lasts=leg.over_at - START,
        transcript=tuple(leg.transcript),
        shown=tuple(leg.shown),
        secrets=frozenset(leg.secrets),
        acted=frozenset(leg.acted),
        said=frozenset(leg.said),
    )


@cache
def played(row_id: str) -> Played:
    """Play the row of an id; each is played once."""
    return play(next(row for row in rows() if row.id == row_id))
