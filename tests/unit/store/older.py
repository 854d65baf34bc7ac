"""Databases of older releases, with data in them: what those releases themselves wrote."""

from __future__ import annotations

import json
import re
import sqlite3
from base64 import b64decode
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, NullPool, create_engine, insert, inspect, make_url, text, update

from controller.store.upgrade import upgrade

#: Tables and rows of a file that was made before there were revisions.
WRITTEN = (Path(__file__).parent / "before-revisions.sql").read_text(encoding="utf-8")

Rows = dict[str, list[dict[str, Any]]]

#: Rows of each table as revision 0005 had it; bytes as Base64.
AT_0005: Rows = json.loads((Path(__file__).parent / "at-0005.json").read_text(encoding="utf-8"))

#: An account of revision 0006 with entries: what was written of a call by hand was a correction.
AT_0006: Rows = {
    "account": [
        {
            "id": "six",
            "extension": "100",
            "caller": None,
            "owner": "100",
            "currency": "EUR",
            "unlimited": False,
            "description": "Of revision 6",
            "version": 2,
            "created": 1_700_000_000_000_000,
            "changed": 1_700_000_000_000_001,
        }
    ],
    "account_entry": [
        {
            "account": "six",
            "position": position,
            "key": key,
            "kind": kind,
            "amount": amount,
            "left_after": left,
            "order_number": "",
            "notes": "",
            "actor": "admin",
            "created": 1_700_000_000_000_000 + position,
        }
        for position, key, kind, amount, left in (
            (1, "a", "top_up", 5_000_000, 5_000_000),
            (2, "b", "correction", -1_500_000, 3_500_000),
        )
    ],
}

#: What revision 0007 has more: an account that pays by a list, with a call under way and one over.
AT_0007: Rows = {
    "price_list": [
        {
            "name": "retail",
            "currency": "EUR",
            "description": "Of revision 7",
            "version": 1,
            "created": 1_700_000_000_000_000,
            "changed": 1_700_000_000_000_000,
        }
    ],
    "rate": [
        {
            "price_list": "retail",
            "prefix": "+1",
            "since": 0,
            "until": None,
            "setup_fee": 0,
            "per_minute": 60_000,
            "first_block": 1,
            "interval": 1,
            "description": "",
            "version": 1,
            "created": 1_700_000_000_000_000,
            "changed": 1_700_000_000_000_000,
        }
    ],
    "credit_hold": [
        {
            "call": "try-100",
            "request": "two-100",
            "extension": "100",
            "account": "six",
            "limited": True,
            "amount": 500_000,
            "serial": 1,
            "return_price": None,
            "return_seconds": 120,
            "return_answered": None,
            "return_settled": False,
            "position": 0,
            "destination_price": None,
            "destination_seconds": 0,
            "destination_answered": None,
            "destinations": "[]",
            "until": 1_700_000_200_000_000,
            "created": 1_700_000_000_000_100,
            "changed": 1_700_000_000_000_100,
            "ended": None,
        }
    ],
    "call_leg": [
        {
            "leg": "leg-200",
            "call": "try-200",
            "request": "two-200",
            "side": "return",
            "position": 0,
            "extension": "200",
            "client": "main",
            "number": "+12125550177",
            "begun": 1_700_000_000_000_200,
            "ended": 1_700_000_000_000_900,
            "cause": "NO_ANSWER",
            "seconds": 0,
            "charge": 0,
            "uncovered": 0,
            "source": "event",
            "kept": 1_700_000_000_001_000,
        }
    ],
}


