"""By which channels calls leave, what they show, and what is kept of that (I1-I9, G3, T8)."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from controller.admin.model import Kind
from controller.app import Controller
from controller.policy.channels import Channel
from controller.routing.model import Passed, Plan
from controller.runtime import calling
from controller.settings import Route
from controller.simulator import HangUp
from controller.simulator.phones import JournalEntry
from controller.store.destinations import Destination, destinations_of
from controller.store.plans import read_plan
from controller.store.requests import Request
from tests.peer.world import (
    CALLER,
    DID,
    FRIEND,
    PATIENCE,
    World,
    answering,
    talking,
    typed,
    until,
)
from tests.seed import ADMIN, directory

FIRST, SECOND = "+12025550111", "+12025550112"


def called(world: World, role: str) -> list[JournalEntry]:
    """The legs that were made, in order."""
    return list(world.switch.seen("called", role=role))


def ways(entries: list[JournalEntry]) -> list[tuple[str, str]]:
    """Over which gateway each leg was made, and the number that it showed."""
    return [(entry.detail["gateway"], entry.detail["caller_id_number"]) for entry in entries]


def kept(world: World, request: Request) -> Destination:
    """Wait until the one destination of a request is over in the store, and give it."""
    with gevent.Timeout(PATIENCE):
        while True:
            with world.engine.connect() as connection:
                rows = destinations_of(connection, request.id)
            if rows and rows[0].ended is not None:
                (row,) = rows
                return row
            gevent.sleep(0.02)


def plan_of(document: str | None) -> Plan:
    """Read a plan that was kept."""
    plan = read_plan(document)
    assert plan is not None
    return plan


def two_numbers(world: World, **values: Any) -> None:
    """Add the extension with a number on each channel: the first is its default."""
    world.extension(**values)
    store = directory(world.engine)
    number = {"number": SECOND, "channel": "pstn2", "client": "main"}
    store.create(ADMIN, Kind.NUMBER, number)
    store.change(ADMIN, Kind.EXTENSION, "1001", {"caller_ids": [FIRST, SECOND]})


def conversation(world: World, number: str = FRIEND, caller: str = CALLER) -> Request:
    """Ring, be called back, dial a number, and talk if that can be; give the request."""
    before = len(world.requests.all())
    world.phone(caller, answering(typed(number)))
    world.phone(FRIEND, talking(0.3))
    world.ring("+" + caller)
    request = next(r for r in world.ended(before + 1) if r.caller == "+" + caller)
    world.idle()
    return request


def test_i4_each_channel_shows_its_own_number_also_after_fail_over(world: World) -> None:
    """I4, I9, T8: and what is kept says over which channel it went, and why over no other."""
    two_numbers(world)
    world.switch.gateway("pstn", "fail")
    world.controller()
    request = conversation(world)
    assert request.outcome == "completed"
    assert ways(called(world, "return")) == [("pstn", DID), ("pstn2", DID)]
    assert ways(called(world, "destination")) == [("pstn", FIRST[1:]), ("pstn2", SECOND[1:])]
    (attempt,) = world.requests.attempts_of(request.id)
    assert (attempt.channel, attempt.channels) == ("pstn2", ("pstn", "pstn2"))
    destination = kept(world, request)
    assert (destination.channel, destination.cause) == ("pstn2", "NORMAL_CLEARING")
    assert destination.causes == {"pstn": "NORMAL_TEMPORARY_FAILURE"}
    plan = plan_of(destination.plan)
    assert [(way.channel, way.shown.number, way.shown.rule) for way in plan.ways] == [
        ("pstn", FIRST, "I4"),
        ("pstn2", SECOND, "I4"),
    ]


def test_i4_a_channel_on_which_nothing_is_heard_is_given_up_for_the_next(world: World) -> None:
    world.channels[0] = Channel(name="pstn", progress_seconds=1)
    world.extension()
    world.switch.gateway("pstn", "silent")
    world.controller()
    assert conversation(world).outcome == "completed"
    assert [gateway for gateway, _ in ways(called(world, "destination"))] == ["pstn", "pstn2"]


def test_i4_whoever_is_busy_is_not_called_over_another_channel(world: World) -> None:
    world.extension()
    world.controller()
    world.phone(CALLER, answering(typed("2125550177")))
    world.phone("12125550177", talking(0.1))
    busy = answering()
    busy.on_call = "busy"
    world.phone("12125550177", busy)
    world.ring()
    world.wait(lambda: called(world, "destination"))
    world.wait(lambda: world.heard("busy"))
    assert len(called(world, "destination")) == 1


def learned(controller: Controller, **troubles: str) -> None:
    """Wait until a controller knows of so much trouble on the one node."""
    services = controller.services
    until(lambda: services.health.troubles("sim1", services.clock.now()) == troubles)


def test_i4_a_gateway_that_the_switch_says_is_down_is_not_tried(world: World) -> None:
    """I4, I9: nor for the return call; and it is used again when it is back."""
    two_numbers(world)
    controller = world.controller()
    world.switch.gateway("pstn", "down")
    learned(controller, pstn="down")
    request = conversation(world)
    assert ways(called(world, "return")) == [("pstn2", DID)]
    assert ways(called(world, "destination")) == [("pstn2", SECOND[1:])]
    assert plan_of(kept(world, request).plan).passed == (Passed("pstn", "down"),)
    world.switch.gateway("pstn", "up")
    learned(controller)


def test_i4_a_return_call_waits_for_a_channel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "NO_CHANNEL_SECONDS", 0.2)
    world.extension()
    controller = world.controller()
    for name in ("pstn", "pstn2"):
        world.switch.gateway(name, "down")
    learned(controller, pstn="down", pstn2="down")
    assert controller.readiness()["nodes"] is None
    assert controller.services.health.fault is not None
    world.phone(CALLER, answering(hang_up=HangUp(when="answer", after=0.1)))
    world.ring()
    until(lambda: [r.outcome for r in world.requests.all()] == ["no_channel"])
    assert not called(world, "return")
    world.switch.gateway("pstn2", "up")
    (request,) = world.ended()
    assert request.outcome == "hung_up"


def test_t10_a_return_call_that_no_channel_takes_ends_with_that_reason(world: World) -> None:
    world.channels = [
        Channel(name="pstn", enabled=False),
        Channel(name="pstn2", destinations={"+49": 0}),
    ]
    world.extension()
    world.controller()
    world.ring()
    (request,) = world.ended()
    assert (request.state, request.outcome) == ("done", "no_channel")


def test_g3_a_channel_takes_no_more_calls_than_it_may(world: World) -> None:
    """G3: the return call has its one place; the destination goes over the other channel."""
    world.channels[0] = Channel(name="pstn", concurrent_calls=1)
    world.extension()
    world.controller()
    for _ in range(2):
        # Its place is given back at the end: the second call has it again.
        request = conversation(world)
        assert request.outcome == "completed"
        assert plan_of(kept(world, request).plan).passed == (Passed("pstn", "full"),)
    returned, gone = called(world, "return"), called(world, "destination")
    assert [gateway for gateway, _ in ways(returned)] == ["pstn", "pstn"]
    assert [gateway for gateway, _ in ways(gone)] == ["pstn2", "pstn2"]


def test_g3_whoever_hangs_up_before_he_is_connected_leaves_no_place_taken(world: World) -> None:
    """G3, D6: while he is told how long the call may last, its places are taken already."""
    world.channels = [Channel(name="pstn", concurrent_calls=1)]
    world.extension(say_time_left=True)
    controller = world.controller()
    places = controller.services.places
    world.phone(
        CALLER,
        answering(typed(FRIEND), hang_up=HangUp(when="heard", what="time_left_is", after=0.1)),
    )
    world.phone("12125550188", answering(typed(FRIEND)))
    # The return call has the one place; it comes first over a channel without a limit.
    store = directory(world.engine)
    store.create(
        ADMIN, Kind.CHANNEL, {"name": "pstn2", "priority": 1, "destinations": {"+1212": 0}}
    )
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "hung_up"
    assert kept(world, request).cause
    until(lambda: places.take("another", {"pstn": 1}, controller.services.clock.now() + 5))


def test_i6_i7_a_hidden_call_says_no_number_and_the_return_call_the_did(world: World) -> None:
    world.extension(
        hide_caller_id=True, p_asserted_identity=True, p_preferred_identity="sip:x@example.net"
    )
    world.controller(route=Route(domain="example.com"))
    assert conversation(world).outcome == "completed"
    (back,), (gone,) = called(world, "return"), called(world, "destination")
    assert back.detail["invite"].splitlines() == [
        f'From: "{DID}" <sip:{DID}@127.0.0.1>',
        "P-Asserted-Identity: <sip:1001@example.com>",
        "P-Preferred-Identity: <sip:x@example.net>",
    ]
    assert gone.detail["invite"].splitlines() == [
        'From: "Anonymous" <sip:anonymous@anonymous.invalid>',
        "Privacy: id",
    ]


def test_i2_equipment_shows_whoever_rang_where_his_trunk_is_believed(world: World) -> None:
    """I1, I2: with the name that came with it; else as `server`."""
    world.channels = [
        Channel(name="pstn", addresses=("127.0.0.1/32",), trust_callers=True),
        Channel(name="pstn2", addresses=("127.0.0.2/32",)),
    ]
    world.extension(caller_id_number_from="equipment", caller_id_name_from="equipment")
    world.controller()
    for address, number, name in (
        ("127.0.0.1", CALLER, "Ann Bell"),
        ("127.0.0.2", FIRST[1:], FIRST[1:]),
    ):
        before = len(world.requests.all())
        world.phone(CALLER, answering(typed(FRIEND)))
        world.phone(FRIEND, talking(0.2))
        world.ring(name="Ann Bell", address=address)
        world.ended(before + 1)
        world.idle()
        entry = called(world, "destination")[-1]
        shown = (entry.detail["caller_id_number"], entry.detail["caller_id_name"])
        assert shown == (number, name)


def test_i2_where_nothing_is_left_to_show_nobody_is_called(world: World) -> None:
    """I2, I9: the caller is told, and the reason is kept."""
    world.extension(dial_seconds=5)
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    with world.engine.begin() as connection:
        # Sold meanwhile, by somebody who did not ask: no rule of ours lets it come so far.
        connection.exec_driver_sql("UPDATE public_number SET client = NULL")
    world.ring()
    (request,) = world.ended()
    row = kept(world, request)
    assert (row.cause, row.channel) == ("no_caller_id", None)
    assert plan_of(row.plan).refusal == "no_caller_id"
    assert not called(world, "destination")
    assert world.heard("no_route")


def test_d3_an_emergency_number_is_answered_in_words(world: World) -> None:
    world.extension(dial_seconds=5)
    world.controller()
    world.phone(CALLER, answering(typed("911")))
    world.ring()
    world.ended()
    assert world.heard("emergency_not_connected")
    assert not called(world, "destination")


def test_d3_an_emergency_call_goes_over_its_channel_with_its_number(world: World) -> None:
    """Hidden or not, and whatever else is assigned."""
    world.extension(hide_caller_id=True)
    route = Route(emergency_channel="pstn2", emergency_caller_id="+12025550199")
    world.controller(route=route)
    world.phone("911", talking(0.2))
    assert conversation(world, "911").outcome == "completed"
    assert ways(called(world, "destination")) == [("pstn2", "12025550199")]


def test_t7_a_number_of_our_own_does_not_leave_to_come_back(world: World) -> None:
    world.extension(dial_seconds=5)
    world.extension("1002", dids=("+12125550166",))
    world.controller()
    world.phone(CALLER, answering(typed("2125550166")))
    world.ring()
    (request, *_) = world.ended()
    assert kept(world, request).cause == "own_number"
    assert not called(world, "destination")
