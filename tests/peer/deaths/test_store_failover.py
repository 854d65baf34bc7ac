"""O5: the database's primary dies while people ring, are called back and talk.

Its standby takes over. A real PostgreSQL with a streaming standby, a controller in a process of its
own, and a proxy that loses what the server answers.
"""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import msgspec
import pytest
from sqlalchemy import make_url

from tests.peer.forking import Forks
from tests.peer.money import CREDIT, Money, keep_records, reading_records
from tests.peer.world import DID, PATIENCE, World, answering, talking, typed
from tests.postgres_pair import Pair
from tests.proxies import Proxy, proxy
from tests.redis_servers import until

#: Calls before the primary dies, and after it.
CALLS = 4
#: A silent server is given up sooner than in service, and one that is away is asked sooner.
SOON = {
    "controller.store.waiting:SILENT_SECONDS": 0.5,
    "controller.store.waiting:ANSWER_SECONDS": 0.5,
    "controller.store.postgres:CONNECT_SECONDS": 2,
    "controller.runtime.services:KEEP_LONGEST_WAIT": 1.0,
}


def kill(pair: Pair) -> None:
    pair.primary.kill()


def end_its_sessions(pair: Pair) -> None:
    pair.primary.stop(signal.SIGINT)


def freeze(pair: Pair) -> None:
    pair.primary.freeze()


class Pages:
    """A controller in a process of its own, and what its pages say."""

    def __init__(self, world: World, forks: Forks, url: str) -> None:
        environment = {
            **reading_records(world, keep_records(world)),
            **CREDIT,
            "CALLBACKD_DISPATCHER__POLL_SECONDS": "0.2",
            "CALLBACKD_DATABASE__URL": url,
        }
        forks.wait(forks.start(world.config(), SOON, **environment))
        self._log = forks.logs[-1]
        said = (msgspec.json.decode(line) for line in self._log.read_bytes().splitlines())
        host, port = next(line["web"] for line in said if line["event"] == "started")
        self._base = f"http://{host}:{port}"
        # Whoever rings while the database is away is found in Redis.
        until(lambda: self.is_well("cache"), "Redis is used", pause=gevent.sleep)
        until(lambda: self.value("callbackd_redis_up") == 1, "it is", pause=gevent.sleep)

    def value(self, name: str) -> float:
        """Give the value of a metric."""
        lines = self._fetch("/metrics").splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(name + " ")))

    def is_well(self, entry: str = "store") -> bool:
        """Whether readiness has nothing to say of the database, or of something else."""
        return bool(msgspec.json.decode(self._fetch("/readyz"))["checks"][entry] == "ok")

    def faults(self) -> list[str]:
        """Give what was raised and is not the database's being away."""
        lines = [line for line in self._log.read_bytes().splitlines() if line.startswith(b"{")]
        raised = (str(msgspec.json.decode(line).get("exception", "")) for line in lines)
        return [text for text in raised if text and "OperationalError" not in text]

    def _fetch(self, path: str) -> str:
        def fetch() -> str:
            request = urllib.request.Request(self._base + path)
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                with error:
                    return str(error.read().decode())

        return str(gevent.get_hub().threadpool.apply(fetch))


def place(world: World, index: int, lasts: float) -> None:
    """Have somebody ring who talks with a friend then."""
    caller, friend = f"+12125551{index:03}", f"16465551{index:03}"
    world.phone(caller[1:], answering(typed(friend)))
    world.phone(friend, talking(lasts))
    world.ring(caller, did=DID)


@pytest.mark.parametrize("end", [kill, end_its_sessions, freeze])
def test_o5_m7_calls_go_on_when_the_primary_dies_and_the_books_are_exact(
    tmp_path: Path, postgres_pair: Pair, forks: Forks, end: Callable[[Pair], None]
) -> None:
    """Some talk, and are over meanwhile; who rings meanwhile is stored, and called back, once."""
    postgres_pair.synchronous(True)
    url = postgres_pair.url(postgres_pair.fresh())
    world = World(tmp_path, url=url)
    try:
        money = Money(world)
        pages = Pages(world, forks, url)
        for index in range(CALLS):
            place(world, index, 15.0)
        world.wait(lambda: len(world.switch.seen("bridged", role="return")) == CALLS)
        old = postgres_pair.primary
        end(postgres_pair)
        for index in range(CALLS, 2 * CALLS):
            place(world, index, 0.5)
        # All who rang are refused after X, though nobody can store them: they wait.
        world.wait(lambda: len(world.switch.seen("refused", role="trigger")) == 2 * CALLS)
        until(lambda: not pages.is_well(), "it is said", pause=gevent.sleep)
        until(lambda: pages.value(WAITING) >= CALLS, "they wait", pause=gevent.sleep)
        assert pages.value(AWAY) > 0
        postgres_pair.promote()
        requests = world.ended(2 * CALLS)
        assert [request.outcome for request in requests] == ["completed"] * 2 * CALLS
        assert {request.attempts for request in requests} == {1}
        assert len(world.switch.seen("ringing", role="return")) == 2 * CALLS
        money.settled(4 * CALLS)
        money.check()
        until(pages.is_well, "it is well again", pause=gevent.sleep)
        until(lambda: pages.value(WAITING) == 0, "nothing waits", pause=gevent.sleep)
        assert pages.value(AWAY) == 0
        assert pages.faults() == []
        if end is freeze:
            old.thaw()
            until(lambda: old.ask(SESSIONS) == 0, "nobody has it", pause=gevent.sleep)
    finally:
        world.close()


WAITING = "callbackd_store_writes_waiting"
AWAY = "callbackd_store_away_seconds"
#: Who is connected to a server, of all controllers.
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'callbackd'"


@pytest.fixture
def behind(tmp_path: Path, postgres_pair: Pair) -> Iterator[tuple[World, Proxy, str]]:
    """A world whose controller reaches the database through a proxy."""
    direct = postgres_pair.primary.url(postgres_pair.fresh())
    world = World(tmp_path, url=direct)
    with proxy(postgres_pair.primary.address) as made:
        url = make_url(direct).set(port=made.port).render_as_string(hide_password=False)
        yield world, made, url
        world.close()


def test_o5_m7_no_answer_to_a_commit_need_arrive(
    behind: tuple[World, Proxy, str], forks: Forks
) -> None:
    """Again and again nobody hears whether a transaction was made: all are right in the end."""
    world, made, url = behind
    money = Money(world)
    pages = Pages(world, forks, url)
    losing = gevent.spawn(lose_some, made)
    for index in range(CALLS):
        place(world, index, 0.5)
    # Each answer that is lost is waited for, and the machine may be busy.
    requests = world.ended(CALLS, 3 * PATIENCE)
    losing.kill()
    made.open()
    assert made.lost > CALLS
    money.settled(2 * CALLS)
    assert [request.outcome for request in requests] == ["completed"] * CALLS
    assert len(world.switch.seen("ringing", role="return")) == CALLS
    money.check()
    assert pages.faults() == []


def lose_some(made: Proxy) -> None:
    """Lose the answer to a commit every now and then."""
    while True:
        made.lose(b"COMMIT")
        lost = made.lost
        while made.lost == lost:
            gevent.sleep(0.01)
        gevent.sleep(0.3)
