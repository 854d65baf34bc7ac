"""Price lists and their rates on pages (O2, M2)."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from controller.admin.model import Kind
from controller.web.api.files import MOST_CSV_BYTES
from controller.web.pages import rates
from controller.web.pages.prices import PRICE_LISTS
from controller.web.pages.rates import RATES
from tests.web.pages.forms import check_unchanged, check_whole, fields
from tests.web.pages.site import Site
from tests.web.world import ADMIN, SINCE

GERMANY = f"retail/+49/{SINCE}"
LATER = "2030-01-01T00:00:00.000000Z"


def send(
    site: Site, data: bytes, do: str, who: str = "ada", *, csrf: str | None = None
) -> TestResponse:
    """Send a file of rates as the page's script does."""
    return site.send(f"/price-lists/import/retail?do={do}&filename=a.csv", data, who, token=csrf)


def keys(site: Site) -> list[str]:
    """Give the keys of all rates."""
    page = site.world.directory.list(ADMIN, Kind.RATE)
    return [item.key for item in page.items]


def test_o2_every_field_of_a_list_and_of_a_rate_is_on_its_page(site: Site) -> None:
    check_whole(PRICE_LISTS)
    check_whole(RATES)
    check_unchanged(site, "/price-lists/of/retail", Kind.PRICE_LIST, "retail")
    check_unchanged(site, f"/price-lists/rates/of/{GERMANY}", Kind.RATE, GERMANY)


def test_o2_a_rate_that_comes_and_says_everything_stays_as_it_was_shown(site: Site) -> None:
    key = site.world.make(
        Kind.RATE,
        price_list="retail",
        prefix="+4930",
        since="2030-01-02T03:04:05.678901Z",
        until="2031-01-01T00:00:00Z",
        per_minute=12_345,
        setup_fee=1,
        first_block=60,
        interval=30,
        description="Berlin",
    )
    check_unchanged(site, f"/price-lists/rates/of/{key}", Kind.RATE, key)


def test_m2_a_list_is_made_changed_and_removed(site: Site) -> None:
    made = site.post("/price-lists/new", {"name": "new", "currency": "CHF"})
    assert made.location == "/price-lists/of/new?done=made"
    assert "nobody with this list can call anybody" in site.get("/price-lists/of/new").text
    site.post("/price-lists/of/new", {"version": "1", "description": "mine"})
    stored = site.world.directory.get(ADMIN, Kind.PRICE_LIST, "new").values
    assert stored["description"] == "mine"
    gone = site.post("/price-lists/of/new", {"version": "2", "do": "remove"})
    assert gone.location == "/price-lists?done=removed"
    used = site.post("/price-lists/of/retail", {"version": "1", "do": "remove"})
    assert used.status_code == 409
    assert "uses it" in used.text


