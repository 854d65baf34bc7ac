"""S2: what a node lacks is found by asking it, and before a caller meets it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from controller.callback.said import Money
from controller.esl import commands
from controller.esl.errors import NotConnected
from controller.metrics import Metrics
from controller.prompts.catalogue import catalogue
from controller.prompts.segments import Files, Places, segments
from controller.runtime.sound_check import CannotTell, SoundReport, check_sounds
from controller.runtime.sound_watch import SoundWatch
from controller.store.spoken import OwnSound, Spoken

PREFIX = "/sounds/en/us/callie"
RATE = "16000"


class Node:
    """A switch with files and modules; it is asked as the event socket is."""

    def __init__(self, *languages: str) -> None:
        self.modules = {f"mod_say_{catalogue(language).module}" for language in languages}
        self.languages = {
            catalogue(language).module: f"/sounds/{catalogue(language).voice}"
            for language in languages
        }
        self.files: set[str] = set()
        for language in languages:
            book = catalogue(language)
            for file in book.played | book.said:
                folder, _, base = file.rpartition("/")
                self.files.add(f"/sounds/{book.voice}/{folder}/{RATE}/{base}")
        self.asked: list[str] = []

    def __call__(self, *words: str) -> str:
        """Answer an api command, having built it."""
        self.asked.append(commands.api(*words).decode().strip())
        match words:
            case ("global_getvar", "sound_prefix"):
                return PREFIX
            case ("file_exists", path):
                path = path.replace(f"{PREFIX}/../../../", "/sounds/")
                return "true" if path in self.files else "false"
            case ("module_exists", module):
                return "true" if module in self.modules else "false"
            case ("xml_locate", "languages", "language", "name", name):
                where = self.languages.get(name)
                if where is None:
                    return "can't find anything"
                return f'<language name="{name}" say-module="{name}" sound-prefix="{where}">'
        return f"-ERR {words[0]} command not found!"

    def drop(self, part: str) -> None:
        """Take the files away whose path has this."""
        self.files = {file for file in self.files if part not in file}


def found(node: Node, *languages: str, **more: Any) -> SoundReport:
    """Check a node."""
    return check_sounds(node, languages=languages, **{"places": Places(), **more})


def test_nothing_is_missing_where_all_is_there() -> None:
    assert found(Node("en"), "en") == SoundReport()
    assert found(Node("en", "de"), "en", "de") == SoundReport()
    # One question for most files: the rate at which the first one was found comes first.
    node = Node("en")
    found(node, "en")
    assert len(node.asked) < len(catalogue("en").played | catalogue("en").said) * 1.5 + 10


def test_a_directory_is_where_all_languages_lie() -> None:
    assert found(Node("en", "fr"), "fr", places=Places(directory="/sounds")) == SoundReport()
    assert found(Node("en", "fr"), "fr", places=Places(directory="/other")).missing


def test_english_is_needed_whatever_is_spoken() -> None:
    node = Node("en", "de")
    node.drop("en/us/callie/ivr/16000/ivr-im_sorry.wav")
    (one,) = found(node, "de").missing
    assert (one.kind, one.what, one.language) == ("file", "ivr/ivr-im_sorry.wav", "en")
    assert "en/us/callie" in one.remedy


def test_our_own_sounds_are_to_be_copied() -> None:
    node = Node("en")
    node.drop("/callback/")
    missing = found(node, "en").missing
    assert {one.what for one in missing} == set(catalogue("en").own_sounds)
    assert {one.kind for one in missing} == {"own_sound"}
    assert "fs-config/sounds" in missing[0].remedy


def test_what_is_to_be_recorded_comes_with_its_words_and_is_said_in_english() -> None:
    node = Node("en", "de")
    node.drop("de/de/default/callback/16000/credit_menu.wav")
    report = found(node, "de")
    (one,) = report.missing
    assert one.kind == "own_sound"
    assert "Um Ihr Guthaben zu hören" in one.remedy
    assert segments(["credit_menu"], language="de", absent=report.absent) == (
        Files(("callback/credit_menu.wav",)),
    )


@pytest.mark.parametrize("what", ["module", "language", "digits"])
def test_without_its_module_its_language_or_its_digits_a_language_counts_in_english(
    what: str,
) -> None:
    node = Node("en", "de")
    if what == "module":
        node.modules.discard("mod_say_de")
    elif what == "language":
        # `say` ends well without its language, and nothing is heard.
        del node.languages["de"]
    else:
        node.drop("de/de/default/digits/16000/7.wav")
    report = found(node, "de")
    (one,) = report.missing
    assert one.language == "de"
    assert one.remedy
    (said, *_) = segments([Money(2_000_000, "EUR")], language="de", absent=report.absent)
    assert getattr(said, "module", None) == "en"


def test_a_language_that_there_is_not_is_told() -> None:
    (one,) = found(Node("en"), "xx").missing
    assert (one.kind, one.what) == ("catalogue", "xx")


def test_extensions_sounds_are_looked_for() -> None:
    node = Node("en")
    node.files |= {"/own/a.wav", f"{PREFIX}/own/8000/b.wav", f"{PREFIX}/own/c.wav"}
    node.files.add("/own/8000/d.wav")
    there = ["/own/a.wav", "own/b.wav", "own/c", "/own/d.wav", "tone_stream://%(1,0,5)", "/a,b.wav"]
    sounds = tuple(OwnSound("100", "prompts.sorry", file, file) for file in there)
    assert found(node, "en", sounds=sounds) == SoundReport()
    gone = OwnSound("100", "prompts.sorry", "/own/gone.wav", "/own/gone.wav")
    nameless = OwnSound("101", "warning_sound", "bell", None)
    report = found(node, "en", sounds=(*sounds, gone, nameless))
    first, second = report.missing
    assert (first.kind, first.what) == ("extension_sound", "/own/gone.wav")
    assert "prompts.sorry of extension 100" in first.remedy
    assert (second.kind, second.what) == ("extension_sound", "bell")
    assert "/own/gone.wav" in report.absent


def test_a_node_that_cannot_tell_is_not_one_that_lacks() -> None:
    def ask(*words: str) -> str:
        return f"-ERR {words[0]} command not found!"

    with pytest.raises(CannotTell, match="mod_commands"):
        check_sounds(ask, languages=["en"], places=Places())


# --- the watch -----------------------------------------------------------------------------


def link_to(node: Node) -> Any:
    """Give a link to a node, as far as it is asked."""
    return SimpleNamespace(name="fs1", api=node)


def watch(metrics: Metrics) -> SoundWatch:
    """A watch over a service that speaks English."""
    spoken = Spoken(frozenset({"en"}), ())
    return SoundWatch(spoken=lambda: spoken, places=Places(), metrics=metrics)


def fault(sounds: SoundWatch) -> str | None:
    """Give what is degraded."""
    return sounds.fault


def value(metrics: Metrics) -> float | None:
    """Give the metric."""
    return metrics.registry.get_sample_value("callbackd_prompts_missing", {"node": "fs1"})


def test_what_a_node_lacks_is_degraded_and_counted_until_it_is_there() -> None:
    metrics, node = Metrics(), Node("en")
    sounds, link = watch(metrics), link_to(node)
    assert fault(sounds) is None
    all_files = set(node.files)
    node.drop("/callback/16000/credit")
    sounds.ask(link)
    assert value(metrics) == len(sounds.absent["fs1"]) == 5
    assert fault(sounds) == "fs1 lacks 5 sounds or say modules; see callbackd check"
    node.files = all_files
    sounds.ask(link)
    assert (value(metrics), fault(sounds), sounds.absent["fs1"]) == (0, None, frozenset())


def test_a_node_that_goes_away_meanwhile_stays_as_it_was_known() -> None:
    metrics, node = Metrics(), Node("en")
    sounds, link = watch(metrics), link_to(node)
    node.drop("/callback/16000/credit_none")
    sounds.ask(link)

    def gone(*words: str) -> str:
        raise NotConnected("no link")

    link.api = gone
    sounds.ask(link)
    assert value(metrics) == 1
    assert sounds.absent["fs1"] == {"callback/credit_none.wav"}
