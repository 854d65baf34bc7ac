"""Which sound a setting means (S1): one of the manager's, by its name, or a path on the switch.

A value without a stroke and without a point is a name: of a sound of the extension's client, or of
one that is everybody's, in the language that is asked for or in one that is near it. Anything else
is the path of a file that the switch has, and is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from controller.policy.model import Policy

#: The language of last resort.
FALLBACK: Final = "en"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z", re.ASCII)


def is_name(value: str) -> bool:
    """Whether a setting's value names a sound of the manager; else it is a path."""
    return _NAME.match(value) is not None


def named_in(policy: Policy) -> list[tuple[str, str]]:
    """Give every sound that a policy says: the setting, and its value."""
    single = [
        (field, getattr(policy, field)) for field in ("sound_before_disconnecting", "warning_sound")
    ]
    prompts = [(f"prompts.{name}", value) for name, value in sorted(policy.prompts.items())]
    return [(field, value) for field, value in [*single, *prompts] if value]


def file_of(language: str, name: str, audio: str) -> str:
    """Give where an uploaded sound is under the directory of sounds.

    Another upload is another file: no node plays half of one, or one that it kept in memory.
    """
    return f"{language}/{name}-{audio[:8]}.wav"


class SoundRow(msgspec.Struct, frozen=True):
    """A sound of the manager: a `path` that the switch has, or an `audio` that was uploaded.

    Neither: nothing was uploaded yet. `client` None: everybody's.
    """

    language: str
    name: str
    client: str | None
    path: str | None
    audio: str | None

    @property
    def file(self) -> str | None:
        """Where an uploaded sound is under the directory of sounds."""
        return None if self.audio is None else file_of(self.language, self.name, self.audio)


class SoundTable:
    """All sounds, for settings to be looked up in. `directory` is where uploaded ones are."""

    def __init__(self, rows: Iterable[SoundRow], directory: str) -> None:
        self.rows = tuple(rows)
        self.directory = directory
        self._by_name: dict[str, list[SoundRow]] = {}
        for row in sorted(self.rows, key=lambda row: (row.name, row.language)):
            if row.path is not None or row.audio is not None:
                self._by_name.setdefault(row.name, []).append(row)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SoundTable) and (self.rows, self.directory) == (
            other.rows,
            other.directory,
        )

    def __hash__(self) -> int:
        return hash((self.rows, self.directory))

    def resolve(self, value: str, *, client: str, language: str) -> str | None:
        """Give the path of the sound that a setting means; None: it names one that is not there.

        Of the languages that a sound has: the one asked for, else the same without its country,
        else that of another country, else English, else the first by its letters.
        """
        if not is_name(value):
            return value
        known = [row for row in self._by_name.get(value, ()) if row.client in (None, client)]
        if not known:
            return None
        wanted = language.partition("-")[0]

        def distance(row: SoundRow) -> tuple[int, str]:
            plain = row.language.partition("-")[0]
            steps = (row.language == language, row.language == wanted, plain == wanted)
            last = (row.language == FALLBACK, plain == FALLBACK)
            order = [*steps, *last, True]
            return order.index(True), row.language

        return self.path_of(min(known, key=distance))

    def path_of(self, row: SoundRow) -> str | None:
        """Give the path of a sound on the switch; None: nothing was uploaded yet."""
        return row.path if row.file is None else f"{self.directory}/{row.file}"

    def uploaded(self) -> tuple[SoundRow, ...]:
        """Give those that were uploaded, which every node has to have."""
        return tuple(row for row in self.rows if row.audio is not None)
