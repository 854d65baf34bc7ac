"""The inbound link: logging in, coming back, and jobs whose answer was lost on the way (O5)."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import gevent
import pytest
import structlog

from controller.esl import commands
from controller.esl import switch as switch_module
from controller.esl.errors import (
    AuthenticationFailed,
    CommandRefused,
    CommandTimeout,
    EslError,
    NotConnected,
    UnexpectedFrame,
    WireError,
)
from controller.esl.switch import InboundConnection

from .node import ASK, CORE, RUDE, Node, job_done, originate
from .peer import Peer, api_reply, event, fill, listening, notice, reply


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """A node; links come back to it at once."""
    monkeypatch.setattr(switch_module, "FIRST_WAIT", 0.001)
    monkeypatch.setattr(switch_module, "LONGEST_WAIT", 0.004)
    with ExitStack() as stack:
        yield Node(stack)


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the links' connections a short command deadline, in which they can log in."""
    short = functools.partial(InboundConnection, timeout=0.5)
    monkeypatch.setattr(switch_module, "InboundConnection", short)


# --- logging in ----------------------------------------------------------------------------


def connecting(node: Node, timeout: float = 5.0) -> tuple[Any, Peer]:
    """Begin to connect; give the greenlet and the switch's side."""
    connection = InboundConnection("127.0.0.1", node.port, "secret", timeout)
    return gevent.spawn(connection.connect), node.accept()


def test_a_wrong_password_is_said_so(node: Node) -> None:
    wait, peer = connecting(node)
    peer.send(ASK)
    peer.expect("auth secret")
    peer.send(reply("-ERR invalid"), notice("disconnect"))
    with pytest.raises(AuthenticationFailed, match="password"):
        wait.get()
    assert peer.at_end()


def test_an_address_that_the_switch_s_list_refuses_is_said_so(node: Node) -> None:
    wait, peer = connecting(node)
    peer.send(RUDE)
    with pytest.raises(AuthenticationFailed, match="ACL"):
        wait.get()
    assert peer.at_end()


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\n\n", WireError),
        (b"Content-Type: text/html\n\n", UnexpectedFrame),
        (reply("+OK"), UnexpectedFrame),
        (b"Content-Type: auth/req", WireError),
        (b"", NotConnected),
    ],
)
def test_what_is_no_event_socket_is_said_so(node: Node, said: bytes, error: type[EslError]) -> None:
    wait, peer = connecting(node)
    peer.send(said)
    peer.sock.shutdown(1)
    with pytest.raises(error):
        wait.get()


def test_a_switch_that_does_not_ask_for_a_password_is_not_waited_for(node: Node) -> None:
    wait, peer = connecting(node, timeout=0.02)
    with pytest.raises(NotConnected, match="does not ask"):
        wait.get()
    assert peer.at_end()


def test_a_switch_that_does_not_answer_the_password_is_not_waited_for(node: Node) -> None:
    wait, peer = connecting(node, timeout=0.5)
    peer.send(ASK)
    with pytest.raises(CommandTimeout):
        wait.get()
    assert peer.command() == "auth secret"
    assert peer.at_end()


def test_nothing_listens() -> None:
    with listening() as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotConnected, match="cannot connect"):
        InboundConnection("127.0.0.1", port, "secret").connect()


def test_a_question_for_the_password_asked_twice_is_answered_once(node: Node) -> None:
    wait, peer = connecting(node)
    peer.send(ASK, ASK)
    peer.answer("auth")
    wait.get()


def test_o5_a_link_knows_which_run_of_the_switch_it_is_to(node: Node) -> None:
    """Decision 9: after a restart nothing is left of what was sent before."""
    link, _ = node.up()
    assert link.core == CORE


def test_o5_what_goes_before_a_job_goes_with_it(node: Node) -> None:
    """One piece of text: whoever has got the job has got what is said of it."""
    link, peer = node.up()
    first = commands.set_global("callback_sent_x", "1")
    link.submit(originate("x"), "x", ["leg-x"], lambda *got: node.answers.put(got), first=first)
    assert peer.command() == "api global_setvar callback_sent_x=1"
    assert peer.command().endswith("\nJob-UUID: x")
    # The reply to each is its own.
    peer.send(api_reply("-ERR no such thing"), reply("-ERR invalid"))
    answer, error = node.answers.get()
    assert answer is None
    assert isinstance(error, CommandRefused)


# --- coming back ---------------------------------------------------------------------------


