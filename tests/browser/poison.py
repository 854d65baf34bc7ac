"""A world into which somebody has written what no page may run: wherever text is kept."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import insert, select, update

from controller.store import schema
from tests.web.pages.stories import talked
from tests.web.world import ADMIN, World

#: What would run, or become an element, on a page that takes text for anything else.
SHORT: Final = '"><b id=xss-b onclick=hit()>'
LONG: Final = (
    "\"><img id=xss-i src=x onerror='window.__hit=1'><script>window.__hit=2</script>"
    "</textarea></title><svg id=xss-s onload='window.__hit=3'>{{7*7}}${alert(1)}'-alert(1)-'"
)
#: What is kept as text, by its table: what carriers, switches, callers, clients and operators say.
TEXTS: Final[dict[str, tuple[str, ...]]] = {
    "client": ("description",),
    "price_list": ("description",),
    "rate": ("description",),
    "channel": ("description",),
    "public_number": ("description",),
    "authorised_caller": ("notes",),
    "account": ("description",),
    "sound": ("description", "uploaded_name"),
    "stop": ("reason", "actor"),
    "suspicion": ("said",),
    "callback_request": ("cause", "said", "node", "actor", "last_name"),
    "callback_attempt": ("node", "core", "cause"),
    "callback_destination": ("cause",),
    "call_leg": ("node", "channel", "cause"),
    "node_seen": ("core", "version"),
    "web_session": ("peer",),
}


def poison(world: World) -> str:
    """Write it everywhere, and give the callback of which most is told."""
    told = talked(world)
    # A ledger is never changed.
    entry = {"key": "xss", "amount": 1_000_000, "order_number": SHORT, "notes": LONG}
    world.directory.add_entry(ADMIN, world.acme_account, entry)
    tables = {table.name: table for table in schema.metadata.sorted_tables}
    with world.engine.begin() as connection:
        seen = tables["node_seen"]
        row: dict[str, Any] = dict.fromkeys(seen.columns.keys(), 0)
        row |= {"name": SHORT, "core": "", "version": "", "seen": world.now}
        connection.execute(insert(seen).values(**row))
        drained = {"name": "fs1", "actor": LONG, "reason": LONG, "since": world.now}
        connection.execute(insert(tables["node_drain"]).values(**drained))
        for name, columns in TEXTS.items():
            connection.execute(update(tables[name]).values(dict.fromkeys(columns, LONG)))
        lines = tables["callback_transcript"]
        connection.execute(
            update(lines).where(lines.c.what.in_(["said", "typed", "decided"])).values(text=LONG)
        )
        for table in ("callback_attempt", "callback_destination"):
            connection.execute(update(tables[table]).values(causes=json.dumps({LONG: LONG})))
        changed = {"before": json.dumps({LONG: LONG}), "after": json.dumps({LONG: "", "x": LONG})}
        connection.execute(update(tables["audit"]).values(actor=LONG, **changed))
        _poison_policies(connection, tables["extension"])
    return told


def _poison_policies(connection: Any, table: Any) -> None:
    for row in connection.execute(select(table)).all():
        policy = json.loads(row.policy)
        policy |= {"description": LONG}
        connection.execute(
            update(table)
            .where(table.c.extension == row.extension)
            .values(policy=json.dumps(policy))
        )
