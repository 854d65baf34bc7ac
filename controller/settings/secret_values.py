"""The settings without what is secret in them, and what that is: for what is shown to others."""

from __future__ import annotations

import itertools
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

import msgspec

from controller.settings.section import SECRET
from controller.settings.sections import Settings

#: What stands where a secret was.
REMOVED: Final = "(removed)"
#: A URL as SQLAlchemy reads it: a password ends at the @, whatever is in it. Scheme, password, and
#: the rest.
_PARTS: Final = re.compile(r"([\w.+-]+)://(?:[^:/@]*(?::([^@]*))?@)?(.*)", re.DOTALL)
#: What is long enough to be one, or has digits.
_KEY: Final = re.compile(r".{16,}|(?=.*[0-9]).{6,}")
#: Names of secrets among what a URL, or an engine, is told.
_TOLD: Final = re.compile(r"(?i)pass|pwd|secret|token|key|auth|sig")
#: No other value is one if it is shorter: without it all else would lose its figures.
_SHORTEST: Final = 6
#: What was not set is no secret, and is shown as it is.
_NOTHING: Final[tuple[Any, ...]] = ("", None, {})


def cleaned(settings: Settings) -> dict[str, Any]:
    """Give the settings as plain data, without secrets.

    Of a URL its scheme and its hosts are left: a user, a password, a path and what stands behind a
    question mark may all be secret.
    """
    made: dict[str, Any] = _cleaned(msgspec.to_builtins(settings))
    return made


def _cleaned(value: Any, name: str = "") -> Any:  # noqa: ANN401  (plain data)
    if name in SECRET and value not in _NOTHING:
        if name == "url":
            return bare(str(value))
        return dict.fromkeys(value, REMOVED) if isinstance(value, dict) else REMOVED
    if isinstance(value, dict):
        return {inner: _cleaned(one, inner) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value


def bare(url: str) -> str:
    """Give a URL's scheme and hosts."""
    parts = _PARTS.match(url)
    if parts is None:
        return REMOVED
    scheme = parts[1]
    if scheme.startswith(("sqlite", "unix")):
        # A path of a file, and no secret; of what stands behind it nobody knows.
        return f"{scheme}://{parts[3].partition('?')[0]}"
    hosts = re.split(r"[/?#]", parts[3])[0].rpartition("@")[2]
    if scheme.startswith("postgresql"):
        return f"{scheme}://{hosts}"
    # Others read a URL as RFC 3986 says. Where that is something else, one is no host.
    split = _split(url)
    if split is None or split.netloc.rpartition("@")[2] != hosts:
        hosts = REMOVED
    return f"{scheme}://{hosts}"


def _split(url: str) -> SplitResult | None:
    try:
        return urlsplit(url)
    except ValueError:
        return None


def secrets_of(settings: Settings) -> frozenset[str]:
    """Give all values that are secret, or part of such a one, as they are written anywhere."""
    return frozenset(_as_written(_secrets(msgspec.to_builtins(settings))))


def _secrets(value: Any, name: str = "") -> Iterator[str]:  # noqa: ANN401  (plain data)
    if isinstance(value, dict):
        for inner, one in value.items():
            # All that stands in a table that is secret is.
            if name == "options":
                yield from _told(inner, str(one))
            else:
                yield from _secrets(one, name if name in SECRET else inner)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _secrets(one, name)
    elif isinstance(value, str) and name in SECRET:
        yield from _of_url(value) if name == "url" else (value,)


def _told(name: str, value: str) -> Iterator[str]:
    """Give what is secret of something that somebody else is told, under a name of theirs."""
    if _TOLD.search(name) or len(value) >= _SHORTEST:
        yield value
    if "://" in value:
        yield from _of_url(value)


def _of_url(url: str) -> Iterator[str]:
    """Give what is secret in a URL, whoever reads it.

    One that cannot be read is nobody's, and all of it is secret.
    """
    parts, split = _PARTS.match(url), _split(url)
    if parts is None:
        yield url
        return
    yield parts[2] or ""
    if "@" in parts[3]:
        # A password may have an @ in it, which some take as it is.
        yield url.rpartition("@")[0].partition("://")[2].partition(":")[2]
    queries = [parts[3].partition("?")[2]]
    if split is not None:
        queries.append(split.query)
    # A server that is told something may be told anything; databases have names for it.
    short = _SHORTEST if parts[1] in ("http", "https") else sys.maxsize
    for name, value in itertools.chain(*map(parse_qsl, queries)):
        if _TOLD.search(name) or len(value) >= short:
            yield value
    if split is None:
        return
    login = split.netloc.rpartition("@")[0]
    yield login.partition(":")[2]
    if split.scheme in ("http", "https"):
        # Some servers know who asks by the path alone. A plain word in it is none.
        yield from (part for part in split.path.split("/") if _KEY.fullmatch(part))
        yield login


def _as_written(values: Iterator[str]) -> Iterator[str]:
    for value in values:
        if value:
            yield from {value, unquote(value), quote(value, safe=""), value.replace('"', '\\"')}


def environment_names() -> list[str]:
    """Give which variables of ours are set; not to what."""
    return sorted(name for name in os.environ if name.startswith("CALLBACKD_"))
