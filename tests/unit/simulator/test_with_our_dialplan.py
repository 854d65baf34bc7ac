"""The dialplan that we ship runs on the simulator as it is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from controller.simulator import Behaviour, Phone, TriggerCall
from tests.unit.simulator.peer import Bench, Controller

OURS = Path(__file__).parents[3] / "fs-config" / "dialplan"


@pytest.fixture
def ours(make_bench: Callable[..., Bench]) -> Bench:
    files = sorted(OURS.glob("*.xml"))
    assert len(files) == 1, "the bench takes one file"
    return make_bench(xml=files[0].read_text())


def test_a_call_from_outside_rings_and_reaches_the_controller(ours: Bench) -> None:
    ours.switch.place_call(TriggerCall(id="1", caller="+12125550199", did="15550100"))
    peer = ours.controller.accept().attach()
    assert peer.data["variable_callback_leg"] == "trigger"
    assert peer.data["Answer-State"] == "ringing"
    peer.execute("hangup", "CALL_REJECTED")
    peer.event("CHANNEL_HANGUP_COMPLETE")
    assert ours.switch.seen("refused", call="1")[0].detail["sip"] == "603 Decline"


def test_the_return_call_goes_from_controller_to_controller(ours: Bench) -> None:
    ours.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    peer = ours.return_call()
    assert peer.data["variable_hangup_after_bridge"] == "false"
    assert peer.data["Caller-Destination-Number"] == "return_call"
    peer.execute("set", "cb_hops=")
    peer.execute("set", "kept=1", "s")
    peer.done("s")
    peer.die()
    again = ours.controller.accept().attach()
    assert again.data["variable_cb_hops"] == "x"
    assert again.data["variable_kept"] == "1"


def test_o4_a_leg_takes_the_list_of_its_last_digit_and_without_one_that_of_the_settings(
    ours: Bench,
) -> None:
    """O4: looked up at each connection; a list that is gone leaves no name behind."""
    ours.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    other = Controller()
    for digit in "0123456789abcdef":
        to = other if digit == "e" else ours.controller
        ours.client.api(f"global_setvar callback_controllers_{digit}={to.address}/slot-{digit}")
    ours.client.command(
        "bgapi originate {origination_uuid=1e,callback_leg=return"
        ",app_disable_expand_variables=true}sofia/gateway/pstn/100 return_call XML callback"
    )
    peer = other.accept().attach()
    assert peer.data["variable_socket_path"] == "slot-e"
    assert "variable_DP_MATCH" not in peer.data
    ours.client.api("global_setvar callback_controllers_e=")
    peer.die()
    again = ours.controller.accept().attach()
    assert "variable_socket_path" not in again.data
    ours.switch.place_call(TriggerCall(id="1", caller="+12125550199", did="15550100"))
    trigger = ours.controller.accept().attach()
    last = trigger.leg[-1]
    assert trigger.data.get("variable_socket_path", "slot-e") == f"slot-{last}"
    other.server.stop()


def test_a_number_that_is_not_ours_is_unallocated(make_bench: Callable[..., Bench]) -> None:
    text = next(OURS.glob("*.xml")).read_text()
    bench = make_bench(xml=text, globals={"callback_dids": "^1555"})
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="442079460000"))
    bench.switch.wait()
    assert bench.switch.seen("refused")[0].detail["cause"] == "UNALLOCATED_NUMBER"


def test_nobody_gets_into_the_return_call_without_the_controller(ours: Bench) -> None:
    ours.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    ours.client.command("bgapi originate sofia/gateway/pstn/100 return_call XML callback")
    event = ours.client.event("CHANNEL_HANGUP_COMPLETE")
    assert event["Hangup-Cause"] == "CALL_REJECTED"


@pytest.mark.parametrize(("limit", "cause"), [("1", "ALLOTTED_TIMEOUT"), ("", "NORMAL_CLEARING")])
def test_g3_a_controller_that_holds_the_return_call_for_too_long_loses_it(
    ours: Bench, limit: str, cause: str
) -> None:
    """G3: and without the setting, as in an operator's file of before, there is no such end."""
    ours.switch.globals["callback_longest_call"] = limit
    ours.switch.reload_dialplan()
    ours.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    peer = ours.return_call()
    if not limit:
        peer.execute("sleep", "1200", "s")
        peer.done("s")
        peer.execute("hangup", "NORMAL_CLEARING")
    assert peer.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == cause
