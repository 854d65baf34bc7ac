"""O2: pages that change by themselves, where what they watch goes away, or is there again."""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import Pages
from tests.browser.window import Window
from tests.web.world import ADMIN

#: An EventSource that a test speaks through: `streams` has all that were begun.
_STREAMS: Final = """
window.streams = [];
window.EventSource = class extends EventTarget {
  static CLOSED = 2;
  constructor() { super(); this.readyState = 1; window.streams.push(this); }
  close() { this.readyState = 2; }
  say(name, data) {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data ?? {}) }));
  }
};
window.unseen = (hidden) => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""
_OPEN: Final = "() => streams.filter((one) => one.readyState !== 2).length"


@pytest.fixture
def window(pages: Pages) -> Window:
    """The live page, with a clock and a stream of the test's."""
    window = pages.window()
    window.page.add_init_script(_STREAMS)
    window.page.clock.install()
    window.open("/live")
    window.page.evaluate("() => streams[0].say('whole', { now: Date.now(), facts: {} })")
    return window


def test_o2_who_hears_nothing_any_more_says_so_and_asks_anew(window: Window) -> None:
    """A machine that slept, a way that was lost: the browser itself may notice neither."""
    words = window.page.locator("#live-status .words")
    expect(words).to_have_text("up to date")
    window.page.clock.run_for(30_000)
    window.page.evaluate("() => streams[0].say('alive')")
    window.page.clock.run_for(30_000)
    assert window.page.evaluate("() => streams.length") == 1
    expect(words).to_have_text("up to date")
    window.page.clock.run_for(20_000)
    expect(words).to_have_text("reconnecting…")
    assert window.page.evaluate("() => streams.length") == 2
    assert window.page.evaluate(_OPEN) == 1


def test_o2_a_window_that_nobody_sees_watches_nothing(window: Window) -> None:
    """Or six of them take all the connections that a browser has to one server."""
    window.page.evaluate("() => unseen(true)")
    assert window.page.evaluate(_OPEN) == 0
    window.page.clock.run_for(60_000)
    assert window.page.evaluate(_OPEN) == 0
    window.page.evaluate("() => unseen(false)")
    assert window.page.evaluate(_OPEN) == 1


def test_o2_a_picture_of_some_seconds_ago_does_not_set_the_clock_back(window: Window) -> None:
    """Of many calls pictures are made less often: who comes later is given an older one."""
    row = '<tr id="call-x" data-id="x"><th><span class="tick" data-until="{}" data-words="in {{}}"'
    row += ' data-over="now"></span></th></tr>'
    said = """(row) => {
      const now = Date.now();
      const made = row.replace("{}", now + 60000).replace("{{}}", "{}");
      streams[0].say("change", { now: now - 12000, rows: { x: made }, order: ["x"] });
      return document.querySelector(".tick").textContent;
    }"""
    # Twelve seconds more it would be; one may begin or end between the two clocks.
    assert window.page.evaluate(said, row) in ("in 1 min 1 s", "in 1 min", "in 59 s")


def test_o2_what_was_confirmed_is_done_though_its_row_has_gone_meanwhile(
    pages: Pages, window: Window
) -> None:
    """Newer calls take its place on the page while somebody reads the question."""
    id_ = pages.world.acme_callback
    window.page.click(f"#call-{id_} button")
    dialog = window.page.locator("#dialog")
    expect(dialog.get_by_role("button")).to_have_text(["Yes", "No"])
    window.page.evaluate("() => streams[0].say('change', { now: Date.now(), order: [] })")
    expect(window.page.locator("#live-rows tr")).to_have_count(0)
    dialog.get_by_role("button", name="Yes").click()
    window.page.wait_for_url("**done=cancelled")


def test_o2_what_cannot_be_had_is_said_once_until_it_can(pages: Pages) -> None:
    """The page of nodes asks every few seconds: it does not fill with alerts meanwhile."""
    window = pages.window()
    window.expected = {503}
    window.page.clock.install()
    window.open("/nodes")
    asked = []

    def away(route: Route) -> None:
        asked.append(1)
        route.fulfill(status=503, body="<p>The database is away.</p>")

    alerts = window.page.locator("#main").get_by_role("alert")
    window.page.route("**/nodes/now*", away)
    for count in (1, 2):
        window.page.clock.run_for(5_100)
        expect(alerts).to_have_text(["The database is away."])
        window.settle()
        assert len(asked) >= count
    window.page.unroute("**/nodes/now*")
    window.page.route("**/nodes/now*", lambda route: route.abort())
    window.page.clock.run_for(5_100)
    expect(alerts).to_have_text(["The service cannot be reached: what stands here may be old."])
    window.settle()
    window.page.unroute("**/nodes/now*")
    window.page.clock.run_for(5_100)
    expect(alerts).to_have_count(0)
    # htmx writes what fails to the console; that was meant.
    assert all("/nodes/now" in fault or "htmx" in fault for fault in window.faults), window.faults
    window.faults.clear()


@pytest.mark.parametrize("how", ["the stream says so", "it is asked why it was refused"])
def test_o2_who_is_logged_out_comes_to_the_log_in_and_sends_nothing_again(
    pages: Pages, window: Window, how: str
) -> None:
    """Also where the page is what came of a button: its form is not sent a second time."""
    window.expected = {409}
    id_ = pages.world.acme_callback
    button = window.page.locator(f"#call-{id_} button")
    pages.world.callbacks.cancel(ADMIN, id_)
    button.click()
    window.page.locator("#dialog").get_by_role("button", name="Yes").click()
    expect(window.page.locator("main").get_by_role("alert")).to_be_visible()
    asked: list[str] = []
    window.page.on("request", lambda request: asked.append(request.method))
    window.context.clear_cookies()
    if how == "the stream says so":
        window.page.evaluate("() => streams[0].say('out')")
    else:
        window.page.evaluate("() => { streams[0].close(); streams[0].say('error'); }")
        window.page.clock.run_for(6_000)
    window.page.wait_for_url("**/login?to=%2Flive")
    assert "POST" not in asked


def test_o2_a_page_that_says_what_was_not_done_is_loaded_anew_as_itself(
    pages: Pages, window: Window
) -> None:
    """By whoever presses F5: he is not asked whether he wants to send his form again."""
    window.expected = {409}
    id_ = pages.world.acme_callback
    button = window.page.locator(f"#call-{id_} button")
    pages.world.callbacks.cancel(ADMIN, id_)
    button.click()
    window.page.locator("#dialog").get_by_role("button", name="Yes").click()
    expect(window.page.locator("main").get_by_role("alert")).to_be_visible()
    assert window.page.url == f"{window.address}/live"
    window.page.reload()
    expect(window.page.locator("main").get_by_role("alert")).to_have_count(0)
