"""O5: what ends while nobody looks is found, recorded, and blocks no number."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import gevent
import pytest

from controller.app import Controller
from controller.simulator import Behaviour, HangUp, Keys
from tests.peer.world import (
    CALLER,
    FRIEND,
    PASSWORD,
    PATIENCE,
    World,
    answering,
    kill,
    talking,
    typed,
)


def _lock(directory: Path) -> sqlite3.Connection:
    """Lock the database, as a backup or a stuck process would."""
    connection = sqlite3.connect(directory / "callbackd.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_o5_a_caller_who_left_during_a_restart_is_called_back_again(world: World) -> None:
    """O5, T6: the only controller restarts while people talk; the end in between is found."""
    world.extension()
    first = world.process(0, CALLBACKD_DRAIN_SECONDS="0")
    world.phone(
        CALLER,
        answering(typed(FRIEND)),
        answering(hang_up=HangUp(when="heard", what="enter", after=0.1)),
    )
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.wait(lambda: world.switch.connections["outbound"] == 0)
    assert kill(first, signal.SIGTERM) == 0
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    world.process(0)
    (request,) = world.ended()
    assert request.outcome == "unknown"
    world.ring()
    requests = world.ended(2)
    world.idle()
    assert [r.outcome for r in requests] == ["unknown", "hung_up"]


def test_o5_a_return_call_that_rings_on_after_its_controller_is_recorded(two: World) -> None:
    """O5, T5: the answer to a dead controller's call comes over the other one's link."""
    two.extension()
    first = two.process(0)
    two.process(1)
    two.phone(CALLER, Behaviour(on_call="busy", after=3.0))
    two.ring()
    two.wait(lambda: two.switch.seen("ringing", role="return"))
    kill(first)
    (request,) = two.ended()
    two.idle()
    assert request.outcome == "busy"


def test_o5_a_locked_store_delays_the_record_and_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O5: a write that fails is tried until it succeeds; readiness says what is wrong."""
    monkeypatch.setattr("controller.store.database.BUSY_SECONDS", 0.05)
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering())
    world.ring()
    world.wait(world.questions)
    with gevent.Timeout(PATIENCE):
        while world.requests.all()[0].state != "answered":
            gevent.sleep(0.02)
    locked = _lock(world.directory)
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    with gevent.Timeout(PATIENCE):
        while controller.readiness()["store"] is None:
            gevent.sleep(0.02)
    locked.execute("ROLLBACK")
    locked.close()
    (request,) = world.ended()
    assert request.outcome == "hung_up"
    with gevent.Timeout(PATIENCE):
        while controller.readiness()["store"] is not None:
            gevent.sleep(0.02)


def test_t1_a_locked_store_keeps_no_caller_ringing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T1, O5: refused soon after X all the same, and called back when the store is there again."""
    monkeypatch.setattr("controller.store.database.BUSY_SECONDS", 0.05)
    world.extension()
    world.controller()
    world.phone(CALLER, answering(hang_up=HangUp(when="heard", what="enter", after=0.1)))
    locked = _lock(world.directory)
    world.ring()
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    assert not world.requests.all()
    locked.execute("ROLLBACK")
    locked.close()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "hung_up"


def test_o5_answered_while_the_link_is_down_frees_its_place(world: World) -> None:
    """O5: the answer is lost, the leg attaches: no place of `max_calling` is taken for good."""
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND), after=3.0))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="return"))
    world.switch.stop_listening()
    world.switch.kill_connections()
    world.wait(world.questions)
    assert len(controller.dispatcher.calling) == 0
    world.switch.listen()
    (request,) = world.ended()
    assert request.outcome == "completed"
    (link,) = controller.services.links.values()
    assert link.up.wait(timeout=PATIENCE)
    assert not link.in_flight


def test_s2_a_missing_prompt_is_no_endless_loop(world: World) -> None:
    """S2: questions that nobody can have heard end the call after three, with their own outcome."""
    world.extension(password=PASSWORD)
    world.controller()
    world.phone(CALLER, answering())
    # A sound that is missing among others is passed over.
    world.switch.applications.missing.update({"ivr-please_enter_pin", "ivr-pin_or_extension"})
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "prompts_unheard"
    assert len(world.switch.seen("question")) == 3


def test_s2_d1_without_its_prompt_a_number_can_be_dialled_all_the_same(world: World) -> None:
    """S2, D1: silence in place of a question; it is not asked again and again in its time."""
    world.extension(dial_seconds=5)
    world.controller()
    world.phone(CALLER, answering(Keys(when="answer", press=FRIEND + "#", after=1.0)))
    world.phone(FRIEND, talking(0.3))
    world.switch.applications.missing.add("ivr-enter_destination")
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"


def test_a4_a_lost_pepper_is_not_made_anew(world: World) -> None:
    """A4: with a new one every right password would be wrong; the start says what to restore."""
    world.extension(password=PASSWORD)
    (world.directory / "pepper").unlink()
    with pytest.raises(ValueError, match="restore it from your backup"):
        Controller(world.settings())
    assert not (world.directory / "pepper").exists()


def test_t8_a_destination_rings_no_longer_than_it_may(world: World) -> None:
    """D3: `leg_timeout` ends the ringing, since `fail_on_single_reject` drops the other limit."""
    world.extension(destination_ring_seconds=5)
    world.controller()
    world.phone(
        CALLER,
        answering(typed(FRIEND), hang_up=HangUp(when="heard", what="enter", after=1, count=2)),
    )
    world.phone(FRIEND, Behaviour(on_call="no_answer"))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "hung_up"
    assert world.heard("no_user_response")


def test_t8_no_answer_is_the_persons_and_not_the_gateways(world: World) -> None:
    """T5, T8: a phone that is not taken up is not rung again by the second gateway."""
    world.extension(return_ring_seconds=5)
    world.controller()
    world.phone(CALLER, Behaviour(on_call="no_answer"))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "no_answer"
    assert len(world.switch.seen("ringing", role="return")) == 1
