"""The pages of callbacks: found, asked for by hand, cancelled, hung up (T10, T11, O2)."""

from __future__ import annotations

from typing import Any

import pytest

from controller.admin.callback_shapes import State
from controller.admin.model import Unavailable
from tests.live_calls import put
from tests.web.pages.site import Site
from tests.web.world import ADMIN

WANTED = {"extension": "1001", "number": "+1 (202) 555-0577", "did": "", "delay_seconds": ""}


def state(site: Site, id_: str) -> State:
    """Give where a callback is."""
    return site.world.callbacks.get(ADMIN, id_).state


def talks(site: Site, extension: str = "1001", state: str = "talking") -> str:
    """Let a call go on."""
    return put(site.world.engine, 100, state, extension=extension, now=site.world.now)


# --- the list ----------------------------------------------------------------------------------


def test_t10_each_callback_says_in_words_what_became_of_it(site: Site) -> None:
    refused = {"extension": "1001", "number": "+442079460000"}
    site.world.callbacks.ask(ADMIN, refused)
    page = site.get("/callbacks").text
    assert "It is still to be made." in page
    assert "The extension calls nobody back in that country." in page
    found = site.get("/callbacks?state=refused&number=%2B44+20+7946+0000&until=2100-01-01T00:00")
    assert "still to be made</span>" not in found.text
    assert "+442079460000" in found.text
    assert "country not allowed" in found.text.lower()


def test_t10_pages_go_on_where_the_last_one_ended(site: Site) -> None:
    for which in range(1, 70):
        put(site.world.engine, which, "done", extension="1001", now=site.world.now)
    page = site.get("/callbacks?state=done").text
    assert page.count('<th scope="row"') == 50
    following = page.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    rest = site.get(following.replace("&amp;", "&")).text
    assert rest.count('<th scope="row"') == 19
    assert 'rel="next"' not in rest


@pytest.mark.parametrize(
    "query", ["number=x", "since=yesterday", "after=nowhere", "number=%00", "state=%3Cb%3E"]
)
def test_a_filter_that_cannot_be_is_said_and_no_fault(site: Site, query: str) -> None:
    page = site.get(f"/callbacks?{query}")
    assert page.status_code == 200
    assert "<b>" not in page.text
    assert site.faults == 0


def test_o2_a_client_sees_his_own_callbacks_and_no_other(site: Site) -> None:
    page = site.get("/callbacks", "acme").text
    assert "+12025550510" in page
    assert "+12025550520" not in page
    assert site.world.bolt_callback not in page
    assert site.world.bolt_callback not in site.get("/callbacks?extension=2001", "acme").text


# --- asked for by hand -------------------------------------------------------------------------


def test_t11_a_callback_is_asked_for_by_hand(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = site.post("/callbacks/new", WANTED | {"delay_seconds": "60"}, "acme")
    assert answer.status_code == 303
    id_ = answer.location.removeprefix("/callbacks/").removesuffix("?done=asked")
    found = site.world.callbacks.get(ADMIN, id_)
    assert (found.number, found.state, found.did) == ("+12025550577", State.PENDING, "+12025550210")
    assert found.actor == "user:acme"
    assert 60_000_000 <= found.due - found.created < 61_000_000


def test_t11_one_that_is_refused_is_gone_to_and_says_why(site: Site) -> None:
    answer = site.post("/callbacks/new", WANTED | {"number": "+442079460000"})
    page = site.get(answer.location)
    assert "The extension calls nobody back in that country." in page.text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("number", "99999", "is no telephone number"),
        ("number", "", "write one"),
        ("extension", "2001", "there is no extension 2001"),
        ("extension", "<script>", "1-10 digits"),
        ("did", "+12025550220", "does not reach extension 1001"),
        ("delay_seconds", "soon", "write a whole number"),
        ("delay_seconds", "-1", "at least 0"),
    ],
)
def test_t11_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(
    site: Site, field: str, value: str, words: str
) -> None:
    page = site.post("/callbacks/new", WANTED | {field: value}, "acme")
    assert page.status_code == 422
    assert words in page.text.partition(f'id="{field}-error"')[2].partition("</p>")[0]
    assert "<script>" not in page.text
    if field != "number":
        assert 'value="+1 (202) 555-0577"' in page.text


