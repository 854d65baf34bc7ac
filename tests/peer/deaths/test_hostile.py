"""G1: what comes from outside stays what it is: refused or neutral, kept with a reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from gevent import socket

from controller.simulator import Behaviour, HangUp, Keys
from tests import abuse
from tests.peer.money import CENT, Money
from tests.peer.world import CALLER, FRIEND, World, answering, typed, until

OTHER_DID = "12025550102"
#: A leg that no switch has.
LEG = "11111111-2222-4333-8444-555555555001"


def test_g1_t4_no_hostile_callerid_is_called_back(world: World) -> None:
    """G1, T4, G2: every number of the abuse list: refused after X, kept with its reason."""
    world.extension()
    world.controller()
    numbers = abuse.CASES["caller_id_number"]
    legs = {world.ring(abuse.written(number)): number for number in numbers}
    requests = world.ended(len(numbers))
    world.idle()
    assert {request.state for request in requests} == {"refused"}
    outcomes = {legs[request.leg or ""]: request.outcome for request in requests}
    assert outcomes == abuse.REASONS
    assert not world.switch.seen("called", role="return")
    assert len(world.switch.seen("refused", role="trigger")) == len(numbers)


def test_g1_a_hostile_name_reaches_nothing(world: World) -> None:
    """G1: a name of the abuse list is shown to nobody and makes no variable."""
    world.extension()
    world.controller()
    names = abuse.NAMES
    for index, name in enumerate(names):
        number = f"121255501{index:02d}"
        world.phone(number, answering(hang_up=HangUp(when="heard", what="enter", after=0.3)))
        world.ring("+" + number, name=name)
    world.wait(lambda: len(world.questions()) == len(names))
    for leg in world.switch.legs.values():
        assert not {"evil", "pin_ok", "variable_evil", "variable_pin_ok"} & set(leg.variables)
    requests = world.ended(len(names))
    world.idle()
    assert {request.outcome for request in requests} == {"hung_up"}
    assert {request.last_name for request in requests} == {None}
    shown = {entry.detail["caller_id_name"] for entry in world.switch.seen("called", role="return")}
    assert shown == {"12025550101"}


def test_g1_hostile_digits_reach_nobody(world: World) -> None:
    """G1, D2, D3: each row of keys in a call of its own; nobody is called but who called."""
    world.extension(dial_seconds=5)
    world.controller()
    callers = [f"121255502{place:02d}" for place, _ in enumerate(abuse.DIGITS)]
    for caller, digits in zip(callers, abuse.DIGITS, strict=True):
        keys = [Keys(when="heard", what="enter", press=digits + "#", after=0.1)]
        world.phone(caller, answering(*keys))
        world.ring("+" + caller)
    requests = world.ended(len(callers))
    world.idle()
    assert {request.outcome for request in requests} == {"dial_time_over"}
    assert {request.destination for request in requests} == {None}
    called = Counter(str(entry.number) for entry in world.switch.seen("called", role="return"))
    assert called == Counter(callers)
    assert not world.switch.seen("called", role="destination")


# --- what is no switch, or one that says what it should not ------------------------------------


def framed(**fields: object) -> bytes:
    """Write an event's frame."""
    body = json.dumps(fields).encode()
    return b"Content-Length: %d\nContent-Type: text/event-json\n\n" % len(body) + body


def reply(**fields: str) -> bytes:
    """Write the reply to `connect` of a leg that rings."""
    said = {
        "Content-Type": "command/reply",
        "Unique-ID": LEG,
        "variable_callback_leg": "trigger",
        "variable_sip_from_user": f"%2B{CALLER}",
        "variable_sip_from_host": "h",
        "Caller-Destination-Number": "12025550101",
        **fields,
    }
    return "".join(f"{name}: {value}\n" for name, value in said.items()).encode() + b"\n"


OK = b"Content-Type: command/reply\nReply-Text: +OK\n\n"
ENDED = {"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": LEG, "Hangup-Cause": "USER_BUSY"}
#: Each case of `esl_frames` that is bytes, after the reply to `connect`; a True: then the end.
FRAMES: dict[str, tuple[bytes, bool]] = {
    "Content-Length: -1": (b"Content-Length: -1\n\n", False),
    "Content-Length: 2147483647": (b"Content-Length: 2147483647\n\n", False),
    "Content-Length: abc": (b"Content-Length: abc\n\n", False),
    "no Content-Type": (b"Reply-Text: +OK\n\n", False),
    "a body cut short, then EOF": (framed(**ENDED)[:-5], True),
    "a body cut short, then silence": (framed(**ENDED)[:-5], False),
    "bytes that are not UTF-8 in a named field": (
        framed(**ENDED).replace(b"USER_BUSY", b"\xff\xfe\xc3("), False,
    ),
    "a header line without a colon": (b"Content-Type\n\n", False),
    "a header block that never ends": (b"X-Header: on and on\n" * 20_000, False),
    "JSON nested 10000 deep": (
        b"Content-Length: 20010\nContent-Type: text/event-json\n\n" + b'{"x":' + b"[" * 20_005,
        False,
    ),
    "a reply nobody asked for": (OK * 50, False),
    "events of a call that is over": (OK * 3 + framed(**ENDED) * 2, True),
    "the same event twice": (OK * 3 + framed(**ENDED) + framed(**ENDED), False),
    "events out of order": (
        framed(**ENDED)
        + framed(
            **{**ENDED, "Event-Name": "CHANNEL_EXECUTE_COMPLETE", "Application-UUID": "step-1"}
        )
        + framed(**{**ENDED, "Event-Name": "CHANNEL_BRIDGE"})
        + framed(**{**ENDED, "Event-Name": "DTMF", "DTMF-Digit": "1"})
        + OK * 3,
        False,
    ),
}  # fmt: skip
SILENT = "300 connections that say nothing"


