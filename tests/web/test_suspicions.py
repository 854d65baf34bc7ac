"""G3, O2: what looks like fraud over HTTP: who sees it, who releases it, what is audited."""

from __future__ import annotations

from typing import Any

import pytest

from controller.guard.patterns import Known, Pattern, Subject
from controller.store.suspicions import Suspicions
from tests.web.world import RFC_3339, World, is_problem

#: Of acme, of bolt, and of several, as the world has them.
ACME, BOLT, BOTH = 7_700_001, 7_700_002, 7_700_003


def listed(world: World, query: str = "", token: str = "admin") -> list[int]:
    """Give the ids of what somebody sees."""
    return [item["id"] for item in world.get(f"/suspicions{query}", token=token).json["items"]]


def audited(world: World) -> list[Any]:
    """Give the releases that are in the audit log."""
    items: list[Any] = world.get("/audit?kind=suspicion").json["items"]
    return items


def test_g3_what_looks_like_fraud_is_listed_the_newest_first(still: World) -> None:
    answer = still.get("/suspicions").json
    assert answer["next"] is None
    assert [item["id"] for item in answer["items"]] == [BOTH, BOLT, ACME]
    several, _, one = answer["items"]
    assert RFC_3339.match(several["first"])
    assert several["first"] == several["last"]
    del several["first"], several["last"]
    assert several == {
        "id": BOTH, "pattern": "many_extensions", "subject": "+12025550899", "extension": None,
        "client": None, "blocks": True, "times": 1, "said": "both", "released": None,
        "released_by": None,
    }  # fmt: skip
    assert (one["extension"], one["client"], one["blocks"]) == ("1001", "acme", False)
    assert (one["pattern"], one["subject"]) == ("short_answers", "1001/+12025550810")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("?open=true", [BOTH, BOLT, ACME]),
        ("?open=false", []),
        ("?pattern=short_answers", [BOLT, ACME]),
        ("?extension=2001&open=true", [BOLT]),
        ("?pattern=sudden_spend", []),
    ],
)
def test_g3_the_list_is_filtered(still: World, query: str, ids: list[int]) -> None:
    assert listed(still, query) == ids


def test_g3_the_list_comes_in_pages(still: World) -> None:
    seen, after = [], ""
    while True:
        page = still.get(f"/suspicions?limit=1{after}").json
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [BOTH, BOLT, ACME]


@pytest.mark.parametrize(
    "query", ["?pattern=x", "?open=1", "?extension=a", "?blocks=true", "?after=x", "?limit=0"]
)
def test_a_filter_that_cannot_be_is_named(still: World, query: str) -> None:
    is_problem(still.get(f"/suspicions{query}"), 400, "parameter")


def test_o2_a_client_sees_that_of_his_own_extensions(still: World) -> None:
    for token in ("acme", "acme-reads"):
        assert listed(still, token=token) == [ACME]
        assert listed(still, "?extension=2001", token) == []
    assert listed(still, token="reads") == [BOTH, BOLT, ACME]


def test_g3_an_administrator_releases_and_that_is_audited(world: World) -> None:
    gone = world.ask("DELETE", f"/suspicions/{BOTH}")
    assert (gone.status, gone.body) == (204, b"")
    assert listed(world, "?open=true") == [BOLT, ACME]
    (item,) = world.get("/suspicions?open=false").json["items"]
    assert RFC_3339.match(item["released"])
    assert item["released_by"] == "admin"
    (line,) = audited(world)
    assert (line["action"], line["key"], line["actor"], line["client"]) == (
        "change", str(BOTH), "admin", None,
    )  # fmt: skip
    assert (line["before"]["subject"], line["before"]["blocks"]) == ("+12025550899", True)
    again = is_problem(world.ask("DELETE", f"/suspicions/{BOTH}"), 409, "conflict")
    assert "released by admin before" in again["detail"]
    assert len(audited(world)) == 1


def test_g3_what_is_released_counts_no_more_in_any_controller(world: World) -> None:
    store = Suspicions(world.engine, now=lambda: world.now)
    key = Subject(Pattern.MANY_EXTENSIONS, "+12025550899").key
    assert store.known().open[key] is True
    world.ask("DELETE", f"/suspicions/{BOTH}")
    known: Known = store.known()
    assert key not in known.open
    assert key in known.released


def test_o2_a_client_releases_nothing_since_the_operator_pays_first(still: World) -> None:
    for token in ("acme", "acme-reads", "reads"):
        is_problem(still.ask("DELETE", f"/suspicions/{ACME}", token=token), 403)
    for other in (BOLT, BOTH, 99):
        is_problem(still.ask("DELETE", f"/suspicions/{other}", token="acme"), 404)


@pytest.mark.parametrize("name", ["0", "x", "-1", "1%0a", "9" * 19, "99"])
def test_g1_what_can_be_no_suspicion_is_not_there(still: World, name: str) -> None:
    is_problem(still.ask("DELETE", f"/suspicions/{name}"), 404)
