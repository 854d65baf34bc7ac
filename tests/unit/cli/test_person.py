"""O7: a person is exported and erased on the command line, in Redis too."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle
from controller.cache.lockouts import Lockouts
from controller.cache.metrics import LockoutMetrics
from controller.guard.locking import Rules

from .running import Run, ok, redis_of, refused, said

HIM, DID = "+12125550199", "+12025550100"


@pytest.fixture
def redis(stocked: Run, data: Path) -> Iterator[RedisHandle]:
    """The Redis of a controller that runs, in which he is locked out; he is in a list, too."""
    ok(stocked("callerid", "add", "100", HIM, "--notes", f"his number is 00{HIM[1:]}"))
    with redis_of(data) as (redis, lineage):
        metrics = LockoutMetrics(CollectorRegistry())
        locks = Lockouts(redis, lineage, rules=Rules(), now=time.time, metrics=metrics)
        for _ in range(3):
            locks.failed("100", (HIM,), DID)
        yield redis


def in_redis(redis: RedisHandle) -> bool:
    """Whether he is anywhere in Redis."""
    keys = redis.execute("KEYS", "*")
    members = [
        redis.execute("ZRANGE", key, 0, -1) for key in keys if redis.execute("TYPE", key) == b"zset"
    ]
    return HIM[1:].encode() in repr((keys, members)).encode()


def test_o7_a_person_is_exported_to_a_file_of_ones_own(
    stocked: Run, redis: RedisHandle, tmp_path: Path
) -> None:
    path = tmp_path / "him.json"
    printed = ok(stocked("person", "export", HIM, "--output", str(path)))
    assert printed.startswith(f"{path}: ")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made = json.loads(path.read_text())
    (entry,) = made["records"]["authorised_caller"]
    assert (entry["number"], entry["pin_hash_set"]) == (HIM, False)
    assert any(key.endswith(f"number/100/{HIM}") for key in made["counted"])
    assert said(stocked("person", "export", HIM))["number"] == HIM


def test_o7_a_person_is_erased_when_it_was_confirmed(stocked: Run, redis: RedisHandle) -> None:
    refused(stocked("person", "erase", HIM, "--with-callerid"), "no terminal to ask on")
    refused(stocked("person", "erase", HIM, "--yes"), f"authorised CallerID (100/{HIM})")
    assert in_redis(redis)
    done = said(stocked("person", "erase", HIM, "--with-callerid", "--yes", "--json"))
    assert (done["callerids"], done["pseudonym"][0]) == (1, "~")
    assert not in_redis(redis)
    assert said(stocked("callerid", "list", "--json")) == []
    lines: list[Any] = said(stocked("audit", "list", "--json"))
    assert HIM[1:] not in json.dumps(lines)
    assert (lines[0]["action"], lines[0]["key"]) == ("erase", done["pseudonym"])
    printed = ok(stocked("person", "erase", HIM, "--yes"))
    assert printed.startswith("erased 0 callbacks and 0 authorised CallerIDs\n")


def test_o7_where_no_controller_runs_that_is_said(stocked: Run) -> None:
    refused(stocked("person", "erase", HIM, "--yes"), "cannot be reached")
    assert said(stocked("person", "export", HIM, "--no-service"))["records"] == {}
    ok(stocked("person", "erase", HIM, "--yes", "--no-service"))
    named = {"REDIS_URL": "redis://192.0.2.1"}
    result = stocked("person", "export", HIM, "--no-service", **named)
    assert result.exit_code == 2
    assert "redis.url is set" in result.stderr


@pytest.mark.parametrize("number", ["2125550199", "+1212555019912345", "; rm -rf"])
def test_g1_o7_what_is_no_number_is_refused(stocked: Run, number: str) -> None:
    refused(stocked("person", "export", number, "--no-service"), "write it as E.164 has it")


def test_o7_m7_nothing_is_erased_while_the_engine_that_charges_cannot_be_asked(
    stocked: Run,
) -> None:
    named = {"CALLBACKD_CREDIT__ENGINE": "nowhere:engine"}
    erase = stocked("person", "erase", HIM, "--yes", "--no-service", **named)
    refused(erase, "credit.engine: nowhere:engine")
    assert said(stocked("person", "export", HIM, "--no-service", **named))["records"] == {}


def test_o7_m7_the_engine_that_charges_is_asked_and_closed(
    stocked: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "docs" / "examples"))
    options = {"CALLBACKD_CREDIT__OPTIONS__PATH": str(tmp_path / "prepaid.sqlite3")}
    named = {"CALLBACKD_CREDIT__ENGINE": "prepaid:engine", **options}
    printed = ok(stocked("person", "erase", HIM, "--yes", "--no-service", **named))
    assert printed.startswith("erased 0 callbacks")
