"""The races, each by name: a reader and a writer at once, and a Redis that is not what it was."""

from __future__ import annotations

import gc
from pathlib import Path

import gevent
import pytest
from gevent.event import Event
from redis.exceptions import ConnectionError as RedisConnectionError

from controller.cache.address import parse
from controller.cache.client import RedisHandle, Script
from controller.cache.local import Flight, Flights
from controller.policy.changes import Change, Position
from tests.redis_servers import Server, until
from tests.unit.cache.conftest import Opens
from tests.unit.cache.given import DID, OTHER_DID, Cache, MemorySource

Words = bytes | str | int


class Held(RedisHandle):
    """A Redis at which one command can be held up."""

    def __init__(self, url: str) -> None:
        super().__init__(parse(url))
        #: What a command that is held up has among its words, and whether before it is sent.
        self.hold: tuple[Words, bool] | None = None
        self.reached, self.go_on = Event(), Event()
        self.away = False

    def execute(self, *command: Words) -> object:
        held, self.hold = (self.hold, None) if self._meant(command) else (None, self.hold)
        if held is not None and held[1]:
            self._wait()
        if self.away:
            raise RedisConnectionError("away")
        reply = super().execute(*command)
        if held is not None and not held[1]:
            self._wait()
        return reply

    def _meant(self, command: tuple[Words, ...]) -> bool:
        return self.hold is not None and self.hold[0] in command

    def _wait(self) -> None:
        self.reached.set()
        self.go_on.wait()


class HeldSource:
    """Holds up one reading of a store, after it has seen what it will give."""

    def __init__(self, source: MemorySource) -> None:
        self.reached, self.go_on = Event(), Event()
        self._source = source
        source.on_read = self._wait

    def _wait(self, name: str) -> None:
        self._source.on_read = lambda _: None
        self.reached.set()
        self.go_on.wait()


@pytest.fixture
def held(shared_valkey: Server) -> Held:
    return Held(shared_valkey.url)


def quiet(cache: Cache) -> Cache:
    """Give a cache without greenlets of its own: what it learns, the test says."""
    cache.policies.tick()
    cache.policies.on_heard(True)
    return cache


@pytest.fixture
def one(cached: Opens, held: Held) -> Cache:
    return quiet(cached(held))


@pytest.fixture
def two(cached: Opens, shared_valkey: Server) -> Cache:
    return quiet(cached(shared_valkey.url))


def test_a_slow_reader_does_not_put_back_what_a_writer_took_away(
    one: Cache, two: Cache, source: MemorySource
) -> None:
    source.write()
    slow = HeldSource(source)
    reader = gevent.spawn(one.version)
    slow.reached.wait()
    two.policies.announce(source.write())
    slow.go_on.set()
    assert reader.get() == 1  # nobody told this one, and what it read was true when it began
    two.policies.tick()  # and what is applied need not be remembered
    assert two.version() == 2
    assert two.looked_up()["redis"] == 0


@pytest.mark.parametrize("told", ["own", "message", "tick"])
def test_what_was_read_before_a_change_that_is_known_is_read_again(
    one: Cache, two: Cache, source: MemorySource, told: str
) -> None:
    source.write()
    slow = HeldSource(source)
    reader = gevent.spawn(one.version)
    slow.reached.wait()
    tell(one, two, source.write(), told)
    slow.go_on.set()
    assert reader.get() == 2


@pytest.mark.parametrize("told", ["own", "message", "tick"])
def test_a_reply_that_was_on_its_way_when_a_change_came_to_be_known_is_not_used(
    one: Cache, two: Cache, held: Held, source: MemorySource, told: str
) -> None:
    source.write()
    two.version()
    held.hold = ("MGET", False)
    reader = gevent.spawn(one.version)
    held.reached.wait()
    tell(one, two, source.write(), told)
    held.go_on.set()
    assert reader.get() == 2


def tell(one: Cache, two: Cache, change: Change, how: str) -> None:
    """Have one controller know of a change."""
    if how == "own":
        one.policies.announce(change)
    elif how == "message":
        two.policies.announce(change)
        one.policies.on_message(change)
    else:
        one.policies.tick()


def test_whoever_read_looks_again_where_a_change_came_while_redis_was_given_a_copy(
    one: Cache, held: Held, source: MemorySource
) -> None:
    source.write()
    held.hold = ("MGET", False)
    held.go_on.set()
    one.version(OTHER_DID)  # the script is known there from here on
    held.reached.clear()
    held.go_on.clear()
    held.hold = ("EVALSHA", True)
    reader = gevent.spawn(one.version)
    held.reached.wait()
    one.policies.announce(source.write())
    held.go_on.set()
    assert reader.get() == 2


