"""The page of live calls, and its stream over the real server (O2)."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import update

from controller.store import schema
from controller.web.pages.application import COOKIE
from tests.live_calls import put
from tests.web.pages.site import SESSIONS, Site, served
from tests.web.server import PATIENCE, Running
from tests.web.world import World


def text(html: str) -> str:
    """Give the words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


# --- the page ----------------------------------------------------------------------------------


def test_o2_each_call_says_what_it_is_at_in_words(site: Site) -> None:
    world = site.world
    for which, state in enumerate(("calling", "menu", "dialling", "talking"), 100):
        put(world.engine, which, state, extension="1001", now=world.now)
    page = text(site.get("/live").text)
    for words in (
        "Waiting",
        "Ringing",
        "Answered: in the menu",
        "Calling +442000000102",
        "Talking with +442000000103",
        "switch fs1, controller one",
        "1\N{EN DASH}6 of 6",
    ):
        assert words in page, words


def test_o2_an_extension_that_cannot_be_read_keeps_nobody_from_live_calls(site: Site) -> None:
    """A newer release wrote it, say; nor is anybody led to the first set-up then."""
    with site.world.engine.begin() as connection:
        connection.execute(update(schema.extension).values(policy="{"))
    put(site.world.engine, 100, "talking", extension="1001", now=site.world.now)
    for _ in range(2):
        answer = site.get("/live")
        assert answer.status_code == 200
        assert "Talking with" in text(answer.text)


def test_o2_how_often_it_was_tried_is_counted_as_people_do(site: Site) -> None:
    world = site.world
    for which, count in ((100, 1), (101, 2)):
        put(
            world.engine, which, "pending", extension="1001", now=world.now,
            outcome="busy", attempts=count, joined=count,
        )  # fmt: skip
    page = text(site.get("/live").text)
    assert "Called 1 time so far. Asked for 1 more time." in page
    assert "Called 2 times so far. Asked for 2 more times." in page


def test_o2_credit_that_is_left_and_how_long_it_pays_for(site: Site) -> None:
    world = site.world
    put(world.engine, 100, "talking", extension="1001", now=world.now, account=world.acme_account)
    page = site.get("/live").text
    assert "5.00 EUR left" in text(page)
    assert "0.25 EUR held" in text(page)
    until = (world.now - 75_000_000 + 300_000_000) // 1000
    assert f'data-until="{until}" data-words="pays for {{}} more"' in page


def test_o2_a_client_sees_his_own_calls_and_no_switch(site: Site) -> None:
    world = site.world
    put(world.engine, 100, "talking", extension="1001", now=world.now)
    put(world.engine, 101, "talking", extension="2001", now=world.now)
    page = site.get("/live", "acme").text
    assert "+12000000100" in page
    assert "+12000000101" not in page
    for word in ("2001", "fs1", "controller", "pstn", "bolt"):
        assert word not in page, word
    assert "+12000000101" not in site.get("/live?extension=2001", "acme").text


def test_o2_who_changes_nothing_is_offered_nothing(site: Site) -> None:
    world = site.world
    put(world.engine, 100, "talking", extension="1001", now=world.now)
    assert "Hang up" in site.get("/live", "acme").text
    page = site.get("/live", "rod").text
    assert "Hang up" not in page
    assert '<form id="act"' not in page


def test_o2_filters_stand_in_the_address(site: Site) -> None:
    world = site.world
    put(world.engine, 100, "talking", extension="1001", now=world.now)
    page = site.get("/live?view=answered&number=%2B1+(200)+000-0100").text
    assert "1\N{EN DASH}1 of 1" in page
    assert "/live/events?view=answered&amp;number=%2B12000000100" in page


@pytest.mark.parametrize(
    "query",
    ["view=%00", "number=%3Cscript%3E", "page=-1", f"page=000000001{'9' * 20}", "extension=a"],
)
def test_what_cannot_be_asked_for_is_said_and_escaped(site: Site, query: str) -> None:
    page = site.get(f"/live?{query}")
    assert page.status_code == 422
    assert "<script>" not in page.text.replace('<script src="', "")
    assert 'role="alert"' in page.text
    assert site.get(f"/live/events?{query}").status_code == 422


