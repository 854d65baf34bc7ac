"""The pepper that a database's passwords are made with: one for all hosts, and the right one."""

from __future__ import annotations

import hmac
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, insert, inspect, select
from sqlalchemy.exc import IntegrityError

from controller.store.database import reader
from controller.store.extensions import Extensions
from controller.store.passwords import load_pepper
from controller.store.schema import pepper as table


def fits(engine: Engine, pepper: bytes | None) -> bool:
    """Whether a database's passwords are made with a pepper; None: whether none has made any."""
    with reader(engine).connect() as connection:
        if not inspect(connection).has_table(table.name):
            return True  # of a release before there were fingerprints
        known = connection.execute(select(table.c.fingerprint)).scalar()
    return is_of(known, pepper)


def is_of(known: str | None, pepper: bytes | None) -> bool:
    """Whether a fingerprint is that of a pepper; None: whether there is none."""
    if known is None:
        return True
    return pepper is not None and hmac.compare_digest(known, _fingerprint(pepper))


def open_pepper(engine: Engine, path: Path) -> bytes:
    """Read the pepper of a database, making it only where it never had one.

    Each host has the file, and the database a fingerprint of it: with another pepper every right
    password would be wrong, on one host and not on the next. Raises `ValueError` where the file is
    lost or another one, `OSError` where it cannot be had.
    """
    with reader(engine).connect() as connection:
        known = connection.execute(select(table.c.fingerprint)).scalar()
    pepper = load_pepper(path, lambda: known is not None or Extensions(engine).any_password())
    fingerprint = _fingerprint(pepper)
    if known is None:
        try:
            with engine.begin() as connection:
                connection.execute(insert(table).values(id=1, fingerprint=fingerprint))
            known = fingerprint
        except IntegrityError:
            # Another host was first.
            with reader(engine).connect() as connection:
                known = connection.execute(select(table.c.fingerprint)).scalar_one()
    if not hmac.compare_digest(known, fingerprint):
        raise ValueError(_wrong(path))
    return pepper


def look_at_pepper(engine: Engine, path: Path) -> str | None:
    """Say what is wrong with the pepper of a database; None: nothing. Nothing is made.

    Raises `OSError` where the file cannot be read.
    """
    with reader(engine).connect() as connection:
        known = connection.execute(select(table.c.fingerprint)).scalar()
    if not path.exists():
        return None if known is None else f"{path} is not there; {_RESTORE}"
    if known is None or hmac.compare_digest(known, _fingerprint(path.read_bytes())):
        return None
    return _wrong(path)


_RESTORE: Final = (
    "copy the file from a host where passwords are right, or restore it from your backup"
)


def _wrong(path: Path) -> str:
    return f"{path} is not the pepper that the passwords of this database are made with: {_RESTORE}"


def _fingerprint(pepper: bytes) -> str:
    return hmac.new(pepper, b"callbackd", sha256).hexdigest()
