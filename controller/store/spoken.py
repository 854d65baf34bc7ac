"""What callers are told by the records that there are: in which languages, with which sounds."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Engine, select

from controller.store.database import reader
from controller.store.schema import authorised_caller as callers
from controller.store.schema import extension as extensions
from controller.store.sounds import SoundSource


class OwnSound(msgspec.Struct, frozen=True):
    """A sound that an extension's policy means, and the setting that means it.

    `value` is what stands there; `file` the path that it is, None: it names a sound (S1) that
    there is not.
    """

    extension: str
    setting: str
    value: str
    file: str | None


class Spoken(msgspec.Struct, frozen=True):
    """The languages in use, and the sounds of extensions."""

    languages: frozenset[str]
    sounds: tuple[OwnSound, ...]


class _Policy(msgspec.Struct, frozen=True):
    """Of a policy's document, what is said."""

    language: str = "en"
    prompts: dict[str, str] = {}
    warning_sound: str | None = None
    sound_before_disconnecting: str | None = None

    @property
    def sounds(self) -> dict[str, str]:
        """What it means by sounds, by the setting."""
        named = {f"prompts.{name}": value for name, value in sorted(self.prompts.items())}
        if self.warning_sound:
            named["warning_sound"] = self.warning_sound
        if self.sound_before_disconnecting:
            named["sound_before_disconnecting"] = self.sound_before_disconnecting
        return named


_DECODER: Final = msgspec.json.Decoder(_Policy)


def read_spoken(engine: Engine, directory: str) -> Spoken:
    """Read what is said. It reads every extension: not for a call. Blocks.

    `directory` is where uploaded sounds are on the nodes.
    """
    table = SoundSource(engine, directory).table()
    languages: set[str] = set()
    sounds: dict[tuple[str, str | None], OwnSound] = {}
    columns = (extensions.c.extension, extensions.c.client, extensions.c.policy)
    with reader(engine).connect() as connection:
        # Some at a time: of a hundred thousand, all at once are a hundred megabytes.
        rows = connection.execution_options(yield_per=1000).execute(
            select(*columns).order_by(extensions.c.extension)
        )
        for number, client, document in rows:
            policy = _DECODER.decode(document)
            languages.add(policy.language)
            for setting, value in policy.sounds.items():
                file = table.resolve(value, client=client, language=policy.language)
                # Many extensions share a sound: the first one stands for all of them.
                sounds.setdefault((value, file), OwnSound(number, setting, value, file))
        named = select(callers.c.language).where(callers.c.language.is_not(None)).distinct()
        languages |= set(connection.execute(named).scalars())
    return Spoken(frozenset(languages), tuple(sounds.values()))
