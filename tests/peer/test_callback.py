"""One callback after another, whole: what the phones saw, and what the controller kept."""

from __future__ import annotations

import gc
import re
from collections import Counter
from functools import partial

import gevent
import pytest

from controller.admin.model import Kind
from controller.callback.limits import MAX_TRIES
from controller.guard.locking import NumberRule, Rules
from controller.simulator import Behaviour, HangUp
from tests.peer.world import (
    CALLER,
    DID,
    FRIEND,
    OTHER,
    PASSWORD,
    PATIENCE,
    World,
    answering,
    talking,
    typed,
)
from tests.seed import ADMIN, directory

#: For those who err on purpose: also where Redis answers late and wrong passwords are counted more
#: strictly (A3), on a machine that stalls, it is the tries of one call that end it.
PATIENT = Rules(number=NumberRule(failures=2 * MAX_TRIES))


def test_t1_t8_a1_i5_the_whole_way(world: World) -> None:
    """T1 refused unanswered, T8 shows the DID, A1 password, I5 default number, M5 goodbye."""
    world.extension(password=PASSWORD)
    world.controller()
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND)))
    world.phone(FRIEND, talking(0.5))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert request.destination == "+" + FRIEND
    (refused,) = world.switch.seen("refused", role="trigger")
    assert refused.detail["cause"] == "USER_BUSY"
    assert not world.switch.seen("answered", role="trigger")
    (returned,) = world.switch.seen("called", role="return")
    assert returned.detail["caller_id_number"] == DID
    (called,) = world.switch.seen("called", role="destination")
    assert called.detail["caller_id_number"] == "12025550111"
    assert world.heard("goodbye")
    # The password's keys are never shown, the destination's are.
    assert [e.detail["digits"] for e in world.switch.seen("pressed", role="return")] == [
        "*" * (len(PASSWORD) + 1),
        FRIEND + "#",
    ]


def test_decision_5_the_socket_is_let_go_while_people_talk(world: World) -> None:
    """While they talk no connection is held; for the last words none is made."""
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.wait(lambda: world.switch.connections["outbound"] == 0)
    assert len(controller.services.legs) == 1
    world.hang_up("destination")
    (request,) = world.ended()
    assert request.outcome == "completed"
    assert world.heard("goodbye")
    world.idle()


def test_m5_the_switch_ends_the_conversation_and_the_caller_hears_why(world: World) -> None:
    """M5: the destination is cut by the switch, the caller alone hears the extension's sound."""
    world.extension(longest_call_seconds=2, sound_before_disconnecting="own/time-over.wav")
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    (ended,) = world.switch.seen("ended", role="destination")
    assert ended.detail["cause"] == "ALLOTTED_TIMEOUT"
    assert world.heard("own/time-over.wav")


def test_m5_the_dialplan_plays_the_extensions_sound_where_no_controller_is_there(
    world: World,
) -> None:
    """M5: the controller dies while people talk; the switch cuts, and the caller hears why."""
    world.extension(longest_call_seconds=3, sound_before_disconnecting="own/time-over.wav")
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: list(world.switch.seen("answered", role="destination")))
    controller.close()
    world.wait(lambda: list(world.switch.seen("ended", role="return")))
    (ended,) = world.switch.seen("ended", role="destination")
    assert ended.detail["cause"] == "ALLOTTED_TIMEOUT"
    assert world.heard("own/time-over.wav")
    assert not world.heard("im_sorry")


def test_a3_three_wrong_passwords_end_the_call(world: World) -> None:
    """A3: three tries in a call, and no destination is ever asked for."""
    world.extension(password=PASSWORD)
    world.controller(lockouts=PATIENT)
    world.phone(CALLER, answering(typed("1111"), typed("2222"), typed("3333")))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "password_failed"
    assert len(world.questions()) == 3
    assert not any("destination" in question for question in world.questions())


def test_a3_a_hang_up_at_the_last_try_is_a_hang_up(world: World) -> None:
    """A3: the switch ends the question when the caller hangs up; that is no third wrong try."""
    world.extension(password=PASSWORD)
    world.controller(lockouts=PATIENT)
    hang_up = HangUp(when="heard", what="enter", after=0.3, count=3)
    world.phone(CALLER, answering(typed("1111"), typed("2222"), hang_up=hang_up))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "hung_up"


