"""Forms: fields of a kind of record, what is typed into them, and what of it is new.

No I/O. What a browser sends is kept as it was typed (`Typed`), so that a form comes back with it
where something is wrong. The words of fields are here too, for whoever describes some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from controller.admin.model import Kind
from controller.admin.shapes import INPUTS, SECRETS
from controller.web.pages import shown
from controller.web.pages.fields import (
    Field,
    FormField,
    FormSection,
    Section,
    Sent,
    Typed,
    Widget,
    Wrong,
)
from controller.web.pages.typed import typed_by, typed_of, value_of, with_unit
from controller.web.pages.words import _, said

__all__ = [
    "Field",
    "Form",
    "FormField",
    "FormSection",
    "Section",
    "Sent",
    "Typed",
    "Widget",
    "Wrong",
    "default_words",
    "defaults",
    "typed_by",
    "typed_of",
    "value_of",
]


class Form:
    """A form of a kind of record, with what stands in it.

    `fixed`: the fields that whoever asks may not change, with the words why; they are shown, and
    never read. `begun`: what a new record's form begins with, in place of the defaults.
    """

    def __init__(
        self,
        kind: Kind,
        sections: Sequence[Section],
        *,
        values: Mapping[str, Any] | None = None,
        fixed: Iterable[str] | Mapping[str, str] = (),
        begun: Mapping[str, Any] | None = None,
    ) -> None:
        self._kind = kind
        self._sections = tuple(sections)
        self._fixed = dict(fixed) if isinstance(fixed, Mapping) else dict.fromkeys(fixed, "")
        known = {} if values is None else dict(values)
        self._before: dict[str, Any] = {**defaults(kind), **known}
        self._there = {f.name: typed_of(f, self._before.get(f.name)) for f in self.fields()}
        self._typed = dict(self._there)
        for field in self.fields():
            if begun and field.name in begun:
                self._typed[field.name] = typed_of(field, begun[field.name])
        self.errors: dict[str, str] = {}

    def fields(self) -> list[Field]:
        """Give all fields."""
        return [field for section in self._sections for field in section.fields]

    def read(self, sent: Sent) -> dict[str, Any]:
        """Read what was sent, and give what of it is new; `errors` has what cannot be read.

        A field that was emptied is None in it: it has its default again.
        """
        patch: dict[str, Any] = {}
        for field in self.fields():
            if field.name in self._fixed:
                continue
            typed = typed_by(field, sent)
            if typed is None:
                continue
            self._typed[field.name] = typed
            if field.widget is Widget.SECRET:
                if typed.chosen and typed.text:
                    self.errors[field.name] = _("write a new one, or take it away; not both")
                elif typed.chosen:
                    patch[field.name] = None
                elif typed.text:
                    patch[field.name] = typed.text
                continue
            if typed == self._there[field.name]:
                continue
            try:
                value = value_of(field, typed)
            except Wrong as wrong:
                self.errors[field.name] = str(wrong)
                continue
            there = self._before.get(field.name)
            if value != (list(there) if isinstance(there, tuple) else there):
                patch[field.name] = value
        return patch

    def note(self, message: str) -> bool:
        """Put an error that begins with a field's name at that field; False where there is none.

        Of a part of a field (`dids[1]`, `callbacks.hour`) it is the field, and which part is said.
        """
        head, colon, rest = message.partition(": ")
        name, part = _parted(head.removeprefix("$."))
        if not colon or name not in self._typed:
            return False
        if any(f.name == name and f.widget in (Widget.MONEY, Widget.PRICED) for f in self.fields()):
            rest = in_money(rest)
        rest = self.in_words(rest)
        self.errors[name] = f"{part}: {rest}" if part else rest
        return True

    def in_words(self, message: str) -> str:
        """Name fields and what they may be set to as the form does."""
        known = {field.name: field for field in self.fields() if "_" in field.name}

        def named(found: re.Match[str]) -> str:
            field = known.get(found[1])
            if field is None:
                return found[0]
            name = f"“{_(field.label)}”"
            if found[3] is None:
                return name + found[0][len(found[1]) :]
            choice = next((_(label) for one, label in field.options if one == found[3]), found[3])
            return f"{name}{found[2] or ' as'} “{choice}”"

        return said(_NAMED.sub(named, message))

    def ask_again(self) -> None:
        """Ask for secrets once more that were typed: they are not sent back with the form."""
        for field in self.fields():
            if field.widget is Widget.SECRET and self._typed[field.name].text:
                again = _("type it once more: what was typed here is never sent back")
                self.errors.setdefault(field.name, again)

    def shown(self) -> tuple[FormSection, ...]:
        """Give the form as it is shown."""
        return tuple(
            FormSection(section, tuple(self._field(field) for field in section.fields))
            for section in self._sections
        )

    def _field(self, field: Field) -> FormField:
        return FormField(
            field=field,
            typed=self._typed[field.name],
            error=self.errors.get(field.name, ""),
            fixed=field.name in self._fixed,
            why=self._fixed.get(field.name, ""),
            set=bool(self._before.get(f"{field.name}_set")),
            default=_(field.default) if field.default else default_words(self._kind, field),
        )


#: The name of a field, as the API has it, and what it is or is to be set to.
_NAMED: Final = re.compile(r"\b([a-z]+(?:_[a-z]+)+)\b(?:( is)? `([a-z_]+)`)?")
_BOUND: Final = re.compile(r"write a whole number, at (most|least) (-?[0-9]+)\Z")


def in_money(message: str) -> str:
    """Say the bounds of an amount as it is typed, and not in millionths."""
    found = _BOUND.match(message)
    if found is None:
        return message
    bound = shown.money(int(found[2]))
    if found[1] == "most":
        return _("write an amount, at most %(bound)s") % {"bound": bound}
    return _("write an amount, at least %(bound)s") % {"bound": bound}


def _parted(head: str) -> tuple[str, str]:
    """Give the field that an error is of, and which part of it: `dids[1]` is its second one."""
    name, bracket, index = head.partition("[")
    if bracket and index[:-1].isdecimal():
        return name, _("no. %(place)s") % {"place": int(index[:-1]) + 1}
    if bracket:
        return name, ""
    name, _dot, part = head.partition(".")
    return name, shown.word(part.rpartition(".")[2]).lower()


@cache
def defaults(kind: Kind) -> Mapping[str, Any]:
    """Give the defaults of a kind's fields, as the API shows them."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(INPUTS[kind]):
        if field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = msgspec.to_builtins(field.default_factory())
        elif field.default is not msgspec.NODEFAULT:
            found[field.name] = msgspec.to_builtins(field.default)
    return found


def default_words(kind: Kind, field: Field) -> str:
    """Give what a field is where nothing is said, in words; "": that needs no words."""
    if kind in SECRETS and field.name == SECRETS[kind][1]:
        return _("none")
    value = defaults(kind).get(field.name)
    if field.widget is Widget.CHECK:
        return _("on") if value else _("off")
    for name, label in field.options:
        if value == name:
            return _(label)
    if value in (None, "") or isinstance(value, dict | list | tuple):
        return ""
    text = shown.money(value) if field.widget is Widget.MONEY else str(value)
    return with_unit(text, field.unit)