def test_those_who_waited_for_a_reading_look_again_where_a_change_came_before_they_were_back(
    one: Cache, source: MemorySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write()
    slow = HeldSource(source)
    asking = [gevent.spawn(one.version)]
    slow.reached.wait()
    asking += [gevent.spawn(one.version) for _ in range(5)]
    gevent.sleep(0)
    end = Flights.end

    def end_and_learn(flights: Flights, key: str, flight: Flight) -> None:
        end(flights, key, flight)
        monkeypatch.undo()
        one.policies.on_message(source.write())

    monkeypatch.setattr(Flights, "end", end_and_learn)
    slow.go_on.set()
    gevent.joinall(asking, raise_error=True)
    assert [greenlet.value for greenlet in asking] == [2] * 6


def test_a_redis_that_lost_its_last_writes_is_found_out_by_its_own_replies(
    one: Cache, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    one.version()
    before = copy(shared_valkey, source)
    source.write()
    for _ in range(2):  # after the second one it need not be remembered
        one.policies.tick()
    replace(shared_valkey, source, before)
    assert one.version() == 2
    assert one.looked_up()["redis"] == 0
    one.policies.tick()
    one.forget_local()
    assert one.version() == 2


def test_a_change_that_is_known_holds_though_redis_lost_it(
    one: Cache, two: Cache, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    one.version()
    before = copy(shared_valkey, source)
    change = source.write()
    two.policies.announce(change)
    one.policies.on_message(change)
    replace(shared_valkey, source, before)
    assert one.version() == 2


def test_a_change_that_comes_to_be_known_during_a_tick_is_not_forgotten_by_it(
    one: Cache, two: Cache, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    for _ in range(2):
        one.policies.tick()
    one.version()
    before = copy(shared_valkey, source)
    position = source.position()
    change = source.write()

    def meanwhile() -> Position:
        two.policies.announce(change)
        one.policies.on_message(change)
        replace(shared_valkey, source, before)
        return position

    setattr(source, "position", meanwhile)  # noqa: B010
    one.policies.tick()
    delattr(source, "position")
    assert one.version() == 2


def copy(running: Server, source: MemorySource) -> dict[bytes, bytes]:
    """Give what a store has in a Redis."""
    with running.client() as client:
        keys = client.keys(f"callbackd:{{{source.lineage}}}:*")
        return {key: client.dump(key) or b"" for key in keys}


def replace(running: Server, source: MemorySource, before: dict[bytes, bytes]) -> None:
    """Put a Redis back to what it was, as one does that is promoted too early."""
    with running.client() as client:
        client.delete(*client.keys(f"callbackd:{{{source.lineage}}}:*"))
        for key, value in before.items():
            client.restore(key, 60_000, value)


def test_a_change_of_everything_is_known_to_redis_before_anybody_else_ticks(
    one: Cache, two: Cache, source: MemorySource
) -> None:
    source.write()
    assert two.version() == 1
    one.policies.announce(source.write_all())
    two.forget_local()
    assert two.version() == 2


def test_a_change_announced_before_an_earlier_one_does_not_pass_for_both(
    one: Cache, two: Cache, source: MemorySource
) -> None:
    source.write("100", (DID,))
    source.write("200", (OTHER_DID,))
    two.policies.tick()
    assert (two.version(DID), two.version(OTHER_DID)) == (1, 2)
    source.write("100", (DID,))  # whoever did this has not announced it yet
    one.policies.announce(source.write("200", (OTHER_DID,)))
    two.policies.tick()
    assert (two.version(DID), two.version(OTHER_DID)) == (3, 4)
    two.forget_local()
    assert (two.version(DID), two.version(OTHER_DID)) == (3, 4)


def test_after_an_announcement_out_of_turn_an_older_reading_is_not_stored(
    one: Cache, two: Cache, source: MemorySource
) -> None:
    source.write("200", (OTHER_DID,))
    source.write("100", (DID,))
    for cache in (one, two):
        cache.policies.tick()
    slow = HeldSource(source)
    reader = gevent.spawn(two.version)
    slow.reached.wait()
    source.write("200", (OTHER_DID,))
    one.policies.announce(source.write("100", (DID,)))
    slow.go_on.set()
    reader.get()
    two.forget_local()
    assert two.version() == 4


def test_what_was_read_before_changes_were_heard_of_is_not_kept(
    one: Cache, source: MemorySource
) -> None:
    source.write()
    one.policies.on_heard(False)
    slow = HeldSource(source)
    reader = gevent.spawn(one.version)
    slow.reached.wait()
    one.policies.on_heard(True)
    slow.go_on.set()
    reader.get()
    one.version()
    assert one.looked_up()["process"] == 0


def test_an_entry_of_a_forgotten_epoch_is_not_there(
    one: Cache, two: Cache, shared_valkey: Server, source: MemorySource
) -> None:
    source.write()
    assert one.version() == 1
    with shared_valkey.client() as client:
        client.delete(f"callbackd:{{{source.lineage}}}:standing")
    two.policies.tick()
    assert two.version() == 1
    assert two.looked_up() == {"process": 0, "redis": 0, "store": 1}


def test_an_announcement_that_redis_did_not_get_is_made_good_by_any_controllers_tick(
    one: Cache, two: Cache, held: Held, source: MemorySource
) -> None:
    source.write()
    assert two.version() == 1
    held.away = True
    one.policies.announce(source.write())
    assert (one.version(), well(one)) == (2, False)
    two.policies.tick()
    assert two.version() == 2
    held.away = False
    one.policies.tick()
    assert (one.version(), well(one)) == (2, True)


def well(cache: Cache) -> bool:
    """Whether nothing is degraded."""
    return cache.policies.fault is None


def test_of_500_who_ask_for_the_same_did_one_reads_it(one: Cache, source: MemorySource) -> None:
    source.write()
    slow = HeldSource(source)
    asking = [gevent.spawn(one.version) for _ in range(500)]
    slow.reached.wait()
    slow.go_on.set()
    gevent.joinall(asking, raise_error=True)
    assert {greenlet.value for greenlet in asking} == {1}
    assert source.reads == [DID]


def test_when_a_reading_fails_all_who_wait_for_it_are_told(
    one: Cache, source: MemorySource
) -> None:
    class Broken(Exception):
        pass

    reached, go_on = Event(), Event()

    def fail(_: str) -> None:
        reached.set()
        go_on.wait()
        raise Broken

    source.on_read = fail
    asking = [gevent.spawn(one.version) for _ in range(5)]
    reached.wait()
    go_on.set()
    gevent.joinall(asking)
    assert [type(greenlet.exception) for greenlet in asking] == [Broken] * 5
    assert len(source.reads) == 1
    source.on_read = lambda _: None
    assert one.version() is None


@pytest.mark.parametrize("end", [gevent.GreenletExit(), gevent.Timeout()])
def test_when_whoever_reads_is_stopped_another_of_those_who_wait_reads(
    one: Cache, source: MemorySource, end: BaseException
) -> None:
    source.write()
    slow = HeldSource(source)
    leader = gevent.spawn(one.version)
    slow.reached.wait()
    waiting = [gevent.spawn(one.version) for _ in range(5)]
    gevent.sleep(0)
    leader.kill(end)
    gevent.joinall(waiting, raise_error=True)
    assert [greenlet.value for greenlet in waiting] == [1] * 5
    assert len(source.reads) == 2


def test_a_reply_is_never_read_as_that_of_another_question(
    cached: Opens, shared_valkey: Server, source: MemorySource
) -> None:
    """Greenlets are stopped in the middle of commands, which must not leave a reply behind."""
    source.write("100", (DID,))
    source.write("200", (OTHER_DID,))
    cache = quiet(cached(shared_valkey.url))
    for number in range(300):
        cache.forget_local()
        stopped = [gevent.spawn(cache.version, did) for did in (DID, OTHER_DID)]
        if number % 2:
            gevent.sleep(0)
        gevent.killall(stopped)
        assert (cache.version(DID), cache.version(OTHER_DID)) == (1, 2)
    assert cache.looked_up()["redis"] > 0
    assert cache.counted("cache_faults_total", kind="unreadable") == 0


def test_a_script_that_the_server_forgot_is_sent_again(
    one: Cache, shared_valkey: Server, source: MemorySource
) -> None:
    with shared_valkey.client() as client:
        client.script_flush()
    one.policies.announce(source.write())
    assert one.version() == 1
    assert one.policies.fault is None


def test_a_script_is_named_by_its_hash(held: Held) -> None:
    script = Script("return ARGV[1]")
    assert held.run(script, (), ("a",)) == b"a"
    assert held.execute("SCRIPT", "EXISTS", script.sha) == [1]
    held.close()


def test_nothing_is_left_running_or_open(cached: Opens, shared_valkey: Server) -> None:
    with shared_valkey.client() as client:
        before = client.info("clients")["connected_clients"]
        ours = open_and_running()
        cache = cached(shared_valkey.url)
        cache.begin()
        gevent.joinall([gevent.spawn(cache.version, f"+1202555{n:04}") for n in range(40)])
        assert client.info("clients")["connected_clients"] > before + 1
        cache.policies.close()
        until(
            lambda: client.info("clients")["connected_clients"] == before,
            "all connections are closed",
            pause=gevent.sleep,
        )
        assert open_and_running() == ours


def open_and_running() -> tuple[int, int]:
    """Give how many descriptors and greenlets there are."""
    gc.collect()
    greenlets = [found for found in gc.get_objects() if isinstance(found, gevent.Greenlet)]
    return len(list(Path("/proc/self/fd").iterdir())), sum(not it.dead for it in greenlets)
