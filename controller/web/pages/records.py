"""The pages of one kind of record, the same for every kind: a list, a form, and its removal.

What a kind has beyond that its template adds, or a class of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.model import (
    MOST_ITEMS,
    Actor,
    Conflict,
    Forbidden,
    Invalid,
    Item,
    Kind,
    Stale,
)
from controller.admin.owning import TAKEN
from controller.admin.shapes import FIXED, KEYS
from controller.policy.records import Role
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.forms import Form, Section
from controller.web.pages.history import FIELDS
from controller.web.pages.typed import beginning_of
from controller.web.pages.words import _, said

#: So many records stand on a page of a list.
ON_PAGE: Final = 50


class Column(msgspec.Struct, frozen=True):
    """A column of a list. `switch`: on or off, said in words."""

    name: str
    label: str
    switch: bool = False


class Filter(msgspec.Struct, frozen=True):
    """What a list is filtered by. `options`: what there is; none: text.

    `telephone`: a number, or how numbers begin: what stands between its digits is left out.
    `everyone`: also by clients, who have nothing to choose between clients, say.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    everyone: bool = True
    telephone: bool = False


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """How a kind's pages look. Words are marked for translation.

    Attributes:
        kind: which.
        path: where they are: `/clients`; a record is at `/clients/of/<key>`.
        one, many: as they are called: `Client`, `Clients`.
        intro: a sentence or two above the list.
        sections: its form.
        columns: its list; the first is the link.
        filters: of its list (`shapes.FILTERS`).
        template: of its form's page; it extends `record.html`.
        list_template: of its list's page; it extends `records.html`.

    """

    kind: Kind
    path: str
    one: str
    many: str
    sections: tuple[Section, ...]
    columns: tuple[Column, ...]
    intro: str = ""
    filters: tuple[Filter, ...] = ()
    template: str = "record.html"
    list_template: str = "records.html"


