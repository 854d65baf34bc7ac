"""The directory of a switch's gateways: which files are ours, what changes in it, and the change.

Only files that begin with our mark, and that are still named as their gateway, are ever written
over or removed. A file is there as a whole or not at all, whatever happens meanwhile: it is written
beside its place under a name that the switch does not read, and then moved there.
"""

from __future__ import annotations

import contextlib
import os
import stat
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from controller.gateways.files import Written, differences, from_xml, params, to_xml
from controller.gateways.model import Wanted

#: The switch reads `*.xml`, and no name that begins with a dot.
_UNFINISHED: Final = ".callbackd-switch-config.tmp"


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """One file of ours.

    Attributes:
        what: `added`, `changed`, `removed`, `unchanged`.
        name: the gateway's.
        differences: which parameters change, with no password.
        revision: by which the running gateway says that it was read from this file.

    """

    what: str
    name: str
    path: Path
    differences: tuple[str, ...] = ()
    revision: str = ""


def plan(
    directory: Path, wanted: Wanted, passwords: Mapping[str, str], new_revision: Callable[[], str]
) -> list[FileChange]:
    """Say what a directory's files would have to be, in the order of names; change nothing.

    `new_revision` gives the revision of a file that changes. Raises `GatewayError` for a password
    that no file can hold, and `ClickException` where a file of somebody else's is in the way.
    """
    ours, others = _look(directory)
    wants = {one.name for one in wanted.gateways}
    for path, names in others:
        for name in sorted(names & wants):
            raise click.ClickException(
                f"{path}: has gateway {name}, and was not made by `callbackd switch config`: "
                f"remove it, or give it another name, or let it be and take the proxy of channel "
                f"{name} away (callbackd channel set {name} --reset proxy)"
            )
    mode = _mode(directory)
    changes = []
    for one in wanted.gateways:
        path = directory / f"{one.name}.xml"
        known = ours.get(one.name)
        if known is None and path.exists():
            raise click.ClickException(
                f"{path}: was not made by `callbackd switch config`: remove it, or give it another "
                "name"
            )
        values = params(one, passwords.get(one.name))
        said = differences(known.params, values) if known is not None else []
        if known is not None and not said:
            same = to_xml(one, password=passwords.get(one.name), revision=known.revision)
            if not known.revision or same != _read(path):
                said = ["how it is written"]
        if known is None or said:
            what, revision = ("added" if known is None else "changed"), new_revision()
        else:
            revision = known.revision
            has = stat.S_IMODE(path.stat().st_mode)
            said = [] if has == mode else [f"mode: {has:o} -> {mode:o}"]
            what = "changed" if said else "unchanged"
        changes.append(
            FileChange(
                what=what, name=one.name, path=path, differences=tuple(said), revision=revision
            )
        )
    changes += [
        FileChange(what="removed", name=name, path=directory / f"{name}.xml")
        for name in set(ours) - wants
    ]
    return sorted(changes, key=lambda change: change.name)


def write(
    directory: Path, wanted: Wanted, passwords: Mapping[str, str], changes: list[FileChange]
) -> None:
    """Do what `plan` said. Raises `OSError`; what is done by then stays done, and is right."""
    gateways = {one.name: one for one in wanted.gateways}
    for change in changes:
        if change.what == "removed":
            change.path.unlink(missing_ok=True)
        elif change.what != "unchanged":
            text = to_xml(
                gateways[change.name],
                password=passwords.get(change.name),
                revision=change.revision,
            )
            _put(directory, change.path, text)
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Keep a directory for ourselves. Raises `ClickException` where another command has it."""
    import fcntl

    folder = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise click.ClickException(
                f"{directory}: another `callbackd switch config` is at work here; try again"
            ) from error
        yield
    finally:
        os.close(folder)


def check_owner(directory: Path) -> None:
    """Check that who reads the directory can read what we write. Raises `ClickException`."""
    known = directory.stat()
    if os.geteuid() in (0, known.st_uid) or known.st_mode & stat.S_ISGID:
        return
    raise click.ClickException(
        f"{directory}: belongs to another user, who could not read files that only their owner may "
        "read: run the command as that user or as root, or let the directory's group read them "
        f"(chmod g+ws {directory})"
    )


def _mode(directory: Path) -> int:
    # The password is in it. A directory that gives its group on to its files is the group's.
    return 0o640 if directory.stat().st_mode & stat.S_ISGID else 0o600


def _look(directory: Path) -> tuple[dict[str, Written], list[tuple[Path, set[str]]]]:
    """Give our files by their gateways, and the others with the gateways that they have."""
    ours: dict[str, Written] = {}
    others: list[tuple[Path, set[str]]] = []
    for path in sorted(directory.glob("*.xml")):
        text = _read(path)
        known = from_xml(text)
        if known is not None and known.name == path.stem:
            ours[known.name] = known
        else:
            others.append((path, _gateways_in(text)))
    return ours, others


def _gateways_in(text: str) -> set[str]:
    try:
        root = ET.fromstring(text)  # noqa: S314  (the operator's own file)
    except ET.ParseError:
        # It may be one all the same to the switch, which is not so strict.
        return set()
    return {element.get("name", "") for element in root.iter("gateway")}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise click.ClickException(
            f"{path}: cannot be read: {error.strerror}; run the command as who owns {path.parent}"
        ) from error


def _put(directory: Path, path: Path, text: str) -> None:
    unfinished = directory / _UNFINISHED
    unfinished.unlink(missing_ok=True)
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        if os.geteuid() == 0:
            owner = directory.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
        os.fchmod(file, _mode(directory))
        data = text.encode()
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    finally:
        os.close(file)
    unfinished.replace(path)
