"""S1: what is uploaded is known by its content, and becomes what FreeSWITCH plays best (G1)."""

from __future__ import annotations

import contextlib
import struct
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.sounds import checking, isolated
from controller.sounds.converting import LOUDEST, convert
from controller.sounds.model import MOST_BYTES, MOST_SECONDS, RATES, SoundError, audio_id

from .given import TAKEN, file, pitch, samples, tone

#: One small file of each kind.
SMALL = {f"{kind} {how}": file(tone(0.3), kind, how) for kind, how in TAKEN}


@pytest.mark.parametrize(("kind", "how"), TAKEN)
@pytest.mark.parametrize("channels", [1, 2])
def test_s1_every_kind_becomes_wav_mono_at_the_rates_of_telephones(
    kind: str, how: str, channels: int
) -> None:
    heard = tone(1.5, hertz=1000)
    data = file(heard if channels == 1 else np.stack([heard] * channels, 1), kind, how)
    made = convert(data)
    assert made.milliseconds == 1500
    assert tuple(one.rate for one in made.files) == RATES
    for one in made.files:
        back, rate = samples(one.data)
        assert rate == one.rate
        # To the sample as long as it was.
        assert len(back) == 1.5 * rate
        assert pitch(back, rate) == pytest.approx(1000, abs=2)
        # Opus overshoots.
        assert 0.4 < float(np.abs(back).max()) < 0.7
    assert made.id == audio_id([(one.rate, one.sha256) for one in made.files])


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000, 192_000])
def test_s1_a_sound_of_any_rate_stays_as_long_and_as_high_as_it_was(rate: int) -> None:
    made = convert(file(tone(0.777, rate=rate, hertz=700), rate=rate))
    assert made.milliseconds == 777
    for one in made.files:
        back, at = samples(one.data)
        assert len(back) == round(round(0.777 * rate) * at / rate)
        assert pitch(back, at) == pytest.approx(700, abs=3)


def test_s1_what_is_in_the_right_form_already_stays_as_it_is() -> None:
    heard = tone(0.5, rate=8_000)
    back, _ = samples(convert(file(heard, rate=8_000)).files[0].data)
    assert float(np.abs(back - heard).max()) < 2 / 32768


def test_s1_what_no_telephone_can_carry_is_taken_out_and_not_folded_down() -> None:
    heard = tone(1, hertz=1000, loudness=0.3) + tone(1, hertz=7000, loudness=0.3)
    narrow, rate = samples(convert(file(heard)).files[0].data)
    strengths = np.abs(np.fft.rfft(narrow * np.hanning(len(narrow))))
    # Where a sample is just left out, 7000 Hz is heard as 1000 Hz, and its twin at 3000 Hz.
    low, folded = (float(strengths[round(f * len(narrow) / rate)]) for f in (1000, 3000))
    assert low > 1000 * folded


@pytest.mark.parametrize("loudness", [0.95, 1.0, 4.0])
def test_s1_peaks_that_are_too_loud_are_made_quieter_all_of_it_alike(loudness: float) -> None:
    heard = tone(0.5, loudness=loudness)
    heard[: len(heard) // 2] /= 4
    made = convert(file(heard, "WAV", "FLOAT"))
    back, _ = samples(made.files[1].data)
    loud, quiet = (float(np.abs(half).max()) for half in (back[4200:], back[:3800]))
    assert max(loud, quiet) <= LOUDEST + 0.001
    assert loud / quiet == pytest.approx(4, rel=0.02)


def test_s1_a_quiet_sound_stays_quiet() -> None:
    back, _ = samples(convert(file(tone(0.5, loudness=0.05))).files[1].data)
    assert float(np.abs(back).max()) == pytest.approx(0.05, rel=0.02)


def test_s1_an_mp3_with_a_cover_picture_is_taken_without_it() -> None:
    picture = b"APIC" + struct.pack(">IH", 50_000, 0) + b"\xff\xfb" * 25_000
    size = len(picture)
    syncsafe = bytes((size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127))
    data = SMALL["MP3 MPEG_LAYER_III"]
    tagged = b"ID3\x04\0\0" + syncsafe + picture + data + b"TAG" + b"x" * 125
    assert convert(tagged) == convert(data)


def test_s1_a_wav_that_was_written_into_a_pipe_is_taken() -> None:
    """Its sizes are not known when its head is written."""
    data = SMALL["WAV PCM_16"]
    piped = data[:4] + b"\xff" * 4 + data[8:40] + b"\xff" * 4 + data[44:]
    assert convert(piped) == convert(data)


# --- what is not taken ---------------------------------------------------------------------------


def wav(
    *, channels: int = 1, rate: int = 8000, size: int | None = None, data: bytes = b"\0" * 1600
) -> bytes:
    """Write a WAV with any head."""
    said = len(data) if size is None else size
    return (
        struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", (36 + said) & 0xFFFFFFFF, b"WAVE", b"fmt ", 16, 1, channels),
            *(rate, (rate * channels * 2) & 0xFFFFFFFF, (channels * 2) & 0xFFFF, 16, b"data", said),
        )
        + data
    )


