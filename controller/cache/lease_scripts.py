"""Leases in Redis, and what every script has that renews or reads them.

They are fields of one hash, each by the name of whose it is. A value is when the lease ends,
milliseconds by the server's own clock, the run that renews it, and what that one says: whoever
renews and whoever reads need not have the same time.
"""

from __future__ import annotations

from typing import Final

#: `now`, milliseconds; `read`: gives what is left of a lease, its run and what that says (nil: it
#: is no lease); `written`: gives a lease from now on.
LEASES_LUA: Final = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function read(value)
  local ends, run, said = string.match(value, '^(%d+) (%S+) (.*)$')
  return ends and tonumber(ends) - now, run, said
end
local function written(lasts, run, said)
  return string.format('%.0f', now + tonumber(lasts)) .. ' ' .. run .. ' ' .. said
end
"""
