"""The peer of `on_switch` outside the switch: a bare greenswitch script, no more.

It has no store, no credit, no checks of anything: a trigger call rings X seconds and is refused,
its caller is called back a second later, asked for a password and a number, and connected.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import gevent
import gevent.monkey

gevent.monkey.patch_all()

from greenswitch.esl import InboundESL, OutboundESLServer  # noqa: E402

PASSWORD: Final = "2580"
ENTER_PASSWORD: Final = "ivr/ivr-please_enter_pin_followed_by_pound.wav"
ENTER_NUMBER: Final = "ivr/ivr-enter_destination_telephone_number.wav"
GOODBYE: Final = "voicemail/vm-goodbye.wav"
CALL_BACK_SECONDS: Final = 1.0


class Serve:
    """One leg: a trigger call, or the return call that follows it."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401  (greenswitch's own)
        self.session = session
        self.session.connect()
        self.session.myevents()
        self.session.linger()

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
        if self._ask(ENTER_PASSWORD) == PASSWORD:
            number = self._ask(ENTER_NUMBER)
            self.session.call_command(
                "bridge",
                "{origination_caller_id_number=12025550111,ignore_early_media=true}"
                f"sofia/gateway/pstn/1{number}",
                block=True,
            )
            self.session.playback(GOODBYE)
        self.session.hangup()

    def _ask(self, prompt: str) -> str | None:
        digits: str | None = self.session.play_and_get_digits(
            min_digits=1,
            max_digits=24,
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
    LINK: Final = InboundESL("127.0.0.1", EVENT_PORT, sys.argv[4])
    LINK.connect()
    OutboundESLServer(
        bind_address="127.0.0.1",
        bind_port=PORT,
        application=Serve,
        max_connections=100_000,
    ).listen()
