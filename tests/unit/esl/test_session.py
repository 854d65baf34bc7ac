"""The outbound session: its leg, applications told apart by id, a hang-up that ends every wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import AsyncResult
from gevent.queue import Queue
from greenswitch.esl import OutboundSession as GreenswitchSession
from greenswitch.esl import OutboundSessionHasGoneAway

from controller.esl import commands
from controller.esl.errors import (
    BadEvent,
    CommandRefused,
    CommandTimeout,
    NotConnected,
    UnsafeText,
)
from controller.esl.events import Event
from controller.esl.session import OutboundSession

from .peer import (
    LEG,
    Peer,
    completed,
    event,
    event_uuid,
    hung_up,
    notice,
    reply,
    tcp_pair,
)


def begin(peer: Peer, call: Callable[..., Any], *args: Any, **named: Any) -> tuple[Any, str]:
    """Begin a blocking call and answer its command; give its greenlet and `Event-UUID`."""
    wait = gevent.spawn(call, *args, **named)
    return wait, event_uuid(peer.answer("sendmsg"))


def test_a_session_knows_its_leg(session: OutboundSession) -> None:
    assert isinstance(session, GreenswitchSession)
    assert session.uuid == LEG
    assert session.call_uuid is None
    assert session.caller_id_number is None
    assert session.connect() is session.session_data


def test_a_session_without_an_answer_has_no_leg() -> None:
    sock, peer = tcp_pair()
    with peer:
        session = OutboundSession(("127.0.0.1", 1), sock)
        assert (session.uuid, session.call_uuid, session.caller_id_number) == (None,) * 3
        session.close()
        with pytest.raises(NotConnected):
            session.connect()


def test_an_answer_that_is_no_channel_is_refused() -> None:
    sock, peer = tcp_pair()
    with peer:
        session = OutboundSession(("127.0.0.1", 1), sock)
        session.start_event_handlers()
        wait = gevent.spawn(session.connect)
        peer.answer("connect")
        with pytest.raises(BadEvent):
            wait.get()
        session.close()


def test_the_filter_is_asked_for_before_the_events(peer: Peer, session: OutboundSession) -> None:
    """Without it `event` would bring every other call's events too."""
    session.subscribe(LEG)
    peer.expect("linger 5", f"filter Unique-ID {LEG}", "event json CHANNEL_EXECUTE_COMPLETE ")


