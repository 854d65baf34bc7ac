"""The prompts as this installation has them: the catalogues, and where its sounds are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from controller.callback.said import Prompt
from controller.prompts.catalogue import FALLBACK
from controller.prompts.segments import Places, Segment, segments


class Prompts:
    """Finds what is played and said.

    `directory` is where the languages' sounds lie, as FreeSWITCH's `sounds_dir`; empty leaves
    them to the switch's `sound_prefix`, which is that of the language `home`. `voices` has the
    directories of languages that are not the usual ones.
    """

    def __init__(
        self, directory: str = "", *, home: str = FALLBACK, voices: Mapping[str, str] | None = None
    ) -> None:
        self.places = Places(directory=directory, home=home, voices=voices or {})

    def segments(
        self,
        prompts: Sequence[Prompt],
        *,
        language: str,
        own: Mapping[str, str] = {},
        absent: Collection[str] = (),
    ) -> tuple[Segment, ...]:
        """Give what is played and said. Raises `KeyError` for a name that there is not.

        `own` has an extension's sounds, by the prompts that they replace; `absent` what the node
        was found to lack (`sound_check`).
        """
        return segments(prompts, language=language, own=own, places=self.places, absent=absent)
