"""Forms as browsers have them: what stands in the fields of a page, to be sent back."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from controller.admin.model import Kind
from controller.admin.shapes import INPUTS
from controller.web.pages.records import Look
from tests.web.pages.site import Site
from tests.web.world import ADMIN


class _Fields(HTMLParser):
    """Collects what a browser would send of the form whose class is `record`."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._in_form = False
        self._off = 0
        self._fieldsets: list[bool] = []
        self._select = ""
        self._option: tuple[str, bool] | None = None
        self._first: str | None = None
        self._chosen: list[str] = []
        self._area = ""
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said: dict[str, Any] = dict(attrs)
        if tag == "form":
            self._in_form = "record" in (said.get("class") or "").split()
        if not self._in_form:
            return
        name, off = said.get("name"), "disabled" in said or any(self._fieldsets)
        if tag == "fieldset":
            self._fieldsets.append("disabled" in said)
        elif tag == "input" and name and not off:
            if said.get("type") in ("checkbox", "radio") and "checked" not in said:
                return
            self._add(name, said.get("value") or "")
        elif tag == "select" and name and not off:
            self._select, self._first, self._chosen = name, None, []
        elif tag == "option" and self._select:
            value = said.get("value") or ""
            if self._first is None:
                self._first = value
            if "selected" in said:
                self._chosen.append(value)
        elif tag == "textarea" and name and not off:
            self._area, self._text = name, []

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_form = False
        elif tag == "fieldset" and self._fieldsets:
            self._fieldsets.pop()
        elif tag == "select" and self._select:
            self._add(self._select, (self._chosen or [self._first or ""])[-1])
            self._select = ""
        elif tag == "textarea" and self._area:
            # The line after the tag is not part of it, and browsers end lines as mail does.
            text = "".join(self._text).removeprefix("\n").replace("\n", "\r\n")
            self._add(self._area, text)
            self._area = ""

    def _add(self, name: str, value: str) -> None:
        self.found.setdefault(name, []).append(value)


def fields(page: str) -> dict[str, list[str]]:
    """Give what stands in the fields of a record's form, as it would be sent."""
    parser = _Fields()
    parser.feed(page)
    return parser.found


def check_whole(look: Look, *, but: tuple[str, ...] = ()) -> None:
    """Check that a form has every field that a record is made of, each with its sentence."""
    shown = {field.name: field for section in look.sections for field in section.fields}
    assert set(shown) == set(INPUTS[look.kind].__struct_fields__) - set(but)
    for field in shown.values():
        assert field.label
        assert field.help.endswith((".", "?")), field.name


def check_unchanged(site: Site, path: str, kind: Kind, key: str) -> None:
    """Check that a form which is sent back as it was shown changes nothing."""
    before = site.world.directory.get(ADMIN, kind, key)
    page = site.get(path)
    assert page.status_code == 200, page.text
    sent = fields(page.text)
    assert sent["version"] == [str(before.version)]
    answer = site.post(path, {**sent, "do": "save"})
    assert answer.status_code == 303, answer.text
    assert answer.location.endswith("?done=nothing")
    assert site.world.directory.get(ADMIN, kind, key) == before
