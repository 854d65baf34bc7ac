"""T1 to T7, T10, O6: trigger calls, what follows from them, and what ends it; on a whole switch."""

from __future__ import annotations

from threading import Event

import gevent
import pytest

from controller.admin.model import Kind
from controller.callerid.model import Shown
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan, Way
from controller.simulator import Behaviour, HangUp
from controller.store.stops import Stop, put_stop, remove_stop
from tests.peer.world import (
    CALLER,
    DID,
    FRIEND,
    OTHER,
    PATIENCE,
    ROUNDED,
    World,
    answering,
    talking,
    typed,
)
from tests.seed import ADMIN, directory

BUSY = Behaviour(on_call="busy", after=0.1)


def returned(world: World) -> list[str]:
    """The numbers that were called back, in order."""
    return [entry.number.lstrip("+") for entry in world.switch.seen("called", role="return")]


def sent(world: World) -> list[str]:
    """What the switch remembers of attempts that were sent; it has lists of controllers too."""
    return [name for name in world.switch.marks if name.startswith("callback_sent_")]


def stop(world: World, scope: str = "everywhere", name: str = "", hang_up: bool = False) -> None:
    """Stop callbacks, as an operator does."""
    with world.engine.begin() as connection:
        put_stop(connection, Stop(scope, name, hang_up, "fraud", "ops", 1))


def test_t1_a_carriers_second_try_is_refused_at_once_and_joins(world: World) -> None:
    """T1, T6: the second one does not ring X again, and there is one return call."""
    world.extension(ring_seconds=5, delay_seconds=2)
    world.controller()
    world.phone(CALLER, answering(hang_up=HangUp(when="heard", what="enter", after=0.1)))
    first = world.ring()
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    second = world.ring()
    world.wait(lambda: len(world.switch.seen("refused", role="trigger")) == 2)
    (request,) = world.ended()
    world.idle()
    assert request.joined == 1
    assert request.leg == second != first
    assert len(returned(world)) == 1

    refused = {e.leg: e.t for e in world.switch.seen("refused", role="trigger")}
    rang = {leg: refused[leg] - world.rang[leg] for leg in (first, second)}
    assert rang[second] < 5 - ROUNDED < rang[first]
    # O3: it is kept of the first one, which rang X.
    assert request.rang_milliseconds is not None
    assert request.rang_milliseconds > (5 - ROUNDED) * 1_000


def test_t1_after_the_callback_a_caller_rings_anew(world: World) -> None:
    """Within ten seconds too: what is over can be joined by nobody."""
    world.extension()
    world.controller()
    world.phone(CALLER, BUSY, BUSY)
    world.ring()
    world.ended()
    world.ring()
    requests = world.ended(2)
    world.idle()
    assert [r.outcome for r in requests] == ["busy", "busy"]
    assert len(returned(world)) == 2


def test_t2_who_hangs_up_and_rings_again_at_once_is_called_back(world: World) -> None:
    """T1: nobody had refused him; it is no carrier's second try."""
    world.extension(ring_seconds=5)
    world.controller()
    world.phone(CALLER, BUSY)
    world.ring(hang_up_after=0.5)
    world.ended()
    again = world.ring()
    requests = world.ended(2)
    world.idle()
    assert [r.outcome for r in requests] == ["hung_up_early", "busy"]
    assert requests[1].leg == again
    # O3: how long each rang is kept.
    early, whole = (r.rang_milliseconds for r in requests)
    assert early is not None
    assert whole is not None
    assert 0 < early < (5 - ROUNDED) * 1_000 < whole


