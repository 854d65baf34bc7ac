"""S1: sounds come into the directory from which a switch plays them, as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.policy.sounds import file_of
from controller.sounds.mirror import KEEP_SECONDS, Brought, Mirror, Wanted
from controller.sounds.model import RATES


class Kept:
    """Sounds as a database has them; `damaged` are given otherwise than they are said to be."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, int], bytes] = {}
        self.damaged: set[str] = set()
        self.read: list[tuple[str, int]] = []

    def add(self, name: str, content: str, language: str = "en") -> Wanted:
        audio = hashlib.sha256(content.encode()).hexdigest()
        digests = {}
        for rate in RATES:
            data = f"{content} {rate}".encode()
            self.files[audio, rate] = data
            digests[rate] = hashlib.sha256(data).hexdigest()
        return Wanted(audio=audio, path=file_of(language, name, audio), digests=digests)

    def content(self, audio: str, rate: int) -> bytes | None:
        self.read.append((audio, rate))
        data = self.files.get((audio, rate))
        return b"something else" if data is not None and audio in self.damaged else data


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "sounds"


@pytest.fixture
def mirror(place: Path, clock: Clock) -> Mirror:
    return Mirror(place, clock=clock)


def there(place: Path) -> dict[str, bytes]:
    """Give every file under a directory."""
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file()
    }


def test_s1_each_rate_lies_beside_the_file_that_is_named(
    mirror: Mirror, place: Path, kept: Kept
) -> None:
    """As mod_sndfile looks for them; it takes a lower rate before the file that has none."""
    sound = kept.add("bye", "x")
    name = sound.path.removeprefix("en/")
    assert mirror.bring([sound], kept.content) == Brought(added=3)
    assert there(place) == {
        f"en/8000/{name}": b"x 8000",
        f"en/16000/{name}": b"x 16000",
        f"en/{name}": b"x 16000",
    }
    # The switch is somebody else, and has to read them.
    assert {path.stat().st_mode & 0o777 for path in place.rglob("*.wav")} == {0o644}
    assert {path.stat().st_mode & 0o055 for path in place.rglob("*") if path.is_dir()} == {0o055}


def test_s1_what_is_there_is_not_read_again(mirror: Mirror, place: Path, kept: Kept) -> None:
    sounds = [kept.add("bye", "x"), kept.add("hello", "y", "de")]
    mirror.bring(sounds, kept.content)
    kept.read.clear()
    assert mirror.bring(sounds, kept.content) == Brought()
    # Nor by one that was started anew.
    assert Mirror(place).bring(sounds, kept.content) == Brought()
    assert kept.read == []


@pytest.mark.parametrize("harm", ["removed", "cut", "changed"])
def test_s1_what_was_damaged_on_the_disk_is_brought_anew(
    mirror: Mirror, place: Path, kept: Kept, harm: str
) -> None:
    sound = kept.add("bye", "x")
    mirror.bring([sound], kept.content)
    path = place / sound.path
    if harm == "removed":
        path.unlink()
    else:
        path.write_bytes(b"x 1" if harm == "cut" else b"y 16000")
        # A clock of the disk may not tell two writings apart.
        os.utime(path, ns=(1, 1))
    assert mirror.bring([sound], kept.content) == Brought(added=1)
    assert path.read_bytes() == b"x 16000"


def test_s1_a_sound_that_was_replaced_has_another_name_and_the_old_one_stays_for_a_while(
    mirror: Mirror, place: Path, kept: Kept, clock: Clock
) -> None:
    old, new = kept.add("bye", "x"), kept.add("bye", "y")
    mirror.bring([old], kept.content)
    assert mirror.bring([new], kept.content) == Brought(added=3)
    clock.now += KEEP_SECONDS - 1
    assert mirror.bring([new], kept.content) == Brought()
    assert (place / old.path).read_bytes() == b"x 16000"
    clock.now += 1
    assert mirror.bring([new], kept.content) == Brought(removed=3)
    assert len(there(place)) == 3
    # It is wanted again: the time begins anew.
    mirror.bring([old], kept.content)
    clock.now += KEEP_SECONDS - 1
    mirror.bring([new], kept.content)
    assert (place / old.path).exists()