def test_o5_a_node_that_stays_away_is_said_once(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_module, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(switch_module, "LONGEST_WAIT", 0.01)
    link, known = node.link(), []
    with structlog.testing.capture_logs() as logs:
        link.start()
        for said in (RUDE, RUDE, RUDE, b"junk\n\n"):
            peer = node.accept()
            known.append("refuses our address" in str(link.fault))
            peer.send(said)
            assert peer.at_end()
        assert known == [False, True, True, True]
        node.log_in()
        node.ups.get()
        assert link.fault is None
    down = [line["log_level"] for line in logs if line["event"] == "link_down"]
    assert down == ["warning", "debug", "debug", "warning"]


@pytest.mark.parametrize("said", [reply("-ERR invalid"), RUDE, b"junk\n\n"])
def test_a_link_that_is_refused_tries_again(node: Node, said: bytes) -> None:
    link = node.link()
    link.start()
    for _ in range(3):
        peer = node.accept()
        if said.startswith(b"Content-Type: command"):
            peer.send(ASK)
            peer.expect("auth secret")
        peer.send(said)
        assert peer.at_end()
    assert not link.up.is_set()
    assert node.downs.empty()
    node.log_in()
    assert node.ups.get() == []
    assert link.up.is_set()


def test_a_link_that_drops_comes_back_each_time(node: Node) -> None:
    _, peer = node.up()
    for _ in range(3):
        peer.sock.close()
        assert node.downs.get() is None
        peer = node.log_in()
        assert node.ups.get() == []


def test_a_link_waits_longer_each_time_and_begins_anew_once_it_was_up(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(switch_module, "FIRST_WAIT", 1.0)
    monkeypatch.setattr(switch_module, "LONGEST_WAIT", 5.0)
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    monkeypatch.setattr(gevent, "sleep", waits.append)
    link = node.link()
    link.start()
    for _ in range(5):
        node.accept().sock.close()
    peer = node.log_in()
    node.ups.get()
    peer.sock.close()
    node.downs.get()
    node.log_in()
    node.ups.get()
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0, 1.0]
    link.stop()


def test_events_go_to_the_one_who_asked(node: Node) -> None:
    _, peer = node.up()
    peer.send(event("CHANNEL_HANGUP_COMPLETE", Unique_ID="a"), job_done("unknown", "+OK\n"))
    peer.send(event("CHANNEL_HANGUP_COMPLETE", Unique_ID="b"))
    seen = [node.events.get() for _ in range(3)]
    # The answer to a job that is not ours may be of a controller that is gone.
    assert [(e.uuid, e.job_uuid) for e in seen] == [("a", None), (None, "unknown"), ("b", None)]


def test_a_frozen_switch_ends_the_link(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch that is stopped keeps its connections; only a question tells."""
    impatient(monkeypatch)
    _, peer = node.up(ping_seconds=0.01)
    for _ in range(3):
        peer.expect("api uptime")
        peer.send(api_reply("5"))
    peer.expect("api uptime")
    assert isinstance(node.downs.get(), CommandTimeout)
    node.log_in()


def test_a_link_looks_at_once_when_it_is_told_to(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O5: whoever has a reason to doubt it does not wait for the next time."""
    impatient(monkeypatch)
    link, peer = node.up(ping_seconds=3600)
    link.look()
    peer.expect("api uptime")
    assert isinstance(node.downs.get(), CommandTimeout)
    link.look()
    node.log_in()


def test_a_link_that_is_down_says_so(node: Node) -> None:
    link = node.link()
    with pytest.raises(NotConnected, match="node1"):
        link.api("status")
    with pytest.raises(NotConnected):
        link.submit(originate("j"), "j", ["a"], lambda *_: None)
    assert link.in_flight == []


def test_an_api_command_gives_what_it_printed(node: Node) -> None:
    link, peer = node.up()
    wait = gevent.spawn(link.api, "uuid_exists", "a-1")
    peer.expect("api uuid_exists a-1")
    peer.send(api_reply("true\n"))
    assert wait.get() == "true"
    refused = gevent.spawn(link.request, commands.linger(5))
    peer.answer("linger", "-ERR not controlling a session")
    with pytest.raises(CommandRefused):
        refused.get()


# --- stopping ------------------------------------------------------------------------------


def asked(node: Node) -> Peer:
    """Ask for the password, and leave the answer at that."""
    peer = node.accept()
    peer.send(ASK)
    peer.expect("auth")
    return peer


def up_again(node: Node) -> Peer:
    """Let it log in."""
    peer = node.log_in()
    node.ups.get()
    return peer


MOMENTS: dict[str, Callable[[Node], Peer]] = {
    "before it is asked for the password": Node.accept,
    "before its password is taken": asked,
    "when it is up": up_again,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_link_can_be_stopped_at_any_moment(node: Node, moment: str) -> None:
    link = node.link()
    link.start()
    peer = MOMENTS[moment](node)
    link.stop()
    assert peer.at_end()
    assert not link.up.is_set()
    with pytest.raises(NotConnected):
        link.api("status")
    link.stop()  # twice is once


def test_a_link_can_be_stopped_before_it_was_started(node: Node) -> None:
    node.link().stop()


# --- jobs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["+OK leg-j1", "-ERR USER_BUSY"])
def test_a_job_is_in_flight_until_it_is_answered(node: Node, answer: str) -> None:
    link, peer = node.up()
    node.submit(link, peer, "j1")
    node.submit(link, peer, "j2")
    assert [job.job_uuid for job in link.in_flight] == ["j1", "j2"]
    assert link.in_flight[0].leg_uuids == ("leg-j1",)
    peer.send(job_done("j1", f"{answer}\n"), job_done("j1", "+OK again\n"))
    assert node.answers.get() == (answer, None)
    peer.send(job_done("j2", "+OK leg-j2\n"))
    assert node.answers.get() == ("+OK leg-j2", None)
    assert link.in_flight == []
    assert node.answers.empty()  # the answer that came twice was given once


def test_a_job_that_the_switch_does_not_take_is_answered_at_once(node: Node) -> None:
    link, peer = node.up()
    node.submit(link, peer, "j1", "-ERR Command not found!")
    answer, error = node.answers.get()
    assert answer is None
    assert isinstance(error, CommandRefused)
    assert link.in_flight == []


@pytest.mark.parametrize("taken", ["+OK Job-UUID: j1", None])
def test_a_job_in_flight_when_the_link_breaks_is_kept_and_handed_out(
    node: Node, taken: str | None
) -> None:
    """Whether the switch took it is not known: never made again by itself."""
    link, peer = node.up()
    node.submit(link, peer, "j1", taken)
    peer.sock.close()
    node.downs.get()
    assert [job.job_uuid for job in link.in_flight] == ["j1"]
    peer = node.log_in()
    (lost,) = node.ups.get()
    assert lost.job_uuid == "j1"
    assert node.answers.empty()
    # One that still runs is answered on the new link.
    peer.send(job_done("j1", "+OK leg-j1\n"))
    assert node.answers.get() == ("+OK leg-j1", None)
    assert link.in_flight == []


def test_a_lost_job_that_is_given_up_is_forgotten(node: Node) -> None:
    link, peer = node.up()
    node.submit(link, peer, "j1")
    peer.sock.close()
    peer = node.log_in()
    (lost,) = node.ups.get()
    node.submit(link, peer, "j2")
    link.forget(lost.job_uuid)
    link.forget(lost.job_uuid)  # twice is once
    assert [job.job_uuid for job in link.in_flight] == ["j2"]
    peer.send(job_done("j1", "+OK too late\n"), job_done("j2", "+OK leg-j2\n"))
    assert node.answers.get() == ("+OK leg-j2", None)
    peer.sock.close()
    node.log_in()
    assert node.ups.get() == []


def test_a_job_answered_while_the_link_logs_in_again_is_not_lost(node: Node) -> None:
    link, peer = node.up()
    node.submit(link, peer, "j1")
    peer.sock.close()
    peer = node.accept()
    peer.send(ASK)
    peer.answer("auth")
    peer.answer("filter")
    peer.expect("event json")
    peer.send(job_done("j1", "+OK leg-j1\n"), reply())
    peer.expect("api global_getvar")
    peer.send(api_reply(CORE))
    assert node.ups.get() == []
    assert node.answers.get() == ("+OK leg-j1", None)


def test_a_job_whose_sending_breaks_is_in_doubt_and_stays_on_the_list(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised: who asked would try again what the switch may have."""
    impatient(monkeypatch)
    link, _ = node.up()
    fill(link._live().sock)
    link.submit(originate("j1"), "j1", ["a"], lambda *got: node.answers.put(got))
    assert [job.job_uuid for job in link.in_flight] == ["j1"]
    assert isinstance(node.downs.get(), CommandTimeout)
    assert node.answers.empty()
