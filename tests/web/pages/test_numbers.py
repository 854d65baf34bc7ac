"""Public numbers on pages (O2, I8)."""

from __future__ import annotations

from controller.admin.model import Kind
from controller.web.pages.numbers import NUMBERS
from tests.web.pages.forms import check_unchanged, check_whole, fields
from tests.web.pages.site import Site
from tests.web.world import ADMIN


def test_o2_every_field_of_a_number_is_on_its_page(site: Site) -> None:
    check_whole(NUMBERS)
    check_unchanged(site, "/numbers/of/+12025550110", Kind.NUMBER, "+12025550110")


def test_i8_a_number_is_made_put_into_a_pool_and_removed(site: Site) -> None:
    """I8: as people write it, with spaces."""
    page = site.get("/numbers/new?channel=pstn&client=acme")
    sent = fields(page.text)
    assert (sent["channel"], sent["client"]) == (["pstn"], ["acme"])
    made = site.post("/numbers/new", {**sent, "number": "+1 (202) 555-0188", "client": ""})
    assert made.location == "/numbers/of/+12025550188?done=made"
    stored = site.world.directory.get(ADMIN, Kind.NUMBER, "+12025550188").values
    assert (stored["channel"], stored["client"]) == ("pstn", None)
    site.post("/numbers/of/+12025550188", {"version": "1", "client": "acme"})
    stored = site.world.directory.get(ADMIN, Kind.NUMBER, "+12025550188").values
    assert stored["client"] == "acme"
    gone = site.post("/numbers/of/+12025550188", {"version": "2", "do": "remove"})
    assert gone.location == "/numbers?done=removed"
    assert site.get("/numbers/of/+12025550188").status_code == 404


def test_i8_a_number_that_is_assigned_is_not_removed(site: Site) -> None:
    page = site.post("/numbers/of/+12025550110", {"version": "1", "do": "remove"})
    assert page.status_code == 409
    assert "cannot be removed" in page.text


def test_o2_numbers_are_found_by_how_they_begin(site: Site) -> None:
    text = site.get("/numbers?number=%2B1202555011&channel=pstn").text
    assert "+12025550110" in text
    assert "+12025550120" not in text
    assert "+12025550110" not in site.get("/numbers?client=bolt").text


def test_o2_a_client_sees_its_pool_and_changes_nothing(site: Site) -> None:
    text = site.get("/numbers", "acme").text
    assert "+12025550110" in text
    assert "+1202555012" not in text
    assert "/numbers/new" not in text
    page = site.get("/numbers/of/+12025550110", "acme")
    assert page.status_code == 200
    assert '<button class="main"' not in page.text
    assert site.get("/numbers/of/+12025550120", "acme").status_code == 404
    assert site.get("/numbers/new", "acme").status_code == 403
    # Nothing of it is read: all of its fields are fixed.
    site.post("/numbers/of/+12025550110", {"description": "mine", "version": "1"}, "acme")
    assert site.post("/numbers/of/+12025550110", {"do": "remove"}, "acme").status_code == 403
    assert site.world.directory.get(ADMIN, Kind.NUMBER, "+12025550110").version == 1
