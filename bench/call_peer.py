"""A peer of `call`: a bare greenswitch script that makes the same callbacks, no more.

It has no store, no credit, no limits, and checks a password of its own. `myevents` is as
greenswitch's documentation has it.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import gevent
import gevent.monkey

gevent.monkey.patch_all()

from greenswitch.esl import InboundESL, OutboundESLServer  # noqa: E402

EVENT_SOCKET_PASSWORD: Final = "ClueCon"
ENTER_PASSWORD: Final = "ivr/ivr-please_enter_pin_followed_by_pound.wav"
ENTER_NUMBER: Final = "ivr/ivr-enter_destination_telephone_number.wav"
GOODBYE: Final = "voicemail/vm-goodbye.wav"


class Callback:
    """One leg: a trigger call, or the return call that follows from it."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401  (greenswitch's own)
        self.session = session
        self.session.connect()
        self.session.myevents()
        self.session.linger()

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
        if self._ask(ENTER_PASSWORD, 20) == PASSWORD:
            number = self._ask(ENTER_NUMBER, 24)
            self.session.call_command(
                "bridge",
                "{origination_caller_id_number=12025550111,ignore_early_media=true}"
                f"sofia/gateway/pstn/1{number}",
                block=True,
            )
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
    RING_SECONDS, PASSWORD = float(sys.argv[3]), sys.argv[4]
    SWITCH = InboundESL("127.0.0.1", int(sys.argv[2]), EVENT_SOCKET_PASSWORD)
    SWITCH.connect()
    OutboundESLServer(
        bind_address="127.0.0.1",
        bind_port=int(sys.argv[1]),
        application=Callback,
        max_connections=100_000,
    ).listen()
