"""G3, G1, O3, O5: places on channels over a real Redis, with it and without it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import gevent
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle, open_redis
from controller.cache.metrics import PlaceMetrics
from controller.cache.place_memory import Kept, PlaceMemory, half
from controller.cache.places import TOLD_AT_ONCE, Places
from tests.redis_servers import Server, redis_program, server, until, valkey_program
from tests.unit.cache.conftest import Connects, needed
from tests.unit.cache.given import START, Clock, away

ONE, TWO = "one", "two"


class Placed(Places):
    """One controller's places, with its metrics."""

    def __init__(self, redis: RedisHandle, lineage: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        super().__init__(redis, lineage, now=clock, metrics=PlaceMetrics(self.registry))

    def counted(self, name: str, **labels: str) -> int:
        """Give the value of a metric."""
        return int(self.registry.get_sample_value(f"callbackd_{name}", labels) or 0)

    def on(self, channel: str) -> int:
        """Give how many places are taken in Redis."""
        return int(self._redis.execute("ZCARD", f"{self._prefix}of:{channel}"))


class Makes(Protocol):
    """Makes the places of one more controller."""

    def __call__(self, url: str | None = None) -> Placed: ...


@pytest.fixture
def make(connect: Connects, clock: Clock, lineage: str) -> Makes:
    return lambda url=None: Placed(connect(url), lineage, clock)


def take(places: Placed, member: str, seconds: float = 60, **limits: int) -> set[str]:
    """Take places, on channel `one` with two places if nothing else is said."""
    return places.take(member, limits or {ONE: 2}, places._now() + seconds)


def take_all(places: Placed, member: str, seconds: float = 60, **limits: int) -> set[str]:
    """Take all of these places or none; gives those that are full."""
    return places.take_all(member, limits, places._now() + seconds)


def hold(places: Placed, member: str, *channels: str, seconds: float = 3600) -> None:
    """Keep places for as long as a conversation may last."""
    places.hold(member, channels, places._now() + seconds)


# --- with Redis ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["shared_valkey", "shared_redis", "embedded_running"])
def test_g3_a_channel_takes_as_many_calls_as_it_may_and_controllers_count_as_one(
    request: pytest.FixtureRequest, make: Makes, kind: str
) -> None:
    url = request.getfixturevalue(kind).url
    first, second = make(url), make(url)
    assert take(first, "a", one=2, two=1) == {ONE, TWO}
    assert take(second, "b", one=2, two=1) == {ONE}
    assert take(first, "c", one=2, two=1) == set()
    second.release("a")
    assert take(second, "c", one=2, two=1) == {ONE, TWO}
    assert first.counted("channel_full_total", channel=ONE) == 1
    assert first.fault is second.fault is None


def test_g3_a_call_that_asks_again_has_its_places_already(make: Makes) -> None:
    one, two = make(), make()
    assert take(one, "a", one=1) == take(one, "a", one=1) == take(two, "a", one=1) == {ONE}
    assert take(two, "b", one=1) == set()
    assert one.on(ONE) == 1


def test_g3_asking_again_makes_no_place_end_sooner(make: Makes, clock: Clock) -> None:
    places = make()
    take(places, "a", 60, one=1)
    take(places, "a", 10, one=1)
    clock.now += 59
    assert take(places, "b", one=1) == set()
    clock.now += 1
    assert take(places, "b", one=1) == {ONE}


def test_g3_of_a_call_that_is_answered_one_place_stays_whoever_says_so(
    make: Makes, clock: Clock
) -> None:
    dispatcher, holder = make(), make()
    take(dispatcher, "a", one=1, two=1)
    hold(holder, "a", TWO, seconds=600)
    assert take(dispatcher, "b", one=1, two=1) == {ONE}
    clock.now += 599
    assert take(dispatcher, "c", two=1) == set()
    holder.release("a")
    assert take(dispatcher, "c", two=1) == {TWO}
    assert dispatcher.on(TWO) == 1


def test_g3_a_conversation_may_end_a_place_sooner_than_it_was_taken_for(
    make: Makes, clock: Clock
) -> None:
    places = make()
    take(places, "a", 600, one=1)
    hold(places, "a", ONE, seconds=5)
    clock.now += 5
    assert take(places, "b", one=1) == {ONE}


def test_g3_a_call_keeps_no_place_on_a_channel_that_counts_none(make: Makes) -> None:
    """A channel without a limit: nothing was taken there, and nothing is kept."""
    places = make()
    take(places, "a", one=1)
    hold(places, "a", "unlimited")
    assert (places.on(ONE), places.on("unlimited")) == (0, 0)
    hold(places, "nobody", ONE)
    assert places.on(ONE) == 0


def test_g3_nowhere_is_no_place(make: Makes) -> None:
    places = make()
    take(places, "a", one=1, two=1)
    hold(places, "a")
    assert (places.on(ONE), places.on(TWO)) == (0, 0)
    places.release("a")
    places.release("nobody")
    assert places.take("a", {}, START + 60) == set()
    assert places.take("a", {ONE: 1}, START) == set()


def test_o5_whoever_dies_holds_nothing_for_ever(
    make: Makes, shared_valkey: Server, lineage: str, clock: Clock
) -> None:
    """Its places end by themselves, in Redis too, where nobody asks any more."""
    take(make(), "a", 60, one=1)
    other = make()
    clock.now += 59.9
    assert take(other, "b", 1, one=1) == set()
    clock.now += 0.2
    assert take(other, "b", 1, one=1) == {ONE}
    with shared_valkey.client() as client:
        for key in ("of:one", "at:a", "at:b"):
            assert 0 < client.pttl(f"callbackd:{{{lineage}}}:places:{key}") <= 60_000


def test_g3_many_calls_at_once_have_no_more_places_than_there_are(make: Makes) -> None:
    controllers = [make() for _ in range(4)]
    had: list[set[str]] = []
    calls = [
        gevent.spawn(lambda n: had.append(take(controllers[n % 4], f"m{n}", one=7, two=40)), n)
        for n in range(100)
    ]
    gevent.joinall(calls, raise_error=True)
    assert sum(ONE in one for one in had) == controllers[0].on(ONE) == 7
    assert sum(TWO in one for one in had) == controllers[0].on(TWO) == 40


def test_o3_nobody_asks_redis_who_knows_of_no_place(
    make: Makes, shared_valkey: Server, clock: Clock
) -> None:
    """A controller without channels that count is none that Redis hears of."""
    places = make()
    places.tick()
    assert places._life == b""
    take(places, "a", one=1)
    assert places._life
    places._life = b"not asked"
    places.release("a")
    places.tick()
    assert places._life == b"not asked"


# --- all of them or none ---------------------------------------------------------------------


def test_g3_a_call_takes_all_of_its_places_or_none_and_is_told_which_are_full(make: Makes) -> None:
    """An extension, its client and all together are counted so (`guard.at_a_time`)."""
    one, two = make(), make()
    assert take_all(one, "a", one=1, two=2) == set()
    assert take_all(two, "b", one=1, two=2) == {ONE}
    assert (one.on(ONE), one.on(TWO)) == (1, 1)
    assert take_all(two, "c", two=2) == set()
    assert take_all(two, "b", one=1, two=2) == {ONE, TWO}
    # Of whoever has them already none is full.
    assert take_all(two, "a", one=1, two=2) == set()
    one.release("a")
    assert take_all(two, "b", one=1, two=2) == set()


def test_g3_a_call_keeps_all_of_its_places_while_it_lives(make: Makes, clock: Clock) -> None:
    dispatcher, holder = make(), make()
    take_all(dispatcher, "a", 60, one=1, two=1)
    hold(holder, "a", ONE, TWO)
    clock.now += 3599
    assert take_all(dispatcher, "b", one=1, two=1) == {ONE, TWO}
    dispatcher.release("a")
    assert take_all(holder, "b", one=1, two=1) == set()


def test_g3_what_is_said_of_a_call_late_takes_no_place_anew(make: Makes) -> None:
    """That it was answered, when another controller has given its places back already."""
    one, two = make(), make()
    take_all(one, "a", one=1, two=1)
    two.release("a")
    hold(one, "a", ONE, TWO)
    assert (one.on(ONE), one.on(TWO)) == (0, 0)
    one.tick()
    assert len(one._memory) == 0


def test_g3_without_redis_a_call_takes_half_of_all_or_none(make: Makes) -> None:
    places = make("unix:///nowhere/redis.sock")
    assert take_all(places, "a", one=3, two=1) == set()
    assert take_all(places, "b", one=3, two=1) == {TWO}
    assert take_all(places, "c", one=3) == set()
    assert take_all(places, "d", one=3) == {ONE}
    places.release("a")
    assert take_all(places, "b", one=3, two=1) == set()


def test_g3_places_kept_while_redis_was_away_are_kept_there_too(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    places = make(valkey.url)
    take_all(places, "a", 60, one=1, two=1)
    with away(valkey):
        hold(places, "a", ONE, TWO)
    clock.now += 61
    places.tick()
    assert take_all(make(valkey.url), "b", one=1, two=1) == {ONE, TWO}


# --- without Redis ---------------------------------------------------------------------------


def test_g3_without_redis_each_controller_uses_half_and_says_so(make: Makes) -> None:
    first, second = make("unix:///nowhere/redis.sock"), make("unix:///nowhere/redis.sock")
    with structlog.testing.capture_logs() as logs:
        had = [take(first, f"a{n}", one=3, two=1) for n in range(3)]
    assert had == [{ONE, TWO}, {ONE}, set()]
    assert [line["event"] for line in logs] == ["places_alone"]
    assert take(second, "b", one=3) == {ONE}
    assert first.counted("places_alone_total") == 3
    assert first.counted("place_faults_total", kind="connection") >= 1
    assert first.fault is not None
    assert first.fault.startswith("Redis is away since")
    first.release("a0")
    assert take(first, "a9", one=3, two=1) == {ONE, TWO}


def test_g3_what_was_had_before_counts_when_redis_goes_and_ends_all_the_same(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    places = make(valkey.url)
    take(places, "a", 60, one=4)
    take(places, "b", 90, one=4)
    valkey.kill()
    assert take(places, "c", one=4) == set()
    assert take(places, "a", one=4) == {ONE}
    clock.now += 60
    assert take(places, "c", one=4) == {ONE}
    hold(places, "b", ONE)
    clock.now += 60
    assert take(places, "d", one=4) == {ONE}
    assert take(places, "e", one=4) == set()


def test_o5_what_redis_lost_it_is_told_again_before_anything_is_counted(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    one, two = make(valkey.url), make(valkey.url)
    take(one, "a", one=2, two=2)
    take(two, "b", one=2, two=2)
    hold(two, "b", ONE)
    valkey.kill()
    valkey.start()
    clock.now += 1
    assert take(one, "c", one=2) == {ONE}
    # The other one's come with its next question, or by its ticker.
    two.tick()
    assert take(two, "d", one=2, two=2) == {TWO}
    assert one.on(ONE) == 3
    assert one.fault is two.fault is None


def test_o5_redis_that_was_emptied_meanwhile_is_told_again_too(make: Makes, valkey: Server) -> None:
    places = make(valkey.url)
    for number in range(2 * TOLD_AT_ONCE + 1):
        take(places, f"m{number}", one=1000)
    with valkey.client() as client:
        client.flushall()
    assert take(places, "last", one=2 * TOLD_AT_ONCE + 1) == set()
    assert places.on(ONE) == 2 * TOLD_AT_ONCE + 1
    with valkey.client() as client:
        client.flushall()
    places.tick()
    assert places.on(ONE) == 2 * TOLD_AT_ONCE + 1


def test_g3_what_was_taken_alone_counts_everywhere_when_redis_is_back(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    one, two = make(valkey.url), make(valkey.url)
    take(one, "before", one=9)
    with away(valkey):
        take(one, "alone", one=9)
        clock.now += 0.5
        take(one, "alone too", one=9)
    with structlog.testing.capture_logs() as logs:
        one.tick()
    assert [line["event"] for line in logs] == ["places_shared"]
    assert two.on(ONE) == 3
    assert take(two, "b", one=3) == set()
    two.release("alone")
    assert take(two, "b", one=3) == {ONE}
    one.tick()
    assert two.on(ONE) == 3


def test_g3_the_first_call_that_finds_redis_again_tells_it_first(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    places = make(valkey.url)
    valkey.kill()
    assert take(places, "a", one=2) == {ONE}
    valkey.start()
    clock.now += 0.9
    assert take(places, "b", one=2) == set()  # too early to ask again
    clock.now += 0.1
    assert take(places, "b", one=2) == {ONE}
    assert take(places, "c", one=2) == set()
    assert places.on(ONE) == 2


def test_g3_places_given_back_while_redis_was_away_are_told_and_nobody_tells_them_anew(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    taker, holder = make(valkey.url), make(valkey.url)
    for member in ("a", "b"):
        take(taker, member, 3600, one=2, two=2)
    valkey.kill()
    hold(holder, "a")
    hold(taker, "b", TWO)
    valkey.start()
    clock.now += 1
    holder.tick()
    taker.tick()
    assert (taker.on(ONE), taker.on(TWO)) == (0, 1)
    # Also not by a later loss, as long as it may come to that.
    assert take(taker, "c", one=1) == {ONE}


def test_g3_who_comes_again_is_not_gone(make: Makes, valkey: Server, clock: Clock) -> None:
    """A return call that is made again is known by the same name."""
    places = make(valkey.url)
    take(places, "a", one=2)
    valkey.kill()
    places.release("a")
    assert take(places, "a", one=2) == {ONE}
    valkey.start()
    clock.now += 1
    places.tick()
    assert places.on(ONE) == 1
    valkey.kill()
    places.release("a")
    valkey.start()
    clock.now += 1
    places.tick()
    assert places.on(ONE) == 0
    assert take(places, "a", one=2) == {ONE}
    places.tick()
    assert (places.on(ONE), len(places._memory)) == (1, 1)


def test_g3_a_place_that_another_controller_gave_back_is_forgotten_here(
    make: Makes, valkey: Server
) -> None:
    taker, holder = make(valkey.url), make(valkey.url)
    take(taker, "a", 3600, one=2)
    take(taker, "b", 3600, one=2)
    holder.release("a")
    taker.tick()
    assert len(taker._memory) == 1
    with valkey.client() as client:
        client.flushall()
    taker.tick()
    assert taker.on(ONE) == 1


def test_g3_the_ticker_finds_redis_where_no_call_comes(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    places = make(valkey.url)
    valkey.kill()
    take(places, "a", one=2)
    places.start()
    valkey.start()
    until(lambda: places.fault is None, "the ticker has found it", pause=gevent.sleep)
    places.stop()
    assert places.on(ONE) == 1


def test_g3_a_server_that_says_nothing_is_waited_for_once(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    """What became of the command is not known: the place is one all the same."""
    places = make(valkey.url)
    take(places, "a", one=4)
    happened: list[Any] = []
    with away(valkey):
        calls = [
            gevent.spawn(lambda: happened.append(take(places, "b", one=4))),
            gevent.spawn(lambda: happened.append("others go on")),
        ]
        gevent.joinall(calls, raise_error=True)
        assert take(places, "c", one=4) == set()
        assert places.counted("place_faults_total", kind="timeout") == 1
    assert happened == ["others go on", {ONE}]
    clock.now += 1
    places.tick()
    until(lambda: places.on(ONE) == 2, "both are there, once", pause=gevent.sleep)


@pytest.mark.parametrize("taken", [take, take_all])
def test_g3_who_gets_no_place_alone_has_none_that_redis_gave_unheard(
    make: Makes, valkey: Server, clock: Clock, taken: Callable[..., set[str]]
) -> None:
    """It is not made: nobody would give that back."""
    places = make(valkey.url)
    take_all(places, "held", one=2)
    with away(valkey):
        # Half of two are in use.
        assert taken(places, "a", one=2) == (set() if taken is take else {ONE})
    other = make(valkey.url)
    # That the server has done it, it says itself: what came before is done before.
    other._redis.execute("PING")
    clock.now += 1
    places.tick()
    assert places.on(ONE) == 1


def test_g3_a_call_that_is_given_up_meanwhile_leaves_no_place_behind(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    places = make(valkey.url)
    take(places, "held", one=9)
    with away(valkey):
        calls: list[Any] = [
            gevent.spawn(take, places, "a", one=9),
            gevent.spawn(places.release, "held"),
        ]
        gevent.sleep(0)
        for call in calls:
            call.kill()
    clock.now += 1
    places.tick()
    until(lambda: places.on(ONE) == 0, "it is given back", pause=gevent.sleep)
    assert len(places._memory) == 0


@pytest.mark.parametrize("program", [valkey_program, redis_program])
def test_g3_a_full_redis_counts_places_all_the_same(
    make: Makes, clock: Clock, program: Callable[[], Path | None]
) -> None:
    """They are few and small, and a channel would be blocked, or overrun, by all that is not."""
    with server(needed(program(), program.__name__)) as full, full.client() as client:
        places = make(full.url)
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        assert [take(places, member, one=2) for member in "abc"] == [{ONE}, {ONE}, set()]
        places.tick()
        places.release("a")
        hold(places, "b", ONE)
        assert take(places, "c", one=2) == {ONE}
        assert places.fault is None
        assert places.on(ONE) == 2


def test_g1_what_somebody_else_wrote_into_redis_breaks_nothing(
    make: Makes, shared_valkey: Server, lineage: str, clock: Clock
) -> None:
    places, prefix = make(), f"callbackd:{{{lineage}}}:places:"
    take(places, "a", one=2)
    with shared_valkey.client() as client:
        client.set(f"{prefix}life", b"\xff;;nonsense")
        client.set(f"{prefix}at:a", b"\xff one ../.. two")
        assert take(places, "b", one=2) == {ONE}
        client.delete(f"{prefix}of:one")
        client.set(f"{prefix}of:one", "nonsense")
        assert take(places, "c", one=9) == {ONE}
        places.release("a")
        clock.now += 1
        assert take(places, "d", one=9) == {ONE}
        assert places.counted("place_faults_total", kind="refused") >= 1
        client.delete(f"{prefix}of:one")
    clock.now += 1
    places.tick()
    assert places.fault is None
    # The place of `b` somebody took away: that is as if it were given back.
    assert places.on(ONE) == 2


def test_g3_what_is_owed_is_bounded_and_the_first_goes() -> None:
    memory = PlaceMemory()
    for number in range(10_002):
        memory.owe(f"m{number}", Kept((), 0))
    owed = memory.owed()
    assert (len(owed), owed[0][0]) == (10_000, "m2")


def test_g3_half_of_a_channel_is_never_none_of_it() -> None:
    assert [half(limit) for limit in (1, 2, 3, 10, 11)] == [1, 1, 2, 5, 6]


# --- against a model -------------------------------------------------------------------------


class Model:
    """A plain list of who has a place where, and until when."""

    def __init__(self) -> None:
        self.on: dict[tuple[str, str], float] = {}

    def live(self, channel: str, now: float) -> set[str]:
        """Give who has a place on a channel."""
        return {who for (at, who), end in self.on.items() if at == channel and end > now}

    def free(self, who: str, limits: dict[str, int], now: float) -> set[str]:
        """Give where somebody may have a place, or has one."""
        lives = {channel: self.live(channel, now) for channel in limits}
        return {c for c, live in lives.items() if who in live or len(live) < limits[c]}

    def take(self, who: str, channels: set[str], end: float, now: float) -> set[str]:
        """Take places where some are free."""
        for channel in channels:
            before = self.on.get((channel, who), 0.0)
            self.on[channel, who] = max(end, before if before > now else 0.0)
        return channels

    def hold(self, who: str, channels: tuple[str, ...], end: float, now: float) -> None:
        """Keep places on these only."""
        has = [channel for channel in channels if who in self.live(channel, now)]
        self.on = {key: value for key, value in self.on.items() if key[1] != who}
        self.on |= {(channel, who): end for channel in has}


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "all", "all", "hold", "release", "lose", "away", "back"]),
        st.sampled_from(["a", "b", "c", "d", "e"]),
        st.sampled_from([(ONE,), (TWO,), (ONE, TWO)]),
        # Two a millisecond apart, and longer than what it is taken for.
        st.sampled_from([1, 1, 1, 7_000, 31_000]),
        st.sampled_from([10, 30]),
        st.integers(0, 1),
    ),
    max_size=50,
)
LIMITS = {ONE: 2, TWO: 3}


@given(steps=steps)
def test_g3_any_history_of_two_controllers_counts_as_a_plain_list_does(
    shared_valkey: Server, steps: list[Any]
) -> None:
    """Exactly, while Redis is there; a controller that is cut off keeps to half of the places.

    `lose`: Redis loses all that it has. `away`: one controller is cut off, until `back`.
    """
    clock, model, lineage = Clock(), Model(), uuid.uuid4().hex
    handles = [open_redis(shared_valkey.url) for _ in range(2)]
    nowhere = open_redis("unix:///nowhere/redis.sock")
    both = [Placed(handle, lineage, clock) for handle in handles]
    exact, alone = True, False
    for what, who, channels, gap, seconds, index in steps:
        clock.now = round(clock.now * 1000 + gap) / 1000
        now, places = clock.now, both[0] if alone else both[index]
        match what:
            case "take":
                wanted = model.take(who, model.free(who, LIMITS, now), now + seconds, now)
                had = places.take(who, LIMITS, now + seconds)
                assert not exact or had == wanted
            case "all":
                full = LIMITS.keys() - model.free(who, LIMITS, now)
                if not full:
                    model.take(who, set(LIMITS), now + seconds, now)
                assert places.take_all(who, LIMITS, now + seconds) == full or not exact
            case "hold":
                model.hold(who, channels, now + 3 * seconds, now)
                places.hold(who, channels, now + 3 * seconds)
            case "release":
                model.hold(who, (), now, now)
                places.release(who)
            case "lose" if not alone:
                # What others have, they tell when they are asked next.
                for one in both:
                    one.tick()
                for key in handles[0].execute("KEYS", f"callbackd:{{{lineage}}}:*"):
                    handles[0].execute("DEL", key)
                for one in both:
                    one.tick()
            case "away" if not alone:
                both[0]._redis = nowhere
                exact, alone = False, True
            case "back" if alone:
                both[0]._redis = handles[0]
                clock.now += 1
                both[0].tick()
                alone = False
        if alone:
            for name, limit in LIMITS.items():
                mine = [one for one in both[0]._memory.all(int(now * 1000)) if one[1] == name]
                untold = [one for one in mine if not one[2].told]
                assert len(mine) <= half(limit) or not untold
        elif exact:
            for name, limit in LIMITS.items():
                assert len(model.live(name, now)) <= limit
    for key in handles[0].execute("KEYS", f"callbackd:{{{lineage}}}:*"):
        handles[0].execute("DEL", key)
    for handle in handles:
        handle.close()
