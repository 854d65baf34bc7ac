"""Everything that is done to the configuration, by whom it may be done, checked and audited.

The API, the commands and the import all come through here: one set of rules for all. Each call is
one transaction: what it says was done is stored, in the audit log too, before it returns.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from controller.admin import audit, drafts, finding, rights
from controller.admin.callers import Callers
from controller.admin.model import (
    MOST_ITEMS,
    Actor,
    AuditPage,
    Conflict,
    Invalid,
    Item,
    Kind,
    Page,
    Stale,
)
from controller.admin.owning import check_own, check_owner, taken
from controller.admin.references import KEPT, use
from controller.admin.shapes import FIXED, KEYS, NOW, SECRETS
from controller.admin.sounding import NO_PLACES, SoundPlaces
from controller.admin.writing import Pair, touch, write
from controller.policy.changes import Change
from controller.policy.moments import written
from controller.policy.records import Token
from controller.store import schema
from controller.store.journal import Journal
from controller.store.kept import remove_rates
from controller.store.passwords import Passwords
from controller.store.suspicions import release_of

#: What a secret begins with, so that one that lies about is recognised.
SECRET_PREFIX: Final = "cbd_"  # noqa: S105  (no secret)


class Directory(Callers):
    """The configuration. Calls block; they may be made from any thread.

    `passwords` gives what hashes passwords, when one is to be hashed; `now` gives microseconds
    since 1970; `announce` is told, after the commit, of each change that touches policies;
    `places` says where uploaded sounds are.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        passwords: Callable[[], Passwords],
        now: Callable[[], int],
        announce: Callable[[Change], None] = lambda change: None,
        places: SoundPlaces = NO_PLACES,
    ) -> None:
        super().__init__(engine, passwords=passwords, now=now, announce=announce, places=places)
        self._journal = Journal(engine)

    # --- records -----------------------------------------------------------------------------

    def create(self, actor: Actor, kind: Kind, values: Mapping[str, Any]) -> Item:
        """Make a record. Raises `Invalid`, `Forbidden`, `Conflict`."""
        if kind is Kind.TOKEN:
            raise Invalid("token: its secret is told once; use `issue_token`")
        rights.may_make(actor, kind)
        if kind in NOW and values.get(NOW[kind]) is None:
            values = {**values, NOW[kind]: written(self._now())}
        value = drafts.draft(kind, values, self._passwords, hashes=False)
        return self._make(actor, kind, value)

    def get(self, actor: Actor, kind: Kind, key: str) -> Item:
        """Give a record. Raises `NotFound`."""
        with self._reader.connect() as connection:
            found = finding.find(connection, actor, kind, key)
            return self._items(connection, actor, kind, [found])[0]

    def list(
        self,
        actor: Actor,
        kind: Kind,
        filters: Mapping[str, str | bool] = {},
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> Page:
        """Give records in the order of their keys; accounts, of their owners.

        Raises `Invalid` for a filter there is not, or a place to go on after that is none.
        """
        limit = max(1, min(limit, MOST_ITEMS))
        with self._reader.connect() as connection:
            found = finding.page(connection, actor, kind, filters, after, limit + 1)
            items = self._items(connection, actor, kind, found[:limit], whole=False)
        more = len(found) > limit
        following = finding.place_of(kind, found[limit - 1]) if more else None
        return Page(items=tuple(items), next=following)

    def change(
        self,
        actor: Actor,
        kind: Kind,
        key: str,
        patch: Mapping[str, Any],
        *,
        version: int | None = None,
    ) -> Item:
        """Change some fields of a record; null brings a field's default back.

        `version`: the one that was read; `Stale` is raised where it is another by now. Raises
        `NotFound`, `Invalid`, `Forbidden`, `Conflict` too.
        """
        if kind in SECRETS and SECRETS[kind][1] in patch:
            # Nobody has a password hashed here for nothing.
            with self._reader.connect() as connection:
                finding.find(connection, actor, kind, key)
            rights.may_change(actor, kind, patch)
        # Before the transaction: hashing takes a tenth of a second, and others wait meanwhile.
        patch = drafts.patched(kind, patch, self._passwords)
        with self._writing() as transaction:
            connection = transaction.connection
            before = finding.find(connection, actor, kind, key, lock=True)
            rights.may_change(actor, kind, patch)
            check_own(connection, actor, kind, before)
            if version is not None and before.version != version:
                raise Stale(
                    f"{kind.word} {key} was changed meanwhile: it has version {before.version} "
                    f"now, and not {version}; read it again"
                )
            still = {*KEYS[kind], *FIXED.get(kind, ())} & set(patch)
            for field in sorted(still):
                if patch[field] != getattr(before.value, field, before.key[0]):
                    raise Invalid(f"{field}: never changes; make another {kind.word} instead")
            value = drafts.merge(kind, before.value, patch)
            if value != before.value:
                write(transaction, actor, kind, [(before, value)], now=self._now())
            return self._item(connection, actor, kind, before.key)

    def delete(self, actor: Actor, kind: Kind, key: str, *, version: int | None = None) -> None:
        """Remove a record. Raises `NotFound`, `Forbidden`, `Stale`, `Conflict` where it is used."""
        with self._writing() as transaction:
            connection = transaction.connection
            before = finding.find(connection, actor, kind, key, lock=True)
            rights.may_make(actor, kind)
            client = check_own(connection, actor, kind, before)
            if version is not None and before.version != version:
                raise Stale(f"{kind.word} {key} was changed meanwhile; read it again")
            used = use(connection, actor, before, now=self._now())
            if used is not None:
                raise Conflict(f"{kind.word} {key} cannot be removed: {used}")
            transaction.note([audit.entry(self._now(), actor, kind, before, None, client)])
            try:
                if kind is Kind.PRICE_LIST:
                    # Nobody uses the list, so that its rates are of no use either.
                    remove_rates(connection, before.key[0])
                if kind is Kind.EXTENSION:
                    # Its number may be somebody else's after that.
                    release_of(connection, before.key[0], by=actor.name, now=self._now())
                KEPT[kind].remove(connection, before.key)
            except IntegrityError as error:
                raise Conflict(
                    f"{kind.word} {key} cannot be removed: something came to use it; try again"
                ) from error
            touch(transaction, before, None)

    # --- tokens ------------------------------------------------------------------------------

    def issue_token(self, actor: Actor, values: Mapping[str, Any]) -> tuple[Item, str]:
        """Make a token, and give its secret: it is told here, and never again."""
        rights.may_make(actor, Kind.TOKEN)
        value = drafts.draft(Kind.TOKEN, values, self._passwords, hashes=False)
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        return self._make(actor, Kind.TOKEN, value, {"hash": _digest(secret)}), secret

    def authenticate(self, secret: str) -> Actor | None:
        """Give who has this secret; None where nobody has, or not any more."""
        table = schema.token
        with self._reader.connect() as connection:
            # The digest of 256 random bits: looking it up tells nothing by how long it takes.
            found = KEPT[Kind.TOKEN].page(connection, [table.c.hash == _digest(secret)], None, 1)
        if not found:
            return None
        token: Token = found[0].value
        if token.expires is not None and token.expires * 1_000_000 <= self._now():
            return None
        return Actor(name=token.name, role=token.role, client=token.client)

    # --- the audit log -----------------------------------------------------------------------

    def audit(
        self,
        actor: Actor,
        filters: Mapping[str, str] = {},
        *,
        before: int | None = None,
        limit: int = 100,
    ) -> AuditPage:
        """Give what was changed, the newest first. Filters: `kind`, `key`, `actor`, `action`."""
        rights.may_audit(actor)
        conditions = audit.conditions(filters)
        limit = max(1, min(limit, MOST_ITEMS))
        found = self._journal.audit(conditions, before, limit + 1)
        items = tuple(audit.shown(entry) for entry in found[:limit])
        return AuditPage(items=items, next=items[-1].id if len(found) > limit else None)

    def _make(
        self,
        actor: Actor,
        kind: Kind,
        value: Any,  # noqa: ANN401  (the kind's model)
        more: dict[str, Any] | None = None,
    ) -> Item:
        with self._writing() as transaction:
            connection = transaction.connection
            check_owner(connection, actor, kind, value)
            if kind is Kind.ACCOUNT:
                owner = (value.extension, value.caller)
                there = owner in finding.accounts_of(connection, [value])
            else:
                key = finding.key_of(kind, value)
                there = KEPT[kind].get(connection, key) is not None
            if there:
                raise taken(kind, value)
            pairs: list[Pair] = [(None, value)]
            key = write(transaction, actor, kind, pairs, now=self._now(), more=more)[0]
            return self._item(connection, actor, kind, key)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
