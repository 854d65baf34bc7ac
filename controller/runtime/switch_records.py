"""Reads the call records that a switch writes, and settles those legs that nobody saw end (M7).

mod_json_cdr writes one file for each leg into a directory (`fs-config/autoload_configs/
json_cdr.conf.xml`); where we can read it, we look there at the start and every now and then. Of
legs of ours the file is removed once its leg is settled: numbers must not lie about. That of a
return leg says how its callback ended, too, where nobody was told. The records of other calls are
their operator's, and are left alone. One that was not written to its end yet is read again; one
that stays broken is set aside.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from gevent.lock import BoundedSemaphore

from controller.credit.model import LegEnd, Side
from controller.esl.errors import BadEvent
from controller.esl.events import Event
from controller.esl.records import decode_record
from controller.runtime.about import about
from controller.runtime.settling import RECORD, end_of
from controller.store.database import Away

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("records")

#: What the names of records end with; of one that is set aside this comes behind it.
SUFFIX: Final = ".json"
BAD: Final = ".bad"
#: A file that changed just now may still be written, seconds.
FRESH_SECONDS: Final = 2.0
#: One that cannot be read after so long never will be, seconds.
BROKEN_SECONDS: Final = 60.0
#: A record is some 10 KB; what is larger is none.
LARGEST: Final = 1_000_000
#: How many are read before they are settled.
AT_ONCE: Final = 200
#: What `callback_leg` says of legs of ours.
_OURS: Final = ("trigger", "return", "destination")


class Found(msgspec.Struct):
    """What is in some files.

    Attributes:
        ends: the legs of ours, each with its file and what that says.
        done: files of ours with nothing to settle: a trigger call's.
        bad: files that are broken, and have been for long.
        others: the names of files that are not ours.
        unreadable: files that we may not read, each with the reason.

    """

    ends: list[tuple[Path, LegEnd, Event]] = []
    done: list[Path] = []
    bad: list[Path] = []
    others: set[str] = set()
    unreadable: list[tuple[Path, OSError]] = []


def names_in(directory: Path, passed: set[str]) -> list[list[str]]:
    """Give the names of the records in a directory, `AT_ONCE` in each list. It blocks.

    `passed`: names that are not looked at any more; those that are gone are taken out of it. Raises
    `OSError` where the directory cannot be read.
    """
    with os.scandir(directory) as entries:
        there = {
            entry.name
            for entry in entries
            if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False)
        }
    passed &= there
    names = sorted(there - passed)
    return [names[first : first + AT_ONCE] for first in range(0, len(names), AT_ONCE)]


def look(directory: Path, names: Sequence[str], node: str | None) -> Found:
    """Read records of a directory. It blocks."""
    found = Found()
    now = time.time()
    for name in names:
        _read(directory / name, found, node, now)
    return found


def _read(path: Path, found: Found, node: str | None, now: float) -> None:
    try:
        state = path.lstat()
        if not stat.S_ISREG(state.st_mode) or abs(now - state.st_mtime) < FRESH_SECONDS:
            return  # the clock of a file's machine may be a little ahead
        if state.st_size > LARGEST:
            found.others.add(path.name)
            return
        event = decode_record(path.read_bytes())
    except FileNotFoundError:
        return  # another controller was faster
    except OSError as error:
        found.unreadable.append((path, error))
        return
    except BadEvent:
        if now - state.st_mtime > BROKEN_SECONDS:
            found.bad.append(path)
        return
    if event is None or event.leg not in _OURS:
        found.others.add(path.name)
        return
    end = end_of(event, node=node, source=RECORD)
    if end is None:
        found.done.append(path)
    else:
        found.ends.append((path, end, event))


def remove(paths: Sequence[Path]) -> list[tuple[Path, OSError]]:
    """Remove files; give those that cannot be, each with the reason. It blocks."""
    failed = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            failed.append((path, error))
    return failed


def set_aside(paths: Sequence[Path]) -> list[tuple[Path, OSError]]:
    """Give broken files a name by which they are not found again; see `remove`."""
    failed = []
    for path in paths:
        try:
            path.rename(path.with_name(path.name + BAD))
        except FileNotFoundError:
            continue
        except OSError as error:
            failed.append((path, error))
    return failed


class SwitchRecords:
    """The directories of the nodes' records that this controller can read, by node."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._directories = {
            node.name: Path(node.records_dir)
            for node in services.settings.nodes
            if node.records_dir
        }
        #: By node, the names of files that are not looked at any more.
        self._passed: dict[str, set[str]] = {}
        self._faults: dict[str, str] = {}
        self._faulty = False
        self._reading = BoundedSemaphore(1)

    def has(self, node: str) -> bool:
        """Whether there is a directory of a node."""
        return node in self._directories

    def read(self) -> None:
        """Read all of them, and settle what is found. It waits for the disk and the store.

        Of several who ask at once one reads, and the others find little left.
        """
        with self._reading:
            self._read_all()

    def _read_all(self) -> None:
        for node, directory in self._directories.items():
            try:
                self._faulty = False
                passed = self._passed.setdefault(node, set())
                for names in self._services.files.run(names_in, directory, passed):
                    passed |= self._read_some(node, directory, names)
            except OSError as error:
                self._note_fault(node, f"{directory}: cannot be read: {error.strerror or error}")
            if not self._faulty:
                self._faults.pop(node, None)

    def _read_some(self, node: str, directory: Path, names: Sequence[str]) -> set[str]:
        """Read some; give those that are not to be read again."""
        services = self._services
        found = services.files.run(look, directory, names, node)
        legs = [end.leg for _, end, _ in found.ends]
        known = services.reads.run(services.charging.settled, legs) if legs else frozenset()
        done, odd = list(found.done), set(found.others)
        for path, end, event in found.ends:
            try:
                with about(request=end.request, attempt=end.call, leg=end.leg):
                    if end.leg not in known:
                        services.settling.settle(end)
                    if end.side is Side.RETURN:
                        services.settling.told_late(event)
                done.append(path)
            except Away:
                raise
            except Exception:
                log.exception("record_fault", request=end.request, leg=end.leg, file=path.name)
                services.metrics.faults.labels("record").inc()
                odd.add(path.name)
        for path in found.bad:
            log.error("record_broken", node=node, file=path.name)
            services.metrics.records_broken.labels(node).inc()
        failed = services.files.run(remove, done) + services.files.run(set_aside, found.bad)
        if failed:
            # They are read no more, until the start: what they say is known.
            odd.update(path.name for path, _ in failed)
            path, error = failed[0]
            reason = error.strerror or error
            self._note_fault(node, f"{path}: cannot be removed: {reason}; let us write there")
        if found.unreadable:
            path, error = found.unreadable[0]
            reason = error.strerror or error
            self._note_fault(node, f"{path}: cannot be read: {reason}; let us read there")
        return odd

    def _note_fault(self, node: str, fault: str) -> None:
        self._faulty = True
        if self._faults.get(node) != fault:
            self._faults[node] = fault
            log.error("records_fault", node=node, fault=fault)
            self._services.metrics.faults.labels("records").inc()
