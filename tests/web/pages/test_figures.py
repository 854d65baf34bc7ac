"""Figures: what was counted is what there is (O2, T10, M7)."""

from __future__ import annotations

import pytest

from controller.admin.figures import SPANS, Figures
from controller.admin.model import Actor, Invalid
from controller.policy.records import Role
from controller.web.api import turns
from tests.unit.store.called import FREE, keep_leg, uuid
from tests.web.pages.site import Site
from tests.web.pages.stories import HOSTILE, SECOND, rows, talked
from tests.web.pages.telling import main, said
from tests.web.world import ADMIN, World

HOUR = 3_600 * SECOND
DAY = 24 * HOUR
ACME = Actor("user:acme", Role.CLIENT, "acme")
BOLT = Actor("user:bolt", Role.CLIENT, "bolt")


def figures(world: World) -> Figures:
    """Give the desk, some minutes after all that a world has."""
    return Figures(world.engine, now=lambda: world.now + 300 * SECOND)


def test_o2_callbacks_are_counted_by_hour_and_outcome(world: World) -> None:
    """O2: what is older, or begins later, is in none."""
    rows(world, 3, created=world.now)
    rows(world, 2, created=world.now - HOUR, outcome="busy")
    rows(world, 4, created=world.now, state="refused", outcome="hidden")
    rows(world, 1, created=world.now, state="refused", outcome="not_authorised")
    rows(world, 9, created=world.now - 30 * HOUR)
    rows(world, 9, created=world.now + HOUR)
    found = figures(world).over(ADMIN, "day", client="acme")
    assert (found.step, len(found.parts)) == (HOUR, 24)
    # One of the world's own is pending.
    assert [part.asked for part in found.parts[-2:]] == [2, 9]
    assert [part.refused for part in found.parts[-2:]] == [0, 5]
    assert sum(part.asked for part in found.parts[:-2]) == 0
    assert [(one.outcome, one.count) for one in found.refused] == [
        ("hidden", 4),
        ("not_authorised", 1),
    ]
    assert [(one.outcome, one.count) for one in found.ended] == [("completed", 3), ("busy", 2)]
    assert found.open == 1


@pytest.mark.parametrize("span", list(SPANS))
def test_o2_parts_begin_where_hours_and_days_do(world: World, span: str) -> None:
    """O2: so that the same call is always in the same; the last one goes on now."""
    found = figures(world).over(ADMIN, span)
    assert all(part.begun % found.step == 0 for part in found.parts)
    assert found.since == found.parts[0].begun
    assert found.parts[-1].begun <= found.until < found.parts[-1].begun + found.step
    rows(world, 1, created=found.since)
    rows(world, 1, created=found.since - 1)
    again = figures(world).over(ADMIN, span)
    assert again.parts[0].asked == 1


def test_o2_a_try_counts_once_over_however_many_channels_it_went(world: World) -> None:
    """O2: it was answered where one of its legs was."""
    at, engine = world.now, world.engine
    of = {"client": "acme", "extension": "1001", "side": "return", "position": 0, "begun": at}
    for number, call, answered in ((1, 1, None), (2, 1, None), (3, 1, at), (4, 2, None)):
        more = {"call": uuid(0xAA0 + call), "answered": answered}
        keep_leg(engine, 0x500 + number, **{**of, **more}, **FREE)
    found = figures(world).over(ACME, "day")
    assert [(part.called, part.answered) for part in found.parts[-1:]] == [(2, 1)]


def test_m7_what_was_spent_is_summed_by_currency(world: World) -> None:
    """M7: the operator sees what channels took; a client does not."""
    talked(world)
    keep_leg(world.engine, 0x600, client="acme", extension="1001", currency="USD", charge=7,
             begun=world.now, cost_currency="CHF", cost=5)  # fmt: skip
    keep_leg(world.engine, 0x601, client="acme", extension="1001", begun=world.now, **FREE)
    found = figures(world).over(ADMIN, "day", extension="1001")
    shown = [(one.currency, one.charge, one.uncovered, one.cost) for one in found.spending]
    # The world has a leg of acme's for 30,000, at a cost of 4,000.
    assert shown == [("CHF", 0, 0, 5), ("EUR", 94_500, 1_000, 16_000), ("USD", 7, 0, None)]
    assert found.spending[1].parts[-1] == 94_500
    own = figures(world).over(ACME, "day", extension="1001")
    assert [(one.currency, one.charge, one.cost) for one in own.spending] == [
        ("EUR", 94_500, None),
        ("USD", 7, None),
    ]
    last = found.parts[-1]
    assert (last.called, last.answered) == (2, 1)
    assert last.talked == 4
    assert last.seconds == 87 + 60 + 60 + 60 + 60


