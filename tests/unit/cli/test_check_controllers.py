"""O4: `callbackd check` says where calls cannot be spread over several controllers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.cache.embedded import EmbeddedServer
from controller.cache.metrics import PresenceMetrics
from controller.cache.presence import Member, Presence

from .running import Run, redis_of, refused

EVERYWHERE = {"CALLBACKD_LISTEN__HOST": "0.0.0.0", "CALLBACKD_NAME": "one"}


@pytest.fixture
def presence(prepared: Run, data: Path) -> Iterator[Presence]:
    """Where the controllers of this store say that they are there."""
    with redis_of(data) as (redis, lineage):
        metrics = PresenceMetrics(CollectorRegistry())
        yield Presence(redis, lineage, lease_seconds=60, now=time.time, metrics=metrics)


def found(run: Run, **environment: str) -> list[dict[str, Any]]:
    """Give what is found of controllers."""
    findings = json.loads(run("check", "--json", **environment).stdout)["findings"]
    return [one for one in findings if one["subject"] == "controllers"]


def test_o4_alone_it_need_not_be_known(presence: Presence, prepared: Run) -> None:
    """O4: nor where nobody can be asked who is there."""
    presence.renew(Member("one", "run"))
    assert found(prepared, **EVERYWHERE) == []
    assert found(prepared, **EVERYWHERE, CALLBACKD_REDIS__URL="redis://127.0.0.1:1") == []


def test_o4_with_others_it_has_to_be(presence: Presence, prepared: Run) -> None:
    """O4: a warning, with what to set."""
    for name in ("one", "two", "three"):
        presence.renew(Member(name, "run"))
    (one,) = found(prepared, **EVERYWHERE)
    assert one["well"]
    assert "over it and three, two" in one["text"]
    assert "listen.advertise" in one["remedy"]
    told = {**EVERYWHERE, "CALLBACKD_LISTEN__ADVERTISE": "192.0.2.7:8084"}
    assert found(prepared, **told) == []
    assert found(prepared) == []


def test_o4_those_on_other_machines_must_be_able_to_ask_it(
    presence: Presence, prepared: Run
) -> None:
    """O4: else they take one that has only lost Redis for dead. Those beside it can."""
    here = {"CALLBACKD_NAME": "one", "CALLBACKD_LISTEN__HOST": "192.0.2.7"}
    presence.renew(Member("beside", "run", address="192.0.2.7:9084"))
    assert found(prepared, **here) == []
    presence.renew(Member("two", "run", address="192.0.2.8:8084"))
    (one,) = found(prepared, **here)
    assert "another machine for two:" in one["text"]
    assert "web.host" in one["remedy"]
    assert found(prepared, **here, CALLBACKD_WEB__HOST="192.0.2.7") == []


def test_o4_a_controller_without_a_name_may_be_the_one_that_is_seen(
    presence: Presence, prepared: Run
) -> None:
    """O4: two of them are more than that one."""
    unnamed = {"CALLBACKD_LISTEN__HOST": "0.0.0.0"}
    presence.renew(Member("host-17", "run"))
    assert found(prepared, **unnamed) == []
    presence.renew(Member("host-18", "run"))
    assert len(found(prepared, **unnamed)) == 1


@pytest.mark.parametrize("options", [(), ("--switch",)])
@pytest.mark.parametrize(
    ("is_there", "text"), [(True, "no switch announces itself"), (False, "Redis cannot be asked")]
)
def test_o4_that_no_switch_was_looked_at_is_said(
    presence: Presence,
    prepared: Run,
    data: Path,
    options: tuple[str, ...],
    is_there: bool,
    text: str,
) -> None:
    """O4: where all of them announce themselves, and none is found."""
    embedded = EmbeddedServer(data)
    discovering = {
        "CALLBACKD_NODES": "[]",
        "CALLBACKD_DISCOVERY__ALLOW": '["192.0.2.0/24"]',
        "CALLBACKD_DISCOVERY__PASSWORD": "x",
        "CALLBACKD_REDIS__URL": embedded.url if is_there else "redis://127.0.0.1:1",
    }
    done = prepared("check", "--json", *options, **discovering)
    assert done.exit_code == 1
    (one,) = [one for one in json.loads(done.stdout)["findings"] if one["subject"] == "nodes"]
    assert not one["well"]
    assert text in one["text"]


def test_o3_a_redis_url_that_cannot_be_is_told_and_the_rest_is_looked_at(
    stocked: Run,
) -> None:
    """O3: it is the setting that is wrong, and nobody is shown a traceback."""
    discovering = {
        "CALLBACKD_NODES": "[]",
        "CALLBACKD_DISCOVERY__ALLOW": '["192.0.2.0/24"]',
        "CALLBACKD_DISCOVERY__PASSWORD": "x",
    }
    url = {"CALLBACKD_REDIS__URL": "redis://:secret-word@127.0.0.1:1/0#x"}
    for options in ((), ("--switch",)):
        done = stocked("check", "--json", *options, **discovering, **url)
        assert isinstance(done.exception, SystemExit), done.exception
        findings = json.loads(done.stdout)["findings"]
        subjects = [one["subject"] for one in findings if not one["well"]]
        assert subjects == ([] if options else ["redis"]) + ["nodes"]
        assert "secret-word" not in done.output
    refused(stocked("lockout", "list", **url), "redis.url")
