"""A service in full swing: a day of callbacks that ended, and calls in each state there is."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import insert

from bench.live_calls import SECOND, call, id_of
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from tests.live_calls import put
from tests.unit.store.called import keep_leg, uuid
from tests.web.world import World

DAY: Final = 86_400
#: How many ended within the day before now.
ENDED: Final = 160
#: What they ended with, again and again.
_ENDS: Final = (
    *("completed",) * 6, "no_answer", "completed", "busy", "completed", "hung_up", "completed",
    "hidden", "not_authorised", "completed", "too_often_number", "hidden",
)  # fmt: skip
_REFUSED: Final = ("hidden", "not_authorised", "too_often_number")
_UNANSWERED: Final = ("no_answer", "busy")
#: How long ago, seconds, and at what.
_NOW: Final = (
    (-140, "pending"), (-9, "pending"), (3, "calling"), (11, "calling"), (38, "menu"),
    (52, "dialling"), (74, "talking"), (131, "talking"), (415, "talking"),
)  # fmt: skip


def busy(world: World) -> None:
    """Have acme's extension ring all day, and now."""
    for number in range(ENDED):
        _ended(world, number)
    for which, (ago, state) in enumerate(_NOW):
        caller = _number(900 + which)
        due = world.now - ago * SECOND
        put(
            world.engine, which, state, extension="1001", now=world.now,
            account=world.acme_account, amount=180_000 + 20_000 * which, caller=caller,
            number=caller, created=due - 8 * SECOND, due=due,
        )  # fmt: skip


def _number(which: int) -> str:
    return f"+1202555{which:04}"


def _ended(world: World, number: int) -> None:
    """Let a callback have ended; more of them in what was the afternoon."""
    outcome = _ENDS[number * 7 % len(_ENDS)]
    refused, unanswered = outcome in _REFUSED, outcome in _UNANSWERED
    ago = 600 + (number * number * 3 + number * 311) % (DAY - 4000)
    id_, caller = id_of(1000 + number), _number(100 + number % 60)
    due = world.now - ago * SECOND
    over = due if refused else due + (30 if unanswered else 60) * SECOND
    of: dict[str, Any] = {"extension": "1001", "number": caller}
    more: dict[Any, dict[str, Any]] = {
        requests: {
            "state": "refused" if refused else "done", "outcome": outcome, "ended": over,
            "did": "+12025550210", "caller": None if outcome == "hidden" else caller,
            "number": None if outcome == "hidden" else caller,
        },
        attempts: {
            "node": "fs1", "outcome": outcome, "ended": over,
            "answered": None if unanswered else due + 9 * SECOND,
        },
    }  # fmt: skip
    with world.engine.begin() as connection:
        for table, row in call(1000 + number, "done", world.now, ago):
            wanted = (
                table is requests
                or (table is attempts and not refused)
                or (table is destinations and outcome == "completed")
            )
            if wanted:
                known = of if table is not destinations else {"number": "+442079460999"}
                connection.execute(insert(table).values(**{**row, **known, **more.get(table, {})}))
    if refused:
        return
    leg: dict[str, Any] = {
        "request": id_, "extension": "1001", "client": "acme", "caller": caller,
        "account": world.acme_account, "call": uuid(0xF000 + number),
    }  # fmt: skip
    seconds = 40 + number * 13 % 400
    answered = None if unanswered else due + 9 * SECOND
    keep_leg(
        world.engine, 0xF000 + 2 * number, **leg, side="return", position=0, number=caller,
        begun=due, answered=answered, ended=over, seconds=0 if unanswered else 51, charge=0,
    )  # fmt: skip
    if outcome == "completed":
        keep_leg(
            world.engine, 0xF001 + 2 * number, **leg, side="destination", position=1,
            number="+442079460999", begun=due + 20 * SECOND, answered=due + 25 * SECOND,
            ended=due + (25 + seconds) * SECOND, seconds=seconds, charge=seconds * 500,
        )  # fmt: skip
