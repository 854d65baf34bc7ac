"""A return call that is played through and not made (I9): its caller knows all that he is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from controller.admin.callers_csv import BETWEEN
from controller.admin.model import Invalid
from controller.callback.events import Credit
from controller.callback.limits import MAX_NUMBER_DIGITS
from controller.callback.platform import Platform
from controller.callback.rehearsing import Rehearsal
from controller.callback.return_session import ReturnSession
from controller.callback.transcript import Words
from controller.numbers.e164 import is_e164
from controller.numbers.sending import as_sent
from controller.policy.model import Policy
from controller.routing.model import Plan
from controller.store.conversing import Facts

#: What telephones have, but for what ends a number.
_KEYS: Final = frozenset("0123456789*")


class PlayedCall(msgspec.Struct, frozen=True):
    """A call as it was played: what its transcript would have; `connected`: he would talk."""

    lines: tuple[Words, ...]
    connected: bool


def keys_of(text: str, country: str) -> str:
    """Give the keys that somebody presses for a number, which may be written internationally.

    Raises `Invalid` for what has no keys.
    """
    keys = BETWEEN.sub("", text).removesuffix("#")
    if is_e164(keys):
        # Where callers choose among prefixes for abroad there is no one way to dial it.
        keys = as_sent(keys, "national", country).removeprefix("+")
    if not _KEYS.issuperset(keys) or len(keys) > MAX_NUMBER_DIGITS:
        raise Invalid(
            f"to: {text[:40]!r} cannot be dialled; write it as +12025550100, or as it is dialled "
            f"in {country}"
        )
    return keys


def rehearsed(
    policy: Policy,
    platform: Platform,
    facts: Facts,
    *,
    did: str,
    number: str,
    dials: str,
    plan_of: Callable[[str], Plan],
    credit: Credit | None,
    now: int,
) -> PlayedCall:
    """Play the call.

    `did` was rung by `number`; `dials` are the keys of what he dials; `now`: microseconds since
    1970.
    """
    session = ReturnSession(
        leg="rehearsal",
        request="rehearsal",
        policy=policy,
        platform=platform,
        did=did,
        number=number,
        caller=facts.caller,
        redial=facts.redial,
    )
    call = Rehearsal(session, dials=dials, plan_of=plan_of, credit=credit, now=now / 1_000_000)
    call.play()
    return PlayedCall(tuple(call.lines), call.connected)
