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
from tests.databases import new_file
from tests.unit.examples import many
from tests.unit.store import asked

NUMBERS = ["+12125550191", "+12125550192", "+12125550193"]
OPEN = ("pending", "calling", "answered")
holders = st.sampled_from(["a", "b"])
spans = st.integers(0, 40)


class Row(msgspec.Struct):
    """What the model knows of a request."""

    number: str
    due: int
    expires: int
    state: str = "pending"
    outcome: str | None = None
    joined: int = 0
    holder: str | None = None
    lease: int | None = None
    attempts: int = 0
    attempt: str | None = None

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
        self._engine = open_database(new_file(path))
        self.requests = Requests(self._engine)
        self.rows: dict[str, Row] = {}
        self.now = 1000
        self.count = 0

    def teardown(self) -> None:
        self._engine.dispose()
        self._directory.cleanup()

    @rule(seconds=spans)
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=ids, number=st.sampled_from(NUMBERS), delay=spans)
    def a_caller_rings(self, number: str, delay: int) -> object:
        due = self.now + delay
        expires = due + 60
        stored = asked.stored(self.requests, number, due, self.now, expires)
        if stored.id not in self.rows:
            self.rows[stored.id] = Row(number, due, expires)
            return stored.id
        row = self.rows[stored.id]
        row.joined += 1
        if row.state == "pending":
            row.due, row.expires = due, expires
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
        may = row.state == "pending" and row.holder == holder and row.due <= self.now
        until = self.now + span
        request = self.requests.get(id_)
        assert request is not None
        name = f"{id_[:20]}/{self.count}"
        self.count += 1
        begun = asked.begun(self.requests, request, holder, until, name, now=self.now)
        assert may == begun
        if may:
            row.state, row.lease, row.attempt = "calling", until, name
            row.attempts += 1

    @rule(id_=ids, holder=holders, delay=spans, sent=st.booleans())
    def it_is_given_back(self, id_: str, holder: str, delay: int, sent: bool) -> None:
        row = self.rows[id_]
        attempt = row.attempt if sent and row.state == "calling" else None
        states = ("calling",) if attempt else ("pending",)
        may = row.state in states and row.holder == holder
        assert may == self.requests.give_back(
            id_, holder=holder, due=self.now + delay, attempt=attempt
        )
        if may:
            row.state, row.holder, row.lease = "pending", None, None
            row.due = max(row.due, self.now + delay)
            row.attempts -= attempt is not None
            row.attempt = None

    @rule(id_=ids, span=spans, late=st.booleans())
    def it_is_answered(self, id_: str, span: int, late: bool) -> None:
        row = self.rows[id_]
        attempt = "an earlier one" if late else row.attempt
        may = row.state == "calling" and not late
        until = self.now + span
        assert may == self.requests.answered(id_, until, now=self.now, attempt=attempt)
        if may:
            row.state, row.lease = "answered", until

    @rule(id_=ids, delay=spans, late=st.booleans())
    def it_is_to_be_made_again(self, id_: str, delay: int, late: bool) -> None:
        # At the same moment it would be the same write, made once more (`store.repeated`).
        self.now += 1
        row = self.rows[id_]
        attempt = "an earlier one" if late or row.attempt is None else row.attempt
        may = row.state == "calling" and not late
        ended = self.requests.retry(
            id_,
            attempt=attempt,
            outcome="busy",
            cause="USER_BUSY",
            counts=True,
            due=self.now + delay,
            now=self.now,
        )
        assert ended.moved is may
        # G3: it is told once, to whoever ended it.
        assert (ended.unanswered is not None) is may
        if may:
            row.state, row.holder, row.lease, row.due = "pending", None, None, self.now + delay
            row.outcome = "busy"

    @rule(id_=ids, late=st.booleans())
    def it_ends(self, id_: str, late: bool) -> None:
        self.now += 1
        row = self.rows[id_]
        may = row.state in OPEN and not late
        ended = self.requests.finish(
            id_,
            outcome="completed",
            cause="X",
            destination=None,
            now=self.now,
            attempt="an earlier one" if late else None,
        )
        assert ended.moved is may
        if may:
            self.end(row, "completed")

    @rule(id_=ids)
    def it_is_cancelled(self, id_: str) -> None:
        row = self.rows[id_]
        may = row.state == "pending"
        assert may == self.requests.cancel(id_, self.now)
        if may:
            self.end(row, "cancelled")

    @rule()
    def what_came_to_nothing_is_ended(self) -> None:
        expected: dict[str, str] = {}
        for id_, row in self.rows.items():
            lost = row.state in ("calling", "answered") and row.lease is not None
            if lost and row.free(self.now):
                expected[id_] = "unknown"
            elif row.state == "pending" and row.expires < self.now and row.free(self.now):
                expected[id_] = row.outcome or "expired"
        given = {request.id: request.outcome for request in self.requests.expire(self.now)}
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
            tries = self.requests.attempts_of(id_)
            assert found.attempts == len(tries) == row.attempts
            under_way = [attempt.id for attempt in tries if attempt.ended is None]
            live = row.state in ("calling", "answered")
            assert under_way == ([row.attempt] if live else []), "T6: one attempt at a time"
        open_numbers = [row.number for row in self.rows.values() if row.state in OPEN]
        assert len(open_numbers) == len(set(open_numbers)), "T6: one open request for a number"

    @invariant()
    def the_next_one_due_is_the_first_that_is_not_due_yet(self) -> None:
        later = [r.due for r in self.rows.values() if r.state == "pending" and r.due > self.now]
        assert self.requests.outlook(self.now).next_due == min(later, default=None)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=many(60), stateful_step_count=30)
