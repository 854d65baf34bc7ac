"""C2, S2: what is told is heard on a real switch: files by name, money and lengths of time."""

import json
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from controller.callback.said import Duration, Money, Prompt
from controller.esl import commands
from controller.prompts.catalogue import catalogue
from controller.prompts.segments import Files, Places, segments
from controller.runtime.sound_check import check_sounds
from controller.store.spoken import OwnSound

from .conftest import Bench
from .eventsocket import EventSocket
from .net import wait_until
from .phones import Phone
from .switch import FS_CONFIG, PASSWORD

NUMBER = "12025550199"


class Leg:
    """An answered leg that waits, and a phone that hears it."""

    def __init__(self, bench: Bench) -> None:
        self.phone: Phone = bench.phones.expect(NUMBER)
        self.uuid = str(uuid.uuid4())
        self._bench = bench
        self._link = EventSocket(bench.switch.event_port, PASSWORD)
        self._link.command("event json CHANNEL_EXECUTE_COMPLETE")
        said = bench.switch.api(
            f"originate {{origination_uuid={self.uuid}}}sofia/gateway/pstn/{NUMBER} &park()"
        )
        assert said.startswith("+OK"), said

    def execute(self, command: bytes, step: str) -> dict[str, Any]:
        """Run what a builder made, on this leg; give the event of its end."""
        self._link._socket.sendall(command.replace(b"sendmsg\n", f"sendmsg {self.uuid}\n".encode()))
        while True:
            headers, body = self._link.read()
            if headers.get("Content-Type") == "text/event-json":
                event: dict[str, Any] = json.loads(body)
                if event.get("Application-UUID") == step:
                    return event

    def tell(
        self, *prompts: Prompt, language: str = "en", places: Places | None = None
    ) -> list[dict[str, Any]]:
        """Play and say prompts, one segment after the other."""
        ends = []
        for n, part in enumerate(segments(prompts, language=language, places=places)):
            step = f"step-{n}"
            if isinstance(part, Files):
                command = commands.playback(part.files, step)
            else:
                command = commands.say(part.module, part.kind, part.method, part.text, step)
            ends.append(self.execute(command, step))
        return ends

    def heard(self) -> list[str]:
        """End the leg, and give the names of the tones that its phone heard."""
        self._bench.switch.api(f"uuid_kill {self.uuid}")
        self.phone.finish()
        return self.phone.media.names()

    def close(self) -> None:
        """End the leg where a test has not."""
        self._bench.switch.api(f"uuid_kill {self.uuid}")
        self._link.close()


@pytest.fixture
def leg(bench: Bench) -> Iterator[Leg]:
    """A leg on the switch, which has our own sounds."""
    shutil.copytree(
        FS_CONFIG / "sounds" / "en", bench.switch.folder / "sounds" / "en", dirs_exist_ok=True
    )
    found = Leg(bench)
    yield found
    found.close()


def test_c2_money_is_said_with_its_words(leg: Leg) -> None:
    """mod_say_en: dollars, "and", cents; what is below zero is "negative"."""
    leg.tell(Money(-12_500_000, "USD"))
    assert leg.heard() == [
        "currency/negative.wav", "digits/12.wav", "currency/dollars.wav", "currency/and.wav",
        "digits/50.wav", "currency/cents.wav",
    ]  # fmt: skip


def test_c2_an_amount_without_cents_says_none(leg: Leg) -> None:
    leg.tell(Money(12_000_000, "USD"))
    assert leg.heard() == ["digits/12.wav", "currency/dollars.wav"]


def test_d6_a_length_of_time_is_said_without_what_there_is_none_of(leg: Leg) -> None:
    leg.tell(Duration(5 * 60 + 12))
    assert leg.heard() == ["digits/5.wav", "time/minutes.wav", "digits/12.wav", "time/seconds.wav"]


def test_mod_say_en_itself_says_zero_hours(leg: Leg) -> None:
    """Why English counts by itself: `time_measurement` names every unit, zero or not."""
    leg.execute(commands.say("en", "time_measurement", "pronounced", "0:05:00", "s"), "s")
    assert leg.heard() == [
        "digits/0.wav", "time/hours.wav", "digits/5.wav", "time/minutes.wav",
        "digits/0.wav", "time/seconds.wav",
    ]  # fmt: skip


