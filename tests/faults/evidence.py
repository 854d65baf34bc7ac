"""What there is to judge a run by: the database, the switches' witness, and the logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine, Table, create_engine, select
from sqlalchemy.pool import NullPool

from controller.store import schema
from controller.store.schema_callbacks import callback_destination
from tests.faults.harm import Fault
from tests.faults.load import Load
from tests.faults.witness import Journals, SwitchLeg

#: How much before and after a fault what happens may be its doing, microseconds.
AROUND = 1_000_000
#: Which process a log is of: its run is the number behind it.
_LOG = re.compile(r"(c\d+)-(\d+)\.log\Z")


class Record(msgspec.Struct):
    """A call record of a switch: microseconds since 1970."""

    leg: str
    answered: int
    ended: int


class Evidence:
    """All of it, of one run."""

    def __init__(
        self, directory: Path, url: str, journals: Journals, faults: list[Fault], load: Load
    ) -> None:
        self.directory = directory
        self.faults = faults
        self.load = load
        self.legs: dict[str, SwitchLeg] = journals.legs
        self.bare = journals.bare
        with engine_of(url).connect() as connection:

            def rows(table: Table) -> list[Any]:
                return list(connection.execute(select(table)))

            self.requests = rows(schema.callback_request)
            self.attempts = rows(schema.callback_attempt)
            self.destinations = rows(callback_destination)
            self.holds = rows(schema.credit_hold)
            self.kept = rows(schema.call_leg)
            self.entries = sorted(rows(schema.account_entry), key=lambda e: (e.account, e.position))
            self.accounts = rows(schema.account)
            self.keys = rows(schema.callback_key)
        self.request_of = {request.id: request for request in self.requests}
        self.attempt_of = {attempt.id: attempt for attempt in self.attempts}
        self.records = dict(self._records())

    def dump(self) -> None:
        """Write the database's rows to files, one for each table."""
        place = self.directory / "database"
        place.mkdir(exist_ok=True)
        tables = ("requests", "attempts", "destinations", "holds", "kept", "entries", "accounts")
        for name in tables:
            rows = [dict(row._mapping) for row in getattr(self, name)]
            (place / f"{name}.json").write_bytes(b"\n".join(map(msgspec.json.encode, rows)) + b"\n")
        faults = b"\n".join(map(msgspec.json.encode, self.faults))
        (self.directory / "faults.json").write_bytes(faults + b"\n")

    def _records(self) -> Any:
        for path in (self.directory / "kept").rglob("*.json"):
            try:
                said = msgspec.json.decode(path.read_bytes())["variables"]
            except msgspec.DecodeError:
                continue  # its switch was killed while it wrote it
            yield (
                said["uuid"],
                Record(said["uuid"], int(said["answer_uepoch"]), int(said["end_uepoch"])),
            )

    # --- what was done -------------------------------------------------------------------------

    def during(
        self, begun: int, ended: int, *kinds: str, target: str = "", around: int = AROUND
    ) -> list[Fault]:
        """Give the faults whose kinds begin so that overlap a time, with a margin."""
        return [
            fault
            for fault in self.faults
            if fault.kind.startswith(kinds or ("",))
            and target in fault.target
            and fault.begun <= ended + around
            and (fault.ended or ended) >= begun - around
        ]

    def node_died(self, node: str, begun: int, ended: int) -> bool:
        """Whether a node was killed within a time."""
        return bool(self.during(begun, ended, "node killed", target=node))

    # --- what was logged -----------------------------------------------------------------------

    def lines(self) -> Any:
        """Give each line of the controllers' logs: whose, and what."""
        for path in sorted((self.directory / "logs").glob("c*.log")):
            match = _LOG.search(path.name)
            assert match is not None
            for line in path.read_bytes().splitlines():
                if line.strip():
                    yield match[1], path.name, _line(line)


def _line(line: bytes) -> dict[str, Any]:
    """Read a line; what drivers say comes in plain text, and may break one of ours in two."""
    try:
        said: dict[str, Any] = msgspec.json.decode(line, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"plain": line.decode(errors="replace")}
    return said


def engine_of(url: str) -> Engine:
    """Give an engine for questions of the laboratory's own, which keeps no connection."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool
    )
