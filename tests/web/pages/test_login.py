"""O2: logging in to the pages, one's own log-in, and users."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from flask import Flask
from markupsafe import escape
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from controller.admin.model import Kind
from controller.admin.people_shapes import DAY, FREE_TRIES, HOUR, MINUTE
from controller.store.database import Away
from controller.web.api.failures import MOST
from controller.web.pages.application import COOKIE, create_pages
from controller.web.pages.every import every_page
from controller.web.pages.login import MOST_AT_A_TIME, MOST_BYTES, LogInPages
from tests.people import OTHER, PASSWORD, Office, digits
from tests.seed import ADMIN
from tests.web.pages.site import Site, desks
from tests.web.world import World

HOSTILE = '"><script>alert(1)</script>'


class Door:
    """The pages with their own doorkeeper, and a browser in front of them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.office = Office(world.engine)
        self.people = self.office.people
        self.faults = 0
        made = desks(world)
        made = type(made)(
            **{
                **{name: getattr(made, name) for name in made.__struct_fields__},
                "people": self.people,
            }
        )
        parts = [part for part in every_page(made) if not isinstance(part, LogInPages)]
        self.log_in = LogInPages(made, lambda: self.office.clock)
        self.app: Flask = create_pages(
            made, self.people, [self.log_in, *parts], away=Away, on_fault=self._fault
        )
        self.browser = Browser(self.app)

    def _fault(self) -> None:
        self.faults += 1

    def get(self, path: str, **more: Any) -> TestResponse:
        """Ask for a page."""
        return self.browser.get(path, **more)

    def post(self, path: str, form: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Send a form of a page of ours, with the secret of the session where there is one."""
        return self.browser.post(
            path,
            data={"csrf": self.csrf, **(form or {})},
            headers={"Sec-Fetch-Site": "same-origin"},
            **more,
        )

    @property
    def secret(self) -> str:
        """The secret of the browser's cookie."""
        cookie = self.browser.get_cookie(COOKIE)
        return cookie.value if cookie is not None else ""

    @property
    def csrf(self) -> str:
        """What forms have to say."""
        session = self.people.session(self.secret)
        return session.csrf if session is not None else ""

    def enter(self, name: str = "ada", password: str = PASSWORD, to: str = "") -> TestResponse:
        """Log in."""
        return self.post("/login", {"name": name, "password": password, "to": to})

    def is_in(self) -> bool:
        """Whether the browser is logged in."""
        return self.get("/me").status_code == 200


@pytest.fixture
def door(world: World) -> Iterator[Door]:
    """Nobody is logged in; there is an administrator, ada."""
    made = Door(world)
    made.office.admin()
    yield made
    assert made.faults == 0


# --- logging in --------------------------------------------------------------------------------


def test_o2_who_is_not_logged_in_sees_the_log_in_and_then_what_he_wanted(door: Door) -> None:
    asked = door.get("/clients?enabled=true")
    assert asked.status_code == 303
    assert asked.location == "/login?to=%2Fclients%3Fenabled%3Dtrue"
    page = door.get(asked.location)
    assert page.status_code == 200
    assert 'value="/clients?enabled=true"' in page.text
    assert door.enter(to="/clients?enabled=true").location == "/clients?enabled=true"
    assert door.is_in()
    # Who is in has nothing to do there.
    assert door.get("/login").location == "/live"


def test_o2_where_there_is_no_page_there_is_the_menu_for_whoever_is_in(door: Door) -> None:
    assert door.enter().status_code == 303
    for page in (door.get("/nothing"), door.get("/logout")):
        assert page.status_code in (404, 405)
        assert 'action="/logout"' in page.text
    nobody = Browser(door.app).get("/nothing")
    assert nobody.status_code == 404
    assert 'action="/logout"' not in nobody.text


def test_o2_a_part_of_a_page_goes_to_the_log_in_as_a_whole(door: Door) -> None:
    answer = door.get("/history?kind=client&key=acme", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/login")
    # And comes back to it.
    for seen, to in (
        ("http://localhost/nodes?a=1", "/login?to=%2Fnodes%3Fa%3D1"),
        ("http://localhost/", "/login"),
        ("https://evil.example/x", "/login"),
        ("http://localhost.evil.example/x", "/login"),
    ):
        headers = {"HX-Request": "true", "HX-Current-URL": seen}
        assert door.get("/nodes/now", headers=headers).headers["HX-Redirect"] == to


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/\t/evil.example/",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/login",
        "/logout",
        "/welcome/x",
        "/%s" % ("x" * 3000),
        "/\u202ex",
    ],
)
def test_o2_nobody_is_sent_elsewhere_by_logging_in(door: Door, to: str) -> None:
    assert door.enter(to=to).location == "/live"


