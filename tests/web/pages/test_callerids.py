"""Authorised CallerIDs on pages: list, form, many at a time, files (O2)."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from sqlalchemy import event

from controller.admin.model import Kind
from tests.web.pages.site import SESSIONS, Site
from tests.web.world import ADMIN, PIN, check_secret_free

ACME = "1001/+12025550310"
BOLT = "2001/+12025550320"
#: What a browser may not take for markup, in whatever field it stands.
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


def numbers(site: Site, count: int, **values: Any) -> list[str]:
    """Make some of acme's, and give their keys."""
    return [
        site.world.make(Kind.CALLERID, extension="1001", number=f"+1202555{1000 + n}", **values)
        for n in range(count)
    ]


def stored(site: Site, key: str) -> dict[str, Any]:
    """Give what is stored of one."""
    return site.world.directory.get(ADMIN, Kind.CALLERID, key).values


def there(site: Site) -> set[str]:
    """Give the keys of all that there are."""
    page = site.world.directory.list(ADMIN, Kind.CALLERID, limit=1000)
    return {item.key for item in page.items}


def send(site: Site, text: str | bytes, who: str = "ada", **form: str) -> Any:
    """Send a file, as the form does without a script."""
    data = text.encode() if isinstance(text, str) else text
    return site.post("/callerids/import", {"file": (io.BytesIO(data), "file.csv"), **form}, who)


