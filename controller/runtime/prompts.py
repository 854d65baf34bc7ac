"""Prompts by name, and the stock FreeSWITCH file behind each (docs/phrase/phrase_en.xml)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: English, of the stock set en-us-callie; the words are those of FreeSWITCH's phrase file.
STOCK: Final = {
    "password_enter": "ivr/ivr-please_enter_pin_followed_by_pound.wav",
    "password_wrong": "ivr/ivr-pin_or_extension_is-invalid.wav",
    "destination_enter": "ivr/ivr-enter_destination_telephone_number.wav",
    "number_wrong": "ivr/ivr-please_check_number_try_again.wav",
    "number_not_allowed": "ivr/ivr-no_route_destination.wav",
    "destination_busy": "ivr/ivr-user_busy.wav",
    "destination_no_answer": "ivr/ivr-no_user_response.wav",
    "destination_unreachable": "ivr/ivr-no_route_destination.wav",
    "time_over": "ivr/ivr-call_has_been_disconnected.wav",
    "sorry": "ivr/ivr-im_sorry.wav",
    "goodbye": "voicemail/vm-goodbye.wav",
}

_OWN: Final = "sound:"


class Prompts:
    """Finds the file of a prompt.

    `directory` goes before the stock names; empty leaves them to the switch's `sound_prefix`.
    """

    def __init__(self, directory: str = "") -> None:
        self._prefix = directory.rstrip("/") + "/" if directory else ""

    def files(self, names: Iterable[str]) -> list[str]:
        """Give the files of prompts in order. Raises `KeyError` for a name that there is not."""
        return [
            name.removeprefix(_OWN) if name.startswith(_OWN) else self._prefix + STOCK[name]
            for name in names
        ]
