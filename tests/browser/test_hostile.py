"""G1, O2: nothing that comes from outside runs on a page, or becomes more of it than text.

Tried in a real browser: what was stored, whatever way it came; what addresses say; what other
sites would have a browser send.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from controller.admin.model import Kind, NotFound
from controller.web.pages.guarding import POLICY
from tests import abuse
from tests.browser.conftest import Pages
from tests.browser.poison import LONG, poison
from tests.browser.window import Window
from tests.web.pages.routes import NO_PAGES, STREAMS, path_of, rules
from tests.web.pages.site import SESSIONS
from tests.web.world import ADMIN

#: What of a page would be of somebody's text, and not of ours.
_INJECTED: Final = """() => [...document.querySelectorAll(
  '[id^=xss], script:not([src]), iframe, object, embed, base, [onerror], [onload], ' +
  'img:not([src^="data:"]), [onclick], [onfocus], [style], ' +
  'a[href^="javascript:" i], form[action^="http"]'
)].map((e) => e.outerHTML.slice(0, 200))"""


def check_only_text(window: Window) -> None:
    """Check that nothing ran, and that there is no element of somebody's making."""
    assert window.page.evaluate("window.__hit") is None
    assert window.page.evaluate(_INJECTED) == []
    assert window.asked == []
    window.check()


def test_g1_what_is_stored_is_text_on_every_page(pages: Pages, subtests: pytest.Subtests) -> None:
    """G1: on each page that there is, and in what is loaded into it."""
    told = poison(pages.world)
    window = pages.window()
    opened = pages.site.app.extensions["open"]
    paths = {
        str(rule.endpoint): path_of(pages.site, rule, "acme")
        for rule in rules(pages.site, "GET")
        if rule.endpoint not in opened and rule.endpoint not in NO_PAGES
    }
    shown = 0
    for name, path in {**paths, "callback.talked": f"/callbacks/{told}"}.items():
        with subtests.test(name):
            window.faults.clear()
            assert window.open(path).status == 200
            window.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            window.settle()
            for details in window.page.locator("details:not([open]) > summary").all()[:20]:
                if details.is_visible():
                    details.click()
            check_only_text(window)
            shown += window.page.evaluate(
                "document.body.textContent.includes('window.__hit=2') ||"
                "[...document.querySelectorAll('input, textarea')]"
                ".some((e) => e.value.includes('window.__hit=2'))"
            )
    # It was to be seen, or this would prove nothing.
    assert shown > 20


def test_g1_a_field_is_filled_with_what_is_stored_and_no_more(pages: Pages) -> None:
    poison(pages.world)
    window = pages.window()
    window.open("/callerids/of/1001/+12025550310")
    assert window.page.input_value("[name=notes]") == LONG
    window.page.fill("[name=notes]", LONG + "!")
    window.page.click("button[value=save]")
    window.page.wait_for_url("**?done=saved")
    assert window.page.input_value("[name=notes]") == LONG + "!"
    check_only_text(window)


def test_g1_what_an_address_says_is_text(pages: Pages) -> None:
    """G1: names, numbers and digits of the abuse cases; nothing of it is a fault of ours either."""
    window = pages.window()
    window.expected = {400, 404, 422}
    cases = [*abuse.NAMES, *abuse.NUMBERS, *abuse.DIGITS, LONG]
    for case in cases:
        # A number of 5000 digits is longer than an address may be.
        said = case[:1000]
        for path, fields in (
            ("/find", {"q": said}),
            ("/explain", {"did": "+12025550210", "number": said, "extension": "1001", "to": said}),
            ("/first/try", {"caller": said, "to": said}),
        ):
            answer = window.open(f"{path}?{urlencode(fields)}")
            assert answer.status in (200, 400, 404, 422), (path, case)
            check_only_text(window)
    for path in (
        f"/clients?{urlencode({'enabled': LONG, 'after': LONG, 'done': LONG})}",
        f"/callerids?{urlencode({'extension': LONG, 'number': LONG})}",
        f"/callbacks?{urlencode({'extension': LONG, 'number': LONG})}",
        f"/calls?{urlencode({'extension': LONG, 'caller': LONG})}",
        f"/audit?{urlencode({'kind': LONG, 'key': LONG, 'actor': LONG})}",
        f"/clients/of/{urlencode({'': LONG})}",
        f"/sounds/pick?{urlencode({'for': LONG, 'q': LONG})}",
    ):
        answer = window.open(path)
        assert answer.status in (200, 400, 404, 422), path
        check_only_text(window)


