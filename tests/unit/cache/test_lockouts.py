"""A3, G1, O2, O3: lock-outs of wrong passwords over a real Redis, with it and without it."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any, Protocol

import gevent
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from controller.cache.client import RedisHandle, open_redis
from controller.cache.lock_memory import LockMemory
from controller.cache.lockouts import Lockouts, Locks
from controller.cache.metrics import LockoutMetrics
from controller.guard.locking import (
    DidRule,
    ExtensionRule,
    LockKind,
    NumberRule,
    Rules,
    Tally,
    target_of,
    targets,
)
from tests.redis_servers import Server, until
from tests.unit.cache.conftest import Connects
from tests.unit.cache.given import START, Clock, away

NUMBER, OTHER = "+12125550199", "+12125550188"
DID, OTHER_DID = "+12025550100", "+12025550101"
MARKED = ("number/100/" + NUMBER, "extension/100", "did/" + DID)


class Locked(Lockouts):
    """One controller's lock-outs, with its metrics."""

    def __init__(self, redis: RedisHandle, lineage: str, clock: Clock, rules: Rules) -> None:
        self.registry = CollectorRegistry()
        metrics = LockoutMetrics(self.registry)
        super().__init__(redis, lineage, rules=rules, now=clock, metrics=metrics)

    def counted(self, name: str, **labels: str) -> int:
        """Give the value of a metric."""
        return int(self.registry.get_sample_value(f"callbackd_{name}", labels) or 0)

    def is_well(self) -> bool:
        """Whether it counts in Redis."""
        return self.fault is None

    def times(self, key: str) -> int:
        """Give how many wrong passwords count towards the next lock of a target."""
        return next((len(t.times) for one, t in self.listed().items if one.key == key), 0)


class Makes(Protocol):
    """Makes the lock-outs of one more controller."""

    def __call__(self, url: str | None = None, rules: Rules = ...) -> Locked: ...


@pytest.fixture
def make(connect: Connects, clock: Clock, lineage: str) -> Makes:
    def begin(url: str | None = None, rules: Rules = Rules()) -> Locked:  # noqa: B008
        return Locked(connect(url), lineage, clock, rules)

    return begin


def fail(locks: Lockouts, times: int, number: str = NUMBER, did: str = DID) -> Locks:
    """Say wrong passwords, and give what is locked after the last."""
    assert times
    for _ in range(times):
        found = locks.failed("100", (number,), did)
    return found


def ask(locks: Lockouts, number: str = NUMBER) -> Locks:
    """Give what is locked for a caller."""
    return locks.locked("100", (number,), DID)


# --- with Redis ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["shared_valkey", "shared_redis"])
def test_a3_each_third_wrong_password_locks_and_each_lock_is_longer(
    request: pytest.FixtureRequest, make: Makes, clock: Clock, kind: str
) -> None:
    locks = make(request.getfixturevalue(kind).url)
    assert ask(locks) == Locks()
    for length in (60, 300, 1500):
        assert fail(locks, 2) == Locks()
        assert fail(locks, 1) == Locks(clock.now + length, "number")
        clock.now += length - 0.001
        assert ask(locks).kind == "number"
        clock.now += 0.001
        assert ask(locks) == Locks()


def test_a3_an_extension_and_a_did_are_locked_for_whoever_calls(make: Makes, clock: Clock) -> None:
    locks = make()
    for index in range(15):
        found = locks.failed("100", (f"+1212555{index:04}",), DID)
    assert found == Locks(START + 300, "extension")
    assert locks.locked("100", (), "") == found
    assert locks.locked("101", (), DID) == Locks()
    for index in range(15):
        found = locks.failed("101", (f"+1212555{index:04}",), DID)
    assert found.kind in ("extension", "did")
    assert locks.locked("102", (OTHER,), DID) == Locks(START + 300, "did")
    assert locks.locked("102", (OTHER,), OTHER_DID) == Locks()


def test_a3_a_hidden_caller_counts_for_extension_and_did(make: Makes) -> None:
    locks = make()
    for _ in range(15):
        found = locks.failed("100", (), DID)
    assert found.kind == "extension"
    assert [one.key for one, _ in locks.listed().items] == [MARKED[2], MARKED[1]]


def test_a3_an_authorised_number_that_was_typed_is_counted_beside_who_rang(make: Makes) -> None:
    locks = make()
    for _ in range(3):
        locks.failed("100", (NUMBER, OTHER), DID)
    assert ask(locks, OTHER).kind == ask(locks).kind == "number"
    assert locks.times(MARKED[1]) == 3  # and not six


