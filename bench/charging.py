"""Holds and settlements per second, on one account and on 10,000, SQLite and PostgreSQL.

A cycle is what a call costs the database: held for, dialled, and both legs settled: two holds and
two settlements, each a transaction. The peer does the least that a ledger must, by the same
database with the same settings, in turns with ours: a transaction of an entry that is inserted and
a balance that is lowered if it is enough, in SQL by the driver alone. It keeps no holds, no prices
and no records of calls.

The PostgreSQL is that of the tests, which does not wait for its disk; SQLite does, as in
production. `--sequences N` runs instead so many random sequences of calls, top-ups, rate changes
and faults against slow and obvious sums (`tests.unit.store.charging_model`).
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, insert

from controller.credit.model import Granted
from controller.store import schema
from controller.store.charging import SqlCharging
from controller.store.database import open_database
from tests.databases import new_file
from tests.postgres import running
from tests.unit.store import paying
from tests.unit.store.charging_model import Faults, Sequence

DATABASES: Final = ("sqlite", "postgresql")
SHOWN: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
#: How long each is measured, and how often in turns.
SECONDS: Final = 0.5
TURNS: Final = 2
THREADS: Final = (1, 8)
STEPS: Final = 12
MANY: Final = 10_000
MONEY: Final = 10**15

#: The peer's tables and statements; `?` is written as the driver wants it.
_BARE: Final = (
    "CREATE TABLE bare_account (id INTEGER PRIMARY KEY, balance BIGINT NOT NULL)",
    "CREATE TABLE bare_entry (account INTEGER NOT NULL REFERENCES bare_account (id),"
    " key VARCHAR(64) NOT NULL, amount BIGINT NOT NULL, PRIMARY KEY (account, key))",
)
_ENTRY: Final = "INSERT INTO bare_entry (account, key, amount) VALUES (?, ?, ?)"
_LOWER: Final = "UPDATE bare_account SET balance = balance - ? WHERE id = ? AND balance >= ?"

#: Works until a moment, as one of several threads; gives how many transactions it has made.
Work = Callable[[int, float], int]


@contextmanager
def database(kind: str) -> Iterator[Engine]:
    """Give a new database of a kind. Raises `pytest.skip.Exception` where there is none."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as directory:
            engine = open_database(new_file(Path(directory) / "callbackd.sqlite3"))
            yield engine
            engine.dispose()
        return
    with running() as server, server.lent() as url:
        engine = open_database(url)
        yield engine
        engine.dispose()


def sequences(kind: str, count: int) -> float:
    """Run so many random sequences, which raise where a sum is wrong; give the seconds it took."""
    begin = time.perf_counter()
    with database(kind) as engine:
        faults = Faults(engine)
        for seed in range(count):
            Sequence(engine, seed, faults, spends=seed % 2 == 1).run(STEPS)
    return time.perf_counter() - begin


def fill(engine: Engine) -> list[str]:
    """Make accounts that have enough, and the extensions that they are of; give these."""
    paying.listed(engine)
    names = [str(100_000 + number) for number in range(MANY)]
    kept = {"version": 1, "created": 1, "changed": 1}
    extension = {"client": "main", "enabled": True, "policy": "{}", **kept}
    account = {
        "currency": "USD", "unlimited": False, "price_list": "usual", "description": "", **kept,
    }  # fmt: skip
    entry = {
        "position": 1, "key": "first", "kind": "top_up", "amount": MONEY, "left_after": MONEY,
        "order_number": "", "notes": "", "actor": "bench", "created": 1,
    }  # fmt: skip
    rows: tuple[tuple[Any, list[dict[str, Any]]], ...] = (
        (schema.extension, [{"extension": one, **extension} for one in names]),
        (schema.account, [{"id": one, "extension": one, "owner": one, **account} for one in names]),
        (schema.account_entry, [{"account": one, **entry} for one in names]),
    )
    with engine.begin() as connection:
        for table, some in rows:
            connection.execute(insert(table), some)
    raw = engine.raw_connection()
    cursor = raw.cursor()
    for statement in _BARE:
        cursor.execute(statement)
    cursor.executemany(
        _written(engine, "INSERT INTO bare_account (id, balance) VALUES (?, ?)"),
        [(number, MONEY) for number in range(MANY)],
    )
    raw.commit()
    raw.close()
    return names


