"""Lock-outs, suspicions and the stop switch (A3, G3, O6)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from controller.admin.callback_shapes import StopScope
from controller.guard.patterns import Pattern, Subject
from controller.store import schema
from tests.web.pages.site import Site
from tests.web.pages.stories import HOSTILE
from tests.web.pages.telling import main, said
from tests.web.world import ADMIN

ACMES = "number/1001/+12025550610"
EXTENSION = StopScope.EXTENSION.value


def page(site: Site, path: str, who: str = "ada") -> str:
    """Give what a page says."""
    answer = site.get(path, who)
    assert answer.status_code == 200
    return said(main(answer.text))


def audited(site: Site) -> int:
    """Count what was changed."""
    with site.world.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(schema.audit)).scalar_one()


def stopped(site: Site) -> list[tuple[str, str, bool, str]]:
    """Give what is stopped."""
    found = site.world.stopping.stops(ADMIN)
    return [(one.scope.value, one.name, one.hang_up, one.reason) for one in found]


# --- lock-outs -------------------------------------------------------------------------------


def test_a3_what_counts_and_what_is_locked_is_listed(site: Site) -> None:
    """A3: by whom it could harm."""
    text = page(site, "/lockouts")
    assert "+12025550610 at extension 1001 locked until 2026-11-18" in text
    assert "Everybody at extension 1001 counted 2 0" in text
    assert "Everybody who rings +12025550210" in text


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 6), ("kind=did", 2), ("extension=1001", 2), ("locked=true", 2), ("locked=false", 4)],
)
def test_a3_lock_outs_are_filtered(site: Site, query: str, count: int) -> None:
    """A3: as the API does."""
    found = main(site.get(f"/lockouts?{query}").text)
    assert found.count('<th scope="row"') == count


def test_a3_a_wrong_filter_is_said(site: Site) -> None:
    """A3: and nothing is listed."""
    assert "kind: write one of" in page(site, "/lockouts?kind=moon")
    assert "locked: write true or false" in page(site, "/lockouts?locked=maybe")
    assert "after: is no place" in page(site, "/lockouts?after=moon*")
    assert "+12025550620 at extension 2001" in page(
        site, f"/lockouts?after={ACMES.replace('+', '%2B')}"
    )


def test_a3_one_is_released_and_that_is_written_down(site: Site) -> None:
    """A3: it is asked once more before."""
    before = audited(site)
    form = site.get("/lockouts").text
    assert "data-confirm" in form
    assert f'value="{ACMES}"' in form
    done = site.post("/lockouts/release", {"key": ACMES})
    assert done.location == "/lockouts?done=released"
    assert "+12025550610 at extension 1001" not in page(site, "/lockouts")
    assert audited(site) == before + 1
    assert site.post("/lockouts/release", {"key": ACMES}).status_code == 404
    assert site.post("/lockouts/release", {"key": "moon/1"}).status_code == 404


def test_a3_a_client_releases_its_own_alone(site: Site) -> None:
    """A3: others' are neither seen nor released."""
    text = page(site, "/lockouts", "acme")
    assert "extension 1001" in text
    assert "2001" not in text
    assert "+12025550220" not in text
    theirs = site.post("/lockouts/release", {"key": "extension/2001"}, "acme")
    never = site.post("/lockouts/release", {"key": "extension/7777"}, "acme")
    assert (theirs.status_code, never.status_code) == (404, 404)
    assert said(theirs.text) == said(never.text)
    assert site.post("/lockouts/release", {"key": ACMES}, "acme").status_code == 303


# --- suspicions ------------------------------------------------------------------------------