def test_s2_our_own_sounds_are_found_where_they_are_copied_to(leg: Leg, bench: Bench) -> None:
    """`callback/x.wav` below sound_prefix, which has it as `callback/8000/x.wav`."""
    assert bench.switch.api("global_getvar sound_prefix").endswith("/en/us/callie")
    own = sorted(catalogue("en").own_sounds)
    for file in own:
        folder, _, base = file.rpartition("/")
        path = f"{bench.switch.folder}/sounds/en/us/callie/{folder}/8000/{base}"
        assert bench.switch.api(f"file_exists {path}") == "true"
    (end,) = leg.tell("credit_none")
    assert end["Application-Response"] == "FILE PLAYED"
    # More than a second of it.
    wait_until("it is heard", lambda: leg.phone.media.packets > 50)
    (end,) = leg.tell("sound:callback/there_is_no_such_sound.wav")
    assert end["Application-Response"] == "FILE NOT FOUND"


def test_s2_another_languages_sounds_lie_beside_those_of_the_switch(leg: Leg) -> None:
    """`../../../<language>/<dialect>/<voice>/` is what leads out of sound_prefix and back."""
    beside = Places(home="de")
    (end,) = leg.tell("destination_busy", places=beside)
    assert end["Application-Response"] == "FILE PLAYED"
    below = Places(directory=str(leg._bench.switch.folder / "sounds"))
    (end,) = leg.tell("goodbye", "sorry", places=below)
    assert leg.heard() == [
        "ivr/ivr-user_busy.wav", "voicemail/vm-goodbye.wav", "ivr/ivr-im_sorry.wav"
    ]  # fmt: skip


def test_the_check_finds_what_a_real_switch_lacks(leg: Leg, bench: Bench) -> None:
    """S2: files by their rate's directory, say modules, and languages that its XML has not."""

    def ask(*words: str) -> str:
        return bench.switch.api(" ".join(words))

    sounds = (OwnSound("1001", "prompts.goodbye", "ivr/nothing.wav", "ivr/nothing.wav"),)
    report = check_sounds(ask, languages=["en", "de"], places=Places(), sounds=sounds)
    found = {one.what: one.kind for one in report.missing}
    assert "ivr/ivr-user_busy.wav" not in found
    assert not set(catalogue("en").own_sounds) & set(found)
    assert found["ivr/nothing.wav"] == "extension_sound"
    assert found["../../../de/de/default/ivr/ivr-user_busy.wav"] == "file"
    assert found["mod_say_de"] == "say_module"
    prefix = bench.switch.api("global_getvar sound_prefix")
    assert f"{prefix}/digits/12.wav" not in found
    assert found[f"{prefix}/digits/13.wav"] == "file"
    assert "say:de" in report.absent
    # The module of German, if this installation has one: without lang/de.xml it says nothing.
    if "+OK" in bench.switch.api("load mod_say_de"):
        report = check_sounds(ask, languages=["de"], places=Places())
        assert ("language", "de") in {(one.kind, one.what) for one in report.missing}
        bench.switch.api("unload mod_say_de")


def test_say_in_a_language_that_the_switch_has_not_is_silent(leg: Leg) -> None:
    """Why the check asks for the language too: the application ends well and nothing is heard."""
    leg.execute(commands.say("de", "number", "pronounced", "5", "s"), "s")
    assert leg.heard() == []


def test_s2_another_language_is_said_as_fs_config_tells_to_set_it_up(
    leg: Leg, bench: Bench
) -> None:
    """Its module, its file in lang/, its sounds beside English; and money in its own words."""
    if "+OK" not in bench.switch.api("load mod_say_de"):
        pytest.skip("this FreeSWITCH has no mod_say_de")
    lang = bench.switch.folder / "conf" / "lang"
    sounds = bench.switch.folder / "sounds"
    text = (lang / "en.xml").read_text("utf-8").replace('"en"', '"de"')
    try:
        (lang / "de.xml").write_text(text.replace("/en/us/callie", "/de/de/default"), "utf-8")
        bench.switch.api("reloadxml")
        # German words are the English tones here: only where they lie is German.
        shutil.copytree(sounds / "en/us/callie", sounds / "de/de/default")
        leg.tell(Money(12_500_000, "EUR"), Duration(5 * 60), "goodbye", language="de")
        assert leg.heard() == [
            "digits/12.wav", "currency/dollars.wav", "currency/and.wav", "digits/50.wav",
            "currency/cents.wav", "digits/5.wav", "time/minutes.wav", "voicemail/vm-goodbye.wav",
        ]  # fmt: skip
    finally:
        (lang / "de.xml").unlink(missing_ok=True)
        shutil.rmtree(sounds / "de", ignore_errors=True)
        bench.switch.api("reloadxml")
        bench.switch.api("unload mod_say_de")
