"""Passwords: argon2id with a server-side pepper, and nothing else anywhere (SPEC A4)."""

from __future__ import annotations

import hmac
import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError, VerifyMismatchError

_DIGITS: Final = re.compile(r"[0-9]{4,20}\Z", re.ASCII)

#: How long passwords are by which people log in, characters, and how many of these differ.
SHORTEST: Final = 12
LONGEST: Final = 200
FEWEST_DIFFERENT: Final = 5


class BadPassword(ValueError):
    """A password that cannot be typed where it is to be, or is too easy to guess."""


class _Hashes:
    """Checks passwords against their hashes. That takes about a tenth of a second, and blocks.

    `hasher`: another one costs more, or less.
    """

    def __init__(self, pepper: bytes, hasher: PasswordHasher | None = None) -> None:
        self._pepper = pepper
        self._hasher = hasher = hasher or PasswordHasher()
        # Any salt and any digest: what a check costs is in the parameters.
        self._nobodys = (
            f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
            f"${_base64(hasher.salt_len)}${_base64(hasher.hash_len)}"
        )

    def check(self, password: str, stored: str) -> bool:
        """Whether this is the password. Raises `ValueError` where what is stored is no hash."""
        try:
            return self._hasher.verify(stored, self._peppered(password))
        except VerifyMismatchError:
            return False
        except (VerificationError, ValueError) as error:
            raise ValueError("what is stored is not an argon2id hash") from error

    def check_nobodys(self, password: str) -> bool:
        """Take as long as a check takes, and say no: nobody has such a password (A3)."""
        return self.check(password, self._nobodys)

    def _hashed(self, password: str) -> str:
        return self._hasher.hash(self._peppered(password))

    def _peppered(self, password: str) -> str:
        return hmac.new(self._pepper, password.encode(), sha256).hexdigest()


class Passwords(_Hashes):
    """Passwords and PINs of callers: digits."""

    def hash(self, password: str) -> str:
        """Hash a password. Raises `BadPassword` where it is not 4 to 20 digits."""
        if not _DIGITS.match(password):
            raise BadPassword("password: write 4 to 20 digits; that is what a phone can type")
        return self._hashed(password)


class LogInPasswords(_Hashes):
    """Passwords of people who log in: text, the same however a keyboard composes its letters."""

    def hash(self, password: str) -> str:
        """Hash a password. Raises `BadPassword` where it is too short, too long or too simple."""
        plain = unicodedata.normalize("NFKC", password)
        if not SHORTEST <= len(plain) <= LONGEST:
            raise BadPassword(
                f"password: write {SHORTEST} to {LONGEST} characters; a few words are easy to keep"
            )
        if len(set(plain)) < FEWEST_DIFFERENT:
            raise BadPassword("password: it repeats few characters; use more different ones")
        return self._hashed(plain)

    def secret(self, name: str) -> bytes:
        """Give a secret that has this name: of 256 bits, and in no database."""
        return hmac.new(self._pepper, b"secret\0" + name.encode(), sha256).digest()

    def _peppered(self, password: str) -> str:
        plain = unicodedata.normalize("NFKC", password)
        # Not as callers' are: the hash of one is never the hash of the other.
        text = b"log-in\0" + plain.encode("utf-8", "surrogatepass")
        return hmac.new(self._pepper, text, sha256).hexdigest()


def _base64(length: int) -> str:
    return b64encode(secrets.token_bytes(length)).decode().rstrip("=")


def load_pepper(path: Path, in_use: Callable[[], bool] = lambda: False) -> bytes:
    """Read the pepper, making it at the first start, readable by its owner only.

    `in_use`: whether there are passwords made with it; then none is made anew. Raises `OSError`
    where the file cannot be had, `ValueError` where it is lost or too short to be one.
    """
    try:
        pepper = path.read_bytes()
    except FileNotFoundError:
        if in_use():
            # A new one would make every right password wrong, and nobody would know why.
            raise ValueError(
                f"{path} is not there, but the database holds passwords made with it: "
                "copy it from another host, or restore it from your backup"
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = secrets.token_bytes(32)
        temporary = path.with_suffix(f".{secrets.token_hex(4)}")
        temporary.touch(mode=0o600)
        temporary.write_bytes(fresh)
        try:
            # A link fails where another process was first: then its pepper is the one.
            path.hardlink_to(temporary)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
        pepper = path.read_bytes()
    if len(pepper) < 16:
        raise ValueError(f"{path} holds no pepper: restore it from your backup")
    return pepper