def test_a3_controllers_on_one_redis_count_as_one(make: Makes) -> None:
    one, two = make(), make()
    fail(one, 1)
    fail(two, 1)
    assert fail(one, 1).kind == "number"
    assert ask(two) == ask(one)
    two.succeeded("100", (NUMBER,))
    assert ask(one) == ask(two) == Locks()


def test_a3_a_right_password_forgets_the_pair_and_nothing_else(make: Makes) -> None:
    locks = make()
    fail(locks, 2)
    fail(locks, 2, OTHER)
    locks.succeeded("100", (NUMBER,))
    assert {one.key: len(tally.times) for one, tally in locks.listed().items} == {
        MARKED[2]: 4,
        MARKED[1]: 4,
        f"number/100/{OTHER}": 2,
    }
    assert fail(locks, 2) == Locks()  # begins anew, with the first lock
    assert fail(locks, 1).until == START + 60


def test_a3_wrong_passwords_of_many_calls_at_once_are_all_counted_and_lock_once_each(
    make: Makes,
) -> None:
    """Atomic: nobody counts between another one's reading and writing."""
    controllers = [make() for _ in range(4)]
    calls = [gevent.spawn(fail, controllers[index % 4], 1) for index in range(100)]
    gevent.joinall(calls, raise_error=True)
    found = {one.key: tally for one, tally in controllers[0].listed().items}
    assert [found[key].level for key in MARKED] == [33, 6, 3]
    assert [len(found[key].times) for key in MARKED] == [1, 10, 10]
    begun = Counter(
        {
            kind.value: sum(one.counted("lockouts_total", kind=kind.value) for one in controllers)
            for kind in LockKind
        }
    )
    assert begun == {"number": 33, "extension": 6, "did": 3}


@pytest.mark.parametrize("bad", ["", "anonymous", "+1\r\nFLUSHALL", "+1/2", "*", "+12125550199 "])
def test_g1_a_hostile_number_becomes_no_key(
    make: Makes, shared_valkey: Server, lineage: str, bad: str
) -> None:
    locks = make()
    locks.failed("100", (bad,), bad)
    locks.failed(bad, (NUMBER,), bad)
    locks.succeeded("100", (bad,))
    assert locks.locked("100", (bad,), bad) == Locks()
    with shared_valkey.client() as client:
        keys = {key.decode() for key in client.scan_iter(f"callbackd:{{{lineage}}}:*")}
    prefix = f"callbackd:{{{lineage}}}:lockouts:"
    assert keys == {prefix + "names", prefix + "ends", prefix + "of:extension/100"}


def test_a3_what_is_counted_ends_by_itself_in_redis(
    make: Makes, shared_valkey: Server, lineage: str, clock: Clock
) -> None:
    locks = make()
    fail(locks, 3)
    with shared_valkey.client() as client:
        for key in MARKED:
            assert client.pttl(f"callbackd:{{{lineage}}}:lockouts:of:{key}") > 0
    clock.now += 700_000
    fail(locks, 1, OTHER, OTHER_DID)
    with shared_valkey.client() as client:
        names = client.zrange(f"callbackd:{{{lineage}}}:lockouts:names", 0, -1)
    assert [name.decode() for name in names] == [
        f"did/{OTHER_DID}", "extension/100", f"number/100/{OTHER}",
    ]  # fmt: skip


def test_o3_a_lock_is_logged_and_counted_and_nobodys_number_is_said(make: Makes) -> None:
    locks = make()
    with structlog.testing.capture_logs() as logs:
        fail(locks, 3)
    (line,) = logs
    assert (line["event"], line["kind"], line["extension"]) == ("locked_out", "number", "100")
    assert (line["nth"], line["seconds"]) == (1, 60)
    assert NUMBER not in str(logs)
    locks.tick()
    assert locks.counted("locked_out", kind="number") == 1
    assert locks.counted("locked_out", kind="extension") == 0
    assert locks.counted("lockouts_total", kind="number") == 1


def test_o3_what_is_locked_no_more_is_not_counted_as_locked(make: Makes, clock: Clock) -> None:
    locks = make()
    fail(locks, 3)
    fail(locks, 3, OTHER)
    locks.tick()
    assert locks.counted("locked_out", kind="number") == 2
    locks.release(targets("100", (OTHER,), "")[0])
    locks.tick()
    assert locks.counted("locked_out", kind="number") == 1
    clock.now += 60
    locks.tick()
    assert locks.counted("locked_out", kind="number") == 0


