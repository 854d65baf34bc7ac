"""The life of a callback request in real databases: a row that moves forward only."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, update

from controller.admin.model import Kind
from controller.callback.asking import Wanted
from controller.numbers.caller import Caller
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.store import arrivals
from controller.store.attempts import NodeCalls, Places
from controller.store.plans import read_plan
from controller.store.requests import Begun, Ended, Request, Requests, Scope
from controller.store.schema import callback_attempt
from tests.seed import ADMIN, directory, keep
from tests.unit.store.asked import CALLER, DID, NEVER, asking, begun, stored
from tests.unit.store.placed import PLAN


def leased(requests: Requests, holder: str = "a", now: int = 100, until: int = 200) -> list[str]:
    """Lease what is due."""
    return [request.id for request in requests.lease_due(holder, now, until, 10)]


def state(requests: Requests, request: Request) -> tuple[str, str | None]:
    """Give where a request is, and its outcome."""
    found = requests.get(request.id)
    assert found is not None
    return found.state, found.outcome


# --- storing ---------------------------------------------------------------------------------


def test_t1_a_request_is_stored_as_it_was_asked_for(requests: Requests) -> None:
    caller = Caller(number=CALLER, name="Ann")
    request = stored(
        requests, expires=900, leg="leg-1", channel="pstn", caller=caller, rang_milliseconds=5_001
    )
    assert request == Request(
        id=request.id,
        extension="100",
        did=DID,
        number=CALLER,
        state="pending",
        outcome=None,
        cause=None,
        destination=None,
        created=50,
        due=100,
        joined=0,
        node=None,
        attempt=None,
        ended=None,
        caller=CALLER,
        said=None,
        source="call",
        actor=None,
        key=None,
        channel="pstn",
        leg="leg-1",
        rang=50,
        expires=900,
        attempts=0,
        last_caller=CALLER,
        last_did=DID,
        last_name="Ann",
        rang_milliseconds=5_001,
    )
    assert requests.get(request.id) == request
    assert requests.all() == [request]


def test_t6_a_repeat_joins_the_open_request_and_moves_its_time(requests: Requests) -> None:
    """T5: the delay counts from the end of the last trigger call."""
    first = stored(requests)
    again = stored(requests, due=150, now=90)
    assert (again.id, again.joined, again.due, again.created) == (first.id, 1, 150, 50)


def test_t6_a_repeat_joins_a_call_under_way_without_making_another(requests: Requests) -> None:
    first = stored(requests)
    leased(requests)
    begun(requests, first)
    for now, _ in enumerate(range(2), start=120):
        again = stored(requests, due=500, now=now)
        assert (again.id, again.due) == (first.id, 100)
        requests.answered(first.id, 400, now=200)
    assert leased(requests, now=1000) == []


def test_t6_one_request_for_each_extension_and_number(requests: Requests) -> None:
    stored(requests)
    stored(requests, "+12125550198")
    stored(requests, extension="200")
    assert len(requests.all()) == 3


def test_t6_after_the_end_a_new_call_is_a_new_request(requests: Requests) -> None:
    first = stored(requests)
    requests.finish(first.id, outcome="busy", cause="USER_BUSY", destination=None, now=60)
    again = stored(requests)
    assert again.id != first.id
    assert again.joined == 0


def test_times_of_this_century_are_kept_to_the_microsecond(requests: Requests) -> None:
    now = 1_795_489_015_954_821
    request = stored(requests, due=now + 3_000_001, now=now)
    assert (request.created, request.due) == (now, now + 3_000_001)
    again = stored(requests, due=now + 4_000_003, now=now)
    assert (again.id, again.due, again.joined) == (request.id, now + 4_000_003, 1)


def test_o5_a_leg_that_is_stored_twice_joins_nothing(requests: Requests) -> None:
    """Whoever goes on with a trigger call stores it once more, and it is one call."""
    first = stored(requests, leg="leg-1")
    again = stored(requests, leg="leg-1", due=150, now=90)
    assert (again.id, again.joined, again.due) == (first.id, 0, 150)
    other = stored(requests, leg="leg-2", due=160, now=95)
    assert (other.id, other.joined, other.leg, other.rang) == (first.id, 1, "leg-2", 95)


def test_t11_what_is_asked_for_through_the_api_is_no_call(requests: Requests) -> None:
    """T6 joins it all the same; but nobody rang, so that no second try is one of it."""
    first = stored(requests, leg="leg-1", now=50)
    again = stored(requests, now=60, actor="ops", key="k")
    assert (again.id, again.joined, again.source) == (first.id, 1, "call")
    assert (again.leg, again.rang) == ("leg-1", 50)
    own = stored(requests, "+12125550198", actor="ops", key="k")
    assert (own.source, own.actor, own.key) == ("api", "ops", "k")
    # It comes sooner for that, and never later.
    assert stored(requests, due=90, now=70, actor="ops").due == 90
    assert stored(requests, due=500, now=80, actor="ops", expires=600).due == 90
    assert stored(requests, due=95, now=80, leg="leg-2").due == 95


def test_i1_the_name_is_that_of_the_last_trigger_call(requests: Requests) -> None:
    def named(name: str, **more: Any) -> str | None:
        return stored(requests, caller=Caller(number=CALLER, name=name), **more).last_name

    assert named("Ann", channel="pstn") == "Ann"
    assert named("Bob", channel="gsm") == "Bob"
    # Through the API nobody rang.
    assert named("Eve", actor="ops") == "Bob"
    found = stored(requests, actor="ops")
    assert (found.last_name, found.channel) == ("Bob", "gsm")
    # A call without a name leaves none.
    assert named("") is None
    own = stored(requests, "+12125550198", actor="ops")
    assert own.last_name is None


def test_o3_how_long_it_rang_is_that_of_the_call_that_asked_first(requests: Requests) -> None:
    def rang(number: str = CALLER, **more: Any) -> int | None:
        return stored(requests, number, **more).rang_milliseconds

    assert rang(leg="leg-1", rang_milliseconds=5_000) == 5_000
    # It was stored ahead (T2), and ended sooner.
    assert rang(leg="leg-1", rang_milliseconds=2_400) == 2_400
    assert rang(leg="leg-2", rang_milliseconds=9_000) == 2_400
    assert rang(leg="leg-2", rang_milliseconds=9_100) == 2_400
    assert rang(actor="ops") == 2_400
    # Through the API nobody rang, whoever joins it.
    assert rang("+12125550198", actor="ops") is None
    assert rang("+12125550198", leg="leg-3", rang_milliseconds=5_000) is None
    kept = requests.refuse(asking(leg="leg-4", rang_milliseconds=800), "hung_up_early")
    assert kept.rang_milliseconds == 800


def test_o7_the_name_of_a_call_that_is_refused_is_not_kept(requests: Requests) -> None:
    caller = Caller(number=CALLER, name="Ann")
    assert requests.refuse(asking(caller=caller), "disabled").last_name is None


@pytest.mark.parametrize("number", [None, CALLER])
def test_t10_a_refused_call_is_kept_with_its_reason_each_time(
    requests: Requests, number: str | None
) -> None:
    for now in (1, 2):
        kept = requests.refuse(asking(number, now=now), "hidden")
        assert (kept.state, kept.outcome, kept.number) == ("refused", "hidden", number)
    assert len(requests.all()) == 2
    assert leased(requests) == []
    # It stands in nobody's way.
    assert stored(requests).state == "pending"


def test_the_newest_come_first_and_no_more_than_asked_for(requests: Requests) -> None:
    for now in (1, 3, 2):
        requests.refuse(asking(None, now=now), "hidden")
    assert [request.created for request in requests.all()] == [3, 2, 1]
    assert [request.created for request in requests.all(limit=2)] == [3, 2]


# --- leasing ---------------------------------------------------------------------------------


def test_t5_what_is_not_due_is_not_leased_and_what_is_comes_by_its_time(
    requests: Requests,
) -> None:
    later = stored(requests, "+12125550191", due=101)
    second = stored(requests, "+12125550192", due=100)
    first = stored(requests, "+12125550193", due=99)
    assert leased(requests, now=100) == [first.id, second.id]
    assert requests.outlook(100).next_due == 101
    assert leased(requests, now=101) == [later.id]
    assert requests.outlook(101).next_due is None


def test_a_lease_takes_no_more_than_asked_for(requests: Requests) -> None:
    for last in range(5):
        stored(requests, f"+1212555019{last}")
    assert len(requests.lease_due("a", 100, 200, 3)) == 3
    assert len(requests.lease_due("b", 100, 200, 3)) == 2


def test_o5_a_lease_that_ran_out_is_somebody_elses(requests: Requests) -> None:
    request = stored(requests)
    assert leased(requests, "a", now=100, until=200) == [request.id]
    assert leased(requests, "b", now=200) == []
    assert leased(requests, "b", now=201, until=300) == [request.id]
    assert not begun(requests, request, "a")
    assert not requests.give_back(request.id, holder="a", due=1)
    assert begun(requests, request, "b")


def test_o4_two_holders_in_threads_take_each_row_exactly_once(
    engine: Engine, requests: Requests
) -> None:
    for last in range(60):
        stored(requests, f"+12125550{last:03}")

    def take(holder: str) -> list[str]:
        own = Requests(engine)
        found: list[str] = []
        while more := own.lease_due(holder, 100, 200, 7):
            found += [request.id for request in more]
        return found

    with ThreadPoolExecutor(4) as pool:
        taken = Counter(id_ for found in pool.map(take, "abcd") for id_ in found)
    assert len(taken) == 60
    assert set(taken.values()) == {1}


TAKE = """
import sys
from controller.store.database import open_database
from controller.store.requests import Requests
requests = Requests(open_database(sys.argv[1]))
sys.stdin.readline()
while more := requests.lease_due(sys.argv[2], 100, 200, 3):
    for request in more:
        won = requests.begin_attempt(
            request, holder=sys.argv[2], node="fs1", attempt=request.id, until=300, now=150
        )
        print(request.id, won)
