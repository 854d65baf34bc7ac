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
    # A user and a password in Base64, and no English word.
    re.compile(
        r"(?<=[Bb]asic )(?=[A-Za-z+/]*(?:[0-9=]|[a-z+/][A-Z]))"
        r"[A-Za-z0-9+/]{4,}={0,2}(?![A-Za-z0-9])"
    ),
    re.compile(r"(?<=/welcome/)[^\s\"'/]+"),
    # The login of any URL. Not all quote what is in a password.
    re.compile(r"(?<=://)[^\s\"']{1,1000}(?=@)"),
)
#: Names of what is secret, in lines of logs and in settings, and the end of longer ones.
_NAME: Final = (
    r"(?:(?<![A-Za-z0-9])|(?<![A-Za-z0-9])PG)(?:pass(?:word|phrase|wd)?|secret|token|pins?"
    r"|authorization|cookie|totp|pepper|recovery|digits|session|api[_-]?key|hash)"
)
_NAMES: Final = re.compile(rf"{_NAME}\Z", re.IGNORECASE)
#: The same in a text that is no JSON, is JSON in JSON, or is broken: `"pin": "1234"`,
#: `password=1234`. A word behind a colon has a digit in it, or it only speaks of one.
_NAMED: Final = re.compile(
    rf"""
    (?P<name>{_NAME}\\*["']?\s*(?P<sign>[:=])\s*)
    (?:
        (?P<quote>\\*["'])(?P<quoted>[^\r\n]*?)(?:(?<!\\)(?P=quote)|(?=[\r\n]|\Z))
        | (?P<bare>\[[^]\r\n]*\] | (?:\(removed\))?[^\s,;&"'\\)}}\]]*)
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
#: All of a cookie goes: its names are anybody's.
_COOKIE: Final = re.compile(
    r"(?i)(?<=cookie)([\"']?\s*[:=]\s*[\"']?)[^\"'\r\n=]{1,200}=[^\"'\r\n]*"
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: Where digits begin: not within a word, nor behind a point; behind what a URL has for a sign.
_BEGIN: Final = r"(?:(?<![0-9A-Za-z.])|(?<=%[0-9A-Fa-f][0-9A-Fa-f]))"
#: Digits that may be a telephone number: of those with a sign before them, and of those in the
#: groups of North America, whatever stands between. Not: parts of a number with a point, of a name
#: in hex.
_NUMBER: Final = re.compile(
    rf"""
    (?P<sign>\+ | %2B | {_BEGIN}00\ ?)
    (?: [0-9]{{7,15}}(?![0-9/-]) | [0-9](?:[ ()./-]{{0,3}}[0-9]){{4,30}} )
    | {_BEGIN}(?:1[ .-])?(?:[0-9]{{3}}[.-]|\([0-9]{{3}}\)\ ?)[0-9]{{3}}[.-][0-9]{{4}}(?![0-9A-Za-z])
    | {_BEGIN}[0-9]{{7,15}}(?![0-9A-Za-z])(?!\.[0-9])
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: What a number is called where it is no text.
_OF_NUMBERS: Final = re.compile(r"caller|number|did|destination", re.IGNORECASE)
_DIGITS: Final = re.compile(r"[^0-9]+")
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
        text, count = _COOKIE.subn(rf"\1{REMOVED}", text)
        self.secrets += count
        return _NAMED.sub(self._named, text)

    def _named(self, found: re.Match[str]) -> str:
        secret, quote = found["quoted"], found["quote"]
        if secret is None:
            secret, quote = found["bare"], ""
            if found["sign"] == ":" and not any(map(str.isdigit, secret)):
                return found[0]
        if secret in ("", REMOVED):
            return found[0]
        self.secrets += 1
        end = quote if found[0].endswith(quote) and found["quoted"] is not None else ""
        return f"{found['name']}{quote}{REMOVED}{end}"

    def figures(self, text: str) -> str:
        """Give metrics without them: what stands in quotes may be a number, all else counts."""
        return _QUOTED.sub(lambda found: self._mask(found[0]), self.secret(text))

    def value(self, value: Any, name: str = "") -> Any:
        """Give plain data without them; what has the name of a secret goes, whatever it is."""
        return self._value(value, name, secret=False)

    def _value(self, value: Any, name: str, *, secret: bool) -> Any:
        # What is inside of something secret is too.
        secret = secret or _NAMES.search(name) is not None
        if isinstance(value, Mapping):
            return {
                self.text(str(key)): self._value(one, str(key), secret=secret)
                for key, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._value(one, name, secret=secret) for one in value]
        # Whether there is one is none.
        if secret and value not in ("", None) and not isinstance(value, bool):
            self.secrets += 1
            return REMOVED
        if type(value) is int and 7 <= len(str(value)) <= 15 and _OF_NUMBERS.search(name):
            masked = self._mask(str(value))
            return value if self._numbers else masked
        return self.text(value) if isinstance(value, str) else value

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
        digits = _DIGITS.sub("", found[0].removeprefix(found["sign"] or ""))
        mark = hmac.new(self._key, digits.encode(), sha256).hexdigest()[:4]
        return f"{found[0][:_LEFT]}\N{HORIZONTAL ELLIPSIS}{mark}"


def _anywhere(secret: str) -> str:
    text = re.escape(secret)
    return text if len(secret) >= _SHORT else rf"(?<![0-9A-Za-z]){text}(?![0-9A-Za-z])"