@pytest.mark.parametrize("index", range(3))
def test_o2_a_release_lets_every_controller_forget(make: Makes, index: int) -> None:
    one, two = make(), make()
    for _ in range(30):
        one.failed("100", (NUMBER,), DID)
    ask(two)
    target = targets("100", (NUMBER,), DID)[index]
    assert one.get(target).until
    assert two.release(target)
    assert one.get(target).counts is two.get(target).counts is False
    assert target not in [found for found, _ in one.listed().items]


def test_o2_a_list_comes_in_pages(make: Makes) -> None:
    locks = make()
    for index in range(7):
        locks.failed("100", (f"+1212555{index:04}",), DID)
    pages, after = [], ""
    while True:
        page = locks.listed(after, 4)
        assert page.everywhere
        pages.append([one.key for one, _ in page.items])
        if page.next is None:
            break
        after = page.next
    assert [len(page) for page in pages] == [4, 4, 1]
    assert sum(pages, []) == sorted(sum(pages, []))  # noqa: RUF017


# --- without Redis ---------------------------------------------------------------------------


def test_a3_without_redis_it_locks_sooner_and_says_so(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    locks = make(valkey.url)
    valkey.kill()
    with structlog.testing.capture_logs() as logs:
        assert fail(locks, 1) == Locks()
        assert fail(locks, 1) == Locks(START + 60, "number")
        assert ask(locks) == Locks(START + 60, "number")
        clock.now += 60
        assert fail(locks, 1) == Locks(clock.now + 300, "number")
    assert [line["event"] for line in logs] == ["lockouts_alone", "locked_out", "locked_out"]
    assert locks.counted("lockouts_alone_total") == 3
    assert locks.counted("lockout_faults_total", kind="connection") >= 1
    assert locks.fault is not None
    assert locks.fault.startswith("Redis is away since")
    locks.tick()
    assert locks.counted("locked_out", kind="number") == 1
    page = locks.listed()
    assert (page.everywhere, len(page.items)) == (False, 3)


def test_a3_what_was_counted_before_counts_when_redis_goes(make: Makes, valkey: Server) -> None:
    one, two = make(valkey.url), make(valkey.url)
    fail(one, 2)
    ask(two)  # asked before the password was
    valkey.kill()
    assert fail(two, 1).kind == "number"


def test_a3_a_lock_goes_on_when_redis_goes_and_when_it_comes_back_empty(
    make: Makes, valkey: Server
) -> None:
    """Nobody gains by an outage: what Redis lost, it is told again."""
    one, two = make(valkey.url), make(valkey.url)
    locked = fail(one, 6)
    valkey.kill()
    assert ask(one) == locked
    valkey.start()
    one.tick()
    assert ask(one) == locked
    assert ask(two) == locked
    assert fail(two, 3).until > locked.until


def test_a3_what_was_counted_alone_counts_everywhere_when_redis_is_back(
    make: Makes, valkey: Server
) -> None:
    one, two = make(valkey.url), make(valkey.url)
    valkey.kill()
    alone = fail(one, 2)
    valkey.start()
    with structlog.testing.capture_logs() as logs:
        one.tick()
    assert [line["event"] for line in logs] == ["lockouts_shared"]
    assert one.is_well()
    assert ask(two) == alone
    assert two.times(MARKED[0]) == two.times(MARKED[1]) == 2


def test_a3_redis_is_used_again_by_itself(make: Makes, valkey: Server, clock: Clock) -> None:
    """By the calls, where no ticker runs; by the ticker, where no call comes."""
    one, two = make(valkey.url), make(valkey.url)
    valkey.kill()
    fail(one, 1)
    fail(two, 1, OTHER)
    two.start()
    valkey.start()
    fail(one, 1)  # too early to ask again
    assert not one.is_well()
    clock.now += 1
    assert ask(one).kind == "number"
    assert one.is_well()
    until(two.is_well, "the ticker has found it", pause=gevent.sleep)
    two.stop()
    assert make(valkey.url).times(f"number/100/{OTHER}") == 1


def test_a3_a_server_that_says_nothing_is_waited_for_once_and_counts_once(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    """What became of a command is not known: it counts here, and twice nowhere."""
    locks = make(valkey.url)
    ask(locks)
    happened: list[str] = []
    with away(valkey):
        calls = [
            gevent.spawn(lambda: happened.append(fail(locks, 1).kind)),
            gevent.spawn(lambda: happened.append("others go on")),
        ]
        gevent.joinall(calls, raise_error=True)
        before = locks.counted("lockout_faults_total", kind="timeout")
        fail(locks, 1)
        assert locks.counted("lockout_faults_total", kind="timeout") == before == 1
    assert happened == ["others go on", ""]
    clock.now += 1
    locks.tick()
    assert locks.is_well()
    until(lambda: locks.times(MARKED[1]) == 2, "each counts once", pause=gevent.sleep)
    assert locks.times(MARKED[0]) == 2


def test_a3_a_caller_who_hangs_up_meanwhile_has_been_wrong_all_the_same(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    locks = make(valkey.url)
    ask(locks)
    with away(valkey):
        call = gevent.spawn(fail, locks, 1)
        gevent.sleep(0)
        call.kill()
    locks.tick()
    assert locks.times(MARKED[0]) == 1


def test_a3_a_full_redis_gives_what_it_has_and_nothing_is_looser(
    make: Makes, valkey: Server
) -> None:
    one, two = make(valkey.url), make(valkey.url)
    locked = fail(one, 4)
    with valkey.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        assert ask(two) == locked
        assert fail(two, 1, OTHER).kind == ""
        assert fail(two, 1, OTHER).kind == "number"
        assert two.counted("lockout_faults_total", kind="full") == 2
        assert ask(two) == locked
        assert not two.is_well()
        client.config_set("maxmemory", "0")
    two.tick()
    assert two.is_well()
    assert ask(one, OTHER).kind == "number"


def test_a3_a_right_password_and_a_release_while_redis_is_away_are_told_later(
    make: Makes, valkey: Server, clock: Clock
) -> None:
    one, two = make(valkey.url), make(valkey.url)
    for number in (NUMBER, OTHER):
        fail(one, 3, number)
        assert ask(two, number).kind == "number"
    with away(valkey):
        clock.now += 1
        one.succeeded("100", (NUMBER,))
        assert not one.release(targets("100", (OTHER,), "")[0])
        assert ask(one) == ask(one, OTHER) == Locks()
    one.tick()
    assert ask(two) == ask(two, OTHER) == Locks()


def test_g1_what_somebody_else_wrote_into_redis_breaks_nothing(
    make: Makes, shared_valkey: Server, lineage: str
) -> None:
    locks = make()
    prefix = f"callbackd:{{{lineage}}}:lockouts:"
    with shared_valkey.client() as client:
        client.set(f"{prefix}of:{MARKED[0]}", b"\xff;;nonsense")
        client.zadd(f"{prefix}names", {"nonsense": 0, MARKED[0]: 0})
        assert fail(locks, 2) == Locks()
        assert fail(locks, 1).kind == "number"
        client.delete(f"{prefix}of:{MARKED[1]}")
        client.lpush(f"{prefix}of:{MARKED[1]}", "a")
        assert fail(locks, 1).kind in ("", "number")
    assert locks.counted("lockouts_alone_total") == 1


def test_a3_memory_is_bounded_and_what_was_touched_longest_ago_goes() -> None:
    memory = LockMemory(Rules(), most=3)
    found = [targets("100", (f"+1212555{index:04}",), "")[0] for index in range(5)]
    for target in found[:3]:
        memory.wrong(target, 1000)
    memory.wrong(found[0], 1001)
    for target in found[3:]:
        memory.wrong(target, 1002)
    assert [one for one, _ in memory.all(1002)] == [found[0], *found[3:]]
    assert memory.owed(9) == [found[0], *found[3:]]
    assert len(memory) == 3


# --- against a model -------------------------------------------------------------------------

RULES: Any = {
    "number": {"failures": 3, "window_seconds": 100, "first_seconds": 10, "longest_seconds": 90},
    "extension": {"failures": 5, "window_seconds": 60, "first_seconds": 20, "longest_seconds": 60},
    "did": {"failures": 8, "window_seconds": 90, "first_seconds": 30, "longest_seconds": 100},
}


class Model:
    """A plain count: every wrong password of a target, and the locks that follow."""

    def __init__(self) -> None:
        self.wrong: dict[str, list[int]] = {}
        self.locks: dict[str, tuple[int, int]] = {}

    def keys(self, extension: str, number: str, did: str) -> list[str]:
        """Give what a password is counted by."""
        return [f"number/{extension}/{number}", f"extension/{extension}", f"did/{did}"]

    def failed(self, keys: list[str], now: int) -> None:
        """Count a wrong password."""
        for key in keys:
            rule = RULES[key.partition("/")[0]]
            recent = [t for t in self.wrong.get(key, ()) if t > now - rule["window_seconds"] * 1000]
            self.wrong[key] = [*recent, now]
            if len(self.wrong[key]) == rule["failures"]:
                self.wrong[key] = []
                level, end = self.locks.get(key, (0, 0))
                level = level if now < end + 86_400_000 else 0
                lasts = min(rule["first_seconds"] * 5**level, rule["longest_seconds"]) * 1000
                self.locks[key] = (level + 1, max(end, now + lasts))

    def until(self, keys: list[str]) -> int:
        """Give until when something is locked."""
        return max(self.locks.get(key, (0, 0))[1] for key in keys)

    def forget(self, key: str) -> None:
        """Forget a target."""
        self.wrong.pop(key, None)
        self.locks.pop(key, None)


def meet(locks: Lockouts, model: Model) -> None:
    """Have a controller ask about everything that there is."""
    for key in model.locks | model.wrong:
        target = target_of(key)
        assert target is not None
        numbers = () if target.number is None else (target.number,)
        locks.locked(target.extension or "", numbers, target.did or "")


steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["wrong", "wrong", "wrong", "ask", "right", "release", "lose", "away", "back"]
        ),
        st.sampled_from(["100", "101"]),
        st.sampled_from([NUMBER, OTHER]),
        st.sampled_from([DID, OTHER_DID]),
        # Two a millisecond apart, some in a row, and days.
        st.sampled_from([1, 1, 700, 9_000, 31_000, 95_000, 86_400_000, 200_000_000]),
        st.integers(0, 1),
    ),
    max_size=50,
)


