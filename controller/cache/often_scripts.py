"""How often callbacks are made, in Redis: how it is written there, and the scripts that count.

Under one prefix (`callbackd:{lineage}:often:`) is a hash for each limit, by its key: the count of
each part of its window (`guard.often`), by the part's number. It is gone when the window is over.
`was:CALLBACK` says that a callback was counted: it may be put off, and come to another controller.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from controller.cache.client import Script
from controller.guard.often import PARTS


class Mode(IntEnum):
    """What is done with a limit: asked whether it is reached, counted, or both."""

    ASKED = 0
    BOTH = 1
    COUNTED = 2


#: KEYS: one for each limit; then, where a callback is counted, that of it. ARGV: now
#: (milliseconds), for how long it is kept that it was (milliseconds; 0: there is none), then for
#: each limit: a part's length (milliseconds), how many there may be, how many the controller knows
#: of itself (what Redis has lost, or never heard of while it was away, counts all the same), and
#: its `Mode`. Where one that is asked is reached nothing is counted, and it gives which (from 1
#: on), and when there may be another (0: by what the controller knows of itself); else 0. A
#: callback that was counted is not counted again, and is only asked what it is never counted by:
#: then it gives -1.
COUNT: Final = Script(
    f"local PARTS = {PARTS}\n"
    + """
local now, lasts, limits, was = tonumber(ARGV[1]), ARGV[2], #KEYS, false
if lasts ~= '0' then
  limits, was = limits - 1, redis.call('EXISTS', KEYS[#KEYS]) == 1
end
for i = 1, limits do
  local key, at = KEYS[i], 3 + (i - 1) * 4
  local part, most, known = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local last = math.floor(now / part)
  local fields, parts, sum, gone = redis.call('HGETALL', key), {}, 0, {}
  for j = 1, #fields, 2 do
    local number, count = tonumber(fields[j]), tonumber(fields[j + 1])
    if number < last - PARTS then
      gone[#gone + 1] = fields[j]
    else
      parts[#parts + 1] = {number, count}
      sum = sum + count
    end
  end
  if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
  local asked = ARGV[at + 3] == '0' or (ARGV[at + 3] == '1' and not was)
  if asked and math.max(sum, known) >= most then
    if sum < most then return {i, '0'} end
    table.sort(parts, function(one, other) return one[1] < other[1] end)
    local left, free = sum - most, now + part * PARTS
    for _, pair in ipairs(parts) do
      left = left - pair[2]
      if left < 0 then
        free = (pair[1] + PARTS + 1) * part
        break
      end
    end
    return {i, string.format('%.0f', free)}
  end
end
if was then return {-1} end
for i = 1, limits do
  local key, at = KEYS[i], 3 + (i - 1) * 4
  local part = tonumber(ARGV[at])
  if ARGV[at + 3] ~= '0' then
    redis.call('HINCRBY', key, string.format('%.0f', math.floor(now / part)), 1)
    redis.call('PEXPIRE', key, string.format('%.0f', part * (PARTS + 2)))
  end
end
if lasts ~= '0' then redis.call('SET', KEYS[#KEYS], 1, 'PX', lasts) end
return {0}
"""
)

#: KEYS: one for each limit. It gives the hash of each, and changes nothing.
LOOK: Final = Script(
    """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return found
"""
)
