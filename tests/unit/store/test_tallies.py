"""O3: how much waits and how much is held, as metrics tell it."""

from __future__ import annotations

from sqlalchemy import Engine

from controller.store.charging import SqlCharging
from controller.store.requests import Requests
from controller.store.tallies import Tallies, Tally
from tests.unit.store.asked import begun, stored
from tests.unit.store.paying import NOW, account, beginning, extended, granted, listed


def test_o3_of_an_empty_store_nothing_is_told(engine: Engine) -> None:
    assert Tallies(engine).take(NOW) == Tally({}, None, {})


def test_o3_requests_are_counted_by_state_and_the_oldest_due_one_is_told(
    engine: Engine, requests: Requests
) -> None:
    """O3: one that is being called, or not due yet, does not wait."""
    called = stored(requests, "+12125550101", due=100)
    requests.lease_due("a", 100, 200, 10)
    begun(requests, called)
    for number, due in ((2, 300), (3, 250), (4, 900)):
        stored(requests, f"+1212555010{number}", due=due)
    tallies = Tallies(engine)
    assert tallies.take(400) == Tally({"calling": 1, "pending": 3}, 250, {})
    assert tallies.take(249).oldest_due is None


def test_o3_m4_what_is_held_is_told_by_currency_while_it_is(engine: Engine) -> None:
    extended(engine, "100", "200", "300")
    listed(engine)
    charging = SqlCharging(engine, now=lambda: NOW)
    for extension, currency in (("100", "USD"), ("200", "EUR"), ("300", "EUR")):
        account(engine, f"of-{extension}", 10**9, extension=extension, currency=currency)
        granted(charging.begin(beginning(f"call-{extension}", extension=extension)))
    minute = 600_000
    assert Tallies(engine).take(NOW).held == {"USD": minute, "EUR": 2 * minute}
    charging.release("call-200", NOW)
    assert Tallies(engine).take(NOW).held == {"USD": minute, "EUR": minute}