def test_m2_a_list_shows_its_rates_and_how_they_stand(site: Site) -> None:
    """M2: one that has begun, one that took its place, one that is over, one that comes."""
    for prefix, since, until in (
        ("+49", "2026-02-01T00:00:00Z", None),
        ("+49", LATER, None),
        ("+33", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
    ):
        site.world.make(
            Kind.RATE, price_list="retail", prefix=prefix, since=since, until=until, per_minute=9
        )
    text = site.get("/price-lists/of/retail").text
    order = [text.index(word) for word in (">ended<", ">replaced<", ">begins later<")]
    assert order == sorted(order)
    assert text.count(">counts<") == 2
    assert "0.0125\N{NO-BREAK SPACE}EUR" in text
    some = site.get("/price-lists/of/retail?prefix=%2B33").text
    assert ">ended<" in some
    assert ">counts<" not in some
    everything = site.get("/price-lists/rates?price_list=retail").text
    assert everything.count("/price-lists/rates/of/retail/") == 5


def test_m2_a_rate_whose_followers_are_on_the_next_page_is_replaced(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M2: what is shown is so, wherever a page of the list ends."""
    monkeypatch.setattr(rates, "ON_PAGE", 2)
    for day in ("02", "03", "04", "05"):
        since = f"2026-{day}-01T00:00:00Z"
        site.world.make(Kind.RATE, price_list="retail", prefix="+49", since=since, per_minute=9)
    site.world.make(Kind.RATE, price_list="retail", prefix="+491", since=SINCE, per_minute=9)
    text = site.get("/price-lists/of/retail").text
    assert text.count("/price-lists/rates/of/") == 2
    assert text.count(">replaced<") == 1
    assert text.count(">counts<") == 1
    assert "More" in text


def test_m2_what_counts_for_a_number_is_found(site: Site) -> None:
    """M2: at a time, as people write numbers."""
    site.world.make(
        Kind.RATE, price_list="retail", prefix="+4930", since=LATER, per_minute=60_000, setup_fee=5
    )
    now = site.get("/price-lists/find/retail?number=%2B49%2030%20123456").text
    assert "0.0125\N{NO-BREAK SPACE}EUR" in now
    assert "+4930123456" in now
    then = site.get("/price-lists/find/retail?number=%2B4930123456&at=2030-06-01%2012:00").text
    assert "0.06\N{NO-BREAK SPACE}EUR" in then
    assert "0.300005" in then
    before = site.get("/price-lists/find/retail?number=%2B4930123456&at=2020-01-01").text
    assert "nobody with this list can call it" in before


@pytest.mark.parametrize("asked", ["number=<b>", "number=", "number=%2B4930123456&at=<i>"])
def test_g1_what_is_no_number_or_time_is_said_to_be_none(site: Site, asked: str) -> None:
    answer = site.get(f"/price-lists/find/retail?{asked}")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "<b>" not in answer.text
    assert "<i>" not in answer.text


def test_m2_a_rate_is_made_of_what_is_typed(site: Site) -> None:
    page = site.get("/price-lists/rates/new?price_list=retail&prefix=%2B44")
    sent = fields(page.text)
    assert (sent["price_list"], sent["prefix"]) == (["retail"], ["+44"])
    answer = site.post(
        "/price-lists/rates/new",
        {**sent, "since": "2030-01-01", "per_minute": "0,02", "first_block": "60"},
    )
    assert answer.status_code == 303, answer.text
    stored = site.world.directory.get(ADMIN, Kind.RATE, f"retail/+44/{LATER}").values
    assert (stored["per_minute"], stored["first_block"], stored["interval"]) == (20_000, 60, 1)
    assert site.get(answer.location).status_code == 200


def test_m2_a_rate_begins_like_another(site: Site) -> None:
    """M2: what has begun is followed, and not changed."""
    page = site.get(f"/price-lists/rates/new?price_list=retail&like={GERMANY.replace('+', '%2B')}")
    sent = fields(page.text)
    assert (sent["prefix"], sent["per_minute"], sent["since"]) == (["+49"], ["0.0125"], [""])
    made = site.post("/price-lists/rates/new", {**sent, "per_minute": "0.01", "description": ""})
    assert made.status_code == 303, made.text
    assert len([key for key in keys(site) if key.startswith("retail/+49/")]) == 2


def test_m2_a_rates_form_says_the_currency_of_its_own_list(site: Site) -> None:
    """M2: whatever the address says; of a new one also which list that is, as it can be typed."""
    key = site.world.make(Kind.RATE, price_list="spare", prefix="+33", since=LATER, per_minute=9)
    of_spare, of_retail = "USD (price list spare)", "EUR (price list retail)"
    own = site.get(f"/price-lists/rates/of/{key}?price_list=retail").text
    assert ">USD<" in own
    assert "EUR" not in own
    assert of_retail in site.get("/price-lists/rates/new?price_list=retail").text
    like = site.get(f"/price-lists/rates/new?like={key.replace('+', '%2B')}").text
    assert of_spare in like
    wrong = site.post(
        "/price-lists/rates/new?price_list=retail",
        {"price_list": " spare ", "prefix": "+44", "per_minute": "much"},
    ).text
    assert of_spare in wrong
    assert of_retail not in wrong
    empty = site.get("/price-lists/rates/new").text
    assert "(price list" not in empty
    assert "Default: 1 second." in empty


def test_m2_a_rate_that_has_begun_is_ended_and_never_changed(site: Site) -> None:
    path = f"/price-lists/rates/of/{GERMANY}"
    page = site.get(path).text
    assert set(fields(page)) == {"csrf", "version", "until", "description"}
    site.post(path, {"version": "1", "per_minute": "9"})
    stored = site.world.directory.get(ADMIN, Kind.RATE, GERMANY)
    assert (stored.version, stored.values["per_minute"]) == (1, 12_500)
    ended = site.post(path, {"version": "1", "do": "end"})
    assert ended.location.endswith("?done=saved")
    assert ">ended<" in site.get(path).text
    assert "End it now" not in site.get(path).text
    again = site.post(path, {"version": "1", "do": "end"})
    assert again.status_code == 409
    used = site.post(path, {"version": "2", "do": "remove"})
    assert used.status_code == 409


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ({"since": "tomorrow"}, "since"),
        ({"since": "2030-02-30"}, "since"),
        ({"since": "2030-01-01", "until": "2029-01-01"}, "until"),
        ({"per_minute": "much"}, "per_minute"),
        ({"per_minute": "-1"}, "per_minute"),
        ({"per_minute": ""}, "per_minute"),
        ({"interval": "0"}, "interval"),
        ({"prefix": "49<b>"}, "prefix"),
        ({"price_list": "nothing"}, "price_list"),
    ],
)
def test_o2_what_is_wrong_with_a_rate_stands_beside_its_field(
    site: Site, typed: dict[str, str], name: str
) -> None:
    before = keys(site)
    good = {"price_list": "retail", "prefix": "+44", "since": "2030-01-01", "per_minute": "1"}
    page = site.post("/price-lists/rates/new", {**good, **typed})
    assert page.status_code in (409, 422)
    assert f'id="{name}-error"' in page.text
    assert "<b>" not in page.text
    assert keys(site) == before


def test_m2_rates_come_from_a_file_that_is_tried_first(site: Site) -> None:
    """M2: nothing is written until it is meant."""
    data = b"prefix,per_minute,description\n+44,0.02,<b>UK</b>\n+49,0.01,\n"
    before = keys(site)
    tried = send(site, data, "try")
    assert "2 new, 0 changed, 0 as they were" in tried.text
    assert "nothing was written" in tried.text
    assert keys(site) == before
    done = send(site, data, "import")
    assert (done.status_code, len(keys(site))) == (200, len(before) + 2)
    assert "Imported" in done.text
    text = site.get("/price-lists/of/retail").text
    assert "&lt;b&gt;UK&lt;/b&gt;" in text
    again = send(site, data, "import")
    assert "0 new, 0 changed, 2 as they were" in again.text


def test_m2_a_file_with_a_bad_line_changes_nothing(site: Site) -> None:
    before = keys(site)
    data = b"prefix,per_minute\n+44,0.02\n<b>,x\n"
    for do, status in (("try", 200), ("import", 422)):
        answer = send(site, data, do)
        assert answer.status_code == status
        assert "1 line is bad" in answer.text
        assert "<b>" not in answer.text
    assert keys(site) == before
    no_table = send(site, b"\xff\xfe<script>", "try")
    assert no_table.status_code == 422
    assert "<script>" not in no_table.text


def test_g1_a_file_of_rates_is_bounded_and_needs_the_sessions_secret(site: Site) -> None:
    before = keys(site)
    data = b"prefix,per_minute\n+44,0.02\n"
    assert send(site, data, "import", csrf="wrong").status_code == 403
    assert send(site, data, "import", "rod").status_code == 403
    assert send(site, b"\n" * (MOST_CSV_BYTES + 1), "import").status_code == 413
    assert keys(site) == before


def test_m2_rates_go_into_a_file_that_is_taken_again(site: Site) -> None:
    answer = site.get("/price-lists/export/retail")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rates-retail.csv"'
    assert answer.content_type.startswith("text/csv")
    taken = send(site, answer.data, "try")
    assert "0 new, 0 changed, 2 as they were" in taken.text


@pytest.mark.parametrize("who", ["acme", "bolt"])
def test_m2_prices_are_no_clients_business(site: Site, who: str) -> None:
    """M2: what calls cost the operator is his; what is seen is what one was charged."""
    for path in (
        "/price-lists",
        "/price-lists/new",
        "/price-lists/rates",
        "/price-lists/rates/new",
    ):
        assert site.get(path, who).status_code == 403
    for path in (
        "/price-lists/of/retail",
        "/price-lists/find/retail?number=%2B4930123456",
        "/price-lists/export/retail",
        f"/price-lists/rates/of/{GERMANY}",
    ):
        answer = site.get(path, who)
        assert answer.status_code == 404
        assert "0.0125" not in answer.text
    assert send(site, b"prefix,per_minute\n+44,0.02\n", "import", who).status_code == 404
    sent = {"price_list": "retail", "prefix": "+44", "per_minute": "1"}
    assert site.post("/price-lists/rates/new", sent, who).status_code == 403


def test_o2_who_only_reads_sees_prices_and_changes_none(site: Site) -> None:
    page = site.get("/price-lists/of/retail", "rod").text
    assert "0.0125" in page
    assert "data-upload" not in page
    assert "/price-lists/rates/new" not in page
    path = f"/price-lists/rates/of/{GERMANY}"
    assert "End it now" not in site.get(path, "rod").text
    assert site.post(path, {"version": "1", "do": "end"}, "rod").status_code == 403
    assert site.world.directory.get(ADMIN, Kind.RATE, GERMANY).version == 1
