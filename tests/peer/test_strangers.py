"""G1: who connects and is no switch of ours changes nothing, and hinders nobody."""

from __future__ import annotations

import gevent
from gevent import socket

from controller.app import Controller
from controller.simulator import HangUp
from tests.peer.world import CALLER, DID, PATIENCE, World, answering, until

#: What a trigger call says of itself, as far as a controller looks.
FORGED = (
    "Event-Name: CHANNEL_DATA\nUnique-ID: 11111111-2222-3333-4444-555555555555\n"
    "Channel-State: CS_EXECUTE\nvariable_callback_leg: trigger\n"
    f"Caller-Caller-ID-Number: +{CALLER}\nvariable_sip_from_user: +{CALLER}\n"
    f"variable_callback_did: {DID}\nCaller-Destination-Number: {DID}\n{{core}}"
    "Content-Type: command/reply\nReply-Text: +OK\n\n"
)
#: A caller who hangs up when he is asked for the number.
LEAVING = answering(hang_up=HangUp(when="heard", what="enter", after=0.1))


def said_until_closed(line: socket.socket) -> bytes:
    """Read until the other side closes; give what it said."""
    said = b""
    with gevent.Timeout(PATIENCE):
        while True:
            try:
                more = line.recv(65536)
            except ConnectionResetError:
                return said
            if not more:
                return said
            said += more


def strangers(controller: Controller) -> float:
    """How many were refused because they name no switch of ours."""
    return (
        controller.metrics.registry.get_sample_value(
            "callbackd_esl_refused_total", {"reason": "switch"}
        )
        or 0.0
    )


def test_g1_a_leg_that_names_no_switch_of_ours_is_told_nothing(world: World) -> None:
    """G1: a process of this machine that can connect cannot have anybody called back."""
    world.extension()
    controller = world.controller()
    other = "Core-UUID: 00000000-920a-4a35-b9ee-2658933f40b0\n"
    for count, core in enumerate((other, "", "Core-UUID: ARRAY::a|:b\n"), 1):
        # As anybody on this machine can.
        with socket.create_connection(controller.server.address) as line:
            line.sendall(FORGED.format(core=core).encode())
            # It is asked who it is, and nothing else.
            assert said_until_closed(line) == b"connect\n\n"
        assert strangers(controller) == count
    world.phone(CALLER, LEAVING)
    assert not world.requests.all()
    # And the switch is served as ever.
    world.ring()
    world.wait(lambda: world.switch.seen("called", role="return"))
    assert strangers(controller) == 3


def test_o5_a_switch_that_has_started_anew_is_served_before_its_link_is_back(world: World) -> None:
    """O5: it has another Core-UUID then, and nobody is refused for that."""
    world.extension()
    controller = world.controller()
    (link,) = controller.services.links.values()
    before = link.core
    world.switch.crash()
    until(lambda: not link.up.is_set())
    world.phone(CALLER, LEAVING)
    world.ring()
    world.wait(lambda: world.switch.seen("refused", role="trigger"))
    world.switch.start()
    world.wait(lambda: world.switch.seen("called", role="return"))
    assert strangers(controller) == 0
    assert link.core == world.switch.head.core_uuid != before
