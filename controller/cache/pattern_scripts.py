"""What counts towards a pattern (G3), in Redis: how that is written, and the script that counts.

Under one prefix (`callbackd:{lineage}:patterns:`) is a sorted set for each subject, by its key: its
members by when they were seen last, milliseconds since 1970. It is gone when its hour is over.
"""

from __future__ import annotations

from typing import Final

from controller.cache.client import Script
from controller.guard.patterns import MOST_MEMBERS, WINDOW_MICROS

#: For how long members count, milliseconds.
WINDOW_MS: Final = WINDOW_MICROS // 1000

#: KEYS: one for each subject. ARGV: for each: when (milliseconds), up to when nothing counts any
#: more, and the member. It gives how many different ones there are of each.
SEE: Final = Script(
    f"local WINDOW, MOST = {WINDOW_MS}, {MOST_MEMBERS}\n"
    + """
local counts = {}
for i, key in ipairs(KEYS) do
  local at, since, member = tonumber(ARGV[i * 3 - 2]), tonumber(ARGV[i * 3 - 1]), ARGV[i * 3]
  local from = math.max(at - WINDOW, since)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', from))
  if at > since then redis.call('ZADD', key, string.format('%.0f', at), member) end
  redis.call('ZREMRANGEBYRANK', key, 0, -(MOST + 1))
  redis.call('PEXPIRE', key, WINDOW)
  counts[i] = redis.call('ZCARD', key)
end
return counts
"""
)
