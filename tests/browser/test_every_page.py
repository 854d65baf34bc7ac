"""O2: every page, in a real browser: narrow and wide, light and dark, by keyboard and by ear.

The pages are found by the application's routes: a view that is new and of which `routes` does not
know an example fails here.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from werkzeug.routing import Rule

from controller.web.pages.guarding import POLICY
from tests.browser.conftest import Pages
from tests.browser.pictures import take
from tests.browser.window import LOOKS, WIDE, Window
from tests.web.pages.routes import NO_PAGES, path_of, rules
from tests.web.pages.stories import CALLER

#: How often Tab is pressed before it is asked what was reached, and that nobody does on one page.
_TABS, _MOST_TABS = 20, 600

_HEADINGS: Final = """() => [...document.querySelectorAll('h1, h2, h3, h4, h5, h6')]
  .filter((e) => e.checkVisibility()).map((e) => [Number(e.tagName[1]), e.textContent.trim()])"""

#: What is seen by who has just typed a password that is right, and has an authenticator.
_AFTER: Final = frozenset({"login.code"})

_TWICE: Final = """() => {
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  return ids.filter((id, at) => ids.indexOf(id) !== at);
}"""

#: What can be reached by keyboard, each marked with a number; of radio buttons one of a group.
_REACHABLE: Final = """() => {
  const groups = new Set();
  const found = [...document.querySelectorAll(
    'a[href], button, input, select, textarea, summary, audio[controls], [tabindex="0"]'
  )].filter((e) => {
    if (e.disabled || e.type === 'hidden' || e.tabIndex < 0) return false;
    if (!e.checkVisibility({ visibilityProperty: true })) return false;
    if (e.type !== 'radio') return true;
    const name = `${e.form?.id} ${e.name}`;
    const chosen = document.querySelector(`input[type=radio][name="${e.name}"]:checked`);
    if (groups.has(name) || (chosen && chosen !== e)) return false;
    groups.add(name);
    return true;
  });
  found.forEach((e, i) => { e.dataset.reach = i; });
  return found.map((e) => e.outerHTML.slice(0, 120));
}"""
#: Notes in the page whatever is reached from now on: to ask after each key takes twice as long.
_NOTE: Final = """() => {
  window.noted = [];
  document.addEventListener('focusin', ({ target }) => {
    const style = getComputedStyle(target);
    const seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1)
      || target.matches('audio');
    window.noted.push({ reach: target.dataset.reach ?? null, seen,
      said: target.outerHTML.slice(0, 120), skip: target.matches('.skip') });
  });
}"""


def pages_of(pages: Pages) -> list[tuple[Rule, str, str | None]]:
    """Give every page: its route, an example's path, and who opens it."""
    opened = pages.site.app.extensions["open"]
    richer = {
        "callback.timeline": f"/callbacks/{pages.told}",
        "find": f"/find?q={quote(CALLER)}",
        "welcome": f"/welcome/{pages.link}",
    }
    found = []
    for rule in rules(pages.site, "GET"):
        if rule.endpoint not in NO_PAGES and rule.endpoint not in _AFTER:
            who = None if rule.endpoint in opened else "ada"
            path = richer.get(str(rule.endpoint)) or path_of(pages.site, rule, "acme")
            found.append((rule, path, who))
    return found


def test_o2_every_page_of_the_menu_is_there(looked_at: Pages) -> None:
    """O2: no line of the menu leads nowhere."""
    window = looked_at.window()
    window.open("/live")
    paths: list[str] = window.page.eval_on_selector_all(
        ".menu a", "links => links.map((link) => link.getAttribute('href'))"
    )
    known = {str(rule.rule) for rule, _, _ in pages_of(looked_at)}
    assert paths
    assert set(paths) <= known, set(paths) - known


def test_o2_every_page_is_in_the_documents(looked_at: Pages) -> None:
    """O2: with its pictures and what it is for."""
    told = (Path(__file__).parents[2] / "docs" / "pages.md").read_text(encoding="utf-8")
    for rule, _, _ in pages_of(looked_at):
        name = str(rule.endpoint).replace(".", "-")
        assert f"](pages/{name}.png)" in told, name
        assert f"](pages/{name}-narrow.png)" in told, name


def test_o2_every_page_is_readable_at_any_width_and_by_ear(
    looked_at: Pages, subtests: pytest.Subtests
) -> None:
    """O2: nothing is wider than the window; axe finds nothing; headings are in order."""
    window_of = cache(looked_at.window)
    for rule, path, who in pages_of(looked_at):
        with subtests.test(rule.endpoint):
            window = window_of(who)
            window.faults.clear()
            name = str(rule.endpoint).replace(".", "-")
            window.show(WIDE, "light")
            answer = window.open(path)
            assert answer.status == 200
            assert answer.headers["content-security-policy"] == POLICY
            window.reveal()
            _check_headings(window)
            assert window.page.evaluate(_TWICE) == [], "two elements are called the same"
            wrong = []
            for width, scheme, picture in LOOKS:
                window.show(width, scheme)
                wide, axe = window.too_wide(), window.axe()
                wrong += [f"{width} {scheme}: {said}" for said in (wide, axe) if said]
                take(window.page, name + picture)
            assert not wrong, "\n".join(wrong)
            window.check()


def test_o2_everything_is_reached_by_keyboard(looked_at: Pages, subtests: pytest.Subtests) -> None:
    """O2: with Tab alone, what leads past the menu first, and it is seen where one is."""
    window_of = cache(looked_at.window)
    for rule, path, who in pages_of(looked_at):
        with subtests.test(rule.endpoint):
            window = window_of(who)
            window.show(WIDE, "light")
            window.open(path)
            wanted: list[str] = window.page.evaluate(_REACHABLE)
            # Where a field is ready to be typed into, what comes before it is reached in the end.
            begun = window.page.locator("[autofocus]").count() > 0
            window.page.evaluate(_NOTE)
            missed, noted = wanted, list[dict[str, Any]]()
            for _ in range(0, _MOST_TABS, _TABS):
                for _ in range(min(_TABS, len(missed))):
                    window.page.keyboard.down("Tab")
                noted = window.page.evaluate("window.noted")
                reached = {one["reach"] for one in noted}
                missed = [said for at, said in enumerate(wanted) if str(at) not in reached]
                if not missed:
                    break
            window.page.keyboard.up("Tab")
            assert not missed
            assert [one for one in noted if not one["seen"]] == []
            assert begun or who is None or noted[0]["skip"], noted[0]


def test_o2_the_way_past_the_menu_leads_to_the_content(looked_at: Pages) -> None:
    window = looked_at.window()
    window.open("/clients")
    window.page.keyboard.press("Tab")
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.id") == "main"


def _check_headings(window: Window) -> None:
    """Check that there is one heading of the page, and that no level is left out."""
    found: list[tuple[int, str]] = window.page.evaluate(_HEADINGS)
    levels = [level for level, _ in found if level]
    assert levels.count(1) == 1, found
    # The menu's stand before it.
    own = levels[levels.index(1) :]
    assert all(after <= before + 1 for before, after in pairwise(own)), found
    assert all(text for _, text in found), found
    assert window.page.title().partition(" · ")[0].strip()
