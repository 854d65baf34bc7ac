"""The policies in Redis: what every controller shares, and any of them may lose at any time.

Each policy stands under each of its DIDs and under its extension, whole: one reply answers a
look-up, and nothing is joined. Beside them is one record, `Standing`, which comes with each reply:
up to which count of the store's every change was *applied* to this Redis, that is: the entries
that it touched are gone. So an entry is true as of `applied`, in any copy of this Redis too: one
that is behind (a replica that was promoted before it had the last writes, a server that was
restored) says so itself, by an `applied` lower than the reader knows it can be.

An entry is stored only if no change was announced since it was read from the store
(`seq >= highest`), so a slow reader, however slow, never puts back what a writer took away. There
is nothing in this that goes by a clock, and nothing that may not be lost or evicted: a record that
is gone is made anew, with another epoch.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from controller.cache.client import RedisHandle, Script
from controller.cache.entries import (
    OtherRelease,
    Standing,
    Unreadable,
    count,
    read,
    read_standing,
    write,
    write_standing,
)
from controller.policy.changes import Change, Snapshot

#: How long a policy stays unless a change takes it away, milliseconds.
POLICY_MS: Final = 300_000
#: How long it stays known that a number is nobody's, milliseconds.
NONE_MS: Final = 5_000
#: Keys that one script takes away; more would hold up the server.
KEYS_AT_ONCE: Final = 1_000

#: KEYS: the entry, the record. ARGV: epoch, seq, value, milliseconds.
_STORE: Final = Script("""
local standing = redis.call('GET', KEYS[2])
if not standing or string.sub(standing, 1, 16) ~= ARGV[1] then return 0 end
if ARGV[2] < string.sub(standing, 33, 48) then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1
""")

#: KEYS: the record, the entries that are touched. ARGV: the counts after which and up to which
#: the changes are all there (equal: not all of them are here yet), the highest of them, a new
#: epoch or nothing, a channel and a message or nothing.
#: `DEL` comes first: a server that is full lets a script that has written go on.
_APPLY: Final = Script("""
redis.call('DEL', KEYS[1] .. ':none')
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
local standing = redis.call('GET', KEYS[1])
if standing and string.len(standing) == 48 then
  local epoch = string.sub(standing, 1, 16)
  local applied = string.sub(standing, 17, 32)
  local highest = string.sub(standing, 33, 48)
  if ARGV[4] ~= '' and ARGV[3] > applied then epoch = ARGV[4] end
  if ARGV[3] > highest then highest = ARGV[3] end
  if applied >= ARGV[1] and ARGV[2] > applied then applied = ARGV[2] end
  standing = epoch .. applied .. highest
  redis.call('SET', KEYS[1], standing)
end
if ARGV[5] ~= '' then redis.call('PUBLISH', ARGV[5], ARGV[6]) end
return standing
""")

#: KEYS: the record. ARGV: as it was read (or nothing), as it shall be.
_RESET: Final = Script("""
local standing = redis.call('GET', KEYS[1])
if (standing or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
""")


class Reply(msgspec.Struct, frozen=True):
    """What Redis says to a look-up.

    Attributes:
        standing: the record; None: there is none, and nothing that is there counts.
        snapshot: the policy, or that there is none; None: it is not known.
        fault: why an entry that is there is no answer: `unreadable`, `other_release`.

    """

    standing: Standing | None
    snapshot: Snapshot | None = None
    fault: str | None = None


encode = msgspec.json.Encoder().encode


def keys_of(change: Change) -> list[str]:
    """Give the keys of the entries that a change touches."""
    return [*(f"e:{name}" for name in change.extensions), *(f"d:{did}" for did in change.dids)]


class Shared:
    """The policies of one store in one Redis. Every call raises redis-py's `RedisError`."""

    def __init__(self, redis: RedisHandle, lineage: str) -> None:
        self._redis = redis
        self.lineage = lineage
        # Braces: in a cluster, all of a store's keys are on one server.
        self._prefix = f"callbackd:{{{lineage}}}:"
        self._standing = f"{self._prefix}standing"
        #: Where changes are told.
        self.channel = f"{self._prefix}changes"

    def standing(self) -> Standing | None:
        """Read the record."""
        return read_standing(self._redis.execute("GET", self._standing))

    def read(self, key: str) -> Reply:
        """Look an entry up, with the record as it was at that moment."""
        raw, record = self._redis.execute("MGET", self._prefix + key, self._standing)
        standing = read_standing(record)
        if raw is None or standing is None:
            return Reply(standing)
        try:
            return Reply(standing, read(raw, key, standing.epoch))
        except Unreadable:
            return Reply(standing, fault="unreadable")
        except OtherRelease:
            return Reply(standing, fault="other_release")

    def store(self, key: str, epoch: bytes, snapshot: Snapshot) -> None:
        """Keep what was read from the store, unless a change was announced since.

        `epoch` must have been read before the store was.
        """
        lasts = NONE_MS if snapshot.policy is None else POLICY_MS
        self._redis.run(
            _STORE,
            (self._prefix + key, self._standing),
            (epoch, count(snapshot.seq), write(snapshot, key, epoch), lasts),
        )

    def announce(self, change: Change) -> Standing | None:
        """Take away what a change touched, and tell every controller. Gives the record then."""
        # Where all changes before it are applied, it is now too; else whoever looks next does it.
        return self._apply((change,), max(0, change.seq - 1), change.seq, encode(change))

    def apply(self, changes: Sequence[Change], after: int) -> Standing | None:
        """Apply all the changes after a count. Gives the record then."""
        return self._apply(changes, after, changes[-1].seq, b"")

    def _apply(
        self, changes: Sequence[Change], after: int, to: int, message: bytes
    ) -> Standing | None:
        keys = list(dict.fromkeys(key for change in changes for key in keys_of(change)))
        epoch = _new_epoch() if any(change.everything for change in changes) else ""
        while len(keys) > KEYS_AT_ONCE:
            part, keys = keys[:KEYS_AT_ONCE], keys[KEYS_AT_ONCE:]
            self._take_away(part, (count(to), count(to), count(to), epoch, "", b""))
        channel = self.channel if message else ""
        return self._take_away(keys, (count(after), count(to), count(to), epoch, channel, message))

    def _take_away(
        self, keys: Iterable[str], arguments: tuple[str | bytes, ...]
    ) -> Standing | None:
        keys = (self._standing, *(self._prefix + key for key in keys))
        return read_standing(self._redis.run(_APPLY, keys, arguments))

    def reset(self, seen: Standing | None, seq: int) -> bool:
        """Forget all entries; what is stored from now on is true as of `seq`.

        Gives False where somebody else changed the record since `seen` was read.
        """
        # A record that cannot be read is no reason to leave it.
        was = seen.raw if seen is not None else self._redis.execute("GET", self._standing) or b""
        if seen is None and read_standing(was) is not None:
            return False
        fresh = write_standing(_new_epoch(), seq)
        return bool(self._redis.run(_RESET, (self._standing,), (was, fresh)))


def _new_epoch() -> str:
    return secrets.token_hex(8)
