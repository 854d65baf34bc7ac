"""Finding by a number, an extension, an id (O2)."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from controller.admin.model import Kind
from tests.unit.store.called import uuid
from tests.web.pages.site import Site
from tests.web.pages.stories import CALLER, DID, HOSTILE, refused, rows, talked
from tests.web.pages.telling import main, said


def find(site: Site, text: str, who: str = "ada") -> str:
    """Find something: give where that led, or what was said."""
    answer = site.get(f"/find?{urlencode({'q': text})}", who)
    if answer.status_code == 303:
        return str(answer.location)
    assert answer.status_code == 200
    return said(main(answer.text))


def test_an_extension_is_gone_to(site: Site) -> None:
    """O2: whoever types four digits means it."""
    assert find(site, "1001") == "/extensions/of/1001"
    assert find(site, " 1001 ") == "/extensions/of/1001"


def test_a_callback_and_a_leg_are_gone_to_by_their_ids(site: Site) -> None:
    """O2: in small letters or capitals."""
    world = site.world
    assert find(site, world.acme_callback) == f"/callbacks/{world.acme_callback}"
    assert find(site, world.acme_callback.upper()) == f"/callbacks/{world.acme_callback}"
    assert find(site, world.acme_leg) == f"/calls/{world.acme_leg}"
    assert "There is nothing called" in find(site, uuid(7))


@pytest.mark.parametrize(
    "text", ["+12025550510", "+1 202 555-0510", "2025550510", "(202) 555 0510", "12025550510"]
)
def test_a_number_is_found_however_it_is_written(site: Site, text: str) -> None:
    """D3: internationally, nationally, with spaces, without its plus."""
    assert find(site, text) == f"/callbacks/{site.world.acme_callback}"


def test_a_number_is_read_by_the_plan_of_an_extension_too(site: Site) -> None:
    """D3: where some are in another country."""
    world = site.world
    world.make(
        Kind.EXTENSION,
        extension="3001",
        client="acme",
        dids=["+442079460000"],
        country="GB",
        caller_ids=["+12025550111"],
    )
    assert find(site, "020 7946 0000") == "/extensions/of/3001"


def test_what_is_one_thing_only_is_gone_to(site: Site) -> None:
    """O2: an access number, an entry of a list, a public number."""
    assert find(site, "+12025550111") == "/numbers/of/+12025550111"
    assert find(site, "+12025550310") == "/callerids/of/1001/+12025550310"
    assert find(site, DID) == "/extensions/of/1001"


def test_all_that_there_is_of_a_number_is_shown(site: Site) -> None:
    """T10: its callbacks and refusals, the newest first; where it stands on lists."""
    world = site.world
    talked(world)
    refused(world)
    world.make(Kind.CALLERID, extension="1001", number=CALLER, enabled=False, notes="the boss")
    text = find(site, "(212) 555-0199")
    assert "Authorised CallerID of extension 1001 off · the boss" in text
    assert "no callback The number is not among the extension's authorised CallerIDs" in text
    assert "People talked" in text
    rows(world, 25)
    assert "All of them" in find(site, CALLER)


def test_nothing_is_said_where_there_is_nothing(site: Site) -> None:
    """O2: with the number as it was read, and what can be written."""
    assert "There is nothing of +12125550177." in find(site, "212 555 0177")
    assert "There is nothing called “nobody”" in find(site, "nobody")
    assert "Write a number" in find(site, "")
    assert "There is nothing" in find(site, "a\0b")
    assert "There is nothing" in find(site, "9" * 80)


def test_o2_a_client_finds_nothing_of_anothers(site: Site) -> None:
    """O2: it is told the same as of what there is not."""
    world = site.world
    talked(world)
    world.make(Kind.CALLERID, extension="1001", number=CALLER)
    for text in (world.acme_callback, world.acme_leg, "1001", CALLER, DID, "+12025550110"):
        assert "There is nothing" in find(site, text, "bolt"), text
    assert find(site, world.bolt_callback, "bolt") == f"/callbacks/{world.bolt_callback}"


def test_g1_what_was_typed_is_text(site: Site) -> None:
    """G1: whatever it is."""
    page = site.get(f"/find?{urlencode({'q': HOSTILE})}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


@pytest.mark.parametrize(
    "path", ["/callbacks?extension=1001", "/calls?extension=1001", "/suspicions?extension=1001"]
)
def test_o2_the_beginning_of_what_was_found_has_the_filter_still(site: Site, path: str) -> None:
    """O2: going back to the first page looks for the same."""
    assert f'href="{path}">From the beginning' in site.get(f"{path}&after=x").text