def test_o2_a_client_is_given_its_own_whoever_it_asks_for(world: World) -> None:
    """O2: with another's extension, or name, there is nothing."""
    talked(world)
    rows(world, 5, extension="2001")
    assert figures(world).over(BOLT, "day").parts[-1].asked == 6
    for asked in ({"extension": "1001"}, {"client": "acme"}):
        found = figures(world).over(BOLT, "day", **asked)
        assert sum(part.asked + part.called + part.talked for part in found.parts) == 0
        assert found.spending == ()
        assert found.open == 0
    assert figures(world).over(BOLT, "day", client="bolt").parts[-1].asked == 6


def test_what_cannot_be_asked_for_is_said(world: World) -> None:
    """G1: nothing that no database takes gets to one."""
    with pytest.raises(Invalid, match="span: "):
        figures(world).over(ADMIN, "year")
    with pytest.raises(Invalid, match="extension: "):
        figures(world).over(ADMIN, "day", extension="1\0")


# --- the page --------------------------------------------------------------------------------


def test_o2_the_page_shows_the_same_numbers_as_charts_and_as_tables(site: Site) -> None:
    """O2: each chart has a name, and a table of the same."""
    talked(site.world)
    rows(site.world, 3, state="refused", outcome="hidden")
    site.world.now += 300 * SECOND
    page = site.get("/figures?extension=1001")
    text = said(main(page.text))
    assert "Callbacks asked for 5" in text
    assert "Refused 3" in text
    assert "50 % 1 of 2" in text
    assert "0.0945 EUR cost 0.016 EUR 0.001 EUR more than was held" in text
    assert "The caller hides his number, so that nobody knows whom to call back. 3" in text
    assert "11:00 2 3" in text
    assert page.text.count('role="img"') == page.text.count("As a table") == 3
    assert " style=" not in page.text
    link = "/callbacks?state=refused&amp;outcome=hidden&amp;since=2026-11-17T12%3A00"
    assert f"{link}&amp;extension=1001" in page.text


def test_o2_no_list_is_led_to_that_has_more_than_was_counted(site: Site) -> None:
    """O2: lists of callbacks are of no client."""
    rows(site.world, 3, state="refused", outcome="hidden")
    page = main(site.get("/figures?client=acme").text)
    assert "so that nobody knows whom to call back. 3" in said(page)
    assert "/callbacks?" not in page
    assert "/callbacks?" in main(site.get("/figures").text)


def test_o2_it_is_said_that_the_last_part_goes_on(site: Site) -> None:
    for over, words in (("day", "hour"), ("week", "day"), ("week_hours", "hour"), ("month", "day")):
        assert f"The last {words} goes on." in site.get(f"/figures?over={over}").text


def test_o2_each_time_has_a_page(site: Site) -> None:
    """O2: also one where nothing was."""
    for over in (*SPANS, "nonsense"):
        page = site.get(f"/figures?over={over}&extension=9999")
        assert page.status_code == 200
        assert "There was nothing in this time." in page.text
    assert "cannot be read" in site.get("/figures?extension=1%00").text


def test_o2_a_client_sees_neither_others_nor_costs(site: Site) -> None:
    """O2: nor is it asked for a client."""
    talked(site.world)
    site.world.now += 300 * SECOND
    page = main(site.get("/figures?client=bolt", "acme").text)
    text = said(page)
    assert "0.0945 EUR" in text
    assert "cost" not in text.replace("cost nothing", "")
    assert 'name="client"' not in page
    assert "0.0945" not in main(site.get("/figures?extension=1001", "bolt").text)


def test_g1_a_hostile_filter_is_text(site: Site) -> None:
    """G1: in the form, and in links."""
    page = site.get("/figures", query_string={"extension": HOSTILE, "client": HOSTILE}).text
    assert "<script>alert" not in page


def test_g1_figures_are_counted_one_at_a_time_and_clients_do_not_wait_for_each_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: there are few threads, and whoever logs in or stops callbacks needs one too."""
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
    shared = site.desks.shares.figures
    with shared.body("acme"):
        answer = site.get("/figures", "acme")
        assert answer.status_code == 503
        assert "other figures are being counted" in answer.text
        assert site.get("/figures", "bolt").status_code == 200
    with shared.turn():
        assert site.get("/figures", "bolt").status_code == 503
    assert site.get("/figures", "acme").status_code == 200