def before_revisions(url: str) -> None:
    """Make a file of SQLite as it was before there were revisions."""
    with closing(sqlite3.connect(_path(url))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(WRITTEN)


def at_0001(url: str) -> None:
    """Make a database of revision 0001, with the same rows."""
    _raise_to(url, "0001")
    lines = [line for line in WRITTEN.splitlines() if line.startswith("INSERT")]
    # What is referred to comes first.
    execute(url, *sorted(lines, key=lambda line: 'INTO "extension"' not in line))


def at_0002(url: str) -> None:
    """Make a database of revision 0002, with the rows that came of 0001, and two more calls."""
    at_0001(url)
    _raise_to(url, "0002")
    execute(
        url,
        *(
            "INSERT INTO callback_request (id, extension, did, number, state, created, due, "
            "joined, holder, lease_until, node, attempt) VALUES "
            f"('two-{extension}', '{extension}', '+12025550101', '+12125550177', 'calling', "
            f"{created}, {created + 3}, 0, 'a', {created + 100}, 'fs1', 'try-{extension}')"
            for extension, created in (
                ("100", 1_700_000_000_000_100),
                ("200", 1_700_000_000_000_200),
            )
        ),
    )


def at_0003(url: str) -> None:
    """Make a database of revision 0003: what came of 0002, and sounds that the switch has."""
    at_0002(url)
    _raise_to(url, "0003")
    execute(
        url,
        *(
            "INSERT INTO sound (language, name, path, client, description, version, created, "
            f"changed) VALUES ('{language}', 'goodbye', '{language}/bye.wav', {client}, 'Bye', 3, "
            "1700000000000000, 1700000000000001)"
            for language, client in (("en", "NULL"), ("de", "'main'"))
        ),
    )


def at_0004(url: str) -> None:
    """Make a database of revision 0004: what came of 0003."""
    at_0003(url)
    _raise_to(url, "0004")


def at_0005(url: str) -> None:
    """Make a database of revision 0005: what came of 0004, and something more in every table."""
    at_0004(url)
    _raise_to(url, "0005")
    engine = create_engine(url, poolclass=NullPool)
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            for row in AT_0005.get(table.name, ()):
                if table.name.endswith("_clock"):
                    # There is one row, of its own name.
                    connection.execute(update(table).values(seq=row["seq"]))
                else:
                    connection.execute(insert(table).values(**_unpacked(row)))
    engine.dispose()


def at_0006(url: str) -> None:
    """Make a database of revision 0006: what came of 0005, and more on the accounts."""
    at_0005(url)
    _raise_to(url, "0006")
    _add(url, AT_0006)


def at_0007(url: str) -> None:
    """Make a database of revision 0007: what came of 0006, with calls that are paid for."""
    at_0006(url)
    _raise_to(url, "0007")
    _add(url, AT_0007)


def at_0008(url: str) -> None:
    """Make a database of revision 0008: what came of 0007."""
    at_0007(url)
    _raise_to(url, "0008")


#: What revision 0009 has more: something that looks like fraud.
AT_0009: Rows = {
    "suspicion": [
        {
            "pattern": "many_extensions",
            "subject": "+12125550199",
            "extension": None,
            "client": None,
            "blocks": True,
            "first": 1_700_000_000_000_000,
            "last": 1_700_000_000_000_001,
            "times": 2,
            "said": "+12125550199 rang 4 extensions within an hour",
            "released": None,
            "released_by": None,
        }
    ],
}


def at_0009(url: str) -> None:
    """Make a database of revision 0009: what came of 0008, and a suspicion."""
    at_0008(url)
    _raise_to(url, "0009")
    _add(url, AT_0009)


#: What revision 0010 has more: a node that is drained, and was seen.
AT_0010: Rows = {
    "node_drain": [
        {"name": "fs1", "actor": "admin", "reason": "kernel", "since": 1_700_000_000_000_000}
    ],
    "node_seen": [
        {
            "name": "fs1",
            "seen": 1_700_000_000_000_000,
            "core": "core-1",
            "version": "1.11.1",
            "sessions": 2,
            "most_sessions": 1000,
            "idle": 60,
        }
    ],
}


def at_0010(url: str) -> None:
    """Make a database of revision 0010: what came of 0009, and a node that is drained."""
    at_0009(url)
    _raise_to(url, "0010")
    _add(url, AT_0010)


#: What revision 0011 has more: somebody who logs in, and an entry that names somebody.
AT_0011: Rows = {
    "account_entry": [
        {
            "account": "six",
            "position": 3,
            "key": "c",
            "kind": "top_up",
            "amount": 1,
            "left_after": 3_500_001,
            "order_number": "",
            "notes": "paid by +12125550199",
            "actor": "admin",
            "created": 1_700_000_000_000_000,
        }
    ],
    "user": [
        {
            "name": "olga",
            "role": "admin",
            "client": None,
            "password_hash": "$argon2id$x",
            "version": 1,
            "created": 1_700_000_000_000_000,
            "changed": 1_700_000_000_000_000,
        }
    ],
    "web_session": [
        {
            "digest": "d" * 64,
            "user": "olga",
            "whole": True,
            "peer": "192.0.2.7",
            "created": 1_700_000_000_000_000,
            "seen": 1_700_000_000_000_000,
            "expires": 1_700_000_000_000_001,
        }
    ],
}


def at_0011(url: str) -> None:
    """Make a database of revision 0011: what came of 0010, and somebody who is logged in."""
    at_0010(url)
    _raise_to(url, "0011")
    _add(url, AT_0011)


def _add(url: str, made: Rows) -> None:
    engine = create_engine(url, poolclass=NullPool)
    tables = MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for name, rows in made.items():
            for row in rows:
                connection.execute(insert(tables.tables[name]).values(**row))
    engine.dispose()


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: b64decode(value["base64"]) if isinstance(value, dict) else value
        for name, value in row.items()
    }


#: Each revision that can be upgraded from. Whoever adds a revision adds the one before it here.
OLDER = {
    "0001": at_0001,
    "0002": at_0002,
    "0003": at_0003,
    "0004": at_0004,
    "0005": at_0005,
    "0006": at_0006,
    "0007": at_0007,
    "0008": at_0008,
    "0009": at_0009,
    "0010": at_0010,
    "0011": at_0011,
}


def _raise_to(url: str, revision: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    upgrade(engine, revision)
    engine.dispose()


def execute(url: str, *statements: str) -> None:
    """Run statements as they are, past everything of ours."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def rows(url: str) -> Rows:
    """Give every row of every table."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        found = {
            name: sorted(
                (
                    dict(row)
                    for row in connection.execute(text(f'SELECT * FROM "{name}"')).mappings()
                ),
                key=repr,
            )
            for name in inspect(connection).get_table_names()
        }
    engine.dispose()
    return found


def shape(url: str) -> dict[str, Any]:
    """Give what every table has: columns, keys, references, indexes."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        seen = inspect(connection)
        found = {
            name: [
                [(column["name"], repr(column["type"])) for column in seen.get_columns(name)],
                # The first files gave their keys no names.
                seen.get_pk_constraint(name)["constrained_columns"],
                sorted(repr({**key, "name": ""}) for key in seen.get_foreign_keys(name)),
                sorted(map(_index, seen.get_indexes(name))),
            ]
            for name in seen.get_table_names()
        }
    engine.dispose()
    return found


def _index(found: Any) -> str:
    where = {name: str(value) for name, value in found.pop("dialect_options", {}).items()}
    return repr((sorted(found.items()), where))


def documents() -> dict[str, dict[str, Any]]:
    """Give the policies that the older release wrote, by extension."""
    found = re.findall(r"""INTO "extension" VALUES\('(\d+)','(.*)',\d+\)""", WRITTEN)
    return {extension: json.loads(document) for extension, document in found}


def _path(url: str) -> str:
    path = make_url(url).database
    assert path is not None
    return path