@contextmanager
def connections(world: World, count: int) -> Iterator[list[socket.socket]]:
    """Open connections to the controller, as a switch would."""
    made = [socket.create_connection(("127.0.0.1", world.ports[0])) for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def test_g1_hostile_frames_end_their_own_connection_and_no_call(world: World) -> None:
    """G1: whatever one connection says, calls on others go on, and later ones are taken."""
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    # The caller of the hostile legs is in a conversation: they join it, or come to nothing.
    with connections(world, len(FRAMES)) as made:
        for one, (sent, ends) in zip(made, FRAMES.values(), strict=True):
            one.sendall(reply() + sent)
            if ends:
                one.shutdown(socket.SHUT_WR)
        # One has its leg still, and waits for X; those that broke off are closed.
        until(lambda: len(controller.server.sessions) <= 2)
    assert controller.metrics.registry.get_sample_value(
        "callbackd_faults_total", {"kind": "trigger_leg"}
    ) in (None, 0)
    # The conversation is what it was; and a new call is taken as ever.
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    world.phone(FRIEND, Behaviour(on_call="busy", after=0.1))
    world.ring("+" + FRIEND)
    until(lambda: "busy" in {request.outcome for request in world.requests.all()})
    requests = world.requests.all()
    assert {request.caller for request in requests} == {f"+{CALLER}", f"+{FRIEND}"}
    assert "completed" in {request.outcome for request in requests}
    # One event of a call's end makes one request, however often it is told.
    assert len({request.id for request in requests}) == len(requests)


def test_g1_300_connections_that_say_nothing_keep_no_caller_waiting(world: World) -> None:
    """G1: they are dropped at their deadline; calls are taken meanwhile."""
    world.extension()
    controller = world.controller()
    with connections(world, 300):
        world.phone(CALLER, Behaviour(on_call="busy", after=0.1))
        world.ring()
        (request,) = world.ended()
        assert request.outcome == "busy"
        until(lambda: not controller.server.sessions)
    world.idle()


# --- what callers do -----------------------------------------------------------------------


def test_t6_one_callerid_that_rings_50_times_is_called_back_once(world: World) -> None:
    """T6, T1: the others join it, also those that ring while it is refused."""
    world.extension(delay_seconds=2)
    world.controller()
    world.phone(CALLER, Behaviour(on_call="busy", after=0.1))
    for _ in range(50):
        world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.joined, request.attempts) == ("busy", 49, 1)
    assert len(list(world.switch.seen("refused", role="trigger"))) == 50
    assert len(list(world.switch.seen("called", role="return"))) == 1


def test_g3_50_callerids_of_one_block_are_called_back_as_often_as_a_block_may_be(
    world: World,
) -> None:
    """G3: by default none of them is stopped by that; an operator's limit stops all but these."""
    world.extension(callbacks_per_block={"hour": 5})
    world.controller()
    callers = [f"121255534{last:02d}" for last in range(50)]
    for caller in callers:
        world.phone(caller, Behaviour(on_call="busy", after=0.1))
    for caller in callers:
        world.ring("+" + caller)
    requests = world.ended(50)
    world.idle()
    assert Counter(r.outcome for r in requests) == {"busy": 5, "too_often_block": 45}
    assert len(list(world.switch.seen("called", role="return"))) == 5


def test_t7_a_callerid_that_is_a_did_of_ours_is_not_called_back(world: World) -> None:
    """T7: its own, and another extension's; nor is it dialled from a return call."""
    world.extension()
    world.extension("1002", dids=("+" + OTHER_DID,))
    world.controller()
    world.ring("+12025550101")
    world.ring("+" + OTHER_DID)
    requests = world.ended(2)
    world.idle()
    assert {request.outcome for request in requests} == {"own_number"}
    assert not world.switch.seen("called", role="return")


def test_g4_answers_of_a_second_again_and_again_come_to_an_end(world: World) -> None:
    """G4: whoever answers and hangs up within a second is called as often as that is allowed."""
    world.extension(stop_after_unanswered=3)
    world.controller()
    brief = Behaviour(on_call="answer", after=0.1, hang_up=HangUp(when="answer", after=0.2))
    world.phone(CALLER, *[brief] * 5)
    for count in range(1, 5):
        world.ring()
        world.ended(count)
        world.idle()
    outcomes = [request.outcome for request in world.ended(4)]
    assert outcomes == ["hung_up"] * 3 + ["unanswered_too_often"]
    assert len(list(world.switch.seen("called", role="return"))) == 3


def test_m4_credit_that_may_end_while_the_destination_rings_is_never_overspent(
    world: World,
) -> None:
    """M4, M7: what ringing to the end takes is held before anybody is called."""
    money = Money(world, cents=60, destination_ring_seconds=5, dial_seconds=5)
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, Behaviour(on_call="no_answer"))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "dial_time_over"
    assert len(world.switch.seen("called", role="destination")) == 1
    rows = money.settled(2)
    assert sum(row.charge for row in rows) <= 60 * CENT
    assert not any(row.uncovered for row in rows)
    money.check()
