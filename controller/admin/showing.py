"""Which numbers an extension may show (I2, I8), and what keeps them from being taken away.

An extension shows numbers of its client's: assigned ones, which are public numbers of the client's
pool, and of its own choice (`caller_id_number`) also a DID of any of the client's extensions. Calls
look again whether it still is so; here it is said in time, with what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, or_, select

from controller.admin.model import Actor
from controller.policy.fields import ShownFrom
from controller.policy.model import Policy
from controller.store import schema
from controller.store.holding import hold
from controller.store.kept import KEYS_AT_A_TIME, NUMBERS, Stored

#: For so many numbers a policy is looked through as text; for more, each that shows any is read.
_MOST_LOOKED_FOR: Final = 20

Pairs = Sequence[tuple[Stored | None, Any]]


class Coming(msgspec.Struct, frozen=True):
    """What the extensions of a whole document have, of which only some are written yet.

    Attributes:
        dids: every DID, with the client of its extension.
        extensions: their names.

    """

    dids: Mapping[str, str]
    extensions: frozenset[str]


_NOTHING: Final = Coming(dids={}, extensions=frozenset())
#: What is held, by client, while it is looked who shows which DID: they are in rows of several.
_HELD: Final = "shown-dids"


def not_to_be_shown(
    connection: Connection, actor: Actor, records: Pairs, coming: Coming | None
) -> list[tuple[int, str]]:
    """Give the numbers that extensions would show and that are not their client's (I2, I8).

    And those that are shown and would no longer be. `coming`: the document that the records are
    part of; by default they are all of it.
    """
    # Before any number is locked: two who wait for each other's would wait for ever.
    for client in sorted(_relying(records)):
        hold(connection, _HELD, client)
    coming = coming or Coming(
        dids={did: after.client for _, after in records for did in after.dids},
        extensions=frozenset(after.extension for _, after in records),
    )
    return [
        *_foreign_numbers(connection, actor, records, coming),
        *_lost_dids(connection, records, coming),
    ]


def _relying(records: Pairs) -> set[str]:
    """Give the clients whose extensions' DIDs are relied on, or go."""
    relied_on = {
        after.client for _, after in records if after.caller_id_number not in (None, *after.dids)
    }
    return relied_on | {client for _, client in _lost(records).values()}


def _lost(records: Pairs) -> dict[str, tuple[int, str]]:
    """Give the DIDs that extensions lose, with the record and the client."""
    lost: dict[str, tuple[int, str]] = {}
    for index, (before, after) in enumerate(records):
        if before is None:
            continue
        kept = after.dids if after.client == before.value.client else ()
        for did in before.value.dids:
            if did not in kept:
                lost[did] = (index, before.value.client)
    return lost


def _foreign_numbers(
    connection: Connection, actor: Actor, records: Pairs, coming: Coming
) -> list[tuple[int, str]]:
    assigned: dict[str, list[tuple[int, Policy]]] = {}
    chosen: dict[str, list[tuple[int, Policy]]] = {}
    for index, (_, after) in enumerate(records):
        for number in after.caller_ids:
            assigned.setdefault(number, []).append((index, after))
        if after.caller_id_number is not None:
            chosen.setdefault(after.caller_id_number, []).append((index, after))
    # They stay as they are until the transaction is over.
    pool = NUMBERS.get_many(
        connection, [(number,) for number in sorted({*assigned, *chosen})], lock=True
    )
    found = []
    for number, claims in assigned.items():
        stored = pool.get((number,))
        for index, after in claims:
            if _owner(stored) != after.client:
                says = f"caller_ids: {number} is no public number of client {after.client} (I8)"
                found.append((index, _remedied(actor, says, number, after.client, stored)))
    open_claims = [
        (number, index, after)
        for number, claims in chosen.items()
        for index, after in claims
        if _owner(pool.get((number,))) != after.client and number not in after.dids
    ]
    dids = _clients_of_dids(connection, {number for number, _, _ in open_claims}, coming)
    for number, index, after in open_claims:
        if dids.get(number) != after.client:
            says = (
                f"caller_id_number: {number} is no public number of client {after.client}, and no "
                "DID of its extensions (I2)"
            )
            stored = pool.get((number,))
            found.append((index, _remedied(actor, says, number, after.client, stored)))
    return found


def _owner(stored: Stored | None) -> str | None:
    return None if stored is None else stored.value.client


def _remedied(actor: Actor, says: str, number: str, client: str, stored: Stored | None) -> str:
    if actor.client is not None:
        # Whether it is there, and whose it is, is nobody else's business.
        return f"{says}; ask the operator for it"
    if stored is None:
        return (
            f"{says}; define it on a channel first: callbackd channel add pstn (once), "
            f"callbackd number add {number} --channel pstn --client {client}"
        )
    whose = "in nobody's pool" if stored.value.client is None else f"{stored.value.client}'s"
    return f"{says}: it is {whose}; callbackd number set {number} --client {client} makes it so"


def _lost_dids(connection: Connection, records: Pairs, coming: Coming) -> list[tuple[int, str]]:
    """Give the DIDs that extensions would lose while others of their client show them (I2)."""
    lost = _lost(records)
    left = {
        number: client for number, (_, client) in lost.items() if coming.dids.get(number) != client
    }
    return [
        (
            lost[number][0],
            f"dids: extension {extension} of client {left[number]} shows {number}; change that "
            f"first: {_otherwise(extension)}",
        )
        for number, extension in _orphaned(connection, left, coming.extensions).items()
    ]


