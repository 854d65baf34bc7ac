"""Reads the call records that a switch writes, and settles those legs that nobody saw end (M7).

mod_json_cdr writes one file for each leg into a directory (`fs-config/autoload_configs/
json_cdr.conf.xml`); where we can read it, we look there at the start and every now and then. Of
legs of ours the file is removed once its leg is settled: numbers must not lie about. The records of
other calls are their operator's, and are left alone. One that was not written to its end yet is
read again; one that stays broken is set aside.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from controller.credit.model import LegEnd
from controller.esl.errors import BadEvent
from controller.esl.records import decode_record
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


class Found(msgspec.Struct):
    """What is in a directory.

    Attributes:
        ends: the legs of ours, each with its file.
        done: files of ours with nothing to settle: a trigger call's.
        bad: files that are broken, and have been for long.
        others: the names of files that are not ours.
        unreadable: files that we may not read, each with the reason.
        names: all names there, as far as it was looked; `whole`: that was to the end.

    """

    ends: list[tuple[Path, LegEnd]] = []
    done: list[Path] = []
    bad: list[Path] = []
    others: set[str] = set()
    unreadable: list[tuple[Path, OSError]] = []
    names: set[str] = set()
    whole: bool = True


def look(directory: Path, passed: frozenset[str], node: str | None) -> Found:
    """Read the records of a directory, `AT_ONCE` of ours at most. It blocks.

    `passed`: names that are not looked at any more. Raises `OSError` where the directory cannot be
    read.
    """
    found = Found()
    now = time.time()
    with os.scandir(directory) as entries:
        for entry in _records(entries):
            if len(found.ends) + len(found.done) >= AT_ONCE:
                found.whole = False
                break
            found.names.add(entry.name)
            if entry.name not in passed:
                _read(entry, found, node, now)
    return found


def _records(entries: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    for entry in entries:
        if entry.name.endswith(SUFFIX) and entry.is_file(follow_symlinks=False):
            yield entry


def _read(entry: os.DirEntry[str], found: Found, node: str | None, now: float) -> None:
    path = Path(entry.path)
    try:
        state = entry.stat(follow_symlinks=False)
        if abs(now - state.st_mtime) < FRESH_SECONDS:
            return  # the clock of a file's machine may be a little ahead
        if state.st_size > LARGEST:
            found.others.add(entry.name)
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
    if event is None or event.leg is None:
        found.others.add(entry.name)
        return
    end = end_of(event, node=node, source=RECORD)
    if end is None:
        found.done.append(path)
    else:
        found.ends.append((path, end))


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
        self._passed: dict[str, frozenset[str]] = {}
        self._faults: dict[str, str] = {}
        self._faulty = False

    def has(self, node: str) -> bool:
        """Whether there is a directory of a node."""
        return node in self._directories

    def read(self) -> None:
        """Read all of them, and settle what is found. It waits for the disk and the store."""
        for node, directory in self._directories.items():
            try:
                self._faulty = False
                while self._read_some(node, directory):
                    pass
            except OSError as error:
                self._note_fault(node, f"{directory}: cannot be read: {error.strerror or error}")
            if not self._faulty:
                self._faults.pop(node, None)

    def _read_some(self, node: str, directory: Path) -> bool:
        """Read some; whether there are more."""
        services, passed = self._services, self._passed.get(node, frozenset())
        found = services.reads.run(look, directory, passed, node)
        legs = [end.leg for _, end in found.ends]
        known = services.reads.run(services.charging.settled, legs) if legs else frozenset()
        done, odd = list(found.done), set(found.others)
        for path, end in found.ends:
            try:
                if end.leg not in known:
                    services.settling.settle(end)
                done.append(path)
            except Away:
                raise
            except Exception:
                log.exception("record_fault", file=path.name)
                services.metrics.faults.labels("record").inc()
                odd.add(path.name)
        for path in found.bad:
            log.error("record_broken", node=node, file=path.name)
            services.metrics.records_broken.labels(node).inc()
        failed = services.reads.run(remove, done) + services.reads.run(set_aside, found.bad)
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
        self._passed[node] = passed | odd
        if found.whole:
            self._passed[node] &= found.names
        return not found.whole

    def _note_fault(self, node: str, fault: str) -> None:
        self._faulty = True
        if self._faults.get(node) != fault:
            self._faults[node] = fault
            log.error("records_fault", node=node, fault=fault)
            self._services.metrics.faults.labels("records").inc()