def test_g3_suspicions_are_listed_with_what_was_seen(site: Site) -> None:
    """G3: and whether they block."""
    text = page(site, "/suspicions")
    assert "Calls to one number were over at once acme-short 1001 only told" in text
    assert "One number rang many extensions both several blocks" in text
    assert "both" not in page(site, "/suspicions?extension=1001")
    assert "both" in page(site, "/suspicions?pattern=many_extensions")
    assert "Nothing looks like fraud." in page(site, "/suspicions?open=false")
    assert "pattern: write one of" in page(site, "/suspicions?pattern=moon")
    assert "cannot be read" in page(site, "/suspicions?extension=%00")


def test_g3_an_administrator_releases_one(site: Site) -> None:
    """G3: it stays in the list, with who did."""
    before = audited(site)
    done = site.post("/suspicions/release", {"id": "7700001"})
    assert done.location == "/suspicions?done=released"
    assert "released by user:ada" in page(site, "/suspicions?open=false")
    assert audited(site) == before + 1
    assert site.post("/suspicions/release", {"id": "7700001"}).status_code == 409
    for wrong in ("0", "-1", "1e3", "", "9" * 30, "7700009"):
        assert site.post("/suspicions/release", {"id": wrong}).status_code == 404, wrong


def test_g3_a_client_sees_its_own_and_releases_none(site: Site) -> None:
    """G3: toll fraud is paid by the operator first."""
    text = page(site, "/suspicions", "acme")
    assert "acme-short" in text
    assert "bolt" not in text
    assert "both" not in text
    assert "Release" not in text
    assert site.post("/suspicions/release", {"id": "7700001"}, "acme").status_code == 403
    assert site.post("/suspicions/release", {"id": "7700002"}, "acme").status_code == 404


def test_g1_what_was_seen_is_text(site: Site) -> None:
    """G1: a subject comes of what rang."""
    subject = Subject(Pattern.SHORT_ANSWERS, "1001/+12025550888")
    site.world.suspect(7_700_010, subject, extension="1001", client="acme", said=HOSTILE)
    found = site.get("/suspicions").text
    assert "<script>alert" not in found
    assert "&lt;script&gt;alert" in found


# --- the stop switch -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "stop"),
    [
        ({"scope": "everywhere", "name": "ignored"}, ("everywhere", "", False, "")),
        ({"scope": "client", "name": "acme"}, ("client", "acme", False, "")),
        (
            {"scope": "extension", "name": " 1001 ", "hang_up": "on", "reason": "fraud"},
            ("extension", "1001", True, "fraud"),
        ),
    ],
)
def test_o6_callbacks_are_stopped_and_resumed(
    site: Site, form: dict[str, Any], stop: tuple[str, str, bool, str]
) -> None:
    """O6: everywhere, of a client, of an extension; with its reason, and written down."""
    before = audited(site)
    assert site.post("/stops", form).location == "/stops?done=stopped"
    assert stop in stopped(site)
    assert audited(site) == before + 1
    text = page(site, "/stops")
    assert "by user:ada" in text
    assert stop[3] in text
    assert ("calls in progress are hung up" in text) is stop[2]
    named = {"scope": stop[0], "name": stop[1]}
    assert site.post("/stops/resume", named).location == "/stops?done=made_again"
    assert stop not in stopped(site)
    assert site.post("/stops/resume", named).status_code == 404


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"scope": "moon"}, "choose what is to be stopped"),
        ({"scope": "client", "name": ""}, "say which client"),
        ({"scope": "extension", "name": "9999"}, "there is no extension 9999"),
        ({"scope": "client", "name": "a\0b"}, "there is no such client"),
        ({"scope": "extension", "name": "1001", "reason": "x" * 300}, "is too long"),
    ],
)
def test_o6_what_is_wrong_is_said_and_what_was_typed_stays(
    site: Site, form: dict[str, str], sentence: str
) -> None:
    """O6: and nothing is stopped."""
    before = stopped(site)
    answer = site.post("/stops", {"reason": "kept for sure", **form})
    assert answer.status_code == 422
    assert sentence in said(answer.text)
    assert form.get("reason", "kept for sure") in answer.text
    assert stopped(site) == before


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"scope": "extension", "name": ""}, "name"),
        ({"scope": "client", "name": "nobody"}, "name"),
        ({"scope": "extension", "name": "1001", "reason": "x" * 201}, "reason"),
    ],
)
def test_o6_what_is_wrong_with_a_stop_stands_beside_its_field(
    site: Site, form: dict[str, str], field: str
) -> None:
    before = site.world.stopping.stops(ADMIN)
    answer = site.post("/stops", {"reason": "kept", **form})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert f'aria-describedby="{field}-help {field}-error" aria-invalid="true"' in answer.text
    assert site.world.stopping.stops(ADMIN) == before