"""


def test_o4_two_processes_on_one_database_make_each_attempt_exactly_once(
    requests: Requests, database_url: str
) -> None:
    for last in range(30):
        stored(requests, f"+12125550{last:03}")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, database_url, holder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for holder in "ab"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    lines = [line for process in processes for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in processes] == [0, 0]
    assert Counter(lines) == {f"{request.id} yes": 1 for request in requests.all()}


def test_whether_anything_is_due_is_asked_without_taking_it(requests: Requests) -> None:
    assert not requests.outlook(100).due
    stored(requests, due=100)
    assert not requests.outlook(99).due
    assert requests.outlook(100).due
    assert requests.outlook(100).due


# --- attempts --------------------------------------------------------------------------------


def test_an_attempt_is_written_once_and_by_the_holder_only(requests: Requests) -> None:
    request = stored(requests)
    assert not begun(requests, request)
    leased(requests)
    assert not begun(requests, request, "b")
    assert begun(requests, request)
    assert not begun(requests, request)
    found = requests.by_attempt(f"{request.id[:20]}-a")
    assert found is not None
    assert (found.id, found.state, found.node) == (request.id, "calling", "fs1")
    assert requests.by_attempt(f"{request.id[:20]}-b") is None


@pytest.mark.parametrize("sent", [False, True])
def test_what_was_given_back_is_due_again_for_anybody(requests: Requests, sent: bool) -> None:
    request = stored(requests)
    leased(requests)
    if sent:
        begun(requests, request)
    attempt = f"{request.id[:20]}-a"
    assert requests.give_back(request.id, holder="a", due=150, attempt=attempt if sent else None)
    assert requests.attempts_of(request.id) == []
    assert leased(requests, "b", now=149) == []
    assert leased(requests, "b", now=150) == [request.id]
    assert requests.by_attempt(attempt) is None


def test_an_answered_call_is_given_back_to_nobody(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request)
    assert requests.answered(request.id, 400, now=200)
    assert not requests.answered(request.id, 500, now=200)
    assert not requests.give_back(request.id, holder="a", due=1)
    assert state(requests, request) == ("answered", None)


def test_only_a_call_that_was_made_is_answered(requests: Requests) -> None:
    request = stored(requests)
    assert not requests.answered(request.id, 400, now=200)
    assert not requests.answered("no such request", 400, now=200)


@pytest.mark.parametrize("reached", ["pending", "leased", "calling", "answered"])
def test_o5_a_request_ends_once_wherever_it_was(requests: Requests, reached: str) -> None:
    request = stored(requests)
    if reached != "pending":
        leased(requests)
    if reached in ("calling", "answered"):
        begun(requests, request)
    if reached == "answered":
        requests.answered(request.id, 400, now=200)
    ends = [("completed", "X", CALLER, 500), ("busy", "Y", None, 501)]
    said = [
        requests.finish(request.id, outcome=outcome, cause=cause, destination=to, now=now).moved
        for outcome, cause, to, now in ends
    ]
    assert said == [True, False]
    found = requests.get(request.id)
    assert found is not None
    assert (found.state, found.outcome, found.cause) == ("done", "completed", "X")
    assert (found.destination, found.ended) == (CALLER, 500)
    assert leased(requests, now=10_000) == []


# --- expiry ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answered", [False, True])
def test_o5_a_call_of_which_nobody_knows_is_unknown_and_never_made_again(
    requests: Requests, answered: bool
) -> None:
    request = stored(requests, expires=100)
    leased(requests)
    begun(requests, request, until=300)
    if answered:
        requests.answered(request.id, 300, now=200)
    assert requests.expire(300) == []
    (lost,) = requests.expire(301)
    assert (lost.id, lost.state, lost.outcome) == (request.id, "done", "unknown")
    assert requests.expire(10_000) == []
    assert leased(requests, now=10_000) == []
    assert not requests.give_back(request.id, holder="a", due=1)
    assert not requests.answered(request.id, 400, now=400)
    (attempt,) = requests.attempts_of(request.id)
    assert (attempt.outcome, attempt.ended) == ("unknown", 301)


def test_o5_a_return_call_that_lives_is_not_given_up_though_nobody_wrote_that_it_was_answered(
    requests: Requests,
) -> None:
    """Whoever holds its leg may stand still; its node says that it lives."""
    alive, other, talking = (stored(requests, f"+1212555019{n}") for n in (1, 2, 3))
    assert len(leased(requests, "a", now=100, until=200)) == 3
    for request in (alive, other, talking):
        assert begun(requests, request, "a", until=300)
    assert requests.answered(talking.id, 900, now=250)
    requests.alive([alive.id, talking.id], 500)
    assert [lost.id for lost in requests.expire(301)] == [other.id]
    # It is never made shorter.
    requests.alive([alive.id], 400)
    assert requests.expire(500) == []
    assert [lost.id for lost in requests.expire(501)] == [alive.id]
    assert [lost.id for lost in requests.expire(901)] == [talking.id]


def test_t5_what_could_not_be_made_in_time_is_expired(requests: Requests) -> None:
    request = stored(requests, expires=1000)
    assert requests.expire(1000) == []
    (lost,) = requests.expire(1001)
    assert (lost.id, lost.outcome, lost.ended) == (request.id, "expired", 1001)


def test_t5_what_was_tried_and_could_not_be_made_again_in_time_ends_as_it_was_tried(
    requests: Requests,
) -> None:
    request = stored(requests, expires=1000)
    leased(requests)
    begun(requests, request, attempt="one")
    again(requests, request, "one", due=900)
    (lost,) = requests.expire(1001)
    assert (lost.state, lost.outcome, lost.cause) == ("done", "busy", "USER_BUSY")


def test_whether_anything_expires_is_what_expire_then_finds(requests: Requests) -> None:
    request = stored(requests, expires=1000)
    assert not requests.outlook(1000).to_expire
    assert requests.outlook(1001).to_expire
    leased(requests)
    begun(requests, request, until=3000)
    assert not requests.outlook(3000).to_expire
    assert requests.outlook(3001).to_expire
    requests.expire(3001)
    assert not requests.outlook(10_000).to_expire


def test_o5_an_unanswered_call_is_left_to_those_who_ask_its_node_for_a_while(
    requests: Requests,
) -> None:
    """O5: it may never have been sent, and is sent then; one that was answered is over."""
    calling, answered = stored(requests), stored(requests, "+12125550198")
    leased(requests)
    begun(requests, calling, attempt="one", until=3000)
    begun(requests, answered, attempt="two", until=3000)
    assert requests.answered(answered.id, 3000, now=2000, attempt="two")
    assert [one.id for one in requests.expire(3001, 500)] == [answered.id]
    assert not requests.outlook(3500, 500).to_expire
    assert requests.outlook(3501, 500).to_expire
    assert [one.id for one in requests.expire(3501, 500)] == [calling.id]


def test_o5_what_may_be_alive_on_a_node_is_found_by_the_node(requests: Requests) -> None:
    calling = stored(requests)
    answered = stored(requests, "+12125550198")
    stored(requests, "+12125550197", due=10_000)
    leased(requests)
    begun(requests, calling)
    begun(requests, answered, "a")
    requests.answered(answered.id, 400, now=200)
    assert {request.id for request, _ in requests.open_on("fs1")} == {calling.id, answered.id}
    assert requests.open_on("fs2") == []
    requests.finish(calling.id, outcome="busy", cause="X", destination=None, now=1)
    assert [request.id for request, _ in requests.open_on("fs1")] == [answered.id]


def test_what_somebody_works_on_does_not_expire(requests: Requests) -> None:
    stored(requests, due=100, expires=150)
    leased(requests, now=120, until=200)
    assert requests.expire(200) == []
    assert len(requests.expire(201)) == 1


# --- retries ---------------------------------------------------------------------------------


def again(
    requests: Requests, request: Request, attempt: str, due: int = 500, now: int = 250
) -> Ended:
    """End an attempt as busy, to be made again."""
    return requests.retry(
        request.id,
        attempt=attempt,
        outcome="busy",
        cause="USER_BUSY",
        counts=True,
        due=due,
        now=now,
    )


def test_t5_a_retry_is_a_new_attempt_of_the_same_request(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one", channels=("pstn", "pstn2"), core="run-1", now=110)
    assert again(requests, request, "one")
    found = requests.get(request.id)
    assert found is not None
    assert (found.state, found.due, found.outcome, found.attempts) == ("pending", 500, "busy", 1)
    assert leased(requests, "b", now=499) == []
    assert leased(requests, "b", now=500) == [request.id]
    assert begun(requests, request, "b", attempt="two", until=900, now=505)
    first, second = requests.attempts_of(request.id)
    assert (first.id, first.node, first.channels, first.core) == (
        "one",
        "fs1",
        ("pstn", "pstn2"),
        "run-1",
    )
    assert (first.begun, first.ended, first.outcome, first.cause) == (110, 250, "busy", "USER_BUSY")
    assert first.counts
    assert (second.id, second.ended) == ("two", None)
    assert requests.attempt("two") == second
    assert requests.by_attempt("one") is None


def test_i9_an_attempt_keeps_how_its_channels_were_found(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    assert begun(requests, request, attempt="one", channels=("not", "these"), plan=PLAN)
    (attempt,) = requests.attempts_of(request.id)
    assert attempt.channels == ("pstn", "gsm")
    assert read_plan(attempt.plan) == PLAN
    assert (attempt.channel, attempt.causes) == (None, {})
    assert requests.attempt("one") == attempt
    assert [found for _, found in requests.open_on("fs1")] == [attempt]
    # What it counts as is its first channel.
    assert requests.places() == Places({"fs1": NodeCalls(1)}, {"pstn": 1})


@pytest.mark.parametrize("channel", ["gsm", None])
def test_i9_an_attempt_keeps_over_which_channel_it_was_answered(
    requests: Requests, channel: str | None
) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one", plan=PLAN)
    failed = {"pstn": "NORMAL_TEMPORARY_FAILURE"}
    assert requests.answered(request.id, 400, now=200, channel=channel, causes=failed)
    # The leg and the answer to the command both say it: the first counts.
    assert not requests.answered(request.id, 400, now=201, channel="pstn")
    (attempt,) = requests.attempts_of(request.id)
    assert (attempt.channel, attempt.causes, attempt.answered) == (channel, failed, 200)
    requests.finish(request.id, outcome="completed", cause="X", destination=None, now=300)
    (attempt,) = requests.attempts_of(request.id)
    assert (attempt.channel, attempt.causes, attempt.ended) == (channel, failed, 300)


@pytest.mark.parametrize("retried", [True, False])
def test_i9_an_attempt_keeps_why_each_channel_failed(requests: Requests, retried: bool) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one", plan=PLAN)
    ended: dict[str, Any] = {
        "attempt": "one", "outcome": "busy", "cause": "USER_BUSY", "counts": True, "now": 250,
        "causes": {"pstn": "NORMAL_TEMPORARY_FAILURE", "gsm": "X" * 100},
    }  # fmt: skip
    if retried:
        assert requests.retry(request.id, due=500, **ended)
        assert not requests.retry(
            request.id, due=500, **{**ended, "now": 251, "causes": {"pstn": "LATE"}}
        )
    else:
        assert requests.finish(request.id, destination=None, **ended)
    (attempt,) = requests.attempts_of(request.id)
    assert attempt.causes == {"pstn": "NORMAL_TEMPORARY_FAILURE", "gsm": "X" * 64}
    assert attempt.channel is None


def test_an_attempt_whose_documents_cannot_be_read_breaks_no_list(
    engine: Engine, requests: Requests
) -> None:
    """What an older release wrote has none of them."""
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one", channels=("pstn",))
    (attempt,) = requests.attempts_of(request.id)
    assert (attempt.plan, attempt.channel, attempt.causes) == (None, None, {})
    with engine.begin() as connection:
        connection.execute(update(callback_attempt).values(plan="{", causes="[]"))
    (attempt,) = requests.attempts_of(request.id)
    assert (attempt.channels, attempt.causes, read_plan(attempt.plan)) == (("pstn",), {}, None)


def test_o5_an_answer_that_comes_late_or_twice_moves_nothing(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one")
    assert again(requests, request, "one")
    assert not again(requests, request, "one", due=1, now=251)
    leased(requests, "b", now=500, until=600)
    begun(requests, request, "b", attempt="two", until=900, now=505)
    # What is said of the first try is nothing of the second.
    assert not again(requests, request, "one", due=1, now=251)
    assert not requests.answered(request.id, 999, now=510, attempt="one")
    ended: dict[str, Any] = {"outcome": "rejected", "cause": "X", "destination": None, "now": 520}
    assert not requests.finish(request.id, attempt="one", **ended)
    assert state(requests, request) == ("calling", "busy")
    assert requests.finish(request.id, attempt="two", counts=True, **ended)
    assert [attempt.outcome for attempt in requests.attempts_of(request.id)] == ["busy", "rejected"]


def test_o5_an_attempt_that_was_never_sent_is_taken_by_one(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one", now=110)
    (attempt,) = requests.attempts_of(request.id)
    assert requests.claim(attempt, 200, holder="b", until=400)
    assert not requests.claim(attempt, 201, holder="c", until=400)
    # It is his who took it, and nobody else gives it back.
    assert not requests.give_back(request.id, holder="a", due=1, attempt="one")
    assert not requests.expire(399)
    (attempt,) = requests.attempts_of(request.id)
    requests.finish(request.id, outcome="busy", cause="X", destination=None, now=300)
    assert not requests.claim(attempt, 301, holder="b", until=400)


# --- order and places ------------------------------------------------------------------------


def test_the_extensions_take_turns(requests: Requests) -> None:
    """One with many due does not keep the others waiting, whatever was due first."""
    many = [stored(requests, f"+1212555010{n}", due=10 + n, extension="100") for n in range(5)]
    few = [stored(requests, f"+1212555020{n}", due=50 + n, extension="200") for n in range(2)]
    first = requests.lease_due("a", 100, 200, 4)
    assert {request.id for request in first} == {r.id for r in (*many[:2], *few)}
    assert [request.due for request in first] == [10, 11, 50, 51]
    # What is being called counts as a turn that was had.
    for request in first[:2]:
        begun(requests, request)
    late = stored(requests, "+12125550301", due=90, extension="300")
    second = requests.lease_due("a", 100, 200, 1)
    assert [request.id for request in second] == [late.id]


def test_no_node_and_no_channel_has_more_calls_set_up_than_it_may(requests: Requests) -> None:
    rows = [stored(requests, f"+1212555010{n}") for n in range(4)]
    leased(requests)

    def begin(row: Request, node: str, *channels: str) -> Begun:
        return requests.begin_attempt(
            row,
            holder="a",
            node=node,
            attempt=row.id,
            until=300,
            now=150,
            channels=channels,
            per_node=2,
            per_channel=2,
        )

    assert begin(rows[0], "fs1", "pstn", "pstn2") is Begun.YES
    assert begin(rows[1], "fs1", "pstn2") is Begun.YES
    assert requests.places() == Places({"fs1": NodeCalls(2)}, {"pstn": 1, "pstn2": 1})
    assert begin(rows[2], "fs1", "pstn") is Begun.FULL
    assert begin(rows[2], "fs2", "pstn2") is Begun.YES
    assert begin(rows[3], "fs2", "pstn2", "pstn") is Begun.FULL
    assert begin(rows[3], "fs2", "pstn") is Begun.YES
    # An answered call is not being set up any more.
    requests.answered(rows[0].id, 400, now=200)
    assert requests.places() == Places(
        {"fs1": NodeCalls(1, 1), "fs2": NodeCalls(2)}, {"pstn": 1, "pstn2": 2}
    )


def test_t7_a_number_is_called_for_one_extension_at_a_time(requests: Requests) -> None:
    first, second = stored(requests), stored(requests, extension="200")
    leased(requests)
    assert begun(requests, first)
    answer = requests.begin_attempt(second, holder="a", node="fs1", attempt="x", until=300, now=150)
    assert answer is Begun.ENGAGED
    assert requests.attempts_of(second.id) == []
    assert state(requests, second) == ("pending", None)
    requests.finish(first.id, outcome="completed", cause="X", destination=None, now=250)
    assert begun(requests, second)


# --- what is ended without a call ------------------------------------------------------------


def test_t11_what_is_still_to_be_called_can_be_cancelled(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    assert requests.cancel(request.id, 120)
    assert state(requests, request) == ("done", "cancelled")
    # Whoever had leased it does not call any more.
    assert not begun(requests, request)
    under_way = stored(requests)
    leased(requests)
    begun(requests, under_way)
    assert not requests.cancel(under_way.id, 120)
    assert not requests.cancel("no such request", 120)


@pytest.mark.parametrize(
    ("scopes", "stopped"),
    [
        ([Scope("everywhere")], {"100", "200"}),
        ([Scope("extension", "100")], {"100"}),
        ([Scope("client", "main")], {"100"}),
        ([Scope("client", "nobody"), Scope("extension", "300")], set()),
    ],
)
def test_o6_what_is_stopped_is_ended_or_found_to_be_hung_up(
    engine: Engine, requests: Requests, policy: Policy, scopes: list[Scope], stopped: set[str]
) -> None:
    keep(engine, policy)
    for extension in ("100", "200"):
        live = stored(
            requests, "+12125550191" if extension == "100" else "+12125550192", extension=extension
        )
        leased(requests)
        begun(requests, live)
        stored(requests, due=500, extension=extension)
    assert requests.any_to_stop(scopes) is bool(stopped)
    assert {request.extension for request in requests.stop(scopes, 150)} == stopped
    assert not requests.any_to_stop(scopes)
    assert {request.extension for request, _ in requests.live_in(scopes)} == stopped
    outcomes = {r.extension: r.outcome for r in requests.all() if r.state == "done"}
    assert outcomes == dict.fromkeys(stopped, "stopped")


# --- what is known ---------------------------------------------------------------------------


def test_t7_our_own_number_is_known_whichever_extension_it_reaches(
    engine: Engine, requests: Requests, policy: Policy
) -> None:
    keep(engine, policy)
    assert requests.facts("200", policy.dids[0], CALLER, None, 1).own
    assert not requests.facts("200", CALLER, None, None, 1).own
    # Our own return call that comes home: whoever it is to be called for.
    assert requests.facts("200", CALLER, policy.dids[0], None, 1).own


def test_t7_a_number_that_is_called_for_another_extension_is_known(requests: Requests) -> None:
    request = stored(requests, extension="200")
    assert not requests.facts("100", CALLER, CALLER, None, 100).elsewhere
    leased(requests)
    begun(requests, request)
    assert requests.facts("100", CALLER, CALLER, None, 100).elsewhere
    assert not requests.facts("200", CALLER, CALLER, None, 100).elsewhere
    requests.answered(request.id, 400, now=200)
    assert requests.facts("100", CALLER, CALLER, None, 100).elsewhere
    requests.finish(request.id, outcome="completed", cause="X", destination=None, now=250)
    assert not requests.facts("100", CALLER, CALLER, None, 100).elsewhere


SECOND = 1_000_000


@pytest.mark.parametrize("talked", [0, 4 * SECOND, 5 * SECOND, 60 * SECOND])
def test_g4_return_calls_that_come_to_nothing_are_counted_up_to_one_that_did_not(
    requests: Requests, talked: int
) -> None:
    """Nobody answers, or somebody for less than five seconds."""

    def call(at: int, outcome: str | None) -> None:
        request = stored(requests, due=at, now=at)
        leased(requests, now=at, until=at + SECOND)
        begun(requests, request, attempt=f"at-{at}", now=at)
        if outcome is None:
            requests.answered(request.id, at + 100 * SECOND, now=at)
            counts, now = None, at + talked
        else:
            counts, now = outcome == "no_answer", at + 1
        requests.finish(
            request.id, outcome=outcome or "hung_up", cause="X", destination=None, now=now,
            counts=counts,
        )  # fmt: skip

    def unanswered(at_most: int | None, now: int) -> int:
        return requests.facts("100", CALLER, CALLER, at_most, now).unanswered

    call(1 * SECOND, "no_answer")
    call(2 * SECOND, None)
    call(100 * SECOND, "no_answer")
    assert unanswered(10, 200 * SECOND) == (3 if talked < 5 * SECOND else 1)
    assert unanswered(1, 200 * SECOND) == 1
    assert unanswered(None, 200 * SECOND) == 0
    assert requests.facts("200", CALLER, CALLER, 10, 200 * SECOND).unanswered == 0
    # The trunk's trouble is not the number's, and no proof of the contrary.
    call(300 * SECOND, "failed")
    assert unanswered(10, 400 * SECOND) == (3 if talked < 5 * SECOND else 1)
    # After a day it is forgotten.
    assert unanswered(10, 90_000 * SECOND) == 0


@pytest.mark.parametrize(
    ("answered", "counts", "comes_to_nothing"),
    [
        (None, True, True),
        (None, False, False),
        # Of an answered one the store knows by itself how long it lasted.
        (5 * SECOND, None, True),
        (4 * SECOND, None, False),
        (4 * SECOND, True, True),
    ],
)
def test_g3_whoever_ends_an_attempt_is_told_once_whose_came_to_nothing(
    requests: Requests, answered: int | None, counts: bool | None, comes_to_nothing: bool
) -> None:
    request = stored(requests, due=0, now=0)
    leased(requests, now=1, until=2)
    begun(requests, request, attempt="one", now=1)
    if answered is not None:
        requests.answered(request.id, 100 * SECOND, now=answered)
    ends = [
        requests.finish(
            request.id, outcome="hung_up", cause="X", destination=None, now=now, counts=counts
        )
        for now in (9 * SECOND, 10 * SECOND)
    ]
    assert [end.moved for end in ends] == [True, False]
    assert ends[0].unanswered == (("100", CALLER) if comes_to_nothing else None)
    assert ends[1].unanswered is None


def test_g3_what_was_never_sent_came_to_nothing_of_nobody(requests: Requests) -> None:
    request = stored(requests)
    ended = requests.finish(request.id, outcome="X", cause="", destination=None, now=5)
    assert (ended.moved, ended.unanswered) == (True, None)


def test_t1_a_carriers_second_try_is_found_for_ten_seconds(requests: Requests) -> None:
    request = stored(requests, now=5 * SECOND, leg="leg-1")

    def second(did: str = DID, caller: str = CALLER, at: int = 6) -> bool:
        return requests.earlier(did, caller, at * SECOND).second_of is not None

    assert second()
    assert second(at=14)
    assert not second(at=15)
    # One that was stored ahead rings still (T2).
    assert not second(at=4)
    assert not second(did="+12025550102")
    assert not second(caller="+12125550198")
    # What is over is joined by nobody.
    requests.finish(request.id, outcome="busy", cause="X", destination=None, now=6 * SECOND)
    assert not second()
    # Whether there is a callback or not.
    requests.refuse(asking("+12125550197", now=5 * SECOND, leg="leg-2"), "blocked")
    assert second(caller="+12125550197")
    # Whoever hung up was refused by nobody (T2).
    requests.refuse(asking("+12125550195", now=5 * SECOND, leg="leg-3"), "hung_up_early")
    assert not second(caller="+12125550195")
    # Nobody rang.
    stored(requests, "+12125550196", now=5 * SECOND, actor="ops")
    assert not second(caller="+12125550196")


def test_t1_the_second_try_is_one_of_the_call_that_rang_last(requests: Requests) -> None:
    """Several callers and DIDs may have joined one callback."""
    first = stored(requests, now=5 * SECOND)
    stored(requests, now=30 * SECOND, did="+12025550102")
    other = asking("+12125550198", now=50 * SECOND)
    requests.store(Wanted(asking=other, number=CALLER, due=60 * SECOND, expires=NEVER))

    def second(did: str, caller: str, at: int) -> bool:
        found = requests.earlier(did, caller, at * SECOND).second_of
        return found is not None and found.id == first.id

    assert second(DID, "+12125550198", 55)
    assert not second(DID, CALLER, 55)
    assert not second("+12025550102", CALLER, 55)


def test_t5_somebody_who_waits_for_a_callback_and_rings_is_not_called_meanwhile(
    requests: Requests,
) -> None:
    """Whichever extension it is of."""
    rows = [
        stored(requests, due=100 * SECOND, now=1 * SECOND, extension=extension)
        for extension in ("100", "200")
    ]
    assert not requests.earlier(DID, "+12125550198", 50 * SECOND).waits
    assert requests.earlier("+12025550102", CALLER, 50 * SECOND).waits
    requests.put_off(CALLER, 120 * SECOND)
    requests.put_off(CALLER, 110 * SECOND)
    found = [requests.get(row.id) for row in rows]
    assert [row.due for row in found if row is not None] == [120 * SECOND] * 2


def test_t5_what_was_put_off_while_it_was_leased_is_not_called(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    requests.put_off(CALLER, 500)
    assert not begun(requests, request, now=120)
    # Given back, it comes when it is due, and no sooner.
    assert requests.give_back(request.id, holder="a", due=130)
    assert leased(requests, "b", now=499) == []
    assert leased(requests, "b", now=500, until=600) == [request.id]
    assert begun(requests, request, "b", now=510)


def test_o5_who_slept_over_his_lease_ends_nobody_elses_call(requests: Requests) -> None:
    request = stored(requests)
    leased(requests, "a", now=100, until=200)
    leased(requests, "b", now=201, until=300)
    ended: dict[str, Any] = {"outcome": "disabled", "cause": "", "destination": None, "now": 210}
    assert not requests.finish(request.id, leased_by="a", **ended)
    begun(requests, request, "b")
    assert not requests.finish(request.id, leased_by="b", **ended)
    assert state(requests, request) == ("calling", None)


def test_o5_an_attempt_that_was_answered_was_sent(requests: Requests) -> None:
    """Its mark on the switch may be gone by then."""
    request = stored(requests)
    leased(requests)
    begun(requests, request, attempt="one")
    (attempt,) = requests.attempts_of(request.id)
    requests.answered(request.id, 400, now=200)
    assert not requests.claim(attempt, 201, holder="b", until=400)


def test_every_trigger_call_finds_what_it_asks_by_an_index(engine: Engine) -> None:
    """Without statistics too, which nobody makes on SQLite."""
    if engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by what is in the table: an empty one is read whole")
    plans = []
    for statement in (arrivals._SECOND_OF, arrivals._WAITS, arrivals._FACTS):
        compiled = statement.statement.compile(engine, compile_kwargs={"render_postcompile": True})
        with engine.connect() as connection:
            values = tuple(1 for _ in compiled.positiontup or ())
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values).all()
        plans += [row[-1] for row in rows]
    assert not [plan for plan in plans if plan.startswith("SCAN") and "CONSTANT" not in plan]
    assert any("callback_request_last" in plan for plan in plans)


def test_t1_a_second_try_joins_and_counts_as_the_numbers_last_call(requests: Requests) -> None:
    request = stored(requests, due=8 * SECOND, now=5 * SECOND, leg="leg-1")
    joined = requests.join(request.id, asking(now=7 * SECOND, leg="leg-2"))
    assert joined is not None
    assert (joined.joined, joined.due, joined.rang) == (1, 8 * SECOND, 7 * SECOND)
    # Whoever goes on with that leg joins no second time.
    again = requests.join(request.id, asking(now=9 * SECOND, leg="leg-2"))
    assert again is not None
    assert (again.joined, again.due) == (1, 9 * SECOND)
    requests.finish(request.id, outcome="busy", cause="X", destination=None, now=10 * SECOND)
    assert requests.join(request.id, asking(now=12 * SECOND, leg="leg-3")) is None
    assert requests.join("no such request", asking()) is None
    # Of one that gets no callback, a second try begins no ten seconds of its own.
    none = requests.refuse(asking("+12125550197", now=5 * SECOND, leg="leg-4"), "blocked")
    again = requests.join(none.id, asking("+12125550197", now=7 * SECOND, leg="leg-5"))
    assert again is not None
    assert (again.joined, again.rang, again.state) == (1, 5 * SECOND, "refused")


def test_o5_a_leg_that_is_refused_twice_is_kept_once(requests: Requests) -> None:
    first = requests.refuse(asking(leg="leg-1"), "blocked")
    assert requests.refuse(asking(leg="leg-1", now=60), "blocked") == first
    assert requests.refuse(asking(leg="leg-2"), "blocked") != first


def test_t3_the_list_is_asked_by_extension_and_number(engine: Engine, requests: Requests) -> None:
    policy = asking().policy
    assert policy is not None
    keep(engine, msgspec.structs.replace(policy, hide_caller_id=True))
    assert requests.listed("100", CALLER) is None
    entry = AuthorisedCaller(extension="100", number=CALLER, callback_number="+12125550100")
    directory(engine).apply(ADMIN, Kind.CALLERID, [entry])
    assert requests.listed("100", CALLER) == entry
    assert requests.listed("200", CALLER) is None
