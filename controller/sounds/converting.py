"""The conversion: whatever was uploaded becomes WAV, 16 bits, mono, at the rates of telephones.

It is computed here and nowhere stored. The decoders are libsndfile's, which are written in C and
read what strangers made: `isolated` runs this in a process of its own.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import soundfile
import soxr

from controller.sounds.checking import Container, examine
from controller.sounds.model import (
    MOST_BYTES,
    MOST_SECONDS,
    RATES,
    AudioFile,
    Converted,
    SoundError,
)

#: How many frames are decoded at a time.
_BLOCK: Final = 65_536
_MOST_CHANNELS: Final = 8
_RATES_TAKEN: Final = (4_000, 192_000)
#: The loudest sample that is left as it is, -1 dB: codecs overshoot what is louder.
LOUDEST: Final = 10 ** (-1 / 20)

#: What libsndfile calls each kind.
_FORMATS: Final = {
    Container.WAV: ("WAV", "WAVEX"),
    Container.OGG: ("OGG",),
    Container.MP3: ("MP3",),
    Container.FLAC: ("FLAC",),
}

_Samples = Any  # an array of numpy, float32


def convert(data: bytes) -> Converted:
    """Convert a file. Raises `SoundError`, which says what is wrong with it and what to do.

    Its length stays what it is; all of it is made quieter where its peaks are too loud.
    """
    if len(data) > MOST_BYTES:
        raise SoundError(f"audio: is larger than {MOST_BYTES >> 20} MB; upload a shorter one")
    kind, bare = examine(data)
    try:
        with soundfile.SoundFile(io.BytesIO(bare)) as source:
            _check(kind, source)
            frames, made = _resampled(kind, source)
            hertz = source.samplerate
    except soundfile.LibsndfileError as error:
        raise SoundError(
            f"audio: the {kind.value} file cannot be decoded ({error.error_string}); make it anew"
        ) from error
    peak = max((float(np.abs(samples).max(initial=0.0)) for samples in made.values()), default=0.0)
    gain = LOUDEST / peak if peak > LOUDEST else 1.0
    return Converted(
        milliseconds=round(frames * 1000 / hertz),
        files=tuple(_file(rate, samples, gain) for rate, samples in sorted(made.items())),
    )


def _check(kind: Container, source: soundfile.SoundFile) -> None:
    """Check what the file says of itself, before any of it is decoded."""
    if source.format not in _FORMATS[kind]:
        raise SoundError(f"audio: is written as {source.format} inside; convert it to WAV first")
    if source.channels > _MOST_CHANNELS:
        raise SoundError(
            f"audio: has {source.channels} channels; mix it down to one or two ({_MOST_CHANNELS} "
            "are the most)"
        )
    low, high = _RATES_TAKEN
    if not low <= source.samplerate <= high:
        raise SoundError(
            f"audio: has {source.samplerate} samples a second; convert it to a rate from {low} to "
            f"{high}, such as 16000"
        )
    # The length of an MP3 is a guess where nothing in it says so: that one is counted.
    if kind is not Container.MP3 and source.frames > MOST_SECONDS * source.samplerate:
        raise _too_long()


def _too_long() -> SoundError:
    return SoundError(f"audio: is longer than {MOST_SECONDS} seconds; cut it")


def _resampled(kind: Container, source: soundfile.SoundFile) -> tuple[int, dict[int, _Samples]]:
    """Give how many frames there are, and the sound at each rate."""
    hertz, frames = source.samplerate, 0
    streams = {
        rate: None if rate == hertz else soxr.ResampleStream(hertz, rate, 1, dtype="float32")
        for rate in RATES
    }
    parts: dict[int, list[_Samples]] = {rate: [] for rate in RATES}
    for block in _mono(source):
        frames += len(block)
        if frames > MOST_SECONDS * hertz:
            raise _too_long()
        for rate, stream in streams.items():
            parts[rate].append(block if stream is None else stream.resample_chunk(block))
    if kind in (Container.WAV, Container.FLAC) and frames < source.frames:
        raise SoundError(f"audio: the {kind.value} file ends before its end; upload it again")
    if round(frames * RATES[0] / hertz) == 0:
        raise SoundError("audio: holds no sound: its length is zero; upload one with sound in it")
    nothing = np.zeros(0, dtype=np.float32)
    made = {}
    for rate, stream in streams.items():
        rest = nothing if stream is None else stream.resample_chunk(nothing, last=True)
        samples = np.concatenate([*parts[rate], rest])
        # To the sample: the filter's end may be one more or less.
        length = round(frames * rate / hertz)
        made[rate] = np.pad(samples[:length], (0, max(0, length - len(samples))))
    return frames, made


def _mono(source: soundfile.SoundFile) -> Iterator[_Samples]:
    while True:
        block = source.read(_BLOCK, dtype="float32", always_2d=True)
        if not len(block):
            return
        mixed = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        if not np.isfinite(mixed).all():
            raise SoundError("audio: holds numbers that are no sound (NaN); make it anew")
        # A copy: the block's memory is used again.
        yield np.ascontiguousarray(mixed).copy()


def _file(rate: int, samples: _Samples, gain: float) -> AudioFile:
    whole = np.rint(samples.astype(np.float64) * gain * 32767)
    pcm = np.clip(whole, -32768, 32767).astype("<i2").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + len(pcm), b"WAVE"),
        *(b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16),
        *(b"data", len(pcm)),
    )
    data = head + pcm
    return AudioFile(rate=rate, sha256=hashlib.sha256(data).hexdigest(), data=data)
