"""What a sound is after its conversion, and what may be uploaded at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

#: The rates that telephones have; FreeSWITCH takes the file of the call's own, and converts none.
RATES: Final = (8000, 16000)
#: The rate of the file that is played where a call has none of these, and that is listened to.
BEST_RATE: Final = 16000
#: The largest file that is taken, bytes.
MOST_BYTES: Final = 10 << 20
#: The longest sound, seconds.
MOST_SECONDS: Final = 300
#: What can be uploaded, for messages.
KINDS: Final = "WAV, MP3, OGG (Vorbis or Opus) or FLAC"


class SoundError(ValueError):
    """What was uploaded is not taken; the message says what is wrong with it and what to do."""


class AudioFile(msgspec.Struct, frozen=True):
    """One file of a sound: WAV, PCM of 16 bits, mono."""

    rate: int
    sha256: str
    data: bytes


class Converted(msgspec.Struct, frozen=True):
    """A sound as FreeSWITCH plays it best: the same at each rate."""

    milliseconds: int
    files: tuple[AudioFile, ...]

    @property
    def id(self) -> str:
        """What it is called: SHA-256 of the digests of its files."""
        return audio_id([(file.rate, file.sha256) for file in self.files])


def audio_id(files: Sequence[tuple[int, str]]) -> str:
    """Give the name of a sound whose files have these rates and digests."""
    lines = "".join(f"{rate} {digest}\n" for rate, digest in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()
