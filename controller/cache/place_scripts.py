"""Places in Redis: how they are written there, and the scripts that give them out.

What places are on is called a channel here, whatever else it may be (`places`). Under one prefix
(`callbackd:{lineage}:places:`) is for each channel `of:CHANNEL`, by when each member's place on it
ends; and for each member `at:MEMBER`, the channels where it may have one: whoever gives them back
need not be who took them. Both are gone by themselves when the last of it has ended. `life` is the
name of what Redis holds: where it is another one than before, Redis was emptied, and is told again
what each controller knows. `gone` keeps for an hour who gave a place back while Redis was away, so
that nobody else tells of it anew.

A script finds by itself some of the keys that it touches, those of a member's channels: they begin
with the same prefix, whose braces keep all of them on one server of a cluster. Each script takes
something away first: a server that is full lets a script that has written go on, and places are
few. Times are milliseconds since 1970; controllers compare by the wall.
"""

from __future__ import annotations

from typing import Final

from controller.cache.client import Script

#: For how long it is kept who gave a place back while Redis was away, milliseconds.
GONE_MS: Final = 3_600_000

# KEYS[1] is `life`, KEYS[2] `gone` in all of them; `prefix` is that of the keys.
_COMMON_LUA: Final = """
local function lasts(key, now, to)
  if redis.call('PTTL', key) < to - now then redis.call('PEXPIRE', key, to - now) end
end
local function names(prefix, member)
  local found = {}
  for name in string.gmatch(redis.call('GET', prefix .. 'at:' .. member) or '', '%S+') do
    found[#found + 1] = name
  end
  return found
end
local function write(prefix, member, channels, now, to)
  local key = prefix .. 'at:' .. member
  local left = math.max(redis.call('PTTL', key), to - now, 1)
  redis.call('SET', key, table.concat(channels, ' '), 'PX', string.format('%.0f', left))
end
local function put(prefix, member, channel, now, to)
  local key = prefix .. 'of:' .. channel
  redis.call('ZADD', key, string.format('%.0f', to), member)
  lasts(key, now, to)
end
"""

#: ARGV: prefix, `life` as the controller knows it, a new name for it, now, until, member, whether
#: it takes all of them or none (1, 0); then for each channel: its name, its limit. Gives `life`,
#: and for each channel 1, or 0 where none is free; or `life` alone, and nothing is done, where it
#: is not the one that was named.
TAKE: Final = Script(
    _COMMON_LUA
    + """
local prefix, now, to, member = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
redis.call('ZREM', KEYS[2], member)
local life = redis.call('GET', KEYS[1])
if not life then
  life = ARGV[3]
  redis.call('SET', KEYS[1], life)
end
if life ~= ARGV[2] then return {life} end
local channels, last, given = names(prefix, member), to, {life}
local known, had, all = {}, {}, true
for _, name in ipairs(channels) do known[name] = true end
for i = 8, #ARGV, 2 do
  local name, limit = ARGV[i], tonumber(ARGV[i + 1])
  local key = prefix .. 'of:' .. name
  redis.call('ZREMRANGEBYSCORE', key, '-inf', ARGV[4])
  had[name] = redis.call('ZSCORE', key, member)
  local free = had[name] or redis.call('ZCARD', key) < limit
  all = all and free
  given[#given + 1] = free and 1 or 0
end
if ARGV[7] == '1' and not all then return given end
for i = 8, #ARGV, 2 do
  local name = ARGV[i]
  if given[(i - 8) / 2 + 2] == 1 then
    put(prefix, member, name, now, math.max(to, tonumber(had[name] or 0)))
    if not known[name] then channels[#channels + 1] = name end
  end
end
if #channels > 0 then write(prefix, member, channels, now, to) end
return given
"""
)

#: ARGV: prefix, now, until, member, until when it is kept that it is gone (0: not); then for each
#: channel on which it stays: its name, whether it has a place there of which nothing was told yet
#: (1, 0). Gives for each whether it has a place there.
KEEP: Final = Script(
    _COMMON_LUA
    + """
local prefix, now, to = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local member, stays, has, kept, given = ARGV[4], {}, {}, {}, {}
for i = 6, #ARGV, 2 do
  stays[ARGV[i]] = true
  has[ARGV[i]] = ARGV[i + 1] == '1'
end
for _, name in ipairs(names(prefix, member)) do
  if stays[name] then has[name] = true
  else redis.call('ZREM', prefix .. 'of:' .. name, member) end
end
redis.call('DEL', prefix .. 'at:' .. member)
for i = 6, #ARGV, 2 do
  local name = ARGV[i]
  local there = has[name] and to > now
  if there then
    put(prefix, member, name, now, to)
    kept[#kept + 1] = name
  end
  given[#given + 1] = there and 1 or 0
end
if #kept > 0 then write(prefix, member, kept, now, to) end
if ARGV[5] ~= '0' then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
  redis.call('ZADD', KEYS[2], ARGV[5], member)
  lasts(KEYS[2], now, tonumber(ARGV[5]))
end
return given
"""
)

#: ARGV: prefix, `life` as the controller knows it, a new name for it, now; then for each place that
#: it knows of: member, channel, until, whether Redis was told of it (1, 0). Gives `life`, and for
#: each place 1, or 0 where it is somebody's no more.
TELL: Final = Script(
    _COMMON_LUA
    + """
local prefix, now = ARGV[1], tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[4])
-- Written each time: a replica says so.
local life = redis.call('GET', KEYS[1]) or ARGV[3]
redis.call('SET', KEYS[1], life)
local same, given = life == ARGV[2], {life}
for i = 5, #ARGV, 4 do
  local member, name, to = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local is = redis.call('ZSCORE', prefix .. 'of:' .. name, member)
  if not is and to > now and (not same or ARGV[i + 3] == '0')
      and tonumber(redis.call('ZSCORE', KEYS[2], member) or 0) <= now then
    local channels, there = names(prefix, member), false
    for _, other in ipairs(channels) do there = there or other == name end
    if not there then channels[#channels + 1] = name end
    put(prefix, member, name, now, to)
    write(prefix, member, channels, now, to)
    is = true
  end
  given[#given + 1] = is and 1 or 0
end
return given
"""
)
