"""A peer of `call`: a bare greenswitch script that makes the same callbacks, no more.

It has no store, no credit, no limits, and checks a password of its own. `myevents` is as
greenswitch's documentation has it.
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
    PASSWORD_DIGITS,
    Script,
    linked,
    serve,
)

EVENT_SOCKET_PASSWORD: Final = "ClueCon"


class Callback(Script):
    """One leg: a trigger call, or the return call that follows from it."""

    def run(self) -> None:
        """Refuse the one; converse on the other."""
        if self.session.session_data["variable_callback_leg"] == "trigger":
            self._refuse()
        else:
            self._converse()

    def _refuse(self) -> None:
        caller = self.session.caller_id_number.removeprefix("+")
        gevent.sleep(RING_SECONDS)
        self.session.hangup("USER_BUSY")
        SWITCH.send(
            "bgapi originate {callback_leg=return,ignore_early_media=true,originate_timeout=30,"
            f"origination_caller_id_number=12025550111}}sofia/gateway/pstn/{caller}"
            " return_call XML callback"
        )

    def _converse(self) -> None:
        if self.ask(ENTER_PASSWORD, PASSWORD_DIGITS) == PASSWORD:
            self.bridge(f"1{self.ask(ENTER_NUMBER, NUMBER_DIGITS)}")
        self.session.playback(GOODBYE)
        self.session.hangup()


if __name__ == "__main__":
    RING_SECONDS, PASSWORD = float(sys.argv[3]), sys.argv[4]
    SWITCH = linked(int(sys.argv[2]), EVENT_SOCKET_PASSWORD)
    serve(int(sys.argv[1]), Callback)
