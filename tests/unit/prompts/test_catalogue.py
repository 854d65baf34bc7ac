"""S2: every language has every prompt, and every file is one that there can be."""

from __future__ import annotations

import array
import re
import wave
from pathlib import Path

import msgspec
import pytest

from controller.esl import commands
from controller.prompts import catalogue as catalogues
from controller.prompts.catalogue import NAMES, Catalogue, catalogue, known_as, languages

SOUNDS = Path(__file__).parents[3] / "fs-config" / "sounds"
#: FreeSWITCH's say modules.
MODULES = {
    "de", "en", "es", "es_ar", "fa", "fr", "he", "hr", "hu", "it", "ja", "nl", "pl", "pt", "ru",
    "sv", "th", "zh",
}  # fmt: skip
PROMPTS = {
    "human_check", "number_enter", "password_enter", "password_wrong", "locked_out", "credit_menu",
    "credit_is", "credit_unlimited", "credit_none", "credit_unknown", "destination_enter",
    "number_wrong", "number_not_allowed", "speed_dial_unknown", "redial_unknown", "time_left_is",
    "destination_busy", "destination_no_answer", "destination_unreachable", "time_over", "sorry",
    "goodbye", "emergency_not_connected", "credit_too_low",
}  # fmt: skip

every_language = pytest.mark.parametrize("language", languages())


def test_s2_there_is_a_catalogue_for_every_say_module() -> None:
    assert {catalogue(language).module for language in languages()} == MODULES
    assert PROMPTS == NAMES


@every_language
def test_s2_every_language_has_every_prompt(language: str) -> None:
    book = catalogue(language)
    assert set(book.prompts) == NAMES
    for words in book.prompts.values():
        assert words.text == words.text.strip()
        # Persian has a mark that parts letters and is no space.
        assert words.text.replace("\u200c", "").isprintable()


@every_language
def test_s2_every_sound_of_our_own_is_played_and_has_its_words(language: str) -> None:
    book = catalogue(language)
    own = {file for file in book.played if file.startswith("callback/")}
    assert own == set(book.own_sounds)
    assert all(book.own_sounds.values())


@every_language
def test_every_file_can_be_told_to_the_switch(language: str) -> None:
    book = catalogue(language)
    for file in book.played | book.said:
        assert re.fullmatch(r"[a-z-]+(/[a-z]+)*/[A-Za-z0-9_+-]+\.wav", file), file
        assert commands.file_string([f"../../../{book.voice}/{file}", "x"])


def test_a_language_is_found_by_its_dialect_or_without_it() -> None:
    assert known_as("pt-BR") == "pt-BR"
    assert known_as("pt-PT") == "pt"
    assert known_as("en-GB") == "en"
    assert known_as("es-AR") == "es-AR"
    assert known_as("xx") is None
    assert catalogue("xx") is catalogue("en")


@pytest.mark.parametrize(
    "wrong",
    [
        'file = "x"',
        '[prompts.sorry]\ntext = ""',
        '[prompts.sorry]\ntext = "x"\nfiles = ["../x.wav"]',
        '[prompts.sorry]\ntext = "x"\nfiles = ["ivr/x y.wav"]',
        '[prompts.sorry]\ntext = "x"\nfiles = ["/ivr/x.wav"]',
    ],
)
def test_a_file_of_a_language_is_checked_as_it_is_read(wrong: str) -> None:
    document = (catalogues._LANGUAGES / "en.toml").read_text("utf-8")
    msgspec.toml.decode(document, type=Catalogue)
    broken = document.replace('[prompts.sorry]\ntext = "I\'m sorry"', wrong)
    assert broken != document
    with pytest.raises(msgspec.DecodeError):
        msgspec.toml.decode(broken, type=Catalogue)


# --- our own sounds ------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000])
def test_our_own_english_sounds_are_there_and_can_be_heard(rate: int) -> None:
    book = catalogue("en")
    for file in book.own_sounds:
        folder, _, base = file.rpartition("/")
        with wave.open(str(SOUNDS / book.voice / folder / str(rate) / base)) as sound:
            assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2), file
            assert sound.getframerate() == rate
            seconds = sound.getnframes() / rate
            samples = array.array("h", sound.readframes(sound.getnframes()))
        assert 0.2 < seconds < 10, file
        level = (sum(sample * sample for sample in samples) / len(samples)) ** 0.5
        # About 20 dB below full scale, as the stock sounds are; nothing is clipped.
        assert 1500 < level < 7000, file
        assert max(map(abs, samples)) < 32000, file
        # Nobody waits for it to begin.
        start = samples[: rate // 5]
        assert max(map(abs, start)) > 500, file


def test_no_other_sound_lies_there() -> None:
    there = {
        re.sub(r"(8000|16000)/", "", path.relative_to(SOUNDS / "en/us/callie").as_posix())
        for path in SOUNDS.rglob("*.wav")
    }
    assert there == set(catalogue("en").own_sounds)
