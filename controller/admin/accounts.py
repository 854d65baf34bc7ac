"""Entries of accounts (M1, M8): added one by one or many by CSV, listed, and given as CSV."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import Connection

from controller.admin import audit, finding, rights
from controller.admin.bulk import AT_A_TIME, PAUSE_SECONDS, Applied
from controller.admin.csv_lines import Bad, Report
from controller.admin.drafts import read
from controller.admin.entries_csv import EntriesFile, Row
from controller.admin.model import MOST_ITEMS, Actor, Conflict, Invalid, Kind, Line, Lines
from controller.admin.rates import Rates
from controller.policy.model import PolicyError
from controller.policy.records import Account, Entry, EntryKind
from controller.store import ledger
from controller.store.journal import Writing
from controller.store.kept import ACCOUNTS, Stored
from controller.store.standings import Holding, Standing, holding

_OTHER = "stands for another entry of this account; each entry has its own"


class Weighed(msgspec.Struct, frozen=True):
    """What an entry would do to a balance, micro-units; `entered`: its position, if it is there."""

    amount: int
    before: int
    after: int
    entered: int | None


class Accounts(Rates):
    """The part of `Directory` that has to do with ledgers."""

    def add_entry(self, actor: Actor, account: str, values: Mapping[str, Any]) -> tuple[Line, bool]:
        """Add an entry to an account (M1, M8), and give it.

        The same key again with the same content changes nothing, and gives False; with another
        content it raises `Conflict`.
        """
        rights.may_enter(actor)
        entry = _entry(values)
        with self._writing() as transaction:
            stored = finding.find(transaction.connection, actor, Kind.ACCOUNT, account)
            line, new = self._add(transaction, actor, stored, entry)
        return line, new

    def check_entry(self, actor: Actor, account: str, values: Mapping[str, Any]) -> Weighed:
        """Say what an entry would do, as `add_entry` does it, and write nothing.

        Raises what `add_entry` does.
        """
        rights.may_enter(actor)
        entry = _entry(values)
        with self._reader.connect() as connection:
            stored = finding.find(connection, actor, Kind.ACCOUNT, account)
            known = ledger.line(connection, stored.key[0], entry.key)
            if known is not None and not _same(known, entry):
                raise Conflict(f"key: {entry.key} {_OTHER}")
            left = ledger.balances(connection, [stored.key[0]])[stored.key[0]]
        if abs(left + entry.amount) > ledger.MOST_LEFT:
            raise Invalid("amount: the balance would be more than can be counted")
        return Weighed(
            amount=entry.amount,
            before=left,
            after=left if known is not None else left + entry.amount,
            entered=None if known is None else known.position,
        )

    def standings(self, actor: Actor, accounts: Sequence[str]) -> dict[str, Standing]:
        """Give what is on these accounts, and what calls hold of it; of those one may see."""
        with self._reader.connect() as connection:
            found = finding.standings_of(connection, actor, accounts=accounts)
        return {one.account: one for one in found}

    def credit_of_extension(self, actor: Actor, extension: str) -> Standing | None:
        """Give what is on an extension's own account; None: it has none, or none to be seen."""
        with self._reader.connect() as connection:
            found = finding.standings_of(connection, actor, extension=extension)
        return found[0] if found else None

    def holding(self, actor: Actor, account: str, *, limit: int = 20) -> list[Holding]:
        """Give the calls that hold credit of an account now. Raises `NotFound`."""
        with self._reader.connect() as connection:
            stored = finding.find(connection, actor, Kind.ACCOUNT, account)
            return holding(connection, stored.key[0], limit)

    def entries(
        self,
        actor: Actor,
        account: str,
        *,
        after: int = 0,
        limit: int = 100,
        kind: EntryKind | None = None,
        since: int | None = None,
        until: int | None = None,
        newest_first: bool = False,
    ) -> Lines:
        """Give entries of an account in order, those after a position. Raises `NotFound`.

        `newest_first`: the last first, and then those before the position; 0 is no position.
        `kind`: these alone; `since`, `until`: made then or later, before; microseconds since 1970.
        """
        limit = max(1, min(limit, MOST_ITEMS))
        with self._reader.connect() as connection:
            stored = finding.find(connection, actor, Kind.ACCOUNT, account)
            found = ledger.lines(
                connection,
                stored.key[0],
                after,
                limit + 1,
                kind=kind,
                since=since,
                until=until,
                newest_first=newest_first,
            )
        items = tuple(_line(line) for line in found[:limit])
        return Lines(items=items, next=items[-1].position if len(found) > limit else None)

    def history(
        self,
        actor: Actor,
        account: str,
        *,
        kind: EntryKind | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[Line]:
        """Give all entries of an account, filtered as `entries` does, for an export."""
        after: int | None = 0
        while after is not None:
            page = self.entries(
                actor,
                account,
                after=after,
                limit=MOST_ITEMS,
                kind=kind,
                since=since,
                until=until,
            )
            yield from page.items
            after = page.next

    def import_entries(
        self, actor: Actor, opened: Callable[[], BinaryIO], *, dry_run: bool
    ) -> Report:
        """Add entries by a CSV file, which `opened` opens, or say what that would do.

        Nothing is written unless all of it is good; what was entered before is left: a file may be
        given again. Raises `BadFile`, `Forbidden`, and `Conflict` for what others wrote meanwhile.
        """
        rights.may_enter(actor)
        file = EntriesFile(opened)
        new, same, bad = self._check(actor, file)
        if dry_run or bad:
            done = Applied(created=new, same=same) if dry_run else Applied()
            return Report(done, tuple(bad))
        total = Applied()
        some: list[Row] = []
        for _, row in file.rows():
            assert isinstance(row, Row)
            some.append(row)
            if len(some) == AT_A_TIME:
                total += self._enter(actor, some)
                some = []
                if self._engine.dialect.name == "sqlite":
                    # As in `Bulk.apply`: others write between two transactions.
                    time.sleep(PAUSE_SECONDS)
        return Report(total + self._enter(actor, some), ())

    def _check(self, actor: Actor, file: EntriesFile) -> tuple[int, int, list[Bad]]:
        """Give how many entries are new, how many are there, and what is wrong with lines."""
        counted = {True: 0, False: 0}
        bad: list[Bad] = []
        told: dict[tuple[str, str], int] = {}
        for line, row in file.rows():
            if not isinstance(row, Row):
                bad += row
                continue
            try:
                with self._reader.connect() as connection:
                    new = _look(connection, actor, line, row, told)
            except Invalid as error:
                _, colon, message = str(error).partition(": ")
                named = colon and error.field is not None
                where, what = (error.field or "", message) if named else ("", str(error))
                bad.append(Bad(line, where, what))
                continue
            counted[new] += 1
        return counted[True], counted[False], bad

    def _enter(self, actor: Actor, rows: list[Row]) -> Applied:
        if not rows:
            return Applied()
        created = 0
        with self._writing() as transaction:
            # In one order, whoever writes: two who lock the same accounts do not wait for ever.
            found = [
                (_of(_named(transaction.connection, actor, row.account), row), row) for row in rows
            ]
            for stored, row in sorted(found, key=lambda pair: pair[0].key):
                _, new = self._add(transaction, actor, stored, _entry(row.values))
                created += new
        return Applied(created=created, same=len(rows) - created)

    def _add(
        self, transaction: Writing, actor: Actor, stored: Stored, entry: Entry
    ) -> tuple[Line, bool]:
        connection, account = transaction.connection, stored.key[0]
        try:
            line, new = ledger.add(connection, account, entry, actor=actor.name, now=self._now())
        except ledger.TooMuch as error:
            raise Invalid(f"amount: {error}; that is more than can be counted") from error
        if not new and not _same(line, entry):
            raise Conflict(f"key: {entry.key} {_OTHER}")
        if new:
            client = finding.clients_of(connection, Kind.ACCOUNT, [stored])[0]
            transaction.note([audit.of_entry(self._now(), actor, stored, line, client)])
        return _line(line), new


def _entry(values: Mapping[str, Any]) -> Entry:
    """Make an entry of what was given. Raises `Invalid`."""
    entry = read(values, Entry)
    try:
        entry.check()
    except PolicyError as error:
        raise Invalid(str(error)) from error
    return entry


def _look(
    connection: Connection,
    actor: Actor,
    line: int,
    row: Row,
    told: dict[tuple[str, str], int],
) -> bool:
    """Whether a line's entry is new. Raises `Invalid`; `told`: the keys of the lines before."""
    entry = _entry(row.values)
    account = _of(_named(connection, actor, row.account), row).key[0]
    first = told.setdefault((account, entry.key), line)
    if first != line:
        raise Invalid(f"key: stands in line {first} too; each entry has its own")
    there = ledger.line(connection, account, entry.key)
    if there is not None and not _same(there, entry):
        raise Invalid(f"key: {entry.key} {_OTHER}")
    return there is None


def _named(connection: Connection, actor: Actor, name: str) -> Stored | None:
    """Find an account by its id, or by whose it is: the extension, or EXTENSION/+NUMBER."""
    if len(name) == 36:
        stored = ACCOUNTS.get(connection, (name,))
    else:
        extension, _, caller = name.partition("/")
        asked = Account(extension=extension, caller=caller or None, currency="EUR")
        # There is no more than one of them.
        stored = next(iter(finding.accounts_of(connection, [asked]).values()), None)
    if stored is None or not finding.sees(connection, actor, Kind.ACCOUNT, stored):
        return None
    return stored


def _of(stored: Stored | None, row: Row) -> Stored:
    if stored is None:
        raise Invalid(
            f"account: there is no account {row.account:.80}; make it first: callbackd account add "
            f"{row.account:.80} --currency EUR"
        )
    if row.currency is not None and row.currency != stored.value.currency:
        raise Invalid(
            f"currency: the account is in {stored.value.currency}, and not in "
            f"{row.currency[:20]}; write the amount in that"
        )
    return stored


def _same(line: ledger.Line, entry: Entry) -> bool:
    return (line.kind, line.amount, line.order_number, line.notes) == (
        entry.kind.value,
        entry.amount,
        entry.order_number,
        entry.notes,
    )


def _line(line: ledger.Line) -> Line:
    return Line(**{name: getattr(line, name) for name in Line.__struct_fields__})