def test_g1_what_is_typed_comes_back_as_text(pages: Pages) -> None:
    """G1: beside what was wrong with it."""
    window = pages.window()
    window.expected = {422}
    window.open("/callerids/new?extension=1001")
    for case in (*abuse.NUMBERS, LONG):
        window.page.fill("[name=number]", case)
        window.page.click("form.record button.main")
        window.settle()
        check_only_text(window)
        if window.page.url.endswith("done=made"):
            window.open("/callerids/new?extension=1001")
    assert window.page.input_value("[name=number]") == LONG


# --- what other sites would have a browser do ----------------------------------------------------


@contextmanager
def elsewhere(page: str) -> Iterator[int]:
    """Serve a page of somebody else's, and give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


#: On another port of the same machine, which browsers count as the same site; and on another site.
HOSTS: Final = ("127.0.0.1", "localhost")


@pytest.mark.parametrize("host", HOSTS)
def test_o2_a_form_of_another_site_changes_nothing(pages: Pages, host: str) -> None:
    """O2: even of one that knows the secret of the log-in."""
    page = f"""<!doctype html><title>x</title>
    <form method="post" action="{pages.address}/clients/new">
      <input name="name" value="stolen"><input name="csrf" value="{SESSIONS["ada"].csrf}">
    </form>
    <script>document.forms[0].submit()</script>"""
    window = pages.window()
    window.expected = {403}
    with elsewhere(page) as port:
        window.page.goto(f"http://{host}:{port}/")
        window.page.wait_for_url(f"{pages.address}/**")
        window.settle()
    assert "/clients/of/" not in window.page.url
    with pytest.raises(NotFound):
        pages.world.directory.get(ADMIN, Kind.CLIENT, "stolen")
    window.faults.clear()


@pytest.mark.parametrize("host", HOSTS)
def test_o2_a_script_of_another_site_changes_and_reads_nothing(pages: Pages, host: str) -> None:
    page = f"""<!doctype html><title>x</title><script>
    const ask = (path, options) => fetch("{pages.address}" + path, {{
      credentials: "include", ...options,
    }}).then((answer) => answer.text()).catch(() => "");
    const body = new URLSearchParams({{name: "stolen", csrf: "{SESSIONS["ada"].csrf}"}});
    Promise.all([
      ask("/clients"),
      ask("/clients/new", {{method: "POST", body, mode: "no-cors"}}),
      ask("/clients/new", {{method: "POST", body, headers: {{"X-CSRF-Token": "x"}}}}),
    ]).then((told) => {{ window.told = told; }});
    </script>"""
    window = pages.window()
    with elsewhere(page) as port:
        window.page.goto(f"http://{host}:{port}/")
        window.page.wait_for_function("window.told")
        told: list[str] = window.page.evaluate("window.told")
    assert told == ["", "", ""]
    with pytest.raises(NotFound):
        pages.world.directory.get(ADMIN, Kind.CLIENT, "stolen")
    window.faults.clear()


@pytest.mark.parametrize("host", HOSTS)
def test_o2_no_page_is_framed(pages: Pages, host: str) -> None:
    """O2: nobody has clicks fall on a page of ours that is not seen."""
    page = f"""<!doctype html><title>x</title><iframe src="{pages.address}/clients"></iframe>"""
    window = pages.window()
    with elsewhere(page) as port:
        window.page.goto(f"http://{host}:{port}/")
        framed = window.page.frames[1]
        framed.wait_for_load_state()
        assert not framed.url.startswith(pages.address)
        assert framed.locator("h1, table").count() == 0 or "callbackd" not in framed.content()
    said = "\n".join(window.faults)
    assert "frame-ancestors" in said
    window.faults.clear()


def test_o2_what_a_browser_may_do_is_said_with_every_answer(pages: Pages) -> None:
    """O2: of pages, parts, files, problems and the way to the log-in."""
    for rule in rules(pages.site, "GET"):
        if rule.endpoint in STREAMS:
            continue
        path = path_of(pages.site, rule, "acme")
        for who in ("ada", "bolt", None):
            answer = pages.site.get(path, who)
            assert answer.headers["Content-Security-Policy"] == POLICY, (path, who)
            if rule.endpoint != "asset":
                assert (
                    "no-store" in answer.headers["Cache-Control"]
                    or "private" in (answer.headers["Cache-Control"])
                ), (path, who)
    assert pages.site.get("/nothing").headers["Content-Security-Policy"] == POLICY
    assert "unsafe" not in POLICY
