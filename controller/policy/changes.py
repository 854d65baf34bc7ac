"""What the cache is told of changes: by whom policies are read, and what is no longer true.

The store counts every change that touches a policy (`seq`). A policy that was read carries the
count as of which it is true; a change names what it touched. Whoever keeps a copy compares the
two, and needs no clock for it.

Both sides rely on this: each change has a count of its own, one more than the last, taken under a
lock that is held until the commit; it names all DIDs of an extension, old and new,
whichever field changed; and what is read comes from the primary, never from a replica that lags.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from controller.policy.model import Policy


class Position(msgspec.Struct, frozen=True):
    """Where the store is: `lineage` is made with the database and never changes with it."""

    lineage: str
    seq: int


class Change(msgspec.Struct, frozen=True):
    """One change: which extensions and DIDs may read otherwise from `seq` on.

    `everything`: all of them may (a client was changed, a whole configuration was imported); the
    tuples are empty then.
    """

    seq: int
    extensions: tuple[str, ...] = ()
    dids: tuple[str, ...] = ()
    everything: bool = False


class Snapshot(msgspec.Struct, frozen=True):
    """A policy as it was at `seq` or later, never mixed of two states; None: there is none."""

    seq: int
    policy: Policy | None


class PolicySource(Protocol):
    """The system of record, as the cache reads it. Every call blocks: it runs in a thread."""

    def position(self) -> Position:
        """Give where the store is now."""
        ...

    def by_did(self, did: str) -> Snapshot:
        """Give the policy of the extension that a DID reaches."""
        ...

    def by_extension(self, extension: str) -> Snapshot:
        """Give the policy of an extension."""
        ...

    def changes(self, after: int) -> tuple[Change, ...] | None:
        """Give what changed after `after`, in order; None where it is not known any more."""
        ...
