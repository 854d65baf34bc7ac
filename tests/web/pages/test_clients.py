"""Clients on pages (O2)."""

from __future__ import annotations

from gettext import NullTranslations

import pytest

from controller.admin.model import Kind
from controller.web.pages import words
from controller.web.pages.clients import CLIENTS
from controller.web.pages.forms import Form
from tests.web.pages.forms import check_unchanged, check_whole, fields
from tests.web.pages.site import Site
from tests.web.world import ADMIN


def test_o2_a_client_is_made_changed_and_removed(site: Site) -> None:
    """O2: by forms, each of which says what was done."""
    made = site.post("/clients/new", {"name": "corner", "description": "A shop", "enabled": "on"})
    assert made.status_code == 303
    assert made.location == "/clients/of/corner?done=made"
    page = site.get(made.location)
    assert "A shop" in page.text
    assert "Made." in page.text
    stored = site.world.directory.get(ADMIN, Kind.CLIENT, "corner")
    assert stored.values["enabled"] is True
    changed = site.post(
        "/clients/of/corner",
        {
            "version": "1",
            "description": "A big shop",
            "callbacks.hour": "10",
            "enabled": "",
            "do": "save",
        },
    )
    assert changed.location == "/clients/of/corner?done=saved"
    stored = site.world.directory.get(ADMIN, Kind.CLIENT, "corner")
    assert stored.values["description"] == "A big shop"
    assert stored.values["callbacks"]["hour"] == 10
    assert stored.values["enabled"] is False
    removed = site.post("/clients/of/corner", {"version": "2", "do": "remove"})
    assert removed.location == "/clients?done=removed"
    assert site.get("/clients/of/corner").status_code == 404


def test_o2_what_is_wrong_stands_beside_its_field(site: Site) -> None:
    """O2: and what was typed is still there."""
    page = site.post(
        "/clients/of/acme", {"callbacks.hour": "ten", "description": "kept", "do": "save"}
    )
    assert page.status_code == 422
    assert 'id="callbacks-error"' in page.text
    assert "write a whole number" in page.text
    assert 'value="kept"' in page.text


class Loud(NullTranslations):
    """A language that is English, written large."""

    def gettext(self, message: str) -> str:
        """Translate."""
        return message.upper().replace("%(BOUND)S", "%(bound)s")


def test_o2_what_desks_say_is_translated_where_it_is_known(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2: also where a bound stands in it; what is unknown to a catalogue stays English."""
    monkeypatch.setattr(words, "_catalogue", lambda language: Loud())
    form = Form(Kind.CLIENT, CLIENTS.sections)
    for message, translated in (
        ("contact_name: is too long; write at most 40 characters", "WRITE AT MOST 40 CHARACTERS"),
        ("concurrent_calls: write a whole number, at least 1", "WRITE A WHOLE NUMBER, AT LEAST 1"),
        ("concurrent_calls: write a whole number", "WRITE A WHOLE NUMBER"),
    ):
        assert form.note(message)
        assert translated in form.errors[message.partition(":")[0]]
    assert form.in_words("") == ""


def test_o2_every_field_of_a_client_is_on_its_page(site: Site) -> None:
    """O2: and a form that is sent back as it was shown changes nothing."""
    check_whole(CLIENTS)
    site.world.make(
        Kind.CLIENT,
        name="whole",
        description="All & more",
        contact_name="Whole",
        enabled=False,
        blocked_countries=["CU", "KP"],
        blocked_prefixes=["+1900", "+44"],
        blocked_types=["voip", "fixed"],
        callbacks={"minute": 1, "day": 100},
        concurrent_calls=3,
    )
    for name in ("whole", "acme"):
        check_unchanged(site, f"/clients/of/{name}", Kind.CLIENT, name)


def test_o2_a_client_sees_itself_and_changes_its_words_only(site: Site) -> None:
    assert site.get("/clients/of/bolt", "acme").status_code == 404
    assert "bolt" not in site.get("/clients", "acme").text
    sent = fields(site.get("/clients/of/acme", "acme").text)
    assert set(sent) == {"csrf", "version", "description", "contact_name"}
    site.post("/clients/of/acme", {**sent, "contact_name": "We", "enabled": ""}, "acme")
    stored = site.world.directory.get(ADMIN, Kind.CLIENT, "acme").values
    assert (stored["contact_name"], stored["enabled"]) == ("We", True)
    assert site.post("/clients/of/acme", {"do": "remove"}, "acme").status_code == 403
    assert site.post("/clients/new", {"name": "other"}, "acme").status_code == 403


def test_o2_a_client_finds_its_own_page_in_the_menu(site: Site) -> None:
    """O2: and nobody else has such a line."""
    own = '<a href="/clients/of/acme">Your own details</a>'
    assert own in site.get("/extensions", "acme").text
    page = site.get("/clients/of/acme", "acme").text
    assert own.replace("acme", 'acme" aria-current="page', 1) in page
    for who in ("ada", "rod", "bolt"):
        assert own not in site.get("/extensions", who).text


def test_o2_a_name_that_is_taken_is_wrong_at_its_field(site: Site) -> None:
    answer = site.post("/clients/new", {"name": "acme", "description": "kept"})
    assert answer.status_code == 409
    assert 'id="name-error"' in answer.text
    assert "client acme is there already" in answer.text
    assert 'value="kept"' in answer.text
    user = site.post("/users/new", {"name": "rod", "role": "read_only", "enabled": "on"})
    assert user.status_code == 409
    assert 'id="name-error"' in user.text


def test_o2_what_a_list_is_filtered_by_wrongly_is_called_as_there(site: Site) -> None:
    assert "Owner begins with: cannot be read" in site.get("/accounts?owner=%00").text


def test_g1_hostile_words_of_a_client_are_text(site: Site) -> None:
    site.world.make(Kind.CLIENT, name="odd", description="<script>alert(1)</script>")
    for path in ("/clients", "/clients/of/odd", "/audit?kind=client"):
        assert "<script>alert" not in site.get(path).text


def test_o2_spaces_that_nobody_touched_stay(site: Site) -> None:
    """O2: a text that came by the API is changed by nobody who changes something else."""
    said = "  two  of them "
    site.world.directory.change(ADMIN, Kind.CLIENT, "acme", {"description": said})
    check_unchanged(site, "/clients/of/acme", Kind.CLIENT, "acme")
    sent = fields(site.get("/clients/of/acme").text)
    saved = site.post("/clients/of/acme", {**sent, "contact_name": " Acme Ltd "})
    assert saved.location == "/clients/of/acme?done=saved"
    values = site.world.directory.get(ADMIN, Kind.CLIENT, "acme").values
    assert values["description"] == said
    assert values["contact_name"] == "Acme Ltd"
    site.post("/clients/of/acme", {"version": "3", "description": "two  of them"})
    values = site.world.directory.get(ADMIN, Kind.CLIENT, "acme").values
    assert values["description"] == "two  of them"
