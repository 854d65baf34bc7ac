"""The stock prompts as short tones, each of its own pitch, so that a test knows what was heard."""

import math
import struct
import wave
from pathlib import Path

RATE = 8000
LENGTH_S = 0.4
LOWEST_HZ = 400
STEP_HZ = 100

# The names of the stock sound set that the controller and the dialplan may ask for.
PROMPTS = (
    "ivr/ivr-please_enter_pin_followed_by_pound.wav",
    "ivr/ivr-pin_or_extension_is-invalid.wav",
    "ivr/ivr-please_try_again.wav",
    "ivr/ivr-account_balance_is.wav",
    "ivr/ivr-enter_destination_telephone_number.wav",
    "ivr/ivr-please_check_number_try_again.wav",
    "ivr/ivr-invalid_number_format.wav",
    "ivr/ivr-no_route_destination.wav",
    "ivr/ivr-user_busy.wav",
    "voicemail/vm-goodbye.wav",
    "ivr/ivr-im_sorry.wav",
    "ivr/ivr-call_cannot_be_completed_as_dialed.wav",
    "ivr/ivr-no_user_response.wav",
    "ivr/ivr-one_moment_please.wav",
    "ivr/ivr-thank_you.wav",
    "ivr/ivr-call_has_been_disconnected.wav",
    "ivr/ivr-to_accept_press_one.wav",
    # What mod_say_en plays for the amounts and times that are said here.
    "digits/2.wav",
    "digits/5.wav",
    "digits/12.wav",
    "digits/50.wav",
    "currency/negative.wav",
    "currency/and.wav",
    "currency/dollars.wav",
    "currency/cents.wav",
    "time/minutes.wav",
    "time/seconds.wav",
    "time/hours.wav",
    "digits/0.wav",
    # Of our own.
    "callback/credit_menu.wav",
    "callback/emergency_not_connected.wav",
    "callback/time_left_is.wav",
)
PITCHES = {LOWEST_HZ + STEP_HZ * n: name for n, name in enumerate(PROMPTS)}


def name_of(pitch: float) -> str | None:
    """Name the prompt whose pitch is the nearest, if one is near enough."""
    nearest = round((pitch - LOWEST_HZ) / STEP_HZ) * STEP_HZ + LOWEST_HZ
    return PITCHES.get(nearest)


def pitch_of_name(name: str) -> int:
    """Give the pitch of a prompt."""
    return LOWEST_HZ + STEP_HZ * PROMPTS.index(name)


def make(sounds_dir: Path) -> None:
    """Write the files where the stock packages have them: the rate is the last directory."""
    for pitch, name in PITCHES.items():
        folder, _, base = name.rpartition("/")
        path = sounds_dir / "en/us/callie" / folder / str(RATE) / base
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = (
            int(20000 * math.sin(2 * math.pi * pitch * n / RATE))
            for n in range(int(RATE * LENGTH_S))
        )
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(b"".join(struct.pack("<h", s) for s in samples))
