"""Uploaded sounds in the database: what they are, and their files, which lists do not read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from controller.policy.sounds import SoundRow, SoundTable
from controller.store.database import reader, reader_of_one
from controller.store.prepared import Prepared
from controller.store.schema import audio as audios
from controller.store.schema import audio_file as files
from controller.store.schema import sound as sounds
from controller.store.schema import sound_clock as clock

_AT_A_TIME: Final = 500
_CLOCK: Final = Prepared(select(clock.c.seq))


class FileInfo(msgspec.Struct, frozen=True):
    """A file of a sound, without what is in it."""

    rate: int
    sha256: str
    size: int


class AudioInfo(msgspec.Struct, frozen=True):
    """What was uploaded, without its files' content."""

    id: str
    milliseconds: int
    files: tuple[FileInfo, ...]


class NewFile(msgspec.Struct, frozen=True):
    """A file of a sound that is to be kept."""

    rate: int
    sha256: str
    data: bytes


def audio_infos(connection: Connection, ids: Iterable[str]) -> dict[str, AudioInfo]:
    """Give what these uploads are, by id; those that are gone are left out."""
    wanted, found = sorted(set(ids)), {}
    for start in range(0, len(wanted), _AT_A_TIME):
        some = wanted[start : start + _AT_A_TIME]
        rows: dict[str, list[FileInfo]] = {}
        for row in connection.execute(
            select(files.c.audio, files.c.rate, files.c.sha256, files.c.size)
            .where(files.c.audio.in_(some))
            .order_by(files.c.audio, files.c.rate)
        ):
            rows.setdefault(row.audio, []).append(FileInfo(row.rate, row.sha256, row.size))
        lengths = select(audios.c.id, audios.c.milliseconds).where(audios.c.id.in_(some))
        for audio, milliseconds in connection.execute(lengths):
            found[audio] = AudioInfo(audio, milliseconds, tuple(rows.get(audio, ())))
    return found


def file_content(connection: Connection, audio: str, rate: int) -> bytes | None:
    """Give what is in a file; None where there is none any more."""
    found: bytes | None = connection.execute(
        select(files.c.data).where(files.c.audio == audio, files.c.rate == rate)
    ).scalar()
    return found


def keep_audio(
    connection: Connection, audio: str, milliseconds: int, made: Sequence[NewFile], *, now: int
) -> None:
    """Keep an upload, unless the same is there already."""
    if connection.execute(select(audios.c.id).where(audios.c.id == audio)).first() is not None:
        return
    try:
        # Somebody else may be uploading the same at this moment.
        with connection.begin_nested():
            connection.execute(
                insert(audios).values(id=audio, milliseconds=milliseconds, created=now)
            )
            connection.execute(
                insert(files),
                [
                    {
                        "audio": audio,
                        "rate": file.rate,
                        "sha256": file.sha256,
                        "size": len(file.data),
                        "data": file.data,
                    }
                    for file in made
                ],
            )
    except IntegrityError:
        return


def forget_audio(connection: Connection, audio: str) -> None:
    """Remove an upload that no sound has any more."""
    used = select(sounds.c.audio).where(sounds.c.audio == audio)
    connection.execute(delete(audios).where(audios.c.id == audio, ~used.exists()))


def count_change(connection: Connection) -> None:
    """Count a change of sounds: whoever has copies of them looks again."""
    connection.execute(update(clock).values(seq=clock.c.seq + 1))


class SoundSource:
    """Reads all sounds, and the files of uploaded ones. Calls block.

    `directory`: where uploaded sounds are on the nodes.
    """

    def __init__(self, engine: Engine, directory: str) -> None:
        self._reader = reader(engine)
        self._one = reader_of_one(engine)
        self._directory = directory
        #: What was read last, and how many changes there had been.
        self._last: tuple[int, SoundTable] | None = None

    def table(self) -> SoundTable:
        """Give all sounds; they are read only where one was changed since the last time."""
        last = self._last
        if last is not None:
            with self._one.connect() as connection:
                if last[0] == _CLOCK.one(connection)[0]:
                    return last[1]
        with self._reader.connect() as connection:
            seq: int = _CLOCK.one(connection)[0]
            columns = [sounds.c[name] for name in SoundRow.__struct_fields__]
            rows = [SoundRow(*row) for row in connection.execute(select(*columns))]
        table = SoundTable(rows, self._directory)
        self._last = (seq, table)
        return table

    def infos(self, ids: Iterable[str]) -> dict[str, AudioInfo]:
        """Give what these uploads are, by id."""
        with self._reader.connect() as connection:
            return audio_infos(connection, ids)

    def content(self, audio: str, rate: int) -> bytes | None:
        """Give what is in a file of an upload; None where there is none any more."""
        with self._reader.connect() as connection:
            return file_content(connection, audio, rate)
