"""Which controllers there are: each renews a lease in Redis, and sees the others' (O4).

One script does both, by the server's own clock: those of the controllers' machines do not matter.
Whoever does not renew any more stays listed for an hour, as somebody whose lease has ended; whoever
leaves takes himself off the list. What that means is judged elsewhere (`guard.standing`).

All is in one key, a hash `callbackd:{lineage}:presence:controllers`, so that a server that evicts
or loses something loses all of it: of each controller the field `=NAME`, with the end of its lease
(milliseconds), its run and what it says of itself; `!NAME`, the run that somebody judged away, for
that one to learn of when it is back; and `epoch`, which is another one when the server has lost its
data.

**Redis away**: nothing is renewed and nobody is seen; what was known stays.

`callbackd_presence_faults_total` counts what went wrong; `fault` says it for readiness.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from controller.cache.client import RedisHandle, Script
from controller.cache.lease_scripts import LEASES_LUA
from controller.cache.metrics import PresenceMetrics
from controller.cache.shared_counts import SharedCounts
from controller.guard.members import Member, Seen
from controller.guard.standing import KNOWN_SECONDS

__all__ = ["Member", "Presence", "Seen"]

_DECODE: Final = msgspec.json.Decoder(Member)

#: KEYS: the hash. ARGV: name, run, what it says of itself, its lease and for how long a lapsed one
#: is known (milliseconds), a new name for the data; then pairs of name and run that it has judged
#: away. Gives the data's name, whether somebody judged us away, the run that had our name until
#: now (empty: nobody), and for each controller its run, what is left of its lease and what it says.
#:
#: It takes something away first: a server that is full lets a script that has written go on.
RENEW: Final = Script(
    LEASES_LUA
    + """
local key, name, run, lease = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[4])
local kept = tonumber(ARGV[5])
local judged, other = 0, ''
if redis.call('HGET', key, '!' .. name) == run then judged = 1 end
redis.call('HDEL', key, '!' .. name)
local epoch = redis.call('HGET', key, 'epoch')
if not epoch then
  epoch = ARGV[6]
  redis.call('HSET', key, 'epoch', epoch)
