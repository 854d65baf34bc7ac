"""The ``socket`` application: who is called, who takes over, and how it ends."""

from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import unquote

import gevent
import pytest

from controller.simulator import Behaviour, HangUp, Phone, TriggerCall
from controller.simulator.events import array
from tests.proxies import black_hole
from tests.unit.simulator.peer import Bench, Controller

LONG = "silence_stream://60000"


@pytest.fixture(autouse=True)
def phones(bench: Bench) -> None:
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    bench.switch.phone(Phone(number="200", calls=[Behaviour(after=0)]))


def collecting(bench: Bench) -> None:
    peer = bench.return_call()
    peer.execute("set", "a=1")
    peer.execute("playback", LONG, "p")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    peer.die()


def test_with_socket_resume_the_next_socket_connects_at_once(bench: Bench) -> None:
    collecting(bench)
    again = bench.controller.accept().attach()
    assert again.data["variable_a"] == "1"
    assert again.data["variable_cb_hops"] == "xx"


def test_without_socket_resume_the_running_application_ends_first(bench: Bench) -> None:
    peer = bench.return_call()
    peer.execute("unset", "socket_resume", "u")
    peer.done("u")
    peer.execute("playback", LONG, "p")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    peer.die()
    peer.reader.join()
    assert bench.client.api("uuid_getvar r current_application") == "playback"
    assert bench.client.api("uuid_break r") == "+OK\n"
    assert bench.controller.accept().attach().data["variable_cb_hops"] == "xx"


def test_exit_while_bridged_leaves_the_conversation_and_another_is_called_at_its_end(
    bench: Bench,
) -> None:
    peer = bench.return_call()
    peer.execute("unset", "socket_resume")
    peer.execute("bridge", "[origination_uuid=d]sofia/gateway/pstn/200", "b")
    peer.event("CHANNEL_BRIDGE")
    assert peer.command("exit").kind == "+OK bye"
    peer.end()
    assert peer.frames[-1].body.startswith("Disconnected, goodbye.")
    assert len(peer.frames[-1].body) == 67
    assert set(bench.switch.legs) == {"r", "d"}
    assert bench.client.api("uuid_kill d ALLOTTED_TIMEOUT") == "+OK\n"
    again = bench.controller.accept().attach()
    assert again.data["variable_bridge_hangup_cause"] == "ALLOTTED_TIMEOUT"
    assert again.data["variable_last_bridge_to"] == "d"


def test_with_socket_resume_a_dead_controller_tears_the_conversation_down(bench: Bench) -> None:
    peer = bench.return_call()
    peer.execute("bridge", "[origination_uuid=d]sofia/gateway/pstn/200", "b")
    peer.event("CHANNEL_BRIDGE")
    peer.die()
    assert bench.client.event("CHANNEL_HANGUP_COMPLETE")["Unique-ID"] == "d"
    assert bench.controller.accept().attach().leg == "r"


def test_the_hosts_are_tried_in_order_and_the_next_only_if_one_refuses(
    make_bench: Callable[..., Bench],
) -> None:
    first, second, gone = Controller(), Controller(), Controller()
    gone.server.stop()
    addresses = "|".join([gone.address, first.address, second.address])
    bench = make_bench(globals={"callback_controllers": addresses})
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2"))
    peer = first.accept()
    assert peer.command("connect").headers["variable_callback_leg"] == "trigger"
    first.server.stop()
    second.server.stop()


def test_the_name_behind_an_address_stays_on_the_leg(make_bench: Callable[..., Bench]) -> None:
    """O4: seen on 1.11.1, before the connection is there, and as it was where there is no name."""
    named, plain = Controller(), Controller()
    bench = make_bench(
        globals={"callback_controllers": f"127.0.0.1:1/gone|{named.address}/b.c-1|{plain.address}"}
    )
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2"))
    peer = named.accept()
    (leg,) = bench.switch.legs
    assert bench.client.api(f"uuid_getvar {leg} socket_path") == "b.c-1"
    assert peer.attach().data["variable_socket_path"] == "b.c-1"
    bench.client.api("hupall")
    bench.switch.wait()
    named.server.stop()
    bench.switch.place_call(TriggerCall(id="2", caller="+1", did="2"))
    assert plain.accept().attach().data["variable_socket_path"] == "b.c-1"
    plain.server.stop()


