"""G1: whoever sends a file slowly keeps nobody else's waiting, on any page that takes one."""

from __future__ import annotations

import io

import pytest
from werkzeug.test import Client as Browser

from controller.admin.model import Kind
from controller.web.api.turns import Turns
from controller.web.pages.application import COOKIE
from tests.web.pages.site import SESSIONS, Site
from tests.web.world import ADMIN


class Slow(io.BytesIO):
    """A file on its way: whether somebody else could have his turn, each time it is read."""

    def __init__(self, data: bytes, turns: Turns) -> None:
        super().__init__(data)
        self.free: list[bool] = []
        self._turns = turns

    def read(self, size: int | None = -1, /) -> bytes:
        """Read some of it."""
        with self._turns.turn():
            self.free.append(True)
        return super().read(size)


def test_g1_rates_that_come_slowly_keep_no_other_file_waiting(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: it is read first, and has its turn then."""
    monkeypatch.setattr("controller.web.api.turns.TURN_SECONDS", 0.01)
    data = b"prefix,per_minute\n+44,0.02\n"
    slow = Slow(data, site.desks.shares.imports)
    browser = Browser(site.app)
    browser.set_cookie(COOKIE, "ada")
    answer = browser.post(
        "/price-lists/import/retail?do=import",
        input_stream=slow,
        content_length=len(data),
        headers={
            "X-CSRF-Token": SESSIONS["ada"].csrf,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/octet-stream",
        },
    )
    assert answer.status_code == 200
    assert slow.free
    rates = site.world.directory.list(ADMIN, Kind.RATE, {"prefix": "+44"}).items
    assert [item.values["per_minute"] for item in rates] == [20_000]


@pytest.mark.parametrize("path", ["/price-lists/import/retail?do=import", "/callerids/import"])
def test_g1_one_has_one_file_here_at_a_time(
    site: Site, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """G1: each takes memory; somebody else's is taken meanwhile."""
    monkeypatch.setattr("controller.web.api.turns.TURN_SECONDS", 0.01)
    shared = site.desks.shares.imports

    def send() -> int:
        if path.startswith("/callerids"):
            data = io.BytesIO(b"number\n+12025550955\n")
            form = {"extension": "1001", "file": (data, "file.csv")}
            return site.post(path, form).status_code
        browser = Browser(site.app)
        browser.set_cookie(COOKIE, "ada")
        headers = {"X-CSRF-Token": SESSIONS["ada"].csrf, "Sec-Fetch-Site": "same-origin"}
        said = {"headers": headers, "content_type": "application/octet-stream"}
        return browser.post(path, data=b"prefix,per_minute\n+44,0.02\n", **said).status_code

    with shared.body("user:ada"):
        assert send() == 503
    with shared.body("user:bea"):
        assert send() == 200