@given(steps=steps)
def test_a3_any_history_locks_as_a_plain_count_does_and_no_less_without_redis(
    shared_valkey: Server, steps: list[Any]
) -> None:
    """Two controllers as one, exactly, while Redis is there; no lock is shorter while it is not.

    `lose`: Redis loses all that it has. `away`: one controller is cut off, until `back`.
    """
    clock, model, lineage = Clock(), Model(), uuid.uuid4().hex
    remember = {"remember_seconds": 86_400}
    rules = Rules(
        number=NumberRule(**RULES["number"], **remember),
        extension=ExtensionRule(**RULES["extension"], **remember),
        did=DidRule(**RULES["did"], **remember),
    )
    handles = [open_redis(shared_valkey.url) for _ in range(2)]
    nowhere = open_redis("unix:///nowhere/redis.sock")
    both = [Locked(handle, lineage, clock, rules) for handle in handles]
    exact, alone = True, False
    for what, extension, number, did, gap, who in steps:
        clock.now = (round(clock.now * 1000) + gap) / 1000
        now, keys = int(clock.now * 1000), model.keys(extension, number, did)
        # Cut off, it counts for itself: what others count then is not its to know.
        locks = both[0] if alone else both[who]
        found = None
        match what:
            case "wrong":
                model.failed(keys, now)
                found = locks.failed(extension, (number,), did)
            case "ask":
                found = locks.locked(extension, (number,), did)
            case "right":
                model.forget(keys[0])
                locks.succeeded(extension, (number,))
            case "release":
                target = targets(extension, (number,), did)[gap % 3]
                model.forget(target.key)
                assert locks.release(target) is not alone
            case "lose" if not alone:
                # All that Redis knew, controllers knew when they last asked.
                meet(both[0], model)
                for key in _keys(handles[0], lineage):
                    handles[0].execute("DEL", key)
                meet(both[0], model)
            case "away" if not alone:
                meet(both[0], model)
                both[0]._redis = nowhere
                exact, alone = False, True
            case "back" if alone:
                both[0]._redis = handles[0]
                both[0].tick()
                alone = False
        if found is not None:
            wanted = model.until(keys) / 1000
            if exact:
                assert found.until == (wanted if wanted > clock.now else 0.0)
            elif wanted > clock.now:
                assert found.until >= wanted
    for key in _keys(handles[1], lineage):
        handles[1].execute("DEL", key)
    for handle in handles:
        handle.close()


def _keys(handle: RedisHandle, lineage: str) -> list[bytes]:
    found: list[bytes] = []
    cursor: Any = b"0"
    while True:
        cursor, some = handle.execute(
            "SCAN", cursor, "MATCH", f"callbackd:{{{lineage}}}:*", "COUNT", 1000
        )
        found += some
        if cursor == b"0":
            return found


def test_a3_without_anything_known_there_is_no_tally(make: Makes) -> None:
    locks = make()
    ask(locks)
    locks.succeeded("100", (NUMBER,))
    assert locks.listed().items == ()
    assert len(locks._memory) == 0
    assert locks.get(targets("100", (), "")[0]) == Tally()
