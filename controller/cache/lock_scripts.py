"""Lock-outs in Redis: how a tally is written there, and the scripts that count.

A script does what `guard.locking` does, in one step: nobody counts between its reading and its
writing. It is told what the controller knows itself: what Redis has lost, or never heard of while
it was away, it has again then. Telling it twice changes nothing (`locking.merged`).

Under one prefix (`callbackd:{lineage}:lockouts:`) are the tallies by their target's key; `names`,
all that count something, in the order of their names; `ends`, by when each can be forgotten; and
`locked:KIND`, by when each lock ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from controller.cache.client import Script
from controller.guard.locking import MOST_LEVEL, LockKind, Tally

#: Entries that can be forgotten and are taken out of the lists by one script.
CLEANED_AT_ONCE: Final = 16
#: The keys that every script has, before those of the targets.
COMMON: Final = ("names", "ends", *(f"locked:{kind.value}" for kind in LockKind))
#: Where among them the lock of a kind is, from 1 on, as Lua counts.
PLACE: Final = {kind: COMMON.index(f"locked:{kind.value}") + 1 for kind in LockKind}

# KEYS: COMMON, then one key for each target.
_COMMON_LUA: Final = f"""
local COMMON, MOST_LEVEL = {len(COMMON)}, {MOST_LEVEL}
local function text(number) return string.format('%.0f', number) end
local function read(value)
  local parts, times = {{}}, {{}}
  for part in string.gmatch((value or '') .. ';', '([^;]*);') do parts[#parts + 1] = part end
  for time in string.gmatch(parts[1], '%d+') do times[#times + 1] = tonumber(time) end
  local function number(i) return tonumber(parts[i]) or 0 end
  return {{times = times, level = number(2), since = number(3), to = number(4),
    cleared = number(5), last = number(6), released = number(7)}}
end
local function write(tally)
  local times = {{}}
  for i, time in ipairs(tally.times) do times[i] = text(time) end
  return table.concat({{table.concat(times, ' '), text(tally.level), text(tally.since),
    text(tally.to), text(tally.cleared), text(tally.last), text(tally.released)}}, ';')
end
local function list(name, place, tally, forgotten, now)
  if #tally.times > 0 or tally.level > 0 then
    redis.call('ZADD', KEYS[1], 0, name)
    redis.call('ZADD', KEYS[2], text(forgotten), name)
  else
    redis.call('ZREM', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
  end
  if tally.to > now then
    redis.call('ZADD', KEYS[place], text(tally.to), name)
  else
    redis.call('ZREM', KEYS[place], name)
  end
end
local function clean(now)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now),
    'LIMIT', 0, {CLEANED_AT_ONCE})
  for _, name in ipairs(gone) do
    redis.call('ZREM', KEYS[1], name)
    redis.call('ZREM', KEYS[2], name)
  end
end
"""

#: ARGV: now, whether to count (1, 0); then for each target: its name, the place of its kind's
#: locks in KEYS; its rule: failures, window, first, growth, longest, remember, keep (times are
#: milliseconds); what the controller knows. Gives for each: its tally, and whether a lock began.
EXCHANGE: Final = Script(
    _COMMON_LUA
    + """
local now, counting = tonumber(ARGV[1]), ARGV[2] == '1'
local failures, window, first, growth, longest, remember
local function age(tally)
  local times = {}
  for _, time in ipairs(tally.times) do
    if time > now - window then times[#times + 1] = time end
  end
  tally.times = times
  if now >= tally.to + remember then tally.level, tally.since, tally.to = 0, 0, 0 end
  if #times == 0 and tally.level == 0 then tally.cleared, tally.last = 0, 0 end
end
local function settle(tally)
  local began = 0
  while #tally.times >= failures do
    local at, times = tally.times[failures], {}
    tally.level = math.min(tally.level + 1, MOST_LEVEL)
    if at >= tally.to then tally.since = at end
    local lasts = math.min(first * growth ^ (tally.level - 1), longest)
    tally.to = math.max(tally.to, at + lasts)
    for i = failures + 1, #tally.times do times[#times + 1] = tally.times[i] end
    tally.times, tally.cleared, began = times, math.max(tally.cleared, at), 1
  end
  return began
end
local function count(times, after)
  local counted = {}
  for _, time in ipairs(times) do
    if time > after then counted[time] = (counted[time] or 0) + 1 end
  end
  return counted
end
local function bound(own, other)
  if other.cleared > own.cleared or (other.cleared == own.cleared and other.level > own.level) then
    return other.cleared
  end
  return -1
end
local function merge(one, other)
  local released = math.max(one.released, other.released)
  if one.released < released and one.last <= released then
    one = read('')
    one.released = released
  end
  if other.released < released and other.last <= released then
    other = read('')
    other.released = released
  end
  local most = count(one.times, bound(one, other))
  for time, often in pairs(count(other.times, bound(other, one))) do
    most[time] = math.max(most[time] or 0, often)
  end
  local times = {}
  for time, often in pairs(most) do
    for _ = 1, often do times[#times + 1] = time end
  end
  table.sort(times)
  local newer = one.to >= other.to and one or other
  return {times = times, level = math.max(one.level, other.level), since = newer.since,
    to = newer.to, cleared = math.max(one.cleared, other.cleared),
    last = math.max(one.last, other.last), released = released}
end
local given, wrote = {}, false
for i = COMMON + 1, #KEYS do
  local a = 2 + (i - COMMON - 1) * 10
  local name, place = ARGV[a + 1], tonumber(ARGV[a + 2])
  failures, window, first = tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4]), tonumber(ARGV[a + 5])
  growth, longest = tonumber(ARGV[a + 6]), tonumber(ARGV[a + 7])
  remember = tonumber(ARGV[a + 8])
  local keep, was = tonumber(ARGV[a + 9]), redis.call('GET', KEYS[i])
  local tally = read(was)
  age(tally)
  if ARGV[a + 10] ~= '' then
    local known = read(ARGV[a + 10])
    age(known)
    tally = merge(tally, known)
  end
  if counting then
    tally.times[#tally.times + 1] = now
    table.sort(tally.times)
    tally.last = math.max(tally.last, now)
  end
  local began = settle(tally)
  local value = write(tally)
  if counting or began == 1 or (ARGV[a + 10] ~= '' and value ~= was) then
    local forgotten = 0
    if #tally.times > 0 then forgotten = tally.times[#tally.times] + window end
    if tally.level > 0 then forgotten = math.max(forgotten, tally.to + remember) end
    if tally.released > 0 then forgotten = math.max(forgotten, tally.released + keep) end
    if forgotten > now then
      redis.call('SET', KEYS[i], value, 'PX', text(forgotten - now))
      list(name, place, tally, forgotten, now)
      wrote = true
    end
  end
  given[#given + 1] = {value, began}
end
if wrote then clean(now) end
return given
"""
)

#: ARGV: now, whether also what is not there is marked (1, 0), and for each target its name, the
#: place of its kind's locks in KEYS, and for how long the mark is kept, milliseconds.
#: Without a mark others would tell Redis again what was forgotten.
RELEASE: Final = Script(
    _COMMON_LUA
    + """
local now = tonumber(ARGV[1])
for i = COMMON + 1, #KEYS do
  local a = 2 + (i - COMMON - 1) * 3
  if ARGV[2] == '1' or redis.call('EXISTS', KEYS[i]) == 1 then
    local tally = read('')
    tally.released = now
    list(ARGV[a + 1], tonumber(ARGV[a + 2]), tally, 0, now)
    redis.call('SET', KEYS[i], write(tally), 'PX', ARGV[a + 3])
  end
end
clean(now)
return 1
"""
)

#: KEYS: COMMON, and one to be written, so that a server that is full or a replica says so.
#: ARGV: now. Gives how many are locked, by kind.
LOOK: Final = Script(
    _COMMON_LUA
    + """
redis.call('SET', KEYS[COMMON + 1], ARGV[1], 'PX', 60000)
clean(tonumber(ARGV[1]))
local counted = {}
for i = 3, COMMON do
  redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', ARGV[1])
  counted[#counted + 1] = redis.call('ZCARD', KEYS[i])
end
return counted
"""
)


def write(tally: Tally) -> str:
    """Write a tally as the scripts do; nothing where nothing is known."""
    if tally == Tally():
        return ""
    rest = (tally.level, tally.since, tally.until, tally.cleared, tally.last, tally.released)
    return ";".join((" ".join(map(str, tally.times)), *map(str, rest)))


def read(value: bytes) -> Tally:
    """Read a tally. Raises `ValueError` where it is none."""
    times, *rest = value.decode("ascii").split(";")
    level, since, until, cleared, last, released = (int(number) for number in rest)
    return Tally(
        times=tuple(int(time) for time in times.split()),
        level=level,
        since=since,
        until=until,
        cleared=cleared,
        last=last,
        released=released,
    )


def keys(prefix: str, names: Iterable[str]) -> tuple[str, ...]:
    """Give the keys of a script for these targets."""
    return (*(prefix + name for name in COMMON), *(f"{prefix}of:{name}" for name in names))
