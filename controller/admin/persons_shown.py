"""What is kept about a person, as it is handed out to him (O7): rows, as they can be read.

Of what is another person's, and names him, only that: columns in which another one may stand are
left out, of a document there are the members that name him, of a text the number. Secrets never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from controller.admin.model import Kind
from controller.policy.moments import written
from controller.policy.spelled import spelled
from controller.store import mentions, persons, schema
from controller.store.mentions import Mention
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
        "after", "plan", "policy", "shown", "order_number", "key", "actor", "account", "subject",
        "released_by", "uploaded_name", "reason", "problem", "peer",
    }
)  # fmt: skip


def collect(connection: Connection, number: str) -> dict[str, list[dict[str, Any]]]:
    """Give all rows that are a person's own, or name him, by table."""
    own, pattern = persons.own(connection, number), spelled(number)
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}

    def keep(table: str, rows: Iterable[Mapping[str, Any]], named: Set[str] | None = None) -> None:
        key = [column.name for column in schema.metadata.tables[table].primary_key]
        known = found.setdefault(table, {})
        for row in rows:
            known.setdefault(tuple(row[name] for name in key), _shown(row, named, pattern))

    for table, column, values in _own(own):
        rows = persons.rows_of(connection, schema.metadata.tables[table], column, values)
        keep(table, rows)
    callers = schema.authorised_caller
    rows = persons.rows_of(connection, callers, "number", [number])
    keep(callers.name, rows)
    for mention in mentions.find(connection, number):
        keep(mention.table, [mention.row], None if _his(mention, number) else {*mention.columns})
    return {table: list(rows.values()) for table, rows in found.items() if rows}


def _own(own: Own) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    yield schema.callback_request.name, "id", own.requests
    for table, column in persons.children().items():
        yield table, column, own.requests
    yield schema.account.name, "id", own.accounts
    yield schema.account_entry.name, "account", own.accounts


def _his(mention: Mention, number: str) -> bool:
    """Whether a row is his that is found by nothing of his.

    A leg that he asked for, wherever its callback is; what was changed of his own entry, also
    where that is gone.
    """
    if mention.table == schema.audit.name:
        key = str(mention.row["key"])
        return mention.row["kind"] == Kind.CALLERID and key.rpartition("/")[2] == number
    return mention.row.get("caller") == number


def _shown(
    row: Mapping[str, Any], named: Set[str] | None, pattern: re.Pattern[str]
) -> dict[str, Any]:
    """Give a row as it can be read; `named` None: it is his, else by which columns it names him."""
    shown: dict[str, Any] = {}
    for name, value in row.items():
        if name in _SECRET:
            shown[f"{name}_set"] = value is not None
        elif named is not None and name in named:
            shown[name] = _only(_read(value), pattern)
        elif named is not None and name in _PERSONAL:
            continue
        elif name in _TIMES and isinstance(value, int):
            shown[name] = written(value) if value else None
        else:
            shown[name] = _read(value)
    return shown


def _only(value: Any, pattern: re.Pattern[str]) -> Any:  # noqa: ANN401  (of a document)
    """Give what of a value names him, and None where nothing does."""
    match value:
        case str():
            found = pattern.search(value)
            return None if found is None else found[0]
        case list():
            return [left for one in value if (left := _only(one, pattern)) is not None] or None
        case dict():
            left = {name: _only(one, pattern) for name, one in value.items()}
            return {
                name: one
                for name, one in left.items()
                if one is not None or pattern.search(name) is not None
            } or None
    return None


def _read(value: Any) -> Any:  # noqa: ANN401  (of a column)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value
