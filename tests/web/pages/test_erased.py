"""O7: pages go on where a person was erased, or what they led to was kept long enough."""

from __future__ import annotations

import re

from controller.store.erasing import Erasing
from tests.web.pages.site import Site
from tests.web.pages.stories import CALLER, DIALLED, SECOND, talked
from tests.web.pages.telling import said
from tests.web.world import ADMIN

#: Pages on which a number may have stood.
PAGES = ("/live", "/callbacks", "/calls", "/figures", "/audit", "/accounts", "/find?q=%2B1212")


def test_o7_a_callback_shows_no_destination_that_was_erased(site: Site) -> None:
    id_ = talked(site.world)
    pseudonym = site.world.persons.erase(ADMIN, DIALLED).pseudonym
    page = site.get(f"/callbacks/{id_}")
    assert page.status_code == 200
    told = said(page.text)
    assert f"The destination {pseudonym} was called." in told
    assert DIALLED not in told
    # Nor as he was dialled within his country.
    assert "The caller typed: (erased)" in told
    assert DIALLED[2:] not in told


def test_o7_the_timeline_of_a_callback_that_was_erased_says_so(site: Site) -> None:
    id_ = talked(site.world)
    site.world.now += 600 * SECOND
    pseudonym = site.world.persons.erase(ADMIN, CALLER).pseudonym
    page = site.get(f"/callbacks/{id_}")
    assert page.status_code == 404
    assert "It was removed, or kept long enough and erased" in said(page.text)
    for path in PAGES:
        answer = site.get(path)
        assert answer.status_code == 200, path
        assert CALLER not in answer.text, path
    audit = site.get("/audit?action=erase").text
    assert pseudonym in audit
    for path in set(re.findall(r'href="(/calls/[0-9a-f-]{36})"', site.get("/calls").text)):
        assert site.get(path).status_code == 200


def test_o7_figures_and_lists_go_on_without_what_was_kept_long_enough(site: Site) -> None:
    id_ = talked(site.world)
    erasing, later = Erasing(site.world.engine), site.world.now * 2
    assert erasing.callbacks(later, 100)
    assert erasing.call_records(later, 100, None)
    assert erasing.audit_entries(later, 1000)
    assert site.get(f"/callbacks/{id_}").status_code == 404
    for path in PAGES:
        assert site.get(path).status_code == 200, path
