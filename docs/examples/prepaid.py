"""A charging engine for callbackd: prepaid accounts and prices in a SQLite file of your own.

    [credit]
    engine = "prepaid:engine"
    options = { path = "/var/lib/prepaid/prepaid.sqlite3" }

Every rule of money is `controller.credit.bookkeeping`'s; here is where accounts, prices, holds and
charges lie. Each question is one transaction of one writer, so that two controllers on a machine
never promise the same money twice. `controller.contract` is kept: see `test_prepaid.py` beside it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager

import msgspec

from controller.credit.bookkeeping import Booked
from controller.credit.books import Account, Charge
from controller.credit.engine import Unavailable
from controller.credit.holding import Hold
from controller.credit.model import Price

#: How long one who writes waits for another one, seconds: less than `credit.engine_seconds`.
BUSY_SECONDS = 3.0

TABLES = """
CREATE TABLE IF NOT EXISTS account (
    id TEXT PRIMARY KEY, extension TEXT NOT NULL, caller TEXT, currency TEXT NOT NULL,
    unlimited INTEGER NOT NULL DEFAULT 0, balance INTEGER NOT NULL DEFAULT 0);
-- One for an extension, and one for each of its callers: of NULLs each would be another one.
CREATE UNIQUE INDEX IF NOT EXISTS account_owner ON account (extension, coalesce(caller, ''));
CREATE TABLE IF NOT EXISTS price (
    prefix TEXT PRIMARY KEY, per_minute INTEGER NOT NULL, setup_fee INTEGER NOT NULL DEFAULT 0,
    first_block INTEGER NOT NULL DEFAULT 1, interval INTEGER NOT NULL DEFAULT 1);
