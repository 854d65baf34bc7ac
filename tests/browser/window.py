"""A browser's window on the pages, which counts whatever goes wrong in it."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, expect

from controller.web.pages.application import COOKIE

#: What fits a telephone, and a desk.
NARROW: Final = 360
WIDE: Final = 1400
_HEIGHT: Final = 900
#: As pages are looked at: how wide, in which colours, and as which picture.
LOOKS: Final = ((WIDE, "light", ""), (NARROW, "dark", "-narrow"))
#: What a browser says of an answer that is none of 2xx: where a test asks for one, it is no fault.
_STATUS: Final = re.compile(r"the server responded with a status of (\d+)")
#: Standards that axe goes by: WCAG 2.2 A and AA, and what its makers know to be good besides.
_AXE: Final = {
    "resultTypes": ["violations"],
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}


class Window:
    """A browser's context of its own, in which somebody is logged in; `page` is its one page.

    `faults` has what went wrong: errors of scripts, what the policy forbade, what was asked of
    somebody else than us. `expected`: statuses that a test asks for.
    """

    def __init__(self, context: BrowserContext, address: str, who: str | None = "ada") -> None:
        self.context = context
        self.address = address
        self.faults: list[str] = []
        self.expected: set[int] = set()
        #: Questions that the browser asked its user, and what was answered by us: to stay.
        self.asked: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"error: {error.error}"))
        context.on("request", self._request)
        if who is not None:
            self.log_in(who)
        self.page: Page = context.new_page()
        self.page.on("dialog", self._dialog)

    def log_in(self, who: str) -> None:
        """Be somebody."""
        self.context.add_cookies([{"name": COOKIE, "value": who, "url": self.address}])

    def open(self, path: str) -> Response:
        """Open a page, and wait until it is quiet."""
        answer = self.page.goto(self.address + path)
        assert answer is not None
        self.settle()
        return answer

    def settle(self) -> None:
        """Wait until all scripts have run and what the page asks for is there."""
        self.page.wait_for_load_state("load")
        self.page.wait_for_function(
            "() => !document.querySelector('.htmx-request, .htmx-settling, .htmx-swapping')"
        )

    def show(self, width: int, scheme: Any) -> None:
        """Show the page as wide as this, `light` or `dark`."""
        self.page.set_viewport_size({"width": width, "height": _HEIGHT})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def axe(self) -> str:
        """Give what axe finds wrong."""
        found = Axe().run(self.page, options=_AXE)
        return str(found.generate_report()) if found.violations_count else ""

    def reveal(self) -> None:
        """See all that a page fetches when somebody gets to it, such as the changes of a record."""
        fetched = self.page.locator("[hx-trigger=revealed]")
        for number in range(fetched.count()):
            fetched.nth(number).scroll_into_view_if_needed()
            expect(fetched.nth(number)).not_to_contain_text("Loading…")
        self.settle()
        self.page.evaluate("window.scrollTo(0, 0)")

    def too_wide(self) -> list[str]:
        """Give what is wider than the window; what scrolls by itself may be."""
        found: list[str] = self.page.evaluate(_TOO_WIDE)
        return found

    def check(self) -> None:
        """Check that nothing went wrong."""
        assert self.faults == []

    # --- what is listened to -------------------------------------------------------------------

    def _console(self, said: ConsoleMessage) -> None:
        if said.type not in ("error", "warning"):
            return
        status = _STATUS.search(said.text)
        if status is None or int(status[1]) not in self.expected:
            self.faults.append(f"{said.type}: {said.text} ({said.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and f"{url.scheme}://{url.netloc}" != self.address:
            self.faults.append(f"asks somebody else: {request.url}")

    def _dialog(self, dialog: Any) -> None:
        self.asked.append(f"{dialog.type}: {dialog.message}")
        dialog.dismiss()


_TOO_WIDE: Final = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const wide = (e) => e.getBoundingClientRect().right > root.clientWidth + 1;
  const scrolls = (e) => {
    for (let up = e.parentElement; up && up !== root; up = up.parentElement) {
      if (getComputedStyle(up).overflowX !== 'visible') return true;
    }
    return false;
  };
  const found = [...document.body.querySelectorAll('*')].filter((e) => wide(e) && !scrolls(e));
  const said = found.map((e) => `${e.tagName}.${e.className}#${e.id}`.toLowerCase());
  return [`${root.scrollWidth} of ${root.clientWidth}`, ...said.slice(0, 8)];
}"""
