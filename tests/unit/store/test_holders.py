"""O4, O5: which controller has a callback, and how another one takes what it had."""

from __future__ import annotations

from sqlalchemy import Engine, select

from controller.store.charging import SqlCharging
from controller.store.requests import Begun, Requests
from controller.store.schema import callback_request as rows
from tests.unit.store.asked import begun, stored
from tests.unit.store.paying import HOME, account, beginning, extended, granted, listed


def holder(requests: Requests, request: str) -> str | None:
    """Give who has a callback."""
    found = requests.get(request)
    assert found is not None
    return found.holder


def test_o5_leases_of_a_controller_that_is_gone_are_free_at_once(requests: Requests) -> None:
    """And one that was only thought to be gone begins none of them, nor gives any back."""
    his, others = stored(requests, HOME), stored(requests, "+12125550142")
    (taken,) = requests.lease_due("gone", 100, 200, 1)
    requests.lease_due("there", 100, 200, 1)
    assert requests.free_leases("gone", 110) == 1
    assert requests.free_leases("gone", 110) == 0
    left = ({his.id, others.id} - {taken.id}).pop()
    assert (holder(requests, taken.id), holder(requests, left)) == (None, "there")
    assert not begun(requests, taken, "gone", attempt="late")
    assert [r.id for r in requests.lease_due("new", 110, 300, 10)] == [taken.id]
    assert not requests.give_back(taken.id, holder="gone", due=500)
    assert begun(requests, taken, "new", attempt="made")


def test_o5_what_was_begun_is_no_lease_that_is_freed(requests: Requests) -> None:
    """Whether it was sent its node says (`reconcile`)."""
    request = stored(requests, HOME)
    requests.lease_due("gone", 100, 200, 1)
    assert begun(requests, request, "gone", attempt="made")
    assert requests.free_leases("gone", 110) == 0
    assert (
        requests.begin_attempt(
            request, holder="gone", node="fs1", attempt="again", until=300, now=200
        )
        is Begun.LOST
    )


def test_o4_whose_leg_attaches_holds_the_call_and_nothing_is_written_for_that_alone(
    requests: Requests,
) -> None:
    request = stored(requests, HOME)
    requests.lease_due("maker", 100, 200, 1)
    begun(requests, request, "maker", attempt="made")
    assert holder(requests, request.id) == "maker"
    assert requests.answered(request.id, 900, now=150, attempt="made", holder="other")
    assert holder(requests, request.id) == "other"
    assert not requests.answered(request.id, 900, now=160, attempt="made", holder="late")
    assert holder(requests, request.id) == "other"
    assert requests.hold(request.id, "third")
    assert not requests.hold(request.id, "third"), "that is known"
    assert holder(requests, request.id) == "third"


def test_o4_of_several_who_take_a_call_over_one_does(requests: Requests) -> None:
    request = stored(requests, HOME)
    requests.lease_due("gone", 100, 200, 1)
    begun(requests, request, "gone", attempt="made")
    requests.answered(request.id, 900, now=150, attempt="made", holder="gone")
    assert requests.take_over(request.id, "one", before="gone")
    assert not requests.take_over(request.id, "two", before="gone")
    assert not requests.take_over(request.id, "two", before=None)
    assert holder(requests, request.id) == "one"
    assert requests.take_over(request.id, "one", before="one"), "it has forgotten that it had it"


def test_o5_a_controller_that_begins_anew_follows_nothing(requests: Requests) -> None:
    """It died and is back under its name before anybody has missed it."""
    live = []
    for number, his in ((HOME, "one"), ("+12125550142", "two")):
        live.append(stored(requests, number).id)
        (leased,) = requests.lease_due(his, 100, 200, 1)
        begun(requests, leased, his, attempt=f"of {his}")
        requests.answered(leased.id, 900, now=150, attempt=f"of {his}", holder=his)
    assert requests.forget("one") == 1
    assert [holder(requests, request) for request in live] == [None, "two"]
    assert requests.forget("one") == 0


def test_o4_a_call_that_is_over_is_held_by_nobody(requests: Requests, engine: Engine) -> None:
    request = stored(requests, HOME)
    requests.lease_due("a", 100, 200, 1)
    begun(requests, request, attempt="made")
    requests.answered(request.id, 900, now=150, attempt="made", holder="a")
    requests.finish(request.id, outcome="completed", cause="", destination=None, now=200)
    assert not requests.hold(request.id, "late")
    assert not requests.take_over(request.id, "late", before=None)
    with engine.connect() as connection:
        assert connection.execute(select(rows.c.holder)).scalars().all() == [None]


def test_o4_what_is_held_for_a_call_says_who_has_it(requests: Requests, engine: Engine) -> None:
    charging = SqlCharging(engine)
    extended(engine, "100")
    listed(engine)
    account(engine, "one", 5_000_000)
    request = stored(requests, HOME)
    requests.lease_due("maker", 100, 200, 1)
    begun(requests, request, "maker", attempt="call")
    granted(charging.begin(beginning("call", request=request.id)))
    assert [one.holder for one in charging.held_on("fs1")] == ["maker"]
    requests.answered(request.id, 900, now=150, attempt="call", holder="other")
    assert [one.holder for one in charging.held_on("fs1")] == ["other"]
