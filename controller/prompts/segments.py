"""From what a caller is told to what the switch is told: files, and `say` for what is counted.

`say` is an application of its own (only some of its modules can be played as a file), so what is
said is a row of segments: files that are played at once, and things to say.

Nothing is left unsaid: a prompt of which the switch is known to lack a file or the say module is
said in English, and one whose replacement is missing is said as if it had none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from controller.callback.said import SOUND, Duration, Money, Prompt
from controller.policy.fields import MICRO, currency_digits
from controller.prompts.catalogue import (
    FALLBACK,
    NAMES,
    Catalogue,
    Coins,
    Counted,
    catalogue,
    known_as,
)

#: The largest number that a say module takes; a larger one is said digit by digit.
LARGEST: Final = 999_999_999
#: What `say … currency` takes: more characters are no amount to it.
LONGEST_AMOUNT: Final = 15


class Files(msgspec.Struct, frozen=True, tag=True):
    """Files that are played after each other."""

    files: tuple[str, ...]


class Say(msgspec.Struct, frozen=True, tag=True):
    """Something for the application `say`."""

    module: str
    kind: str
    method: str
    text: str


Segment = Files | Say


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the switches have their sounds.

    Attributes:
        directory: the directory in which languages lie; empty: where `sound_prefix` is.
        home: the language of the switch's own `sound_prefix`.
        voices: by language, its directory where it is not the usual one.
    """

    directory: str = ""
    home: str = FALLBACK
    voices: Mapping[str, str] = {}

    def prefix(self, language: str) -> str:
        """Give what goes before the names of a language's files.

        Without a directory, the files of the switch's own language need none; another one lies
        beside it: `sound_prefix` ends with language, dialect and voice.
        """
        found = known_as(language) or FALLBACK
        home = known_as(self.home) or FALLBACK
        if self.directory:
            return f"{self.directory.rstrip('/')}/{self.voice(found)}/"
        if found == home:
            return ""
        return "../" * (self.voice(home).count("/") + 1) + self.voice(found) + "/"

    def voice(self, language: str) -> str:
        """Give the directory of a language that there is."""
        return self.voices.get(language) or catalogue(language).voice


def segments(
    prompts: Sequence[Prompt],
    *,
    language: str,
    own: Mapping[str, str] = {},
    directory: str = "",
    places: Places | None = None,
    absent: Collection[str] = (),
) -> tuple[Segment, ...]:
    """Give what is played and said for prompts, in order; files that follow each other are one.

    `own` has the file that replaces a prompt, by its name; such a file is played as it is named.
    `places` says where the sounds are; `directory` is short for one with a directory only. In
    `absent` is what the switch is known to lack: files as this function names them, and
    `say:<module>`. Raises `KeyError` for a name, and for a currency, that there is not.
    """
    where = places if places is not None else Places(directory=directory)
    said: list[Segment] = []
    gone = {"", *absent}
    for prompt in prompts:
        if isinstance(prompt, str) and prompt.startswith(SOUND):
            found: list[Segment] = [Files((prompt.removeprefix(SOUND),))]
        elif isinstance(prompt, str) and prompt in NAMES and own.get(prompt, "") not in gone:
            found = [Files((own[prompt],))]
        else:
            found = _in(language, prompt, where)
            if known_as(language) != FALLBACK and _lacks(found, gone):
                found = _in(FALLBACK, prompt, where)
        said += found
    return tuple(_joined(said))


def _in(language: str, prompt: Prompt, places: Places) -> list[Segment]:
    book = catalogue(language)
    match prompt:
        case str():
            parts: list[Segment] = [Files(book.files(prompt))]
        case Money():
            parts = list(_money(book, prompt))
        case Duration():
            parts = list(_duration(book, prompt.seconds))
    prefix = places.prefix(language)
    return [
        Files(tuple(prefix + file for file in part.files)) if isinstance(part, Files) else part
        for part in parts
    ]


