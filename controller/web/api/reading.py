"""What a request says: body, query, conditions. Everything here is from outside (G1)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec
from flask import Request

from controller.admin.model import Invalid
from controller.web.api.problems import Refusal, bad_parameter, malformed
from controller.web.api.resources import read_text

#: The largest body that is read, bytes.
MOST_BYTES: Final = 1 << 20
#: How deeply it may be nested: nothing of ours is more than a few levels deep.
MOST_LEVELS: Final = 32
JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
#: A header that may stand for the `key` of a body.
IDEMPOTENCY_KEY: Final = "Idempotency-Key"
#: What a version is at most where it is kept.
_MOST_VERSION: Final = 2**31 - 1
#: A version that no record has.
NO_VERSION: Final = 0

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TAGS: Final = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*\Z')
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')
_VERSION: Final = re.compile(r"[1-9][0-9]{0,9}\Z", re.ASCII)


def body(request: Request, *types: str) -> dict[str, Any]:
    """Read the body, which is a JSON object of one of these types. Raises `Refusal`.

    What JSON leaves open is refused: the same key twice, NaN, half a surrogate pair, a byte order
    mark, nesting that nobody means.
    """
    if request.mimetype not in types or not _is_utf8(request):
        raise Refusal(415, f"send {' or '.join(types)}, in UTF-8")
    data = _read(request, MOST_BYTES)
    try:
        # The first knows more of what is wrong, the second knows keys that come twice.
        msgspec.json.decode(data)
        value = json.loads(data.decode(), object_pairs_hook=_once)
    except RecursionError:
        raise malformed("the body is nested too deeply") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise malformed(f"the body cannot be read as JSON: {_short(str(error))}") from None
    if not isinstance(value, dict):
        raise malformed("the body has to be a JSON object")
    if not _is_shallow(value):
        raise malformed(f"the body is nested too deeply: {MOST_LEVELS} levels are the most")
    return value


def keyed(request: Request) -> dict[str, Any]:
    """Read a body whose `key` the header may say, in quotes (a string of RFC 8941) or without."""
    values = body(request, JSON)
    text = request.headers.get(IDEMPOTENCY_KEY)
    if text is not None:
        quoted = len(text) > 1 and text[0] == text[-1] == '"'
        key = text[1:-1] if quoted else text
        if values.setdefault("key", key) != key:
            raise Invalid(f"key: the header {IDEMPOTENCY_KEY} says another one; write one of them")
    return values


def _is_shallow(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(MOST_LEVELS):
        inside = (one.values() if isinstance(one, dict) else one for one in level)
        level = [one for some in inside for one in some if isinstance(one, (dict, list))]
        if not level:
            return True
    return False


def _is_utf8(request: Request) -> bool:
    return request.mimetype_params.get("charset", "utf-8").lower() in ("utf-8", "utf8")


def upload(request: Request, most: int, *types: str) -> bytes:
    """Read a body that is a file, of one of these types or of none. Raises `Refusal`.

    What it is said to be is not believed: what it is, its content tells.
    """
    if request.mimetype and request.mimetype not in types:
        raise Refusal(415, f"send the file as it is, as {types[0]} or by its own type")
    return _read(request, most)


def _read(request: Request, most: int) -> bytes:
    too_large = Refusal(413, f"a body is {most} bytes at most")
    if (request.content_length or 0) > most:
        raise too_large
    try:
        # The server knows where the body ends, also of one that comes in chunks.
        data: bytes = request.environ["wsgi.input"].read(most + 1)
    except OSError:
        raise malformed("the body ended before its end") from None
    if len(data) > most:
        raise too_large
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{_short(twice)!r} stands twice in an object")
    return read


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def query(request: Request, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Read the query parameters, of these names and types. Raises `Refusal` for any other.

    A `+` is a plus: numbers are written with one, and nothing that is asked for has a space.
    """
    found: dict[str, str] = {}
    for part in request.query_string.split(b"&"):
        if not part:
            continue
        name, _, value = (_text(piece) for piece in part.partition(b"="))
        if name in found:
            raise bad_parameter(f"{_short(name)}: stands twice; write it once", _short(name))
        found[name] = value
    unknown = [_short(name) for name in found if name not in wanted]
    if unknown:
        there = f"there are: {', '.join(sorted(wanted))}" if wanted else "there is none here"
        raise bad_parameter(f"no such query parameter: {', '.join(unknown)}; {there}", unknown[0])
    try:
        return {name: read_text(name, value, wanted[name]) for name, value in found.items()}
    except ValueError as error:
        raise bad_parameter(str(error), str(error).partition(":")[0]) from error


def _text(quoted: bytes) -> str:
    try:
        return unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        raise bad_parameter("the query is not UTF-8") from None


def micros(name: str, text: str) -> int:
    """Read a time, which is written as RFC 3339 has it, as microseconds since 1970."""
    try:
        return (datetime.fromisoformat(text).astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError) as error:
        raise bad_parameter(f"{name}: there is no such time", name) from error


class Condition(msgspec.Struct, frozen=True):
    """Which versions a request is about, by their tags; `any`: whatever there is."""

    any: bool = False
    tags: frozenset[str] = frozenset()

    def has(self, tag: str) -> bool:
        """Whether it is about what has this tag, written without its quotes."""
        return self.any or tag in self.tags

    @property
    def versions(self) -> frozenset[int]:
        """The versions of records; of a tag that is none of ours it is known that none has it."""
        return frozenset(
            int(tag) for tag in self.tags if _VERSION.match(tag) and int(tag) <= _MOST_VERSION
        )


def condition(text: str | None, *, weak: bool) -> Condition | None:
    """Read If-Match, or (`weak`) If-None-Match; None where it is missing. Raises `Refusal`."""
    if text is None:
        return None
    if text.strip() == "*":
        return Condition(any=True)
    if not _TAGS.match(text):
        raise Refusal(400, 'write the ETag as it was given: "3"', name="precondition")
    tags = (tag for weakly, tag in _TAG.findall(text) if weak or not weakly)
    return Condition(tags=frozenset(tags))
