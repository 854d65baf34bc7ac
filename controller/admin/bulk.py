"""Many records at a time: what an import does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine

from controller.admin import drafts, rights
from controller.admin.finding import accounts_of, key_of, name_of, page, place_of
from controller.admin.model import MOST_ITEMS, Actor, Conflict, Invalid, Kind
from controller.admin.owning import check_both
from controller.admin.references import KEPT
from controller.admin.shapes import FIXED
from controller.admin.showing import Coming
from controller.admin.writing import Pair, write
from controller.policy.changes import Change
from controller.store.database import reader
from controller.store.journal import writing
from controller.store.kept import Stored
from controller.store.passwords import Passwords

#: How many records one transaction writes: calls are stored between two of them.
AT_A_TIME: Final = 200
#: What others have between two transactions on SQLite, seconds.
PAUSE_SECONDS: Final = 0.002


class Applied(msgspec.Struct, frozen=True):
    """What became of records that were applied."""

    created: int = 0
    changed: int = 0
    same: int = 0

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.created + other.created, self.changed + other.changed, self.same + other.same
        )


class Bulk:
    """The part of `Directory` that takes many records at a time."""

    def __init__(
        self,
        engine: Engine,
        *,
        passwords: Callable[[], Passwords],
        now: Callable[[], int],
        announce: Callable[[Change], None] = lambda change: None,
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._passwords = passwords
        self._now = now
        self._announce = announce

    @property
    def now(self) -> Callable[[], int]:
        """What gives the time, microseconds since 1970."""
        return self._now

    def prepare(self, actor: Actor, kind: Kind, values: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Check a record as `create` does, without the database, and give it for `apply`.

        A password is hashed; a hash, as an export writes it, is taken as it is. Raises `Invalid`,
        `Forbidden`.
        """
        _may_make(actor, kind)
        return drafts.draft(kind, values, self._passwords, hashes=True)

    def apply(
        self,
        actor: Actor,
        kind: Kind,
        records: Sequence[Any],
        *,
        dry_run: bool = False,
        coming: Coming | None = None,
        told: Callable[[Any, Any], None] = lambda before, after: None,
    ) -> Applied:
        """Make what is not there, change what differs, and leave the rest: idempotent.

        It goes on in transactions of some hundred records, so that calls are stored between them.
        Raises `Conflict` for what contradicts the database; what was written before it stays.
        `coming`: the document that the records are part of, where there is more of it. `told` is
        told of each that is made or changed: what it was (None: it is new), and what it is.
        """
        _may_make(actor, kind)
        total = Applied()
        for start in range(0, len(records), AT_A_TIME):
            if start and self._engine.dialect.name == "sqlite":
                # Its writers look again now and then: without a pause, this one would always win.
                time.sleep(PAUSE_SECONDS)
            some = records[start : start + AT_A_TIME]
            total += self._apply(actor, kind, some, dry_run=dry_run, coming=coming, told=told)
        return total

    def _apply(
        self,
        actor: Actor,
        kind: Kind,
        records: Sequence[Any],
        *,
        dry_run: bool,
        coming: Coming | None,
        told: Callable[[Any, Any], None],
    ) -> Applied:
        with writing(self._engine, self._announce) as transaction:
            pairs = _pairs(transaction.connection, kind, records)
            differ = [pair for pair in pairs if pair[0] is None or pair[0].value != pair[1]]
            for before, value in differ:
                check_both(transaction.connection, actor, kind, before, value)
                if before is not None:
                    _check_fixed(kind, before, value)
            if not dry_run:
                write(transaction, actor, kind, differ, now=self._now(), coming=coming)
        for before, value in differ:
            told(None if before is None else before.value, value)
        created = sum(before is None for before, _ in differ)
        return Applied(created, len(differ) - created, len(pairs) - len(differ))

    def walk(
        self,
        actor: Actor,
        kind: Kind,
        filters: Mapping[str, str | bool] = {},
    ) -> Iterator[Any]:
        """Give every record with its hashes, as lists have them in order: for an export."""
        after = None
        while True:
            with self._reader.connect() as connection:
                found = page(connection, actor, kind, filters, after, MOST_ITEMS)
            yield from (stored.value for stored in found)
            if len(found) < MOST_ITEMS:
                return
            after = place_of(kind, found[-1])


def _may_make(actor: Actor, kind: Kind) -> None:
    if kind is Kind.TOKEN:
        raise Invalid("token: its secret is told once; use `issue_token`")
    rights.may_make(actor, kind)


def _check_fixed(kind: Kind, before: Stored, value: Any) -> None:  # noqa: ANN401  (a model)
    for field in FIXED.get(kind, ()):
        if getattr(before.value, field) != getattr(value, field):
            raise Conflict(
                f"{kind.word} {name_of(kind, value)}: {field} never changes; it is "
                f"{getattr(before.value, field)}"
            )


def _pairs(connection: Connection, kind: Kind, records: Sequence[Any]) -> list[Pair]:
    """Find what each record was before."""
    if kind is Kind.ACCOUNT:
        accounts = accounts_of(connection, records)
        return [(accounts.get((r.extension, r.caller)), r) for r in records]
    keys = [key_of(kind, record) for record in records]
    found = KEPT[kind].get_many(connection, keys, lock=True)
    return [(found.get(key), record) for key, record in zip(keys, records, strict=True)]
