"""What a row may say, and how it is read.

A row is one return call:

    [a1-right] The right password opens the way to a call.
    spec    A1 D2
    set     password 86420, dial_seconds 20
    caller  end of password_enter: 86420#
            2 s into destination_enter: 2125550123#
    hears   password_enter / destination_enter... / [ringing] / [talking] / goodbye
    calls   +12125550123
    ends    completed
    lasts   at most 40 s

Lines that begin with a space go on with the word before. `hears` is everything that the caller
hears, in order: each sentence between two strokes, `...` after a prompt that was not heard to its
end, money as `(12.50 EUR)`, a length of time as `(3600 s)`, a sound of the operator's as
`sound:/its/path`; or `nothing`.

What may stand in a row (`spec`, `hears`, `calls`, `ends` and `lasts` must):

- `set`: settings of the extension by their names, as `given` reads them.
- `list`: one line for each authorised CallerID, as `given` reads it.
- `rings`: who rang, E.164, or `hidden`; +12125550199 unless said.
- `store`: what is in it, and what is wrong with it, as `given` reads it.
- `sounds`: `<prompt> lasts 5 s`, or `are missing`. Each prompt lasts 2 s unless said.
- `caller`: what the caller does and when, one after the other, as `moments` reads it. Whoever does
  nothing more listens on.
- `trouble`: what goes wrong and when, likewise.
- `far`: what becomes of a destination. Unless said it answers after 3 s and hangs up after 20 s.
- `speaks`: the languages that the caller hears, in order; `en` unless said.
- `calls`: the numbers called, in order; `nobody`.
- `ends`: the outcome that is recorded.
- `lasts`: `at most 40 s` or `30 to 40 s`, from the answer to the end of the caller's own leg.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from controller.callback.said import SOUND, Duration, Money, Prompt
from controller.numbers.e164 import is_e164
from controller.prompts.catalogue import NAMES

from .moments import BadScript, Move, caller_move, in_order, trouble_move

#: How many rules SPEC.md has under each letter.
RULES: Final = {"T": 11, "A": 5, "C": 2, "D": 6, "I": 9, "M": 9, "G": 4, "S": 2, "O": 7}
OUTCOMES: Final = frozenset(
    {
        "check_failed",
        "completed",
        "credit_over",
        "dial_time_over",
        "hung_up",
        "locked_out",
        "no_controller",
        "no_credit",
        "no_human",
        "no_rate",
        "not_reached",
        "password_failed",
        "prompts_unheard",
        "spend_limit",
        "stuck",
    }
)
#: What a caller hears that is no prompt.
TONES: Final = ("[ringing]", "[talking]")
#: What marks a prompt that a key cut short.
CUT: Final = "..."


class Fate(StrEnum):
    """What becomes of a destination."""

    BUSY = "is busy"
    NO_ANSWER = "does not answer"
    UNREACHABLE = "cannot be reached"
    WRONG_NUMBER = "does not exist"
    ANSWERS = "answers"


class Far(msgspec.Struct, frozen=True):
    """One call to a destination: what becomes of it, after how long, and how long it talks.

    `talks` None: until somebody else ends it.
    """

    fate: Fate = Fate.ANSWERS
    after: float = 3.0
    talks: float | None = 20.0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation, as it is written."""

    id: str
    title: str
    where: str
    spec: tuple[str, ...]
    settings: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    rings: str = "+12125550199"
    store: tuple[str, ...] = ()
    sounds: dict[str, float] = {}
    moves: tuple[Move, ...] = ()
    troubles: tuple[Move, ...] = ()
    far: dict[str, tuple[Far, ...]] = {}
    hears: tuple[str, ...] = ()
    speaks: tuple[str, ...] = ("en",)
    calls: tuple[str, ...] = ()
    ends: str = ""
    shortest: float = 0.0
    longest: float = 0.0


