"""What `callbackd check` says of this machine: room on its disks, how many files may be open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from controller import open_files
from controller.commands.findings import Finding
from controller.settings import Settings

_MIB: Final = 1 << 20
#: Less room than this is soon none; than that, none.
_FEW: Final = 1024 * _MIB
_NONE: Final = 64 * _MIB


def host(settings: Settings) -> Iterator[Finding]:
    """Say what of this machine will stop the service, or keeps it from starting."""
    yield from _room(settings)
    yield from _open_files(settings, open_files.allowed())


def _finding(text: str, remedy: str = "", *, well: bool = True) -> Finding:
    return Finding(subject="host", well=well, text=text, remedy=remedy)


def _room(settings: Settings) -> Iterator[Finding]:
    wanted = {Path(settings.data_dir): "data_dir"}
    if (database := _database_file(settings)) is not None:
        wanted.setdefault(database.parent, "database.url")
    for stream in settings.records.streams:
        if stream.file:
            wanted.setdefault(Path(stream.file).parent, f"records.streams: {stream.name}")
    told: set[int] = set()
    for path, whose in wanted.items():
        try:
            device, free = path.stat().st_dev, shutil.disk_usage(path).free
        except (FileNotFoundError, NotADirectoryError):
            # `serve` makes it, or whoever looks at its file says that it is not there.
            continue
        except OSError as error:
            remedy = "run this as the user of the service, who has to be able to"
            yield _finding(f"{whose}: {path} cannot be looked at: {error.strerror}", remedy)
            continue
        if whose == "data_dir" and not os.access(path, os.W_OK | os.X_OK):
            yield _finding(
                f"data_dir: {path} is not to be written by who runs this",
                "run this as the user of the service; if that is who you are: chown it to him",
            )
        if device in told:
            continue
        told.add(device)
        text = f"{whose}: {free // _MIB} MiB are free on its disk"
        if free < _FEW:
            remedy = "make room: what cannot be written is waited for, and callers with it"
            yield _finding(text, remedy, well=free >= _NONE)
        else:
            yield _finding(text)


def _database_file(settings: Settings) -> Path | None:
    """Give the file that `database.url` names; None: it is none, or cannot be, as is told of it."""
    from controller.store.database import DatabaseError, parsed_url

    if not settings.database.url:
        return None
    try:
        url = parsed_url(settings.database.url)
    except DatabaseError:
        return None
    return Path(str(url.database)) if url.drivername == "sqlite" else None


def _open_files(settings: Settings, most: int) -> Iterator[Finding]:
    needed = open_files.needed(settings)
    if most >= needed:
        return
    yield _finding(
        f"{most} files may be open at a time here, and {needed} are needed for as many legs and "
        "browsers as listen.max_connections and web.max_connections let in",
        "LimitNOFILE=65536 in the service's unit (deploy/callbackd.service has it), ulimit -Hn in "
        "a shell; or fewer connections",
    )