def test_o2_the_cookie_is_nobody_elses_to_read_or_send(door: Door) -> None:
    said = door.enter().headers["Set-Cookie"]
    for flag in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert flag in said
    assert said.startswith(f"{COOKIE}=")
    assert "Secure" not in said
    assert "Domain" not in said


def test_o2_behind_tls_the_cookie_is_of_this_host_alone(door: Door) -> None:
    said = door.browser.post(
        "/login",
        base_url="https://localhost/",
        data={"name": "ada", "password": PASSWORD},
        headers={"Sec-Fetch-Site": "same-origin"},
    ).headers["Set-Cookie"]
    assert said.startswith(f"__Host-{COOKIE}=")
    assert "Secure" in said
    # A cookie of the other name does nothing there: whoever is in between could have set it.
    browser = Browser(door.app)
    browser.set_cookie(COOKIE, door.people.log_in("ada", PASSWORD, "").secret)
    assert browser.get("/me", base_url="https://localhost/").status_code == 303


def test_o2_whatever_the_browser_had_the_session_is_a_new_one(door: Door) -> None:
    """Session fixation: what somebody put there does not become a log-in, and ends."""
    door.enter()
    first = door.secret
    door.enter()
    assert door.secret != first
    assert door.people.session(first) is None
    planted = "A" * 43
    door.browser.set_cookie(COOKIE, planted)
    door.enter()
    assert door.secret != planted
    assert door.people.session(planted) is None


def test_o2_name_and_password_are_wrong_together(door: Door) -> None:
    """Whichever it was."""
    pages = []
    for name in ("ada", "nobody"):
        answer = door.enter(name, OTHER)
        assert answer.status_code == 403
        pages.append(answer.text.replace(f'value="{name}"', ""))
        assert OTHER not in answer.text
    assert pages[0] == pages[1]
    assert not door.is_in()


def test_g1_what_was_typed_is_shown_as_text(door: Door) -> None:
    page = door.enter(HOSTILE, OTHER, to=HOSTILE)
    assert "<script>alert" not in page.text
    assert str(escape(HOSTILE)) in page.text


def test_o2_wrong_ones_lock_the_name(door: Door) -> None:
    for _ in range(FREE_TRIES + 1):
        assert door.enter("ada", OTHER).status_code == 403
    locked = door.enter()
    assert locked.status_code == 429
    assert locked.headers["Retry-After"] == "30"
    assert "Too many were wrong" in locked.text
    door.office.later(MINUTE)
    assert door.enter().status_code == 303


def test_o2_wrong_ones_of_many_names_lock_whoever_tries(door: Door) -> None:
    for count in range(MOST):
        door.enter(f"name{count}", OTHER)
    for path in ("/login", "/login/code", "/welcome/x"):
        answer = door.post(path, {"name": "ada", "password": PASSWORD})
        assert answer.status_code == 429, path
        assert answer.headers["Retry-After"] == "60"
    # Another address may go on.
    other = Browser(door.app).post(
        "/login",
        data={"name": "ada", "password": PASSWORD},
        headers={"Sec-Fetch-Site": "same-origin"},
        environ_overrides={"REMOTE_ADDR": "192.0.2.99"},
    )
    assert other.status_code == 303
    door.office.clock += 60.0
    assert door.enter().status_code == 303


