"""Who rang: read from the identity that the switch passes on, believed as little as possible.

`caller_id_number` of FreeSWITCH is not used: it is made from whichever identity header comes
last, trusted or not (sofia.c). What is read here is From and the wishes for privacy; which header
of which trunk deserves trust becomes the operator's setting per gateway.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from controller.numbers.e164 import BadNumber, parse

_WITHHELD: Final = "anonymous|restricted|private|unavailable|unknown|withheld|hidden|blocked"
_HIDDEN: Final = re.compile(
    rf"(anonym|({_WITHHELD})([ _-]?(number|caller|call))?"
    rf"|(number|caller([ _-]?id)?)[ _-]?({_WITHHELD})|no[ _-]?caller[ _-]?id"
    r"|anonyme?|unavail|not[ _-]?available|out[ _-]of[ _-]area)?\Z",
    re.IGNORECASE,
)


class Caller(msgspec.Struct, frozen=True):
    """Who rang. Either a number, or the reason why there is none to call back.

    `reason`: `hidden` (SPEC T4), or why the number is none (`not_digits`, `not_a_number`).
    """

    number: str | None = None
    reason: str | None = None


def identify(
    from_user: str | None,
    from_display: str | None,
    privacy: tuple[str | None, ...],
    country: str,
) -> Caller:
    """Decide who rang, from the From header and every header that asks for privacy.

    `from_user` None means that it was absent or held what no number holds. `privacy` are the
    values of Privacy and of the switch's own hide flags; any wish but `none` hides the caller,
    even where From or an identity header still names a number.
    """
    for wish in privacy:
        # None: there is no such header; what is there and cannot be read is a wish as well.
        if wish and wish.strip().lower() not in ("none", "false", "no", "off"):
            return Caller(reason="hidden")
    if from_user is None:
        return Caller(reason="not_digits")
    user = from_user.strip()
    if _HIDDEN.match(user):
        return Caller(reason="hidden")
    if from_display is not None and from_display.strip() and _HIDDEN.match(from_display.strip()):
        return Caller(reason="hidden")
    try:
        return Caller(number=parse(user, country))
    except BadNumber as error:
        return Caller(reason=error.reason)
