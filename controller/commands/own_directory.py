"""A directory for the copy that `callbackd backup` and `restore` work on; it is left by neither."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_PREFIX: Final = ".callbackd"
#: As `tempfile` names them.
_OURS: Final = f"{_PREFIX}????????"
#: What lies in one. SQLite has files beside a database.
_FILES: Final = frozenset({"archive", "database"})


@contextlib.contextmanager
def own_directory(home: Path) -> Iterator[Path]:
    """Give a directory that nobody else can read, and remove it, also where SIGTERM ends it.

    Those are removed first that somebody has left who was killed: whose lock is held by nobody.
    Raises `OSError`.
    """
    for left in home.glob(_OURS):
        _remove_left(left)
    with (
        _ended_by_sigterm(),
        tempfile.TemporaryDirectory(dir=home, prefix=_PREFIX) as own,
        _opened(Path(own)) as directory,
    ):
        # Over NFS none can be locked: there nobody can tell, and none is removed.
        with contextlib.suppress(OSError):
            fcntl.flock(directory, fcntl.LOCK_EX)
        yield Path(own)


def _remove_left(path: Path) -> None:
    # What cannot be looked at is somebody else's, and what is gone meanwhile he has removed.
    with contextlib.suppress(OSError), _opened(path) as directory:
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        names = {name.partition("-")[0] for name in os.listdir(directory)}
        # An empty one may be somebody's who has not locked it yet; it holds nothing.
        if names and names <= _FILES:
            shutil.rmtree(path)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield directory
    finally:
        os.close(directory)


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM, as of `systemctl stop`, end what is done here as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(number: int, _: object) -> None:
    raise SystemExit(128 + number)
