"""Legs that are over: their list, their file, and each of them (M7, O5)."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.unit.store.called import keep_leg, uuid
from tests.web.pages.site import Site
from tests.web.pages.stories import CALLER, DIALLED, HOSTILE, SECOND, talked
from tests.web.pages.telling import main, said

#: What the operator alone sees of a leg.
OPERATORS = ("fs1-of-ours", "pstn", "0.004", "Margin", "Channel", "Switch")


def test_m7_legs_are_listed_the_newest_first(site: Site) -> None:
    """M7: with whom they called, how they ended and what they cost."""
    talked(site.world)
    page = main(site.get("/calls").text)
    text = said(page)
    assert "Return call +12125550199 1001 gsm somebody hung up 1 min 27 s 0.0345 EUR" in text
    assert "Return call +12125550199 1001 pstn the line was busy" in text
    places = [page.index(leg) for leg in (site.world.bolt_leg, site.world.acme_leg, uuid(0xE003))]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("number=%2B12125550199", 2),
        ("number=(212)+555-0199", 2),
        ("number=%2B1+212+555-0199", 2),
        ("caller=%2B12125550199", 3),
        ("extension=2001", 1),
        ("side=destination&extension=1001", 2),
        ("channel=gsm", 1),
        ("cause=USER_BUSY", 1),
        ("charged=false", 1),
        ("uncovered=true", 1),
        ("since=2026-11-18T11:07:00", 4),
        ("since=2026-11-18T11:07:00%2B01:00", 5),
        ("until=2026-11-18T11:06:50&number=%2B12125550199", 1),
    ],
)
def test_m7_a_list_is_filtered_as_the_api_does(site: Site, query: str, count: int) -> None:
    """M7: numbers may be written with what stands between their digits."""
    talked(site.world)
    page = main(site.get(f"/calls?{query}").text)
    assert page.count('<th scope="row"') == count


def test_what_cannot_be_filtered_by_is_said(site: Site) -> None:
    """A wrong time, a wrong choice, and a channel that is not a client's to name."""
    assert "write a time" in main(site.get("/calls?since=yesterday").text)
    assert "write true or false" in main(site.get("/calls?charged=maybe").text)
    assert "cannot be read" in main(site.get("/calls?cause=a%00").text)
    page = site.get("/calls?channel=pstn", "acme")
    assert "channels are the operator" in main(page.text)
    assert site.world.acme_leg not in page.text


def test_a_long_list_goes_on_where_it_ended(site: Site) -> None:
    """Each leg is on one page, and none is on two."""
    world = site.world
    for number in range(60):
        keep_leg(world.engine, 0x1000 + number, begun=world.now - number * SECOND)
    first = site.get("/calls?extension=100")
    assert main(first.text).count('<th scope="row"') == 50
    path = first.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = main(site.get(path.replace("&amp;", "&")).text)
    assert second.count('<th scope="row"') == 10
    for number in range(60):
        assert (uuid(0x1000 + number) in first.text) != (uuid(0x1000 + number) in second)
    assert 'rel="next"' not in second


def test_m7_a_leg_is_shown_with_all_of_it_in_words(site: Site) -> None:
    """M7: what it cost the operator too."""
    talked(site.world)
    text = said(site.get(f"/calls/{uuid(0xE002)}").text)
    for sentence in (
        "It was answered, and lasted 1 min 27 s: somebody hung up.",
        "Caller +12125550199",
        "after 6 s",
        "somebody hung up NORMAL_CLEARING",
        "The switch told of it when it ended.",
        "0.01 EUR a minute to +44…",
        "Charge 0.0345 EUR",
        "Cost of the channel 0.004 EUR",
        "Margin 0.0305 EUR",
        "Channel gsm",
        "Switch fs1",
    ):
        assert sentence in text, sentence
    busy = said(site.get(f"/calls/{uuid(0xE001)}").text)
    assert "It was not answered: the line was busy." in busy


def test_o2_a_client_sees_its_own_legs_without_what_is_the_operators(site: Site) -> None:
    """O2: on all of these pages, and in the file."""
    world = site.world
    for path in ("/calls", f"/calls/{world.acme_leg}"):
        text = said(main(site.get(path, "acme").text))
        assert "+12025550710" in text
        assert "+12025550720" not in text
        for word in OPERATORS:
            assert word not in text, (path, word)
    for name in ("csv", "jsonl"):
        file = site.get(f"/calls/export?format={name}", "acme").text
        assert world.acme_leg in file
        assert world.bolt_leg not in file
        assert "fs1-of-ours" not in file
    there, never = (site.get(f"/calls/{leg}", "acme") for leg in (world.bolt_leg, uuid(7)))
    assert (there.status_code, never.status_code) == (404, 404)
    assert there.text.replace(world.bolt_leg, "") == never.text.replace(uuid(7), "")


def test_o5_a_list_is_had_as_a_file(site: Site) -> None:
    """O5: all of it, the oldest first, filtered as the list is."""
    talked(site.world)
    made = site.get("/calls/export?number=%2B12125550199&format=csv")
    assert made.content_type == "text/csv; charset=utf-8"
    assert "attachment" in made.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(made.text)))
    assert [row["leg"] for row in rows] == [uuid(0xE001), uuid(0xE002)]
    assert rows[1]["charge"] == "0.0345"
    lines = site.get("/calls/export?number=%2B12125550199&format=jsonl").text.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [CALLER, CALLER]
    assert site.get("/calls/export?format=xml").status_code == 422
    page = site.get(f"/calls?number={DIALLED.replace('+', '%2B')}").text
    assert "/calls/export?number=%2B12025550188&amp;format=csv" in page


def test_g1_what_others_wrote_is_text(site: Site) -> None:
    """G1: a cause, a channel, a switch."""
    leg = keep_leg(site.world.engine, 9, cause=HOSTILE, channel=HOSTILE, node=HOSTILE)
    for path in ("/calls", f"/calls/{leg}", "/calls?cause=%3Cscript%3Ealert(1)"):
        page = site.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
