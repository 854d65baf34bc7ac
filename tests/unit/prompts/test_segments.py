"""C2, D6, S2: what is played and said for what a caller is told."""

from __future__ import annotations

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.callback.said import Duration, Money, Prompt
from controller.esl import commands
from controller.policy.fields import MOST_MICROS, is_currency
from controller.prompts.catalogue import NAMES, catalogue, languages
from controller.prompts.segments import Files, Places, Say, Segment, segments

CURRENCIES = sorted(c.code for c in iso4217.Currency if is_currency(c.code))


def told(*prompts: Prompt, language: str = "en", places: Places | None = None) -> list[str]:
    """What is told, in short: files without directory and ending, and `module kind text`."""
    # The language as the home one: its files are named without the directory.
    where = places or Places(home=language)
    found = []
    for part in segments(prompts, language=language, places=where):
        match part:
            case Files(files):
                found += [file.removesuffix(".wav") for file in files]
            case Say(module, kind, method, text):
                how = "" if method == "pronounced" else f" {method}"
                found.append(f"{module}:{kind}{how} {text}")
    return found


def send(part: Segment) -> bytes:
    """Give a segment to the builder that it is for, which refuses what is not safe."""
    if isinstance(part, Files):
        return commands.playback(part.files, "step-1")
    return commands.say(part.module, part.kind, part.method, part.text, "step-1")


# --- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("name", sorted(NAMES))
def test_s2_every_name_is_files_in_every_language(name: str, language: str) -> None:
    (part,) = segments([name], language=language)
    assert isinstance(part, Files)
    assert send(part)


@pytest.mark.parametrize("name", ["", "Sorry", "sounds:/x.wav", "callback/sorry.wav"])
def test_a_name_that_there_is_not_is_an_error(name: str) -> None:
    with pytest.raises(KeyError):
        segments([name], language="en", own={name: "/x.wav"})


def test_files_that_follow_each_other_are_one_segment() -> None:
    assert segments(
        ["sorry", "sound:/own/x.wav", Money(1_000_000, "USD"), "goodbye"], language="en"
    ) == (
        Files(("ivr/ivr-im_sorry.wav", "/own/x.wav")),
        Say("en", "currency", "pronounced", "1"),
        Files(("voicemail/vm-goodbye.wav",)),
    )
    assert segments([], language="en") == ()


def test_s2_an_extension_replaces_a_prompt() -> None:
    own = {"sorry": "/own/sorry.wav"}
    found = segments(["sorry", "goodbye"], language="de", own=own, directory="/sounds")
    assert found == (Files(("/own/sorry.wav", "/sounds/de/de/default/voicemail/vm-goodbye.wav")),)


# --- where they are ------------------------------------------------------------------------


def test_the_switchs_own_language_needs_no_directory() -> None:
    assert Places().prefix("en") == ""
    assert Places(home="fr").prefix("fr") == ""
    assert Places(home="pt-PT").prefix("pt") == ""


def test_another_language_lies_beside_it() -> None:
    assert Places().prefix("fr") == "../../../fr/ca/june/"
    # The home language's directory says how far up that is.
    assert Places(home="he").prefix("en") == "../../en/us/callie/"
    assert Places(voices={"fr": "fr/fr/anne"}).prefix("fr") == "../../../fr/fr/anne/"


def test_with_a_directory_all_are_below_it() -> None:
    places = Places(directory="/usr/share/sounds/", voices={"fr": "fr/fr/anne"})
    assert places.prefix("en") == "/usr/share/sounds/en/us/callie/"
    assert places.prefix("fr") == "/usr/share/sounds/fr/fr/anne/"
    assert places.prefix("xx") == "/usr/share/sounds/en/us/callie/"


# --- what cannot be said is said in English -----------------------------------------------


def test_what_the_switch_lacks_is_said_in_english() -> None:
    german = "../../../de/de/default/"
    absent = {f"{german}callback/credit_menu.wav"}
    found = segments(["credit_menu", "sorry"], language="de", absent=absent)
    assert found == (Files(("callback/credit_menu.wav", f"{german}ivr/ivr-im_sorry.wav")),)


def test_money_without_the_languages_module_is_said_in_english() -> None:
    found = segments([Money(2_000_000, "EUR")], language="de", absent={"say:de"})
    assert found == (
        Say("en", "number", "pronounced", "2"),
        Files(("callback/currency/eur.wav",)),
    )


def test_a_replacement_that_is_missing_is_not_waited_for() -> None:
    found = segments(["sorry"], language="en", own={"sorry": "/gone.wav"}, absent={"/gone.wav"})
    assert found == (Files(("ivr/ivr-im_sorry.wav",)),)


def test_english_has_nothing_to_fall_back_to() -> None:
    assert segments(["sorry"], language="en", absent={"ivr/ivr-im_sorry.wav"}) == segments(
        ["sorry"], language="en"
    )


