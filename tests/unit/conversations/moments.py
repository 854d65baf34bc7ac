"""How a row says when something is done, and what is done then."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import msgspec

from controller.prompts.catalogue import NAMES


class BadScript(ValueError):
    """A row that means nothing: where it stands, what is wrong, and what may stand there."""


#: What a caller waits for besides prompts: the call's answer, a password's check, something being
#: looked up, a destination that rings, a conversation.
HAPPENINGS: Final = frozenset({"answering", "checking", "looking_up", "ringing", "talking"})


class Edge(StrEnum):
    """From where a moment is counted."""

    START = "start"
    END = "end"
    BEFORE = "later"
    SILENCE = "silence"


class Moment(msgspec.Struct, frozen=True):
    """When something is done: so many seconds from the start or the end of something.

    `thing` is a prompt's name or one of `HAPPENINGS`; empty for `later` (after what was done
    before) and for `silence` (so long nothing was heard and no key was pressed).
    """

    edge: Edge
    thing: str = ""
    seconds: float = 0.0


class Trouble(StrEnum):
    """What goes wrong, as a row says it."""

    CONTROLLER_DIES = "controller dies"
    CONNECTION_BREAKS = "connection breaks"
    SOUND_STOPS = "sound stops"
    HANG_UP_IS_LOST = "hang-up is lost"


class Move(msgspec.Struct, frozen=True):
    """Something that is done at a moment: keys, hanging up, or something going wrong."""

    moment: Moment
    keys: str = ""
    gap: float = 0.0
    hangs_up: bool = False
    trouble: Trouble | None = None
    text: str = ""


#: How long after each other keys are pressed where a row does not say, seconds.
KEY_GAP: Final = 0.2

_SECONDS: Final = r"(?P<seconds>\d+(?:\.\d+)?) s"
_MOMENTS: Final = {
    Edge.START: re.compile(rf"(?:start of|{_SECONDS} into) (?P<thing>\S+)\Z", re.ASCII),
    Edge.END: re.compile(rf"(?:end of|{_SECONDS} after) (?P<thing>\S+)\Z", re.ASCII),
    Edge.BEFORE: re.compile(rf"{_SECONDS} later\Z", re.ASCII),
    Edge.SILENCE: re.compile(rf"{_SECONDS} of silence\Z", re.ASCII),
}
_KEYS: Final = re.compile(rf"(?P<keys>[0-9*#]+)(?: every {_SECONDS})?\Z", re.ASCII)
MOMENTS_ARE: Final = (
    '"start of X", "2 s into X", "end of X", "2 s after X", "2 s later" or "2 s of silence"'
)


def moment(text: str) -> Moment:
    """Read when something is done."""
    for edge, pattern in _MOMENTS.items():
        found = pattern.match(text)
        if found is None:
            continue
        groups = found.groupdict()
        thing = groups.get("thing") or ""
        if thing and thing not in NAMES and thing not in HAPPENINGS:
            raise BadScript(f"{thing!r} is no prompt, and none of {', '.join(sorted(HAPPENINGS))}")
        return Moment(edge, thing, float(groups["seconds"] or 0))
    raise BadScript(f"{text!r} is no moment; write {MOMENTS_ARE}")


def _move(line: str) -> tuple[Moment, str]:
    when, colon, what = line.partition(": ")
    if not colon:
        raise BadScript(f'{line!r} does not say when and what: write "end of X: 1234#"')
    return moment(when.strip()), what.strip()


def caller_move(line: str) -> Move:
    """Read one line of what a caller does."""
    when, what = _move(line)
    if what == "hang up":
        return Move(when, hangs_up=True, text=line)
    found = _KEYS.match(what)
    if found is None:
        raise BadScript(
            f"a caller cannot do {what!r}; write keys (0-9, * and #), "
            '"1234# every 1 s" or "hang up"'
        )
    gap = float(found["seconds"]) if found["seconds"] else KEY_GAP
    if gap == 0:
        raise BadScript("keys every 0 s: nobody presses all at once")
    return Move(when, keys=found["keys"], gap=gap, text=line)


def trouble_move(line: str) -> Move:
    """Read one line of what goes wrong."""
    when, what = _move(line)
    if what not in tuple(Trouble):
        raise BadScript(f"{what!r} is no trouble; write one of {', '.join(Trouble)}")
    return Move(when, trouble=Trouble(what), text=line)


def in_order(moves: tuple[Move, ...]) -> tuple[Move, ...]:
    """Give moves that can follow each other. Raises `BadScript`."""
    for position, each in enumerate(moves):
        if each.moment.edge is Edge.BEFORE and position == 0:
            raise BadScript(f"{each.text!r}: later than what? Nothing was done before")
        if each.hangs_up and position < len(moves) - 1:
            raise BadScript(f"{moves[position + 1].text!r} comes after the caller has hung up")
    return moves
