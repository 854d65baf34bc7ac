"""Lock-outs of wrong passwords (A3), for those who look at them and release them.

They are counted in Redis, which is the event loop's; whose they are stands in the database, which
blocks. So a call is made where the event loop is, and `run` runs what blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, Engine, select

from controller.admin import audit, finding, rights
from controller.admin.model import MOST_ITEMS, Actor, Invalid, Kind, NotFound, Unavailable
from controller.guard.locking import Listed, LockKind, Tally, Target
from controller.store import schema
from controller.store.database import reader
from controller.store.journal import nobody, writing


class Lockout(msgspec.Struct, frozen=True, kw_only=True):
    """What is locked, or counts towards a lock. Times are microseconds since 1970.

    Attributes:
        key: names it: `number/1001/+12125550199`, `extension/1001`, `did/+12025550100`.
        kind: `number` is the pair of an extension and a number.
        failures: wrong passwords that count towards the next lock.
        level: how many locks there were, each longer than the one before.
        since, until: of the lock that is on; None: there is none.
        last: when the last wrong password was.

    """

    key: str
    kind: LockKind
    extension: str | None
    number: str | None
    did: str | None
    failures: int
    level: int
    since: int | None
    until: int | None
    last: int


class LockoutPage(msgspec.Struct, frozen=True):
    """Some of them, in the order of their keys; `next` is what to go on after, None at the end.

    `everywhere`: as all controllers count; else Redis is away, and it is what one of them counts.
    """

    items: tuple[Lockout, ...]
    next: str | None
    everywhere: bool


class Keeper(Protocol):
    """Who keeps them. Nothing of it raises."""

    def listed(self, after: str, limit: int) -> Listed:
        """Give what is counted, after a key."""
        ...

    def get(self, target: Target) -> Tally:
        """Give what is known of one target."""
        ...

    def release(self, target: Target) -> bool:
        """Forget what was counted; False where others will hear of it later."""
        ...


#: What the list can be filtered by.
FILTERS: Final = ("kind", "extension", "locked")


class LockoutDesk:
    """Lists lock-outs and releases them: a client those of his own extensions and their DIDs.

    Called where the event loop is. `run` runs what blocks; `now` gives microseconds since 1970.
    """

    def __init__(
        self,
        engine: Engine,
        keeper: Keeper,
        *,
        run: Callable[..., Any],
        now: Callable[[], int],
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._keeper = keeper
        self._run = run
        self._now = now

    def list(
        self,
        actor: Actor,
        filters: Mapping[str, str | bool],
        *,
        after: str | None = None,
        limit: int = MOST_ITEMS,
    ) -> LockoutPage:
        """Give what is locked, and what counts towards a lock.

        Filters: `kind`, `extension` (its own and those of its numbers), `locked`. Raises `Invalid`
        for a filter there is not.
        """
        for name in filters:
            if name not in FILTERS:
                raise Invalid(f"{name}: lock-outs have no such filter; they have: kind, …")
        own = None if actor.client is None else self._run(self._own, actor.client)
        now, place, everywhere = self._now(), after or "", True
        found: list[Lockout] = []
        # One more than is given says whether there are more.
        while len(found) <= limit:
            page = self._keeper.listed(place, MOST_ITEMS)
            everywhere = everywhere and page.everywhere
            found += [
                shown
                for target, tally in page.items
                if own is None or (target.extension, target.did) in own
                for shown in (_shown(target, tally, now),)
                if _wanted(shown, filters)
            ]
            if page.next is None:
                break
            place = page.next
        more = found[limit - 1].key if len(found) > limit else None
        return LockoutPage(tuple(found[:limit]), more, everywhere)

    def release(self, actor: Actor, target: Target) -> Lockout:
        """Release a lock and forget what was counted, and give what was.

        An extension's lock and those of its numbers are released each by itself. Raises
        `Forbidden`, `NotFound`, and `Unavailable` where Redis is away: it is released in this
        controller then, and everywhere as soon as Redis is back.
        """
        rights.may_release(actor)
        client = self._run(self._owner, actor, target)
        now = self._now()
        known = self._keeper.get(target)
        if not known.counts:
            raise NotFound(f"{target.key}: nothing is locked, and no wrong password counts")
        gone = _shown(target, known, now)
        # First: what is released must not go without a word, whatever comes between.
        self._run(self._note, actor, gone, client, now)
        if not self._keeper.release(target):
            raise Unavailable(
                f"{target.key}: released in this controller alone, since Redis is away; the others "
                "hear of it when it is back"
            )
        return gone

    # --- in a thread ------------------------------------------------------------------------

    def _own(self, client: str) -> set[tuple[str | None, str | None]]:
        """Give the extensions and the DIDs of a client."""
        extension, did = schema.extension.c, schema.did.c
        mine = select(extension.extension).where(extension.client == client)
        with self._reader.connect() as connection:
            names: Iterable[str] = connection.execute(mine).scalars().all()
            dids: Iterable[str] = connection.execute(
                select(did.number).where(did.extension.in_(mine))
            ).scalars()
            return {*((name, None) for name in names), *((None, number) for number in dids)}

    def _owner(self, actor: Actor, target: Target) -> str | None:
        """Give whose it is. Raises `NotFound` for another's; what is gone is the operator's."""
        with self._reader.connect() as connection:
            extension = target.extension or _extension_of(connection, str(target.did))
            if actor.client is None and extension is None:
                return None
            try:
                found = finding.find(connection, actor, Kind.EXTENSION, extension or "")
            except NotFound:
                if actor.client is None:
                    return None
                raise NotFound(f"there is no such {target.kind.value}") from None
            return finding.clients_of(connection, Kind.EXTENSION, [found])[0]

    def _note(self, actor: Actor, gone: Lockout, client: str | None, now: int) -> None:
        before = {"failures": gone.failures, "level": gone.level, "until": gone.until}
        with writing(self._engine, nobody) as transaction:
            transaction.note([audit.of_lockout(now, actor, gone.key, before, client)])


def _extension_of(connection: Connection, did: str) -> str | None:
    table = schema.did
    statement = select(table.c.extension).where(table.c.number == did)
    return connection.execute(statement).scalar()


def _wanted(found: Lockout, filters: Mapping[str, str | bool]) -> bool:
    is_ = {
        "kind": found.kind.value,
        "extension": found.extension,
        "locked": found.until is not None,
    }
    return all(is_[name] == value for name, value in filters.items())


def _shown(target: Target, tally: Tally, now: int) -> Lockout:
    locked = tally.until * 1000 > now
    return Lockout(
        key=target.key,
        kind=target.kind,
        extension=target.extension,
        number=target.number,
        did=target.did,
        failures=len(tally.times),
        level=tally.level,
        since=tally.since * 1000 if locked else None,
        until=tally.until * 1000 if locked else None,
        last=tally.last * 1000,
    )
