"""What is kept about a person, as it is handed out to him (O7): rows, as they can be read.

Of what is another person's, and names him, only that: columns in which another one may stand are
left out. Secrets never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from controller.policy.moments import written
from controller.store import mentions, persons, schema
from controller.store.persons import Own

#: Of these it is said whether there is one.
_SECRET: Final = frozenset(
    {"pin_hash", "password_hash", "hash", "totp", "recovery", "digest", "fingerprint"}
)
#: Times, microseconds since 1970, in whatever table.
_TIMES: Final = frozenset(
    {
        "created", "changed", "at", "begun", "answered", "ended", "seen", "connected", "due",
        "rang", "expires", "lease_until", "kept", "since", "until", "first", "last", "released",
        "taken", "return_answered", "destination_answered",
    }
)  # fmt: skip
#: Where another person may stand.
_PERSONAL: Final = frozenset(
    {
        "number", "caller", "last_caller", "last_name", "said", "destination", "callback_number",
        "speed_dials", "presets", "notes", "owner", "description", "text", "body", "before",
        "after", "plan", "policy", "shown", "order_number",
    }
)  # fmt: skip


def collect(connection: Connection, number: str) -> dict[str, list[dict[str, Any]]]:
    """Give all rows that are a person's own, or name him, by table."""
    own = persons.own(connection, number)
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}

    def keep(
        table: str, rows: Iterable[Mapping[str, Any]], *, whole: frozenset[str] | None
    ) -> None:
        key = [column.name for column in schema.metadata.tables[table].primary_key]
        known = found.setdefault(table, {})
        for row in rows:
            known.setdefault(tuple(row[name] for name in key), _shown(row, whole))

    for table, column, values in _own(own):
        rows = persons.rows_of(connection, schema.metadata.tables[table], column, values)
        keep(table, rows, whole=None)
    callers = schema.authorised_caller
    rows = persons.rows_of(connection, callers, "number", [number])
    keep(callers.name, rows, whole=None)
    for mention in mentions.find(connection, number):
        # A leg that he asked for is his, wherever its callback is.
        his = mention.row.get("caller") == number
        keep(mention.table, [mention.row], whole=None if his else frozenset(mention.columns))
    return {table: list(rows.values()) for table, rows in found.items() if rows}


def _own(own: Own) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    yield schema.callback_request.name, "id", own.requests
    for table, column in persons.children().items():
        yield table, column, own.requests
    yield schema.account.name, "id", own.accounts
    yield schema.account_entry.name, "account", own.accounts


def _shown(row: Mapping[str, Any], whole: frozenset[str] | None) -> dict[str, Any]:
    """Give a row as it can be read; `whole` None: it is his, else what of it names him."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name in _SECRET:
            shown[f"{name}_set"] = value is not None
        elif whole is not None and name in _PERSONAL and name not in whole:
            continue
        elif name in _TIMES and isinstance(value, int):
            shown[name] = written(value) if value else None
        else:
            shown[name] = _read(value)
    return shown


def _read(value: Any) -> Any:  # noqa: ANN401  (of a column)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value
