"""I9, O2: explanations over HTTP: what is answered, to whom, and what cannot be asked."""

from __future__ import annotations

from typing import Any, Final

import pytest

from controller.admin.model import Kind
from tests.web.world import ADMIN, RFC_3339, World, is_problem

#: Acme's: what its extension shows, its DID, who was locked out, and somebody else.
SHOWN, DID, LOCKED = "+12025550110", "+12025550210", "+12025550610"
CALLEE: Final = "+12125550199"
CALLERID: Final = "/explain/callerid?extension=1001&to="
ROUTE: Final = "/explain/route?extension=1001&to="
CALLBACK: Final = f"/explain/callback?did={DID}"


def told(world: World, path: str, token: str = "admin") -> Any:
    """Give what is answered."""
    answer = world.get(path, token=token)
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("token", ["admin", "reads"])
def test_i9_what_is_seen_is_answered_with_each_rule(still: World, token: str) -> None:
    found = told(still, f"{CALLERID}{CALLEE}", token)
    assert (found["answer"], found["refusal"]) == (True, None)
    assert (found["to"], found["recognised"]) == (CALLEE, "public")
    assert found["said"] == f'{SHOWN} "acme", by I4'
    (channel,) = found["channels"]
    assert (channel["channel"], channel["number"], channel["written"]) == (
        "pstn", SHOWN, SHOWN[1:],
    )  # fmt: skip
    assert (channel["rule"], channel["pool"], channel["at_random"]) == ("I4", [], False)
    assert all(set(one) == {"rule", "said"} for one in found["tried"] + channel["tried"])


def test_i9_a_number_may_be_written_as_people_do(still: World) -> None:
    for to in ("(212)%20555-0199", "2125550199", "%2B12125550199", "+1-212-555-0199"):
        assert told(still, f"{CALLERID}{to}")["to"] == CALLEE


def test_i9_a_route_says_when_and_what_is_known(still: World) -> None:
    found = told(still, f"{ROUTE}{CALLEE}&at=2027-01-31T12:00:00%2B01:00")
    assert (found["at"], found["health_known"]) == ("2027-01-31T11:00:00.000000Z", True)
    assert found["orders"] == [
        {
            "nodes": ["fs1"],
            "channels": [
                {
                    "channel": "pstn", "number": CALLEE[1:], "beginning": "+", "priority": 10,
                    "cost": 0,
                }
            ],
            "passed": [],
        }
    ]  # fmt: skip
    assert RFC_3339.match(told(still, f"{ROUTE}{CALLEE}")["at"])
    assert told(still, f"{ROUTE}2040")["recognised"] == "internal"


@pytest.mark.parametrize(
    ("to", "refusal"),
    [
        ("911", "emergency"),
        ("411", "special_number"),
        ("+442079460000", "country_not_allowed"),
        (DID, "own_number"),
    ],
)
def test_i9_a_refusal_is_an_answer(still: World, to: str, refusal: str) -> None:
    for path in (CALLERID, ROUTE):
        found = told(still, f"{path}{to}")
        assert (found["answer"], found["refusal"]) == (False, refusal)
        assert refusal in found["said"]


def test_i9_a_callback_says_whom_when_and_how(still: World) -> None:
    found = told(still, f"{CALLBACK}&caller={CALLEE}&name=Bob&at=2027-01-31T12:00:00Z")
    assert (found["answer"], found["extension"], found["number"]) == (True, "1001", CALLEE)
    assert (found["at"], found["due"], found["expires"]) == (
        "2027-01-31T12:00:00.000000Z",
        "2027-01-31T12:00:03.000000Z",
        "2027-01-31T12:15:03.000000Z",
    )
    assert (found["shown"], found["shown_name"], found["joins"]) == (DID, "acme", None)
    assert (found["locks_known"], found["locked_until"]) == (True, None)
    assert found["counts_known"] is False
    hidden = told(still, f"{CALLBACK}&hidden=true")
    assert (hidden["answer"], hidden["refusal"], hidden["due"]) == (False, "hidden", None)
    assert told(still, "/explain/callback?did=+12025550288&hidden=true")["refusal"] == "unknown_did"


def test_a3_who_is_locked_out_is_told_until_when(still: World) -> None:
    found = told(still, f"{CALLBACK}&caller={LOCKED}")
    assert RFC_3339.match(found["locked_until"])
    assert found["due"] == found["locked_until"]