# --- money ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("micros", "currency", "language", "expected"),
    [
        (12_500_000, "USD", "en", ["en:currency 12.50"]),
        (12_000_000, "USD", "en", ["en:currency 12"]),
        (-12_050_000, "USD", "en", ["en:currency -12.05"]),
        # Toward zero: what is less than a cent is nothing, below zero too.
        (12_509_999, "USD", "en", ["en:currency 12.50"]),
        (-9_999, "USD", "en", ["en:currency 0"]),
        (-12_509_999, "USD", "en", ["en:currency -12.50"]),
        (1_010_000, "EUR", "en", [
            "digits/1", "callback/currency/eur_one", "currency/and", "digits/1", "currency/cent"]),
        (500_000, "GBP", "en", ["en:number 50", "callback/currency/gbp_part"]),
        (-2_000_000, "CHF", "en", [
            "currency/negative", "en:number 2", "callback/currency/chf"]),
        # No name: the number, and the letters.
        (7_000_000, "SEK", "en", ["en:number 7", "en:name_spelled SEK"]),
        (7_050_000, "SEK", "en", [
            "en:number 7", "digits/dot", "en:number iterated 05", "en:name_spelled SEK"]),
        (7_900_000, "JPY", "en", ["en:number 7", "en:name_spelled JPY"]),
        (7_005_000, "KWD", "en", [
            "en:number 7", "digits/dot", "en:number iterated 005", "en:name_spelled KWD"]),
        (MOST_MICROS, "USD", "en", ["en:number iterated 1000000000", "en:name_spelled USD"]),
        # German: the stock files called dollar say Euro.
        (1_020_000, "EUR", "de", [
            "digits/1_n", "currency/dollar", "currency/and", "de:number 2", "currency/cents"]),
        (3_000_000, "CHF", "de", ["de:number 3", "callback/currency/chf"]),
        (21_010_000, "RUB", "ru", ["ru:currency 21.01"]),
        (21_000_000, "RUB", "ru", ["ru:currency 21.00"]),
        (21_000_000, "USD", "ru", ["ru:number 21", "currency/dollar"]),
        (22_000_000, "USD", "ru", ["ru:number 22", "currency/dollara"]),
        (12_000_000, "USD", "ru", ["ru:number 12", "currency/dollars"]),
        (1_000_000, "PLN", "pl", ["digits/1", "callback/currency/pln_one"]),
        (21_000_000, "PLN", "pl", ["pl:number 21", "callback/currency/pln"]),
        (23_000_000, "PLN", "pl", ["pl:number 23", "callback/currency/pln_few"]),
        # Nobody counts fillér.
        (990_750_000, "HUF", "hu", ["hu:currency 990"]),
        (5_250_000, "ILS", "he", ["he:currency 5.25"]),
        (5_250_000, "CNY", "zh", [
            "zh:number 5", "currency/dollar", "zh:number 25", "currency/cent"]),
        # A language without letters leaves them to English.
        (5_000_000, "SEK", "hu", ["hu:number 5", "en:name_spelled SEK"]),
    ],
)  # fmt: skip
def test_c2_an_amount_is_said(
    micros: int, currency: str, language: str, expected: list[str]
) -> None:
    assert told(Money(micros, currency), language=language) == expected


def test_no_currency_is_an_error() -> None:
    with pytest.raises(KeyError):
        segments([Money(1, "XXY")], language="en")


@given(
    micros=st.integers(-(2**63), 2**63 - 1) | st.integers(-MOST_MICROS, MOST_MICROS),
    currency=st.sampled_from(CURRENCIES),
    language=st.sampled_from(languages()),
)
def test_c2_any_amount_of_any_currency_is_something_safe(
    micros: int, currency: str, language: str
) -> None:
    """G1: whatever the amount, the builders take it, and something is heard."""
    parts = segments([Money(micros, currency)], language=language)
    assert parts
    for part in parts:
        assert send(part)


# --- lengths of time -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "language", "expected"),
    [
        (0, "en", ["digits/0", "time/seconds"]),
        (-5, "en", ["digits/0", "time/seconds"]),
        (1, "en", ["digits/1", "time/second"]),
        (300, "en", ["en:number 5", "time/minutes"]),
        (3661, "en", [
            "digits/1", "time/hour", "digits/1", "time/minute", "digits/1", "time/second"]),
        (7325, "en", [
            "en:number 2", "time/hours", "en:number 2", "time/minutes",
            "en:number 5", "time/seconds"]),
        (3660, "de", ["digits/1_f", "time/hour", "digits/1_f", "time/minute"]),
        (60, "es", ["digits/un", "time/minute"]),
        (7325, "ru", ["ru:time_measurement 2:02:05"]),
        (7325, "pl", ["pl:time_measurement 2:02:05"]),
        (0, "hr", ["digits/0", "time/sekundi"]),
        (125, "ja", ["ja:number 2", "time/minute", "ja:number 5", "time/second"]),
        (125, "zh", ["zh:number 2", "callback/minutes", "zh:number 5", "time/second"]),
    ],
)  # fmt: skip
def test_d6_a_length_of_time_is_said(seconds: int, language: str, expected: list[str]) -> None:
    assert told(Duration(seconds), language=language) == expected


@given(seconds=st.integers(-1000, 10**9), language=st.sampled_from(languages()))
def test_d6_any_length_of_time_is_something_safe(seconds: int, language: str) -> None:
    parts = segments([Duration(seconds)], language=language)
    assert parts
    for part in parts:
        assert send(part)


# --- what the check looks for is what is played ----------------------------------------------


@given(
    prompt=st.builds(Money, st.integers(-MOST_MICROS, MOST_MICROS), st.sampled_from(CURRENCIES))
    | st.builds(Duration, st.integers(0, 10**6))
    | st.sampled_from(sorted(NAMES)),
    language=st.sampled_from(languages()),
)
def test_no_file_is_played_that_the_check_does_not_look_for(prompt: Prompt, language: str) -> None:
    for part in segments([prompt], language=language, places=Places(home=language)):
        if isinstance(part, Files):
            assert set(part.files) <= catalogue(language).played