#: Files that are none, with what is said of them.
HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "the file is empty"),
    "a text called .wav": (b"Dear Sir,\n" * 100, "by its content this is no WAV, MP3, OGG"),
    "a page": (b"<html><script>alert(1)</script></html>", "by its content this is no"),
    "an MP4": (b"\0\0\0 ftypM4A " + b"\0" * 500, "by its content this is no"),
    "an AIFF": (file(tone(0.1), "AIFF"), "by its content this is no"),
    "only a head": (b"RIFF", "by its content this is no"),
    "a head without sound": (b"RIFF\x04\0\0\0WAVE", "no part that holds sound"),
    "sound without a head": (b"RIFF\xff\0\0\0WAVEdata\0\0\0\0", "does not say how its sound"),
    "a huge head": (wav(size=0xFFFFFFF0), "ends before its end"),
    "zero length": (wav(data=b""), "its length is zero"),
    "a hundred channels": (wav(channels=100, data=b"\0" * 20_000), "has 100 channels"),
    "no rate": (wav(rate=0), "cannot be decoded|samples a second"),
    "an absurd rate": (wav(rate=4_000_000), "has 4000000 samples a second"),
    "too slow": (wav(rate=100), "has 100 samples a second"),
    "numbers that are none": (
        file(np.array([0.1, float("nan")] * 4000, dtype="float32"), "WAV", "FLOAT"),
        "no sound (NaN)",
    ),
    "a tag without an end": (b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"\0" * 50, "268435455 bytes long"),
    "a tag of no size": (b"ID3\x04\0\0\xff\xff\xff\xff" + b"\0" * 50, "tag has no size"),
    "tags and tags": (b"ID3\x04\0\0\0\0\0\0" * 100_000, "more than 16 ID3 tags"),
    "a tag and nothing": (b"ID3\x04\0\0\0\0\0\0", "by its content this is no"),
    "parts and parts": (b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 50_000, "more parts than"),
    "half a page": (SMALL["OGG VORBIS"][:-1], "the OGG file ends before its end"),
    "a broken page": (SMALL["OGG VORBIS"] + b"x", "no page begins at byte"),
    "half an MP3": (SMALL["MP3 MPEG_LAYER_III"][:-400], "the MP3 file ends before its end"),
    "half a FLAC": (SMALL["FLAC PCM_16"][:-500], "FLAC file"),
    "too large": (b"\0" * (MOST_BYTES + 1), "is larger than 10 MB"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_g1_a_file_that_cannot_be_taken_is_refused_with_what_is_wrong_and_what_to_do(
    name: str,
) -> None:
    data, said = HOSTILE[name]
    with pytest.raises(SoundError) as caught:
        convert(data)
    message = str(caught.value)
    assert message.startswith("audio: ")
    assert any(part in message for part in said.split("|")), message
    assert any(mark in message for mark in ("; ", ", or")), "it names no remedy"


@pytest.mark.parametrize("kind", ["WAV PCM_16", "MP3 MPEG_LAYER_III", "OGG OPUS", "FLAC PCM_16"])
def test_s1_a_sound_is_no_longer_than_five_minutes_however_small_its_file_is(kind: str) -> None:
    """Silence of an hour fits into some kilobytes: it is not decoded to the end."""
    form, how = kind.split()
    silence = np.zeros(8000 * (MOST_SECONDS + 1), dtype="float32")
    with pytest.raises(SoundError, match="longer than 300 seconds; cut it"):
        convert(file(silence, form, how, rate=8000))
    just = convert(file(silence[: 8000 * MOST_SECONDS], form, how, rate=8000))
    assert just.milliseconds == MOST_SECONDS * 1000


@given(st.data())
def test_s1_no_part_of_a_file_passes_for_the_whole(data: st.DataObject) -> None:
    """No silent change of length: wherever an upload breaks off, it is refused."""
    whole = SMALL[data.draw(st.sampled_from(sorted(SMALL)))]
    with pytest.raises(SoundError):
        convert(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.data())
def test_g1_whatever_is_written_into_a_file_it_is_a_sound_or_an_error(data: st.DataObject) -> None:
    broken = bytearray(SMALL[data.draw(st.sampled_from(sorted(SMALL)))])
    for _ in range(data.draw(st.integers(1, 8))):
        # The head decides most.
        place = data.draw(st.integers(0, min(len(broken), 200) - 1))
        broken[place] = data.draw(st.integers(0, 255))
    assert_sound_or_error(bytes(broken))


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"OggS", b"fLaC", b"ID3\x04"]),
)
def test_g1_any_bytes_are_a_sound_or_an_error(rest: bytes, head: bytes) -> None:
    assert_sound_or_error(head + rest)


