"""How often callbacks are made, in Redis: how it is written there, and the script that counts.

Under one prefix (`callbackd:{lineage}:often:`) is a hash for each limit, by its key: the count of
each part of its window (`guard.often`), by the part's number. It is gone when the window is over.
"""

from __future__ import annotations

from typing import Final

from controller.cache.client import Script
from controller.guard.often import PARTS

#: KEYS: one for each limit. ARGV: now (milliseconds), then for each: a part's length
#: (milliseconds), how many there may be, and how many the controller knows of itself: what Redis
#: has lost, or never heard of while it was away, counts all the same. Where one is reached nothing
#: is counted, and it gives which (from 1 on), and when another may be made; else 0.
COUNT: Final = Script(
    f"local PARTS = {PARTS}\n"
    + """
local now = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  local at = 2 + (i - 1) * 3
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
  if math.max(sum, known) >= most then
    table.sort(parts, function(one, other) return one[1] < other[1] end)
    local left, free = sum - most, now + part * PARTS
    for _, pair in ipairs(parts) do
      left = left - pair[2]
      if left < 0 and sum >= most then
        free = (pair[1] + PARTS + 1) * part
        break
      end
    end
    return {i, string.format('%.0f', free)}
  end
end
for i, key in ipairs(KEYS) do
  local part = tonumber(ARGV[2 + (i - 1) * 3])
  redis.call('HINCRBY', key, string.format('%.0f', math.floor(now / part)), 1)
  redis.call('PEXPIRE', key, string.format('%.0f', part * (PARTS + 2)))
end
return {0}
"""
)
