"""The peer of `on_switch` outside the switch: a bare greenswitch script, no more.

It has no store, no credit, no checks of anything: a trigger call rings X seconds and is refused,
its caller is called back a second later, asked for a password and a number, and connected.
"""

from __future__ import annotations

import sys
from typing import Final

import gevent

from bench.greenswitch_script import (
    ENTER_NUMBER,
    ENTER_PASSWORD,
    GOODBYE,
    NUMBER_DIGITS,
    Script,
    linked,
    serve,
)

PASSWORD: Final = "2580"
CALL_BACK_SECONDS: Final = 1.0


class Serve(Script):
    """One leg: a trigger call, or the return call that follows it."""

    def run(self) -> None:
        """Do what this leg is for."""
        if self.session.session_data.get("Call-Direction") == "inbound":
            self._refuse()
        else:
            self._converse()

    def _refuse(self) -> None:
        gevent.sleep(RING_SECONDS)
        number = self.session.session_data["variable_sip_from_user"]
        self.session.hangup("USER_BUSY")
        gevent.spawn_later(CALL_BACK_SECONDS, call_back, number)

    def _converse(self) -> None:
        if self.ask(ENTER_PASSWORD, NUMBER_DIGITS) == PASSWORD:
            self.bridge(f"1{self.ask(ENTER_NUMBER, NUMBER_DIGITS)}")
            self.session.playback(GOODBYE)
        self.session.hangup()


def call_back(number: str) -> None:
    """Have the switch call a number, and connect it to this script."""
    LINK.send(
        "bgapi originate {origination_caller_id_number=12025550191,ignore_early_media=true,"
        f"hangup_after_bridge=false}}sofia/gateway/pstn/{number} "
        f"'&socket(127.0.0.1:{TOLD_PORT} async full)'"
    )


if __name__ == "__main__":
    #: Where it listens, where the switch finds that, the switch's event socket, its password, X.
    PORT, TOLD_PORT, EVENT_PORT = (int(word) for word in sys.argv[1:4])
    RING_SECONDS: Final = float(sys.argv[5])
    LINK: Final = linked(EVENT_PORT, sys.argv[4])
    serve(PORT, Serve)