def test_t1_a_store_that_does_not_answer_keeps_nobody_ringing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1, O5: the call is refused all the same, and stored as soon as that can be done."""
    world.extension()
    controller = world.controller()
    let_go = Event()
    earlier = controller.services.requests.earlier

    def slow(did: str, caller: str, now: int) -> object:
        let_go.wait()
        return earlier(did, caller, now)

    monkeypatch.setattr(controller.services.requests, "earlier", slow)
    world.phone(CALLER, BUSY)
    world.ring()
    try:
        world.wait(lambda: world.switch.seen("refused", role="trigger"))
    finally:
        let_go.set()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "busy"


@pytest.mark.parametrize(("seconds", "outcome"), [(20, "hung_up_early"), (1, "busy")])
def test_t2_who_hangs_up_early_is_called_back_where_the_extension_says_so(
    world: World, seconds: int, outcome: str
) -> None:
    world.extension(early_hang_up="callback", early_hang_up_seconds=seconds, ring_seconds=30)
    controller = world.controller()
    world.phone(CALLER, BUSY)
    rang = world.time()
    world.ring()
    # Of who hangs up before a controller has heard of him nothing is known.
    with gevent.Timeout(PATIENCE):
        while not len(controller.services.legs) or (
            outcome == "busy" and world.time() < rang + seconds + 0.5
        ):
            gevent.sleep(0.02)
    world.hang_up("trigger")
    (request,) = world.ended()
    world.idle()
    assert request.outcome == outcome
    assert len(returned(world)) == (outcome == "busy")


@pytest.mark.parametrize("mode", ["authorized", "fixed"])
def test_t3_t4_each_mode_calls_whom_it_says(world: World, mode: str) -> None:
    """T3, T4: the list with its own callback number; one number for all, hidden ones too."""
    fixed = {"fixed_number": "+" + OTHER} if mode == "fixed" else {}
    world.extension(return_calls=mode, **fixed)
    entry = AuthorisedCaller(extension="1001", number="+" + CALLER, callback_number="+" + OTHER)
    directory(world.engine).apply(ADMIN, Kind.CALLERID, [entry])
    world.controller()
    world.phone(OTHER, BUSY, BUSY)
    world.phone(FRIEND, BUSY)
    world.ring()
    (request,) = world.ended()
    assert (request.caller, request.number) == ("+" + CALLER, "+" + OTHER)
    world.ring("anonymous")
    hidden = world.ended(2)[1]
    world.ring("+" + FRIEND)
    unlisted = world.ended(3)[2]
    world.idle()
    if mode == "fixed":
        assert (hidden.caller, hidden.number, hidden.outcome) == (None, "+" + OTHER, "busy")
        assert returned(world) == [OTHER] * 3
    else:
        assert (hidden.outcome, unlisted.outcome) == ("hidden", "not_authorised")
        assert unlisted.caller == "+" + FRIEND
        assert returned(world) == [OTHER]


def test_t5_a_busy_phone_is_called_again(world: World) -> None:
    """T5: an attempt each, with its cause; the second one is answered."""
    world.extension(retries_busy=2, retry_seconds=5)
    controller = world.controller()
    world.phone(CALLER, BUSY, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.attempts) == ("completed", 2)
    first, second = world.requests.attempts_of(request.id)
    assert (first.outcome, first.cause, first.counts) == ("busy", "USER_BUSY", True)
    assert (second.outcome, second.counts) == ("completed", True)
    assert second.answered is not None
    assert second.begun - first.begun > 4_900_000
    assert controller.metrics.retries.labels("busy")._value.get() == 1
    # The switch was told to forget what was sent.
    assert sent(world) == []


def test_t5_g4_who_never_answers_is_called_no_more(world: World) -> None:
    world.extension(stop_after_unanswered=1)
    world.controller()
    world.phone(CALLER, BUSY)
    world.ring()
    world.ended()
    world.ring()
    requests = world.ended(2)
    world.idle()
    assert [r.outcome for r in requests] == ["busy", "unanswered_too_often"]
    assert len(returned(world)) == 1


def test_g4_retries_are_return_calls_too(world: World) -> None:
    world.extension(stop_after_unanswered=2, retries_busy=5, retry_seconds=5)
    world.controller()
    world.phone(CALLER, BUSY)
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.attempts) == ("busy", 2)


def test_t7_our_own_return_call_that_comes_home_is_not_called_back(world: World) -> None:
    """T7: the fixed number forwards to us; the call shows our DID."""
    world.extension(return_calls="fixed", fixed_number="+" + OTHER)
    world.controller()
    world.ring("+" + DID)
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.caller) == ("own_number", "+" + DID)
    assert returned(world) == []


def test_t5_nobody_is_called_back_while_ringing_us(world: World) -> None:
    """T5: he waits for a retry, and rings once more: it comes after that call."""
    world.extension(retries_busy=1, retry_seconds=5, ring_seconds=4, delay_seconds=1)
    world.extension("1002", dids=("+12025550102",), ring_seconds=4)
    world.controller()
    world.phone(CALLER, BUSY, BUSY)
    world.ring()
    world.wait(lambda: len(returned(world)) == 1)
    # Ten seconds after the refusal it is a call of its own.
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE callback_request SET rang = rang - 11000000")
    with gevent.Timeout(PATIENCE):
        while (found := world.requests.all()[0]).state != "pending":
            gevent.sleep(0.02)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE callback_request SET due = due - 2000000")
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.id, request.joined, request.outcome) == (found.id, 1, "busy")
    (last,) = world.switch.seen("refused", role="trigger")[1:]
    again = world.switch.seen("called", role="return")[1]
    assert again.t > last.t


def test_t7_somebody_who_talks_with_one_extension_is_not_called_by_another(world: World) -> None:
    world.extension()
    world.extension("1002", dids=("+12025550102",))
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.ring(did="12025550102")
    world.wait(lambda: len(world.switch.seen("refused", role="trigger")) == 2)
    world.ended()
    world.hang_up()
    requests = world.ended(2)
    world.idle()
    assert {r.extension: r.outcome for r in requests} == {
        "1001": "completed",
        "1002": "called_elsewhere",
    }
    assert len(returned(world)) == 1


def test_t7_two_extensions_that_were_rung_call_one_after_the_other(world: World) -> None:
    world.extension(delay_seconds=2)
    world.extension("1002", dids=("+12025550102",), delay_seconds=2)
    world.controller()
    slow = Behaviour(on_call="busy", after=1.5)
    world.phone(CALLER, slow, slow)
    world.ring()
    world.ring(did="12025550102")
    requests = world.ended(2)
    world.idle()
    assert [r.outcome for r in requests] == ["busy", "busy"]
    (_, ended), (began, _) = sorted(
        (attempt.begun, attempt.ended or 0)
        for request in requests
        for attempt in world.requests.attempts_of(request.id)
    )
    assert began >= ended


@pytest.mark.parametrize(
    ("scope", "name"), [("everywhere", ""), ("client", "main"), ("extension", "1001")]
)
def test_o6_what_is_stopped_gets_no_callback_and_what_waits_is_ended(
    world: World, scope: str, name: str
) -> None:
    world.extension(delay_seconds=60)
    world.controller()
    world.phone(CALLER, BUSY)
    world.ring()
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    stop(world, scope, name)
    (waiting,) = world.ended()
    assert waiting.outcome == "stopped"
    world.ring("+" + OTHER)
    refused = world.ended(2)[1]
    assert (refused.state, refused.outcome) == ("refused", "stopped")
    with world.engine.begin() as connection:
        remove_stop(connection, scope, name)
    world.idle()
    assert returned(world) == []


def test_o6_a_return_call_that_rings_is_ended_at_once_too(world: World) -> None:
    world.extension(retries_failed=5)
    world.controller()
    world.phone(CALLER, Behaviour(on_call="no_answer"))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    stop(world, hang_up=True)
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.cause) == ("stopped", "MANAGER_REQUEST")


@pytest.mark.parametrize("hang_up", [False, True])
def test_o6_calls_in_progress_end_as_they_would_or_at_once(world: World, hang_up: bool) -> None:
    world.extension()
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering() if hang_up else talking(4.0))
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    stop(world, hang_up=hang_up)
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    (ended,) = world.switch.seen("ended", role="return")
    assert (ended.detail["cause"] == "MANAGER_REQUEST") is hang_up


@pytest.mark.parametrize("planned", [True, False])
def test_o5_an_attempt_that_was_written_and_never_sent_is_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, planned: bool
) -> None:
    """Decision 9: its controller died in between; another one finds it, and it rings once.

    One of a release that kept no plan is taken back, and made anew.
    """
    monkeypatch.setattr("controller.runtime.reconcile.GRACE_SECONDS", 0.3)
    world.extension(delay_seconds=60)
    world.phone(CALLER, BUSY)
    first = world.controller()
    world.ring()
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    with gevent.Timeout(PATIENCE):
        while not world.requests.all():
            gevent.sleep(0.02)
    (link,) = first.services.links.values()
    core = link.core
    first.close()
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE callback_request SET due = 1")
    (request,) = world.requests.lease_due("the dead", 10**16, 10**16 + 10, 1)
    begun = world.requests.begin_attempt(
        request,
        holder="the dead",
        node="sim1",
        core=core,
        attempt="11111111-2222-3333-4444-555555555555",
        channels=("pstn",),
        plan=Plan((Way("pstn", CALLER, Shown(f"+{DID}", rule="T8"), DID),)) if planned else None,
        until=10**16,
        now=1,
    )
    assert begun.value == "yes"
    world.controller()
    (ended,) = world.ended()
    world.idle()
    assert (ended.outcome, ended.attempts) == ("busy", 1)
    (called,) = world.switch.seen("called", role="return")
    assert (called.leg == "11111111-2222-3333-4444-555555555555") == planned


def test_o5_an_attempt_that_was_sent_and_is_gone_is_unknown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 9: the switch's mark says that it was sent; nobody is called twice."""
    monkeypatch.setattr("controller.runtime.reconcile.GRACE_SECONDS", 0.3)
    world.extension(delay_seconds=60)
    first = world.controller()
    world.ring()
    with gevent.Timeout(PATIENCE):
        while not world.requests.all():
            gevent.sleep(0.02)
    (link,) = first.services.links.values()
    core = link.core
    first.close()
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE callback_request SET due = 1")
    (request,) = world.requests.lease_due("the dead", 10**16, 10**16 + 10, 1)
    attempt = "11111111-2222-3333-4444-555555555555"
    world.requests.begin_attempt(
        request, holder="the dead", node="sim1", core=core, attempt=attempt,
        channels=("pstn",), until=10**16, now=1,
    )  # fmt: skip
    world.switch.marks[f"callback_sent_{attempt}"] = "1"
    world.controller()
    (ended,) = world.ended()
    world.idle()
    assert (ended.outcome, ended.cause) == ("unknown", "NOT_ON_NODE")
    assert returned(world) == []
    world.wait(lambda: not sent(world))