_NEEDED: Final = ("spec", "hears", "calls", "ends", "lasts")
_MAY: Final = ("set", "list", "rings", "store", "sounds", "caller", "trouble", "far", "speaks")
_WORDS: Final = frozenset(_NEEDED + _MAY)
_HEAD: Final = re.compile(r"\[(?P<id>[a-z0-9-]+)\] (?P<title>.+)\Z", re.ASCII)
_FAR: Final = re.compile(
    r"(?:(?P<fate>is busy|does not answer|cannot be reached|does not exist)"
    r"(?: after (?P<late>\d+) s)?"
    r"|answers(?: after (?P<after>\d+) s)? and "
    r"(?:hangs up after (?P<talks>\d+) s|(?P<on>talks on)))\Z",
    re.ASCII,
)
_SAID: Final = re.compile(
    r"\((?:(?P<money>-?\d+\.\d\d) (?P<currency>[A-Z]{3})|(?P<seconds>\d+) s)\)"
)
_LASTS: Final = re.compile(r"(?:(?P<least>\d+) to|at most) (?P<most>\d+) s\Z", re.ASCII)
#: How long a far end takes to be busy, to be unreachable or to be no number, seconds.
_SOON: Final = 2.0


def read_tables(directory: Path) -> tuple[Row, ...]:
    """Read every row of every table of a directory, in order. Raises `BadScript`."""
    rows = [row for path in sorted(directory.glob("*.txt")) for row in read_table(path)]
    seen: dict[str, Row] = {}
    for row in rows:
        if row.id in seen:
            raise BadScript(f"{row.where}: there is a row {row.id!r} in {seen[row.id].where}")
        seen[row.id] = row
    return tuple(rows)


def read_table(path: Path) -> Iterator[Row]:
    """Read the rows of one table. Raises `BadScript`."""
    yield from read_rows(path.read_text(encoding="utf-8"), path.name)


def read_rows(text: str, name: str = "row") -> Iterator[Row]:
    """Read rows; `name` is where they stand. Raises `BadScript`."""
    head, lines, begun = "", list[str](), 0
    for number, line in enumerate([*text.splitlines(), "[]"], 1):
        if line.startswith("["):
            if head:
                yield _placed(f"{name}:{begun}", head, lines)
            head, lines, begun = line, [], number
        elif line.strip() and not line.startswith("#"):
            if not head:
                raise BadScript(f'{name}:{number}: a row begins with "[its-id] what it shows"')
            lines.append(line)


def _placed(where: str, head: str, lines: list[str]) -> Row:
    try:
        return _row(where, head, lines)
    except BadScript as error:
        raise BadScript(f"{where}: {head.partition(' ')[0]} {error}") from error


def _row(where: str, head: str, lines: list[str]) -> Row:
    found = _HEAD.match(head)
    if found is None:
        raise BadScript('a row begins with "[its-id] what it shows", its id in a-z, 0-9 and -')
    parts = _parts(lines)
    for word in _NEEDED:
        if word not in parts:
            raise BadScript(f"has no {word!r}")
    shortest, longest = _lasts(_one(parts, "lasts"))
    return Row(
        id=found["id"],
        title=found["title"],
        where=where,
        spec=_spec(" ".join(parts["spec"]).split()),
        settings=tuple(s.strip() for line in parts.get("set", ()) for s in line.split(",")),
        members=tuple(parts.get("list", ())),
        rings=_rings(_one(parts, "rings")) if "rings" in parts else "+12125550199",
        store=tuple(parts.get("store", ())),
        sounds=_sounds(parts.get("sounds", [])),
        moves=in_order(tuple(map(caller_move, parts.get("caller", ())))),
        troubles=in_order(tuple(map(trouble_move, parts.get("trouble", ())))),
        far=dict(map(_far, parts.get("far", ()))),
        hears=tuple(_sentences(" / ".join(parts["hears"]))),
        speaks=tuple(_one(parts, "speaks").split()) if "speaks" in parts else ("en",),
        calls=_calls(" ".join(parts["calls"]).split()),
        ends=_outcome(_one(parts, "ends")),
        shortest=shortest,
        longest=longest,
    )


