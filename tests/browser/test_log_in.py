"""O2: logging in with an authenticator, in a browser, by the pages' own doorkeeper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, expect

from controller.admin.people_shapes import MINUTE, SECOND
from controller.store.database import Away
from controller.web.pages.application import create_pages
from controller.web.pages.every import every_page
from tests.browser.conftest import Pages, copied
from tests.browser.pictures import take
from tests.browser.window import LOOKS, WIDE, Window
from tests.people import OTHER, PASSWORD, digits
from tests.web.pages.site import Site
from tests.web.server import running
from tests.web.world import ADMIN, World


@pytest.fixture
def door(first: tuple[Path, World], tmp_path: Path, browser: Browser) -> Iterator[Pages]:
    """The pages, where nobody is logged in; there is a link by which ada sets her password."""
    faults: list[int] = []
    with copied(first, tmp_path) as world:
        site = Site(world)
        people = site.desks.people
        app = create_pages(
            site.desks,
            people,
            every_page(site.desks),
            away=Away,
            on_fault=lambda: faults.append(1),
        )
        with running(lambda _: None, pages=app) as server:
            made = Pages(site, server, browser)
            made.link = people.link(ADMIN, "ada")
            try:
                yield made
            finally:
                made.close()
    assert not faults


def press(window: Window, name: str) -> None:
    """Press a button of the page."""
    window.page.locator("main").get_by_role("button", name=name).click()


def enter(window: Window) -> None:
    """Log in by name and password."""
    window.page.fill("#name", "ada")
    window.page.fill("#password", PASSWORD)
    press(window, "Log in")


def leave(window: Window) -> None:
    """Log out."""
    window.page.locator("header details.who summary").click()
    window.page.get_by_role("button", name="Log out").click()
    window.page.wait_for_url("**/login")


def looks(window: Window, name: str) -> None:
    """Look at a page at each width and in each colour, and make its pictures."""
    for width, scheme, picture in LOOKS:
        window.show(width, scheme)
        assert (window.too_wide(), window.axe()) == ([], "")
        take(window.page, name + picture)
    window.show(WIDE, "light")


def test_o2_with_an_authenticator_a_code_is_asked_for(door: Pages) -> None:
    """O2: it is bound by the password, asked for after it, and stood in for once by each code."""
    window = door.window(None)
    window.expected = {403, 422}
    page = window.page
    window.open(f"/welcome/{door.link}")
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    press(window, "Set it")
    page.wait_for_url("**/live")

    # An authenticator is bound by who knows the password, and not by who finds the browser open.
    window.open("/me")
    page.get_by_role("link", name="Use an authenticator").click()
    key = page.locator("dl.facts code").inner_text().replace(" ", "")
    made = pyotp.TOTP(key)
    page.fill("#code", made.at(door.world.now // SECOND))
    page.fill("#current", OTHER)
    press(window, "Use it")
    expect(page.locator("#current-error")).to_have_text("This is not your password.")
    assert page.locator("dl.facts code").inner_text().replace(" ", "") == key
    assert window.axe() == ""
    page.fill("#code", made.at(door.world.now // SECOND))
    page.fill("#current", PASSWORD)
    press(window, "Use it")
    lost = page.locator("ul.secrets code").all_inner_texts()
    assert len(lost) == 8

    # From then on a code is asked for, and leads to where somebody wanted to go.
    leave(window)
    door.world.now += MINUTE
    window.open("/clients")
    enter(window)
    page.wait_for_url("**/login/code?to=%2Fclients")
    expect(page.locator("#code")).to_be_focused()
    looks(window, "login-code")
    code = made.at(door.world.now // SECOND)
    page.fill("#code", digits(code))
    press(window, "Log in")
    expect(page.get_by_role("alert")).to_have_text("That is not the code, or it was used already.")
    # The password alone lets nobody in.
    assert window.open("/live").url.endswith("/login?to=%2Flive")
    window.open("/login/code?to=%2Fclients")
    page.fill("#code", f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    page.wait_for_url("**/clients")

    # A lost telephone is stood in for, once.
    for used in (False, True):
        leave(window)
        enter(window)
        page.wait_for_url("**/login/code?**")
        page.fill("#code", lost[0])
        press(window, "Log in")
        if used:
            expect(page.get_by_role("alert")).to_contain_text("it was used already")
        else:
            page.wait_for_url("**/live")


def test_o2_who_waits_too_long_with_the_code_begins_again(door: Pages) -> None:
    """O2: it is said, and the log-in is there at once."""
    window = door.window(None)
    window.expected = {403}
    window.open("/login/code")
    window.page.fill("#code", "123456")
    press(window, "Log in")
    expect(window.page.get_by_role("alert")).to_have_text("That took too long. Log in again.")
    expect(window.page.locator("#password")).to_be_visible()
    assert window.axe() == ""
