"""Fields of forms: their words, what they are typed into, and what was typed.

No I/O. A field is described once (`Field`); a form is sections of them (`forms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec


class Widget(StrEnum):
    """What a field is typed into."""

    TEXT = "text"
    #: Text of several lines.
    LONG = "long"
    #: A list: each on a line of its own, or behind a comma.
    LINES = "lines"
    #: The same, of telephone numbers: what stands between their digits is left out.
    NUMBERS = "numbers"
    #: One telephone number, of which the same is left out.
    TELEPHONE = "telephone"
    #: One telephone number, in the same way.
    PHONE = "phone"
    NUMBER = "number"
    COUNT = "count"
    CHECK = "check"
    #: One of some (`options`), all of them seen.
    CHOICE = "choice"
    #: One of many, in a list that opens.
    SELECT = "select"
    #: Some of some.
    CHOICES = "choices"
    #: Money, `0.0125`.
    MONEY = "money"
    #: A password: what is there is never shown.
    SECRET = "secret"  # noqa: S105  (a word, no secret)
    #: A time of day.
    CLOCK = "clock"
    #: A sound's path on the switch, or one that is found by a part of its name.
    SOUND = "sound"
    #: A sound in place of each of some (`options`); an empty one is none.
    SOUNDS = "sounds"
    #: `name = value` on each line.
    PAIRS = "pairs"
    #: How often, in a minute, an hour and a day.
    RATE = "rate"
    #: Some of some, in an order that counts: the first, the second, and so on.
    ORDER = "order"
    #: What stands for what, in rows of two; either may be empty (`columns` are their heads).
    ROWS = "rows"
    #: Days and times of the week.
    HOURS = "hours"
    #: How numbers begin and what a minute costs there: `+49 = 0.0125` on each line.
    PRICED = "priced"
    #: A time, UTC, as RFC 3339 has it.
    MOMENT = "moment"
    #: A time, UTC, as seconds since 1970.
    INSTANT = "instant"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form.

    Attributes:
        name: of the record's field.
        label, help: its name, and one sentence; marked for translation (`N_`).
        widget: what it is typed into.
        unit: behind it, marked for translation.
        options: what there is to choose from, with its words.
        suggestions: what is offered while it is typed: the id of a list of the page.
        default: what it is where nothing is said, as words; "" takes it from the model.
        columns: the heads of rows; with `options`, those of the second column.
        when: `name=value`: it only counts where that field has that value.

    """

    name: str
    label: str
    help: str
    widget: Widget = Widget.TEXT
    unit: str = ""
    options: tuple[tuple[str, str], ...] = ()
    suggestions: str = ""
    default: str = ""
    columns: tuple[str, ...] = ()
    when: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Some fields under a heading; `name` is its anchor. `intro`: a sentence or two, or nothing."""

    name: str
    title: str
    fields: tuple[Field, ...]
    intro: str = ""


class Typed(msgspec.Struct, frozen=True):
    """What stands in a field: its text, what is chosen, the texts of its parts or of its rows."""

    text: str = ""
    chosen: tuple[str, ...] = ()
    parts: Mapping[str, str] = {}
    rows: tuple[tuple[str, ...], ...] = ()


class Sent(Protocol):
    """What a browser sent: the fields of a form (werkzeug's MultiDict)."""

    def getlist(self, name: str, /) -> list[str]:
        """Give all of this name."""
        ...


class Wrong(ValueError):
    """What was typed cannot be read; the message says what to write, translated."""


class FormField(msgspec.Struct, frozen=True):
    """A field as it is shown: with what stands in it, what is wrong, and whether it can be changed.

    `set`: of a secret, whether there is one. `default`: what it is where nothing is said.
    `why`: why it cannot be changed, where somebody else could.
    """

    field: Field
    typed: Typed
    error: str = ""
    fixed: bool = False
    set: bool = False
    default: str = ""
    why: str = ""


class Asked(msgspec.Struct, frozen=True):
    """A filter as it is shown: what was typed, and what there is to choose from."""

    name: str
    label: str
    said: str
    options: tuple[tuple[str, str], ...]
    type: str


class FormSection(msgspec.Struct, frozen=True):
    """A section as it is shown."""

    section: Section
    fields: tuple[FormField, ...]

    @property
    def errors(self) -> int:
        """How many of its fields have something wrong."""
        return sum(bool(one.error) for one in self.fields)