def test_what_comes_after_the_fiftieth_host_is_lost(make_bench: Callable[..., Bench]) -> None:
    """O4: seen on 1.11.1: the fiftieth and all behind it are read as one, which is no host."""
    last = Controller()
    for others, sort in ((49, "passed over"), (50, "lost")):
        hosts = "|".join(["127.0.0.1:1"] * others + [last.address])
        bench = make_bench(globals={"callback_controllers": hosts})
        bench.switch.place_call(TriggerCall(id=sort, caller="+1", did="2"))
        if others == 49:
            last.accept().attach()
        else:
            bench.switch.wait(partial(bench.switch.seen, "refused"))
    last.server.stop()


@pytest.fixture
def hole() -> Iterator[str]:
    """The address of a host that swallows what is sent to it."""
    with black_hole() as made:
        yield f"127.0.0.1:{made.getsockname()[1]}"


def test_a_leg_that_waits_for_a_black_hole_hears_nothing_until_that_is_over(
    make_bench: Callable[..., Bench], hole: str
) -> None:
    """O4: seen on 1.11.1: a transfer counts then, after the next host of the list it had."""
    old, new = Controller(), Controller()
    bench = make_bench(globals={"callback_controllers": f"{hole}/hole|{old.address}/old"})
    bench.switch.connect_seconds = 1.0
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    bench.client.command(
        "bgapi originate {origination_uuid=r}sofia/gateway/pstn/100 return_call XML callback"
    )
    bench.client.event("CHANNEL_EXECUTE", Application="socket")
    assert bench.client.api("uuid_getvar r socket_path") == "hole"
    bench.switch.globals["callback_controllers"] = f"{new.address}/new"
    bench.switch.reload_dialplan()
    assert bench.client.api("uuid_transfer r return_call XML callback") == "+OK\n"
    assert bench.client.api("uuid_getvar r socket_path") == "hole"
    first = old.accept().attach()
    assert first.data["variable_socket_path"] in {"old", "new"}
    assert new.accept().attach().data["variable_socket_path"] == "new"
    old.server.stop()
    new.server.stop()


