"""The peer of `triggers`: a bare greenswitch script that rings X seconds and refuses, no more."""

from __future__ import annotations

import sys
from typing import Any

import gevent
import gevent.monkey

gevent.monkey.patch_all()

from greenswitch.esl import OutboundESLServer  # noqa: E402


class Refuse:
    """One call: wait, then hang up."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401  (greenswitch's own)
        self.session = session
        self.session.connect()
        self.session.myevents()
        self.session.linger()

    def run(self) -> None:
        """Ring X seconds, then refuse."""
        gevent.sleep(float(sys.argv[2]))
        self.session.hangup("USER_BUSY")


if __name__ == "__main__":
    OutboundESLServer(
        bind_address="127.0.0.1",
        bind_port=int(sys.argv[1]),
        application=Refuse,
        max_connections=100_000,
    ).listen()
