"""The audit log: who changed what, from what to what; passwords never."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement

from controller.admin import drafts
from controller.admin.callback_shapes import Stopped
from controller.admin.model import Actor, Audited, Invalid, Kind
from controller.admin.shapes import SECRETS
from controller.store import schema
from controller.store.drains import Drain
from controller.store.journal import Entry
from controller.store.kept import Stored
from controller.store.ledger import Line
from controller.store.suspicions import Suspicion


class AuditKind(StrEnum):
    """What the log tells of: kinds of record, callbacks asked for, stops, lock-outs, and so on.

    A lock-out and a suspicion are told of when somebody releases them; a user also when he was sent
    a link, and when he logs in; a person when what is kept about him is exported or erased (O7).
    """

    CLIENT = "client"
    PRICE_LIST = "price_list"
    RATE = "rate"
    CHANNEL = "channel"
    NUMBER = "number"
    EXTENSION = "extension"
    CALLERID = "callerid"
    ACCOUNT = "account"
    SOUND = "sound"
    TOKEN = "token"  # noqa: S105  (a word, no secret)
    CALLBACK = "callback"
    STOP = "stop"
    LOCKOUT = "lockout"
    SUSPICION = "suspicion"
    NODE = "node"
    USER = "user"
    PERSON = "person"


#: What the log can be filtered by.
FILTERS: Final = ("kind", "key", "actor", "action")


def entry(
    now: int,
    actor: Actor,
    kind: Kind,
    before: Stored | None,
    after: Stored | None,
    client: str | None,
    noted: dict[str, Any] | None = None,
) -> Entry:
    """Give the line for a record that was made, changed or removed; `noted` is told besides."""
    some = before or after
    assert some is not None
    old = {} if before is None else _shown(kind, before)
    new = {} if after is None else _shown(kind, after)
    if before is not None and after is not None:
        differ = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if _secret(kind, before) != _secret(kind, after):
            # That it was changed is said; from what to what is nobody's business.
            differ.add(f"{SECRETS[kind][1]}_set")
        old = {name: value for name, value in old.items() if name in differ}
        new = {name: value for name, value in new.items() if name in differ}
    action = "create" if before is None else "delete" if after is None else "change"
    return Entry(
        at=now,
        actor=actor.name,
        action=action,
        kind=kind.value,
        key="/".join(some.key),
        client=client,
        before=None if before is None else old,
        after=None if after is None else new | (noted or {}),
    )


def of_entry(now: int, actor: Actor, account: Stored, line: Line, client: str | None) -> Entry:
    """Give the line for an entry of an account."""
    return Entry(
        at=now,
        actor=actor.name,
        action="enter",
        kind=Kind.ACCOUNT.value,
        key=account.key[0],
        client=client,
        before={"balance": line.left_after - line.amount},
        after={
            "balance": line.left_after,
            "owner": account.more["owner"],
            "entry": line.key,
            "kind": line.kind,
            "amount": line.amount,
            "order_number": line.order_number,
        },
    )


def of_callback(
    now: int,
    actor: Actor,
    key: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    client: str | None,
) -> Entry:
    """Give the line for a callback that was asked for (T11) or cancelled."""
    return Entry(
        at=now,
        actor=actor.name,
        action="create" if before is None else "change",
        kind=AuditKind.CALLBACK.value,
        key=key,
        client=client,
        before=before,
        after=after,
    )


def of_hang_up(now: int, actor: Actor, key: str, state: str, client: str | None) -> Entry:
    """Give the line for a call that somebody ends; `state`: what its callback was at."""
    return Entry(
        at=now,
        actor=actor.name,
        action="hang_up",
        kind=AuditKind.CALLBACK.value,
        key=key,
        client=client,
        before={"state": state},
        after=None,
    )


def of_stop(
    now: int, actor: Actor, before: Stopped | None, after: Stopped | None, client: str | None
) -> Entry:
    """Give the line for a stop that was put, changed or taken away (O6)."""
    some = before or after
    assert some is not None
    old, new = (
        None if stop is None else {name: getattr(stop, name) for name in ("hang_up", "reason")}
        for stop in (before, after)
    )
    if old is not None and new is not None:
        differ = [name for name in new if old[name] != new[name]]
        old, new = ({name: values[name] for name in differ} for values in (old, new))
    return Entry(
        at=now,
        actor=actor.name,
        action="create" if before is None else "delete" if after is None else "change",
        kind=AuditKind.STOP.value,
        key="/".join(filter(None, (some.scope.value, some.name))),
        client=client,
        before=old,
        after=new,
    )


def of_drain(now: int, actor: Actor, before: Drain | None, after: Drain | None) -> Entry:
    """Give the line for a node that is drained, for another reason now, or resumed."""
    some = before or after
    assert some is not None
    old, new = (None if one is None else {"reason": one.reason} for one in (before, after))
    return Entry(
        at=now,
        actor=actor.name,
        action="create" if before is None else "delete" if after is None else "change",
        kind=AuditKind.NODE.value,
        key=some.name,
        client=None,
        before=old,
        after=new,
    )


def of_lockout(
    now: int, actor: Actor, key: str, before: dict[str, Any], client: str | None
) -> Entry:
    """Give the line for a lock-out that is released (A3)."""
    return Entry(
        at=now,
        actor=actor.name,
        action="delete",
        kind=AuditKind.LOCKOUT.value,
        key=key,
        client=client,
        before=before,
        after=None,
    )


def of_suspicion(now: int, actor: Actor, found: Suspicion, released: int) -> Entry:
    """Give the line for a suspicion that is released, as of `released` (G3)."""
    return Entry(
        at=now,
        actor=actor.name,
        action="change",
        kind=AuditKind.SUSPICION.value,
        key=str(found.id),
        client=found.client,
        before={
            "pattern": found.pattern,
            "subject": found.subject,
            "blocks": found.blocks,
            "times": found.times,
            "released": None,
        },
        after={"released": released},
    )


def of_user(
    now: int,
    actor: str,
    action: str,
    name: str,
    client: str | None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> Entry:
    """Give the line for a user who was made, changed or removed, invited, or logged in."""
    if before is not None and after is not None:
        differ = [name for name in after if before.get(name) != after[name]]
        before, after = ({name: some.get(name) for name in differ} for some in (before, after))
    return Entry(
        at=now,
        actor=actor,
        action=action,
        kind=AuditKind.USER.value,
        key=name,
        client=client,
        before=before,
        after=after,
    )


def of_person(now: int, actor: Actor, action: str, key: str, after: dict[str, Any]) -> Entry:
    """Give the line for what is kept about a person, and was exported or erased (O7).

    `key`: of one that was erased, what stands in the place of the number.
    """
    return Entry(
        at=now,
        actor=actor.name,
        action=action,
        kind=AuditKind.PERSON.value,
        key=key,
        client=None,
        before=None,
        after=after,
    )


def shown(found: Entry) -> Audited:
    """Give a line as it is shown."""
    return Audited(**{name: getattr(found, name) for name in Audited.__struct_fields__})


def conditions(filters: Mapping[str, str]) -> list[ColumnElement[bool]]:
    """Give what the log is filtered by. Raises `Invalid` for a filter there is not."""
    for name, value in filters.items():
        if name not in FILTERS:
            raise Invalid(f"{name}: the audit log has no such filter; it has: {', '.join(FILTERS)}")
        if not str(value).isprintable():
            raise Invalid(f"{name}: cannot be read")
    return [schema.audit.c[name] == value for name, value in filters.items()]


def _shown(kind: Kind, stored: Stored) -> dict[str, Any]:
    more: dict[str, Any] = {"owner": stored.more["owner"]} if kind is Kind.ACCOUNT else {}
    if kind is Kind.SOUND and stored.more.get("audio") is not None:
        # Which audio, never the audio itself.
        more = {name: stored.more[name] for name in ("audio", "uploaded_name")}
    return {**drafts.shown(kind, stored.value), **more}


def _secret(kind: Kind, stored: Stored) -> str | None:
    return getattr(stored.value, SECRETS[kind][0]) if kind in SECRETS else None
