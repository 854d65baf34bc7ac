"""Writes lines to a file that others read and rotate: whole lines, on the disk, in order."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

#: How much of a file's end is looked at for its last line, bytes: records are shorter.
_LOOKED_AT: Final = 1 << 16


class LineFile:
    """A file of lines, each beginning with `mark`. Of one thread at a time.

    It is opened anew when it was renamed or removed (rotated). What a controller left unfinished
    that was killed, this or another one, is taken away again, if it is of ours.
    """

    def __init__(self, path: str, mark: bytes) -> None:
        self._path = Path(path)
        self._mark = mark
        self._file: int | None = None

    def append(self, lines: Sequence[bytes]) -> None:
        """Write lines, and wait until they are on the disk. All are there, or `OSError` is raised.

        Then some may be there all the same, and none of them in part.
        """
        data = b"".join(line + b"\n" for line in lines)
        file = self._opened()
        self._mend(file)
        before = os.fstat(file).st_size
        try:
            written = 0
            while written < len(data):
                written += os.write(file, data[written:])
            os.fsync(file)
        except OSError:
            os.ftruncate(file, before)
            raise

    def close(self) -> None:
        """Close it; it is opened again when something is written."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is not None and not self._is_there(self._file):
            self.close()
        if self._file is None:
            # Numbers and money are nobody else's.
            file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._prepare(file)
            except OSError:
                os.close(file)
                raise
            self._file = file
        return self._file

    def _is_there(self, file: int) -> bool:
        try:
            return os.path.samestat(os.fstat(file), self._path.stat())
        except FileNotFoundError:
            return False

    def _prepare(self, file: int) -> None:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{self._path} is no regular file")
        # A new file is there after a power cut too.
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _mend(self, file: int) -> None:
        size = os.fstat(file).st_size
        if size == 0 or os.pread(file, 1, size - 1) == b"\n":
            return
        start = max(0, size - _LOOKED_AT)
        tail = os.pread(file, size - start, start)
        last = tail[tail.rfind(b"\n") + 1 :]
        if last.startswith(self._mark) or self._mark.startswith(last):
            os.ftruncate(file, size - len(last))
        else:
            # Not ours to remove.
            os.write(file, b"\n")
