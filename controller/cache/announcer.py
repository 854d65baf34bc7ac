"""Tells running controllers of a change made by a command, which has no cache of its own."""

from __future__ import annotations

from redis.exceptions import RedisError

from controller.cache.client import open_redis
from controller.cache.shared import Shared
from controller.policy.changes import Change


def announce(url: str, lineage: str, change: Change) -> bool:
    """Have Redis forget what a change touched, and tell every controller. Waits half a second.

    Gives False where Redis is not there: the controllers then find the change in the store within
    a second. Raises `CacheSettingsError` where the URL cannot be.
    """
    redis = open_redis(url)
    try:
        Shared(redis, lineage).announce(change)
    except RedisError:
        return False
    else:
        return True
    finally:
        redis.close()