def large(site: Site, file: bytes) -> int:
    """Try a large file, as a browser sends it, and give the status of the answer."""
    head = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    parts = (
        (b"csrf", b"", SESSIONS["ada"].csrf.encode()),
        (b"file", b'; filename="a.csv"', file),
    )
    got = site._browser("ada").post(
        "/callerids/import",
        data=b"".join(head % part for part in parts) + b"--x--\r\n",
        content_type="multipart/form-data; boundary=x",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    return got.status_code


def tried(site: Site, text: str, who: str = "ada", **form: str) -> Any:
    """Try a file, and then import it."""
    page = send(site, text, who, do="try", **form)
    assert page.status_code == 200, page.text
    found = re.search(r'name="tried" value="([0-9a-f]{64})"', page.text)
    assert found, page.text
    return send(site, text, who, do="import", tried=found[1], **form)


# --- list and form -----------------------------------------------------------------------------


def test_o2_a_callerid_is_made_changed_and_removed(site: Site) -> None:
    """O2: a number may be typed as people write it; its PIN is never shown."""
    made = site.post(
        "/callerids/new?extension=1001",
        {
            "extension": "1001",
            "number": "+1 (202) 555-0199",
            "enabled": "on",
            "callback_number": "+49 30 901820",
            "pin": PIN,
            "speed_dials.0": ["1", "22"],
            "speed_dials.1": ["+12025550100", "+16465550100"],
            "presets.0": "+12025550210",
            "presets.1": "+12025550101",
            "notes": "the boss",
        },
    )
    assert made.location == "/callerids/of/1001/+12025550199?done=made"
    page = site.get(made.location)
    assert "the boss" in page.text
    check_secret_free(page.data, ())
    values = stored(site, "1001/+12025550199")
    assert values["callback_number"] == "+4930901820"
    assert values["speed_dials"] == {"1": "+12025550100", "22": "+16465550100"}
    assert values["presets"] == {"+12025550210": "+12025550101"}
    assert values["pin_set"] is True
    path = "/callerids/of/1001/+12025550199"
    changed = site.post(path, {"version": "1", "enabled": "", "pin": "", "pin-remove": "1"})
    assert changed.location == f"{path}?done=saved"
    assert stored(site, "1001/+12025550199")["enabled"] is False
    assert stored(site, "1001/+12025550199")["pin_set"] is False
    removed = site.post(path, {"version": "2", "do": "remove"})
    assert removed.location == "/callerids?done=removed"


def test_o2_a_new_one_begins_with_the_extension_of_the_address(site: Site) -> None:
    """O2: from an extension's page its number need not be typed again."""
    page = site.get("/callerids/new?extension=1001").text
    field = re.search(r'<input name="extension"[^>]*>', page)
    assert field
    assert 'value="1001"' in field[0]


@pytest.mark.parametrize(
    ("asked", "seen"),
    [
        ("extension=2001", {BOLT}),
        ("number=%2B1202555031", {ACME}),
        ("enabled=false", {"1001/+12025551000"}),
        ("pin_set=true", {ACME, BOLT}),
        ("pin_set=false", {"1001/+12025551000"}),
        ("extension=1001&enabled=true", {ACME}),
    ],
)
def test_o2_the_list_is_filtered(site: Site, asked: str, seen: set[str]) -> None:
    """O2: by extension, number, status and PIN."""
    numbers(site, 1, enabled=False)
    page = site.get(f"/callerids?{asked}").text
    assert set(re.findall(r'name="key" value="([^"]+)"', page)) == seen


def test_m1_credit_in_the_list_is_the_sum_of_the_ledger(site: Site) -> None:
    """M1: total credit is the sum of the entries of the number's own account; of others none."""
    with_money, without = numbers(site, 2)
    account = site.world.make(
        Kind.ACCOUNT, extension="1001", caller=with_money.split("/")[1], currency="EUR"
    )
    for count, amount in enumerate((7_000_000, -1_250_000, 10), 1):
        kind = "correction" if amount < 0 else "top_up"
        entry = {"key": f"e{count}", "amount": amount, "kind": kind}
        site.world.directory.add_entry(ADMIN, account, entry)
    lines = site.world.directory.entries(ADMIN, account).items
    assert sum(line.amount for line in lines) == 5_750_010
    page = site.get("/callerids?extension=1001").text
    row = next(row for row in page.split("<tr>") if f'value="{with_money}"' in row)
    assert row.count("5.75001\N{NO-BREAK SPACE}EUR") == 2
    other = next(row for row in page.split("<tr>") if f'value="{without}"' in row)
    assert "EUR" not in other


def test_o2_the_credit_of_a_page_is_one_question(site: Site) -> None:
    """O2: however many numbers are on it."""
    keys = numbers(site, 40)
    for key in keys[::2]:
        site.world.make(Kind.ACCOUNT, extension="1001", caller=key.split("/")[1], currency="EUR")
    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        if "credit_hold" in statement:
            asked.append(statement)

    event.listen(site.world.directory._reader, "before_cursor_execute", note)
    page = site.get("/callerids?extension=1001").text
    assert page.count("0.00\N{NO-BREAK SPACE}EUR") == 40
    assert len(asked) == 1


def test_o2_more_than_a_page_goes_on_with_the_filter(site: Site) -> None:
    """O2: the rest is behind a link that keeps what was asked for."""
    numbers(site, 60)
    page = site.get("/callerids?extension=1001&enabled=true").text
    found = re.search(r'href="(/callerids\?[^"]+)" rel="next"', page)
    assert found
    rest = site.get(found[1].replace("&amp;", "&")).text
    assert len(re.findall(r'name="key"', page + rest)) == 61


def test_o2_the_beginning_of_a_list_has_the_filter_still(site: Site) -> None:
    """O2: going back to the first page looks for the same."""
    numbers(site, 60)
    page = site.get("/callerids?extension=1001&enabled=true").text
    found = re.search(r'href="(/callerids\?[^"]+)" rel="next"', page)
    assert found
    rest = site.get(found[1].replace("&amp;", "&")).text
    assert 'href="/callerids?extension=1001&amp;enabled=true">From the beginning' in rest


@pytest.mark.parametrize("typed", ["+1 (202) 555-0310", "1 202 555 03"])
def test_o2_numbers_are_looked_for_however_they_are_written(site: Site, typed: str) -> None:
    """O2: the list, what is exported and what is done with all that match are the same."""
    assert ACME in site.get("/callerids", query_string={"number": typed}).text
    file = site.get("/callerids/export", query_string={"number": typed}).text
    assert "+12025550310" in file
    assert "+12025550320" not in file or "555-0310" not in typed
    form = {"action": "disable", "scope": "match", "number": typed}
    assert ACME in site.post("/callerids/bulk", form).text


def test_a4_a_pin_beside_something_wrong_is_asked_for_again(site: Site) -> None:
    """A4: it is not sent back, so that without a word it would be forgotten."""
    form = {"extension": "1001", "number": "12", "pin": "4711", "do": "save"}
    page = site.post("/callerids/new", form)
    assert page.status_code == 422
    assert "4711" not in page.text
    assert 'id="number-error"' in page.text
    assert "once more" in page.text.partition('id="pin-error"')[2].partition("</p>")[0]
    # And what was ticked is ticked.
    site.world.directory.change(ADMIN, Kind.CALLERID, ACME, {"pin": PIN})
    wrong = {"version": "1", "callback_number": "12", "pin": "", "pin-remove": "1"}
    page = site.post(f"/callerids/of/{ACME}", wrong)
    assert page.status_code == 422
    assert re.search(r'name="pin-remove"[^>]* checked', page.text)
    assert 'id="pin-error"' not in page.text


def test_a4_a_pin_is_replaced_or_taken_away_and_not_both(site: Site) -> None:
    """A4: who says both is asked what he means."""
    before = stored(site, ACME)
    version = str(site.world.directory.get(ADMIN, Kind.CALLERID, ACME).version)
    form = {"version": version, "pin": "471199", "pin-remove": "1"}
    page = site.post(f"/callerids/of/{ACME}", form)
    assert page.status_code == 422
    assert 'id="pin-error"' in page.text
    assert stored(site, ACME) == before


# --- many at a time ----------------------------------------------------------------------------


def test_o2_many_are_asked_once_more_and_then_done(site: Site) -> None:
    """O2: nothing is done before that."""
    keys = numbers(site, 3)
    form = {"action": "disable", "scope": "ticked", "key": keys[:2]}
    page = site.post("/callerids/bulk", form)
    assert page.status_code == 200
    assert "2 CallerIDs" in page.text
    assert stored(site, keys[0])["enabled"] is True
    done = site.post("/callerids/bulk", {**form, "sure": "1"})
    assert "Disabled: 2." in done.text
    assert [stored(site, key)["enabled"] for key in keys] == [False, False, True]
    again = site.post("/callerids/bulk", {**form, "sure": "1"})
    assert "Disabled: 0." in again.text
    assert "Disabled already: 2." in again.text


def test_o2_all_that_match_are_counted_and_done(site: Site) -> None:
    """O2: not only those of the page that was seen; the audit log tells of each."""
    keys = numbers(site, 60, enabled=False)
    form = {"action": "enable", "scope": "match", "enabled": "false"}
    page = site.post("/callerids/bulk", form).text
    assert "60 CallerIDs" in page
    assert 'name="expected" value="60"' in page
    done = site.post("/callerids/bulk", {**form, "sure": "1", "expected": "60"})
    assert "Enabled: 60." in done.text
    assert all(stored(site, key)["enabled"] for key in keys)
    log = site.world.directory.audit(ADMIN, {"kind": "callerid", "action": "change"})
    assert len(log.items) == 60


def test_o2_where_others_match_by_now_nothing_is_done(site: Site) -> None:
    """O2: what was looked at is done, and nothing else."""
    keys = numbers(site, 2)
    form = {"action": "remove", "scope": "match", "extension": "1001", "sure": "1"}
    page = site.post("/callerids/bulk", {**form, "expected": "2"})
    assert page.status_code == 409
    assert "3 CallerIDs match now, and not 2" in page.text
    assert {*keys, ACME} <= there(site)


@pytest.mark.parametrize("expected", ["", "-3", "three", "99999999999999999999"])
def test_o2_how_many_there_were_has_to_be_said(site: Site, expected: str) -> None:
    """O2: or nothing is done to all."""
    form = {"action": "remove", "scope": "match", "sure": "1", "expected": expected}
    assert site.post("/callerids/bulk", form).status_code == 409
    assert there(site) == {ACME, BOLT}


def test_o2_what_cannot_be_removed_is_told_and_the_others_are(site: Site) -> None:
    """O2, M1: one with money on its account stays, and one that is not there is named."""
    keys = numbers(site, 3)
    account = site.world.make(
        Kind.ACCOUNT, extension="1001", caller=keys[1].split("/")[1], currency="EUR"
    )
    site.world.directory.add_entry(ADMIN, account, {"key": "paid", "amount": 5})
    gone = "1001/+12025559999"
    form = {"action": "remove", "scope": "ticked", "key": [*keys, gone], "sure": "1"}
    page = site.post("/callerids/bulk", form).text
    assert "Removed: 2." in page
    assert "Not done: 2." in page
    assert "there is a balance of 0.000005 EUR on the account" in page
    assert "refusals=" not in page
    assert gone in page
    assert there(site) == {ACME, BOLT, keys[1]}


def test_o2_a_pin_is_taken_away_from_many(site: Site) -> None:
    """O2: and the audit log says that, but no hash."""
    form = {"action": "take_pin", "scope": "match", "pin_set": "true", "sure": "1"}
    page = site.post("/callerids/bulk", {**form, "expected": "2"})
    assert "PINs taken away: 2." in page.text
    assert stored(site, ACME)["pin_set"] is False
    site.world.check()


def test_o2_nothing_ticked_is_nothing_done(site: Site) -> None:
    """O2: it is said."""
    page = site.post("/callerids/bulk", {"action": "remove", "scope": "ticked", "sure": "1"})
    assert page.status_code == 422
    assert "Nothing was ticked" in page.text


def test_g1_an_action_that_there_is_not_is_refused(site: Site) -> None:
    """G1: whatever a form says."""
    form = {"action": HOSTILE, "scope": "match", "sure": "1", "expected": "2"}
    assert site.post("/callerids/bulk", form).status_code == 422
    form = {"action": "enable", "scope": "match", "extension": "a\0b"}
    assert site.post("/callerids/bulk", form).status_code == 422


# --- files -------------------------------------------------------------------------------------


def test_o2_a_file_is_tried_and_then_imported(site: Site) -> None:
    """O2: what would be made and changed is shown, and nothing written before it was seen."""
    text = (
        "extension;number;enabled;speed_dials\n"
        "1001;(202) 555-0401;on;1=+12025550100\n"
        "1001;+12025550310;off;\n"
        "2001;+12025550402;;\n"
    )
    page = send(site, text, do="try")
    assert page.status_code == 200
    assert "What it would do" in page.text
    assert re.search(r"<dt>New</dt><dd>2</dd>\s*<dt>Changed</dt><dd>1</dd>", page.text)
    assert "changed: Enabled, Speed dials" in page.text
    assert there(site) == {ACME, BOLT}
    done = tried(site, text)
    assert "Imported" in done.text
    assert there(site) == {ACME, BOLT, "1001/+12025550401", "2001/+12025550402"}
    assert stored(site, ACME)["enabled"] is False
    # A column that is not there leaves what is stored.
    assert stored(site, ACME)["notes"] == "acme-notes"
    assert stored(site, ACME)["pin_set"] is True


def test_o2_every_bad_line_is_told_and_nothing_is_written(site: Site) -> None:
    """O2: by its line and its column."""
    text = (
        "extension,number,enabled\n"
        "1001,+12025550401,on\n"
        "7777,+12025550402,on\n"
        "1001,nobody,on\n"
        "1001,+12025550403,perhaps\n"
    )
    page = send(site, text, do="try")
    assert page.status_code == 422
    assert "3 lines are bad" in page.text
    for line, column in ((3, "extension"), (4, "number"), (5, "enabled")):
        assert re.search(rf">{line}</th><td[^>]*>{column}</td>", page.text)
    assert 'name="tried"' not in page.text
    assert there(site) == {ACME, BOLT}


def test_o2_another_file_than_that_which_was_tried_is_not_imported(site: Site) -> None:
    """O2: nor the same for another extension."""
    text = "number\n+12025550401\n"
    page = send(site, text, do="try", extension="1001").text
    found = re.search(r'name="tried" value="([0-9a-f]{64})"', page)
    assert found
    more = {"do": "import", "tried": found[1]}
    assert send(site, f"{text}+12025550402\n", extension="1001", **more).status_code == 409
    assert send(site, text, extension="2001", **more).status_code == 409
    assert send(site, text, do="import", extension="1001").status_code == 409
    assert there(site) == {ACME, BOLT}


def test_o2_lines_that_do_not_say_are_of_the_extension_that_was_chosen(site: Site) -> None:
    """O2: those that say another are bad."""
    tried(site, "number\n+12025550401\n", extension="1001")
    assert "1001/+12025550401" in there(site)
    page = send(site, "extension,number\n2001,+12025550402\n", do="try", extension="1001")
    assert page.status_code == 422
    assert "is another than 1001" in page.text


def test_o2_what_is_exported_can_be_imported_again(site: Site) -> None:
    """O2: and is the same then; a PIN stays."""
    numbers(site, 3, notes='a "quoted", note\nof two lines', callback_number="+4930901820")
    before = {key: stored(site, key) for key in there(site)}
    text = site.get("/callerids/export").text
    page = send(site, text, do="try")
    assert re.search(r"<dt>The same already</dt><dd>5</dd>", page.text), page.text
    tried(site, text.replace("+4930901820", "+4930901821"))
    for key, values in before.items():
        changed = {**values, "callback_number": stored(site, key)["callback_number"]}
        assert stored(site, key) == changed
    assert stored(site, "1001/+12025551000")["callback_number"] == "+4930901821"


def test_o2_what_is_exported_is_what_is_filtered(site: Site) -> None:
    """O2: named as a file, and nothing secret in it."""
    got = site.get("/callerids/export?extension=2001")
    assert got.headers["Content-Disposition"] == 'attachment; filename="callerids.csv"'
    assert got.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert got.text.splitlines()[1].startswith("2001,+12025550320,on,*,")
    assert "1001" not in got.text
    check_secret_free(got.data, ())
    assert site.get("/callerids/export?enabled=perhaps").status_code == 422


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t=", "\uff1d"])
def test_g1_no_cell_of_notes_is_a_formula(site: Site, sign: str) -> None:
    """G1: of the abuse cases: formulas; and the text is what it was when it comes back."""
    notes = f'{sign}HYPERLINK("http://evil.example")'
    site.world.make(Kind.CALLERID, extension="1001", number="+12025550401", notes=notes)
    text = site.get("/callerids/export?number=%2B12025550401").text
    assert f"\"'{sign}HYPERLINK" in text
    page = send(site, text, do="try")
    assert re.search(r"<dt>The same already</dt><dd>1</dd>", page.text)


def test_g1_a_hash_of_a_pin_is_not_taken(site: Site) -> None:
    """A4: whoever could write one would know the PIN."""
    page = send(site, "extension,number,pin_hash\n1001,+12025550310,x\n", do="try")
    assert page.status_code == 422
    assert "there is no column" in page.text


def test_g1_too_many_pins_are_not_taken_at_once(site: Site) -> None:
    """G1: each takes a tenth of a second, and calls go on meanwhile."""
    lines = "".join(f"1001,+1202555{n},4711{n}\n" for n in range(1000, 1301))
    page = send(site, f"extension,number,pin\n{lines}", do="try")
    assert page.status_code == 422
    assert "has 301 PINs" in page.text


def test_g1_a_file_that_is_too_large_is_refused(site: Site) -> None:
    """G1: also a form of another view, which may be no larger than before."""
    assert large(site, b"number\n" + b"x" * (9 << 20)) == 413
    notes = {"notes": "x" * (2 << 20)}
    assert site.post(f"/callerids/of/{ACME}", notes).status_code == 413
    # A file of more than a megabyte is none of those.
    lines = "".join(f"1001,+1202555{n},{'x' * 1500}\n" for n in range(1000, 2000))
    assert large(site, f"extension,number,notes\n{lines}".encode()) == 200


@pytest.mark.parametrize("text", ["", "number\n\xff\xfe", "\x00\x01\x02", "number,number\n1,2\n"])
def test_g1_what_is_no_such_file_is_said(site: Site, text: str) -> None:
    """G1: and is no fault of ours."""
    page = send(site, text.encode("latin-1"), do="try", extension="1001")
    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert site.faults == 0


def test_o2_the_form_of_a_file_is_answered_in_part(site: Site) -> None:
    """O2: htmx shows it below the form, also where lines are bad."""
    browser = site._browser("ada")
    data = {"file": (io.BytesIO(b"extension,number\n7777,1\n"), "a.csv"), "do": "try"}
    headers = {
        "Sec-Fetch-Site": "same-origin",
        "HX-Request": "true",
        "X-CSRF-Token": SESSIONS["ada"].csrf,
    }
    page = browser.post("/callerids/import", data=data, headers=headers)
    assert page.status_code == 200
    assert "1 line is bad" in page.text
    assert "<html" not in page.text


# --- who may what ------------------------------------------------------------------------------


def test_o2_a_client_sees_and_changes_his_own_alone(site: Site) -> None:
    """O2: what is another's is not there, in every view."""
    page = site.get("/callerids", "acme").text
    assert "+12025550310" in page
    for mark in site.world.marks:
        assert mark.strip('"/') not in page
        assert mark.strip('"/') not in site.get("/callerids/export", "acme").text
    assert BOLT not in site.get("/callerids?extension=2001", "acme").text
    assert site.get(f"/callerids/of/{BOLT}", "acme").status_code == 404
    assert site.post(f"/callerids/of/{BOLT}", {"enabled": ""}, "acme").status_code == 404
    form = {"extension": "2001", "number": "+12025550499", "enabled": "on"}
    assert site.post("/callerids/new", form, "acme").status_code == 404
    assert there(site) == {ACME, BOLT}


@pytest.mark.parametrize("action", ["enable", "disable", "take_pin", "remove"])
def test_o2_many_at_a_time_are_a_clients_own(site: Site, action: str) -> None:
    """O2: neither by name nor by a filter is another's reached."""
    before = stored(site, BOLT)
    named = {"action": action, "scope": "ticked", "key": BOLT, "sure": "1"}
    page = site.post("/callerids/bulk", named, "acme").text
    assert "there is no such CallerID" in page
    form = {"action": action, "scope": "match", "sure": "1", "expected": "1"}
    assert site.post("/callerids/bulk", form, "acme").status_code == 200
    by_number = {**form, "number": "+1202555032", "expected": "0"}
    assert site.post("/callerids/bulk", by_number, "acme").status_code == 200
    asked = site.post("/callerids/bulk", {**form, "sure": ""}, "acme").text
    assert "2001" not in asked
    assert stored(site, BOLT) == before


def test_o2_a_file_of_a_client_reaches_his_own_alone(site: Site) -> None:
    """O2: another's extension is not there."""
    text = "extension,number,enabled\n2001,+12025550320,off\n"
    page = send(site, text, "acme", do="try")
    assert page.status_code == 422
    assert "there is no extension" in page.text
    tried(site, "extension,number\n1001,+12025550401\n", "acme")
    assert "1001/+12025550401" in there(site)


def test_o2_who_only_reads_changes_nothing(site: Site) -> None:
    """O2: he is shown no buttons for it, and is refused where he finds the way himself."""
    page = site.get("/callerids", "rod").text
    assert "/callerids/bulk" not in page or 'name="action"' not in page
    assert "/callerids/new" not in page
    assert "/callerids/import" not in page
    assert site.get("/callerids/export", "rod").status_code == 200
    assert site.get("/callerids/import", "rod").status_code == 403
    assert send(site, "number\n+12025550401\n", "rod", extension="1001").status_code == 403
    for action in ("enable", "disable", "take_pin", "remove"):
        form = {"action": action, "scope": "ticked", "key": ACME, "sure": "1"}
        assert site.post("/callerids/bulk", form, "rod").status_code == 403
    assert stored(site, ACME)["pin_set"] is True


def test_g1_a_form_without_the_sessions_secret_changes_nothing(site: Site) -> None:
    """O2: a page of somebody else's cannot send our forms (CSRF)."""
    form = {"action": "remove", "scope": "ticked", "key": ACME, "sure": "1"}
    assert site.post("/callerids/bulk", form, token="csrf-of-bolt").status_code == 403
    data = {"file": (io.BytesIO(b"number\n+12025550401\n"), "a.csv"), "extension": "1001"}
    assert site.post("/callerids/import", data, token="").status_code == 403
    assert there(site) == {ACME, BOLT}


def test_g1_hostile_words_are_words(site: Site) -> None:
    """G1: nothing that anybody wrote is markup, wherever it is shown."""
    site.world.directory.change(ADMIN, Kind.CALLERID, ACME, {"notes": HOSTILE})
    pages = [
        site.get(f"/callerids/of/{ACME}"),
        site.get("/callerids", query_string={"extension": HOSTILE, "number": HOSTILE}),
        site.get("/callerids/import", query_string={"extension": HOSTILE}),
        site.get("/callerids/new", query_string={"extension": HOSTILE}),
        site.post("/callerids/bulk", {"action": "enable", "scope": "ticked", "key": HOSTILE}),
        site.post("/callerids/bulk", {"action": "enable", "scope": "match", "extension": HOSTILE}),
        site.post(
            "/callerids/bulk",
            {"action": "enable", "scope": "ticked", "key": HOSTILE, "sure": "1"},
        ),
        send(site, f"extension,number,notes\n{HOSTILE},{HOSTILE},{HOSTILE}\n", do="try"),
        send(site, f"{HOSTILE}\n", do="try", extension=HOSTILE),
    ]
    for page in pages:
        assert page.status_code in (200, 422), page.text
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    assert site.faults == 0
