"""Callbacks that are asked for, as they get to the store."""

from __future__ import annotations

import itertools
from typing import Any

from controller.callback.asking import Asking, Wanted
from controller.guard.ranges import NO_RANGES
from controller.numbers.caller import Caller
from controller.policy.model import Policy
from controller.store.requests import Begun, Request, Requests

DID = "+12025550101"
CALLER = "+12125550199"
#: Long after every other time of these tests.
NEVER = 10**15
_LEGS = itertools.count()


def asking(
    number: str | None = CALLER, *, extension: str = "100", now: int = 50, **more: Any
) -> Asking:
    """Give what a trigger call asks for, each of another leg; one of an actor is of none."""
    policy = Policy(extension=extension, dids=(DID,), country="US", caller_ids=(), delay_seconds=0)
    return Asking(
        **{
            "policy": policy,
            "did": DID,
            "caller": Caller(number=number, reason=None if number else "hidden"),
            "now": now,
            "expiry_seconds": 900,
            "ranges": NO_RANGES,
            "leg": None if "actor" in more else f"a-leg-{next(_LEGS)}",
            **more,
        }
    )


def stored(
    requests: Requests,
    number: str = CALLER,
    due: int = 100,
    now: int = 50,
    expires: int = NEVER,
    **more: Any,
) -> Request:
    """Store a request, of extension 100 unless told otherwise."""
    asked = asking(number, now=now, **more)
    return requests.store(Wanted(asking=asked, number=number, due=due, expires=expires))


def begun(
    requests: Requests,
    request: Request,
    holder: str = "a",
    until: int = 300,
    attempt: str | None = None,
    **more: Any,
) -> bool:
    """Write an attempt; whether that was possible."""
    name = attempt or f"{request.id[:20]}-{holder}"
    values = {"holder": holder, "node": "fs1", "attempt": name, "until": until, "now": request.due}
    answer = requests.begin_attempt(request, **{**values, **more})
    return answer is Begun.YES