def test_o2_of_many_who_log_in_at_once_some_wait(door: Door) -> None:
    """Hashes take memory and time: whoever rings is not kept waiting by them."""
    door.log_in._checking = MOST_AT_A_TIME
    assert door.enter().status_code == 503
    door.log_in._checking = 0
    assert door.enter().status_code == 303


@pytest.mark.parametrize("path", ["/login", "/login/code", "/welcome/x"])
def test_g1_who_sends_a_form_slowly_keeps_nobody_from_logging_in(door: Door, path: str) -> None:
    """G1: there are few places to try a password in, and none is had until the form is there."""
    form = b"name=ada&password=x&code=123456"
    had: list[int] = []

    class Slow(io.BytesIO):
        def readinto(self, room: Any, /) -> int:
            had.append(door.log_in._checking)
            return super().readinto(room)

    door.browser.post(
        path,
        input_stream=Slow(form),
        content_length=len(form),
        content_type="application/x-www-form-urlencoded",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert set(had) == {0}


@pytest.mark.parametrize("path", ["/login", "/login/code", "/welcome/x"])
def test_g1_very_many_fields_of_nobody_are_not_read(door: Door, path: str) -> None:
    """G1: reading them takes so long that calls would notice."""
    assert door.post(path, {"name": "a" * MOST_BYTES}).status_code == 413
    long = {"name": "é" * 64, "password": "é" * 200, "again": "é" * 200, "to": "/" * 2000}
    assert door.post(path, long).status_code in (403, 404)


@pytest.mark.parametrize("path", ["/login", "/login/code", "/welcome/x", "/logout", "/me/password"])
def test_g1_no_other_site_sends_a_form(door: Door, path: str) -> None:
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {},
    ):
        answer = door.browser.post(
            path, data={"name": "ada", "password": PASSWORD}, headers=headers
        )
        assert answer.status_code == 403
        assert "Set-Cookie" not in answer.headers


def test_o2_who_logs_out_is_out(door: Door) -> None:
    door.enter()
    secret = door.secret
    page = door.get("/logout")
    assert page.status_code == 405
    answer = door.post("/logout")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert door.people.session(secret) is None
    assert door.secret == ""
    assert not door.is_in()


