"""S1: `callbackd sound`: upload, list, listen, replace, remove, and bring to a node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounding import recording
from tests.unit.sounds.given import samples

from .running import Run, ok, refused, said, told


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    path = tmp_path / "Good-bye.ogg"
    path.write_bytes(recording())
    return path


def test_s1_a_file_is_uploaded_under_a_name_and_listened_to(
    run: Run, audio: Path, data: Path, tmp_path: Path
) -> None:
    made = said(
        run(
            *("sound", "upload", str(audio), "--name", "bye", "--language", "de"),
            *("--client", "main", "--description", "The end", "--json"),
        )
    )
    assert (made["name"], made["language"], made["client"]) == ("bye", "de", "main")
    assert made["uploaded"]["uploaded_name"] == "Good-bye.ogg"
    assert made["switch_path"].startswith(f"{data}/sounds/de/bye-")
    heard = tmp_path / "heard.wav"
    ok(run("sound", "download", "bye", str(heard), "--language", "de", "--rate", "8000"))
    assert samples(heard.read_bytes())[1] == 8000
    piped = run("sound", "download", "bye", "--language", "de")
    assert samples(piped.stdout_bytes)[1] == 16000
    assert said(run("sound", "show", "bye", "--language", "de", "--json")) == made
    refused(run("sound", "download", "bye"), "there is no sound en/bye")


def test_s1_the_name_is_the_files_where_nothing_is_said(run: Run, audio: Path) -> None:
    assert said(run("sound", "upload", str(audio), "--json"))["name"] == "Good-bye"
    usage = run("sound", "upload", "-", types="x")
    assert usage.exit_code == 2
    assert "--name: a pipe has no name" in usage.output


def test_s1_another_upload_takes_its_place(run: Run, audio: Path) -> None:
    first = said(run("sound", "upload", str(audio), "--name", "bye", "--json"))
    audio.write_bytes(recording(800))
    arguments = ("sound", "upload", str(audio), "--name", "bye", "--json")
    second = said(run(*arguments, "--description", "Other"))
    assert second["uploaded"]["id"] != first["uploaded"]["id"]
    assert (second["description"], second["created"]) == ("Other", first["created"])


def test_g1_what_is_no_sound_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("Dear Sir")
    refused(run("sound", "upload", str(text)), "audio: by its content this is no WAV")
    assert said(run("sound", "list", "--json")) == []
    refused(run("sound", "upload", str(text), "--name", "../x"), "name: is not written as it has")


def test_s1_a_sound_is_found_by_part_of_its_name(run: Run, audio: Path) -> None:
    ok(run("sound", "upload", str(audio), "--name", "good-bye"))
    ok(run("sound", "add", "hello", "--path", "/s/hello.wav"))
    found = told(ok(run("sound", "list", "--name", "BYE")))
    assert len(found) == 2
    assert found[1].startswith("good-bye en ")
    assert "/s/hello.wav" in ok(run("sound", "list"))


def test_s1_a_sound_that_is_played_is_not_removed(stocked: Run, audio: Path) -> None:
    refused(
        stocked("extension", "set", "100", "--sound-before-disconnecting", "bye"),
        "client main has no sound bye; upload it first (callbackd sound upload FILE --name bye)",
    )
    ok(stocked("sound", "upload", str(audio), "--name", "bye"))
    ok(stocked("extension", "set", "100", "--sound-before-disconnecting", "bye"))
    refused(stocked("sound", "remove", "bye", "--yes"), "extension 100 plays it")
    ok(stocked("extension", "set", "100", "--reset", "sound-before-disconnecting"))
    ok(stocked("sound", "remove", "bye", "--yes"))


# --- a node without a controller -----------------------------------------------------------------


def wavs(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*.wav")}


def test_s1_all_uploaded_sounds_are_brought_to_a_node(
    run: Run, audio: Path, tmp_path: Path
) -> None:
    place = tmp_path / "node"
    ok(run("sound", "add", "hello", "--path", "/s/hello.wav"))
    assert ok(run("sound", "mirror", str(place))) == "0 files came, 0 went\n"
    made = said(run("sound", "upload", str(audio), "--name", "bye", "--json"))
    assert said(run("sound", "mirror", str(place), "--json")) == {
        "added": 3,
        "removed": 0,
        "faults": [],
    }
    name = Path(made["switch_path"]).name
    assert wavs(place) == {f"en/{name}", f"en/8000/{name}", f"en/16000/{name}"}
    assert ok(run("sound", "mirror", str(place))) == "0 files came, 0 went\n"


def test_s1_what_cannot_be_brought_is_said_and_the_command_fails(
    run: Run, audio: Path, tmp_path: Path
) -> None:
    ok(run("sound", "upload", str(audio), "--name", "bye"))
    place = tmp_path / "node"
    place.mkdir()
    (place / "en").write_text("in the way")
    result = run("sound", "mirror", str(place))
    assert result.exit_code == 1
    assert "en/bye-" in result.stderr
    assert "not all sounds are there" in result.stderr


def test_s1_a_node_that_is_watched_has_a_change_within_seconds(
    run: Run, audio: Path, data: Path, tmp_path: Path
) -> None:
    place = tmp_path / "node"
    ok(run("sound", "upload", str(audio), "--name", "bye"))
    watching = subprocess.Popen(
        [sys.executable, "-m", "controller", "sound", "mirror", str(place), "--watch", "0.1"],
        env={**os.environ, "CALLBACKD_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout is not None
        assert watching.stdout.readline() == "3 files came, 0 went\n"
        ok(run("sound", "upload", str(audio), "--name", "hello"))
        assert watching.stdout.readline() == "3 files came, 0 went\n"
        assert len(wavs(place)) == 6
    finally:
        watching.send_signal(signal.SIGTERM)
        watching.communicate(timeout=60)
