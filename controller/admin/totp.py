"""Codes of authenticators (RFC 6238), and those that stand in for one that is lost.

The secret is made of the pepper and a salt: the database alone says nothing of it.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from hashlib import sha256
from typing import Final

import pyotp

from controller.store.passwords import LogInPasswords

#: What an authenticator shows beside the name.
ISSUER: Final = "callbackd"
#: How long a code lasts, seconds; the one before and the one after are taken too.
STEP: Final = 30
#: How many codes there are for when an authenticator is lost.
RECOVERY_CODES: Final = 8

_SALT: Final = re.compile(r"[0-9a-f]{32}\Z", re.ASCII)
_CODE: Final = re.compile(r"[0-9]{6}\Z", re.ASCII)
_BETWEEN: Final = re.compile(r"[\s-]+")


def new_salt() -> str:
    """Give what a new secret is made of."""
    return secrets.token_hex(16)


def is_salt(text: str) -> bool:
    """Whether this is one of ours."""
    return _SALT.match(text) is not None


def secret_of(passwords: LogInPasswords, name: str, salt: str) -> str:
    """Give the secret of somebody's authenticator, as it is typed into one: 160 bits, Base32."""
    return base64.b32encode(passwords.secret(f"totp/{name}/{salt}")[:20]).decode()


def uri_of(secret: str, name: str) -> str:
    """Give what the QR code says."""
    return pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=name, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: int, after: int | None) -> int | None:
    """Give the step that a code is of, around now (seconds) and later than `after`; None: none."""
    if not _CODE.match(code):
        return None
    totp, found = pyotp.TOTP(secret, interval=STEP), None
    for step in range(now // STEP - 1, now // STEP + 2):
        # Of all, whichever is right.
        same = hmac.compare_digest(totp.generate_otp(step), code)
        if same and (after is None or step > after):
            found = step
    return found


def plain(code: str) -> str:
    """Give a code without what people write between its characters."""
    return _BETWEEN.sub("", code).lower()


def new_recovery() -> tuple[str, ...]:
    """Give codes for when an authenticator is lost, 80 bits each: `abcd-efgh-ijkl-mnop`."""
    made = (base64.b32encode(secrets.token_bytes(10)).decode() for _ in range(RECOVERY_CODES))
    return tuple("-".join(re.findall("....", code.lower())) for code in made)


def digest(code: str) -> str:
    """Give what is kept of such a code: it is too long to be guessed."""
    return sha256(plain(code).encode(errors="replace")).hexdigest()
