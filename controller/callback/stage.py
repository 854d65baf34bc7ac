"""A return leg's stage: what its variables tell the next controller, as one short text.

It travels as the channel variable `callback_stage`, so it survives every controller, and every
controller can read it: `2:destination:7:0:1:0:0:1795475771.353:+442079460000::`. It holds no
secret. A text that is not one of ours is no stage: the leg then begins anew, with its password.
That of the release before (`1:…`) is read too: calls go on while controllers are replaced.
"""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from controller.callback.states import Return

_COUNT: Final = r"\d{1,3}"
_E164: Final = r"(?:\+[0-9]{5,15})?"
_DIALLED: Final = r"(?:\+[0-9]{5,15}|[0-9]{3,10})?"
_TEXT: Final = re.compile(
    r"2:(?P<state>human|member|password|menu|destination|bridging|ending):(?P<step>\d{1,9}):"
    rf"(?P<tries>{_COUNT}):(?P<dialled>{_COUNT}):(?P<talked>{_COUNT}):(?P<unreached>{_COUNT}):"
    rf"(?P<deadline>\d{{1,12}}\.\d{{3}}):(?P<destination>{_DIALLED}):(?P<member>{_E164}):"
    r"(?P<outcome>[a-z_]{0,32})\Z",
    re.ASCII,
)
_BEFORE: Final = re.compile(
    r"1:(?P<state>password|destination|bridging|ending):(?P<step>\d{1,9}):(?P<tries>\d{1,3}):"
    r"(?P<dialled>\d{1,3}):(?P<talked>\d{1,3}):(?P<deadline>\d{1,12}\.\d{3}):"
    r"(?P<destination>(?:\+[0-9]{5,15})?):(?P<outcome>[a-z_]{0,32})\Z",
    re.ASCII,
)


class Stage(msgspec.Struct, frozen=True):
    """Where a return leg is.

    Attributes:
        state: what is being asked or done.
        step: the number of the last application, so that none is ever used twice.
        tries: wrong passwords so far.
        dialled: destinations called so far.
        talked: conversations so far.
        unreached: destinations in a row that were not reached.
        deadline: the end of the time to dial (D1), seconds since 1970; 0 where none runs.
        destination: the last number dialled, E.164, or of an extension of the platform, or empty.
        member: A5, the authorised number whose password was right, E.164, or empty.
        outcome: how the call ends, once that is decided; else empty.

    """

    state: Return
    step: int = 0
    tries: int = 0
    dialled: int = 0
    talked: int = 0
    unreached: int = 0
    deadline: float = 0.0
    destination: str = ""
    member: str = ""
    outcome: str = ""


def write(stage: Stage) -> str:
    """Give the stage as text."""
    # Rounded up: a deadline must not come earlier for having been handed over.
    deadline = math.ceil(stage.deadline * 1000) / 1000
    return (
        f"2:{stage.state}:{stage.step}:{stage.tries}:{stage.dialled}:{stage.talked}:"
        f"{stage.unreached}:{deadline:.3f}:{stage.destination}:{stage.member}:{stage.outcome}"
    )


def read(text: str | None) -> Stage | None:
    """Read a stage; None where there is none, or where the text is not one of ours."""
    match = _TEXT.match(text or "") or _BEFORE.match(text or "")
    if match is None:
        return None
    found = match.groupdict()
    return Stage(
        state=Return(found["state"]),
        step=int(found["step"]),
        tries=int(found["tries"]),
        dialled=int(found["dialled"]),
        talked=int(found["talked"]),
        unreached=int(found.get("unreached", 0)),
        deadline=float(found["deadline"]),
        destination=found["destination"],
        member=found.get("member", ""),
        outcome=found["outcome"],
    )
