"""Sounds are uploaded, and listened to (S1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine

from controller.admin import finding, rights
from controller.admin.bulk import Bulk
from controller.admin.model import Actor, Conflict, Invalid, Item, Kind, NotFound, Stale
from controller.admin.owning import check_own
from controller.admin.references import KEPT
from controller.admin.sounding import SoundPlaces
from controller.admin.wording import worded
from controller.admin.writing import write
from controller.policy.changes import Change
from controller.policy.fields import Line
from controller.policy.model import PolicyError
from controller.policy.rules import check_text, plain
from controller.policy.sounds import is_name
from controller.sounds.isolated import convert
from controller.sounds.model import BEST_RATE, SoundError
from controller.store.journal import Writing, writing
from controller.store.kept import Key, Stored
from controller.store.passwords import Passwords
from controller.store.sounds import NewFile, file_content, keep_audio


class Listened(msgspec.Struct, frozen=True):
    """A file of an uploaded sound, to be listened to; `audio` says which upload it is."""

    audio: str
    data: bytes


class Uploads(Bulk):
    """The part of `Directory` that takes sounds' audio and gives it back."""

    def __init__(
        self,
        engine: Engine,
        *,
        passwords: Callable[[], Passwords],
        now: Callable[[], int],
        announce: Callable[[Change], None],
        places: SoundPlaces,
    ) -> None:
        super().__init__(engine, passwords=passwords, now=now, announce=announce)
        self._places = places

    def upload(
        self,
        actor: Actor,
        key: str,
        data: bytes,
        *,
        uploaded_name: str = "",
        version: int | None = None,
    ) -> Item:
        """Convert what was uploaded, and keep it as the audio of a sound, in place of what it had.

        `version`: the one that was read. Raises `NotFound`, `Forbidden`, `Invalid` with what is
        wrong with the file, `Stale`, `Conflict`.
        """
        named = _line("filename", uploaded_name)
        with self._reader.connect() as connection:
            # Nobody has a file converted here for nothing.
            self._uploadable(connection, actor, key, version, lock=False)
        try:
            converted = convert(data)
        except SoundError as error:
            raise Invalid(str(error)) from error
        audio = converted.id
        files = [NewFile(file.rate, file.sha256, file.data) for file in converted.files]
        more = {"audio": audio, "uploaded_name": named}
        with self._writing() as transaction:
            connection = transaction.connection
            before = self._uploadable(connection, actor, key, version, lock=True)
            if {name: before.more[name] for name in more} != more:
                keep_audio(connection, audio, converted.milliseconds, files, now=self._now())
                value = msgspec.structs.replace(before.value, path=None)
                write(
                    transaction,
                    actor,
                    Kind.SOUND,
                    [(before, value)],
                    now=self._now(),
                    more=more,
                    noted={"milliseconds": converted.milliseconds},
                )
            return self._item(connection, actor, Kind.SOUND, before.key)

    def listen(self, actor: Actor, key: str, rate: int = BEST_RATE) -> Listened:
        """Give a file of an uploaded sound. Raises `NotFound`, also where nothing was uploaded."""
        with self._reader.connect() as connection:
            stored = finding.find(connection, actor, Kind.SOUND, key)
            audio = stored.more["audio"]
            data = None if audio is None else file_content(connection, audio, rate)
        if data is None:
            raise NotFound(
                f"sound {key} has nothing that was uploaded"
                + (f"; the switch has it at {stored.value.path}" if stored.value.path else "")
            )
        return Listened(audio=audio, data=data)

    def _uploadable(
        self, connection: Connection, actor: Actor, key: str, version: int | None, *, lock: bool
    ) -> Stored:
        stored = finding.find(connection, actor, Kind.SOUND, key, lock=lock)
        rights.may_change(actor, Kind.SOUND, ("audio",))
        check_own(connection, actor, Kind.SOUND, stored)
        if version is not None and stored.version != version:
            raise Stale(
                f"sound {key} was changed meanwhile: it has version {stored.version} now, and not "
                f"{version}; read it again"
            )
        if not is_name(stored.value.name):
            raise Conflict(
                f"sound {key} has a point in its name, by which no setting can name it; make one "
                "of another name, and upload it there"
            )
        return stored

    def _items(
        self,
        connection: Connection,
        actor: Actor,
        kind: Kind,
        found: Sequence[Stored],
        *,
        whole: bool = True,
    ) -> list[Item]:
        return finding.items(connection, actor, kind, found, places=self._places, whole=whole)

    def _item(self, connection: Connection, actor: Actor, kind: Kind, key: Key) -> Item:
        stored = KEPT[kind].get(connection, key)
        assert stored is not None
        return self._items(connection, actor, kind, [stored])[0]

    def _writing(self) -> AbstractContextManager[Writing]:
        return writing(self._engine, self._announce)


def _line(field: str, value: Any) -> str:  # noqa: ANN401  (whatever was given)
    try:
        check_text({field: value})
        return msgspec.convert(value, Line)
    except msgspec.ValidationError as error:
        raise Invalid(f"{field}: {worded(plain(str(error)))}") from error
    except PolicyError as error:
        raise Invalid(str(error)) from error
