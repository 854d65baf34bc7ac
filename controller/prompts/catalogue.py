"""The catalogues: for each language the words of every prompt, and the files that say them.

A language is one file under `languages/`, and no code. Its stock files are those of FreeSWITCH's
sound sets (docs/phrase there has their words); what no stock file says is a sound of our own,
`callback/<name>.wav`, whose words are in the catalogue too, for whoever records it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Final

import msgspec

from controller.policy.fields import Currency

#: A file of a sound set: a name below its directory.
File = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z]+(/[a-z]+)*/[A-Za-z0-9_+-]+\.wav\Z", max_length=100)
]
Files = tuple[File, ...]
#: A directory of FreeSWITCH's sounds: language, dialect (some have none) and voice.
Voice = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){1,2}\Z")]

#: What is said where a language cannot say it.
FALLBACK: Final = "en"
#: What a module plays to spell: the small letters.
_LETTERS: Final = tuple(f"ascii/{code}.wav" for code in range(ord("a"), ord("z") + 1))
_LANGUAGES: Final = Path(__file__).parent / "languages"


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prompt. Without `files` it is our own sound `callback/<name>.wav`."""

    text: Annotated[str, msgspec.Meta(min_length=1)]
    files: Files = ()


class Counted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said for a number of things.

    Attributes:
        other: what follows the number.
        exactly: by number, what is said for just that many, the number included ("one hour").
        ones: what follows 1, 21, 31, …, and few: what follows 2-4, 22-24, …, where a Slavic
            language has forms of their own for them.
    """

    other: Annotated[Files, msgspec.Meta(min_length=1)]
    exactly: dict[str, Files] = {}
    ones: Files = ()
    few: Files = ()

    def after(self, number: int) -> Files:
        """Give what follows a number that is said by itself."""
        tens, units = number // 10 % 10, number % 10
        if tens != 1 and units == 1 and self.ones:
            return self.ones
        if tens != 1 and units in (2, 3, 4) and self.few:
            return self.few
        return self.other

    @property
    def files(self) -> Files:
        """Every file that it may need."""
        exactly = [file for files in self.exactly.values() for file in files]
        return (*self.other, *self.ones, *self.few, *exactly)


class Coins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an amount of one currency is said.

    Attributes:
        said: the language's module says it, its words being this currency's.
        whole: nobody counts its smaller coins, or the module cannot: whole units are said.
        always: the module needs the digits after the point, though they are zero.
        units, parts: else, what is said for whole units and for hundredths (or thousandths).
    """

    said: bool = False
    whole: bool = False
    always: bool = False
    units: Counted | None = None
    parts: Counted | None = None


class Lengths(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a length of time is said.

    Attributes:
        said: the language's module says it all, with its own order and forms.
        zero: what is said for no time at all.
        hours, minutes, seconds: else, in this order, those of which there are any.
    """

    zero: Annotated[Files, msgspec.Meta(min_length=1)]
    said: bool = False
    hours: Counted | None = None
    minutes: Counted | None = None
    seconds: Counted | None = None

    @property
    def units(self) -> tuple[tuple[int, Counted], ...]:
        """The units that are counted, each with its seconds, the longest first."""
        units = ((3600, self.hours), (60, self.minutes), (1, self.seconds))
        return tuple((seconds, unit) for seconds, unit in units if unit is not None)


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One language.

    Attributes:
        module: FreeSWITCH's say module, and the name of the language in its XML.
        voice: the usual directory of its sounds.
        prompts: by name.
        lengths: lengths of time.
        currencies: those whose name it can say; of any other the three letters are spelled.
        negative: what goes before an amount below zero, where the module does not say it.
        between: what goes between whole units and parts.
        point: what is said for the point in a number, where the currency's parts have no name.
        spells: whether its sounds have the letters; else they are spelled in English.
        own: our own sounds besides the prompts, with their words.
        needs: what the module plays for what we have it say.
    """

    module: Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}(_[a-zA-Z]{2})?\Z")]
    voice: Voice
    prompts: dict[str, Words]
    lengths: Lengths
    negative: Annotated[Files, msgspec.Meta(min_length=1)]
    point: Annotated[Files, msgspec.Meta(min_length=1)]
    between: Files = ()
    spells: bool = False
    currencies: dict[Currency, Coins] = {}
    own: dict[File, str] = {}
    needs: Files = ()

    def files(self, name: str) -> Files:
        """Give the files of a prompt. Raises `KeyError` for a name that there is not."""
        return self.prompts[name].files or (own_file(name),)

    @property
    def own_sounds(self) -> dict[str, str]:
        """Our own sounds, all of them, with their words."""
        prompts = {own_file(n): p.text for n, p in self.prompts.items() if not p.files}
        return {**prompts, **self.own}

    @property
    def played(self) -> frozenset[str]:
        """Every file that is played by itself."""
        counted = [unit for _, unit in self.lengths.units]
        for coins in self.currencies.values():
            counted += [names for names in (coins.units, coins.parts) if names is not None]
        return frozenset(
            (
                *(file for name in self.prompts for file in self.files(name)),
                *(file for names in counted for file in names.files),
                *self.lengths.zero,
                *self.negative,
                *self.between,
                *self.point,
            )
        )

    @property
    def said(self) -> frozenset[str]:
        """Every file that the module may play: from where the switch has its language."""
        return frozenset((*self.needs, *(_LETTERS if self.spells else ())))


def own_file(name: str) -> str:
    """Give the file of our own sound for a prompt."""
    return f"callback/{name}.wav"


def languages() -> tuple[str, ...]:
    """Give the languages that there are, written as in a policy: `en`, `pt-BR`."""
    return tuple(sorted(path.stem for path in _LANGUAGES.glob("*.toml")))


@cache
def _load(language: str) -> Catalogue:
    return msgspec.toml.decode((_LANGUAGES / f"{language}.toml").read_bytes(), type=Catalogue)


@cache
def known_as(language: str) -> str | None:
    """Give the catalogue's own name for a language: its dialect's, or else the language's.

    None: there is none, and all is said in English.
    """
    names = languages()
    plain = language.partition("-")[0]
    return language if language in names else plain if plain in names else None


def catalogue(language: str) -> Catalogue:
    """Give the catalogue of a language; of one that is not known, the English one."""
    return _load(known_as(language) or FALLBACK)


#: Every prompt's name; each language has all of them.
NAMES: Final = frozenset(_load(FALLBACK).prompts)
