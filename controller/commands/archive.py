"""An archive of `callbackd backup`: a tar of a manifest, the database, and the pepper."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import IO, Final

import msgspec

from controller.store.backup import BackupError

#: What archives are like that this program makes and reads.
FORMAT: Final = 1
MANIFEST, DATABASE, PEPPER = "callbackd-backup.json", "database", "pepper"
#: No manifest or pepper is longer.
_LONGEST: Final = 1 << 16


class Archive(msgspec.Struct, frozen=True):
    """What an archive says of itself.

    Attributes:
        made: when, as ISO 8601.
        program: which release made it.
        database: `sqlite`, `postgresql` (of pg_dump), or None: it has none.
        revision: the database's.
        sums: the SHA-256 of each file in it.

    """

    made: str
    program: str
    database: str | None
    revision: str
    sums: dict[str, str] = {}
    format: int = FORMAT

    def described(self) -> str:
        """Say in words what is in it."""
        what = {"sqlite": "database (SQLite)", "postgresql": "database (PostgreSQL)"}
        parts = [what[self.database]] if self.database in what else []
        parts += ["pepper"] if PEPPER in self.sums else []
        revision = f", revision {self.revision}" if self.database else ""
        return f"{' and '.join(parts)} of {self.made}{revision}"


def write(path: Path, archive: Archive, database: Path | None, pepper: bytes | None) -> Archive:
    """Write an archive over a file that is there; give what it says of itself. Raises `OSError`."""
    sums = {}
    if database is not None:
        with database.open("rb") as file:
            sums[DATABASE] = hashlib.file_digest(file, "sha256").hexdigest()
    if pepper is not None:
        sums[PEPPER] = hashlib.sha256(pepper).hexdigest()
    archive = msgspec.structs.replace(archive, sums=sums)
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(archive)))
        if pepper is not None:
            _add(tar, PEPPER, pepper)
        if database is not None:
            info = tarfile.TarInfo(DATABASE)
            info.size, info.mode = database.stat().st_size, 0o600
            with database.open("rb") as file:
                tar.addfile(info, file)
    return archive


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o600
    tar.addfile(info, io.BytesIO(content))


def read(path: Path, database: Path) -> tuple[Archive, bytes | None]:
    """Read an archive: what it says of itself, and its pepper; write its database to a file.

    Nothing else of it is looked at. Raises `BackupError` where it is none, or not whole.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            archive = msgspec.json.decode(_read(tar, MANIFEST), type=Archive)
            if archive.format != FORMAT:
                raise BackupError(
                    f"{path} was made by a newer release ({archive.program}): install that"
                )
            pepper = _read(tar, PEPPER) if PEPPER in archive.sums else None
            if DATABASE in archive.sums:
                with database.open("wb") as file:
                    _copy(_member(tar, DATABASE), file)
    except (tarfile.TarError, KeyError, EOFError, msgspec.DecodeError) as error:
        raise BackupError(f"{path} is no archive of callbackd backup, or not whole") from error
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror or error}") from error
    found = {PEPPER: None if pepper is None else hashlib.sha256(pepper).hexdigest()}
    if DATABASE in archive.sums:
        with database.open("rb") as file:
            found[DATABASE] = hashlib.file_digest(file, "sha256").hexdigest()
    for name, sum_ in archive.sums.items():
        if found.get(name) != sum_:
            raise BackupError(f"{path} is damaged: {name} is not what was written")
    return archive, pepper


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    return _member(tar, name).read(_LONGEST)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while part := source.read(1 << 20):
        target.write(part)
