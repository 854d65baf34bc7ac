"""Accounts on pages: what is on them, their ledgers, topping up and correcting (M1, M8, O2)."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest

from controller.admin.model import Kind, Line
from controller.web.pages import records
from controller.web.pages.amount_words import in_words
from tests.web.pages.site import Site
from tests.web.world import ADMIN

#: What a browser may not take for markup, in whatever field it stands.
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def ledger(site: Site, account: str) -> tuple[Line, ...]:
    """Give all lines of an account."""
    return site.world.directory.entries(ADMIN, account, limit=1000).items


def key_of(site: Site, account: str) -> str:
    """Show the form of an entry, and give the key that it has."""
    page = site.get(f"/accounts/enter/{account}").text
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def entry(site: Site, account: str, **values: str) -> dict[str, str]:
    """Give what a form of an entry sends."""
    return {"key": key_of(site, account), "kind": "top_up", "amount": "12.50", **values}


# --- list and form -----------------------------------------------------------------------------


def test_o2_an_account_is_made_changed_and_removed(site: Site) -> None:
    """O2: of a CallerID, with the address saying whose."""
    path = "/accounts/new?extension=1001&caller=%2B12025550310"
    assert 'value="+12025550310"' in site.get(path).text
    made = site.post(
        path,
        {
            "extension": "1001",
            "caller": "+1 202 555 0310",
            "currency": "EUR",
            "price_list": "retail",
            "low_credit": "2.50",
            "description": "Bob's",
            "unlimited": "",
        },
    )
    assert made.status_code == 303, made.text
    page = site.get(made.location).text
    assert "Account of 1001/+12025550310" in page
    key = made.location.split("/")[-1].partition("?")[0]
    values = site.world.directory.get(ADMIN, Kind.ACCOUNT, key).values
    assert values["low_credit"] == 2_500_000
    assert values["price_list"] == "retail"
    saved = site.post(f"/accounts/of/{key}", {"version": "1", "low_credit": "", "unlimited": "on"})
    assert saved.location == f"/accounts/of/{key}?done=saved"
    values = site.world.directory.get(ADMIN, Kind.ACCOUNT, key).values
    assert values["low_credit"] is None
    assert values["unlimited"] is True
    assert site.post(f"/accounts/of/{key}", {"version": "2", "do": "remove"}).status_code == 303


def test_o2_an_account_with_a_ledger_stays(site: Site) -> None:
    """M1: its ledger is kept."""
    path = f"/accounts/of/{site.world.acme_account}"
    page = site.post(path, {"do": "remove", "version": "1"})
    assert page.status_code == 409
    assert "a ledger is kept" in page.text


def test_m1_what_is_on_accounts_is_the_sum_of_their_ledgers(site: Site) -> None:
    """M1: in the list and on the page."""
    account = site.world.acme_account
    for count in range(30):
        values = {"key": f"k{count}", "amount": 1_000_001}
        site.world.directory.add_entry(ADMIN, account, values)
    total = sum(line.amount for line in ledger(site, account))
    assert total == 35_000_030
    said = "35.00003\N{NO-BREAK SPACE}EUR"
    assert said in site.get("/accounts").text
    assert said in site.get(f"/accounts/of/{account}").text


def test_m3_what_calls_hold_is_not_available(site: Site) -> None:
    """M3, M4: and who is on the phone for it is said."""
    world, account = site.world, site.world.acme_account
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO credit_hold (call, request, extension, account, limited, amount, serial,"
            " return_seconds, return_answered, until, created, changed) VALUES"
            f" ('{'a' * 36}', '{world.acme_callback}', '1001', '{account}', true, 1250000, 1,"
            f" 60, {world.now}, {world.now}, {world.now}, {world.now})"
        )
    page = site.get(f"/accounts/of/{account}").text
    assert "3.75\N{NO-BREAK SPACE}EUR" in page
    assert "On the phone now" in page
    assert f'href="/callbacks/{world.acme_callback}">+12025550510<' in page
    listed = site.get("/accounts?extension=1001").text
    assert "1 call" in listed
    assert "3.75\N{NO-BREAK SPACE}EUR" in listed


# --- the ledger --------------------------------------------------------------------------------


def test_m8_the_history_is_shown_newest_first_and_goes_on(site: Site) -> None:
    """M8: order number, amount, left after, date, who."""
    account = site.world.acme_account
    for count in range(30):
        values = {"key": f"k{count}", "amount": 1_000_000, "order_number": f"A-{count:02d}"}
        site.world.directory.add_entry(ADMIN, account, values)
    page = site.get(f"/accounts/of/{account}").text
    assert re.findall(r">A-(\d\d)<", page) == [f"{count:02d}" for count in range(29, 4, -1)]
    assert "cli:test" in page
    found = re.search(r'href="(/accounts/of/[^"]+)#ledger" rel="next"', page)
    assert found
    rest = site.get(found[1].replace("&amp;", "&")).text
    assert re.findall(r">A-(\d\d)<", rest) == [f"{count:02d}" for count in range(4, -1, -1)]
    assert "acme-paid" in rest


def test_m8_the_history_is_filtered(site: Site) -> None:
    """M8: by kind, and by days of which the last is one of them."""
    account = site.world.acme_account
    values = {"key": "down", "kind": "correction", "amount": -1_000_000, "notes": "was-wrong"}
    site.world.directory.add_entry(ADMIN, account, values)
    path = f"/accounts/of/{account}"
    only = site.get(f"{path}?kind=correction").text
    assert "was-wrong" in only
    assert "acme-paid" not in only
    # All of it is of 2026-11-18.
    assert "was-wrong" in site.get(f"{path}?since=2026-11-18&until=2026-11-18").text
    assert "was-wrong" not in site.get(f"{path}?until=2026-11-17").text
    assert "was-wrong" not in site.get(f"{path}?since=2026-11-19").text


@pytest.mark.parametrize(
    "asked", ["kind=none", "since=yesterday", "until=9999-12-31", "since=0000-00-00"]
)
def test_g1_a_filter_that_cannot_be_read_is_said(site: Site, asked: str) -> None:
    """G1: on the page, which is shown all the same; of a file there is none."""
    page = site.get(f"/accounts/of/{site.world.acme_account}?{asked}")
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    assert site.get(f"/accounts/ledger/{site.world.acme_account}?{asked}").status_code == 422


@pytest.mark.parametrize("place", ["before=x", "before=-1", "before=9" * 9, "entered=77"])
def test_g1_a_place_that_there_is_not_is_no_fault(site: Site, place: str) -> None:
    """G1: whatever an address says."""
    page = site.get(f"/accounts/of/{site.world.acme_account}?{place}")
    assert page.status_code == 200
    assert site.faults == 0


def test_m7_what_a_call_has_cost_is_linked_to_it(site: Site) -> None:
    """M7: from the line of the ledger."""
    world = site.world
    leg = world.acme_leg
    with world.engine.begin() as connection:
        call = "c" * 36
        connection.exec_driver_sql(
            "INSERT INTO credit_hold (call, request, extension, account, limited, amount, serial,"
            " return_seconds, until, created, changed) VALUES"
            f" ('{call}', '{world.acme_callback}', '1001', '{world.acme_account}', true, 1000, 1,"
            f" 60, {world.now}, {world.now}, {world.now})"
        )
        connection.exec_driver_sql(
            "INSERT INTO account_entry (account, position, key, kind, amount, left_after,"
            " order_number, notes, actor, created, call) VALUES"
            f" ('{world.acme_account}', 2, 'leg:{leg}', 'call', -1000, 4999000, '', '10 s',"
            f" 'calls', {world.now}, '{call}')"
        )
    page = site.get(f"/accounts/of/{world.acme_account}?kind=call").text
    assert f'<a href="/calls/{leg}">Call</a>' in page


def test_m8_the_history_is_given_as_a_file_without_formulas(site: Site) -> None:
    """M8, G1: filtered as the page is; no cell is a formula."""
    account = site.world.acme_account
    for count, sign in enumerate(("=", "+", "-", "@", "\uff1d")):
        values = {
            "key": f"k{count}",
            "amount": 1,
            "kind": "correction",
            "notes": f'{sign}HYPERLINK("http://evil.example")',
            "order_number": f"{sign}1+1",
        }
        site.world.directory.add_entry(ADMIN, account, values)
    got = site.get(f"/accounts/ledger/{account}?kind=correction")
    assert got.headers["Content-Disposition"] == f'attachment; filename="account-{account}.csv"'
    rows = list(csv.DictReader(io.StringIO(got.text)))
    assert len(rows) == 5
    assert all(row["notes"].startswith("'") for row in rows)
    assert all(row["order_number"].startswith("'") for row in rows)
    assert rows[0]["amount"] == "0.000001"
    assert rows[0]["currency"] == "EUR"


# --- topping up and correcting -----------------------------------------------------------------


def test_m8_an_entry_is_asked_once_more_in_words_and_then_written(site: Site) -> None:
    """M8: nothing is written before; after it the new balance is said."""
    account = site.world.acme_account
    form = entry(site, account, order_number="A-17", notes="by card")
    page = site.post(f"/accounts/enter/{account}", form).text
    assert "twelve EUR and 50/100" in page
    assert "17.50\N{NO-BREAK SPACE}EUR" in page
    assert len(ledger(site, account)) == 1
    done = site.post(f"/accounts/enter/{account}", {**form, "sure": "1"})
    assert done.location == f"/accounts/of/{account}?entered=2"
    line = ledger(site, account)[-1]
    assert (line.amount, line.left_after) == (12_500_000, 17_500_000)
    assert (line.order_number, line.notes) == ("A-17", "by card")
    assert (line.kind, line.actor) == ("top_up", "user:ada")
    said = site.get(done.location).text
    assert "Added: 12.50\N{NO-BREAK SPACE}EUR." in said
    assert "The balance is 17.50\N{NO-BREAK SPACE}EUR now." in said


def test_m1_a_form_that_is_sent_twice_adds_once(site: Site) -> None:
    """M1: a double click, or a page that is loaded again."""
    account = site.world.acme_account
    form = {**entry(site, account), "sure": "1"}
    first = site.post(f"/accounts/enter/{account}", form)
    second = site.post(f"/accounts/enter/{account}", form)
    assert first.location == second.location
    assert len(ledger(site, account)) == 2
    asked = site.post(f"/accounts/enter/{account}", {**form, "sure": ""}).text
    assert "entered already" in asked
    # Gone back to, and changed: that would be another entry.
    other = site.post(f"/accounts/enter/{account}", {**form, "amount": "99"})
    assert other.status_code == 409
    assert f'href="/accounts/enter/{account}"' in other.text
    assert len(ledger(site, account)) == 2


def test_m1_each_form_is_another_entry(site: Site) -> None:
    """M1: the same amount may be paid twice."""
    account = site.world.acme_account
    for _ in range(2):
        site.post(f"/accounts/enter/{account}", {**entry(site, account), "sure": "1"})
    assert len(ledger(site, account)) == 3


def test_m8_a_correction_may_take_away(site: Site) -> None:
    """M8: it is said where that leaves less than nothing."""
    account = site.world.acme_account
    form = entry(site, account, kind="correction", amount="-7,25")
    page = site.post(f"/accounts/enter/{account}", form).text
    assert "minus seven EUR and 25/100" in page
    assert "below zero" in page
    done = site.post(f"/accounts/enter/{account}", {**form, "sure": "1"})
    assert ledger(site, account)[-1].left_after == -2_250_000
    assert "Taken away: 7.25\N{NO-BREAK SPACE}EUR." in site.get(done.location).text


def test_m8_what_was_typed_can_be_changed(site: Site) -> None:
    """M8: who says no is back at the form, with what he had typed."""
    account = site.world.acme_account
    form = entry(site, account, amount="1250", notes="kept")
    page = site.post(f"/accounts/enter/{account}", {**form, "do": "change"}).text
    assert 'value="1250"' in page
    assert "kept" in page
    assert form["key"] in page
    assert len(ledger(site, account)) == 1


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"amount": ""}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"amount": "ten"}, "amount"),
        ({"amount": "1.2345678"}, "amount"),
        ({"amount": "1e999999"}, "amount"),
        ({"amount": "NaN"}, "amount"),
        ({"amount": "10000000000"}, "amount"),
        ({"kind": "call"}, "kind"),
        ({"kind": "gift"}, "kind"),
        ({"order_number": "x" * 201}, "order_number"),
        ({"order_number": "a\nb"}, "order_number"),
        ({"notes": "a\0b"}, "notes"),
    ],
)
def test_o2_what_is_wrong_with_an_entry_stands_at_its_field(
    site: Site, values: dict[str, str], field: str
) -> None:
    """O2: and nothing is written, however sure one is."""
    account = site.world.acme_account
    for sure in ("", "1"):
        form = {**entry(site, account), **values, "sure": sure}
        page = site.post(f"/accounts/enter/{account}", form)
        assert page.status_code == 422
        assert f'id="{field}-error"' in page.text
    assert len(ledger(site, account)) == 1
    assert site.faults == 0


def test_o2_the_most_of_an_entry_is_said_as_money(site: Site) -> None:
    """O2: and not in millionths, which nobody typed."""
    account = site.world.acme_account
    page = site.post(
        f"/accounts/enter/{account}", {**entry(site, account), "amount": "1000000000.01"}
    )
    assert "write an amount, at most 1000000000.00<" in page.text


@pytest.mark.parametrize("key", ["", "leg:x", "a b", "x" * 65])
def test_g1_a_key_that_is_none_is_refused(site: Site, key: str) -> None:
    """G1: whatever a form says."""
    account = site.world.acme_account
    form = {"key": key, "kind": "top_up", "amount": "1", "sure": "1"}
    assert site.post(f"/accounts/enter/{account}", form).status_code == 422
    assert len(ledger(site, account)) == 1


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "zero EUR"),
        (10_000, "zero EUR and 01/100"),
        (-12_500_000, "minus twelve EUR and 50/100"),
        (1_012_500, "one EUR and 012500/1000000"),
        (21_000_000, "twenty-one EUR"),
        (1_000_000_000, "one thousand EUR"),
        (100_115_000_000, "one hundred thousand one hundred fifteen EUR"),
        (10**15, "one billion EUR"),
        (9 * 10**18, "nine trillion EUR"),
    ],
)
def test_m8_amounts_in_words(micros: int, words: str) -> None:
    """M8: a point in the wrong place is seen."""
    assert in_words(micros, "EUR") == words


# --- who may what ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["acme", "rod"])
def test_o2_entries_are_made_by_administrators(site: Site, who: str) -> None:
    """O2: others see the account, with no button for it, and are refused."""
    account = site.world.acme_account
    page = site.get(f"/accounts/of/{account}", who)
    assert "5.00\N{NO-BREAK SPACE}EUR" in page.text
    assert "/accounts/enter" not in page.text
    assert 'value="save"' not in page.text
    assert site.get(f"/accounts/enter/{account}", who).status_code == 403
    form = {**entry(site, account), "sure": "1"}
    assert site.post(f"/accounts/enter/{account}", form, who).status_code == 403
    assert site.get("/accounts/new", who).status_code == 403
    assert "/accounts/new" not in site.get("/accounts", who).text
    changed = {"version": "1", "unlimited": "on"}
    site.post(f"/accounts/of/{account}", changed, who)
    new = {"extension": "1001", "caller": "+12025550310", "currency": "EUR"}
    assert site.post("/accounts/new", new, who).status_code == 403
    values = site.world.directory.get(ADMIN, Kind.ACCOUNT, account).values
    assert values["unlimited"] is False
    assert len(ledger(site, account)) == 1


def test_o2_a_client_sees_his_own_alone(site: Site) -> None:
    """O2: what is another's is not there, in every view; prices are the operator's."""
    other = site.world.bolt_account
    page = site.get("/accounts", "acme").text
    assert "acme-money" in page
    assert "bolt" not in page
    assert other not in page
    for path in (f"/accounts/of/{other}", f"/accounts/ledger/{other}"):
        assert site.get(path, "acme").status_code == 404
    assert other not in site.get("/accounts?extension=2001", "acme").text
    assert "spare" not in site.get(f"/accounts/of/{site.world.acme_account}", "acme").text
    assert site.get(f"/accounts/ledger/{site.world.acme_account}", "acme").status_code == 200


def test_g1_a_form_without_the_sessions_secret_enters_nothing(site: Site) -> None:
    """O2: a page of somebody else's cannot send our forms (CSRF)."""
    account = site.world.acme_account
    form = {**entry(site, account), "sure": "1"}
    for token in ("", "csrf-of-acme"):
        page = site.post(f"/accounts/enter/{account}", form, token=token)
        assert page.status_code == 403
    assert len(ledger(site, account)) == 1


