"""The one way to write records: checked against the database, audited, and told to the caches."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError

from controller.admin import audit
from controller.admin.finding import clients_of, key_of, name_of, owner_of
from controller.admin.model import Actor, Conflict, Kind
from controller.admin.references import KEPT, troubles
from controller.admin.showing import Coming
from controller.policy.model import Policy
from controller.policy.records import Client, SoundFile
from controller.store.journal import Writing
from controller.store.kept import Key, Stored
from controller.store.sounds import forget_audio

#: A record that is to be written, with what it was before; None: it is new.
Pair = tuple[Stored | None, Any]


def write(
    transaction: Writing,
    actor: Actor,
    kind: Kind,
    pairs: Sequence[Pair],
    *,
    now: int,
    more: dict[str, Any] | None = None,
    noted: dict[str, Any] | None = None,
    coming: Coming | None = None,
) -> list[Key]:
    """Write records that are new or changed, and give their keys. Raises `Conflict`.

    `more`: what their table has beyond the model; `noted`: what the audit log is told besides;
    `coming`: the document that they are part of.
    """
    if not pairs:
        return []
    connection, kept = transaction.connection, KEPT[kind]
    found = troubles(connection, actor, pairs, coming, now=now)
    if found:
        index, message = found[0]
        where = f"{kind.word} {name_of(kind, pairs[index][1])}: " if len(pairs) > 1 else ""
        raise Conflict(where + message)
    written = [_stored(kind, before, value, more or {}, now) for before, value in pairs]
    new = [record for (before, _), record in zip(pairs, written, strict=True) if before is None]
    try:
        kept.add(connection, new)
        for (before, _), record in zip(pairs, written, strict=True):
            if before is not None:
                kept.replace(connection, record)
    except IntegrityError as error:
        raise Conflict(
            f"{kind.word} {name_of(kind, pairs[0][1])}: somebody else wrote it, or what it refers "
            "to, at the same time; read it again"
        ) from error
    clients = clients_of(connection, kind, written)
    transaction.note(
        [
            audit.entry(now, actor, kind, before, record, client, noted)
            for (before, _), record, client in zip(pairs, written, clients, strict=True)
        ]
    )
    for (before, _), record in zip(pairs, written, strict=True):
        touch(transaction, before, record)
    return [record.key for record in written]


def touch(transaction: Writing, before: Stored | None, after: Stored | None) -> None:
    """Say which policies read otherwise for this change."""
    found = [record.value for record in (before, after) if record is not None]
    match found[0]:
        case Policy(extension=extension):
            transaction.touch(extension, [did for policy in found for did in policy.dids])
        case Client() if len({_said(one) for one in found}) == 2:
            # A new client has no extension yet, and one that is removed none any more.
            transaction.touch_everything()
        case SoundFile():
            transaction.touch_sounds()
            _forget_audio(transaction, before, after)
        case _:
            pass


def _said(client: Client) -> tuple[Any, ...]:
    """Give what the policies of a client's extensions have of it (`rules.effective`)."""
    return (
        client.contact_name,
        client.enabled,
        client.blocked_countries,
        client.blocked_prefixes,
        client.blocked_types,
    )


def _forget_audio(transaction: Writing, before: Stored | None, after: Stored | None) -> None:
    """Remove what was uploaded where it was replaced, or its sound removed."""
    old, new = (None if some is None else some.more.get("audio") for some in (before, after))
    if old is not None and old != new:
        forget_audio(transaction.connection, old)


def _stored(
    kind: Kind,
    before: Stored | None,
    value: Any,  # noqa: ANN401  (a model)
    more: dict[str, Any],
    now: int,
) -> Stored:
    if kind is Kind.SOUND and value.path is not None:
        # A file of the switch takes the place of what was uploaded.
        more = {"audio": None, "uploaded_name": None}
    if before is not None:
        more = before.more | more
        return msgspec.structs.replace(
            before, value=value, version=before.version + 1, changed=now, more=more
        )
    if kind is Kind.ACCOUNT:
        more = {"id": str(uuid.uuid4()), "owner": owner_of(value)}
        key: Key = (more["id"],)
    else:
        key = key_of(kind, value)
    return Stored(key=key, value=value, version=1, created=now, changed=now, more=more)
