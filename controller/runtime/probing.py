"""Asks a controller over the web whether it lives: one whose lease has ended may only miss Redis.

Its answer names its run. Whoever else answers at that address (another controller of this machine,
or of another one that has got the address since) is not the one that was asked for.
"""

from __future__ import annotations

from typing import Final

import gevent
import msgspec
from gevent import socket

#: How long an answer may take, connecting included, seconds.
ANSWER_SECONDS: Final = 2.0
#: No answer is longer, bytes.
MOST_ANSWER: Final = 8192


class _Alive(msgspec.Struct):
    alive: bool
    run: str = ""


def lives(web: str, run: str) -> bool:
    """Ask whether a run of a controller lives; `web` is its "host:port", or empty.

    Waits for two seconds at most, on the hub. Never raises.
    """
    host, _, port = web.rpartition(":")
    if not host or not port.isdecimal():
        return False
    try:
        with gevent.Timeout(ANSWER_SECONDS, TimeoutError("it does not answer")):
            answer = _ask(host.strip("[]"), int(port), web)
    except (OSError, ValueError):
        return False
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        alive = msgspec.json.decode(body, type=_Alive)
    except msgspec.DecodeError:
        return False
    return head.split(b" ", 2)[1:2] == [b"200"] and alive.alive and alive.run == run


def _ask(host: str, port: int, web: str) -> bytes:
    with socket.create_connection((host, port), timeout=ANSWER_SECONDS) as made:
        made.sendall(
            f"GET /livez HTTP/1.1\r\nHost: {web}\r\nConnection: close\r\n\r\n".encode("ascii")
        )
        answer = b""
        while len(answer) < MOST_ANSWER:
            part = made.recv(MOST_ANSWER)
            if not part:
                break
            answer += part
        return answer