def _written(engine: Engine, statement: str) -> str:
    return statement.replace("?", "%s") if engine.dialect.name == "postgresql" else statement


def ours(engine: Engine, names: list[str], threads: int) -> Work:
    """Give what holds and settles by our engine."""
    charging, counts = SqlCharging(engine), [itertools.count() for _ in range(threads)]

    def work(thread: int, end: float) -> int:
        done = 0
        while time.perf_counter() < end:
            number = next(counts[thread])
            call = f"{threads}-{len(names)}-{thread}-{number}"
            extension = names[(number * threads + thread) % len(names)]
            begun = charging.begin(paying.beginning(call, extension=extension))
            dialled = charging.dial(paying.dialling(call, extension=extension))
            assert isinstance(begun, Granted)
            assert isinstance(dialled, Granted)
            for position in (1, 0):
                assert charging.settle(paying.ending(call, position, 50)).charge
            done += 4
        return done

    return work


def bare(engine: Engine, accounts: int, threads: int) -> Work:
    """Give what inserts an entry and lowers a balance, and nothing else."""
    entry, lower = _written(engine, _ENTRY), _written(engine, _LOWER)
    # SQLite's driver begins nothing by itself here: see `controller.store.database`.
    begins = engine.dialect.name == "sqlite"
    counts = [itertools.count() for _ in range(threads)]

    def work(thread: int, end: float) -> int:
        raw, done = engine.raw_connection(), 0
        cursor = raw.cursor()
        while time.perf_counter() < end:
            number = next(counts[thread])
            account = (number * threads + thread) % accounts
            if begins:
                cursor.execute("BEGIN IMMEDIATE")
            cursor.execute(lower, (10_000, account, 10_000))
            cursor.execute(entry, (account, f"{threads}-{accounts}-{thread}-{number}", -10_000))
            raw.commit()
            done += 1
        raw.close()
        return done

    return work


def rate(work: Work, threads: int) -> float:
    """Give how many transactions a second are made by so many threads together."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(lambda thread: work(thread, begin + SECONDS), range(threads)))
    return done / (time.perf_counter() - begin)


def measure(kind: str) -> Iterator[dict[str, Any]]:
    """Measure a kind of database: one account and many, one thread and several."""
    with database(kind) as engine:
        names = fill(engine)
        for accounts, threads in itertools.product((1, MANY), THREADS):
            both = (ours(engine, names[:accounts], threads), bare(engine, accounts, threads))
            turns = [[rate(work, threads) for work in both] for _ in range(TURNS)]
            mine, other = (sum(some) / TURNS for some in zip(*turns, strict=True))
            yield {
                "what": f"{SHOWN[kind]}: holds and settlements, {accounts:,} "
                f"account{'s' * (accounts > 1)}, {threads} thread{'s' * (threads > 1)}",
                "unit": "transactions/s",
                "value": round(mine),
                "peer": "bare SQL",
                "peer_value": round(other),
                "ratio": round(mine / other, 2),
            }


def run() -> dict[str, Any]:
    """Measure all of it."""
    found: list[dict[str, Any]] = []
    for kind in DATABASES:
        try:
            found += measure(kind)
        except pytest.skip.Exception as skipped:
            print(f"charging: {skipped}")
    return {**found[-1], "others": found[:-1]}


def main() -> None:
    """Run sequences, or measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.charging", description=__doc__)
    parser.add_argument("--sequences", type=int, metavar="N", help="on each database")
    parser.add_argument("--database", choices=DATABASES, help="on this one alone")
    asked = parser.parse_args()
    kinds = DATABASES if asked.database is None else (asked.database,)
    for kind in kinds:
        if asked.sequences is None:
            for one in measure(kind):
                print(f"{one['what']}: {one['value']} a second, bare SQL {one['peer_value']}")
        else:
            took = sequences(kind, asked.sequences)
            print(f"{kind}: {asked.sequences} sequences, all exact, {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
