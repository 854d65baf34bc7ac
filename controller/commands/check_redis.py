"""What `callbackd check` says of Redis: whether it is there, what it keeps, and its clock."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from controller.commands.check_clock import clock
from controller.commands.findings import Finding
from controller.settings import Settings

if TYPE_CHECKING:
    from controller.cache.client import RedisHandle

#: The oldest release of Redis that this service is tried with; each Valkey is younger.
OLDEST: Final = (6, 2)
#: Of its memory, so much is nearly all.
_NEARLY: Final = 0.9
#: What throws nothing out that is still to be counted.
_KEEPS_ALL: Final = "noeviction"


def redis(settings: Settings) -> Iterator[Finding]:
    """Say what is wrong with the Redis of the settings; of one of our own, nothing while it is off.

    It runs while a controller does, and has what it needs.
    """
    from redis.exceptions import RedisError

    from controller.cache.address import CacheSettingsError
    from controller.cache.client import open_redis

    if not settings.redis.url:
        return
    try:
        handle = open_redis(settings.redis.url)
    except CacheSettingsError as error:
        yield _finding(str(error), "correct the setting", well=False)
        return
    try:
        yield from _told(handle)
    except RedisError as error:
        yield _finding(
            f"{handle.shown} cannot be asked: {error}",
            "see that it runs, and redis.url; calls go on without it, and each controller counts "
            "limits and wrong passwords alone",
            well=False,
        )
    finally:
        handle.close()


def _finding(text: str, remedy: str = "", *, well: bool = True) -> Finding:
    return Finding(subject="redis", well=well, text=text, remedy=remedy)


def info_of(handle: RedisHandle) -> dict[str, str]:
    """Ask a server for what it says of itself. Raises `RedisError`."""
    answer = handle.execute("INFO")
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value for name, colon, value in pairs if colon}


def version_of(info: dict[str, str]) -> str:
    """Give its release, as people write it: `Valkey 9.0.1`."""
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of no version')}"


def _told(handle: RedisHandle) -> Iterator[Finding]:
    from redis.exceptions import ResponseError

    before = time.time()
    seconds, micros = (int(part) for part in handle.execute("TIME"))
    after = time.time()
    try:
        info = info_of(handle)
    except ResponseError as error:
        yield _finding(
            f"{handle.shown} does not say what it is and what it keeps: INFO: {error}",
            "let the user of redis.url ask for it: +info in its ACL",
        )
    else:
        yield from _kept(handle, info)
    yield clock("Redis", seconds + micros / 1_000_000, before, after)


def _kept(handle: RedisHandle, info: dict[str, str]) -> Iterator[Finding]:
    """Say what it is, and whether it keeps what it is given, by what it says of itself."""
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", info.get("redis_version", "")))
    version = f"{handle.shown}: {version_of(info)}"
    if numbers[:2] < OLDEST:
        yield _finding(version, f"update it to {'.'.join(map(str, OLDEST))} or later")
    else:
        yield _finding(version)
    if info.get("role") == "slave":
        yield _finding(
            "it is a replica, and takes no writes",
            "name the primary in redis.url, or its sentinels: redis+sentinel://",
            well=False,
        )
    # Where others have it in their keeping, it may say neither.
    policy = info.get("maxmemory_policy", _KEEPS_ALL)
    if policy != _KEEPS_ALL:
        yield _finding(
            f"maxmemory-policy is {policy}: when it is full it throws out what limits and "
            "lock-outs are counted by",
            f"CONFIG SET maxmemory-policy {_KEEPS_ALL}, and in its file; its memory is for this "
            "service alone",
        )
    most, used = (int(info.get(name, "0")) for name in ("maxmemory", "used_memory"))
    if not most:
        yield _finding(
            "maxmemory is not set: it may take all the memory of its machine",
            "CONFIG SET maxmemory 512mb, and in its file",
        )
    elif used > most * _NEARLY:
        yield _finding(
            f"{used * 100 // most} % of its memory is used, and what is new is soon not kept",
            "CONFIG SET maxmemory to more, and in its file",
        )
