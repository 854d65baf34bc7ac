"""Records of legs (M7, O5), looked for and shown to whom they concern.

A client sees those of its own calls, also of an extension that has gone to somebody else since; of
them not what they cost the operator, nor over which channels they went.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine

from controller.admin import rights
from controller.admin.callback_shapes import Id
from controller.admin.model import MOST_ITEMS, Actor, Invalid, NotFound
from controller.credit.call_record import CallRecord, CallTotal, for_client, totals
from controller.store import call_records
from controller.store.call_records import Place
from controller.store.database import reader
from controller.store.schema_money import call_leg as legs

#: Filters that compare a whole value.
_SAME: Final = (
    "extension", "caller", "number", "side", "channel", "account", "request", "cause",
)  # fmt: skip
#: Filters that are times, microseconds since 1970, of when a leg began: from `since` on, before
#: `until`; and those that say whether something was charged, and whether not all of it could be.
_TIMES: Final = ("since", "until")
_AMOUNTS: Final = {"charged": "charge", "uncovered": "uncovered"}
#: What lists can be filtered by.
FILTERS: Final = (*_SAME, *_TIMES, *_AMOUNTS)

_PLACE: Final = re.compile(r"(-?[0-9]{1,18}):([0-9a-f-]{36})\Z", re.ASCII)


class CallPage(msgspec.Struct, frozen=True):
    """Some legs, in order; `next` is what to go on after, None at the end."""

    items: tuple[CallRecord, ...]
    next: str | None


class CallRecords:
    """Finds records of legs. Calls block, and may come of any thread."""

    def __init__(self, engine: Engine) -> None:
        self._reader = reader(engine)

    def list(
        self,
        actor: Actor,
        filters: Mapping[str, str | int | bool] = {},
        *,
        after: str | None = None,
        limit: int = 100,
        newest_first: bool = True,
    ) -> CallPage:
        """Give a page of legs, by when they began.

        Raises `Invalid` for a filter there is not, `Forbidden` for one that is the operator's.
        """
        conditions = conditions_of(actor, filters)
        limit = max(1, min(limit, MOST_ITEMS))
        with self._reader.connect() as connection:
            found = call_records.page(
                connection, conditions, _place(after), limit + 1, newest_first=newest_first
            )
        items = tuple(shown(actor, record) for record in found[:limit])
        last = items[-1] if len(found) > limit else None
        return CallPage(items, None if last is None else f"{last.begun}:{last.leg}")

    def get(self, actor: Actor, leg: str) -> CallRecord:
        """Give the record of a leg. Raises `NotFound`."""
        missing = NotFound(f"there is no call {leg:.80}")
        try:
            msgspec.convert(leg, Id)
        except msgspec.ValidationError:
            raise missing from None
        with self._reader.connect() as connection:
            found = call_records.find(connection, leg)
        if found is None or actor.client not in (None, found.client):
            raise missing
        return shown(actor, found)

    def each(
        self,
        actor: Actor,
        filters: Mapping[str, str | int | bool] = {},
        *,
        newest_first: bool = False,
    ) -> Iterator[Sequence[CallRecord]]:
        """Give all legs, some at a time; each time it is asked for more, it blocks.

        What is kept meanwhile is among them where its turn comes later.
        """
        after: str | None = None
        while True:
            page = self.list(
                actor, filters, after=after, limit=MOST_ITEMS, newest_first=newest_first
            )
            yield page.items
            after = page.next
            if after is None:
                return


def of_callback(
    connection: Connection, actor: Actor, request: str
) -> tuple[tuple[CallRecord, ...], tuple[CallTotal, ...]]:
    """Give the legs of a callback that somebody may see, and what they came to by currency."""
    found = call_records.legs_of(connection, request)
    own = [record for record in found if actor.client in (None, record.client)]
    seen = tuple(shown(actor, record) for record in own)
    return seen, totals(seen)


def shown(actor: Actor, record: CallRecord) -> CallRecord:
    """Give a record as somebody sees it."""
    return record if actor.client is None else for_client(record)


def conditions_of(
    actor: Actor, filters: Mapping[str, str | int | bool]
) -> list[ColumnElement[bool]]:
    """Give what is asked for, of what somebody may see. Raises `Invalid`, `Forbidden`."""
    if "channel" in filters:
        rights.may_name_channels(actor, "channel")
    made = [_condition(name, value) for name, value in filters.items()]
    if actor.client is not None:
        made.append(legs.c.client == actor.client)
    return made


def _condition(name: str, value: str | int | bool) -> ColumnElement[bool]:
    if name not in FILTERS:
        raise Invalid(f"{name}: calls have no such filter; there are: {', '.join(FILTERS)}")
    if name in _AMOUNTS:
        if not isinstance(value, bool):
            raise Invalid(f"{name}: write true or false")
        column = legs.c[_AMOUNTS[name]]
        return column > 0 if value else column == 0
    if name in _TIMES:
        if isinstance(value, bool) or not isinstance(value, int):
            raise Invalid(f"{name}: write microseconds since 1970")
        return legs.c.begun >= value if name == "since" else legs.c.begun < value
    if not isinstance(value, str) or not value.isprintable():
        raise Invalid(f"{name}: cannot be read")
    return legs.c[name] == value


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    found = _PLACE.match(after)
    if found is None:
        raise Invalid("after: is no place to go on from; take the `next` of the page before")
    return Place(int(found[1]), found[2])
