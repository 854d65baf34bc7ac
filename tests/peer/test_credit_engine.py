"""M3, M4, M7, C2: calls that another charging engine than ours is asked for (`credit.engine`)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from controller.app import Controller
from controller.credit.engine import Unavailable
from controller.credit.model import Price
from controller.credit.rating import charge
from controller.settings import Credit
from controller.store.schema_money import call_leg
from tests.peer.world import CALLER, FRIEND, World, answering, talking, typed, until

PRICE = Price("+1", 600_000)
MONEY = 100_000_000


class Billing:
    """The example of the docs as somebody's billing: it can be away, and can hang."""

    def __init__(self, path: Path) -> None:
        import prepaid

        self.engine = prepaid.engine({"path": str(path)})
        self.engine.set_price(PRICE)
        self.engine.open_account("his", "1001")
        self.engine.top_up("his", MONEY)
        self.away = False
        #: How often it was asked what, also in vain.
        self.asked: list[str] = []
        self.hangs: threading.Event | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(self.engine, name)

        def ask(*given: object) -> Any:
            self.asked.append(name)
            if self.hangs is not None:
                self.hangs.wait()
            if self.away:
                raise Unavailable("the billing is down")
            return function(*given)

        return ask


@pytest.fixture
def billing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Billing]:
    """What `credit.engine` names, by way of a module of this test's."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "docs" / "examples"))
    made = Billing(tmp_path / "billing.sqlite3")
    monkeypatch.setattr(sys.modules["prepaid"], "engine", lambda options: made)
    yield made
    if made.hangs is not None:
        made.hangs.set()
    sys.modules.pop("prepaid")


def controller(world: World, **credit: Any) -> Controller:
    """Start one that asks it."""
    return world.controller(credit=Credit(engine="prepaid:engine", **credit))


def rows(world: World) -> list[dict[str, Any]]:
    """The legs that were recorded."""
    with world.engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(call_leg)).mappings()]


def test_m4_m7_a_call_is_held_for_and_charged_there_and_recorded_here(
    world: World, billing: Billing
) -> None:
    """M4, M7, C2: to the micro-unit, and no account of ours is asked."""
    world.extension()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(1.2))
    controller(world)
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    until(lambda: len(rows(world)) == 2)
    legs = rows(world)
    assert {leg["account"] for leg in legs} == {"elsewhere:his"}
    assert [leg["charge"] for leg in legs] == [charge(PRICE, leg["seconds"]) for leg in legs]
    left = billing.engine.credit("1001", None)
    assert left is not None
    assert left.micros == MONEY - sum(leg["charge"] for leg in legs)
    assert not billing.engine.overdue(2**62)


def test_m3_while_it_is_away_nobody_is_called_and_afterwards_everybody(
    world: World, billing: Billing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M3, O5: the store is well, so the callback waits; it is not asked all the time."""
    monkeypatch.setattr("controller.runtime.charges.AWAY_SECONDS", 0.5)
    world.extension()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.2))
    made = controller(world)
    billing.away = True
    world.ring()
    until(lambda: billing.asked.count("begin") >= 2)
    fault = made.services.charges.fault
    assert fault is not None
    assert fault.startswith("prepaid:engine failed at ")
    assert fault.endswith(": Unavailable (engine_away in the log)")
    assert made.readiness()["store"] is None
    assert list(world.switch.seen("called", role="return")) == []
    billing.away = False
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert made.services.charges.fault is None
    until(lambda: len(rows(world)) == 2)


def test_m7_what_a_call_has_cost_is_told_until_it_was_taken(world: World, billing: Billing) -> None:
    """M7, O5: it goes away while people talk; both legs are charged when it is back, once."""
    world.extension()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    made = controller(world)
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    billing.away = True
    until(lambda: billing.asked.count("settle") >= 3)
    assert made.services.charges.fault is not None
    assert not rows(world)
    billing.away = False
    until(lambda: len(rows(world)) == 2)
    world.idle()
    left = billing.engine.credit("1001", None)
    assert left is not None
    assert left.micros == MONEY - sum(leg["charge"] for leg in rows(world))


def test_o5_one_that_hangs_stops_nothing_else(world: World, billing: Billing) -> None:
    """O5: who rings is refused in time and kept, and the store is written to all the while."""
    world.extension()
    made = controller(world, engine_seconds=0.2)
    billing.hangs = threading.Event()
    world.ring()
    until(lambda: made.services.charges.fault)
    assert "said nothing for 0.2 s" in str(made.services.charges.fault)
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    (request,) = world.requests.all()
    assert request.state == "pending"
    assert made.readiness()["store"] is None
