"""Holds and settlements per second, on one account and on 10,000, SQLite and PostgreSQL.

A cycle is what a call costs the database: held for, dialled, and both legs settled: two holds and
two settlements, each a transaction. The PostgreSQL is that of the tests, which does not wait for
its disk; SQLite does, as in production. `--sequences N` runs instead so many random sequences of
calls, top-ups, rate changes and faults against slow and obvious sums
(`tests.unit.store.charging_model`).
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

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
SECONDS: Final = 5.0
STEPS: Final = 12
MANY: Final = 10_000


@contextmanager
def database(kind: str) -> Iterator[Engine]:
    """Give a new database of a kind."""
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
            Sequence(engine, seed, faults).run(STEPS)
    return time.perf_counter() - begin


def rate(kind: str, accounts: int, threads: int) -> int:
    """Give how many holds and settlements a second are made, together."""
    with database(kind) as engine:
        paying.listed(engine)
        names = [str(100_000 + number) for number in range(accounts)]
        kept = {"version": 1, "created": 1, "changed": 1}
        with engine.begin() as connection:
            connection.execute(
                insert(schema.extension),
                [
                    {"extension": one, "client": "main", "enabled": True, "policy": "{}", **kept}
                    for one in names
                ],
            )
            connection.execute(
                insert(schema.account),
                [
                    {
                        "id": one,
                        "extension": one,
                        "owner": one,
                        "currency": "USD",
                        "unlimited": False,
                        "price_list": "usual",
                        "description": "",
                        **kept,
                    }
                    for one in names
                ],
            )
            connection.execute(
                insert(schema.account_entry),
                [
                    {
                        "account": one,
                        "position": 1,
                        "key": "first",
                        "kind": "top_up",
                        "amount": 10**15,
                        "left_after": 10**15,
                        "order_number": "",
                        "notes": "",
                        "actor": "bench",
                        "created": 1,
                    }
                    for one in names
                ],
            )
        charging = SqlCharging(engine)
        end = time.perf_counter() + SECONDS

        def work(thread: int) -> int:
            done = 0
            for number in itertools.count():
                if time.perf_counter() >= end:
                    break
                call = f"{thread}-{number}"
                extension = names[(number * threads + thread) % accounts]
                begun = charging.begin(paying.beginning(call, extension=extension))
                dialled = charging.dial(paying.dialling(call, extension=extension))
                assert isinstance(begun, Granted)
                assert isinstance(dialled, Granted)
                for position in (1, 0):
                    assert charging.settle(paying.ending(call, position, 50)).charge
                done += 4
            return done

        begin = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            done = sum(pool.map(work, range(threads)))
        return round(done / (time.perf_counter() - begin))


def run() -> dict[str, Any]:
    """Measure all of it; what is shown is the first of PostgreSQL's on many accounts."""
    rates = {
        f"{kind}, {accounts} accounts, {threads} threads": rate(kind, accounts, threads)
        for kind in DATABASES
        for accounts in (1, MANY)
        for threads in (1, 8)
    }
    return {
        "what": "holds and settlements, PostgreSQL, 10,000 accounts, 8 threads",
        "unit": "transactions/s",
        "value": rates[f"postgresql, {MANY} accounts, 8 threads"],
        "peer": "SQLite, likewise",
        "peer_value": rates[f"sqlite, {MANY} accounts, 8 threads"],
        "rates": rates,
    }


def main() -> None:
    """Run sequences, or measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.charging", description=__doc__)
    parser.add_argument("--sequences", type=int, metavar="N", help="on each database")
    parser.add_argument("--database", choices=DATABASES, help="on this one alone")
    asked = parser.parse_args()
    if asked.sequences is None:
        for name, value in run()["rates"].items():
            print(f"{name}: {value} a second")
        return
    for kind in DATABASES if asked.database is None else (asked.database,):
        took = sequences(kind, asked.sequences)
        print(f"{kind}: {asked.sequences} sequences, all exact, {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
