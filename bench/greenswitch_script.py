"""What the bare greenswitch scripts have in common, that other benchmarks are measured beside.

As greenswitch's documentation has it: `myevents`, `linger`, each application waited for. Such a
script runs in a process of its own, and imports this first: greenswitch needs gevent's patches.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

from typing import Any, Final  # noqa: E402

from greenswitch.esl import InboundESL, OutboundESLServer  # noqa: E402

ENTER_PASSWORD: Final = "ivr/ivr-please_enter_pin_followed_by_pound.wav"
ENTER_NUMBER: Final = "ivr/ivr-enter_destination_telephone_number.wav"
GOODBYE: Final = "voicemail/vm-goodbye.wav"
#: How many digits a password has, and a number, at most.
PASSWORD_DIGITS: Final = 20
NUMBER_DIGITS: Final = 24


class Script:
    """One leg, from when it connects until `run` is over."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401  (greenswitch's own)
        self.session = session
        self.session.connect()
        self.subscribe()
        self.session.linger()

    def subscribe(self) -> None:
        """Ask to be told of the leg: of everything, unless a script wants less."""
        self.session.myevents()

    def ask(self, prompt: str, most: int) -> str | None:
        """Play a question, and give what was typed after it, at most so many digits."""
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

    def bridge(self, number: str) -> None:
        """Connect the caller with a number, and wait for the end of that."""
        self.session.call_command(
            "bridge",
            "{origination_caller_id_number=12025550111,ignore_early_media=true}"
            f"sofia/gateway/pstn/{number}",
            block=True,
        )


def linked(port: int, password: str) -> Any:  # noqa: ANN401  (greenswitch's own)
    """Give a link to the switch's event socket, on this machine, that has logged in."""
    link = InboundESL("127.0.0.1", port, password)
    link.connect()
    return link


def serve(port: int, script: type[Script]) -> None:
    """Run a script for each leg that connects, for ever."""
    OutboundESLServer(
        bind_address="127.0.0.1",
        bind_port=port,
        application=script,
        max_connections=100_000,
    ).listen()
