"""An extension's policy: what the operator set, and nothing that nobody acts on.

The names are those of SPEC.md. Each field has its unit in its name or its type, its bounds in its
type and its default here, and nowhere else.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import msgspec

from controller.numbers.e164 import is_country, is_e164

_SOUND: Final = re.compile(r"[A-Za-z0-9_./:%(),;=@~+-]{1,512}\Z", re.ASCII)
#: No apostrophe: it ends a quoted value in a dial string, and each call would fail.
_NAME: Final = re.compile(r"[\w .&()/+-]{0,40}\Z")


class PolicyError(ValueError):
    """A setting that cannot be: the message names the field, what is wrong and the remedy."""


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides about the calls of one extension.

    Attributes:
        extension: the internal number, 1-10 digits.
        dids: the access numbers that reach it, E.164.
        country: ISO 3166; numbers written nationally are read by its dial plan (D3).
        enabled: off: trigger calls ring and are refused, nobody is called back.
        ring_seconds: T1, X.
        delay_seconds: T5, from the end of the trigger call to the return call.
        return_ring_seconds: T8, how long the return call rings.
        password_hash: A1, argon2id; None asks nothing.
        dial_seconds: D1, for the whole of dialling a destination, prompts and retries included.
        destination_ring_seconds: how long a destination rings.
        longest_call_seconds: G3; the switch itself ends the conversation then.
        caller_id_number: I5, the default number shown on public calls, E.164.
        caller_id_name: I1, the name shown; empty shows none.
        return_countries, destination_countries: G2, where calls may go; ISO 3166, by default the
            extension's own country only.
        sound_before_disconnecting: M5, what the caller hears when the switch ended the
            conversation; None is the stock sentence.

    """

    extension: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,10}\Z")]
    dids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    country: str
    caller_id_number: str
    caller_id_name: str = ""
    enabled: bool = True
    ring_seconds: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5
    delay_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 3
    return_ring_seconds: Annotated[int, msgspec.Meta(ge=5, le=120)] = 30
    password_hash: str | None = None
    dial_seconds: Annotated[int, msgspec.Meta(ge=5, le=300)] = 30
    destination_ring_seconds: Annotated[int, msgspec.Meta(ge=5, le=120)] = 45
    longest_call_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 3600
    return_countries: tuple[str, ...] = ()
    destination_countries: tuple[str, ...] = ()
    sound_before_disconnecting: str | None = None

    def may_return_to(self, country: str | None) -> bool:
        """Whether a caller in this country is called back (G2)."""
        return country is not None and country in (self.return_countries or (self.country,))

    def may_dial_to(self, country: str | None) -> bool:
        """Whether a destination in this country may be dialled (G2)."""
        return country is not None and country in (self.destination_countries or (self.country,))


def validate(values: dict[str, Any]) -> Policy:
    """Make a policy of plain values. Raises `PolicyError`, which names the field and the remedy."""
    try:
        policy = msgspec.convert(values, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(_plain(str(error))) from error
    for did in policy.dids:
        if not is_e164(did):
            raise PolicyError(f"dids: {did!r} is not E.164; write it as +12025550100")
    if len(set(policy.dids)) != len(policy.dids):
        raise PolicyError("dids: one number stands twice; name each once")
    if not is_e164(policy.caller_id_number):
        raise PolicyError(
            f"caller_id_number: {policy.caller_id_number!r} is not E.164; write it as +12025550100"
        )
    for field in ("return_countries", "destination_countries"):
        for code in getattr(policy, field):
            _check_country(field, code)
    _check_country("country", policy.country)
    if not _NAME.match(policy.caller_id_name):
        raise PolicyError(
            "caller_id_name: at most 40 letters, digits, spaces and . & ( ) / + - are shown"
        )
    sound = policy.sound_before_disconnecting
    if sound is not None and not _SOUND.match(sound):
        raise PolicyError(
            f"sound_before_disconnecting: {sound!r:.80} is no path of a sound on the switch; "
            "spaces and quotes cannot be in it"
        )
    return policy


def _check_country(field: str, code: str) -> None:
    if not is_country(code):
        raise PolicyError(f"{field}: {code!r} is no country; write two capitals of ISO 3166: US")


def _plain(message: str) -> str:
    """Turn msgspec's `Expected int >= 1 - at $.ring_seconds` into field first."""
    text, _, path = message.partition(" - at `$")
    field = path.strip("`. ").lstrip(".")
    return f"{field}: {text[:1].lower()}{text[1:]}" if field else message
