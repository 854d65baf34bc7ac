"""O7: pages go on where a person was erased, or what they led to was kept long enough."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from controller.admin.persons import PersonErased
from controller.store.erasing import Erasing
from tests.web.pages.site import Site
from tests.web.pages.stories import CALLER, DIALLED, SECOND, talked
from tests.web.pages.telling import main, said
from tests.web.test_persons import Away
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


# --- the page of it ----------------------------------------------------------------------------

LISTED = "+12025550320"


def test_o7_an_administrator_exports_a_person_as_a_file(site: Site) -> None:
    form = site.get("/persons")
    assert form.status_code == 200
    given = site.post("/persons/export", {"number": "+1 (202) 555-0320"})
    assert given.status_code == 200
    assert given.headers["Content-Disposition"] == "attachment; filename=person.json"
    made = msgspec.json.decode(given.data)
    assert (made["number"], made["records"]["authorised_caller"][0]["number"]) == (LISTED, LISTED)
    nobody = site.post("/persons/export", {"number": "+12025550999"})
    assert nobody.status_code == 404
    assert "Nothing is kept about that number." in said(nobody.text)


def test_o7_o5_where_redis_is_away_it_is_not_said_that_nothing_is_kept(site: Site) -> None:
    site.world.persons._traces = Away()
    nobody = site.post("/persons/export", {"number": "+12025550999"})
    assert nobody.status_code == 503
    assert "Redis is away, and it is not known what is counted there" in said(nobody.text)
    given = site.post("/persons/export", {"number": LISTED})
    assert msgspec.json.decode(given.data)["counted"] is None


def test_o7_an_administrator_erases_a_person_when_he_is_sure(site: Site) -> None:
    unsure = site.post("/persons/erase", {"number": LISTED, "with_callerid": "on"})
    assert unsure.status_code == 422
    assert "it cannot be undone" in said(unsure.text)
    hindered = site.post("/persons/erase", {"number": LISTED, "sure": "on"})
    assert hindered.status_code == 409
    told = said(hindered.text)
    assert f"it is an authorised CallerID (2001/{LISTED})" in told
    # Commands are for those who type them.
    assert "callbackd" not in main(hindered.text)
    form = {"number": LISTED, "with_callerid": "on", "sure": "on"}
    done = site.post("/persons/erase", form)
    assert (done.status_code, done.location) == (303, "/persons?done=erased")
    assert LISTED not in site.get("/callerids").text
    assert LISTED not in site.get("/audit").text


def test_o7_it_is_said_how_many_records_still_have_the_number(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {"number": LISTED, "with_callerid": "on", "sure": "on"}
    erased = site.world.persons.erase
    left = 0

    def some_left(*given: Any, **more: Any) -> PersonErased:
        return msgspec.structs.replace(erased(*given, **more), left=left)

    monkeypatch.setattr(site.world.persons, "erase", some_left)
    for left, words in ((1, "1 record still has"), (12, "12 records still have")):
        done = site.post("/persons/erase", form)
        assert (done.status_code, done.location) == (303, f"/persons?left={left}")
        page = said(site.get(done.location).text)
        assert f"Erased, but {words} the number. Of a call that came meanwhile" in page
    for odd in ("0", "x", "-1", "<b>", "1" * 30):
        assert "Erased" not in said(site.get(f"/persons?left={odd}").text)


@pytest.mark.parametrize("path", ["export", "erase"])
def test_g1_o7_what_is_typed_wrong_is_said_at_its_field(site: Site, path: str) -> None:
    answer = site.post(f"/persons/{path}", {"number": "<b>", "sure": "on"})
    assert answer.status_code == 422
    assert 'id="number-error"' in answer.text
    assert "<b>" not in main(answer.text)


@pytest.mark.parametrize("who", ["rod", "acme"])
def test_o2_o7_nobody_else_has_the_page(site: Site, who: str) -> None:
    assert site.get("/persons", who).status_code == 403
    assert "/persons" not in site.get("/live", who).text
    for path in ("export", "erase"):
        form = {"number": LISTED, "with_callerid": "on", "sure": "on"}
        assert site.post(f"/persons/{path}", form, who).status_code == 403
    assert site.get("/callerids/of/2001/%2B12025550320").status_code == 200


# --- what was kept long enough -----------------------------------------------------------------


def test_o7_figures_and_lists_go_on_without_what_was_kept_long_enough(site: Site) -> None:
    id_ = talked(site.world)
    erasing, later = Erasing(site.world.engine), site.world.now * 2
    assert erasing.callbacks(later, 100)
    assert erasing.call_records(later, 100, None)
    assert erasing.audit_entries(later, 1000)
    assert site.get(f"/callbacks/{id_}").status_code == 404
    for path in PAGES:
        assert site.get(path).status_code == 200, path
