"""Real files, made by libsndfile."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import soundfile

#: Everything that is taken: format and how its sound is written.
TAKEN: Final = (
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "FLOAT"),
    ("WAV", "ULAW"),
    ("WAVEX", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("FLAC", "PCM_16"),
)


def tone(
    seconds: float = 1.0, *, rate: int = 48_000, hertz: float = 440.0, loudness: float = 0.5
) -> Any:
    """Give a tone, float samples."""
    moments = np.arange(round(seconds * rate)) / rate
    return (loudness * np.sin(2 * np.pi * hertz * moments)).astype("float32")


def file(samples: Any, kind: str = "WAV", subtype: str = "PCM_16", *, rate: int = 48_000) -> bytes:
    """Write samples as a file of this kind."""
    written = io.BytesIO()
    soundfile.write(written, samples, rate, format=kind, subtype=subtype)
    return written.getvalue()


def samples(data: bytes) -> tuple[Any, int]:
    """Read a file back: its samples and their rate."""
    with soundfile.SoundFile(io.BytesIO(data)) as source:
        assert (source.format, source.subtype, source.channels) == ("WAV", "PCM_16", 1)
        return source.read(source.frames, "float32", True)[:, 0], source.samplerate


def pitch(heard: Any, rate: int) -> float:
    """Give the strongest tone that is heard, hertz."""
    strengths = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    return float(np.argmax(strengths) * rate / len(heard))
