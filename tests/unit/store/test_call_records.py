"""M7: records of legs are read as charging has kept them."""

from __future__ import annotations

from sqlalchemy import Engine

from controller.callback.uuids import destination_legs
from controller.credit.model import Side
from controller.store.call_records import find, kept_between, legs_of
from controller.store.charging import SqlCharging
from controller.store.destinations import Called, Destinations
from controller.store.plans import write_plan
from controller.store.requests import Requests

from .asked import begun, stored
from .paying import ABROAD, CENT, HOME, NOW, SECOND, account, beginning, ending, extended, listed
from .placed import PLAN


def test_m7_a_leg_that_was_settled_is_read_with_its_rate_and_its_charge(engine: Engine) -> None:
    listed(engine)
    extended(engine, "100")
    account(engine, "a", 1_000_000)
    charging = SqlCharging(engine, now=lambda: NOW)
    charging.begin(beginning("one"))
    charging.settle(ending("one", 0, 30))
    with engine.connect() as connection:
        record = find(connection, "one-0")
        assert record is not None
        assert [record] == legs_of(connection, "of-one") == kept_between(connection, 0, 1, 10)
        assert find(connection, "other") is None
    assert (record.serial, record.side, record.position) == (1, Side.RETURN, 0)
    assert (record.account, record.currency, record.price) == ("a", "USD", CENT)
    assert (record.seconds, record.charge, record.uncovered) == (30, 300_000, 0)
    assert (record.answered, record.ended) == (NOW, NOW + 30 * SECOND)
    assert (record.cost, record.margin) == (None, None)


def test_m7_a_leg_that_nobody_pays_for_is_read_too(engine: Engine) -> None:
    charging = SqlCharging(engine, now=lambda: NOW)
    charging.settle(ending("one", 1, None, cause="USER_BUSY"))
    with engine.connect() as connection:
        (record,) = kept_between(connection, 0, 10, 10)
    assert (record.account, record.currency, record.price, record.charge) == (None, None, None, 0)
    assert (record.answered, record.seconds, record.cause) == (None, 0, "USER_BUSY")


def test_m7_i9_a_destination_is_known_by_its_leg_whatever_the_clocks_say(
    engine: Engine, requests: Requests
) -> None:
    """M7: ours and the switch's may differ; of another return call it is another destination."""
    request = stored(requests, HOME)
    plan = write_plan(PLAN)
    Destinations(engine).keep(
        [
            Called(request.id, "earlier", 1, HOME, plan, NOW),
            Called(request.id, "back", 1, ABROAD, plan, NOW + 3600 * SECOND),
            Called(request.id, "later", 1, HOME, plan, NOW + 7200 * SECOND),
        ]
    )
    charging = SqlCharging(engine, now=lambda: NOW)
    for name, number in (("back", ABROAD), ("earlier", HOME)):
        leg = destination_legs(name, 1)[1]
        charging.settle(ending(name, 1, 30, leg=leg, request=request.id, channel="gsm"))
        with engine.connect() as connection:
            record = find(connection, leg)
        assert record is not None
        assert (record.number, record.shown) == (number, "+12025550102")
    # A leg that is no destination of these has nobody's number.
    charging.settle(ending("other", 1, 30, leg="odd", request=request.id))
    with engine.connect() as connection:
        record = find(connection, "odd")
    assert record is not None
    assert (record.number, record.shown) == ("", None)


def test_m7_a_leg_was_where_its_call_was_made(engine: Engine, requests: Requests) -> None:
    """M7: whoever reads a directory of records may not know whose it is, or be told wrong."""
    request = stored(requests, HOME)
    assert requests.lease_due("a", 100, 200, 10)
    assert begun(requests, request, attempt="call", plan=PLAN)
    charging = SqlCharging(engine, now=lambda: NOW)
    for position, node in ((0, None), (1, "fs2")):
        charging.settle(ending("call", position, 30, request=request.id, node=node))
    charging.settle(ending("unknown", 0, 30, node="fs3"))
    with engine.connect() as connection:
        assert [one.node for one in kept_between(connection, 0, 10, 10)] == ["fs1", "fs1", "fs3"]


def test_m7_one_way_is_answered_so_an_estimate_never_charges_another(engine: Engine) -> None:
    """M7: which way it was may be unknown to whoever estimates; it was charged by its event."""
    listed(engine)
    extended(engine, "100")
    account(engine, "a", 10_000_000)
    charging = SqlCharging(engine, now=lambda: NOW)
    charging.begin(beginning("one"))
    failed = ending("one", 0, None, leg="first way")
    assert charging.settle(failed).first
    charged = charging.settle(ending("one", 0, 30, leg="second way"))
    assert charged.charge == 300_000
    again = charging.settle(ending("one", 0, 20, leg="third way", source="estimate"))
    assert (again.first, again.charge, again.left) == (False, 300_000, charged.left)
    with engine.connect() as connection:
        assert [one.leg for one in legs_of(connection, "of-one")] == ["first way", "second way"]