def test_s1_what_else_is_in_the_directory_is_left_alone(
    mirror: Mirror, place: Path, kept: Kept, clock: Clock
) -> None:
    mine = {
        "en/us/callie/ivr/ivr-hello.wav": b"1",
        "en/hello.wav": b"2",
        "en/hello-1234567.wav": b"3",
        "music/hello-12345678.wav": b"4",
        "en/48000/hello-12345678.wav": b"5",
        "hello-12345678.wav": b"6",
    }
    for name, content in mine.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    for _ in range(2):
        mirror.bring([], kept.content)
        clock.now += KEEP_SECONDS
    assert there(place) == mine


def test_s1_what_comes_otherwise_than_it_was_kept_does_not_come_at_all(
    mirror: Mirror, place: Path, kept: Kept
) -> None:
    sound, other = kept.add("bye", "x"), kept.add("hello", "y")
    kept.damaged.add(sound.audio)
    done = mirror.bring([sound, other], kept.content)
    assert done.added == 3
    assert done.faults == (f"{sound.path}: came otherwise than it was kept; upload it again",)
    assert sound.path not in there(place)


def test_s1_what_was_replaced_while_it_is_copied_is_left_for_the_next_time(
    mirror: Mirror, place: Path, kept: Kept
) -> None:
    sound = kept.add("bye", "x")
    kept.files.clear()
    assert mirror.bring([sound], kept.content) == Brought()
    assert there(place) == {} if place.exists() else True


def test_o5_of_a_copy_that_broke_off_nothing_is_seen_and_nothing_is_left(
    mirror: Mirror, place: Path, kept: Kept
) -> None:
    """A disk that is full, say: here there is a directory where the file ought to be."""
    sound = kept.add("bye", "x")
    (place / sound.path / "in the way").mkdir(parents=True)
    done = mirror.bring([sound, kept.add("hello", "y")], kept.content)
    assert len(done.faults) == 1
    assert done.faults[0].startswith(f"{sound.path}: ")
    assert not list(place.rglob(".callbackd-*"))


def test_o5_what_somebody_left_half_written_is_cleared_away_later(
    mirror: Mirror, place: Path, kept: Kept
) -> None:
    mirror.bring([kept.add("bye", "x")], kept.content)
    old, young = place / "en" / ".callbackd-old", place / "en" / ".callbackd-young"
    for part in (old, young):
        part.write_bytes(b"x")
    os.utime(old, (1, 1))
    mirror.bring([], kept.content)
    assert (old.exists(), young.exists()) == (False, True)


@pytest.mark.parametrize(
    "path",
    [
        "../en/bye-12345678.wav",
        "/etc/bye-12345678.wav",
        "en/../bye-12345678.wav",
        "en/bye.wav",
        "en/x/bye-12345678.wav",
        "EN/bye-12345678.wav",
        "en/.callbackd-12345678.wav",
        "",
    ],
)
def test_g1_nothing_is_written_anywhere_else(mirror: Mirror, kept: Kept, path: str) -> None:
    with pytest.raises(ValueError, match="no path of a sound"):
        mirror.bring([Wanted(audio="a", path=path, digests={})], kept.content)


@given(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z"), st.sampled_from(["en", "pt-BR"]))
def test_g1_whatever_a_sound_is_called_its_files_lie_where_they_should(
    name: str, language: str
) -> None:
    path = file_of(language, name, "0" * 64)
    assert path.count("/") == 1
    assert ".." not in path


@pytest.fixture(autouse=True)
def close_umask() -> Iterator[None]:
    """Of whoever keeps all he makes to himself: sounds are for the switch."""
    before = os.umask(0o077)
    yield
    os.umask(before)
