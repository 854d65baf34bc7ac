"""What Redis knows of a person, by his number (O7): found in all that one store has there.

Keys are not named here: what is counted later is found as well. All of it goes by itself, the last
a week after a lock-out; this is for whoever asks sooner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
from redis.exceptions import RedisError

from controller.cache.client import RedisHandle
from controller.policy.spelled import spelled

#: How much Redis looks through at a time.
_AT_ONCE: Final = 500


class Trace(msgspec.Struct, frozen=True):
    """Where a number stands: a key, by its own name or by its value; or a member of what it has."""

    key: str
    member: str | None = None


class Traces:
    """Finds a number, and erases it. Called where the event loop is; it never raises.

    `lineage` names the store.
    """

    def __init__(self, redis: RedisHandle, lineage: str) -> None:
        self._redis = redis
        self._prefix = f"callbackd:{{{lineage}}}:"

    def find(self, number: str) -> list[Trace] | None:
        """Give where a number stands; None where Redis is away."""
        try:
            return [found for found, _ in self._find(number)]
        except RedisError:
            return None

    def erase(self, number: str) -> int | None:
        """Erase what names a number, and give how much that was; None where Redis is away."""
        try:
            found = list(self._find(number))
            for _, command in found:
                self._redis.execute(*command)
        except RedisError:
            return None
        return len(found)

    def _find(self, number: str) -> Iterator[tuple[Trace, tuple[bytes | str, ...]]]:
        """Give where a number stands, each with the command that erases it."""
        pattern = spelled(number)
        for kind, take in (("string", None), ("hash", "HDEL"), ("zset", "ZREM"), ("set", "SREM")):
            for keys in self._keys(kind):
                named = [key for key in keys if _stands(key, pattern)]
                yield from ((Trace(_text(key)), ("UNLINK", key)) for key in named)
                others = [key for key in keys if key not in named]
                if take is None:
                    values = self._redis.execute("MGET", *others) if others else ()
                    yield from (
                        (Trace(_text(key)), ("UNLINK", key))
                        for key, value in zip(others, values, strict=True)
                        if value is not None and _stands(value, pattern)
                    )
                    continue
                for key in others:
                    for member in self._members(kind, key, pattern):
                        yield Trace(_text(key), _text(member)), (take, key, member)

    def _keys(self, kind: str) -> Iterator[list[bytes]]:
        cursor = b"0"
        while True:
            cursor, keys = self._redis.execute(
                "SCAN", cursor, "MATCH", f"{self._prefix}*", "COUNT", _AT_ONCE, "TYPE", kind
            )
            if keys:
                yield list(dict.fromkeys(keys))
            if cursor == b"0":
                return

    def _members(self, kind: str, key: bytes, pattern: re.Pattern[str]) -> Iterator[bytes]:
        """Give members of a set, or fields of a hash, that name a number, or whose value does."""
        scan = {"hash": "HSCAN", "zset": "ZSCAN", "set": "SSCAN"}[kind]
        cursor = b"0"
        while True:
            cursor, found = self._redis.execute(scan, key, cursor, "COUNT", _AT_ONCE)
            # Each with its value, or its score.
            size = 1 if kind == "set" else 2
            for first in range(0, len(found), size):
                if any(_stands(part, pattern) for part in found[first : first + size]):
                    yield found[first]
            if cursor == b"0":
                return


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _stands(raw: bytes, pattern: re.Pattern[str]) -> bool:
    return pattern.search(_text(raw)) is not None
