"""Takes secrets and telephone numbers out of what is given to others (A4, O7)."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from controller.settings.secret_values import REMOVED

#: What is secret whoever wrote it: tokens of the API, hashes of passwords, links of first log-ins.
_SHAPES: Final = (
    re.compile(r"cbd_[A-Za-z0-9_-]+"),
    re.compile(r"\$?argon2[a-z]*\$[^\s\"']+"),
    re.compile(r"(?i)(?<=bearer )[^\s\"']+"),
    re.compile(r"(?<=/welcome/)[^\s\"'/]+"),
    # The login of any URL. Not all quote what is in a password.
    re.compile(r"(?<=://)[^\s\"']+(?=@)"),
)
#: Names of what is secret, in lines of logs and in settings.
_NAME_OF: Final = (
    r"(?:pass(?:word|phrase)?|secret|token|pin|authorization|cookie|totp|pepper|recovery|digits)"
)
_NAMES: Final = re.compile(_NAME_OF, re.IGNORECASE)
#: The same in a text that is no JSON, or is broken: `"pin": "1234"`, `password=1234`.
_NAMED: Final = (
    re.compile(rf"((?:\b|_){_NAME_OF}\"\s*:\s*\")[^\"]+", re.IGNORECASE),
    re.compile(rf"((?:\b|_){_NAME_OF}=)[^\s,;&}}\"]+", re.IGNORECASE),
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Digits that may be a telephone number. Not: parts of a number with a point, of a name in hex.
_NUMBER: Final = re.compile(r"(?<![0-9A-Za-z.])(\+|00)?[0-9]{7,15}(?![0-9A-Za-z])(?!\.[0-9])")
#: So much of a number is left: where it is from.
_LEFT: Final = 4
_QUOTED: Final = re.compile(r"\"[^\"]*\"")
#: Shorter ones are taken out where they stand alone: else nothing could be read.
_SHORT: Final = 5


class Masking:
    """Takes out the secrets that are given, what looks like one, and numbers, unless told to keep.

    A number is the same thing each time, `+121…7f3a`, and cannot be found out from that: the key
    is forgotten with this.
    """

    def __init__(self, known: Collection[str] = (), *, numbers: bool = False) -> None:
        self._key = secrets.token_bytes(32)
        self._numbers = numbers
        #: How often something was taken out.
        self.secrets = self.numbers = 0
        longest_first = sorted(filter(None, known), key=len, reverse=True)
        self._known = re.compile("|".join(map(_anywhere, longest_first))) if longest_first else None

    def text(self, text: str) -> str:
        """Give a text without them."""
        return self._mask(self.secret(text))

    def secret(self, text: str) -> str:
        """Give a text without secrets; numbers stay."""
        for shape in (self._known, *_SHAPES):
            if shape is not None:
                text, count = shape.subn(REMOVED, text)
                self.secrets += count
        for named in _NAMED:
            text, count = named.subn(rf"\1{REMOVED}", text)
            self.secrets += count
        return text

    def figures(self, text: str) -> str:
        """Give metrics without them: what stands in quotes may be a number, all else counts."""
        return _QUOTED.sub(lambda found: self._mask(found[0]), self.secret(text))

    def value(self, value: Any, name: str = "") -> Any:
        """Give plain data without them; what has the name of a secret goes, whatever it is."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(one, str(key)) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one, name) for one in value]
        if isinstance(value, str):
            if value and _NAMES.fullmatch(name.rpartition("_")[2]):
                self.secrets += 1
                return REMOVED
            return self.text(value)
        return value

    def _mask(self, text: str) -> str:
        if self._numbers:
            return text
        # The end of a uuid is digits as often as not.
        parts, last = [], 0
        for found in _UUID.finditer(text):
            parts += [_NUMBER.sub(self._masked, text[last : found.start()]), found[0]]
            last = found.end()
        return "".join([*parts, _NUMBER.sub(self._masked, text[last:])])

    def _masked(self, found: re.Match[str]) -> str:
        self.numbers += 1
        digits = found[0].removeprefix(found[1] or "")
        mark = hmac.new(self._key, digits.encode(), sha256).hexdigest()[:4]
        return f"{found[0][:_LEFT]}\N{HORIZONTAL ELLIPSIS}{mark}"


def _anywhere(secret: str) -> str:
    text = re.escape(secret)
    return text if len(secret) >= _SHORT else rf"(?<![0-9A-Za-z]){text}(?![0-9A-Za-z])"
