"""O7: what is counted of a person in Redis is found and erased, whoever counted it."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry

from controller.cache.counts import Counts
from controller.cache.traces import Trace, Traces
from controller.guard.locking import Rules
from controller.guard.often import Limit, OftenKind
from controller.guard.patterns import Pattern, Seen, Subject
from tests.redis_servers import Server
from tests.unit.cache.conftest import Connects

HIM, OTHER, DID = "+12125550199", "+12125550188", "+12025550100"


@pytest.mark.parametrize("kind", ["valkey", "redis"])
def test_o7_nothing_of_a_number_is_left_in_redis_and_of_others_nothing_goes(
    request: pytest.FixtureRequest, connect: Connects, lineage: str, kind: str
) -> None:
    server: Server = request.getfixturevalue(f"shared_{kind}")
    redis = connect(server.url)
    counts = Counts(
        redis, lineage, rules=Rules(), now=time.time, registry=CollectorRegistry()
    )  # fmt: skip
    for number in (HIM, OTHER):
        for _ in range(3):
            counts.lockouts.failed("100", (number,), DID)
        counts.often.note([Limit(OftenKind.NUMBER, f"100:{number}", 3600, 5)])
        at = time.time_ns() // 1000
        subject = Subject(Pattern.SEQUENTIAL_NUMBERS, "100/+121255501")
        counts.patterns.see(
            [
                Seen(subject, number, at, 0),
                Seen(Subject(Pattern.MANY_EXTENSIONS, number), "100", at, 0),
            ]
        )
    prefix = f"callbackd:{{{lineage}}}:"
    redis.execute("SET", f"{prefix}did:x", f'{{"fixed_number":"{HIM}"}}')
    redis.execute("HSET", f"{prefix}calls", "one", f"00{HIM[1:]}", "two", f"{HIM}7")
    redis.execute("SADD", f"{prefix}some", HIM, OTHER)
    traces = Traces(redis, lineage)
    found = traces.find(HIM)
    assert found is not None
    assert Trace(f"{prefix}lockouts:of:number/100/{HIM}") in found
    assert Trace(f"{prefix}lockouts:names", f"number/100/{HIM}") in found
    assert Trace(f"{prefix}patterns:sequential_numbers:100/+121255501", HIM) in found
    assert Trace(f"{prefix}often:number:100:{HIM}:3600") in found
    assert {Trace(f"{prefix}did:x"), Trace(f"{prefix}calls", "one")} < set(found)
    others = traces.find(OTHER)
    assert traces.erase(HIM) == len(found)
    assert traces.find(HIM) == []
    assert traces.find(OTHER) == others
    assert redis.execute("HGETALL", f"{prefix}calls") == [b"two", f"{HIM}7".encode()]
    # What another store counts is its own.
    assert Traces(redis, "another").find(OTHER) == []


def test_o7_o5_where_redis_is_away_it_says_so(connect: Connects, lineage: str) -> None:
    traces = Traces(connect("unix:///nowhere/redis.sock"), lineage)
    assert (traces.find(HIM), traces.erase(HIM)) == (None, None)
