"""A3, O2: lock-outs on the command line, over the Redis that running controllers use."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.cache.lockouts import Lockouts
from controller.cache.metrics import LockoutMetrics
from controller.guard.locking import Rules

from .running import Run, ok, redis_of, refused, said, told

NUMBER, DID = "+12125550199", "+12025550100"


@pytest.fixture
def locks(stocked: Run, data: Path) -> Iterator[Lockouts]:
    """The lock-outs of a controller that runs over the commands' store."""
    with redis_of(data) as (redis, lineage):
        metrics = LockoutMetrics(CollectorRegistry())
        made = Lockouts(redis, lineage, rules=Rules(), now=time.time, metrics=metrics)
        for _ in range(3):
            made.failed("100", (NUMBER,), DID)
        yield made


def listed(run: Run, *options: str) -> list[Any]:
    """Give what a list has."""
    found: list[Any] = said(run("lockout", "list", "--json", *options))
    return found


def test_a3_what_is_locked_is_listed(stocked: Run, locks: Lockouts) -> None:
    keys = [f"did/{DID}", "extension/100", f"number/100/{NUMBER}"]
    assert [one["key"] for one in listed(stocked)] == keys
    (pair,) = listed(stocked, "--locked")
    assert (pair["kind"], pair["failures"], pair["level"]) == ("number", 0, 1)
    assert pair["until"].endswith("Z")
    assert [one["key"] for one in listed(stocked, "--extension", "100")] == keys[1:]
    assert [one["key"] for one in listed(stocked, "--kind", "did", "--limit", "5")] == keys[:1]
    assert listed(stocked, "--extension", "101") == []
    printed = told(ok(stocked("lockout", "list")))
    assert [line.split()[0] for line in printed[1:]] == keys


def test_a3_a_lock_is_released_everywhere_and_audited(stocked: Run, locks: Lockouts) -> None:
    assert locks.locked("100", (NUMBER,), DID).kind == "number"
    printed = ok(stocked("lockout", "release", "100", NUMBER))
    assert printed.startswith(f"released number/100/{NUMBER}: was locked until 20")
    assert locks.locked("100", (NUMBER,), DID).kind == ""
    assert said(stocked("lockout", "release", "--did", DID, "--json"))["failures"] == 3
    assert said(stocked("lockout", "release", "100", "--json"))["until"] is None
    assert listed(stocked) == []
    lines = said(stocked("audit", "list", "--kind", "lockout", "--json"))
    assert [line["key"] for line in lines] == [
        "extension/100", f"did/{DID}", f"number/100/{NUMBER}",
    ]  # fmt: skip
    assert all(line["actor"].startswith("cli:") for line in lines)
    assert {line["client"] for line in lines} == {"main"}
    refused(stocked("lockout", "release", "100"), "extension/100: nothing is locked")


def test_a3_what_keeps_a_caller_out_still_is_said(stocked: Run, locks: Lockouts) -> None:
    for index in range(15):
        locks.failed("100", (f"+1212555{index:04}",), DID)
    result = stocked("lockout", "release", "100", NUMBER)
    assert ok(result)
    assert "still locked: extension/100 until" in result.stderr


@pytest.mark.parametrize(
    "arguments", [("abc",), ("100", "2125550199"), ("100", "+1*"), ("--did", "100"), ("1/2",)]
)
def test_g1_what_is_no_number_is_refused(stocked: Run, arguments: tuple[str, ...]) -> None:
    refused(stocked("lockout", "release", *arguments), "E.164")


def test_a_release_says_what_of(stocked: Run) -> None:
    for arguments in ((), ("100", "--did", DID)):
        result = stocked("lockout", "release", *arguments)
        assert result.exit_code == 2
        assert "name an extension" in result.stderr


def test_a3_without_redis_it_says_what_to_do(stocked: Run) -> None:
    refused(stocked("lockout", "list"), "cannot be reached", "the service keeps one of its own")
    refused(
        stocked("lockout", "release", "100", REDIS_URL="unix:///nowhere/redis.sock"),
        "/nowhere/redis.sock cannot be reached",
        "redis.url",
    )
