"""Tokens on pages (O2): their secrets are told once."""

from __future__ import annotations

import re

import pytest

from controller.admin.model import Kind
from controller.web.pages.tokens import TOKENS
from tests.web.pages.forms import check_unchanged, check_whole
from tests.web.pages.site import Site
from tests.web.world import ADMIN

SECRET = re.compile(r"cbd_[A-Za-z0-9_-]{20,}")


def test_o2_every_field_of_a_token_is_on_its_page(site: Site) -> None:
    check_whole(TOKENS)
    check_unchanged(site, "/tokens/of/acme", Kind.TOKEN, "acme")
    site.world.issue("short", ADMIN.role, expires=1_900_000_000)
    check_unchanged(site, "/tokens/of/short", Kind.TOKEN, "short")


def test_o2_the_secret_of_a_token_is_told_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """O2: on the page that made it, in no address, in no log, and on no page after it."""
    made = site.post(
        "/tokens/new",
        {"name": "billing", "role": "client", "client": "acme", "expires": "2027-01-31"},
    )
    assert made.status_code == 201, made.text
    assert "Location" not in made.headers
    found = set(SECRET.findall(made.text))
    assert len(found) == 1
    secret = found.pop()
    assert made.headers["Cache-Control"] == "no-store"
    actor = site.world.directory.authenticate(secret)
    assert actor is not None
    assert (actor.name, actor.client) == ("billing", "acme")
    stored = site.world.directory.get(ADMIN, Kind.TOKEN, "billing").values
    assert stored["expires"] == 1_801_353_600
    for path in ("/tokens", "/tokens/of/billing", "/audit", "/history?kind=token&key=billing"):
        assert secret not in site.get(path).text
    assert secret not in caplog.text


def test_o2_a_token_that_would_be_over_is_not_made(site: Site) -> None:
    """O2: whoever mistypes the year is not given a secret that lets nobody in."""
    page = site.post("/tokens/new", {"name": "late", "role": "admin", "expires": "2016-01-31"})
    assert page.status_code == 422
    assert 'id="expires-error"' in page.text
    assert not SECRET.search(page.text)
    assert site.get("/tokens/of/late").status_code == 404


def test_o2_a_token_has_an_end_that_is_changed_and_is_removed(site: Site) -> None:
    site.world.issue("short", ADMIN.role)
    changed = site.post("/tokens/of/short", {"version": "1", "expires": "2026-01-01 12:00"})
    assert changed.location == "/tokens/of/short?done=saved"
    assert ">expired<" in site.get("/tokens").text
    site.post("/tokens/of/short", {"version": "2", "expires": ""})
    assert site.world.directory.get(ADMIN, Kind.TOKEN, "short").values["expires"] is None
    assert ">expired<" not in site.get("/tokens").text
    gone = site.post("/tokens/of/short", {"version": "3", "do": "remove"})
    assert gone.location == "/tokens?done=removed"
    assert site.world.directory.authenticate(site.world.tokens["short"]) is None


def test_o2_what_a_token_may_do_never_changes(site: Site) -> None:
    site.post("/tokens/of/acme", {"version": "1", "role": "admin", "client": ""})
    stored = site.world.directory.get(ADMIN, Kind.TOKEN, "acme")
    assert (stored.version, stored.values["role"]) == (1, "client")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ({"role": "client"}, "client"),
        ({"role": "admin", "client": "acme"}, "client"),
        ({"role": "king"}, "role"),
        ({}, "role"),
        ({"role": "admin", "expires": "<b>soon"}, "expires"),
        ({"role": "admin", "name": "a b"}, "name"),
        ({"role": "client", "client": "nobody"}, ""),
        ({"role": "admin", "name": "acme"}, ""),
    ],
)
def test_o2_what_is_wrong_with_a_token_is_said(
    site: Site, typed: dict[str, str], name: str
) -> None:
    before = site.world.directory.list(ADMIN, Kind.TOKEN)
    page = site.post("/tokens/new", {"name": "new", **typed})
    assert page.status_code in (409, 422)
    if name:
        assert f'id="{name}-error"' in page.text
    assert 'role="alert"' in page.text
    assert "<b>" not in page.text
    assert not SECRET.search(page.text)
    assert site.world.directory.list(ADMIN, Kind.TOKEN) == before


def test_o2_tokens_are_found_by_role_and_client(site: Site) -> None:
    text = site.get("/tokens?role=read_only&client=bolt").text
    assert "/tokens/of/bolt-reads" in text
    assert "/tokens/of/acme" not in text


@pytest.mark.parametrize("who", ["acme", "bolt"])
def test_o2_tokens_are_no_clients_business(site: Site, who: str) -> None:
    assert site.get("/tokens", who).status_code == 403
    assert site.get("/tokens/new", who).status_code == 403
    assert site.post("/tokens/new", {"name": "x", "role": "admin"}, who).status_code == 403
    assert site.get("/tokens/of/acme", who).status_code == 404
    assert site.post("/tokens/of/acme", {"do": "remove"}, who).status_code == 404


def test_o2_who_only_reads_makes_no_token(site: Site) -> None:
    assert "/tokens/new" not in site.get("/tokens", "rod").text
    assert site.post("/tokens/new", {"name": "x", "role": "admin"}, "rod").status_code == 403
    assert site.post("/tokens/of/acme", {"do": "remove"}, "rod").status_code == 403
    assert site.world.directory.get(ADMIN, Kind.TOKEN, "acme")


def test_g1_a_token_is_made_by_a_form_of_ours_only(site: Site) -> None:
    before = site.world.directory.list(ADMIN, Kind.TOKEN)
    answer = site.post("/tokens/new", {"name": "x", "role": "admin"}, token="wrong")
    assert answer.status_code == 403
    assert not SECRET.search(answer.text)
    assert site.world.directory.list(ADMIN, Kind.TOKEN) == before