def test_o2_who_changes_nothing_asks_for_nothing(site: Site) -> None:
    assert "Call somebody back" not in site.get("/callbacks", "rod").text
    assert site.get("/callbacks/new", "rod").status_code == 403
    assert site.post("/callbacks/new", WANTED, "rod").status_code == 403


# --- cancelled ---------------------------------------------------------------------------------


def test_t10_one_that_is_still_to_be_made_is_cancelled(site: Site) -> None:
    id_ = site.world.acme_callback
    form = {"back": "/callbacks?state=pending&done=saved"}
    answer = site.post(f"/callbacks/{id_}/cancel", form, "acme")
    assert (answer.status_code, answer.location) == (
        303,
        "/callbacks?state=pending&done=cancelled",
    )
    assert state(site, id_) is State.DONE
    again = site.post(f"/callbacks/{id_}/cancel", {"back": "/callbacks"}, "acme")
    assert again.status_code == 409
    assert "it is done" in again.text
    assert "It was cancelled before it was made." in again.text


@pytest.mark.parametrize("who", ["rod", "bolt"])
@pytest.mark.parametrize("what", ["cancel", "hang-up"])
def test_o2_nobody_ends_what_is_not_his_to_end(site: Site, who: str, what: str) -> None:
    pending, talking = site.world.acme_callback, talks(site)
    for id_ in (pending, talking):
        answer = site.post(f"/callbacks/{id_}/{what}", {"back": "/live"}, who)
        assert answer.status_code == (403 if who == "rod" else 404)
    assert state(site, pending) is State.PENDING
    assert site.switches.ended == []


@pytest.mark.parametrize("what", ["cancel", "hang-up"])
def test_a_form_of_another_session_ends_nothing(site: Site, what: str) -> None:
    id_ = site.world.acme_callback if what == "cancel" else talks(site)
    answer = site.post(f"/callbacks/{id_}/{what}", {}, token="csrf-of-rod")
    assert answer.status_code == 403
    assert state(site, site.world.acme_callback) is State.PENDING
    assert site.switches.ended == []


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.test/live",
        "//evil.test/live",
        "/users",
        "/live\r\nX: y",
        "",
        "\x00",
        "http://[",
        f"/live?{'a=1&' * 50}",
    ],
)
def test_nobody_is_led_elsewhere(site: Site, back: str) -> None:
    id_ = site.world.acme_callback
    answer = site.post(f"/callbacks/{id_}/cancel", {"back": back})
    assert answer.location in (f"/callbacks/{id_}?done=cancelled", "/live?done=cancelled")
    assert "X" not in answer.headers


# --- hung up -----------------------------------------------------------------------------------


def test_o2_a_call_is_hung_up_and_that_is_in_the_audit_log(site: Site) -> None:
    id_ = talks(site)
    answer = site.post(f"/callbacks/{id_}/hang-up", {"back": "/live?view=answered"}, "acme")
    assert answer.location == "/live?view=answered&done=hung_up"
    ((node, _, channels),) = site.switches.ended
    assert (node, channels) == ("fs1", 2)
    (noted,) = site.world.directory.audit(ADMIN, {"action": "hang_up"}).items
    assert (noted.actor, noted.key, noted.client) == ("user:acme", id_, "acme")


def _gone(site: Site) -> None:
    site.switches.has_call = False


def _silent(site: Site) -> None:
    site.switches.error = Unavailable("the switch of the call does not answer")


@pytest.mark.parametrize(
    ("happens", "status", "words"), [(_gone, 409, "no such call"), (_silent, 503, "not answer")]
)
def test_o2_why_a_call_was_not_hung_up_is_said_where_it_was_asked(
    site: Site, happens: Any, status: int, words: str
) -> None:
    id_ = talks(site)
    happens(site)
    page = site.post(f"/callbacks/{id_}/hang-up", {"back": "/live?view=answered"})
    assert page.status_code == status
    assert words in page.text
    assert "Talking with" in page.text
    # On the page of one callback it is a page of its own.
    assert site.post(f"/callbacks/{id_}/hang-up", {}).status_code == status


def test_o2_the_page_of_a_callback_offers_what_may_be_done(site: Site) -> None:
    id_ = talks(site)
    assert f"/callbacks/{id_}/hang-up" in site.get(f"/callbacks/{id_}", "acme").text
    assert "hang-up" not in site.get(f"/callbacks/{id_}", "rod").text
    pending = site.world.acme_callback
    assert f"/callbacks/{pending}/cancel" in site.get(f"/callbacks/{pending}").text
