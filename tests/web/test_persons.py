"""O7: what is kept about a person, over the API: exported and erased by administrators."""

from __future__ import annotations

import pytest

from controller.admin.persons import PersonDesk
from controller.store.requests import Requests
from tests.web.world import World, is_problem

#: Who asked for bolt's callback, which is still to be made.
BOLTS = "+12025550520"


class Away:
    """A Redis that is not there."""

    def find(self, number: str) -> None:
        """Find nothing out."""

    def erase(self, number: str) -> None:
        """Erase nothing."""


def test_o7_a_person_is_exported_and_erased(world: World) -> None:
    made = world.get(f"/persons/{BOLTS}")
    assert made.status == 200
    assert (made.json["number"], made.json["counted"]) == (BOLTS, [])
    assert made.json["records"]["callback_request"][0]["id"] == world.bolt_callback
    problem = is_problem(world.ask("DELETE", f"/persons/{BOLTS}"), 409, "conflict")
    assert world.bolt_callback in problem["detail"]
    Requests(world.engine).cancel(world.bolt_callback, world.now)
    world.now += 61_000_000
    done = world.ask("DELETE", f"/persons/{BOLTS}")
    assert (done.status, done.json["callbacks"]) == (200, 1)
    after = world.get(f"/persons/{BOLTS}")
    is_problem(after, 404)
    (erased, exported) = world.get("/audit?kind=person").json["items"]
    assert (erased["action"], erased["actor"]) == ("erase", "admin")
    assert erased["key"] == done.json["pseudonym"] == exported["key"]
    is_problem(world.get(f"/callbacks/{world.bolt_callback}"), 404)
    leg = world.get(f"/calls/{world.bolt_leg}").json
    assert (leg["caller"], leg["charge"]) == (done.json["pseudonym"], 30_000)


def test_o7_an_authorised_callerid_is_erased_where_that_is_said(world: World) -> None:
    path = "/persons/+12025550320"
    is_problem(world.ask("DELETE", path), 409, "conflict")
    is_problem(world.ask("DELETE", f"{path}?with_callerid=yes"), 400, "parameter")
    done = world.ask("DELETE", f"{path}?with_callerid=true")
    assert (done.status, done.json["callerids"]) == (200, 1)
    is_problem(world.get("/extensions/2001/callerids/+12025550320"), 404)


def test_o7_o5_where_redis_is_away_nothing_is_erased(world: World) -> None:
    world.persons._traces = Away()
    assert isinstance(world.persons, PersonDesk)
    assert world.get("/persons/+12025550320").json["counted"] is None
    # Where nobody looked it is not said that there is nothing.
    is_problem(world.get("/persons/+12025550999"), 503)
    answer = world.ask("DELETE", "/persons/+12025550320?with_callerid=true")
    is_problem(answer, 503)
    assert world.get("/extensions/2001/callerids/+12025550320").status == 200


@pytest.mark.parametrize("token", ["acme", "bolt", "acme-reads", "reads"])
def test_o2_o7_nobody_else_is_told_whether_there_is_such_a_person(still: World, token: str) -> None:
    status = 403 if token == "reads" else 404
    said = []
    for number in (BOLTS, "+12025550588"):
        for method in ("GET", "DELETE"):
            answer = still.ask(method, f"/persons/{number}", token=token)
            is_problem(answer, status)
            said.append(answer.body)
    assert len(set(said)) == 1


@pytest.mark.parametrize("number", ["2025550520", "+1", "+120255505200000000", "x"])
def test_g1_o7_what_is_no_number_is_nobody(still: World, number: str) -> None:
    for method in ("GET", "DELETE"):
        is_problem(still.ask(method, f"/persons/{number}"), 404)