def test_t6_an_open_callback_is_joined(still: World) -> None:
    found = told(still, f"{CALLBACK}&caller=+12025550510")
    assert (found["answer"], found["joins"]) == (True, still.acme_callback)


@pytest.mark.parametrize("token", ["acme", "acme-reads"])
def test_o2_a_client_is_told_of_his_own_and_of_no_trunk(still: World, token: str) -> None:
    seen = told(still, f"{CALLERID}{CALLEE}", token)
    (channel,) = seen["channels"]
    assert (channel["channel"], channel["number"], channel["rule"]) == ("channel 1", SHOWN, "I4")
    assert channel["written"] is None
    route = told(still, f"{ROUTE}{CALLEE}", token)
    assert route["orders"][0]["channels"] == [
        {"channel": "channel 1", "number": None, "beginning": None, "priority": None, "cost": None}
    ]
    callback = told(still, f"{CALLBACK}&caller={CALLEE}", token)
    for answer in (seen, route, callback):
        assert "pstn" not in str(answer)
        assert "fs1" not in str(answer)
    for path in (f"{CALLERID}{CALLEE}", f"{ROUTE}{CALLEE}", f"{CALLBACK}&caller={CALLEE}"):
        for over in ("pstn", "nowhere"):
            is_problem(still.get(f"{path}&over={over}", token=token), 403)


def test_o2_nobody_is_told_without_a_token(still: World) -> None:
    for path in (f"{CALLERID}{CALLEE}", f"{ROUTE}{CALLEE}", f"{CALLBACK}&hidden=true"):
        is_problem(still.get(path, token=None), 401)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/explain/callerid?to=911", "extension"),
        ("/explain/callerid?extension=1001", "to"),
        ("/explain/route?to=911", "extension"),
        ("/explain/route?extension=1001", "to"),
        ("/explain/callback?hidden=true", "did"),
        ("/explain/callerid?extension=abc&to=911", "extension"),
        (f"{CALLERID}abc", "to"),
        (f"{CALLERID}12", "to"),
        (f"{CALLERID}999999", "to"),
        (f"{CALLERID}911&over=a%20b", "over"),
        (f"{CALLERID}911&over=nowhere", "over"),
        (f"{CALLERID}911&name=%00", "name"),
        (f"{CALLERID}911&caller=", "caller"),
        (f"{CALLERID}911&at=2027-01-31T12:00:00Z", "at"),
        (f"{CALLERID}911&to=411", "to"),
        (f"{ROUTE}911&at=now", "at"),
        (f"{ROUTE}911&at=9999-12-31T23:59:59Z", "at"),
        (f"{ROUTE}911&at=0001-01-01T00:00:00Z", "at"),
        (f"{CALLBACK}&hidden=1", "hidden"),
        (CALLBACK, "caller"),
        (f"{CALLBACK}&hidden=false", "caller"),
        (f"{CALLBACK}&hidden=true&caller={CALLEE}", "caller"),
        ("/explain/callback?did=1&hidden=true", "did"),
    ],
)
def test_g1_what_cannot_be_asked_names_its_parameter(still: World, path: str, field: str) -> None:
    assert is_problem(still.get(path), 400, "parameter")["field"] == field


def test_what_is_not_there_is_404(still: World) -> None:
    for path in ("/explain/callerid?extension=9001&to=911", "/explain/route?extension=9001&to=911"):
        is_problem(still.get(path), 404)
    is_problem(still.get("/explain/nothing"), 404)


def test_nothing_can_be_written(still: World) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        is_problem(still.ask(method, f"{CALLERID}{CALLEE}", {}), 405)


def test_i2_what_came_over_a_trusted_channel_is_shown(world: World) -> None:
    world.directory.change(ADMIN, Kind.CHANNEL, "pstn", {"trust_callers": True})
    values = {"caller_id_number_from": "equipment", "caller_id_name_from": "equipment"}
    world.directory.change(ADMIN, Kind.EXTENSION, "1001", values)
    said = "&caller=2125550177&name=Bob%20B.&over=pstn"
    found = told(world, f"{CALLERID}{CALLEE}{said}")
    assert found["said"] == '+12125550177 "Bob B.", by I2'
