"""What looks like fraud (G3), for those who look at it and release it.

What is released counts no more in running controllers within a second, and does not come back by
what was seen before. Sudden spending is not looked for again there for a day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from sqlalchemy import Engine

from controller.admin import audit, rights
from controller.admin.model import MOST_ITEMS, Actor, Conflict, Invalid, NotFound
from controller.store import suspicions as rows
from controller.store.database import reader
from controller.store.journal import nobody, writing
from controller.store.suspicions import Suspicion

__all__ = ["FILTERS", "Suspecting", "Suspicion", "SuspicionPage"]

#: What the list can be filtered by; `open`: whether nobody has released it.
FILTERS: Final = ("open", "pattern", "extension")

#: More than any id.
_LAST: Final = 2**62
_PLACE: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)


class SuspicionPage(msgspec.Struct, frozen=True):
    """Some of them, the newest first; `next` is what to go on after, None at the end."""

    items: tuple[Suspicion, ...]
    next: str | None


class Suspecting:
    """Lists suspicions and releases them. Calls block, and may come of any thread.

    A client sees those of his own extensions. Administrators release: toll fraud is paid by the
    operator first. `now` gives microseconds since 1970.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], int]) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._now = now

    def list(
        self,
        actor: Actor,
        filters: Mapping[str, str | bool],
        *,
        after: str | None = None,
        limit: int = MOST_ITEMS,
    ) -> SuspicionPage:
        """Give suspicions, the newest first. Raises `Invalid` for a filter there is not."""
        for name in filters:
            if name not in FILTERS:
                raise Invalid(
                    f"{name}: suspicions have no such filter; they have: {', '.join(FILTERS)}"
                )
        if after is not None and not _PLACE.match(after):
            raise Invalid("after: is no place in this list; take the `next` of a page of it")
        conditions = rows.condition(**filters)
        if actor.client is not None:
            conditions += rows.condition(client=actor.client)
        limit = min(limit, MOST_ITEMS)
        with self._reader.connect() as connection:
            # One more than is given says whether there are more.
            found = rows.page(
                connection, conditions, _LAST if after is None else int(after), limit + 1
            )
        more = str(found[limit - 1].id) if len(found) > limit else None
        return SuspicionPage(tuple(found[:limit]), more)

    def release(self, actor: Actor, id_: int) -> Suspicion:
        """Release a suspicion, and give what it was.

        Raises `NotFound`, `Forbidden`, and `Conflict` where it was released before.
        """
        if not 0 < id_ < _LAST:
            # No database has such a number.
            raise NotFound("there is no such suspicion")
        with writing(self._engine, nobody) as transaction:
            connection = transaction.connection
            found = rows.find(connection, id_, lock=True)
            if found is None or actor.client not in (None, found.client):
                raise NotFound("there is no such suspicion")
            rights.may_release_suspicion(actor)
            if found.released is not None:
                raise Conflict(f"suspicion {id_} was released by {found.released_by} before")
            now = self._now()
            # What was seen is before it, whatever the clocks say where it was seen.
            released = max(now, found.last)
            rows.release(connection, id_, by=actor.name, now=released)
            transaction.note([audit.of_suspicion(now, actor, found, released)])
        return found
