"""O2, G1: what a page says where something went wrong, and what is too much to be read."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.formparser import FormDataParser
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.test import Client as Browser
from werkzeug.test import TestResponse

from controller.web.pages.application import COOKIE
from controller.web.pages.reading import MOST_BYTES, MOST_FIELDS
from tests.web.pages.site import SESSIONS, Site
from tests.web.pages.telling import said

PART = {"HX-Request": "true"}


def fields(count: int) -> str:
    """Give a form of so many fields, the session's secret among them."""
    return urlencode({"csrf": SESSIONS["ada"].csrf}) + "&" + "&".join(["a"] * (count - 1))


def send(site: Site, form: str | bytes, path: str = "/stops", **headers: str) -> TestResponse:
    """Send a form as it is."""
    browser = Browser(site.app)
    browser.set_cookie(COOKIE, "ada")
    return browser.post(
        path,
        data=form,
        content_type="application/x-www-form-urlencoded",
        headers={"Sec-Fetch-Site": "same-origin"} | headers,
    )


# --- how it is said ----------------------------------------------------------------------------


def test_o2_what_is_not_there_is_said_with_what_to_do(site: Site) -> None:
    page = said(site.get("/clients/of/nobody").text)
    assert "there is no client nobody" in page
    assert "Look for it in its list" in page


@pytest.mark.parametrize(
    ("path", "who", "status", "title", "advice"),
    [
        ("/nothing", "ada", 404, "There is nothing here", "Look for it in its list"),
        ("/logout", "ada", 405, "This is not done by its address", "use the button there"),
        ("/users", "rod", 403, "This is not allowed", "by administrators"),
        ("/clients/of/nobody", "ada", 404, "There is nothing here", "there is no client nobody"),
    ],
)
def test_o2_what_went_wrong_is_said_in_plain_words(
    site: Site, path: str, who: str, status: int, title: str, advice: str
) -> None:
    """And what to do; not how a protocol calls it."""
    page, part = site.get(path, who), site.get(path, who, headers=PART)
    assert (page.status_code, part.status_code) == (status, status)
    assert f"<h1>{title}</h1>" in page.text
    assert f"<strong>{title}</strong>" in part.text
    for answer in (page, part):
        assert advice in said(answer.text)
        assert HTTP_STATUS_CODES[status] not in answer.text


def test_o2_a_fault_of_ours_is_said_as_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(site.desks.directory, "list", fails)
    answer = site.get("/clients")
    assert answer.status_code == 500
    assert "Something went wrong with us" in answer.text
    assert "ours" not in said(answer.text)
    assert site.faults == 1


# --- what is too much --------------------------------------------------------------------------


def test_g1_very_many_fields_are_not_taken_apart(site: Site) -> None:
    """G1: reading them takes so long that calls would notice."""
    assert send(site, fields(MOST_FIELDS)).status_code == 422
    for headers in ({}, PART):
        answer = send(site, fields(MOST_FIELDS + 1), **headers)
        assert answer.status_code == 413
        assert "This is too much at once" in answer.text
        assert "4096 fields. Send it in several parts." in said(answer.text)


@pytest.mark.parametrize("path", ["/stops", "/callerids/import"])
def test_g1_a_form_is_no_larger_than_forms_are(site: Site, path: str) -> None:
    """G1: also where a view takes large files."""
    start = fields(2)
    assert send(site, start + "x" * (MOST_BYTES - len(start)), path).status_code == 422
    assert send(site, start + "x" * (MOST_BYTES + 1 - len(start)), path).status_code == 413


def test_g1_a_form_whose_length_is_not_said_is_bounded_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: it comes in chunks, and only the server knows where it ends."""
    read: list[int] = []
    parse = FormDataParser.parse

    def parsed(self: Any, stream: Any, *args: Any) -> Any:
        read.append(len(stream.getvalue()))
        return parse(self, stream, *args)

    monkeypatch.setattr(FormDataParser, "parse", parsed)
    browser = Browser(site.app)
    browser.set_cookie(COOKIE, "ada")
    for more, status in ((0, 422), (MOST_BYTES, 413)):
        form = (fields(2) + "x" * more).encode()
        answer = browser.post(
            "/stops",
            input_stream=io.BytesIO(form),
            content_type="application/x-www-form-urlencoded",
            headers={"Sec-Fetch-Site": "same-origin"},
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert answer.status_code == status
    assert read == [len(fields(2))]
