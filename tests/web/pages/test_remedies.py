"""Whoever finds out why a customer got no callback reads what he can do about it (T10, I9)."""

from __future__ import annotations

import re

import pytest

from controller.admin.callback_shapes import StopScope
from controller.admin.model import Actor
from controller.policy.records import Role
from controller.web.pages import callerids, channels, clients, outcomes
from controller.web.pages.extension_sections import EXTENSIONS
from controller.web.pages.menu import MENU
from controller.web.pages.remedies import DIALLED, REMEDIES, remedy
from tests.web.pages.site import Site
from tests.web.pages.stories import refused, rows, talked
from tests.web.pages.telling import said
from tests.web.world import ADMIN

CLIENT = Actor(name="acme", role=Role.CLIENT, client="acme")
WORDS = sorted({*outcomes.ENDED, *outcomes.REFUSED, *outcomes.UNPLACED})
LOOKS = (EXTENSIONS, callerids.CALLERIDS, channels.CHANNELS, clients.CLIENTS)


@pytest.mark.parametrize("word", WORDS)
def test_t10_every_word_has_its_remedy_or_is_good_news(word: str) -> None:
    """T10: for an operator and for a client, who is led to no page that he may not see."""
    assert (word in REMEDIES) is (word not in outcomes.GOOD)
    for dialled in (False, True):
        for who in (ADMIN, CLIENT):
            found = remedy(word, "1001", who, dialled=dialled)
            if word in outcomes.GOOD:
                assert found is None
                continue
            assert found is not None
            assert found.text.endswith(".")
            if who is CLIENT:
                for path in ("/clients", "/channels", "/nodes", "/price-lists"):
                    assert path not in {link.partition("?")[0] for _, link in found.links}


def test_t10_remedies_name_fields_and_headings_that_there_are() -> None:
    named = {
        name
        for one in (*REMEDIES.values(), *DIALLED.values())
        for name in re.findall("“([^”]*)”", one.text)
    }
    there = {entry.label for group in MENU for entry in group.entries}
    for look in LOOKS:
        for section in look.sections:
            there |= {section.title, *(field.label for field in section.fields)}
    assert len(named) > 30
    assert named - there == set()
    paths = {path for one in (*REMEDIES.values(), *DIALLED.values()) for path in one.places}
    assert paths <= {entry.path for group in MENU for entry in group.entries}


def test_t10_there_is_no_remedy_for_a_word_that_nobody_says() -> None:
    assert {*REMEDIES, *DIALLED} - set(WORDS) == set()


def test_t10_a_callbacks_page_says_what_to_do(site: Site) -> None:
    """T10: with a link to where it is done; nothing is to be done about what went well."""
    page = site.get(f"/callbacks/{refused(site.world)}")
    assert "What to do: Add the number to the authorised CallerIDs" in said(page.text)
    assert '<a href="/extensions/of/1001">Extension</a>' in page.text
    assert '<a href="/callerids?extension=1001">Authorised CallerIDs</a>' in page.text
    assert "What to do" not in site.get(f"/callbacks/{talked(site.world)}").text


def test_t10_a_client_is_sent_to_the_operator_for_what_is_his(site: Site) -> None:
    id_ = refused(site.world, "not_a_number", number=None)
    assert "What to do: Ask the operator of the service." in said(
        site.get(f"/callbacks/{id_}", "acme").text
    )
    assert "“Numbers that are read otherwise”" in said(site.get(f"/callbacks/{id_}").text)


@pytest.mark.parametrize("word", [word for word in WORDS if word in outcomes.REFUSED])
def test_t10_each_refusal_is_told_on_its_page(site: Site, word: str) -> None:
    text = said(site.get(f"/callbacks/{refused(site.world, word)}").text)
    assert outcomes.REFUSED[word] in text
    assert f"What to do: {REMEDIES[word].text}" in text


def test_t10_each_end_is_told_on_its_page(site: Site) -> None:
    for word in outcomes.ENDED:
        rows(site.world, 1, outcome=word)
    found = site.world.callbacks.list(ADMIN, {"state": "done"}, limit=1000).items
    told = {one.outcome: one.id for one in found}
    for word, sentence in outcomes.ENDED.items():
        text = said(site.get(f"/callbacks/{told[word]}").text)
        assert sentence in text
        assert ("What to do" in text) is (word not in outcomes.GOOD)


def test_i9_why_says_what_to_do_as_well(site: Site) -> None:
    """I9: of a caller, and of a number that is dialled."""
    site.world.stopping.stop(ADMIN, StopScope.EXTENSION, "1001", reason="holidays")
    page = said(site.get("/explain?number=%2B12125550199&did=%2B12025550210").text)
    assert f"What to do: {REMEDIES['stopped'].text} Stop switch" in page
    page = said(site.get("/explain?extension=1001&to=%2B33142278186").text)
    assert "The extension calls no numbers in that country." in page
    assert "What to do: Add the country to “Destinations in these countries”." in page
