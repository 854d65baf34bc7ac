"""Finding whatever somebody has in his hand: a number, an extension, a callback, a leg.

It asks the same desks that lists are asked of, so that nobody finds what he may not see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import msgspec

from controller.admin.call_records import CallRecords
from controller.admin.callback_shapes import Callback
from controller.admin.callbacks import Callbacks
from controller.admin.callers_csv import BETWEEN
from controller.admin.directory import Directory
from controller.admin.model import Actor, Item, Kind, NotFound
from controller.numbers.e164 import BadNumber, is_e164, parse, parse_dialled

#: So many callbacks of a number are given, the newest.
MOST_CALLBACKS: Final = 20
#: So many records of each kind.
MOST_RECORDS: Final = 50
#: Of so many extensions the countries are read, by whose plans a number may be written.
_MOST_COUNTRIES: Final = 200
#: As so many numbers one is read at most.
_MOST_READINGS: Final = 8

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII)
_EXTENSION: Final = re.compile(r"[0-9]{1,10}\Z", re.ASCII)
_DIGITS: Final = re.compile(r"\+?[0-9]{1,20}\Z", re.ASCII)


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        text: what was looked for.
        numbers: as which telephone numbers that can be read, the likeliest first.
        callback, leg: the callback, or the leg that is over, of that id.
        extension: the extension of that number.
        callbacks: those to or of such a number, the newest first; `more`: there are older ones.
        entries: such a number among authorised CallerIDs.
        owners: extensions that it is an access number of.
        public: such public numbers.

    """

    text: str
    numbers: tuple[str, ...] = ()
    callback: str | None = None
    leg: str | None = None
    extension: str | None = None
    callbacks: tuple[Callback, ...] = ()
    more: bool = False
    entries: tuple[Item, ...] = ()
    owners: tuple[Item, ...] = ()
    public: tuple[Item, ...] = ()


class Searching:
    """Finds things. Calls block, and may come of any thread.

    `country`: by whose plan a number is read first that is written nationally.
    """

    def __init__(
        self, directory: Directory, callbacks: Callbacks, calls: CallRecords, *, country: str
    ) -> None:
        self._directory = directory
        self._callbacks = callbacks
        self._calls = calls
        self._country = country

    def find(self, actor: Actor, text: str) -> Hits:
        """Give what a text may mean, as far as whoever asks may see it."""
        text = text.strip()
        name = text.lower()
        if _UUID.match(name):
            return self._by_id(actor, text, name)
        keys = BETWEEN.sub("", text)
        numbers = self.readings(actor, text)
        extension = None
        if _EXTENSION.match(keys):
            with suppress(NotFound):
                extension = self._directory.get(actor, Kind.EXTENSION, keys).key
        hits = Hits(text=text, numbers=numbers, extension=extension)
        for number in numbers:
            page = self._callbacks.list(actor, {"number": number}, limit=MOST_CALLBACKS)
            hits = msgspec.structs.replace(
                hits,
                callbacks=hits.callbacks + page.items,
                more=hits.more or page.next is not None,
                entries=hits.entries + tuple(self._entries(actor, number)),
                owners=hits.owners + self._list(actor, Kind.EXTENSION, {"did": number}),
                public=hits.public + tuple(self._public(actor, number)),
            )
        newest = sorted(hits.callbacks, key=lambda one: (-one.created, one.id))
        return msgspec.structs.replace(hits, callbacks=tuple(newest))

    def readings(self, actor: Actor, text: str) -> tuple[str, ...]:
        """Give what a text may be as E.164, the likeliest first; nothing where it is no number."""
        keys = BETWEEN.sub("", text)
        if not _DIGITS.match(keys):
            return ()
        found = [number for number in self._read(actor, keys) if number is not None]
        return tuple(dict.fromkeys(found))[:_MOST_READINGS]

    def _read(self, actor: Actor, keys: str) -> Iterator[str | None]:
        if keys.startswith("+"):
            yield _or_none(parse, keys, self._country)
            # A number that is none any more may still be in what was kept.
            yield keys if is_e164(keys) else None
            return
        countries = dict.fromkeys(
            (
                self._country,
                *(
                    str(item.values["country"])
                    for item in self._list(actor, Kind.EXTENSION, {}, _MOST_COUNTRIES)
                ),
            )
        )
        for country in countries:
            yield _or_none(parse_dialled, keys, country)
        # Without its plus, as it stands in bills.
        yield _or_none(parse, f"+{keys}", self._country)

    def _by_id(self, actor: Actor, text: str, name: str) -> Hits:
        with suppress(NotFound):
            return Hits(text=text, callback=self._callbacks.get(actor, name).id)
        with suppress(NotFound):
            return Hits(text=text, leg=self._calls.get(actor, name).leg)
        return Hits(text=text)

    def _entries(self, actor: Actor, number: str) -> Iterator[Item]:
        # Lists are of numbers that begin so.
        for item in self._list(actor, Kind.CALLERID, {"number": number}):
            if item.values["number"] == number:
                yield item

    def _public(self, actor: Actor, number: str) -> Iterator[Item]:
        with suppress(NotFound):
            yield self._directory.get(actor, Kind.NUMBER, number)

    def _list(
        self, actor: Actor, kind: Kind, filters: dict[str, str | bool], limit: int = MOST_RECORDS
    ) -> tuple[Item, ...]:
        return self._directory.list(actor, kind, filters, limit=limit).items


def _or_none(read: Callable[[str, str], str], keys: str, country: str) -> str | None:
    try:
        return read(keys, country)
    except BadNumber:
        return None