def _lacks(found: Sequence[Segment], absent: Collection[str]) -> bool:
    needed = (
        name
        for part in found
        for name in (part.files if isinstance(part, Files) else (f"say:{part.module}",))
    )
    return any(name in absent for name in needed)


def _joined(said: Sequence[Segment]) -> Iterator[Segment]:
    files: tuple[str, ...] = ()
    for part in said:
        if isinstance(part, Files):
            files += part.files
            continue
        if files:
            yield Files(files)
            files = ()
        yield part
    if files:
        yield Files(files)


# --- numbers -------------------------------------------------------------------------------


def _number(book: Catalogue, number: int) -> Say:
    method = "pronounced" if number <= LARGEST else "iterated"
    return Say(book.module, "number", method, str(number))


def _count(book: Catalogue, number: int, names: Counted) -> Iterator[Segment]:
    exactly = names.exactly.get(str(number))
    if exactly is not None:
        yield Files(exactly)
        return
    yield _number(book, number)
    yield Files(names.after(number))


# --- money ---------------------------------------------------------------------------------


def _money(book: Catalogue, money: Money) -> Iterator[Segment]:
    digits = currency_digits(money.currency)
    coins = book.currencies.get(money.currency)
    # Toward zero: nobody has the last part of a cent, and nobody owes it.
    places = min(digits, 0 if coins is not None and coins.whole else digits)
    smallest = abs(money.micros) * 10**places // MICRO
    units, parts = divmod(smallest, 10**places)
    below = money.micros < 0 and smallest > 0
    if coins is not None and coins.said:
        amount = _written(units, parts, places, always=coins.always)
        amount = f"-{amount}" if below else amount
        if units <= LARGEST and len(amount) <= LONGEST_AMOUNT:
            yield Say(book.module, "currency", "pronounced", amount)
            return
    if below:
        yield Files(book.negative)
    if coins is not None and coins.units is not None:
        yield from _counted_money(book, coins, coins.units, units, parts, places)
    else:
        yield from _spelled_money(book, money.currency, units, parts, places)


def _written(units: int, parts: int, places: int, *, always: bool) -> str:
    """Write an amount as `say` takes it. Without parts it says none: not "and zero cents"."""
    if not places or not (parts or always):
        return str(units)
    return f"{units}.{parts:0{places}}"


def _counted_money(
    book: Catalogue, coins: Coins, names: Counted, units: int, parts: int, places: int
) -> Iterator[Segment]:
    if parts and coins.parts is None:
        yield from _decimal(book, units, parts, places)
        yield Files(names.other)
        return
    if units or not parts:
        yield from _count(book, units, names)
    if parts and coins.parts is not None:
        if units and book.between:
            yield Files(book.between)
        yield from _count(book, parts, coins.parts)


def _spelled_money(
    book: Catalogue, currency: str, units: int, parts: int, places: int
) -> Iterator[Segment]:
    if parts:
        yield from _decimal(book, units, parts, places)
    else:
        yield _number(book, units)
    speller = book if book.spells else catalogue(FALLBACK)
    yield Say(speller.module, "name_spelled", "pronounced", currency)


def _decimal(book: Catalogue, units: int, parts: int, places: int) -> Iterator[Segment]:
    yield _number(book, units)
    yield Files(book.point)
    yield Say(book.module, "number", "iterated", f"{parts:0{places}}")


# --- lengths of time -----------------------------------------------------------------------


def _duration(book: Catalogue, seconds: int) -> Iterator[Segment]:
    left = max(seconds, 0)
    lengths = book.lengths
    if not left:
        yield Files(lengths.zero)
        return
    if lengths.said:
        hours, minutes = left // 3600, left // 60 % 60
        text = f"{hours}:{minutes:02}:{left % 60:02}"
        yield Say(book.module, "time_measurement", "pronounced", text)
        return
    for length, names in lengths.units:
        number, left = divmod(left, length)
        if number:
            yield from _count(book, number, names)