def shown_did(connection: Connection, policy: Policy) -> str | None:
    """Give what keeps an extension from being removed: another one shows a DID of its; or None."""
    hold(connection, _HELD, policy.client)
    own = frozenset({policy.extension})
    found = _orphaned(connection, dict.fromkeys(policy.dids, policy.client), own)
    for number, extension in sorted(found.items()):
        return (
            f"extension {extension} shows its DID {number}; change that first: "
            f"{_otherwise(extension)}"
        )
    return None


def _orphaned(
    connection: Connection, dids: Mapping[str, str], apart: frozenset[str]
) -> dict[str, str]:
    """Give which of these DIDs, with their clients, an extension would show that has no right to.

    With that extension; those `apart` are not looked at.
    """
    shown = _showing(connection, dids, apart)
    wanted = sorted(number for number, _, client in shown if dids[number] == client)
    # Locked, so that nobody gives one away that is relied on here.
    pool = NUMBERS.get_many(connection, [(number,) for number in wanted], lock=True)
    return {
        number: extension
        for number, extension, client in reversed(shown)
        if dids[number] == client and _owner(pool.get((number,))) != client
    }


def moved_numbers(connection: Connection, records: Pairs) -> list[tuple[int, str]]:
    """Give the numbers that would leave a client while an extension of its shows them (I8)."""
    moved = {
        after.number: (index, before.value.client)
        for index, (before, after) in enumerate(records)
        if before is not None and before.value.client != after.client
    }
    table = schema.caller_id
    found = {}
    for some in _some(moved):
        rows = connection.execute(
            select(table.c.number, table.c.extension)
            .where(table.c.number.in_(some))
            .order_by(table.c.extension.desc())
        )
        for number, extension in rows:
            found[number] = (
                f"client: {number} is assigned to extension {extension} of its client; take it "
                f"away there first: callbackd extension set {extension} --remove-caller-id {number}"
            )
    for number, extension in _chosen(connection, moved).items():
        found.setdefault(
            number,
            f"client: extension {extension} of its client shows {number}; change that first: "
            f"{_otherwise(extension)}",
        )
    return [(moved[number][0], message) for number, message in found.items()]


def shown_number(connection: Connection, number: str) -> str | None:
    """Give what keeps a public number from being removed: who chose to show it; or None."""
    for extension in _chosen(connection, [number]).values():
        return f"extension {extension} shows it; change that first: {_otherwise(extension)}"
    return None


def _chosen(connection: Connection, numbers: Iterable[str]) -> dict[str, str]:
    """Give which of these public numbers an extension shows by choice, and only as such."""
    shown = _showing(connection, numbers, frozenset())
    dids = _clients_of_dids(connection, {number for number, _, _ in shown}, _NOTHING)
    return {
        number: extension
        for number, extension, client in reversed(shown)
        if dids.get(number) != client
    }


def _otherwise(extension: str) -> str:
    return (
        f"callbackd extension set {extension} --reset caller-id-number-from "
        "--reset caller-id-number"
    )


# --- looking it up -----------------------------------------------------------------------------


def _clients_of_dids(connection: Connection, numbers: set[str], coming: Coming) -> dict[str, str]:
    """Give whose extensions these numbers reach, as it will be when all has been written."""
    found = {number: coming.dids[number] for number in numbers if number in coming.dids}
    dids, extensions = schema.did, schema.extension
    for some in _some(numbers - set(found)):
        rows = connection.execute(
            select(dids.c.number, extensions.c.extension, extensions.c.client)
            .join(extensions, extensions.c.extension == dids.c.extension)
            .where(dids.c.number.in_(some))
        )
        found |= {number: client for number, of, client in rows if of not in coming.extensions}
    return found


class _Showing(msgspec.Struct):
    """What a stored policy says of the number that it shows, whatever else is in it."""

    caller_id_number_from: str = ShownFrom.SERVER.value
    caller_id_number: str | None = None


def _showing(
    connection: Connection, numbers: Iterable[str], apart: frozenset[str]
) -> list[tuple[str, str, str]]:
    """Give who shows these numbers by choice: number, extension and client, by extension."""
    wanted = set(numbers)
    if not wanted:
        return []
    looks = (
        [f'"caller_id_number":"{number}"' for number in sorted(wanted)]
        if len(wanted) <= _MOST_LOOKED_FOR
        else ['"caller_id_number":"+']
    )
    table = schema.extension
    rows = connection.execute(
        select(table.c.extension, table.c.client, table.c.policy)
        .where(or_(*(table.c.policy.contains(text, autoescape=True) for text in looks)))
        .order_by(table.c.extension)
    )
    found = []
    for extension, client, document in rows:
        said = msgspec.json.decode(document, type=_Showing)
        # The first release said something else by that name, and nothing of where it is from.
        chosen = said.caller_id_number if said.caller_id_number_from == ShownFrom.CUSTOM else None
        if chosen in wanted and extension not in apart:
            found.append((chosen, extension, client))
    return found


def _some(numbers: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(numbers)
    for start in range(0, len(ordered), KEYS_AT_A_TIME):
        yield ordered[start : start + KEYS_AT_A_TIME]