def test_o6_the_smallest_switch_is_the_one_that_is_chosen(site: Site) -> None:
    """O6: and an address may choose another one."""
    assert 'value="extension" checked' in site.get("/stops").text
    assert 'value="client" checked' in site.get("/stops?scope=client&name=acme").text
    assert "data-confirm" in site.get("/stops").text


def test_o6_a_client_stops_its_own_and_not_everything(site: Site) -> None:
    """O6: what the operator stopped, or another client's, is none of its business."""
    text = page(site, "/stops", "acme")
    assert "Everywhere" not in text
    assert "bolt" not in text
    assert site.post("/stops", {"scope": "everywhere"}, "acme").status_code == 403
    other = site.post("/stops", {"scope": "extension", "name": "2001"}, "acme")
    assert other.status_code == 422
    assert "there is no extension 2001" in said(other.text)
    assert site.post("/stops", {"scope": "client", "name": "acme"}, "acme").status_code == 303
    assert "Resume: Client acme" in site.get("/stops", "acme").text
    site.world.stopping.stop(ADMIN, StopScope.EXTENSION, "1001")
    assert "Resume: Extension 1001" not in site.get("/stops", "acme").text
    mine = site.post("/stops/resume", {"scope": "extension", "name": "1001"}, "acme")
    assert mine.status_code == 403
    theirs = site.post("/stops/resume", {"scope": "extension", "name": "2001"}, "acme")
    assert theirs.status_code == 404


def test_o6_a_client_resumes_what_its_own_users_stopped(site: Site) -> None:
    """O6: any of them; what the operator stopped stays."""
    own = {"scope": "client", "name": "acme"}
    assert site.post("/stops", own, "acme").status_code == 303
    assert site.post("/stops/resume", own, "acme").location == "/stops?done=made_again"


def test_g1_a_reason_is_text(site: Site) -> None:
    """G1: whoever wrote it."""
    site.post("/stops", {"scope": "extension", "name": "1001", "reason": HOSTILE})
    found = site.get("/stops").text
    assert "<script>alert" not in found
    assert "&lt;script&gt;alert" in found


# --- all of them -----------------------------------------------------------------------------

FORMS = [
    ("/lockouts/release", {"key": ACMES}),
    ("/suspicions/release", {"id": "7700001"}),
    ("/stops", {"scope": "everywhere"}),
    ("/stops/resume", {"scope": "extension", "name": "2001"}),
]


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_o2_a_form_without_the_sessions_secret_changes_nothing(
    site: Site, path: str, form: dict[str, str]
) -> None:
    """O2: whoever it comes from."""
    before = audited(site)
    for token in ("", "csrf-of-rod", "x"):
        assert site.post(path, form, token=token).status_code == 403
    assert audited(site) == before


@pytest.mark.parametrize(("path", "form"), FORMS)
def test_o2_who_only_reads_sees_no_button_and_changes_nothing(
    site: Site, path: str, form: dict[str, str]
) -> None:
    """O2: nor by a form of his own making."""
    before = audited(site)
    shown = main(site.get("/" + path.split("/")[1], "rod").text)
    assert 'method="post"' not in shown
    assert site.post(path, form, "rod").status_code == 403
    assert audited(site) == before