def test_d3_a_busy_destination_is_told_and_another_can_be_dialled(world: World) -> None:
    """D3/D4: the caller hears why, and dials again."""
    world.extension()
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND), typed(OTHER)))
    world.phone(FRIEND, Behaviour(on_call="busy", after=0.1))
    world.phone(OTHER, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert request.destination == "+" + OTHER
    assert world.heard("user_busy")


def test_a_gateway_that_is_down_is_passed_over(world: World) -> None:
    """Both the return call and the destination go by the second gateway, each with its CallerID."""
    world.extension()
    world.controller()
    world.switch.gateway("pstn", "fail")
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    answered = [e for e in world.switch.seen("called") if e.role != "trigger"]
    assert [e.detail["gateway"] for e in answered] == ["pstn", "pstn2", "pstn", "pstn2"]
    assert {e.detail["caller_id_number"] for e in answered if e.role == "return"} == {DID}


def test_a_busy_person_is_not_rung_again_by_another_gateway(world: World) -> None:
    """Busy is the person's answer, not the gateway's failure: one attempt."""
    world.extension()
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, Behaviour(on_call="busy", after=0.1))
    world.ring()
    world.wait(lambda: world.heard("user_busy"))
    assert len(world.switch.seen("called", role="destination")) == 1


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (Behaviour(on_call="busy", after=0.1), "busy"),
        (Behaviour(on_call="reject", after=0.1), "rejected"),
        (Behaviour(on_call="no_answer"), "no_answer"),
    ],
)
def test_t5_a_return_call_that_is_not_answered_says_why(
    world: World, behaviour: Behaviour, outcome: str
) -> None:
    """T5: the cause is kept; T8: the return call does not ring for ever."""
    world.extension(return_ring_seconds=5)
    world.controller()
    world.phone(CALLER, behaviour)
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == outcome
    assert not world.questions()


def test_d1_the_time_to_dial_is_kept_over_all_tries(world: World) -> None:
    """D1: prompts and wrong numbers included, then a goodbye and the end."""
    world.extension(dial_seconds=5)
    world.controller()
    world.phone(CALLER, answering(*[typed("123", after=1.0)] * 9))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "dial_time_over"
    assert 2 <= len(world.questions()) <= 6
    assert world.heard("goodbye")


def test_t2_a_caller_who_gives_up_before_x_is_not_called_back(world: World) -> None:
    """T2 `ignore`; T10: kept with its reason."""
    world.extension(ring_seconds=20)
    world.controller()
    world.ring(hang_up_after=0.5)
    (request,) = world.ended()
    world.idle()
    assert (request.state, request.outcome) == ("refused", "hung_up_early")
    assert not world.switch.seen("called", role="return")


def test_t6_a_second_trigger_joins_the_callback_that_is_due(world: World) -> None:
    """T6: one callback for two calls, and the second is counted."""
    world.extension(delay_seconds=3)
    world.controller()
    world.phone(CALLER, answering(hang_up=HangUp(when="heard", what="enter", after=0.1)))
    world.ring()
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.joined == 1
    assert len(world.switch.seen("called", role="return")) == 1


def test_t7_our_own_number_is_not_called_back(world: World) -> None:
    """T7: a DID of another extension, put in as the caller."""
    world.extension()
    world.extension("1002", dids=("+12025550102",))
    world.controller()
    world.ring("+12025550102")
    (request,) = world.ended()
    world.idle()
    assert (request.state, request.outcome) == ("refused", "own_number")
    assert not world.switch.seen("called", role="return")


def test_t10_a_refused_caller_is_kept_with_number_and_reason(world: World) -> None:
    """T10, G2: who was not called back, and why, is visible to the operator."""
    world.extension()
    world.controller()
    world.ring("+442079460000")
    (request,) = world.ended()
    world.idle()
    assert (request.state, request.outcome) == ("refused", "country_not_allowed")
    assert request.number == "+442079460000"
    assert not world.switch.seen("called", role="return")


def test_t10_a_number_that_is_nobodys_is_refused_at_once(world: World) -> None:
    """T10: kept too."""
    world.extension()
    world.controller()
    world.ring(did="12025559999")
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "unknown_did"
    (refused,) = world.switch.seen("refused", role="trigger")
    assert refused.detail["cause"] == "UNALLOCATED_NUMBER"


