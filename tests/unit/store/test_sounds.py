"""S1: uploaded sounds in the database: read when one was changed, their files apart from them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from sqlalchemy import Engine, event

from controller.admin.directory import Directory
from controller.admin.model import Kind
from controller.policy.sounds import SoundRow
from controller.store.sounds import SoundSource
from tests.seed import ADMIN, directory
from tests.sounding import recording


@pytest.fixture
def store(engine: Engine) -> Directory:
    return directory(engine)


@pytest.fixture
def source(engine: Engine) -> SoundSource:
    return SoundSource(engine, "/var/sounds")


@pytest.fixture
def asked(engine: Engine) -> Iterator[list[str]]:
    """Every statement, as it is sent."""
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_s1_the_table_has_every_sound_and_is_the_same_until_one_is_changed(
    store: Directory, source: SoundSource, asked: list[str]
) -> None:
    assert source.table().rows == ()
    store.create(ADMIN, Kind.SOUND, {"name": "hello", "path": "/s/hello.wav", "language": "de"})
    store.create(ADMIN, Kind.SOUND, {"name": "bye", "client": "main"})
    first = source.table()
    assert set(first.rows) == {
        SoundRow("de", "hello", None, "/s/hello.wav", None),
        SoundRow("en", "bye", "main", None, None),
    }
    # What has nothing to do with sounds is no reason to read them.
    store.create(ADMIN, Kind.CLIENT, {"name": "acme"})
    asked.clear()
    assert source.table() is first
    assert not [statement for statement in asked if "sound.name" in statement]
    tables = [first]
    audio = store.upload(ADMIN, "en/bye", recording()).values["uploaded"]["id"]
    tables.append(source.table())
    assert tables[-1].resolve("bye", client="main", language="en") == (
        f"/var/sounds/en/bye-{audio[:8]}.wav"
    )
    store.change(ADMIN, Kind.SOUND, "en/bye", {"client": None})
    tables.append(source.table())
    store.delete(ADMIN, Kind.SOUND, "en/bye")
    tables.append(source.table())
    assert all(one != other for one, other in pairwise(tables))


def test_s1_lists_do_not_read_what_is_in_the_files(store: Directory, asked: list[str]) -> None:
    store.create(ADMIN, Kind.SOUND, {"name": "bye"})
    store.upload(ADMIN, "en/bye", recording())
    asked.clear()
    (item,) = store.list(ADMIN, Kind.SOUND).items
    store.get(ADMIN, Kind.SOUND, "en/bye")
    assert item.values["uploaded"]["size"] > 10_000
    assert asked
    assert not [statement for statement in asked if "audio_file.data" in statement]


def test_s1_what_is_gone_is_told_so(store: Directory, source: SoundSource) -> None:
    store.create(ADMIN, Kind.SOUND, {"name": "bye"})
    audio = store.upload(ADMIN, "en/bye", recording()).values["uploaded"]["id"]
    (info,) = source.infos([audio, "0" * 64]).values()
    assert (info.milliseconds, [file.rate for file in info.files]) == (250, [8000, 16000])
    for file in info.files:
        content = source.content(audio, file.rate)
        assert content is not None
        assert len(content) == file.size
    assert source.content(audio, 44100) is None
    store.delete(ADMIN, Kind.SOUND, "en/bye")
    assert source.infos([audio]) == {}
    assert source.content(audio, 8000) is None
