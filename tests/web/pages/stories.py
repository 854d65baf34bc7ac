"""Callbacks as calls leave them in the store: what pages tell of them."""

from __future__ import annotations

import itertools
from typing import Any, Final

from sqlalchemy import insert

from controller.callerid.model import Tried
from controller.routing.model import Plan, Way
from controller.store.destinations import Called, Connected, Destinations, Over
from controller.store.plans import write_plan
from controller.store.requests import Requests
from controller.store.schema import callback_request, credit_hold
from controller.store.transcripts import TranscriptLine, Transcripts
from tests.unit.store.asked import asking, stored
from tests.unit.store.called import keep_leg, uuid
from tests.unit.store.placed import PLAN, SHOWN
from tests.web.world import World

SECOND: Final = 1_000_000
CALLER: Final = "+12125550199"
DIALLED: Final = "+12025550188"
DID: Final = "+12025550210"
#: What a switch, a trunk or an operator may have written.
HOSTILE: Final = "<script>alert('x')</script>\"'"
_ROWS: Final = itertools.count(0xFFFF0000)

#: By which the return call of `talked` goes.
BACK: Final = Plan(
    ways=(
        Way(channel="pstn", number="12125550199", shown=SHOWN, tried=(Tried("T8", "its DID"),)),
        Way(channel="gsm", number="12125550199", shown=SHOWN),
    )
)


def talked(world: World, **more: Any) -> str:
    """Make a callback of acme's: busy at first, then a conversation of a minute, all paid."""
    requests, at = Requests(world.engine), world.now
    values: dict[str, Any] = {"extension": "1001", "did": DID, "channel": "pstn", **more}
    request = stored(requests, CALLER, due=at + 3 * SECOND, now=at, **values)
    id_ = request.id
    requests.lease_due("a", at + 4 * SECOND, at + 90 * SECOND, 10)
    requests.begin_attempt(
        request, holder="a", node="fs1", attempt=uuid(0xC001), until=at + 90 * SECOND, plan=BACK,
        now=at + 4 * SECOND,
    )  # fmt: skip
    requests.retry(
        id_, attempt=uuid(0xC001), outcome="busy", cause="USER_BUSY", counts=True,
        due=at + 20 * SECOND, now=at + 10 * SECOND, causes={"pstn": "USER_BUSY"},
    )  # fmt: skip
    requests.lease_due("a", at + 20 * SECOND, at + 200 * SECOND, 10)
    again = requests.get(id_)
    assert again is not None
    requests.begin_attempt(
        again, holder="a", node="fs1", attempt=uuid(0xC002), until=at + 200 * SECOND, plan=BACK,
        now=at + 20 * SECOND,
    )  # fmt: skip
    requests.answered(
        id_, at + 900 * SECOND, now=at + 26 * SECOND, attempt=uuid(0xC002), channel="gsm",
        causes={"pstn": "GATEWAY_DOWN"},
    )  # fmt: skip
    leg = uuid(0xD002)
    lines = (
        (27, "said", "human_check"),
        (30, "typed", "1"),
        (31, "said", "password_enter"),
        (34, "typed", "(password)"),
        (34, "decided", "password_wrong"),
        (35, "said", "password_wrong password_enter"),
        (39, "typed", "(password)"),
        (39, "decided", "password_right"),
        (40, "said", "credit_is (12.30 EUR) sound:/menu.wav"),
        (44, "typed", "2025550188#"),
        (45, "called", DIALLED),
        (52, "decided", "connected"),
        (112, "decided", "talked NORMAL_CLEARING"),
        (113, "decided", "hang up NORMAL_CLEARING"),
        (113, "ended", "completed NORMAL_CLEARING"),
    )
    Transcripts(world.engine).add(
        [
            TranscriptLine(id_, at + second * SECOND, line, leg, what, text)
            for line, (second, what, text) in enumerate(lines)
        ]
    )
    Destinations(world.engine).keep(
        [
            Called(id_, leg, 1, DIALLED, write_plan(PLAN), at + 45 * SECOND),
            Connected(id_, leg, 1, "pstn", at + 52 * SECOND),
            Over(id_, leg, 1, "NORMAL_CLEARING", "{}", at + 112 * SECOND),
        ]
    )
    requests.finish(
        id_, outcome="completed", cause="NORMAL_CLEARING", destination=DIALLED,
        now=at + 113 * SECOND, attempt=uuid(0xC002),
    )  # fmt: skip
    of = {
        "request": id_, "extension": "1001", "client": "acme", "caller": CALLER,
        "account": world.acme_account,
    }  # fmt: skip
    keep_leg(
        world.engine, 0xE001, **of, call=uuid(0xC001), side="return", position=0, number=CALLER,
        begun=at + 4 * SECOND, answered=None, ended=at + 10 * SECOND, cause="USER_BUSY", seconds=0,
        charge=0,
    )  # fmt: skip
    keep_leg(
        world.engine, 0xE002, **of, call=uuid(0xC002), side="return", position=0, number=CALLER,
        begun=at + 20 * SECOND, answered=at + 26 * SECOND, ended=at + 113 * SECOND, seconds=87,
        charge=34_500, channel="gsm",
    )  # fmt: skip
    keep_leg(
        world.engine, 0xE003, **of, call=uuid(0xC002), side="destination", position=1,
        number=DIALLED, begun=at + 45 * SECOND, answered=at + 52 * SECOND, ended=at + 112 * SECOND,
        seconds=60, charge=30_000, uncovered=1_000,
    )  # fmt: skip
    return id_


def refused(world: World, reason: str = "not_authorised", **more: Any) -> str:
    """Make a trigger call of acme's that gets no callback, and give its id."""
    values: dict[str, Any] = {"extension": "1001", "did": DID, "now": world.now, **more}
    return Requests(world.engine).refuse(asking(**{"number": CALLER, **values}), reason).id


def hold(world: World, request: str, amount: int = 250_000) -> None:
    """Hold so much credit for a callback's try."""
    with world.engine.begin() as connection:
        connection.execute(
            insert(credit_hold).values(
                call=uuid(0xC0FF),
                request=request,
                extension="1001",
                account=world.acme_account,
                limited=True,
                amount=amount,
                serial=1,
                return_seconds=60,
                position=0,
                until=world.now + 60 * SECOND,
                created=world.now,
                changed=world.now,
            )
        )


def rows(world: World, count: int, **values: Any) -> None:
    """Keep so many callbacks as they are, whatever happened."""
    usual: dict[str, Any] = {
        "extension": "1001", "did": DID, "number": CALLER, "caller": CALLER, "state": "done",
        "outcome": "completed", "created": world.now, "due": world.now, "joined": 0,
    }  # fmt: skip
    with world.engine.begin() as connection:
        for _ in range(count):
            row = {**usual, **values, "id": uuid(next(_ROWS))}
            connection.execute(insert(callback_request).values(**row))
