"""Policies as they are stored: versioned, so that what an older release wrote still loads.

A stored policy says by which version of this module it was written, and which is the oldest that
may read it. A release that adds a setting which may be overlooked (it only makes something nicer)
leaves `OLDEST_READER` as it is: during a rolling upgrade the older controllers read on. One that
adds a setting whose neglect would be wrong raises it, and the older ones refuse the policy by name
instead of following half of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from controller.policy.model import Policy, PolicyError
from controller.policy.rules import plain

#: The version that is written.
VERSION: Final = 5
#: The oldest version whose readers understand what is written now.
OLDEST_READER: Final = 5
#: What a policy has and is not in its document: it lies in tables of its own.
BESIDE: Final = ("extension", "client", "dids", "caller_ids")


class StoredPolicyError(PolicyError):
    """A stored policy that this release cannot follow; the message says why and what to do."""


def write(policy: Policy) -> str:
    """Give the document that is stored for a policy, without what lies beside it.

    Every field is written, its default too: a later release may change a default, but not what
    an operator has seen.
    """
    values = msgspec.to_builtins(policy)
    for name in BESIDE:
        del values[name]
    return msgspec.json.encode(
        {"version": VERSION, "oldest_reader": OLDEST_READER, **values}
    ).decode()


def read(document: str, beside: dict[str, Any]) -> Policy:
    """Make the policy of a stored document and of what lies beside it.

    It was checked when it was written: only its types are. Raises `StoredPolicyError`.
    """
    extension = beside.get("extension", "?")
    try:
        values = msgspec.json.decode(document, type=dict[str, Any])
        version = values.pop("version", 1)
        oldest_reader = values.pop("oldest_reader", version)
        if oldest_reader > VERSION:
            raise StoredPolicyError(
                f"extension {extension}: its policy was written by a newer release (version "
                f"{version}, this one reads {VERSION}); upgrade this controller too"
            )
        for older in range(version, VERSION):
            UPGRADES[older](values)
        if version > VERSION:
            known = Policy.__struct_fields__
            values = {name: value for name, value in values.items() if name in known}
        return msgspec.convert({**values, **beside}, Policy)
    except (msgspec.MsgspecError, KeyError, TypeError, RecursionError) as error:
        raise StoredPolicyError(
            f"extension {extension}: its stored policy cannot be read ({plain(str(error))}); set "
            "it anew, or restore the database"
        ) from error


def _from_1(values: dict[str, Any]) -> None:
    # One number was shown, and it had not to be assigned.
    values["default_caller_id"] = values.pop("caller_id_number")


def _from_2(values: dict[str, Any]) -> None:
    # Nothing was taken away; what acts from version 3 on (T2, T3, T5, G2) could not be set before.
    pass


def _from_3(values: dict[str, Any]) -> None:
    # Likewise; what acts from version 4 on (I1, I2, I3, I6, I7) could not be set before: whoever
    # does not know of it would show a number that is to be hidden.
    pass


def _from_4(values: dict[str, Any]) -> None:
    # Likewise; what acts from version 5 on (G2, G3) could not be set before: whoever does not know
    # of a limit would call beyond it.
    pass


#: What makes of a document of one version one of the next.
UPGRADES: Final[dict[int, Callable[[dict[str, Any]], None]]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
}