def test_a_caller_who_hangs_up_leaves_nothing(world: World) -> None:
    """A hang-up ends every wait: no leg, connection or greenlet is left."""
    world.extension(password=PASSWORD)
    controller = world.controller()
    gevent.sleep(0)
    before = _greenlets()
    for index in range(5):
        number = f"1212555019{index}"
        world.phone(
            number, answering(hang_up=HangUp(when="heard", what="enter", after=0.05 * index))
        )
        world.ring("+" + number)
    requests = world.ended(5)
    world.idle()
    assert {request.outcome for request in requests} == {"hung_up"}
    # The dispatcher, those that look after calls, sounds, what is unsettled, what waits, what is
    # old, and lost nodes; transcripts are written soon.
    with gevent.Timeout(PATIENCE):
        while len(controller.services.greenlets) != 7:
            gevent.sleep(0.05)
    # An end that somebody else may record is looked at once more, a little later.
    with gevent.Timeout(PATIENCE):
        while _greenlets() - before:
            gevent.sleep(0.1)


def test_a_return_call_that_is_answered_late_is_asked_like_any_other(world: World) -> None:
    """By then the policy is not in the process's own memory any more."""
    world.extension(password=PASSWORD)
    world.controller()
    world.phone(CALLER, answering(typed(PASSWORD), typed(FRIEND), after=2.5))
    world.phone(FRIEND, talking(2.5))
    world.ring()
    (request,) = world.ended()
    assert request.outcome == "completed"
    world.idle()


def test_o6_what_is_switched_off_after_the_number_rang_is_not_called(world: World) -> None:
    world.extension(delay_seconds=2)
    world.controller()
    world.ring()
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    (pending,) = world.requests.all()
    assert pending.state == "pending"
    directory(world.engine).change(ADMIN, Kind.EXTENSION, "1001", {"enabled": False})
    (request,) = world.ended()
    assert (request.state, request.outcome) == ("done", "disabled")
    assert not world.switch.seen("called", role="return")


def _greenlets() -> Counter[str]:
    """What runs by kind, without the switch's own: its sockets linger on purpose.

    Nor the cache's, which come when Redis does; its own tests count them.
    """
    gc.collect()
    alive = [g for g in gc.get_objects() if isinstance(g, gevent.Greenlet) and not g.dead]
    names = [re.sub(r"0x[0-9a-f]+", "", repr(g)) for g in alive]
    others = ("controller.simulator", "controller.cache")
    return Counter(name for name in names if not any(other in name for other in others))


def test_g3_one_callback_too_many_is_not_made_and_its_reason_is_kept(world: World) -> None:
    """G3: two to a number in an hour; the third caller hears no difference."""
    world.extension(callbacks_per_number={"hour": 2})
    world.controller()
    world.phone(CALLER, Behaviour(on_call="busy", after=0.1))

    def refused(count: int) -> bool:
        return len(list(world.switch.seen("refused", role="trigger"))) == count

    for count in (1, 2, 3):
        world.ring()
        world.ended(count)
        # It may be over before the switch has refused the trigger call.
        world.wait(partial(refused, count))
    assert [request.outcome for request in world.ended(3)] == ["busy", "busy", "too_often_number"]


def test_g3_a_client_has_so_many_callbacks_whichever_of_his_extensions_is_rung(
    world: World,
) -> None:
    world.extension()
    world.extension("1002", dids=("+12025550102",))
    directory(world.engine).change(ADMIN, Kind.CLIENT, "main", {"callbacks": {"hour": 1}})
    controller = world.controller()
    world.phone(CALLER, Behaviour(on_call="busy", after=0.1))
    world.ring()
    world.ended(1)
    world.ring("+" + FRIEND, did="12025550102")
    assert [request.outcome for request in world.ended(2)] == ["busy", "too_often_client"]
    assert len(list(world.switch.seen("called", role="return"))) == 1
    counted = controller.metrics.registry.get_sample_value(
        "callbackd_too_often_total", {"kind": "client"}
    )
    assert counted == 1


def test_g3_a_block_whose_phones_nobody_answers_is_called_no_more(world: World) -> None:
    """G3: two of its numbers are busy, and one is hung up at once; whichever rings then."""
    block = [f"{CALLER[:-2]}{last}" for last in ("71", "72", "73")]
    world.extension(unanswered_per_block={"hour": 2})
    world.controller()
    world.phone(block[0], Behaviour(on_call="busy", after=0.1))
    world.phone(block[1], answering(hang_up=HangUp(when="heard", what="enter", after=0.1)))
    for count, caller in enumerate(block, 1):
        world.ring("+" + caller)
        world.ended(count)
    outcomes = [request.outcome for request in world.ended(3)]
    assert outcomes == ["busy", "hung_up", "unanswered_too_often_block"]
    assert len(list(world.switch.seen("called", role="return"))) == 2
