"""Switches that announce themselves in Redis, with a lease that they renew.

Whoever runs beside a switch (`callbackd switch announce`) says where its event socket is; the
controllers of the same group read it. It is no store's: an announcer need not reach the database.
All is in one key, a hash `callbackd:{GROUP}:switches`: of each switch the field of its name, with
the end of its lease by the server's own clock, the run of its announcer, and where it is. One whose
lease has ended stays for an hour, so that it is known as gone.

Nothing of this is believed by itself: see `guard.announced`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from prometheus_client import Counter

from controller.cache.client import RedisHandle, Script
from controller.cache.lease_scripts import LEASES_LUA
from controller.cache.shared_counts import SharedCounts
from controller.guard.announced import Announced, Announcement, read

#: How long a switch is known whose lease has ended, milliseconds.
KNOWN_MS: Final = 3_600_000

#: KEYS: the hash. ARGV: name, run, lease (milliseconds), where it is. Gives 1; 0 where another run
#: announces another place under this name.
#:
#: It takes something away first: a server that is full lets a script that has written go on.
_ANNOUNCE: Final = Script(
    LEASES_LUA
    + """
local key, name, run, said = KEYS[1], ARGV[1], ARGV[2], ARGV[4]
local found = redis.call('HGET', key, name)
if found then
  local left, his, place = read(found)
  if left and left > 0 and his ~= run and place ~= said then return 0 end
end
redis.call('HDEL', key, name)
redis.call('HSET', key, name, written(ARGV[3], run, said))
redis.call('PERSIST', key)
return 1
"""
)
#: KEYS: the hash. ARGV: name, run.
_LEAVE: Final = Script(
    """
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found and string.match(found, '^%d+ (%S+) ') == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
"""
)
#: KEYS: the hash. ARGV: for how long a lapsed one is known, milliseconds. Gives for each switch its
#: name, what is left of its lease, and where it is.
_LIST: Final = Script(
    LEASES_LUA
    + """
local reply, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local left, _, said = read(all[i + 1])
  if left and left >= -tonumber(ARGV[1]) then
    reply[#reply + 1] = all[i]
    reply[#reply + 1] = left
    reply[#reply + 1] = said
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return reply
"""
)


class Announcements(SharedCounts):
    """The announcements of one group of controllers and switches."""

    NAME = "announcements"
    ALONE = "no switch that announces itself is found; those that are known stay"
    RESTS = False

    def __init__(
        self, redis: RedisHandle, group: str, *, now: Callable[[], float], faults: Counter
    ) -> None:
        super().__init__(redis, group, now=now, faults=faults)
        self._key = f"callbackd:{{{group}}}:switches"

    def announce(self, name: str, run: str, place: Announcement, lease_ms: int) -> bool | None:
        """Renew a switch's lease; False: another one has its name; None: Redis is not there."""
        said = msgspec.json.encode(place)
        told = (name, run, lease_ms, said)
        taken = self._reach(lambda: self._redis.run(_ANNOUNCE, (self._key,), told))
        return None if taken is None else bool(taken)

    def leave(self, name: str, run: str) -> None:
        """End a switch's lease, if that run has it."""
        self._reach(lambda: self._redis.run(_LEAVE, (self._key,), (name, run)))

    def all(self) -> tuple[Announced, ...] | None:
        """Give all switches that are announced, or were within the hour; None: no Redis."""
        reply = self._reach(lambda: self._redis.run(_LIST, (self._key,), (KNOWN_MS,)))
        if reply is None:
            return None
        triples = zip(reply[::3], reply[1::3], reply[2::3], strict=True)
        return tuple(
            read(name, int(left), said)
            for name, left, said in sorted(triples, key=lambda triple: triple[0])
        )
