r"""How a policy is written in Redis, and what is kept there about all of them.

An entry is `<epoch 16><tag 8><seq 16><kind 1><key>\n<policy as JSON>`. The epoch is that of the
record of the whole cache (`Standing`): with a new one, all entries are forgotten at once. The tag
stands for what a policy consists of in this release; one of another release is left alone, since
two releases that wrote over each other's would both read SQL for ever. The key says whose policy
it is: a reply that was meant for another question is no answer. `seq` is the store's count.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from controller.policy.changes import Snapshot
from controller.policy.model import Policy

_EPOCH: Final = slice(0, 16)
_TAG: Final = slice(16, 24)
_SEQ: Final = slice(24, 40)
_KIND: Final = slice(40, 41)
_KEY: Final = 41
_POLICY: Final = b"p"
_NONE: Final = b"n"

#: What a policy consists of in this release: its fields, their types, bounds and defaults.
TAG: Final = (
    hashlib.sha256(msgspec.json.encode(msgspec.json.schema(Policy), order="deterministic"))
    .hexdigest()[:8]
    .encode()
)
_STANDING: Final = re.compile(rb"([0-9a-f]{16})([0-9]{16})([0-9]{16})\Z")

_encode = msgspec.json.Encoder().encode
#: Types only: what fields must keep together was checked when the store took the policy.
_decode = msgspec.json.Decoder(Policy).decode


class Unreadable(ValueError):
    """An entry that is damaged, or stands under a key that is not its own."""


class OtherRelease(ValueError):
    """An entry that a controller of another release wrote for its like."""


class Standing(msgspec.Struct, frozen=True):
    """What is known of all entries of one Redis, in one key.

    Attributes:
        epoch: entries with another one are forgotten.
        applied: the store's count up to which every change was applied here.
        highest: the highest count of a change that was announced here; at least `applied`.
        raw: as it stands there.

    """

    epoch: bytes
    applied: int
    highest: int
    raw: bytes


def count(seq: int) -> str:
    """Write a count so that text compares as numbers do."""
    return f"{seq:016d}"


def read_standing(raw: bytes | None) -> Standing | None:
    """Read the record of the whole cache; None where there is none that can be read."""
    found = _STANDING.match(raw) if raw is not None else None
    if raw is None or found is None:
        return None
    return Standing(found[1], int(found[2]), int(found[3]), raw)


def write_standing(epoch: str, seq: int) -> str:
    """Write the record of a cache without entries, true as of `seq`."""
    return f"{epoch}{count(seq)}{count(seq)}"


def write(snapshot: Snapshot, key: str, epoch: bytes) -> bytes:
    """Write an entry."""
    kind, body = (_NONE, b"") if snapshot.policy is None else (_POLICY, _encode(snapshot.policy))
    return b"".join((epoch, TAG, count(snapshot.seq).encode(), kind, key.encode(), b"\n", body))


def read(raw: bytes, key: str, epoch: bytes) -> Snapshot | None:
    """Read an entry; None where it is of a forgotten epoch.

    Raises `Unreadable` and `OtherRelease`.
    """
    if raw[_EPOCH] != epoch:
        return None
    if raw[_TAG] != TAG:
        raise OtherRelease
    own, _, body = raw[_KEY:].partition(b"\n")
    if own != key.encode():
        raise Unreadable("it stands under another key")
    try:
        seq = int(raw[_SEQ])
        if raw[_KIND] == _NONE:
            return Snapshot(seq, None)
        return Snapshot(seq, _decode(body))
    except ValueError as error:
        # msgspec's errors are of this kind too. Their text could hold what was read.
        raise Unreadable("it is no policy") from error
