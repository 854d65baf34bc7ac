"""All changes on a page (O2)."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from controller.admin.model import Audited, Kind
from controller.web.pages.history import differences
from controller.web.pages.records import ON_PAGE
from tests.web.pages.site import Site
from tests.web.world import ADMIN, PASSWORD


def test_o2_changes_are_told_with_who_and_what(site: Site) -> None:
    """O2: the newest first, field by field."""
    site.post("/channels/of/pstn", {"version": "1", "description": "<b>all of it</b>"})
    text = site.get("/audit").text
    first = text.index("user:ada")
    assert first < text.index("cli:test")
    assert '<a href="/channels/of/pstn">pstn</a>' in text
    assert "<del>all</del> → <ins>&lt;b&gt;all of it&lt;/b&gt;</ins>" in text
    assert "<b>" not in text


def test_o2_changes_are_filtered(site: Site) -> None:
    site.post("/channels/of/pstn", {"version": "1", "description": "x"})
    text = site.get("/audit?kind=channel&key=pstn&actor=user:ada&action=change").text
    assert text.count("<summary>Change: ") == 1
    assert "cli:test" not in text.partition("<table")[2]
    none = site.get("/audit?kind=channel&actor=nobody")
    assert "There is nothing here." in none.text


def test_o2_older_changes_are_on_further_pages(site: Site) -> None:
    """O2: each once, whatever is filtered by."""
    for number in range(ON_PAGE):
        site.world.make(Kind.SOUND, name=f"tone-{number}", path="/x.wav")
    seen: list[str] = []
    path = "/audit?kind=sound&action=create"
    while path:
        text = site.get(path).text
        seen += re.findall(r'<a href="/sounds/of/([^"]+)"', text)
        more = re.search(r'<a href="([^"]+)" rel="next"', text)
        path = more[1].replace("&amp;", "&") if more else ""
    everything = [item.key for item in site.world.directory.list(ADMIN, Kind.SOUND).items]
    assert sorted(seen) == sorted(everything)
    assert len(seen) > ON_PAGE


def test_o2_what_is_gone_is_no_link(site: Site) -> None:
    site.world.make(Kind.SOUND, name="gone", path="/x.wav")
    site.world.directory.delete(ADMIN, Kind.SOUND, "en/gone")
    text = site.get("/audit?kind=sound&key=en/gone&action=delete").text
    assert "en/gone" in text
    assert '<a href="/sounds/of/en/gone"' not in text


def test_g1_no_secret_is_among_the_changes(site: Site) -> None:
    site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", {"password": "111122223333"})
    text = site.get("/audit?kind=extension&key=1001").text
    assert "<dt>Password</dt><dd><del>•••</del> → <ins>•••</ins></dd>" in text
    assert "111122223333" not in text
    assert PASSWORD not in text
    assert "argon2" not in text


@pytest.mark.parametrize(
    "asked",
    [
        "kind=<script>alert(1)</script>",
        "key=%22%3E%3Cscript%3E",
        "actor=%00",
        "before=1e9",
        "before=-1",
        "before=99999999999999999999",
        "before=٣",
    ],
)
def test_g1_what_is_asked_for_is_text(site: Site, asked: str) -> None:
    answer = site.get(f"/audit?{asked}")
    assert answer.status_code in (200, 422)
    assert "<script>" not in answer.text.replace("<script src", "")


@pytest.mark.parametrize("who", ["acme", "bolt"])
def test_o2_changes_are_no_clients_business(site: Site, who: str) -> None:
    answer = site.get("/audit", who)
    assert answer.status_code == 403
    assert "cli:test" not in answer.text
    assert 'href="/audit"' not in answer.text


def test_o2_who_only_reads_sees_all_changes(site: Site) -> None:
    assert "cli:test" in site.get("/audit", "rod").text


def test_m1_money_that_was_changed_is_shown_as_money(site: Site) -> None:
    """M1, O2: nobody typed millionths."""
    for amount in (1_500_000, 2_000_001):
        patch = {"minimum_credit": amount}
        site.world.directory.change(ADMIN, Kind.EXTENSION, "1001", patch)
    for path in ("/history?kind=extension&key=1001", "/audit?kind=extension&key=1001"):
        page = site.get(path).text
        assert ">1.50<" in page
        assert ">2.000001<" in page
        assert "1500000" not in page


def history(site: Site, kind: Kind, key: str) -> str:
    """Give what the newest change of a record changed, as its page shows it."""
    text = unescape(site.get(f"/history?kind={kind.value}&key={quote(key)}").text)
    return " ".join(re.sub(r"<[^>]*>", " ", text.split("</details>")[0]).split())


def test_o2_changes_are_told_in_the_words_of_the_form(site: Site) -> None:
    """O2: lists, limits and choices too, and nothing as a program has it."""
    changed: list[tuple[Kind, str, dict[str, Any], tuple[str, ...]]] = [
        (
            Kind.EXTENSION,
            "1001",
            {
                "caller_id_number_from": "equipment",
                "callbacks_per_number": {"hour": 3, "day": 20},
                "blocked_prefixes": ["+1900", "+1976"],
                "ring_seconds": 9,
                "prompts": {"goodbye": "shared"},
            },
            (
                "One of the assigned numbers The caller's own number",
                "3 an hour, 20 a day",
                "+1900, +1976",
                "9 seconds",
                "Goodbye: shared",
            ),
        ),
        (
            Kind.CHANNEL,
            "pstn",
            {
                "destinations": {"+49": 12_500, "+1": 0},
                "identity": ["p-asserted-identity", "from"],
                "rewrite": {"00": "+"},
                "hours": ["mon-fri 08:00-18:00", "sat 09:00-12:00"],
            },
            (
                "+49 = 0.0125, +1 = 0.00",
                "P-Asserted-Identity, From",
                "00 → +",
                "Monday to Friday 08:00-18:00, Saturday 09:00-12:00",
            ),
        ),
        (
            Kind.CLIENT,
            "acme",
            {"blocked_types": ["toll_free"], "blocked_countries": ["CU", "KP"]},
            ("Blocked kinds of number Toll free", "Blocked countries CU, KP"),
        ),
        (Kind.PRICE_LIST, "retail", {"description": "ours"}, ("Description ours",)),
    ]
    for kind, key, patch, words in changed:
        site.world.directory.change(ADMIN, kind, key, patch)
        said = history(site, kind, key)
        for word in words:
            assert word in said, said
        assert not set(said) & set('[]{}"'), said
        everything = site.get("/audit").text
        assert "[&#34;" not in everything
        assert "{&#34;" not in everything


def test_o2_what_an_older_release_noted_is_told_as_it_is(site: Site) -> None:
    change = Audited(
        id=1,
        at=1,
        actor="x",
        action="change",
        kind="extension",
        key="1",
        client=None,
        before={"return_prefixes": 7, "callbacks_per_number": ["a"], "gone": {"a": [1, None]}},
        after={"dids": {"x": None, "y": "+1"}},
    )
    with site.app.app_context():
        found = {one.name: (one.before, one.after) for one in differences(change)}
    assert found["return_prefixes"] == ("7", "")
    assert found["callbacks_per_number"] == ("a", "")
    assert found["gone"] == ("A 1, None", "")
    assert found["dids"][1]
