"""What is counted between a switch and its driver, and where there is no switch."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench import on_switch
from bench.on_switch_tap import Count, Tap
from tests.live.net import free_ports, wait_until

CONNECTED = b"Channel-State: CS_EXECUTE\nvariable_callback_leg: return\nReply-Text: +OK%0A\n\n"
DONE = b'{"Event-Name":"CHANNEL_EXECUTE_COMPLETE","Application":"playback"}'
EVENT = b"Content-Length: %d\nContent-Type: text/event-json\n\n%s" % (len(DONE), DONE)
PLAYBACK = (
    b"sendmsg\ncall-command: execute\nexecute-app-name: playback\nEvent-UUID: step-1\n"
    b"content-type: text/plain\ncontent-length: 5\n\n"
)


@contextmanager
def driver(port: int) -> Iterator[socket.socket]:
    """Be whoever drives: take one connection."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        taken, _ = listening.accept()
        with taken:
            yield taken


def exchange(port: int) -> None:
    """Say what a driver says, and read what comes."""
    with driver(port) as link:
        link.sendall(b"connect\n\n")
        link.recv(4096)
        link.sendall(PLAYBACK + b"a.wav")
        while link.recv(4096):
            pass


def test_what_goes_between_them_is_counted_by_leg_and_kind() -> None:
    front, back = free_ports(2)
    count = Count()
    serving = threading.Thread(target=exchange, args=(back,), daemon=True)
    serving.start()
    tap = Tap(count, front, back, link=False)
    try:
        with socket.create_connection(("127.0.0.1", front)) as leg:
            assert leg.recv(4096) == b"connect\n\n"
            leg.sendall(CONNECTED)
            wait_until("it is told to play", lambda: count.commands.total() == 2)
            # However the switch cuts what it sends.
            leg.sendall(EVENT[:70])
            leg.sendall(EVENT[70:])
            wait_until("it is told", lambda: count.events.total() == 2)
    finally:
        tap.close()
    serving.join(5)
    found = count.since(Count(), calls=1)
    assert found["of_commands"] == {
        "return connect": [1.0, len(b"connect\n\n")],
        "return playback": [1.0, len(PLAYBACK)],
    }
    assert found["of_frames"] == {
        "return CHANNEL_EXECUTE_COMPLETE playback": [1.0, len(EVENT)],
        "return connect reply": [1.0, len(CONNECTED)],
    }
    assert (found["frames"], found["commands"]) == (2.0, 2.0)


def test_without_a_switch_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FREESWITCH_BIN", raising=False)
    monkeypatch.setenv("PATH", "")
    assert on_switch.run()["skipped"] == "no freeswitch"
