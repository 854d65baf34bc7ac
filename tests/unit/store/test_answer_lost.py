"""O5: a commit whose answer is lost is made again, and leaves what one alone would have left.

Each write that the service repeats (`Services.keep`, `Background`) is made twice here, the answer
to the first one lost after the database had made it; so is each that it makes once and that may be
made again later, by itself or by another controller.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from controller.callback.asking import Wanted
from controller.guard.patterns import Pattern, Sighting, Subject
from controller.policy.endings import ending_of
from controller.runtime.answers import end_or_retry
from controller.store.charging import SqlCharging
from controller.store.database import Away, open_database
from controller.store.destinations import Called, Change, Connected, Destinations, Over
from controller.store.notices import Notices
from controller.store.requests import Request, Requests
from controller.store.sightings import Sightings
from controller.store.streams import Streams
from controller.store.suspicions import Suspicions
from controller.store.transcripts import TranscriptLine, Transcripts
from tests.databases import new_file
from tests.unit.policy.given import policy
from tests.unit.store import asked, paying
from tests.unit.store.paying import NOW, SECOND

Write = Callable[[], Any]
#: What is written, by a name: given an engine it sets the table, and gives the write.
Case = Callable[[Engine], Write]


class Loses:
    """Has the next commit of an engine made, and its answer lost."""

    def __init__(self, engine: Engine) -> None:
        self.times = 0
        event.listen(engine, "commit", self._commit)

    def _commit(self, connection: Connection) -> None:
        if self.times:
            self.times -= 1
            made = connection.connection.dbapi_connection
            assert made is not None
            made.commit()
            raise OperationalError("COMMIT", None, Exception("the connection was lost"))


def _request(engine: Engine, **more: Any) -> tuple[Requests, Request]:
    requests = Requests(engine)
    return requests, asked.stored(requests, **more)


def _leased(engine: Engine) -> tuple[Requests, Request]:
    requests, _ = _request(engine)
    (request,) = requests.lease_due("a", 100, 300, 1)
    return requests, request


def _calling(engine: Engine) -> tuple[Requests, Request]:
    requests, request = _leased(engine)
    assert asked.begun(requests, request, attempt="one")
    return requests, request


def _answered(engine: Engine) -> tuple[Requests, Request]:
    requests, request = _calling(engine)
    requests.answered(request.id, 900, now=150, attempt="one", holder="a")
    return requests, request


def store(engine: Engine) -> Write:
    asking = asked.asking(leg="a-leg")
    wanted = Wanted(asking=asking, number=asked.CALLER, due=100, expires=asked.NEVER)
    return lambda: Requests(engine).store(wanted)


def join(engine: Engine) -> Write:
    requests, request = _request(engine)
    return lambda: requests.join(request.id, asked.asking(leg="second", now=60))


def refuse(engine: Engine) -> Write:
    return lambda: Requests(engine).refuse(asked.asking(None, leg="a-leg"), "hidden")


def put_off(engine: Engine) -> Write:
    requests, _ = _request(engine)
    return lambda: requests.put_off(asked.CALLER, 500)


def give_back(engine: Engine) -> Write:
    requests, request = _leased(engine)
    return lambda: requests.give_back(request.id, holder="a", due=200, outcome="no_channel")


def give_back_what_was_not_sent(engine: Engine) -> Write:
    requests, request = _calling(engine)
    return lambda: requests.give_back(request.id, holder="a", due=200, attempt="one", lease=300)


def answered(engine: Engine) -> Write:
    requests, request = _calling(engine)
    more: dict[str, Any] = {"now": 150, "attempt": "one", "channel": "pstn", "holder": "a"}
    return lambda: requests.answered(request.id, 900, **more)


def alive(engine: Engine) -> Write:
    requests, request = _calling(engine)
    return lambda: requests.alive([request.id], 900)


def retry(engine: Engine) -> Write:
    requests, request = _calling(engine)
    more: dict[str, Any] = {"outcome": "busy", "cause": "USER_BUSY", "counts": True}
    return lambda: requests.retry(request.id, attempt="one", due=500, now=200, **more)


def retry_before_so_many_unanswered(engine: Engine) -> Write:
    """By then the one that it ends is ended, and counted (G4)."""
    requests, _ = _calling(engine)
    who = policy(stop_after_unanswered=2, retries_no_answer=1)
    attempt, ending = requests.attempt("one"), ending_of("NO_ANSWER", who)
    assert attempt is not None
    return lambda: end_or_retry(requests, attempt, who, ending, "NO_ANSWER", 150)


def finish(engine: Engine) -> Write:
    requests, request = _answered(engine)
    more: dict[str, Any] = {"outcome": "hung_up", "cause": "NORMAL_CLEARING", "destination": None}
    return lambda: requests.finish(request.id, now=200, **more)


def finish_what_was_not_called(engine: Engine) -> Write:
    requests, request = _leased(engine)
    more: dict[str, Any] = {"outcome": "no_channel", "cause": "", "destination": None}
    return lambda: requests.finish(request.id, now=200, leased_by="a", **more)


def finish_what_was_not_answered(engine: Engine) -> Write:
    requests, request = _calling(engine)
    more: dict[str, Any] = {"outcome": "busy", "cause": "USER_BUSY", "destination": None}
    return lambda: requests.finish(request.id, now=200, attempt="one", counts=True, **more)


def hold(engine: Engine) -> Write:
    requests, request = _answered(engine)
    return lambda: requests.hold(request.id, "b")


def take_over(engine: Engine) -> Write:
    requests, request = _answered(engine)
    return lambda: requests.take_over(request.id, "b", before="a")


def free_leases(engine: Engine) -> Write:
    requests, _ = _leased(engine)
    return lambda: requests.free_leases("a", 200)


def lease_due(engine: Engine) -> Write:
    requests, _ = _request(engine)
    return lambda: requests.lease_due("a", 100, 300, 1)


def begin_attempt(engine: Engine) -> Write:
    requests, request = _leased(engine)
    return lambda: asked.begun(requests, request, attempt="one")


def claim(engine: Engine) -> Write:
    requests, _ = _calling(engine)
    attempt = requests.attempt("one")
    assert attempt is not None
    return lambda: requests.claim(attempt, 290, holder="b", until=900)


def cancel(engine: Engine) -> Write:
    requests, request = _request(engine)
    return lambda: requests.cancel(request.id, 60)


def expire(engine: Engine) -> Write:
    requests, _ = _calling(engine)
    return lambda: requests.expire(301)


def _charging(engine: Engine, *calls: Callable[[SqlCharging], object]) -> SqlCharging:
    paying.listed(engine)
    paying.account(engine, "account", 100_000_000)
    made = SqlCharging(engine, now=lambda: NOW + 999 * SECOND)
    for call in calls:
        call(made)
    return made


def _begun(charging: SqlCharging) -> object:
    return charging.begin(paying.beginning("a"))


def _dialled(charging: SqlCharging) -> object:
    return charging.dial(paying.dialling("a"))


def charging_begin(engine: Engine) -> Write:
    charging = _charging(engine)
    return lambda: _begun(charging)


def charging_identify(engine: Engine) -> Write:
    charging = _charging(engine, _begun)
    return lambda: charging.identify(paying.identifying("a"))


def charging_dial(engine: Engine) -> Write:
    charging = _charging(engine, _begun)
    return lambda: _dialled(charging)


def charging_extend(engine: Engine) -> Write:
    charging = _charging(engine, _begun, _dialled)
    return lambda: charging.extend(paying.extending("a"))


def charging_not_called(engine: Engine) -> Write:
    charging = _charging(engine, _begun, _dialled)
    return lambda: charging.not_called("a", 1)


def charging_release(engine: Engine) -> Write:
    charging = _charging(engine, _begun)
    return lambda: charging.release("a", NOW + 70 * SECOND)


def charging_settle_destination(engine: Engine) -> Write:
    charging = _charging(engine, _begun, _dialled)
    return lambda: charging.settle(paying.ending("a", 1, 33))


def charging_settle_return(engine: Engine) -> Write:
    charging = _charging(engine, _begun)
    return lambda: charging.settle(paying.ending("a", 0, 33))


def money_put_on_an_account(engine: Engine) -> Write:
    paying.listed(engine)
    paying.account(engine, "account", 100)
    return lambda: paying.add(engine, "account", 500, "the key")


def destinations(engine: Engine) -> Write:
    kept = Destinations(engine)
    _, request = _request(engine)
    changes: list[Change] = [
        Called(request.id, "leg", 1, "+442079460000", "{}", 10),
        Connected(request.id, "leg", 1, "pstn", 20),
        Over(request.id, "leg", 1, "NORMAL_CLEARING", "{}", 30),
    ]
    return lambda: kept.keep(changes)


def transcript(engine: Engine) -> Write:
    _, request = _request(engine)
    lines = [TranscriptLine(request.id, 10, number, "leg", "said", "hello") for number in range(3)]
    return lambda: Transcripts(engine).add(lines)


def sightings(engine: Engine) -> Write:
    _answered(engine)
    Destinations(engine).keep([Connected("r", "leg", 1, "pstn", 20)])
    return lambda: Sightings(engine).saw(["one"], [("r", "leg", 1)], 50)


def notice(engine: Engine) -> Write:
    body = {"limit": "hour"}
    return lambda: Notices(engine).leave(kind="limit_reached", key="k", body=body, now=5)


def _notice(engine: Engine) -> Notices:
    made = Notices(engine)
    made.leave(kind="limit_reached", key="k", body={}, now=5)
    made.lease(holder="a", now=6, until=60)
    return made


def notice_taken(engine: Engine) -> Write:
    made = _notice(engine)
    return lambda: made.taken(1, now=9)


def notice_failed(engine: Engine) -> Write:
    made = _notice(engine)
    return lambda: made.failed(1, "no route", holder="a", due=70)


def stream_leased(engine: Engine) -> Write:
    return lambda: Streams(engine).lease("s", holder="a", now=5, until=60)


def stream_taken(engine: Engine) -> Write:
    made = Streams(engine)
    made.lease("s", holder="a", now=5, until=60)
    return lambda: made.taken("s", 7, holder="a", now=9)


def suspicion(engine: Engine) -> Write:
    made = Suspicions(engine, now=lambda: NOW)
    subject = Subject(Pattern.MANY_EXTENSIONS, "+12125550199")
    seen = Sighting(
        subject=subject, extension=None, client=None, at=NOW, since=0, said="5", times=1,
        opens=True, blocks=False,
    )  # fmt: skip
    return lambda: made.saw([seen])


#: What the second time does not say as the first would have, and why nothing is wrong with that.
SAYS_OTHERWISE: dict[Case, str] = {
    answered: "whoever is told that it is no news keeps that he has the leg (`hold`)",
    give_back: "it is leased again at once, and its places are its own",
    give_back_what_was_not_sent: "its attempt is looked for then (`runtime.beginning`)",
    hold: "nobody asks whether it was news",
    take_over: "it is asked again soon, and whose it is stands in the row",
    free_leases: "how many it were is only logged",
    lease_due: "what was leased and not told is freed (`Dispatcher.look`)",
    begin_attempt: "it is taken back, and made anew (`runtime.beginning`)",
    claim: "it counts as begun now, and is found unsent again",
    cancel: "whoever asks hears that it is over",
    expire: "it is only logged and counted",
    charging_settle_destination: "it is only counted, and said to be settled",
    charging_settle_return: "it is only counted, and said to be settled",
    suspicion: "it is only counted",
}
#: What is another row then, by table and column, and why.
LEAVES_OTHERWISE: dict[Case, tuple[str, str]] = {
    # How often it was seen may be one too many.
    suspicion: ("suspicion", "times"),
}

CASES: list[Case] = [
    store, join, refuse, put_off, give_back, give_back_what_was_not_sent, answered, alive, retry,
    retry_before_so_many_unanswered, finish, finish_what_was_not_called,
    finish_what_was_not_answered, hold, take_over, free_leases, lease_due,
    begin_attempt, claim, cancel, expire, charging_begin, charging_identify,
    charging_dial, charging_extend, charging_not_called, charging_release,
    charging_settle_destination, charging_settle_return, money_put_on_an_account, destinations,
    transcript, sightings, notice, notice_taken, notice_failed, stream_leased, stream_taken,
    suspicion,
]  # fmt: skip


def made(
    directory: Path, monkeypatch: pytest.MonkeyPatch, case: Case, *, lost: bool
) -> tuple[Any, dict[str, list[tuple[Any, ...]]], dict[str, list[tuple[Any, ...]]]]:
    """Write once, or once more after the answer was lost: what it gave, and all rows then."""
    directory.mkdir()
    engine = open_database(new_file(directory / "callbackd.sqlite3"))
    names = (uuid.UUID(int=number) for number in range(1000))
    monkeypatch.setattr(uuid, "uuid4", lambda: next(names))
    monkeypatch.setattr(asked, "_LEGS", itertools.count())
    paying.extended(engine, "100")
    loses = Loses(engine)
    write = case(engine)
    before = rows(engine)
    if lost:
        loses.times = 1
        with pytest.raises(Away):
            write()
        assert loses.times == 0, "it committed nothing"
    given = write()
    after = rows(engine)
    engine.dispose()
    return given, before, after


def rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Give all that a database holds."""
    named = text("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    with engine.connect() as connection:
        tables = list(connection.execute(named).scalars())
        return {
            name: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {name}"))), key=repr)
            for name in tables
        }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_o5_a_write_whose_answer_was_lost_is_made_again_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    once, before, left = made(tmp_path / "once", monkeypatch, case, lost=False)
    twice, _, left_twice = made(tmp_path / "twice", monkeypatch, case, lost=True)
    assert left != before, "it writes nothing"
    if case in LEAVES_OTHERWISE:
        table, _ = LEAVES_OTHERWISE[case]
        assert len(left_twice.pop(table)) == len(left.pop(table))
    assert left_twice == left
    assert (twice == once) is (case not in SAYS_OTHERWISE)
