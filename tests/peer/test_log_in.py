"""O2: the first link of a real controller, and the log-in over its real server."""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import gevent
import pytest
from gevent import subprocess

from controller.app import Controller
from controller.settings import Web
from tests.peer.world import PATIENCE, World
from tests.people import OTHER, PASSWORD


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


class Visitor:
    """Somebody with a browser, which keeps the cookie."""

    def __init__(self, controller: Controller) -> None:
        self._address = controller.health.address
        self._cookie = ""

    def ask(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Ask for a page, or send a form; give the status, where to go, and the page."""
        # In a thread: the controller is here.
        found: tuple[int, str, str] = gevent.get_hub().threadpool.apply(self._ask, (path, form))
        return found

    def _ask(self, path: str, form: dict[str, str] | None) -> tuple[int, str, str]:
        headers = {"Cookie": self._cookie} if self._cookie else {}
        body = None
        if form is not None:
            body = urlencode(form)
            headers |= {
                "Sec-Fetch-Site": "same-origin",
                "Content-Type": "application/x-www-form-urlencoded",
            }
        with closing(http.client.HTTPConnection(*self._address, timeout=PATIENCE)) as connection:
            connection.request("GET" if form is None else "POST", path, body, headers)
            answer = connection.getresponse()
            page = answer.read().decode()
            answer.close()
        said = answer.getheader("Set-Cookie")
        if said is not None:
            self._cookie = said.partition(";")[0]
        return answer.status, answer.getheader("Location", ""), page


def test_o2_who_has_the_first_link_gets_in_and_others_by_their_passwords(world: World) -> None:
    controller = world.controller()
    link = controller.first_link()
    assert link is not None
    path = urlsplit(link).path
    first = Visitor(controller)
    form = {"name": "ada", "password": PASSWORD, "again": PASSWORD}
    assert first.ask(path)[0] == 200
    assert first.ask(path, form)[:2] == (303, "/first")
    assert first.ask("/users")[0] == 200
    assert Visitor(controller).ask(path, form)[0] == 404
    assert controller.first_link() is None
    other = Visitor(controller)
    assert other.ask("/users")[1] == "/login?to=%2Fusers"
    assert other.ask("/login", {"name": "ada", "password": OTHER})[0] == 403
    entered = other.ask("/login", {"name": "ada", "password": PASSWORD, "to": "/users"})
    assert entered[:2] == (303, "/users")
    assert other.ask("/users")[0] == 200
    counted = {
        sample.labels["result"]: sample.value
        for family in controller.metrics.log_ins.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    }
    assert counted == {"right": 2.0, "wrong": 1.0}


def test_o2_without_pages_there_is_nothing_to_log_in_to(world: World) -> None:
    controller = world.controller(web=Web(port=0, pages=False))
    assert controller.first_link() is None
    status, _, page = Visitor(controller).ask("/login")
    assert (status, "no such page" in page) == (404, True)


def test_o2_the_link_is_printed_and_in_no_log(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "CALLBACKD_DATA_DIR": str(tmp_path / "data"),
        "CALLBACKD_WEB__PORT": "0",
        "CALLBACKD_LISTEN__PORT": "0",
        "CALLBACKD_DRAIN_SECONDS": "0",
    }
    command = [sys.executable, "-m", "controller", "serve", "--log-level=debug"]
    log = tmp_path / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=errors)
    assert process.stdout is not None
    try:
        with gevent.Timeout(PATIENCE):
            line = process.stdout.readline().decode()
        process.terminate()
        rest = process.stdout.read()
        with gevent.Timeout(PATIENCE):
            process.wait()
    finally:
        if process.poll() is None:
            process.kill()
        process.stdout.close()
    words = line.split()
    assert line.startswith("Nobody can log in yet.")
    assert words[-1].startswith("http://127.0.0.1:")
    assert rest == b""
    assert words[-1].rpartition("/")[2].encode() not in log.read_bytes()