CREATE TABLE IF NOT EXISTS hold (
    call TEXT PRIMARY KEY, account TEXT NOT NULL, extension TEXT NOT NULL,
    amount INTEGER NOT NULL, ended INTEGER, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS hold_open ON hold (account) WHERE ended IS NULL;
CREATE TABLE IF NOT EXISTS charge (
    call TEXT NOT NULL, position INTEGER NOT NULL, leg TEXT NOT NULL, extension TEXT NOT NULL,
    account TEXT NOT NULL, seconds INTEGER NOT NULL, amount INTEGER NOT NULL,
    uncovered INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (call, position));
CREATE INDEX IF NOT EXISTS charge_at ON charge (extension, at);
"""


class SqliteBooks:
    """The books, within one transaction (`controller.credit.books.Books`)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    def hold(self, call: str) -> Hold | None:
        """Give what is held for a call, or was."""
        row = self._run("SELECT document FROM hold WHERE call = ?", (call,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Hold)

    def keep(self, hold: Hold) -> None:
        """Keep it as it is now: the columns are what is summed, the document is all of it."""
        document = msgspec.json.encode(hold).decode()
        self._run(
            "INSERT OR REPLACE INTO hold (call, account, extension, amount, ended, document)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (hold.call, hold.account, hold.extension, hold.amount, hold.ended, document),
        )

    def open(self) -> Sequence[Hold]:
        """Give all that have not ended."""
        rows = self._run("SELECT document FROM hold WHERE ended IS NULL")
        return [msgspec.json.decode(row[0], type=Hold) for row in rows]

    def payer(self, extension: str, caller: str | None, fallback: str | None) -> Account | None:
        """Give whose account pays (M9): the caller's, else the extension's, else the fallback's."""
        for who in (caller, "", fallback):
            if who is not None:
                row = self._run(
                    "SELECT id, currency, unlimited FROM account"
                    " WHERE extension = ? AND coalesce(caller, '') = ?",
                    (extension, who),
                ).fetchone()
                if row is not None:
                    return Account(row[0], row[1], bool(row[2]))
        return None

    def account(self, account: str) -> Account:
        """Give an account by its id."""
        row = self._run(
            "SELECT id, currency, unlimited FROM account WHERE id = ?", (account,)
        ).fetchone()
        return Account(row[0], row[1], bool(row[2]))

    def balance(self, account: str) -> int:
        """Give what is on it, micro-units."""
        return self._sum("SELECT balance FROM account WHERE id = ?", account)

    def held(self, account: str, call: str) -> int:
        """Give what calls other than this one hold of it, micro-units."""
        return self._sum(
            "SELECT sum(amount) FROM hold WHERE account = ? AND ended IS NULL AND call <> ?",
            account,
            call,
        )

    def price(self, account: str, number: str, now: int) -> Price | None:
        """Give what a call to a number costs: the longest beginning counts (M2)."""
        row = self._run(
            "SELECT prefix, per_minute, setup_fee, first_block, interval FROM price"
            " WHERE substr(?, 1, length(prefix)) = prefix ORDER BY length(prefix) DESC",
            (number,),
        ).fetchone()
        return None if row is None else Price(*row)

    def charged(self, call: str, position: int) -> Charge | None:
        """Give what a leg of a call was charged; None: it was not yet."""
        row = self._run(
            "SELECT * FROM charge WHERE call = ? AND position = ?", (call, position)
        ).fetchone()
        return None if row is None else Charge(*row)

    def charge(self, charged: Charge) -> None:
        """Take its amount from its account, and keep it."""
        self._run(
            "INSERT INTO charge VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(charged),
        )
        self._run(
            "UPDATE account SET balance = balance - ? WHERE id = ?",
            (charged.amount, charged.account),
        )

    def spent(self, extension: str, currency: str, since: int) -> int:
        """Give what an extension's calls were charged after a moment, micro-units (G3)."""
        return self._sum(
            "SELECT sum(amount) FROM charge JOIN account ON account.id = charge.account"
            " WHERE charge.extension = ? AND currency = ? AND at > ?",
            extension,
            currency,
            since,
        )

    def held_of(self, extension: str, currency: str, call: str) -> int:
        """Give what is held for an extension's calls other than this one, micro-units (G3)."""
        return self._sum(
            "SELECT sum(amount) FROM hold JOIN account ON account.id = hold.account"
            " WHERE hold.extension = ? AND currency = ? AND ended IS NULL AND call <> ?",
            extension,
            currency,
            call,
        )

    def _sum(self, statement: str, *given: object) -> int:
        return int(self._run(statement, given).fetchone()[0] or 0)


class Prepaid(Booked):
    """The engine, and what your own programs do with its accounts."""

    def __init__(self, path: str) -> None:
        self._path = path
        super().__init__(self._transaction, now=lambda: time.time_ns() // 1000)
        with closing(self._connected()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(TABLES)

    def open_account(
        self,
        account: str,
        extension: str,
        *,
        caller: str | None = None,
        currency: str = "USD",
        unlimited: bool = False,
    ) -> None:
        """Make the account of an extension, or of one of its callers (E.164)."""
        with self._written() as connection:
            connection.execute(
                "INSERT INTO account (id, extension, caller, currency, unlimited)"
                " VALUES (?, ?, ?, ?, ?)",
                (account, extension, caller, currency, unlimited),
            )

    def top_up(self, account: str, money: int) -> None:
        """Put money on an account, micro-units; below 0: take it away.

        Raises `KeyError` where there is no such account.
        """
        with self._written() as connection:
            done = connection.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?", (money, account)
            )
            if done.rowcount == 0:
                raise KeyError(account)

    def set_price(self, price: Price) -> None:
        """Let calls to a beginning cost so much from now on."""
        with self._written() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO price VALUES (?, ?, ?, ?, ?)",
                msgspec.structs.astuple(price),
            )

    def _connected(self) -> sqlite3.Connection:
        # One for each question: it is asked in many threads.
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        # IMMEDIATE: whoever else asks waits from here on.
        try:
            with closing(self._connected()) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            # Closing rolled back. It is locked, or its disk is full: nothing is called till then.
            raise Unavailable(f"{self._path}: {error}") from error

    def _transaction(self) -> AbstractContextManager[SqliteBooks]:
        return self._books_written()

    @contextmanager
    def _books_written(self) -> Iterator[SqliteBooks]:
        with self._written() as connection:
            yield SqliteBooks(connection)


def engine(options: Mapping[str, str]) -> Prepaid:
    """Make the engine, as `credit.engine` names it; `options` are `credit.options`."""
    return Prepaid(options["path"])