def test_with_no_controller_at_all_the_dialplan_goes_on(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(globals={"callback_controllers": "127.0.0.1:1|127.0.0.1:2"})
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2"))
    bench.switch.wait()
    (refused,) = bench.switch.seen("refused")
    assert refused.detail == {"cause": "USER_BUSY", "sip": "486 Busy Here"}


def test_nothing_is_sent_before_connect(bench: Bench) -> None:
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2"))
    peer = bench.controller.accept()
    gevent.idle()
    assert peer.frames == []
    assert len(peer.attach().data) > 160


def test_a_lingering_socket_says_so_and_then_goodbye(bench: Bench) -> None:
    peer = bench.return_call()
    peer.execute("hangup", "USER_BUSY", "h")
    peer.end()
    kinds = [frame.kind for frame in peer.frames]
    assert kinds[-3:] == ["CHANNEL_HANGUP_COMPLETE", "linger", "disconnect"]


def test_the_notice_may_come_before_the_last_event(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(odd_orders=1.0)
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    peer = bench.return_call()
    peer.execute("hangup")
    peer.end()
    kinds = [frame.kind for frame in peer.frames]
    assert kinds[-3:] == ["linger", "CHANNEL_HANGUP_COMPLETE", "disconnect"]


def test_without_linger_the_socket_closes_with_the_leg(bench: Bench) -> None:
    bench.client.command(
        "bgapi originate {origination_uuid=r}sofia/gateway/pstn/100 return_call XML callback"
    )
    peer = bench.controller.accept().attach(linger=None)
    peer.execute("hangup")
    peer.end()
    assert peer.frames[-1].kind == "disconnect"
    assert "linger" not in [frame.kind for frame in peer.frames]


def test_a_uuid_stays_taken_while_its_socket_lingers(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(linger=60)
    bench.switch.phone(Phone(number="100", calls=[Behaviour(after=0)]))
    peer = bench.return_call()
    peer.execute("hangup")
    peer.event("CHANNEL_HANGUP_COMPLETE")
    again = "api originate {origination_uuid=r}sofia/gateway/pstn/100 &park()"
    assert bench.client.command(again).body == "-ERR DESTINATION_OUT_OF_ORDER\n"
    peer.command("exit")
    peer.end()
    bench.switch.wait(lambda: not bench.switch.connections["outbound"])
    assert bench.client.command(again).body == "+OK r\n"


def test_an_unknown_application_ends_the_leg_without_a_completion(bench: Bench) -> None:
    peer = bench.return_call()
    peer.execute("nosuchapp", "x", "a1")
    complete = peer.event("CHANNEL_HANGUP_COMPLETE")
    assert complete["Hangup-Cause"] == "DESTINATION_OUT_OF_ORDER"
    assert "a1" not in [frame.event.get("Application-UUID") for frame in peer.frames]


def test_sendmsg_hangup_ends_the_leg_at_once(bench: Bench) -> None:
    peer = bench.return_call()
    peer.execute("playback", LONG, "p")
    peer.event("CHANNEL_EXECUTE", Application_UUID="p")
    assert peer.command("sendmsg\ncall-command: hangup\nhangup-cause: CALL_REJECTED").kind == "+OK"
    assert peer.done("p")["Hangup-Cause"] == "CALL_REJECTED"


def test_an_argument_may_come_as_a_header(bench: Bench) -> None:
    peer = bench.return_call()
    peer.send(
        "sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: a=1\nEvent-UUID: s"
    )
    assert peer.done("s")["variable_a"] == "1"


def test_a_transfer_moves_the_leg_to_another_controller(bench: Bench) -> None:
    silent = bench.return_call()
    assert bench.client.api("uuid_transfer r return_call XML callback") == "+OK\n"
    other = bench.controller.accept().attach()
    assert other.leg == "r"
    # The silent one still holds its socket, and its end takes the leg from the other: with
    # socket_resume the dialplan goes on to the next "socket".
    silent.die()
    assert bench.controller.accept().attach().data["variable_cb_hops"] == "xxx"


def test_a_filter_lets_only_one_call_through(bench: Bench) -> None:
    bench.switch.phone(Phone(number="101", calls=[Behaviour(after=0)]))
    client = bench.client
    client.command("bgapi originate {origination_uuid=a}sofia/gateway/pstn/100 &park()")
    client.event("CHANNEL_PARK", Unique_ID="a")
    other = bench.connect("event json CHANNEL_HANGUP_COMPLETE BACKGROUND_JOB")
    assert other.command("filter Unique-ID b").kind == "+OK filter added. [Unique-ID]=[b]"
    client.command("bgapi originate {origination_uuid=b}sofia/gateway/pstn/101 &park()")
    client.event("CHANNEL_PARK", Unique_ID="b")
    client.api("uuid_kill a")
    client.api("uuid_kill b")
    assert other.event("CHANNEL_HANGUP_COMPLETE")["Unique-ID"] == "b"
    assert {frame.event.get("Unique-ID") for frame in other.frames if frame.event} == {"b"}


def test_text_from_the_caller_is_encoded_once(bench: Bench) -> None:
    bench.switch.place_call(
        TriggerCall(id="1", caller="+1%0Avariable_evil:%20yes", did="2", name="a\nb: c")
    )
    headers = bench.controller.accept().command("connect").headers
    assert headers["variable_sip_from_user"] == "%2B1%0Avariable_evil%3A%20yes"
    assert headers["variable_sip_from_display"] == "a%0Ab%3A%20c"
    assert "variable_evil" not in headers


def test_what_the_switch_would_expand_becomes_no_variable(bench: Bench) -> None:
    bench.switch.place_call(TriggerCall(id="1", caller="+1${system(id)}", did="2", name="${x}"))
    headers = bench.controller.accept().command("connect").headers
    assert headers["Caller-Caller-ID-Number"] == "%2B1$%7Bsystem(id)%7D"
    assert "variable_sip_from_host" in headers
    for name in ("user", "display", "uri"):
        assert f"variable_sip_from_{name}" not in headers
    assert "variable_sip_full_from" not in headers


def test_g1_on_a_leg_that_says_so_an_argument_is_text(bench: Bench) -> None:
    """But `set` expands by itself, as in mod_dptools.c."""
    peer = bench.return_call()
    said = "${callback_leg}"
    peer.execute("set", f"a={said}", uuid="1")
    assert peer.done("1")["variable_a"] == "return"
    peer.execute("set", "app_disable_expand_variables=true", uuid="2")
    peer.done("2")
    peer.execute("log", f"ERR {said}", uuid="3")
    assert peer.done("3")["Application-Data"] == f"ERR {said}"
    peer.execute("set", f"b={said}", uuid="4")
    done = peer.done("4")
    assert (done["variable_b"], done["Application-Data"]) == ("return", f"b={said}")
    peer.execute("unset", "app_disable_expand_variables", uuid="5")
    peer.done("5")
    peer.execute("log", f"ERR {said}", uuid="6")
    assert peer.done("6")["Application-Data"] == "ERR return"


def test_identity_headers_decide_the_caller_as_the_switch_does(bench: Bench) -> None:
    bench.switch.place_call(
        TriggerCall(
            id="1",
            caller="anonymous",
            did="2",
            headers={
                "P-Asserted-Identity": '"Bo" <sip:+4477@example.net>',
                "Privacy": "id",
                "X-Trace": "7",
            },
        )
    )
    data = bench.controller.accept().attach().data
    assert data["Caller-Caller-ID-Number"] == "+4477"
    assert data["variable_sip_P-Asserted-Identity"] == '"Bo" <sip:+4477@example.net>'
    assert data["variable_sip_from_user"] == "anonymous"
    assert data["variable_sip_Privacy"] == "id"
    assert data["Caller-Privacy-Hide-Number"] == "true"
    assert data["variable_sip_h_X-Trace"] == "7"


def test_a_call_comes_from_the_address_that_its_trunk_has(bench: Bench) -> None:
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2", address="2001:db8::7"))
    data = bench.controller.accept().attach().data
    assert data["variable_sip_network_ip"] == data["variable_sip_received_ip"] == "2001:db8::7"
    assert data["Caller-Network-Addr"] == "2001:db8::7"


def test_a_from_without_user_gets_one_from_the_switch(bench: Bench) -> None:
    """Seen on 1.11.1."""
    bench.switch.place_call(TriggerCall(id="1", caller="", did="2", host="anonymous.invalid"))
    data = bench.controller.accept().attach().data
    assert data["variable_sip_from_user"] == "nobody"
    assert data["variable_sip_from_host"] == "anonymous.invalid"
    assert data["variable_sip_from_uri"] == "nobody@anonymous.invalid"
    assert data["Caller-Caller-ID-Name"] == "unknown"
    assert "Caller-Caller-ID-Number" not in data


@pytest.mark.parametrize(
    ("headers", "variables", "number"),
    [
        (
            {"P-Asserted-Identity": '"Anonymous" <sip:anonymous.invalid>'},
            {"sip_P-Asserted-Identity": None, "sip_cid_type": "pid"},
            "+1",
        ),
        (
            {"P-Asserted-Identity": "garbage"},
            {"sip_P-Asserted-Identity": None, "sip_cid_type": "pid"},
            "+1",
        ),
        (
            {"P-Asserted-Identity": "<sip:+12;verstat=x@h;user=phone>"},
            {"sip_P-Asserted-Identity": "<sip:+12;verstat=x@h;user=phone>"},
            "+12",
        ),
        (
            {"P-Asserted-Identity": "<tel:+12;ext=5>"},
            {"sip_P-Asserted-Identity": "<tel:+12;ext=5>"},
            "+12",
        ),
        (
            {"Remote-Party-ID": "Bo <sip:+12@h>;privacy=off"},
            {"sip_Remote-Party-ID": "Bo <sip:+12@h>;privacy=off", "sip_cid_type": "rpid"},
            "+12",
        ),
    ],
)
def test_each_identity_header_is_kept_as_the_switch_keeps_it(
    bench: Bench, headers: dict[str, str], variables: dict[str, str | None], number: str
) -> None:
    """Seen on 1.11.1 with `p-asserted-id-parse=verbatim`."""
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2", headers=headers))
    data = bench.controller.accept().attach().data
    assert {name: data.get(f"variable_{name}") for name in variables} == variables
    assert data["Caller-Caller-ID-Number"] == number
    assert data["variable_sip_from_user"] == "+1"


@pytest.mark.parametrize(
    ("privacy", "name", "number"),
    [
        ("full", "true", "true"), ("yes", "true", "true"), ("name", "true", "false"),
        ("number", "false", "true"), ("uri", "false", "false"), ("off", "false", "false"),
    ],
)  # fmt: skip
def test_remote_party_id_hides_what_the_switch_knows(
    bench: Bench, privacy: str, name: str, number: str
) -> None:
    headers = {"Remote-Party-ID": f"<sip:+12@h>;party=calling;privacy={privacy}"}
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2", headers=headers))
    data = bench.controller.accept().attach().data
    assert data["Caller-Privacy-Hide-Name"] == name
    assert data["Caller-Privacy-Hide-Number"] == number


def test_a_caller_who_gives_up(bench: Bench) -> None:
    bench.switch.place_call(TriggerCall(id="1", caller="+1", did="2", hang_up_after=0.5))
    complete = bench.controller.accept().attach().event("CHANNEL_HANGUP_COMPLETE")
    assert complete["Hangup-Cause"] == "ORIGINATOR_CANCEL"
    assert complete["variable_sip_hangup_disposition"] == "recv_cancel"


def test_hanging_up_the_destination_gives_the_first_leg_back(bench: Bench) -> None:
    bench.switch.phone(
        Phone(
            number="200",
            calls=[Behaviour(after=0, hang_up=HangUp(when="bridge", after=0.02))],
        )
    )
    peer = bench.return_call()
    peer.execute("bridge", "sofia/gateway/pstn2/200", "b")
    assert peer.done("b")["variable_last_bridge_hangup_cause"] == "NORMAL_CLEARING"
    peer.execute("playback", "silence_stream://1", "p")
    peer.done("p")


def test_events_in_plain_text_are_framed_and_say_the_same_as_in_json(bench: Bench) -> None:
    """mod_event_socket.c, read_packet: a head with the length, then the fields, url-encoded."""
    peer = bench.return_call(variables=",said='a b%3B'", events="myevents")
    peer.execute("playback", "tone_stream://%(1,0,440);loops=1", "p")
    frame = peer.until(
        lambda frame: (
            frame.headers["Content-Type"] == "text/event-plain"
            and "Event-Name: CHANNEL_EXECUTE\n" in frame.body
        )
    )
    assert frame.body.endswith("\n\n")
    lines = frame.body.removesuffix("\n\n").split("\n")
    plain = {name: unquote(value) for name, _, value in (line.partition(": ") for line in lines)}
    said = bench.client.event("CHANNEL_EXECUTE", Application_UUID="p")
    assert plain == {name: unquote(array(value)) for name, value in said.items()}
    assert plain["variable_said"] == "a b;"
