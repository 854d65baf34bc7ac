"""Users: who may log in to these pages, and links by which they set their passwords."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

from flask import Flask, Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as Answer

from controller.admin import rights
from controller.admin.model import AdminError, Conflict, Invalid, Kind, Stale
from controller.admin.people_shapes import UserShown
from controller.policy.records import Role
from controller.web.pages.desks import Desks
from controller.web.pages.entering import actor
from controller.web.pages.fields import Field, FormField, FormSection, Section, Typed, Widget
from controller.web.pages.login import at_field
from controller.web.pages.records import read_version
from controller.web.pages.typed import typed_by, typed_of, value_of
from controller.web.pages.words import N_, said

PATH: Final = "/users"
#: So many stand on a page, and so many clients are offered while one is typed.
ON_PAGE: Final = 50
OFFERED: Final = 500

ROLES: Final = (
    (Role.ADMIN.value, N_("Administrator: sees and changes everything")),
    (Role.READ_ONLY.value, N_("Reader: sees, and changes nothing")),
    (Role.CLIENT.value, N_("Client: sees and changes what is one client's, as far as he may")),
)
_NAME: Final = Field(
    name="name",
    label=N_("Name"),
    help=N_("What he logs in with: small letters, digits, _ . @ and -. It never changes."),
)
_FIELDS: Final = (
    Field(
        name="role",
        label=N_("Role"),
        help=N_("What he may do. A change counts within seconds, also for who is logged in."),
        widget=Widget.CHOICE,
        options=ROLES,
    ),
    Field(
        name="client",
        label=N_("Client"),
        help=N_("Whose records alone he sees; empty: all. An administrator has none."),
        suggestions="list-clients",
    ),
    Field(
        name="enabled",
        label=N_("Enabled"),
        help=N_("Off: he cannot log in, and is logged out everywhere within seconds."),
        widget=Widget.CHECK,
    ),
)
NEW: Final = Section(name="user", title=N_("Who it is"), fields=(_NAME, *_FIELDS))
OLD: Final = Section(name="user", title=N_("Who it is"), fields=_FIELDS)
_BEGUN: Final = {"role": Role.READ_ONLY.value, "enabled": True}


class UserPages:
    """The pages of users: for administrators alone, as their desk sees to."""

    def __init__(self, desks: Desks) -> None:
        self._people = desks.people
        self._directory = desks.directory
        self._run = desks.run

    def register(self, app: Flask) -> None:
        """Add the views."""
        for endpoint, path, method, view in (
            ("list", PATH, "GET", self.list),
            ("new", f"{PATH}/new", "GET", self.new),
            ("make", f"{PATH}/new", "POST", self.make),
            ("edit", f"{PATH}/of/<name>", "GET", self.edit),
            ("save", f"{PATH}/of/<name>", "POST", self.save),
        ):
            app.add_url_rule(path, f"user.{endpoint}", view, methods=[method])

    def list(self) -> str:
        """Show a page of users."""
        after = request.args.get("after") or None
        page = self._run(self._people.list, actor(), after=after, limit=ON_PAGE)
        return render_template(
            "users.html",
            users=page.items,
            first=after is None,
            following=f"{PATH}?{urlencode({'after': page.next})}" if page.next else "",
            path_of=path_of,
        )

    def new(self) -> Answer:
        """Show an empty form."""
        rights.may_keep_users(actor())
        return self._form(None, _BEGUN)

    def make(self) -> Answer:
        """Make a user, and show his link, once."""
        rights.may_keep_users(actor())
        values = _read(NEW)
        try:
            user, secret = self._run(
                self._people.make, actor(), {n: v for n, v in values.items() if v is not None}
            )
        except Invalid as wrong:
            return self._form(None, values, wrong)
        except Conflict as wrong:
            # The name is somebody's.
            return self._form(None, values, Conflict(f"name: {wrong}"))
        return self._link(user, secret)

    def edit(self, name: str) -> Answer:
        """Show a user."""
        return self._form(self._run(self._people.get, actor(), name), None)

    def save(self, name: str) -> Answer:
        """Change a user, or do something with his log-in."""
        user = self._run(self._people.get, actor(), name)
        version = read_version(request.form.get("version", ""))
        try:
            match request.form.get("do", ""):
                case "link":
                    return self._link(user, self._run(self._people.link, actor(), name))
                case "no-code":
                    self._run(self._people.take_totp, actor(), name)
                case "end":
                    self._run(self._people.end_sessions, actor(), name)
                case "remove":
                    self._run(self._people.remove, actor(), name, version=version)
                    return redirect(f"{PATH}?done=removed", 303)
                case _:
                    changed = self._run(
                        self._people.change, actor(), name, _read(OLD), version=version
                    )
                    same = changed.version == user.version
                    return redirect(f"{path_of(name)}?done={'nothing' if same else 'saved'}", 303)
        except (Invalid, Conflict, Stale) as wrong:
            return self._form(user, _read(OLD) or None, wrong)
        return redirect(f"{path_of(name)}?done=saved", 303)

    def _form(
        self, user: UserShown | None, values: dict[str, Any] | None, wrong: AdminError | None = None
    ) -> Response:
        section = NEW if user is None else OLD
        names = tuple(field.name for field in section.fields)
        field, message = at_field(said(str(wrong or "")), names)
        if values is None:
            assert user is not None
            values = {name: getattr(user, name) for name in names}
        shown = tuple(
            FormField(
                field=one,
                typed=_typed(one, values),
                error=message if one.name == field else "",
            )
            for one in section.fields
        )
        page = render_template(
            "user.html",
            user=user,
            section=FormSection(section, shown),
            clients=self._clients(),
            version=request.form.get("version") or (user.version if user else ""),
            wrong="" if field else message,
            stale=isinstance(wrong, Stale),
            path_of=path_of,
        )
        status = 200
        if wrong is not None:
            status = 409 if isinstance(wrong, Conflict | Stale) else 422
        return make_response(page, status)

    def _link(self, user: UserShown, secret: str) -> Response:
        link = f"{request.url_root}welcome/{secret}"
        page = render_template("user_link.html", user=user, link=link, path_of=path_of)
        return make_response(page)

    def _clients(self) -> tuple[str, ...]:
        page = self._run(self._directory.list, actor(), Kind.CLIENT, limit=OFFERED)
        return tuple(item.key for item in page.items)


def path_of(name: str) -> str:
    """Give where a user is."""
    return f"{PATH}/of/{quote(name, safe='@')}"


def _read(section: Section) -> dict[str, Any]:
    """Read what was sent, as the desk takes it."""
    found = {field: typed_by(field, request.form) for field in section.fields}
    return {f.name: value_of(f, typed) for f, typed in found.items() if typed is not None}


def _typed(field: Field, values: dict[str, Any]) -> Typed:
    return typed_of(field, values.get(field.name))