class RecordPages:
    """The pages of a kind. `more` and `more_of_list` are for classes that have more to show."""

    def __init__(self, look: Look, desks: Desks) -> None:
        self.look = look
        self.desks = desks

    def register(self, app: Flask) -> None:
        """Add the views."""
        look, name = self.look, self.look.kind.value
        fields = [field for section in look.sections for field in section.fields]
        app.extensions.setdefault(FIELDS, {})[name] = {field.name: field for field in fields}
        for endpoint, path, method, view in (
            ("list", look.path, "GET", self.list),
            ("new", f"{look.path}/new", "GET", self.new),
            ("make", f"{look.path}/new", "POST", self.make),
            ("edit", f"{look.path}/of/<path:key>", "GET", self.edit),
            ("save", f"{look.path}/of/<path:key>", "POST", self.save),
        ):
            app.add_url_rule(path, f"{name}.{endpoint}", view, methods=[method])

    # --- what a kind may have besides ---------------------------------------------------------

    def more(self, item: Item | None) -> dict[str, Any]:
        """Give what its form's template is given besides; `item` None: a new one."""
        return {}

    def more_of_list(self, items: Sequence[Item]) -> dict[str, Any]:
        """Give what its list's template is given besides."""
        return {}

    def given(self, values: dict[str, Any]) -> dict[str, Any]:
        """Give what a new record is made of: what was typed, and what the address says."""
        return values

    def sections(self, item: Item | None) -> tuple[Section, ...]:
        """Give the sections of its form."""
        return self.look.sections

    def begun(self) -> dict[str, Any]:
        """Give what the form of a new one begins with, in place of the defaults."""
        return {}

    def fixed(self, item: Item) -> Mapping[str, str]:
        """Give which fields cannot be changed, beside those that never can, and why."""
        return {}

    def lists(self) -> Mapping[str, Iterable[tuple[str, str]]]:
        """Give what is offered while fields are typed, by `Field.suggestions`, with its words."""
        return {}

    def may_remove(self, item: Item) -> bool:
        """Whether whoever asks may remove it; whether it is used the desk says."""
        return _may_make(self.look.kind)

    # --- views --------------------------------------------------------------------------------

    def list(self) -> str:
        """Show a page of records."""
        self._check_seen()
        typed = {f.name: request.args.get(f.name, "").strip() for f in self.look.filters}
        asked = {name: _read(value) for name, value in typed.items() if value}
        for name in (f.name for f in self.look.filters if f.telephone and typed[f.name]):
            asked[name] = beginning_of(typed[name])
        after = request.args.get("after") or None
        error = ""
        try:
            page = self.desks.run(
                self.desks.directory.list,
                actor(),
                self.look.kind,
                asked,
                after=after,
                limit=ON_PAGE,
            )
            items, following = page.items, page.next
        except Invalid as wrong:
            items, following, error = (), None, self._of_filter(str(wrong))
        filtered = {name: value for name, value in typed.items() if value}
        behind = urlencode({**filtered, "after": following or ""})
        return render_template(
            self.look.list_template,
            look=self.look,
            items=items,
            said=typed,
            error=error,
            following=f"{self.look.path}?{behind}" if following else "",
            first=after is None,
            beginning=f"{self.look.path}?{urlencode(filtered)}" if filtered else self.look.path,
            may_make=_may_make(self.look.kind),
            path_of=self.path_of,
            **self.more_of_list(items),
        )

    def new(self) -> str:
        """Show an empty form."""
        rights.may_make(actor(), self.look.kind)
        return self._page(None, self._form(None))

    def make(self) -> Answer:
        """Make a record of what was sent."""
        rights.may_make(actor(), self.look.kind)
        form = self._form(None)
        values = {n: v for n, v in form.read(request.form).items() if v is not None}
        if not form.errors:
            try:
                item = self.desks.run(
                    self.desks.directory.create, actor(), self.look.kind, self.given(values)
                )
            except (Invalid, Conflict, Forbidden) as wrong:
                return self._wrong(None, form, wrong)
            return redirect(f"{self.path_of(item.key)}?done=made", 303)
        return self._wrong(None, form, None)

    def edit(self, key: str) -> str:
        """Show the form of a record."""
        item = self._get(key)
        return self._page(item, self._form(item))

    def save(self, key: str) -> Answer:
        """Change a record as was sent, or remove it."""
        item = self._get(key)
        version = read_version(request.form.get("version", ""))
        if request.form.get("do") == "remove":
            return self._remove(item, version)
        form = self._form(item)
        patch = form.read(request.form)
        if form.errors:
            return self._wrong(item, form, None)
        if not patch:
            return redirect(f"{self.path_of(key)}?done=nothing", 303)
        try:
            self.desks.run(
                self.desks.directory.change, actor(), self.look.kind, key, patch, version=version
            )
        except (Invalid, Conflict, Forbidden, Stale) as wrong:
            return self._wrong(item, form, wrong)
        return redirect(f"{self.path_of(key)}?done=saved", 303)

    def _remove(self, item: Item, version: int | None) -> Answer:
        try:
            self.desks.run(
                self.desks.directory.delete, actor(), self.look.kind, item.key, version=version
            )
        except (Conflict, Forbidden, Stale) as wrong:
            return self._wrong(item, self._form(item), wrong)
        return redirect(f"{self.look.path}?done=removed", 303)

    # --- parts --------------------------------------------------------------------------------

    def path_of(self, key: str) -> str:
        """Give where a record is."""
        return f"{self.look.path}/of/{quote(key, safe='/+')}"

    def names(self, kind: Kind) -> Sequence[tuple[str, str]]:
        """Give the records of another kind to be chosen from, by their keys; the first ones."""
        if actor().client is not None and kind in rights.UNSCOPED_ONLY:
            return []
        page = self.desks.run(self.desks.directory.list, actor(), kind, {}, limit=MOST_ITEMS)
        return [(item.key, item.values.get("description") or "") for item in page.items]

    def _get(self, key: str) -> Item:
        return self.desks.run(self.desks.directory.get, actor(), self.look.kind, key)

    def _of_filter(self, message: str) -> str:
        """Say what is wrong with what the list is filtered by, as the filter is called."""
        name, colon, rest = message.partition(": ")
        label = next((f.label for f in self.look.filters if f.name == name), "")
        return f"{_(label)}: {said(rest)}" if colon and label else said(message)

    def _check_seen(self) -> None:
        """Check that whoever asks sees such records at all. Raises `Forbidden`."""
        if actor().client is not None and self.look.kind in rights.UNSCOPED_ONLY:
            raise Forbidden("this is the operator's; ask him")

    def _form(self, item: Item | None) -> Form:
        kind, sections = self.look.kind, self.sections(item)
        names = {field.name for section in sections for field in section.fields}
        fixed = {n: why for n in names if (why := _why_not(kind, n, item)) is not None}
        if item is None:
            return Form(kind, sections, fixed=fixed, begun=self.begun())
        never = names & {*KEYS[kind], *FIXED.get(kind, ())}
        fixed |= dict(self.fixed(item)) | dict.fromkeys(never, _("It never changes."))
        return Form(kind, sections, values=item.values, fixed=fixed)

    def _page(self, item: Item | None, form: Form, wrong: str = "", *, stale: bool = False) -> str:
        new, sections = item is None, form.shown()
        return render_template(
            self.look.template,
            look=self.look,
            item=item,
            version=request.form.get("version") or (item.version if item else ""),
            sections=sections,
            errors=form.errors,
            wrong=wrong,
            stale=stale,
            may_save=new or any(not f.fixed for s in sections for f in s.fields),
            may_remove=item is not None and self.may_remove(item),
            may_audit=not new and actor().client is None,
            path_of=self.path_of,
            lists=self.lists(),
            **self.more(item),
        )

    def _wrong(self, item: Item | None, form: Form, wrong: Exception | None) -> Response:
        """Show the form again, with what is wrong at its field, or above all of it."""
        message = "" if wrong is None or form.note(str(wrong)) else form.in_words(str(wrong))
        if item is None and isinstance(wrong, Conflict) and TAKEN in message:
            # By its key, or by whose it is: that is what is to be typed otherwise.
            names = (KEYS[self.look.kind][-1], *FIXED.get(self.look.kind, ()))
            message = "" if any(form.note(f"{name}: {message}") for name in names) else message
        form.ask_again()
        status = 409 if isinstance(wrong, Conflict | Stale) else 422
        status = 403 if isinstance(wrong, Forbidden) else status
        page = self._page(item, form, message, stale=isinstance(wrong, Stale))
        return make_response(page, status)


def may_change(who: Actor, kind: Kind, name: str, item: Item | None) -> bool:
    """Whether whoever asks may set this field."""
    if item is None:
        return rights.allowed(rights.may_make, who, kind)
    return rights.allowed(rights.may_change, who, kind, [name])


def _why_not(kind: Kind, name: str, item: Item | None) -> str | None:
    """Give why whoever asks may not set this field; None: he may. "" is for all fields alike."""
    if may_change(actor(), kind, name, item):
        return None
    return _("The operator decides this.") if actor().role is Role.CLIENT else ""


def _may_make(kind: Kind) -> bool:
    return rights.allowed(rights.may_make, actor(), kind)


def _read(text: str) -> str | bool:
    return {"true": True, "false": False}.get(text, text)


def read_version(text: str) -> int:
    """Read which version was looked at; what is none of ours stands for none that there is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
