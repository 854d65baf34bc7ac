"""The event socket itself: passwords, subscriptions, commands, restarts."""

import json

import pytest
from gevent import socket

from controller.simulator import Behaviour, Phone, TriggerCall
from controller.simulator.events import json_frame, url_encode
from tests.unit.simulator.peer import Bench, Peer


def test_a_wrong_password_is_told_and_the_connection_ends(bench: Bench) -> None:
    peer = Peer(socket.create_connection(bench.switch.address))
    assert peer.command("api status").kind == "-ERR command not found"
    assert peer.command("auth wrong").kind == "-ERR invalid"
    peer.end()
    assert peer.frames[-1].body.startswith("Disconnected, goodbye.")


def test_each_client_gets_what_it_asked_for(bench: Bench) -> None:
    other = bench.connect("event json CHANNEL_CREATE")
    uuid = bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2", hang_up_after=0.02))
    bench.client.event("CHANNEL_HANGUP_COMPLETE")
    assert other.event("CHANNEL_CREATE")["Unique-ID"] == uuid
    assert [frame.kind for frame in other.frames if frame.event] == ["CHANNEL_CREATE"]
    assert other.command("nixevent CHANNEL_CREATE").kind == "+OK events nixed"
    assert other.command("noevents").kind == "-ERR not listening for events"


def test_any_filter_that_matches_is_enough(bench: Bench) -> None:
    bench.client.command("filter Caller-Destination-Number 5")
    bench.client.command("filter Caller-Destination-Number /^6/")
    for did in ("4", "5", "61"):
        bench.switch.place_call(TriggerCall(id=did, caller="+1", did=did))
    seen = [bench.client.event("CHANNEL_CREATE")["Caller-Destination-Number"] for _ in range(2)]
    assert seen == ["5", "61"]
    bench.client.command("filter delete all")
    bench.switch.place_call(TriggerCall(id="x", caller="+1", did="7"))
    assert bench.client.event("CHANNEL_CREATE")["Caller-Destination-Number"] == "7"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("nonsense", "-ERR command not found"),
        ("event plain ALL", "-ERR only json is simulated"),
        ("linger 3", "-ERR not controlling a session"),
        ("exit", "+OK bye"),
    ],
)
def test_replies(bench: Bench, command: str, answer: str) -> None:
    assert bench.client.command(command).kind == answer


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("uuid_exists x", "false"),
        ("uuid_kill x", "-ERR No such channel!\n"),
        ("uuid_transfer x a XML b", "-ERR No such channel!\n"),
        ("uuid_getvar x a", "-ERR No such channel!\n"),
        ("uuid_setvar x a 1", "-ERR No such channel!\n"),
        ("uuid_broadcast x a", "-ERR invalid uuid\n"),
        ("uuid_displace x start a 0 mux", "-ERR Cannot locate session!\n"),
        ("uuid_displace x begin a", "-USAGE: <uuid> [start|stop] <path> [<limit>] [mux]\n"),
        ("sched_hangup +1 x", "-ERR No such channel!\n"),
        ("sched_del x", "+OK Deleted: 0\n"),
        (
            "sched_api +1 group",
            "-ERR Invalid syntax. USAGE: [+@]<time> <group_name> <command_string>[&]\n",
        ),
        ("show channels count", "\n0 total.\n"),
        ("show calls as json", '{"row_count": 0}'),
        ("reloadxml", "+OK [Success]\n"),
        ("nosuch thing", "-ERR nosuch Command not found!\n"),
        ("hostname", "sim1"),
        (
            "originate sofia/gateway/pstn/1",
            "-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n",
        ),
        ("originate user/1 &park()", "-ERR CHAN_NOT_IMPLEMENTED\n"),
    ],
)
def test_api_commands(bench: Bench, command: str, answer: str) -> None:
    assert bench.client.api(command) == answer


def test_variables_of_a_leg_by_api(bench: Bench) -> None:
    bench.switch.phone(Phone(number="1", calls=[Behaviour(after=0)]))
    client = bench.client
    client.api("originate {origination_uuid=u}sofia/gateway/pstn/1 &park()")
    assert client.api("uuid_exists u") == "true"
    assert client.api("uuid_setvar u a b c") == "+OK\n"
    assert client.api("uuid_getvar u a") == "b c"
    assert client.api("uuid_getvar u none") == "_undef_"
    assert json.loads(client.api("uuid_dump u json"))["Unique-ID"] == "u"
    shown = json.loads(client.api("show channels as json"))
    assert (shown["row_count"], shown["rows"][0]["uuid"]) == (1, "u")
    assert client.api("show calls count") == "\n1 total.\n"
    assert client.api("uuid_kill u CALL_REJECTED") == "+OK\n"
    assert client.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "CALL_REJECTED"


def test_sched_api_runs_a_command_later(bench: Bench) -> None:
    bench.switch.phone(Phone(number="1", calls=[Behaviour(after=0)]))
    bench.client.api("originate {origination_uuid=u}sofia/gateway/pstn/1 &park()")
    assert bench.client.api("sched_api +1 u uuid_kill u USER_BUSY").startswith("+OK Added: ")
    assert bench.client.event("CHANNEL_HANGUP_COMPLETE")["Hangup-Cause"] == "USER_BUSY"


def test_a_dropped_link_can_be_made_again(bench: Bench) -> None:
    bench.switch.kill_connections()
    bench.client.end()
    assert bench.connect().api("show calls count") == "\n0 total.\n"


def test_a_switch_that_restarts_comes_back_at_the_same_port_without_its_calls(
    bench: Bench,
) -> None:
    address = bench.switch.address
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2"))
    first = bench.client.event("CHANNEL_CREATE")["Core-UUID"]
    bench.switch.restart()
    bench.client.end()
    assert bench.switch.address == address
    assert not bench.switch.legs
    client = bench.connect()
    bench.switch.place_call(TriggerCall(id="2", caller="+1", did="2"))
    assert client.event("CHANNEL_CREATE")["Core-UUID"] != first


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("+1 a", "%2B1%20a"),
        ("a%0Ab", "a%0Ab"),
        ("50%", "50%25"),
        ("%zz", "%25zz"),
        ("é", "%C3%A9"),
        ("a/b,c(d)*", "a/b,c(d)*"),
    ],
)
def test_plain_text_is_encoded_as_the_switch_does(text: str, encoded: str) -> None:
    assert url_encode(text) == encoded


def test_bytes_that_are_no_text_go_out_as_they_came() -> None:
    assert b'{"a":"\xff"}' in json_frame({"a": "\udcff"})
