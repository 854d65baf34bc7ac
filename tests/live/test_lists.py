"""The switch is told of the controllers that are there, and spreads calls over them.

The black hole is a host whose queue is full: what is sent to it is dropped, as by a machine that is
gone behind its router, or by a firewall.
"""

import socket
from collections.abc import Iterator

import pytest

from controller.guard.lists import SLOTS
from tests.proxies import black_hole

from .conftest import Bench
from .controllers import Controller
from .net import HOST, wait_until
from .test_callback import (
    CALLER,
    DESTINATION,
    DID,
    GOODBYE,
    PIN,
    SETTINGS,
    dial_in,
    record,
    refused,
)

#: A controller that dies is known to be dead so soon.
SHORT_LEASE = "[presence]\nlease_seconds = 2\n"


def lists(bench: Bench) -> dict[str, list[str]]:
    """The names in the list of each slot, in order."""
    found = {slot: bench.switch.api(f"global_getvar callback_controllers_{slot}") for slot in SLOTS}
    return {
        slot: [one.rpartition("/")[2] for one in text.split("|")] for slot, text in found.items()
    }


def listed(bench: Bench, *controllers: Controller) -> bool:
    """Whether each list has these controllers, and no others."""
    names = sorted(one.name for one in controllers)
    return all(sorted(one) == names for one in lists(bench).values())


def legs(bench: Bench) -> dict[str, str]:
    """Whom each leg is with, or is being connected to."""
    uuids = [row["uuid"] for row in bench.channels()]
    return {uuid: bench.switch.api(f"uuid_getvar {uuid} socket_path") for uuid in uuids}


def ringing(controller: Controller) -> float:
    """How many trigger calls a controller says that it has."""
    lines = controller.fetch("/metrics").splitlines()
    (line,) = [line for line in lines if line.startswith('callbackd_legs{kind="trigger"}')]
    return float(line.split()[-1])


def test_o4_calls_are_spread_over_all_controllers(bench: Bench) -> None:
    """O4: each leg goes to the first of the list of its uuid's last digit, and both have some."""
    both = bench.serve({**SETTINGS, "ring-seconds": 10}, 2)
    wait_until("both are listed", lambda: listed(bench, *both))
    calls = [(DID, f'"Bob" <sip:1202555{number:04}@{HOST}>') for number in range(30)]
    caller = bench.phones.ring_all(calls)
    names = {one.name for one in both}
    wait_until(
        "all ring, and both have some",
        lambda: len(legs(bench)) == len(calls) and set(legs(bench).values()) == names,
    )
    first = lists(bench)
    assert all(first[uuid[-1]][0] == name for uuid, name in legs(bench).items())
    refused(caller)
    wait_until("nobody rings any more", lambda: [ringing(one) for one in both] == [0, 0])


def test_o4_o5_a_dead_controller_is_in_no_list_and_calls_go_on(bench: Bench) -> None:
    """O4, O5: by SIGKILL; the call that it had goes on, and no later one looks for it."""
    both = bench.serve(SETTINGS, 2, SHORT_LEASE)
    wait_until("both are listed", lambda: listed(bench, *both))
    phone = bench.phones.expect(CALLER)
    far = bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    dial_in(bench, phone)
    dead = bench.one_holder()
    dead.kill()
    (other,) = [one for one in both if one is not dead]
    wait_until("the other one alone is listed", lambda: listed(bench, other))
    phone.media.dial(f"{DESTINATION[1:]}#")
    far.finish()
    phone.media.wait_for(GOODBYE)
    phone.finish()
    assert record(bench) == ("done", "completed")


@pytest.fixture
def hole() -> Iterator[socket.socket]:
    """A host that swallows what is sent to it, until it is closed."""
    with black_hole() as made:
        yield made


def test_o4_a_call_waits_for_a_black_hole_and_then_goes_on(
    bench: Bench, hole: socket.socket
) -> None:
    """O4: the switch says whom it waits for; when that has failed the next one has the call.

    The system gives up after a while of its own (`net.ipv4.tcp_syn_retries`); here the hole ends.
    """
    advertised = f"{HOST}:{hole.getsockname()[1]}"
    lost, found = bench.serve(SETTINGS, 2, advertise=[advertised])
    wait_until("both are listed", lambda: listed(bench, lost, found))
    assert advertised in bench.switch.api("global_getvar callback_controllers_0")
    phone = bench.phones.expect(CALLER)
    bench.phones.expect(DESTINATION, "answer_and_hang_up", talk_ms="500")
    others = [(DID, f'"Bob" <sip:1202555{number:04}@{HOST}>') for number in range(12)]
    callers = bench.phones.ring_all([(DID, f'"Bob" <sip:{CALLER}@{HOST}>'), *others])
    wait_until(
        "some wait for the hole, and others do not",
        lambda: set(legs(bench).values()) == {lost.name, found.name},
    )
    stuck = [uuid for uuid, name in legs(bench).items() if name == lost.name]
    row = next(row for row in bench.channels() if row["uuid"] == stuck[0])
    assert (row["application"], row["callstate"]) == ("socket", "RINGING")
    hole.close()
    # All are refused as busy, by a controller: not one by the switch's last resort.
    refused(callers)
    wait_until("no trigger call is left", lambda: not set(stuck) & set(legs(bench)))
    phone.media.wait_for("ivr/ivr-please_enter_pin_followed_by_pound.wav")
    phone.media.dial(f"{PIN}#")
    phone.media.wait_for("ivr/ivr-enter_destination_telephone_number.wav")
    phone.media.dial(f"{DESTINATION[1:]}#")
    phone.media.wait_for(GOODBYE)
    phone.finish()