@pytest.mark.parametrize("path", ["/live/events", "/nodes/now"])
def test_o2_a_page_that_is_left_open_keeps_nobody_logged_in(door: Door, path: str) -> None:
    """What it fetches by itself, again and again, is no use of the session."""
    door.enter()
    for _ in range(11):
        door.office.later(HOUR)
        answer = door.get(path, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        next(answer.iter_encoded())
        answer.close()
    door.office.later(HOUR)
    assert not door.is_in()


def test_o2_looking_at_a_page_keeps_its_user_logged_in(door: Door) -> None:
    door.enter()
    for _ in range(12):
        for path in ("/nodes/now", "/nodes"):
            door.office.later(HOUR)
            assert door.get(path).status_code == 200
    assert door.is_in()


# --- links -------------------------------------------------------------------------------------


def test_o2_the_first_administrator_comes_by_a_link(world: World) -> None:
    """9: and begins with the first set-up."""
    door = Door(world)
    path = f"/welcome/{door.people.first_link()}"
    page = door.get(path)
    assert "The first administrator" in page.text
    form = {"name": "boss", "password": PASSWORD, "again": PASSWORD}
    for wrong, says in (
        ({"again": OTHER}, "not the same"),
        ({"name": "<b>"}, "Small letters"),
        ({"password": "short", "again": "short"}, "12 to 200"),
    ):
        page = door.post(path, {**form, **wrong})
        assert page.status_code == 422
        assert says in page.text
        assert PASSWORD not in page.text
        assert "<b>" not in page.text
    answer = door.post(path, form)
    assert (answer.status_code, answer.location) == (303, "/first")
    assert door.is_in()
    assert door.get(path).status_code == 404


def test_o2_a_link_works_once_and_for_a_day(door: Door) -> None:
    _, secret = door.people.make(ADMIN, {"name": "nell", "role": "read_only"})
    path = f"/welcome/{secret}"
    assert "nell" in door.get(path).text
    answer = door.post(path, {"name": "ada", "password": PASSWORD, "again": PASSWORD})
    assert answer.location == "/live"
    session = door.people.session(door.secret)
    assert session is not None
    assert session.user == "nell"
    for gone in (path, "/welcome/x", "/welcome/%00", "/welcome/%ff"):
        page = door.post(gone, {"password": OTHER, "again": OTHER})
        assert page.status_code == 404
    late = door.people.link(ADMIN, "nell")
    door.office.later(DAY)
    page = door.get(f"/welcome/{late}")
    assert page.status_code == 404
    assert "does not work any more" in page.text


# --- authenticators ----------------------------------------------------------------------------


def test_o2_an_authenticator_is_added_asked_for_and_taken_away(door: Door) -> None:
    door.enter()
    page = door.get("/me/authenticator")
    assert 'src="data:image/svg+xml' in page.text
    salt = re.search(r'name="salt" value="([0-9a-f]{32})"', page.text)
    assert salt is not None
    made = pyotp.parse_uri(door.people.enrol_again("ada", salt[1]).uri)
    good = {"salt": salt[1], "code": door.office.code(made), "current": PASSWORD}
    for field, typed in (("code", digits(good["code"])), ("current", OTHER)):
        wrong = door.post("/me/authenticator", {**good, field: typed})
        assert wrong.status_code == 422
        assert f'id="{field}-error"' in wrong.text
        assert OTHER not in wrong.text
        # The same picture: it may have been taken already.
        assert salt[1] in wrong.text
    assert "Use an authenticator" in door.get("/me").text
    codes = door.post("/me/authenticator", good)
    lost = re.findall(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>", codes.text)
    assert len(lost) == 8
    door.post("/logout")
    door.office.later(MINUTE)
    half = door.enter(to="/clients")
    assert half.location == "/login/code?to=%2Fclients"
    assert not door.is_in()
    assert door.get(half.location).status_code == 200
    code = door.office.code(made)
    assert door.post("/login/code", {"code": digits(code)}).status_code == 403
    # Its parts apart, as apps show it.
    whole = door.post("/login/code", {"code": f"{code[:3]} {code[3:]}", "to": "/clients"})
    assert whole.location == "/clients"
    assert door.is_in()
    # A second time it is none, whoever types it.
    door.enter()
    assert door.post("/login/code", {"code": code}).status_code == 403
    assert door.post("/login/code", {"code": lost[0]}).location == "/live"
    assert door.post("/me/authenticator/remove", {"current": OTHER}).status_code == 422
    gone = door.post("/me/authenticator/remove", {"current": PASSWORD})
    assert gone.location == "/me?done=no_code"
    assert door.is_in()
    door.post("/logout")
    assert door.enter().location == "/live"


def test_o2_who_finds_a_browser_open_binds_no_telephone_of_his_own(door: Door) -> None:
    """Wrong passwords there count as those of the log-in do."""
    door.enter()
    enrolment = door.people.enrol("ada")
    code = door.office.code(pyotp.parse_uri(enrolment.uri))
    form = {"salt": enrolment.salt, "code": code, "current": OTHER}
    for _ in range(FREE_TRIES + 1):
        assert door.post("/me/authenticator", form).status_code == 422
    locked = door.post("/me/authenticator", {**form, "current": PASSWORD})
    assert locked.status_code == 429
    assert "Too many were wrong" in locked.text
    assert not door.people.own("ada").totp
    assert (
        Browser(door.app)
        .post(
            "/login",
            data={"name": "ada", "password": PASSWORD},
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        .status_code
        == 429
    )


def test_o2_the_code_alone_lets_nobody_in(door: Door) -> None:
    made, _ = door.office.authenticator("ada")
    door.office.later(MINUTE)
    answer = door.post("/login/code", {"code": door.office.code(made)})
    assert answer.status_code == 403
    assert "Log in again" in answer.text


# --- one's own ---------------------------------------------------------------------------------


def test_o2_one_changes_ones_password_and_stays_logged_in(door: Door) -> None:
    other = door.people.log_in("ada", PASSWORD, "").secret
    door.enter()
    good = {"old": PASSWORD, "password": OTHER, "again": OTHER}
    for wrong, says in (
        ({"old": OTHER}, "This is not your password"),
        ({"again": PASSWORD}, "not the same"),
        ({"password": "short", "again": "short"}, "12 to 200"),
    ):
        page = door.post("/me/password", {**good, **wrong})
        assert page.status_code == 422
        assert says in page.text
    assert door.post("/me/password", good).location == "/me?done=password"
    assert "Your password is changed" in door.get("/me?done=password").text
    assert door.people.session(other) is None
    assert door.enter("ada", OTHER).status_code == 303


def test_o2_one_ends_another_log_in_of_ones_own(door: Door) -> None:
    other = door.people.log_in("ada", PASSWORD, "192.0.2.33").secret
    door.enter()
    page = door.get("/me")
    assert "192.0.2.33" in page.text
    (mark,) = {
        one.mark for one in door.people.sessions("ada", door.secret) if one.peer == "192.0.2.33"
    }
    assert door.post("/me/log-ins", {"mark": mark}).location == "/me?done=ended"
    assert door.people.session(other) is None
    assert door.post("/me/log-ins", {"mark": mark}).status_code == 404
    assert door.is_in()


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/logout", {}),
        ("/me/password", {"old": PASSWORD, "password": OTHER, "again": OTHER}),
        ("/me/authenticator", {"salt": "0" * 32, "code": "000000", "current": PASSWORD}),
        ("/me/authenticator/remove", {"current": PASSWORD}),
        ("/me/log-ins", {"mark": "x"}),
        ("/users/new", {"name": "eve", "role": "admin", "enabled": "on"}),
        ("/users/of/rod", {"do": "remove"}),
    ],
)
def test_g1_a_form_without_the_secret_of_the_session_does_nothing(
    door: Door, path: str, form: dict[str, str]
) -> None:
    door.office.user("rod")
    door.enter()
    for csrf in ("", "x", door.csrf[:-1]):
        assert door.post(path, {**form, "csrf": csrf}).status_code == 403
    assert door.is_in()
    assert [one.name for one in door.people.list(ADMIN).items] == ["ada", "rod"]
    assert door.people.log_in("ada", PASSWORD, "").whole


def test_o2_nothing_secret_stands_on_a_page(door: Door, world: World) -> None:
    door.enter()
    door.office.authenticator("ada")
    found = "".join(door.get(path).text for path in ("/me", "/users", "/users/of/ada"))
    found += door.get("/history?kind=user&key=ada", headers={"HX-Request": "true"}).text
    for secret in (door.secret, "argon2", PASSWORD):
        assert secret not in found


# --- users -------------------------------------------------------------------------------------


def test_o2_a_user_is_made_changed_and_removed(door: Door) -> None:
    door.enter()
    made = door.post("/users/new", {"name": "rod", "role": "read_only", "enabled": "on"})
    assert made.status_code == 200
    link = re.search(r"http://localhost(/welcome/[\w-]{43})<", made.text)
    assert link is not None
    # Shown once.
    page = door.get("/users/of/rod")
    assert link[1] not in page.text
    assert "not set yet" in page.text
    changed = door.post(
        "/users/of/rod",
        {"version": "1", "role": "client", "client": "acme", "enabled": "on", "do": "save"},
    )
    assert changed.location == "/users/of/rod?done=saved"
    again = door.post(
        "/users/of/rod", {"version": "2", "role": "client", "client": "acme", "enabled": "on"}
    )
    assert again.location == "/users/of/rod?done=nothing"
    assert "rod" in door.get("/users").text
    history = door.get("/history?kind=user&key=rod", headers={"HX-Request": "true"})
    assert "acme" in history.text
    new = door.post("/users/of/rod", {"do": "link"})
    assert "/welcome/" in new.text
    assert door.get(link[1]).status_code == 404
    removed = door.post("/users/of/rod", {"version": "2", "do": "remove"})
    assert removed.location == "/users?done=removed"
    assert door.get("/users/of/rod").status_code == 404


def test_o2_what_is_wrong_with_a_user_stands_beside_its_field(door: Door) -> None:
    door.enter()
    for form, field in (
        ({"name": "Rod Smith", "role": "admin"}, "name"),
        ({"name": "rod", "role": "client"}, "client"),
        ({"name": "rod", "role": "admin", "client": "acme"}, "client"),
        ({"name": "rod", "role": "read_only", "client": "nobody"}, "client"),
    ):
        page = door.post("/users/new", {"client": "", "enabled": "on", **form})
        assert page.status_code == 422
        assert f'id="{field}-error"' in page.text
    for hostile in (HOSTILE, "{{7*7}}", "\u202egro.elpmaxe", "a" * 500):
        page = door.post("/users/new", {"name": hostile, "role": "admin"})
        assert page.status_code == 422
        assert "<script>alert" not in page.text
    assert door.post("/users/new", {"name": "ada", "role": "admin"}).status_code == 409
    assert door.post("/users/of/ada", {"version": "9", "role": "admin"}).status_code == 409


def test_o2_the_last_administrator_stays(door: Door) -> None:
    door.enter()
    version = str(door.people.get(ADMIN, "ada").version)
    for form in (
        {"do": "remove"},
        {"role": "admin", "client": "", "enabled": ""},
        {"role": "read_only", "client": "", "enabled": "on"},
    ):
        page = door.post("/users/of/ada", {"version": version, **form})
        assert page.status_code == 409
        assert "last administrator" in page.text
    assert door.is_in()


def test_o2_an_administrator_helps_who_lost_his_authenticator(door: Door) -> None:
    door.office.user("rod")
    door.office.authenticator("rod")
    secret = door.people.log_in("rod", PASSWORD, "").secret
    door.enter()
    assert "Take the authenticator away" in door.get("/users/of/rod").text
    door.post("/users/of/rod", {"do": "no-code"})
    assert door.people.session(secret) is None
    secret = door.people.log_in("rod", PASSWORD, "").secret
    door.post("/users/of/rod", {"do": "end"})
    assert door.people.session(secret) is None


def test_o2_a_role_that_changes_counts_at_once(door: Door) -> None:
    door.office.user("rod")
    door.enter("rod")
    assert "bolt" in door.get("/clients").text
    door.people.change(ADMIN, "rod", {"role": "client", "client": "acme"})
    assert "bolt" not in door.get("/clients").text
    door.people.change(ADMIN, "rod", {"enabled": False})
    assert not door.is_in()


@pytest.mark.parametrize("who", ["rod", "acme"])
def test_o2_nobody_else_reaches_users(site: Site, who: str) -> None:
    """Who only looks, and a client: neither by the menu nor by the path."""
    assert 'href="/users"' not in site.get("/clients", who).text
    assert 'href="/users"' in site.get("/clients").text
    for path in ("/users", "/users/new", "/users/of/ada", f"/users/of/{who}", "/users/of/nobody"):
        assert site.get(path, who).status_code == 403
    for path in ("/users/new", "/users/of/ada", f"/users/of/{who}"):
        form = {"name": "eve", "role": "admin", "enabled": "on"}
        for do in ("save", "link", "remove", "no-code", "end"):
            assert site.post(path, {**form, "do": do}, who).status_code == 403
    users = site.desks.people.list(ADMIN).items
    assert [one.name for one in users] == ["acme", "ada", "bolt", "rod"]


def test_o2_a_client_with_a_user_is_not_removed(door: Door) -> None:
    door.enter()
    door.world.make(Kind.CLIENT, name="corner")
    door.people.make(ADMIN, {"name": "cora", "role": "client", "client": "corner"})
    page = door.post("/clients/of/corner", {"version": "1", "do": "remove"})
    assert page.status_code == 409
    assert "the user cora uses it" in page.text
