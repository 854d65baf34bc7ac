"""Brings uploaded sounds into a directory from which FreeSWITCH plays them, and keeps it so.

Each sound is `<language>/<name>-<digits>.wav`, and beside it a file for each rate, in directories
named by it: FreeSWITCH's mod_sndfile looks for the one of the call's rate first. A file is there as
a whole or not at all, and has another name whenever its sound is another; the old one goes some
minutes later, when nobody plays it any more. What else is in the directory is left alone.

Everything here blocks: it is called in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

import msgspec

from controller.policy.sounds import SoundTable
from controller.sounds.model import BEST_RATE, RATES

#: How long a file stays that is no sound's any more, seconds.
KEEP_SECONDS: Final = 300.0
#: A part of a file that somebody left so long ago is nobody's, seconds.
_ABANDONED_SECONDS: Final = 3600.0
_PART: Final = ".callbackd-"
_OURS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}-[0-9a-f]{8}\.wav\Z", re.ASCII)
_LANGUAGE: Final = re.compile(r"[a-z]{2}(-[A-Z]{2})?\Z", re.ASCII)


class Wanted(msgspec.Struct, frozen=True):
    """A sound that is to be there: `path` under the directory, and its files' digests by rate."""

    audio: str
    path: str
    digests: dict[int, str]


class Info(Protocol):
    """A file of an upload, as a source tells of it."""

    @property
    def rate(self) -> int:
        """Its rate."""
        ...

    @property
    def sha256(self) -> str:
        """The digest of what is in it."""
        ...


class Infos(Protocol):
    """An upload, as a source tells of it."""

    @property
    def files(self) -> Sequence[Info]:
        """Its files, one for each rate."""
        ...


class Source(Protocol):
    """Where sounds are kept: the database."""

    def table(self) -> SoundTable:
        """Give all sounds."""
        ...

    def infos(self, ids: Iterable[str], /) -> Mapping[str, Infos]:
        """Give what these uploads are, by id."""
        ...

    def content(self, audio: str, rate: int, /) -> bytes | None:
        """Give what is in a file; None where there is none any more."""
        ...


class Brought(msgspec.Struct, frozen=True):
    """What was done: files that came and went, and what could not be done, a line each."""

    added: int = 0
    removed: int = 0
    faults: tuple[str, ...] = ()


class Mirror:
    """A directory of sounds. `clock` gives seconds that never go back."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._directory = directory
        self._clock = clock
        #: Files that were seen to be right: their size and time of change then.
        self._right: dict[Path, tuple[int, int, str]] = {}
        #: Since when files are there that no sound has.
        self._unwanted: dict[Path, float] = {}

    def bring(self, wanted: Iterable[Wanted], read: Callable[[str, int], bytes | None]) -> Brought:
        """Make the directory have these sounds; `read` gives a file, by its audio and rate."""
        added = 0
        faults: list[str] = []
        keep: set[Path] = set()
        for sound in wanted:
            places = self._places(sound)
            keep.update(place for place, _ in places)
            try:
                added += sum([self._put(sound, place, rate, read) for place, rate in places])
            except OSError as error:
                faults.append(f"{sound.path}: {error.strerror or error}")
            except _NotAsItWas as error:
                faults.append(f"{sound.path}: {error}")
        try:
            removed = self._remove(keep)
        except OSError as error:
            removed = 0
            faults.append(f"{error.filename or self._directory}: {error.strerror or error}")
        return Brought(added, removed, tuple(faults))

    def _places(self, sound: Wanted) -> list[tuple[Path, int]]:
        """Give where the files of a sound are; that without a rate is written last."""
        path = PurePosixPath(sound.path)
        if len(path.parts) != 2 or not (_LANGUAGE.match(path.parts[0]) and _OURS.match(path.name)):
            raise ValueError(f"{sound.path!r} is no path of a sound")
        beside = self._directory / path.parts[0]
        return [
            *((beside / str(rate) / path.name, rate) for rate in RATES),
            (beside / path.name, BEST_RATE),
        ]

    def _put(
        self, sound: Wanted, place: Path, rate: int, read: Callable[[str, int], bytes | None]
    ) -> bool:
        digest = sound.digests[rate]
        if self._is_right(place, digest):
            return False
        data = read(sound.audio, rate)
        if data is None:
            # It was replaced a moment ago: the next time there is another one.
            return False
        if hashlib.sha256(data).hexdigest() != digest:
            raise _NotAsItWas("came otherwise than it was kept; upload it again")
        self._make(place.parent)
        handle, part = tempfile.mkstemp(prefix=_PART, dir=place.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            # FreeSWITCH is somebody else.
            Path(part).chmod(0o644)
            Path(part).replace(place)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise
        self._note(place, digest)
        return True

    def _make(self, directory: Path) -> None:
        """Make a directory that FreeSWITCH can look into, whatever ours are otherwise."""
        if directory.is_dir():
            return
        if directory != self._directory:
            self._make(directory.parent)
            directory.mkdir(exist_ok=True)
        else:
            directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)

    def _is_right(self, place: Path, digest: str) -> bool:
        try:
            seen = place.stat()
        except FileNotFoundError:
            return False
        if self._right.get(place) == (seen.st_size, seen.st_mtime_ns, digest):
            return True
        if hashlib.sha256(place.read_bytes()).hexdigest() != digest:
            return False
        self._note(place, digest)
        return True

    def _note(self, place: Path, digest: str) -> None:
        seen = place.stat()
        self._right[place] = (seen.st_size, seen.st_mtime_ns, digest)

    def _remove(self, keep: set[Path]) -> int:
        now, removed = self._clock(), 0
        there = set(self._ours())
        self._unwanted = {
            place: self._unwanted.get(place, now) for place in there if place not in keep
        }
        for place, since in list(self._unwanted.items()):
            if now - since >= KEEP_SECONDS:
                place.unlink(missing_ok=True)
                self._right.pop(place, None)
                del self._unwanted[place]
                removed += 1
        return removed

    def _ours(self) -> Iterator[Path]:
        """Give the files that are ours by their names, and remove what was left half written."""
        if not self._directory.is_dir():
            return
        for language in self._directory.iterdir():
            if not _LANGUAGE.match(language.name) or not language.is_dir():
                continue
            for directory in (language, *(language / str(rate) for rate in RATES)):
                if not directory.is_dir():
                    continue
                for place in directory.iterdir():
                    if _OURS.match(place.name):
                        yield place
                    elif place.name.startswith(_PART):
                        _clear(place)


def bring(mirror: Mirror, source: Source) -> Brought:
    """Bring all uploaded sounds of a source into a directory."""
    rows = source.table().uploaded()
    infos = source.infos({row.audio for row in rows if row.audio is not None})
    wanted = []
    for row in rows:
        # One that is missing was replaced a moment ago: the next time there is another.
        if row.audio is not None and row.file is not None and row.audio in infos:
            digests = {file.rate: file.sha256 for file in infos[row.audio].files}
            wanted.append(Wanted(audio=row.audio, path=row.file, digests=digests))
    return mirror.bring(wanted, source.content)


class _NotAsItWas(Exception):
    """What was read is not what its digest says."""


def _clear(part: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
            part.unlink()