end
local runs, lefts = {}, {}
local reply, all = {epoch, judged, ''}, redis.call('HGETALL', key)
for i = 1, #all, 2 do
  local who = string.match(all[i], '^=(.+)$')
  if who then
    local left, his, said = read(all[i + 1])
    if not left or left < -kept then
      redis.call('HDEL', key, all[i], '!' .. who)
    elseif who == name then
      if his ~= run and left > 0 then reply[3] = his end
    else
      runs[who], lefts[who] = his, left
      reply[#reply + 1] = his
      reply[#reply + 1] = left
      reply[#reply + 1] = said
    end
  end
end
redis.call('HSET', key, '=' .. name, written(lease, run, ARGV[3]))
for i = 7, #ARGV, 2 do
  if runs[ARGV[i]] == ARGV[i + 1] and lefts[ARGV[i]] <= 0 then
    redis.call('HSET', key, '!' .. ARGV[i], ARGV[i + 1])
  end
end
redis.call('PEXPIRE', key, string.format('%.0f', kept + lease))
return reply
"""
)

#: KEYS: the hash. ARGV: for how long a lapsed one is known, milliseconds. Gives the controllers as
#: `RENEW` does, and changes nothing.
LOOK: Final = Script(
    LEASES_LUA
    + """
local reply, all = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) == '=' then
    local left, his, said = read(all[i + 1])
    if left and left >= -tonumber(ARGV[1]) then
      reply[#reply + 1] = his
      reply[#reply + 1] = left
      reply[#reply + 1] = said
    end
  end
end
return reply
"""
)

#: KEYS: the hash. ARGV: name, run. Another run of this name stays.
REMOVE: Final = Script(
    """
local found = redis.call('HGET', KEYS[1], '=' .. ARGV[1])
if found and string.match(found, '^%d+ (%S+) ') == ARGV[2] then
  redis.call('HDEL', KEYS[1], '=' .. ARGV[1], '!' .. ARGV[1])
end
return 0
"""
)


class Presence(SharedCounts):
    """The controllers of one store, as one of them sees them.

    Attributes:
        lease_seconds: how long its own lease is.
        epoch: the name of what Redis knows: another one, and it has lost what it knew before.
        judged: whether somebody has judged us away since the last renewal.
        twin: whether another controller runs under our name.

    """

    NAME = "presence"
    ALONE = "no controller that dies or stands still is found out; what is known of them stays"
    RESTS = False

    def __init__(
        self,
        redis: RedisHandle,
        lineage: str,
        *,
        lease_seconds: int,
        now: Callable[[], float],
        metrics: PresenceMetrics,
    ) -> None:
        super().__init__(redis, lineage, now=now, faults=metrics.faults)
        self.metrics = metrics
        self.lease_seconds = lease_seconds
        self.epoch = ""
        self.judged = False
        self.twin = False
        #: Of which data we have renewed before: whoever had our name then is not our former run.
        self._renewed = ""
        #: How many renewals ago another run had our name.
        self._twin_ago = 0
        #: Whose record could not be read, so that it is said once.
        self._unread: set[str] = set()

    def renew(self, me: Member, away: Iterable[Member] = ()) -> tuple[Seen, ...] | None:
        """Renew one's own lease, and give all controllers, by name; None: Redis is not there.

        `away`: those that we have judged away; they learn of it when they are back. One round
        trip. Never raises.
        """
        judged = [part for member in away for part in (member.name, member.run)]
        lease, kept = self.lease_seconds * 1000, KNOWN_SECONDS * 1000
        said = msgspec.json.encode(me)
        reply = self._reach(
            lambda: self._redis.run(
                RENEW,
                (self._key,),
                (me.name, me.run, said, lease, kept, secrets.token_hex(8), *judged),
            )
        )
        if reply is None:
            return None
        epoch, was_judged, other, *others = reply
        self.epoch, self.judged = epoch.decode(), bool(was_judged)
        self._look_for_twin(me.name, other)
        return _by_name([Seen(me, lease), *self._seen_in(others)])

    def look(self) -> tuple[Seen, ...] | None:
        """Give all controllers, by name, and renew nothing; None: Redis is not there."""
        reply = self._reach(lambda: self._redis.run(LOOK, (self._key,), (KNOWN_SECONDS * 1000,)))
        return None if reply is None else _by_name(self._seen_in(reply))

    def remove(self, name: str, run: str) -> None:
        """Leave for good. Another run of this name stays. Never raises."""
        # Taking away works on a server that is full, too: that proves nothing.
        self._reach(lambda: self._redis.run(REMOVE, (self._key,), (name, run)), proves=False)

    @property
    def _key(self) -> str:
        return f"{self._prefix}controllers"

    def _seen_in(self, reply: Sequence[Any]) -> Iterator[Seen]:
        """Give whom a script told of: of each its run, what is left, and what it says."""
        for run, left, text in zip(reply[::3], reply[1::3], reply[2::3], strict=True):
            member = self._read(run, text)
            if member is not None:
                yield Seen(member, left)

    def _read(self, run: bytes, text: bytes) -> Member | None:
        """Read what another controller says of itself, which may be of another release."""
        try:
            member = _DECODE.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            which = run.decode(errors="replace")
            if which not in self._unread:
                self._unread.add(which)
                self._faults.labels("unreadable").inc()
                self._log.warning("presence_unreadable", run=which[:64], reason=str(error))
            return None
        return msgspec.structs.replace(member, run=run.decode(errors="replace"))

    def _look_for_twin(self, name: str, other: bytes) -> None:
        """Find out whether two controllers run under one name; a former run of ours is none."""
        if other and self._renewed == self.epoch:
            if not self.twin:
                self._faults.labels("name").inc()
                self._log.error(
                    "two_controllers_of_one_name", name=name, remedy="give each its own `name`"
                )
            self.twin, self._twin_ago = True, 0
        elif self.twin:
            self._twin_ago += 1
            # It renews about as often as we do.
            self.twin = self._twin_ago <= self.lease_seconds * 8
        self._renewed = self.epoch


def _by_name(seen: Iterable[Seen]) -> tuple[Seen, ...]:
    return tuple(sorted(seen, key=lambda one: one.member.name))
