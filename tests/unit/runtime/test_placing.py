"""I1, I2, I9: what a destination is called by of the trigger call, and what is kept of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import gevent
import pytest
from gevent.event import Event
from gevent.queue import Queue
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from controller.callerid.model import Rang
from controller.metrics import Metrics
from controller.policy.channels import Channel
from controller.policy.trunks import Trunks
from controller.runtime import background
from controller.runtime.background import Background
from controller.runtime.placing import Placing, rang_of
from controller.runtime.services import Services
from controller.store.database import open_database
from controller.store.destinations import Destinations, destinations_of
from controller.store.plans import read_plan
from controller.store.requests import Request, Requests
from tests.unit.store.asked import CALLER, stored
from tests.unit.store.placed import PLAN

TRUNKS = Trunks(
    [Channel(name="pstn", trust_callers=True), Channel(name="gsm"), Channel(name="none")]
)


# --- who rang ----------------------------------------------------------------------------------


def rang(**of: Any) -> Rang:
    """Who rang, of a request of a call over a trunk that is believed, but for this."""
    values: dict[str, Any] = {
        "id": "r", "extension": "100", "did": "+12025550100", "number": CALLER,
        "state": "answered", "outcome": None, "cause": None, "destination": None, "created": 1,
        "due": 1, "joined": 0, "node": None, "attempt": None, "ended": None, "caller": CALLER,
        "last_caller": CALLER, "last_name": "Ann", "channel": "pstn", "source": "call",
    }  # fmt: skip
    return rang_of(Request(**{**values, **of}), TRUNKS)


def test_i2_whoever_rang_over_a_trunk_that_is_believed_may_be_shown() -> None:
    assert rang() == Rang(number=CALLER, name="Ann", trusted=True)
    assert rang(last_name=None) == Rang(number=CALLER, trusted=True)


@pytest.mark.parametrize(
    "of",
    [
        {"channel": "gsm"},
        # It is not there any more, or was none of ours.
        {"channel": "gone"},
        {"channel": None},
        # Through the API nobody rang; a call that joined it changes nothing of that.
        {"source": "api"},
    ],
)
def test_i2_any_other_number_is_known_and_not_trusted(of: dict[str, Any]) -> None:
    assert rang(**of) == Rang(number=CALLER, name="Ann", trusted=False)


@pytest.mark.parametrize(
    "of",
    [
        # T3: of those who ring a `fixed` number's extension nobody knows who is called back.
        {"last_caller": "+12125550188"},
        {"caller": "+12125550188"},
        {"caller": None},
        {"last_caller": None},
        # T4: hidden.
        {"caller": None, "last_caller": None},
    ],
)
def test_t3_t4_of_others_nothing_is_shown(of: dict[str, Any]) -> None:
    assert rang(**of) == Rang()


# --- what is kept ------------------------------------------------------------------------------


class Around:
    """What a controller is, as far as it is needed; what is spawned runs when it is told to."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.spawned: list[Any] = []

    def keep_first(self, function: Any, *args: Any) -> None:
        """Write until it is taken, before all that waits."""
        self.keep(function, *args)

    def keep(self, function: Any, *args: Any) -> None:
        """Write until it is taken."""
        while True:
            try:
                function(*args)
            except OperationalError:
                gevent.sleep(0)
                continue
            return

    def spawn_for_all(self, function: Any) -> None:
        """Note what is to run."""
        self.spawned.append(function)


@pytest.fixture
def around(monkeypatch: pytest.MonkeyPatch) -> Around:
    monkeypatch.setattr(background, "gevent", SimpleNamespace(sleep=lambda seconds: None))
    return Around()


@pytest.fixture
def engine(database_url: str) -> Any:
    made = open_database(database_url)
    yield made
    made.dispose()


def test_i9_what_becomes_of_destinations_is_written_in_the_background(
    around: Around, engine: Engine
) -> None:
    request = stored(Requests(engine))
    placing = Placing(cast(Services, around), Destinations(engine))
    placing.begin(request.id, "leg", 1, CALLER, PLAN, 100)
    placing.connected(request.id, "leg", 1, "gsm", 105)
    placing.begin(request.id, "leg", 2, CALLER, PLAN, 110)
    placing.over(request.id, "leg", 1, "NORMAL_CLEARING", {"pstn": "X"}, 109)
    with engine.connect() as connection:
        assert destinations_of(connection, request.id) == []
    assert len(around.spawned) == 1
    around.spawned.pop()()
    with engine.connect() as connection:
        first, second = destinations_of(connection, request.id)
    assert (first.begun, first.connected, first.channel, first.ended) == (100, 105, "gsm", 109)
    assert (first.cause, first.causes, read_plan(first.plan)) == (
        "NORMAL_CLEARING",
        {"pstn": "X"},
        PLAN,
    )
    assert (second.position, second.ended, second.causes) == (2, None, {})
    # A controller that ends writes what waits.
    placing.over(request.id, "leg", 2, None, {}, 120)
    placing.flush()
    with engine.connect() as connection:
        assert destinations_of(connection, request.id)[1].ended == 120


def test_m7_of_what_waits_only_what_the_record_of_a_leg_needs_is_written_for_it(
    around: Around, engine: Engine
) -> None:
    """M7: whom it called; that it is over may be written with more of the kind."""
    request = stored(Requests(engine))
    placing = Placing(cast(Services, around), Destinations(engine))

    def kept() -> list[tuple[int, int | None]]:
        with engine.connect() as connection:
            return [(one.position, one.ended) for one in destinations_of(connection, request.id)]

    placing.begin(request.id, "leg", 1, CALLER, PLAN, 100)
    placing.flush_called(request.id, 2)
    placing.flush_called("another", 1)
    assert kept() == []
    placing.flush_called(request.id, 1)
    assert kept() == [(1, None)]
    placing.over(request.id, "leg", 1, "USER_BUSY", {}, 105)
    placing.flush_called(request.id, 1)
    assert kept() == [(1, None)]
    placing.flush()
    assert kept() == [(1, 105)]


def test_o5_what_is_written_twice_at_once_keeps_its_order(around: Around) -> None:
    """A controller that ends writes what waits, while it is being written."""
    kept: list[int] = []
    writing, may = Event(), Event()

    def write(some: Any) -> None:
        if not kept and not writing.is_set():
            writing.set()
            may.wait()
        kept.extend(some)

    one: Background[int] = Background(cast(Services, around), write, "numbers")
    one.add(1)
    first = gevent.spawn(around.spawned.pop())
    writing.wait()
    one.add(2)
    second = gevent.spawn(one.flush)
    gevent.sleep(0)
    assert kept == []
    may.set()
    both: list[Any] = [first, second]
    gevent.joinall(both, raise_error=True)
    assert kept == [1, 2]


def test_o5_a_fault_loses_what_was_at_fault_and_nothing_else(around: Around) -> None:
    kept: list[int] = []
    faults: Queue[Exception] = Queue()
    faults.put(ValueError("a fault of ours"))

    def write(some: Any) -> None:
        if not faults.empty():
            raise faults.get()
        kept.extend(some)

    one: Background[int] = Background(cast(Services, around), write, "numbers")
    one.add(1)
    with pytest.raises(ValueError, match="a fault of ours"):
        around.spawned.pop()()
    one.add(2)
    around.spawned.pop()()
    assert kept == [2]
