"""The peer of `conversations`: a bare greenswitch script that asks the same, no more.

It has no store, no credit, no checks of anything: a password of its own, any number is called.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import gevent.monkey

gevent.monkey.patch_all()

from greenswitch.esl import OutboundESLServer  # noqa: E402

PASSWORD: Final = "2580"
CALLS: Final = 3
ENTER_PASSWORD: Final = "ivr/ivr-please_enter_pin_followed_by_pound.wav"
ENTER_NUMBER: Final = "ivr/ivr-enter_destination_telephone_number.wav"
BUSY: Final = "ivr/ivr-user_busy.wav"
GOODBYE: Final = "voicemail/vm-goodbye.wav"


class Converse:
    """One call: a password, a number, and the destination, until three were busy."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401  (greenswitch's own)
        self.session = session
        self.session.connect()
        if EVENTS == "all":
            self.session.myevents()
        else:
            self.session.send(f"filter Unique-ID {self.session.uuid}")
            self.session.send("event plain CHANNEL_EXECUTE_COMPLETE CHANNEL_HANGUP")
        self.session.linger()

    def run(self) -> None:
        """Converse."""
        if self._ask(ENTER_PASSWORD, 20) == PASSWORD:
            prompt = ENTER_NUMBER
            for _ in range(CALLS):
                number = self._ask(prompt, 24)
                self.session.call_command(
                    "bridge",
                    "{origination_caller_id_number=12025550111,ignore_early_media=true}"
                    f"sofia/gateway/pstn/{number}",
                    block=True,
                )
                prompt = f"file_string://{BUSY}!{ENTER_NUMBER}"
        self.session.playback(GOODBYE)
        self.session.hangup()

    def _ask(self, prompt: str, most: int) -> str | None:
        digits: str | None = self.session.play_and_get_digits(
            min_digits=1,
            max_digits=most,
            max_attempts=1,
            timeout=10000,
            terminators="#",
            prompt_file=prompt,
            error_file="silence_stream://10",
            variable="callback_digits",
            digits_regex="[0-9*]+",
            digit_timeout=4000,
            transfer_on_fail="",
            response_timeout=None,
        )
        return digits


if __name__ == "__main__":
    #: `all`: as greenswitch's own `myevents` has it; else only what the script waits for.
    EVENTS = sys.argv[2]
    OutboundESLServer(
        bind_address="127.0.0.1",
        bind_port=int(sys.argv[1]),
        application=Converse,
        max_connections=100_000,
    ).listen()