def _parts(lines: list[str]) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    word = ""
    for line in lines:
        if line[0].isspace():
            if not word:
                raise BadScript(f"{line.strip()!r} goes on with nothing")
            parts[word].append(line.strip())
            continue
        word, _, rest = line.partition(" ")
        if word not in _WORDS:
            raise BadScript(f"{word!r} is none of {', '.join(sorted(_WORDS))}")
        if word in parts:
            raise BadScript(f"{word!r} stands there twice; go on with a space before the line")
        parts[word] = [rest.strip()] if rest.strip() else []
    return parts


def _one(parts: dict[str, list[str]], word: str) -> str:
    if len(parts[word]) != 1:
        raise BadScript(f"{word!r} is one line")
    return parts[word][0]


def _spec(ids: list[str]) -> tuple[str, ...]:
    for rule in ids:
        if not rule[1:].isdecimal() or not 1 <= int(rule[1:]) <= RULES.get(rule[0], 0):
            raise BadScript(f"{rule!r} is no rule of SPEC.md")
    if not ids:
        raise BadScript("names no rule of SPEC.md")
    return tuple(ids)


def _number(text: str) -> str:
    if not is_e164(text):
        raise BadScript(f"{text!r} is no number; write +12125550123")
    return text


def _rings(text: str) -> str:
    return "" if text == "hidden" else _number(text)


def _calls(numbers: list[str]) -> tuple[str, ...]:
    return () if numbers == ["nobody"] else tuple(map(_number, numbers))


def _outcome(text: str) -> str:
    if text not in OUTCOMES:
        raise BadScript(f"{text!r} is no outcome; write one of {', '.join(sorted(OUTCOMES))}")
    return text


def _lasts(text: str) -> tuple[float, float]:
    found = _LASTS.match(text)
    if found is None:
        raise BadScript(f'{text!r} is no length; write "at most 40 s" or "30 to 40 s"')
    least, most = float(found["least"] or 0), float(found["most"])
    if least >= most:
        raise BadScript(f"{text!r}: nothing is that long")
    return least, most


def _sounds(lines: list[str]) -> dict[str, float]:
    if lines == ["are missing"]:
        return dict.fromkeys(NAMES, 0.0)
    lasts: dict[str, float] = {}
    for line in lines:
        found = re.fullmatch(r"(\S+) lasts (\d+(?:\.\d+)?) s", line, re.ASCII)
        if found is None or found[1] not in NAMES:
            raise BadScript(f'{line!r}: write "<prompt> lasts 5 s", or "are missing"')
        lasts[found[1]] = float(found[2])
    return lasts


def _far(line: str) -> tuple[str, tuple[Far, ...]]:
    number, _, fates = line.partition(" ")
    return _number(number), tuple(_fate(fate.strip()) for fate in fates.split(", then "))


def _fate(text: str) -> Far:
    found = _FAR.match(text)
    if found is None:
        raise BadScript(
            f'{text!r} is no fate; write "is busy", "does not answer", "cannot be reached", '
            '"does not exist", "answers after 3 s and hangs up after 20 s" or '
            '"answers after 3 s and talks on"'
        )
    if found["fate"]:
        fate = Fate(found["fate"])
        if fate is Fate.NO_ANSWER and found["late"]:
            raise BadScript(f"{text!r}: how long it rings is set by destination_ring_seconds")
        return Far(fate, float(found["late"] or _SOON), None)
    return Far(
        Fate.ANSWERS, float(found["after"] or 3), None if found["on"] else float(found["talks"])
    )


def _sentences(text: str) -> Iterator[str]:
    if text == "nothing":
        return
    for sentence in filter(None, (part.strip() for part in text.split("/ "))):
        for word in re.findall(r"\([^)]*\)|\S+", sentence.removesuffix(CUT)):
            known = word in NAMES or word in TONES or word.startswith(SOUND)
            if not known and _SAID.fullmatch(word) is None:
                raise BadScript(f"{word!r} is nothing that a caller hears")
        yield sentence


def written(prompt: Prompt) -> str:
    """Give a prompt as a row writes it."""
    match prompt:
        case Money(micros, currency):
            return f"({Decimal(micros) / 1_000_000:.2f} {currency})"
        case Duration(seconds):
            return f"({seconds} s)"
        case str():
            return prompt
