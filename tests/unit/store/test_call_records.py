"""M7: records of legs are read as charging has kept them."""

from __future__ import annotations

from sqlalchemy import Engine

from controller.credit.model import Side
from controller.store.call_records import find, kept_between, legs_of
from controller.store.charging import SqlCharging

from .paying import CENT, NOW, SECOND, account, beginning, ending, extended, listed


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
