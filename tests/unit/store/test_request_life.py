"""The life of requests against a model of it: many holders, any order, any time (O4, O5)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from controller.store.database import open_database
from controller.store.requests import Requests

NUMBERS = ["+12125550191", "+12125550192", "+12125550193"]
OPEN = ("pending", "calling", "answered")
holders = st.sampled_from(["a", "b"])
spans = st.integers(0, 40)


class Row(msgspec.Struct):
    """What the model knows of a request."""

    number: str
    due: int
    state: str = "pending"
    outcome: str | None = None
    joined: int = 0
    holder: str | None = None
    lease: int | None = None
    attempts: int = 0

    def free(self, now: int) -> bool:
        """Whether nobody works on it."""
        return self.lease is None or self.lease < now


class Life(RuleBasedStateMachine):
    """Two controllers and a few numbers."""

    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self._directory = tempfile.TemporaryDirectory()
        path = Path(self._directory.name) / "callbackd.sqlite3"
        self._engine = open_database(f"sqlite:///{path}")
        self.requests = Requests(self._engine)
        self.rows: dict[str, Row] = {}
        self.now = 1000

    def teardown(self) -> None:
        self._engine.dispose()
        self._directory.cleanup()

    @rule(seconds=spans)
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=ids, number=st.sampled_from(NUMBERS), delay=spans)
    def a_caller_rings(self, number: str, delay: int) -> object:
        due = self.now + delay
        stored = self.requests.store(
            extension="100", did="+1", number=number, due=due, now=self.now
        )
        if stored.id not in self.rows:
            self.rows[stored.id] = Row(number, due)
            return stored.id
        row = self.rows[stored.id]
        row.joined += 1
        if row.state == "pending":
            row.due = due
        return multiple()

    @rule(holder=holders, limit=st.integers(1, 3), span=spans)
    def a_controller_leases(self, holder: str, limit: int, span: int) -> None:
        due = sorted(
            row.due
            for row in self.rows.values()
            if row.state == "pending" and row.due <= self.now and row.free(self.now)
        )
        taken = self.requests.lease_due(holder, self.now, self.now + span, limit)
        assert [request.due for request in taken] == due[:limit]
        for request in taken:
            row = self.rows[request.id]
            assert row.state == "pending"
            assert row.free(self.now)
            row.holder, row.lease = holder, self.now + span

    @rule(id_=ids, holder=holders, span=spans)
    def an_attempt_is_written(self, id_: str, holder: str, span: int) -> None:
        row = self.rows[id_]
        may = row.state == "pending" and row.holder == holder
        until = self.now + span
        assert may == self.requests.begin_attempt(
            id_, holder=holder, node="fs1", attempt=f"{id_}/{row.attempts}", until=until
        )
        if may:
            row.state, row.lease = "calling", until
            row.attempts += 1

    @rule(id_=ids, holder=holders, delay=spans)
    def it_is_given_back(self, id_: str, holder: str, delay: int) -> None:
        row = self.rows[id_]
        may = row.state in ("pending", "calling") and row.holder == holder
        assert may == self.requests.give_back(id_, holder=holder, due=self.now + delay)
        if may:
            row.state, row.holder, row.lease, row.due = "pending", None, None, self.now + delay

    @rule(id_=ids, span=spans)
    def it_is_answered(self, id_: str, span: int) -> None:
        row = self.rows[id_]
        may = row.state == "calling"
        assert may == self.requests.answered(id_, self.now + span)
        if may:
            row.state, row.lease = "answered", self.now + span

    @rule(id_=ids)
    def it_ends(self, id_: str) -> None:
        row = self.rows[id_]
        may = row.state in OPEN
        assert may == self.requests.finish(
            id_, outcome="completed", cause="X", destination=None, now=self.now
        )
        if may:
            self.end(row, "completed")

    @rule(age=spans)
    def what_came_to_nothing_is_ended(self, age: int) -> None:
        oldest = self.now - age
        expected: dict[str, str] = {}
        for id_, row in self.rows.items():
            lost = row.state in ("calling", "answered") and row.lease is not None
            if lost and row.free(self.now):
                expected[id_] = "unknown"
            elif row.state == "pending" and row.due < oldest and row.free(self.now):
                expected[id_] = "expired"
        given = {request.id: request.outcome for request in self.requests.expire(self.now, oldest)}
        assert given == expected
        for id_, outcome in expected.items():
            self.end(self.rows[id_], outcome)

    @staticmethod
    def end(row: Row, outcome: str) -> None:
        row.state, row.outcome, row.holder, row.lease = "done", outcome, None, None

    @invariant()
    def the_rows_are_those_of_the_model(self) -> None:
        stored = {request.id: request for request in self.requests.all()}
        assert set(stored) == set(self.rows)
        for id_, row in self.rows.items():
            found = stored[id_]
            assert (found.number, found.due, found.state, found.outcome, found.joined) == (
                row.number, row.due, row.state, row.outcome, row.joined,
            )  # fmt: skip
        open_numbers = [row.number for row in self.rows.values() if row.state in OPEN]
        assert len(open_numbers) == len(set(open_numbers)), "T6: one open request for a number"

    @invariant()
    def the_next_one_due_is_the_first_that_is_not_due_yet(self) -> None:
        later = [r.due for r in self.rows.values() if r.state == "pending" and r.due > self.now]
        assert self.requests.next_due(self.now) == min(later, default=None)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30)