def test_what_a_session_asks_for_is_one_write(
    peer: Peer, session: OutboundSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each write is a call of the kernel, and may be a packet: they cost more than the text."""
    written: list[bytes] = []
    monkeypatch.setattr(session, "_write", written.append)
    session.subscribe(LEG)
    assert [one.count(b"\n\n") for one in written] == [3]


def test_two_applications_of_one_name_end_each_their_own_wait(
    peer: Peer, session: OutboundSession
) -> None:
    """Event-UUID comes back as Application-UUID: correlate by it only."""
    first, one = begin(peer, session.playback, "a.wav")
    second, two = begin(peer, session.playback, "b.wav")
    assert one != two
    peer.send(completed(two, variable_read_result="B"))
    assert second.get().read_result == "B"
    assert not first.ready()
    peer.send(completed(one, variable_read_result="A"))
    assert first.get().read_result == "A"


def test_an_end_of_another_application_wakes_nobody(peer: Peer, session: OutboundSession) -> None:
    """The same event twice, one that nobody waits for, one with its id twice: all passed over."""
    seen: list[str] = []
    session.on_event = lambda event: seen.append(event.name)
    wait, own = begin(peer, session.playback, "a.wav")
    peer.send(completed("other"), event("CHANNEL_EXECUTE_COMPLETE"))
    peer.send(event("CHANNEL_EXECUTE_COMPLETE", Application_UUID=[own, own]))
    peer.send(event("CHANNEL_EXECUTE", Application_UUID=own))
    marker = gevent.spawn(session.send, "api marker")
    peer.answer("api marker")
    marker.get()
    assert not wait.ready()
    peer.send(completed(own), completed(own))
    assert wait.get().application_uuid == own
    marker = gevent.spawn(session.send, "api marker")
    peer.answer("api marker")
    marker.get()
    assert seen.count("CHANNEL_EXECUTE_COMPLETE") == 5


def test_an_application_that_ends_before_its_reply_is_read_is_not_missed(
    peer: Peer, session: OutboundSession
) -> None:
    wait = gevent.spawn(session.playback, "a.wav")
    (command,) = peer.expect("sendmsg")
    peer.send(completed(event_uuid(command)), reply())
    assert isinstance(wait.get(), Event)


def test_an_application_that_is_refused_is_not_waited_for(
    peer: Peer, session: OutboundSession
) -> None:
    wait = gevent.spawn(session.playback, "a.wav")
    peer.answer("sendmsg", "-ERR invalid session id")
    with pytest.raises(CommandRefused):
        wait.get()


def test_an_application_may_be_waited_for_a_limited_time(
    peer: Peer, session: OutboundSession
) -> None:
    wait, _ = begin(peer, session.call_command, "park", block=True, response_timeout=0.02)
    with pytest.raises(CommandTimeout):
        wait.get()
    assert session.connected


def test_an_application_s_argument_cannot_be_a_second_command(session: OutboundSession) -> None:
    """G1: a line break in an argument."""
    for argument in ("a\n\nsendmsg", "a\nEvent-UUID: x", "a\r"):
        with pytest.raises(UnsafeText):
            session.playback(argument)
    with pytest.raises(UnsafeText):
        session.call_command("playback\nEvent-UUID: x")


# --- the hang-up ---------------------------------------------------------------------------

HANG_UPS = {
    "the notice, then the event": [notice("linger"), hung_up()],
    "the event, then the notice": [hung_up(), notice("linger")],
    "the event alone": [hung_up()],
}


@pytest.mark.parametrize("order", HANG_UPS)
def test_a_hang_up_ends_every_wait_in_either_order(
    peer: Peer, session: OutboundSession, order: str
) -> None:
    """Their order varies: CHANNEL_HANGUP_COMPLETE can follow the notice."""
    waits = [begin(peer, session.playback, "a.wav")[0] for _ in range(2)]
    peer.send(*HANG_UPS[order])
    for wait in waits:
        with pytest.raises(OutboundSessionHasGoneAway):
            wait.get()
    for block in (False, True):
        with pytest.raises(OutboundSessionHasGoneAway):
            session.call_command("playback", "a.wav", block=block)
    with pytest.raises(OutboundSessionHasGoneAway):
        session.raise_if_disconnected()
    assert session.connected  # what is left is read until the switch closes


def test_without_the_event_the_end_of_the_connection_ends_every_wait(
    peer: Peer, session: OutboundSession
) -> None:
    wait, _ = begin(peer, session.playback, "a.wav")
    peer.send(notice("linger"), notice("disconnect"))
    peer.sock.close()
    with pytest.raises(OutboundSessionHasGoneAway):
        wait.get()


def test_a_hang_up_of_another_leg_ends_nothing(peer: Peer, session: OutboundSession) -> None:
    wait, own = begin(peer, session.playback, "a.wav")
    peer.send(hung_up("another-leg"), completed(own))
    assert wait.get().application_uuid == own
    session.raise_if_disconnected()


def test_events_of_a_leg_that_is_over_are_still_handed_on(
    peer: Peer, session: OutboundSession
) -> None:
    got: Queue[Event] = Queue()
    session.on_event = got.put
    peer.send(notice("linger"), hung_up(), event("CHANNEL_BRIDGE", Unique_ID=LEG))
    assert [got.get().name for _ in range(2)] == ["CHANNEL_HANGUP_COMPLETE", "CHANNEL_BRIDGE"]
    session.transmit(commands.EXIT)
    peer.expect("exit")


# --- greenswitch's API ---------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "digits"), [("1234", "1234"), ("", ""), (None, None)])
def test_a_script_s_digits_are_those_that_its_command_collected(
    peer: Peer, session: OutboundSession, sent: str | None, digits: str | None
) -> None:
    wait = gevent.spawn(session.play_and_get_digits, 1, 4, prompt_file="a.wav")
    command = peer.answer("sendmsg")
    assert command.endswith(r"1 4 1 5000 # a.wav silence_stream://10 callback_digits \d+ 3000")
    collected = {} if sent is None else {"variable_callback_digits": sent}
    peer.send(completed(event_uuid(command), **collected))
    assert wait.get() == digits


def test_handlers_get_the_events_of_their_name_else_those_of_all(
    peer: Peer, session: OutboundSession
) -> None:
    seen: list[tuple[str, str]] = []
    done: AsyncResult[bool] = AsyncResult()
    session.register_handle("DTMF", lambda event: seen.append(("DTMF", event.name)))
    session.register_handle("*", lambda event: seen.append(("*", event.name)))
    session.register_handle("LAST", lambda event: done.set(True))
    peer.send(event("DTMF"), event("CHANNEL_BRIDGE"), event("LAST"))
    assert done.get()
    assert seen == [("DTMF", "DTMF"), ("*", "CHANNEL_BRIDGE")]


def test_a_script_as_greenswitch_documents_it_runs(peer: Peer, session: OutboundSession) -> None:
    """connect, myevents, answer, say, hangup; `while_connected` around it."""
    said: AsyncResult[Any] = AsyncResult()

    def script() -> None:
        with session.while_connected():
            session.connect()
            session.myevents()
            session.linger()
            said.set(session.answer())
            session.say(text="12", lang="en")
            session.hangup("NORMAL_CLEARING")

    running = gevent.spawn(script)
    assert peer.answer("myevents") == "myevents json"  # plain text would forge headers
    peer.answer("linger")
    peer.answer("sendmsg", "+OK answering")
    saying = peer.answer("sendmsg")
    assert saying.endswith("\n\nen:en NUMBER pronounced FEMININE 12")
    peer.send(completed(event_uuid(saying), "say"))
    assert peer.answer("sendmsg").endswith("\n\nNORMAL_CLEARING")
    running.get()
    assert said.get() == "+OK answering"
