"""Many authorised CallerIDs at a time: switched, removed, imported, exported; and their credit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, BinaryIO, Final

import msgspec

from controller.admin import audit, finding, rights
from controller.admin.accounts import Accounts
from controller.admin.bulk import AT_A_TIME, PAUSE_SECONDS
from controller.admin.callers_csv import SeveralFile, file_of, load
from controller.admin.csv_lines import BadFile, Report
from controller.admin.importing import Importer
from controller.admin.model import (
    MOST_ITEMS,
    Actor,
    Conflict,
    Forbidden,
    Invalid,
    Kind,
    NotFound,
)
from controller.admin.owning import check_own
from controller.admin.references import use
from controller.admin.writing import write
from controller.policy.records import AuthorisedCaller
from controller.store.journal import Writing
from controller.store.kept import CALLERS, Key, Stored
from controller.store.standings import Standing

#: So many of what was not done are told, and of what an import would do.
MOST_TOLD: Final = 100
#: So many PINs are taken from a file that is sent: each takes a tenth of a second to be kept.
MOST_PINS: Final = 300


class CallersAction(StrEnum):
    """What can be done with many of them."""

    ENABLE = "enable"
    DISABLE = "disable"
    TAKE_PIN = "take_pin"
    REMOVE = "remove"


#: The field that an action sets, and to what.
_SETS: Final[dict[CallersAction, tuple[str, Any]]] = {
    CallersAction.ENABLE: ("enabled", True),
    CallersAction.DISABLE: ("enabled", False),
    CallersAction.TAKE_PIN: ("pin_hash", None),
}


class NotDone(msgspec.Struct, frozen=True):
    """One of many that was left as it was, and why."""

    key: str
    message: str


class Done(msgspec.Struct):
    """What became of many: how many were changed or removed, and how many were so already.

    `refused`: the first of those that were left as they were; `refusals` counts all of them.
    """

    done: int = 0
    same: int = 0
    refusals: int = 0
    refused: list[NotDone] = []

    def refuse(self, key: str, message: str) -> None:
        """Take it that one was not done."""
        self.refusals += 1
        if len(self.refused) < MOST_TOLD:
            self.refused.append(NotDone(key, message))


class Planned(msgspec.Struct, frozen=True):
    """What an import does, or would do, to one number: `fields` are those that change."""

    key: str
    new: bool
    fields: tuple[str, ...]


class Callers(Accounts):
    """The part of `Directory` that has to do with many authorised CallerIDs."""

    def count_callers(self, actor: Actor, filters: Mapping[str, str | bool] = {}) -> int:
        """Give how many there are that somebody may see. Raises `Invalid`."""
        with self._reader.connect() as connection:
            return finding.count(connection, actor, Kind.CALLERID, filters)

    def credit_of_callers(self, actor: Actor, keys: Sequence[str]) -> dict[str, Standing]:
        """Give what is on the accounts of these, as far as they have one of their own."""
        parts = [one for key in keys if (one := finding.parts_of(Kind.CALLERID, key)) is not None]
        with self._reader.connect() as connection:
            found = finding.standings_of(connection, actor, callers=parts)
        return {f"{one.extension}/{one.caller}": one for one in found}

    # --- switching and removing --------------------------------------------------------------

    def change_callers(
        self,
        actor: Actor,
        action: CallersAction,
        *,
        keys: Sequence[str] | None = None,
        filters: Mapping[str, str | bool] = {},
        expected: int | None = None,
    ) -> Done:
        """Do something with these, or with all that match, and say what was not done.

        It goes on in transactions of some hundred, so that calls are stored between them; one that
        cannot be done keeps no other from it. `expected`: how many matched when they were looked
        at; `Conflict` is raised, and nothing done, where it is another number by now. Raises
        `Forbidden`, `Invalid`.
        """
        if action is CallersAction.REMOVE:
            rights.may_make(actor, Kind.CALLERID)
        else:
            rights.may_change(actor, Kind.CALLERID, [_SETS[action][0]])
        done = Done()
        if keys is not None:
            if len(keys) > MOST_ITEMS:
                raise Invalid(f"keys: at most {MOST_ITEMS} can be named at a time")
            named = list(dict.fromkeys(keys))
            for start in range(0, len(named), AT_A_TIME):
                some = named[start : start + AT_A_TIME]
                parts = {key: finding.parts_of(Kind.CALLERID, key) for key in some}
                self._some(actor, action, parts, done)
            return done
        there = self.count_callers(actor, filters)
        if expected is not None and expected != there:
            raise Conflict(
                f"{there} CallerIDs match now, and not {expected}: some were made, changed or "
                "removed meanwhile; nothing was done, look at them again"
            )
        after: str | None = None
        while found := self._next(actor, filters, after):
            after = "/".join(found[-1])
            self._some(actor, action, {"/".join(key): key for key in found}, done)
            if self._engine.dialect.name == "sqlite":
                # As in `Bulk.apply`: others write between two transactions.
                time.sleep(PAUSE_SECONDS)
        return done

    def _next(
        self, actor: Actor, filters: Mapping[str, str | bool], after: str | None
    ) -> list[Key]:
        with self._reader.connect() as connection:
            found = finding.page(connection, actor, Kind.CALLERID, filters, after, AT_A_TIME)
        return [stored.key for stored in found]

    def _some(
        self, actor: Actor, action: CallersAction, keys: Mapping[str, Key | None], done: Done
    ) -> None:
        """Do it with some, in one transaction; what it did counts when that is over."""
        mine = Done()
        try:
            with self._writing() as transaction:
                wanted = [key for key in keys.values() if key is not None]
                found = CALLERS.get_many(transaction.connection, wanted, lock=True)
                there = self._own(transaction, actor, found, keys, mine)
                if action is CallersAction.REMOVE:
                    self._remove(transaction, actor, there, mine)
                else:
                    self._set(transaction, actor, action, there, mine)
        except Conflict as error:
            # The transaction was undone: none of these was done.
            mine = Done()
            for key in keys:
                mine.refuse(key, str(error))
        done.done += mine.done
        done.same += mine.same
        done.refusals += mine.refusals
        done.refused += mine.refused[: MOST_TOLD - len(done.refused)]

    def _own(
        self,
        transaction: Writing,
        actor: Actor,
        found: Mapping[Key, Stored],
        keys: Mapping[str, Key | None],
        mine: Done,
    ) -> list[tuple[Stored, str | None]]:
        """Give those that are there, and may be written, each with its client."""
        there = list(found.values())
        clients = finding.clients_of(transaction.connection, Kind.CALLERID, there)
        own = [
            (stored, client)
            for stored, client in zip(there, clients, strict=True)
            if actor.client in (None, client)
        ]
        seen = {stored.key for stored, _ in own}
        for name, key in keys.items():
            if key not in seen:
                mine.refuse(name[:80], "there is no such CallerID, or not any more")
        return own

    def _set(
        self,
        transaction: Writing,
        actor: Actor,
        action: CallersAction,
        there: Sequence[tuple[Stored, str | None]],
        mine: Done,
    ) -> None:
        field, value = _SETS[action]
        pairs = [
            (stored, msgspec.structs.replace(stored.value, **{field: value}))
            for stored, _ in there
            if getattr(stored.value, field) != value
        ]
        write(transaction, actor, Kind.CALLERID, pairs, now=self._now())
        mine.done, mine.same = len(pairs), len(there) - len(pairs)

    def _remove(
        self,
        transaction: Writing,
        actor: Actor,
        there: Sequence[tuple[Stored, str | None]],
        mine: Done,
    ) -> None:
        now = self._now()
        for stored, client in there:
            used = use(transaction.connection, actor, stored, now=now)
            if used is not None:
                mine.refuse("/".join(stored.key), used)
                continue
            transaction.note([audit.entry(now, actor, Kind.CALLERID, stored, None, client)])
            CALLERS.remove(transaction.connection, stored.key)
            mine.done += 1

    # --- files -------------------------------------------------------------------------------

    def export_callers(self, actor: Actor, filters: Mapping[str, str | bool] = {}) -> Iterator[str]:
        """Give those that match as CSV, piece by piece; of PINs, that there are any."""
        callers: Iterator[AuthorisedCaller] = self.walk(actor, Kind.CALLERID, filters)
        return file_of(callers)

    def import_callers(
        self,
        actor: Actor,
        opened: Callable[[], BinaryIO],
        *,
        extension: str = "",
        dry_run: bool,
    ) -> tuple[Report, tuple[Planned, ...]]:
        """Add and change some by a CSV file, which `opened` opens, or say what that would do.

        Nothing is written unless all of it is good. The first of what is done are given too.
        `extension`: whose the lines are that do not say. Raises `BadFile`, `Forbidden`, `Conflict`.
        """
        rights.may_make(actor, Kind.CALLERID)
        importer = Importer(self, self._engine, actor, passwords=self._passwords)
        planned: list[Planned] = []

        def checked(pins: int) -> None:
            if pins > MOST_PINS:
                raise BadFile(
                    f"has {pins} PINs; at most {MOST_PINS} are taken at a time, since each takes a "
                    "tenth of a second to be kept: send it in parts, or use `callbackd callerid "
                    "import`"
                )

        def told(before: AuthorisedCaller | None, after: AuthorisedCaller) -> None:
            if len(planned) < MOST_TOLD:
                planned.append(_planned(before, after))

        file = SeveralFile(opened, extension, lambda name: self._country(actor, name))
        report = load(importer, file, dry_run=dry_run, checked=checked, told=told)
        return report, tuple(planned)

    def _country(self, actor: Actor, extension: str) -> str | None:
        with self._reader.connect() as connection:
            try:
                found = finding.find(connection, actor, Kind.EXTENSION, extension)
                check_own(connection, actor, Kind.EXTENSION, found)
            except (NotFound, Forbidden):
                return None
        return str(found.value.country)


def _planned(before: AuthorisedCaller | None, after: AuthorisedCaller) -> Planned:
    key = f"{after.extension}/{after.number}"
    if before is None:
        return Planned(key, new=True, fields=())
    names = (
        "pin" if name == "pin_hash" else name
        for name in AuthorisedCaller.__struct_fields__
        if getattr(before, name) != getattr(after, name)
    )
    return Planned(key, new=False, fields=tuple(names))
