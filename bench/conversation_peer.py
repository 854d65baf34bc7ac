"""The peer of `conversations`: a bare greenswitch script that asks the same, no more.

It has no store, no credit, no checks of anything: a password of its own, any number is called.
"""

from __future__ import annotations

import sys
from typing import Final

from bench.greenswitch_script import (
    ENTER_NUMBER,
    ENTER_PASSWORD,
    GOODBYE,
    NUMBER_DIGITS,
    PASSWORD_DIGITS,
    Script,
    serve,
)

PASSWORD: Final = "2580"
CALLS: Final = 3
BUSY: Final = "ivr/ivr-user_busy.wav"


class Converse(Script):
    """One call: a password, a number, and the destination, until three were busy."""

    def subscribe(self) -> None:
        """Ask to be told of everything, or only of what is waited for."""
        if EVENTS == "all":
            super().subscribe()
        else:
            self.session.send(f"filter Unique-ID {self.session.uuid}")
            self.session.send("event plain CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP")

    def run(self) -> None:
        """Converse."""
        if self.ask(ENTER_PASSWORD, PASSWORD_DIGITS) == PASSWORD:
            prompt = ENTER_NUMBER
            for _ in range(CALLS):
                self.bridge(f"{self.ask(prompt, NUMBER_DIGITS)}")
                prompt = f"file_string://{BUSY}!{ENTER_NUMBER}"
        self.session.playback(GOODBYE)
        self.session.hangup()


if __name__ == "__main__":
    #: `all`: as greenswitch's own `myevents` has it; else only what the script waits for.
    EVENTS = sys.argv[2]
    serve(int(sys.argv[1]), Converse)