def test_hostile_text_is_text(site: Site) -> None:
    """What a trunk, or another controller, said is shown as it is, and runs nowhere."""
    world = site.world
    put(
        world.engine, 100, "calling", extension="1001", now=world.now,
        holder="<img src=x onerror=alert(1)>", caller=None,
    )  # fmt: skip
    page = site.get("/live").text
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_o2_who_is_not_logged_in_is_led_to_the_log_in(site: Site) -> None:
    for path in ("/live", "/live/events"):
        answer = site.get(path, None)
        assert answer.status_code == 303
        assert answer.location.startswith("/login")


# --- the stream --------------------------------------------------------------------------------


class Watcher:
    """A browser that watches, over the real server."""

    def __init__(self, server: Running, who: str, query: str = "") -> None:
        self._socket = socket.create_connection(server.address, timeout=PATIENCE)
        head = f"GET /live/events{query} HTTP/1.0\r\nHost: x\r\nCookie: {COOKIE}={who}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split(b" ")[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value

    def hear(self) -> tuple[str, dict[str, Any]]:
        """Wait for an event that says more than that somebody is there."""
        said: dict[str, bytes] = {}
        while True:
            line = self._file.readline()
            assert line, "the stream has ended"
            if line == b"\n" and said.get("event") == b"alive":
                said = {}
            elif line == b"\n" and "event" in said:
                return said["event"].decode(), msgspec.json.decode(said["data"])
            name, _, value = line.rstrip(b"\n").partition(b": ")
            said[name.decode()] = value

    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self._file.read() == b""

    def close(self) -> None:
        """Go away."""
        self._file.close()
        self._socket.close()


@contextmanager
def watching(server: Running, who: str = "ada", query: str = "") -> Iterator[Watcher]:
    """Watch."""
    made = Watcher(server, who, query)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def server(world: World) -> Iterator[Running]:
    """The pages over a world, by the real server."""
    with served(world) as running:
        yield running


def test_o2_a_call_that_begins_is_sent_and_nothing_else(world: World, server: Running) -> None:
    with watching(server) as watcher:
        assert watcher.status == 200
        assert watcher.headers["content-type"].startswith("text/event-stream")
        assert watcher.headers["cache-control"] == "no-store"
        assert "script-src 'self'" in watcher.headers["content-security-policy"]
        name, first = watcher.hear()
        assert name == "whole"
        assert len(first["order"]) == 2
        id_ = put(world.engine, 100, "talking", extension="1001", now=world.now)
        name, news = watcher.hear()
        assert name == "change"
        assert list(news["rows"]) == [id_]
        assert set(news["order"]) == {id_, *first["order"]}
        assert news["facts"]["answered"] == "1"
        assert "settling" not in news["facts"]
        assert "Talking with" in news["rows"][id_]


def test_o2_a_client_is_sent_his_own_calls_only(world: World, server: Running) -> None:
    with watching(server, "acme") as watcher, watching(server, "bolt", "?view=answered") as other:
        _, mine = watcher.hear()
        assert [world.acme_callback] == mine["order"]
        assert world.bolt_callback not in str(mine)
        assert other.hear()[1]["order"] == []
        put(world.engine, 100, "menu", extension="2001", now=world.now)
        id_ = put(world.engine, 101, "menu", extension="1001", now=world.now)
        _, news = watcher.hear()
        assert list(news["rows"]) == [id_]
        assert "fs1" not in str(news)


def test_o2_a_session_that_ends_ends_its_stream(
    world: World, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.web.pages.live_watching.CHECKED", 0.0)
    with watching(server, "acme") as watcher:
        watcher.hear()
        monkeypatch.delitem(SESSIONS, "acme")
        name = "change"
        while name == "change":
            name, _ = watcher.hear()
        assert name == "out"
        assert watcher.is_over()
        with watching(server, "acme") as again:
            assert again.status == 303


def test_o2_the_windows_of_one_user_are_bounded(server: Running) -> None:
    """Eight of them; somebody else still watches."""
    many = [Watcher(server, "ada") for _ in range(8)]
    try:
        for one in many:
            assert one.hear()[0] == "whole"
        with watching(server, "ada") as refused:
            assert refused.status == 503
        with watching(server, "acme") as other:
            assert other.status == 200
    finally:
        for one in many:
            one.close()
