"""The life of a callback request in real databases: a row that moves forward only."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from controller.policy.model import Policy
from controller.store.requests import Request, Requests
from tests.seed import keep

DID = "+12025550101"
CALLER = "+12125550199"


def stored(requests: Requests, number: str = CALLER, due: int = 100, now: int = 50) -> Request:
    """Store a request of extension 100."""
    return requests.store(extension="100", did=DID, number=number, due=due, now=now)


def leased(requests: Requests, holder: str = "a", now: int = 100, until: int = 200) -> list[str]:
    """Lease what is due."""
    return [request.id for request in requests.lease_due(holder, now, until, 10)]


def begun(requests: Requests, request: Request, holder: str = "a", until: int = 300) -> bool:
    """Write an attempt."""
    return requests.begin_attempt(
        request.id, holder=holder, node="fs1", attempt=f"attempt-{holder}", until=until
    )


def state(requests: Requests, request: Request) -> tuple[str, str | None]:
    """Give where a request is, and its outcome."""
    found = requests.get(request.id)
    assert found is not None
    return found.state, found.outcome


# --- storing ---------------------------------------------------------------------------------


def test_t1_a_request_is_stored_as_it_was_asked_for(requests: Requests) -> None:
    request = stored(requests)
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
        requests.answered(first.id, 400)
    assert leased(requests, now=1000) == []


def test_t6_one_request_for_each_extension_and_number(requests: Requests) -> None:
    stored(requests)
    stored(requests, "+12125550198")
    requests.store(extension="200", did=DID, number=CALLER, due=1, now=1)
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


def test_t7_our_own_number_gets_no_callback_whichever_extension_it_reaches(
    engine: Engine, requests: Requests, policy: Policy
) -> None:
    keep(engine, policy)
    request = requests.store(extension="200", did="+1", number=policy.dids[0], due=1, now=1)
    assert (request.state, request.outcome, request.ended) == ("refused", "own_number", 1)
    assert leased(requests) == []


@pytest.mark.parametrize("number", [None, CALLER])
def test_t10_a_refused_call_is_kept_with_its_reason_each_time(
    requests: Requests, number: str | None
) -> None:
    for now in (1, 2):
        kept = requests.refuse(extension="100", did=DID, number=number, reason="hidden", now=now)
        assert (kept.state, kept.outcome, kept.number) == ("refused", "hidden", number)
    assert len(requests.all()) == 2
    assert leased(requests) == []
    # It stands in nobody's way.
    assert stored(requests).state == "pending"


def test_the_newest_come_first_and_no_more_than_asked_for(requests: Requests) -> None:
    for now in (1, 3, 2):
        requests.refuse(extension="100", did=DID, number=None, reason="hidden", now=now)
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
    assert requests.next_due(100) == 101
    assert leased(requests, now=101) == [later.id]
    assert requests.next_due(101) is None


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
            request.id, holder=sys.argv[2], node="fs1", attempt=request.id, until=300
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
    assert Counter(lines) == {f"{request.id} True": 1 for request in requests.all()}


def test_whether_anything_is_due_is_asked_without_taking_it(requests: Requests) -> None:
    assert not requests.any_due(100)
    stored(requests, due=100)
    assert not requests.any_due(99)
    assert requests.any_due(100)
    assert requests.any_due(100)


# --- attempts --------------------------------------------------------------------------------


def test_an_attempt_is_written_once_and_by_the_holder_only(requests: Requests) -> None:
    request = stored(requests)
    assert not begun(requests, request)
    leased(requests)
    assert not begun(requests, request, "b")
    assert begun(requests, request)
    assert not begun(requests, request)
    found = requests.by_attempt("attempt-a")
    assert found is not None
    assert (found.id, found.state, found.node) == (request.id, "calling", "fs1")
    assert requests.by_attempt("attempt-b") is None


@pytest.mark.parametrize("sent", [False, True])
def test_what_was_given_back_is_due_again_for_anybody(requests: Requests, sent: bool) -> None:
    request = stored(requests)
    leased(requests)
    if sent:
        begun(requests, request)
    assert requests.give_back(request.id, holder="a", due=150)
    assert leased(requests, "b", now=149) == []
    assert leased(requests, "b", now=150) == [request.id]
    assert requests.by_attempt("attempt-a") is None


def test_an_answered_call_is_given_back_to_nobody(requests: Requests) -> None:
    request = stored(requests)
    leased(requests)
    begun(requests, request)
    assert requests.answered(request.id, 400)
    assert not requests.answered(request.id, 500)
    assert not requests.give_back(request.id, holder="a", due=1)
    assert state(requests, request) == ("answered", None)


def test_only_a_call_that_was_made_is_answered(requests: Requests) -> None:
    request = stored(requests)
    assert not requests.answered(request.id, 400)
    assert not requests.answered("no such request", 400)


@pytest.mark.parametrize("reached", ["pending", "leased", "calling", "answered"])
def test_o5_a_request_ends_once_wherever_it_was(requests: Requests, reached: str) -> None:
    request = stored(requests)
    if reached != "pending":
        leased(requests)
    if reached in ("calling", "answered"):
        begun(requests, request)
    if reached == "answered":
        requests.answered(request.id, 400)
    ends = [("completed", "X", CALLER, 500), ("busy", "Y", None, 501)]
    said = [
        requests.finish(request.id, outcome=outcome, cause=cause, destination=to, now=now)
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
    request = stored(requests)
    leased(requests)
    begun(requests, request, until=300)
    if answered:
        requests.answered(request.id, 300)
    assert requests.expire(300, 0) == []
    (lost,) = requests.expire(301, 0)
    assert (lost.id, lost.state, lost.outcome) == (request.id, "done", "unknown")
    assert requests.expire(302, 10_000) == []
    assert leased(requests, now=10_000) == []
    assert not requests.give_back(request.id, holder="a", due=1)
    assert not requests.answered(request.id, 400)


def test_t5_what_could_not_be_made_in_time_is_expired(requests: Requests) -> None:
    request = stored(requests, due=100)
    assert requests.expire(1000, 100) == []
    (lost,) = requests.expire(1000, 101)
    assert (lost.id, lost.outcome, lost.ended) == (request.id, "expired", 1000)


def test_whether_anything_expires_is_what_expire_then_finds(requests: Requests) -> None:
    request = stored(requests, due=100)
    assert not requests.any_to_expire(1000, 100)
    assert requests.any_to_expire(1000, 101)
    leased(requests)
    begun(requests, request, until=300)
    assert not requests.any_to_expire(300, 10_000)
    assert requests.any_to_expire(301, 0)
    requests.expire(301, 0)
    assert not requests.any_to_expire(10_000, 10_000)


def test_o5_what_may_be_alive_on_a_node_is_found_by_the_node(requests: Requests) -> None:
    calling = stored(requests)
    answered = stored(requests, "+12125550198")
    stored(requests, "+12125550197", due=10_000)
    leased(requests)
    begun(requests, calling)
    begun(requests, answered, "a")
    requests.answered(answered.id, 400)
    assert {request.id for request in requests.open_on("fs1")} == {calling.id, answered.id}
    assert requests.open_on("fs2") == []
    requests.finish(calling.id, outcome="busy", cause="X", destination=None, now=1)
    assert [request.id for request in requests.open_on("fs1")] == [answered.id]


def test_what_somebody_works_on_does_not_expire(requests: Requests) -> None:
    stored(requests, due=100)
    leased(requests, now=150, until=200)
    assert requests.expire(200, 10_000) == []
    assert len(requests.expire(201, 10_000)) == 1