def assert_sound_or_error(data: bytes) -> None:
    try:
        made: Any = convert(data)
    except SoundError as error:
        # Whatever is said of it, it is said of the file.
        if not str(error).startswith("audio: "):
            raise
        return
    assert made.milliseconds <= MOST_SECONDS * 1000
    for one in made.files:
        samples(one.data)


@given(st.binary(max_size=2000))
def test_g1_looking_at_a_file_never_fails_otherwise(data: bytes) -> None:
    for head in (b"", b"RIFF\0\0\0\0WAVE", b"OggS", b"ID3\x04\0\0\0\0\0\x05", b"\xff\xfb\x90\0"):
        with contextlib.suppress(SoundError):
            checking.examine(head + data)


# --- in a process of its own ---------------------------------------------------------------------


def test_s1_a_process_of_its_own_gives_the_same() -> None:
    data = SMALL["MP3 MPEG_LAYER_III"]
    assert isolated.convert(data) == convert(data)


@pytest.mark.parametrize("name", ["a text called .wav", "a hundred channels", "too large"])
def test_g1_what_is_wrong_is_told_from_there_too(name: str) -> None:
    data, said = HOSTILE[name]
    with pytest.raises(SoundError, match=said):
        isolated.convert(data)


def test_g1_a_conversion_that_dies_is_an_error_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it would of a file that breaks its decoder: here it is given no time at all."""
    monkeypatch.setattr(isolated, "MOST_SECONDS", 0.001)
    with pytest.raises(SoundError, match="make it anew, as WAV"):
        isolated.convert(SMALL["WAV PCM_16"])


def test_g1_the_process_that_converts_knows_no_secret_and_is_bounded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """What it is started with, and what it may take, as a process in its place sees it."""
    seen = tmp_path / "seen"
    inside = tmp_path / "python"
    inside.write_text(f'#!/bin/sh\nenv > "{seen}"\nexit 1\n')
    inside.chmod(0o755)
    monkeypatch.setenv("CALLBACKD_DATABASE__URL", "postgresql://user:hunter2@host/database")
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@host")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    monkeypatch.setattr(sys, "executable", str(inside))
    with pytest.raises(SoundError, match="broke its decoder"):
        isolated.convert(SMALL["WAV PCM_16"])
    assert "hunter2" not in seen.read_text()
