"""What keys mean: where an answer ends, what clears it, and what it asks for (SPEC D2, D3)."""

from __future__ import annotations

from typing import Final

import msgspec

from controller.callback.limits import MAX_NUMBER_DIGITS
from controller.callback.platform import Platform
from controller.numbers.e164 import BadNumber, parse_dialled
from controller.numbers.special import is_special
from controller.policy.records import AuthorisedCaller

#: What ends an answer.
END: Final = "#"
#: D3: `*0#` dials the last number again.
REDIAL: Final = "*0"
#: One more than this of a speed dial is a number.
SPEED_DIAL_DIGITS: Final = 2


class Entry(msgspec.Struct, frozen=True):
    """An answer as it was typed: its keys, whether `#` ended it, and what was typed after it."""

    keys: str
    ended: bool
    rest: str = ""


def entry_of(keys: str, most: int = MAX_NUMBER_DIGITS) -> Entry | None:
    """Give the answer that these keys complete; None where more may come.

    `#` ends it, and so do more digits than any answer has.
    """
    answer, end, rest = keys.partition(END)
    if end:
        return Entry(answer, ended=True, rest=rest)
    if len(digits_of(keys)) >= most:
        return Entry(keys, ended=False)
    return None


def digits_of(keys: str) -> str:
    """Give what counts of an answer: `*` clears what was typed before it (D2)."""
    return keys.rpartition("*")[2]


def joined(seen: str, read: str) -> str:
    """Give a password of which the first keys were seen before the switch hid the others.

    A key that was pressed just before is read by the switch, and seen all the same (on 1.11.1):
    what the one ends with and the other begins with is the same keys.
    """
    for length in range(min(len(seen), len(read)), 0, -1):
        if seen.endswith(read[:length]):
            return seen + read[length:]
    return seen + read


def is_redial(entry: Entry) -> bool:
    """Whether this is `*0#`: its `*` stands where there is nothing to clear."""
    before, star, digits = entry.keys.rpartition("*")
    return entry.ended and star + digits == REDIAL and before.strip("*") == ""


class Dialled(msgspec.Struct, frozen=True):
    """What an answer asks for: a number, or the prompt that says what is wrong with it.

    A number is E.164, or that of an extension of the platform or of an emergency service, as it was
    typed. Both are empty where nothing was asked for.
    """

    number: str = ""
    wrong: str = ""


def dialled(
    entry: Entry,
    country: str,
    caller: AuthorisedCaller | None,
    last: str,
    platform: Platform,
) -> Dialled:
    """Read an answer to the question for a destination (D3).

    `caller` is whose speed dials count; `last` the number dialled before, or empty. Two digits are
    a speed dial only with `#`: a pause in a number must not dial another one. An emergency number
    is one before anything else that as many digits could be.
    """
    digits = digits_of(entry.keys)
    if is_redial(entry):
        return Dialled(number=last) if last else Dialled(wrong="redial_unknown")
    if not digits:
        return Dialled()
    if entry.ended and len(digits) <= SPEED_DIAL_DIGITS:
        number = "" if caller is None else caller.speed_dials.get(digits, "")
        # Some countries have emergency numbers of two digits: they are for who has no speed dial.
        if number or not platform.is_emergency(digits, country):
            return Dialled(number=number) if number else Dialled(wrong="speed_dial_unknown")
    if platform.is_emergency(digits, country):
        connected = platform.emergency_connected
        return Dialled(number=digits) if connected else Dialled(wrong="emergency_not_connected")
    if platform.is_internal(digits):
        return Dialled(number=digits)
    if is_special(digits, country):
        return Dialled(wrong="number_not_allowed")
    try:
        return Dialled(number=parse_dialled(digits, country))
    except BadNumber:
        return Dialled(wrong="number_wrong")