def test_g1_hostile_words_are_words(site: Site) -> None:
    """G1: nothing that anybody wrote is markup, wherever it is shown."""
    account = site.world.acme_account
    hostile: dict[str, Any] = {"notes": HOSTILE, "order_number": HOSTILE}
    site.world.directory.add_entry(ADMIN, account, {"key": "h", "amount": 1, **hostile})
    site.world.directory.change(ADMIN, Kind.ACCOUNT, account, {"description": HOSTILE})
    form = entry(site, account, **hostile)
    path = f"/accounts/enter/{account}"
    pages = [
        site.get(f"/accounts/of/{account}"),
        site.get(f"/accounts/of/{account}", query_string={"kind": HOSTILE, "since": HOSTILE}),
        site.get("/accounts", query_string={"owner": HOSTILE}),
        site.get("/accounts/new", query_string={"extension": HOSTILE, "caller": HOSTILE}),
        site.post(path, form),
        site.post(path, {**form, "do": "change"}),
        site.post(path, {**form, "amount": HOSTILE, "key": HOSTILE, "kind": HOSTILE}),
    ]
    for page in pages:
        assert page.status_code in (200, 422), page.text
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    assert site.faults == 0


def test_m1_an_account_that_is_there_already_is_told_at_whose_it_is(site: Site) -> None:
    """M1: one each."""
    made = {"extension": "2001", "currency": "EUR"}
    site.post("/accounts/new", made)
    again = site.post("/accounts/new", made)
    assert again.status_code == 409
    assert 'id="extension-error"' in again.text


def test_m8_what_is_to_be_written_stands_in_quotes(site: Site) -> None:
    """M8, O2: as people write, and not as programs do."""
    account = site.world.acme_account
    page = site.post(f"/accounts/enter/{account}", entry(site, account, amount="-5"))
    assert page.status_code == 422
    assert "write kind “correction” to take away" in page.text
    assert "`" not in page.text


def test_o2_accounts_are_listed_by_their_owners_page_after_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2: in the order that is shown, wherever a page ends."""
    monkeypatch.setattr(records, "ON_PAGE", 1)
    for extension, caller in (("2001", "+12025550320"), ("1001", "+12025550310")):
        site.world.make(Kind.ACCOUNT, extension=extension, caller=caller, currency="EUR")
    seen: list[str] = []
    path = "/accounts"
    while path:
        text = site.get(path).text
        seen += re.findall(r'<a href="/accounts/of/[^"]+">([^<]+)</a>', text)
        more = re.search(r'<a href="([^"]+)" rel="next"', text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == len(site.world.directory.list(ADMIN, Kind.ACCOUNT).items)


def test_where_another_engine_charges_accounts_say_that_they_pay_for_nothing(site: Site) -> None:
    """Whoever tops one up there has to know that (`credit.engine`)."""
    said = "Calls are charged by another engine (acme:engine)"
    assert said not in site.get("/accounts").text
    site.app.jinja_env.globals["elsewhere"] = "acme:engine"
    assert said in site.get("/accounts").text
    assert said not in site.get("/callbacks").text
