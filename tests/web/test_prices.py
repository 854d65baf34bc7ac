"""M2, M8: prices over HTTP, and what comes and goes as CSV."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy.exc import OperationalError

from controller.policy.records import Role
from controller.web.api import turns
from tests.web.server import Line, api, head, running
from tests.web.world import SINCE, Answer, World, is_problem

RATES = "/price-lists/retail/rates"
CSV = {"Content-Type": "text/csv"}


def send(world: World, path: str, text: str | bytes, **more: Any) -> Answer:
    """Send a file."""
    data = text.encode() if isinstance(text, str) else text
    return world.ask("POST", path, raw=data, headers=CSV, **more)


def export(world: World, path: str) -> str:
    """Give a file."""
    answer = world.get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    return answer.body.decode()


def test_m2_a_rate_is_where_its_list_beginning_and_time_say(world: World) -> None:
    body = {"prefix": "+44", "per_minute": 1, "since": "2027-01-01T01:00:00+01:00"}
    answer = world.ask("POST", RATES, body)
    assert (answer.status, answer.json["since"]) == (201, "2027-01-01T00:00:00.000000Z")
    for since in ("2027-01-01T00:00:00Z", "2027-01-01T00%3A00%3A00.000000Z"):
        assert world.get(f"{RATES}/+44/{since}").json == answer.json
    is_problem(world.get(f"{RATES}/+44/2027-01-01"), 404)
    is_problem(world.get(f"{RATES}/44/2027-01-01T00:00:00Z"), 404)
    is_problem(world.ask("POST", RATES, {**body, "price_list": "spare"}), 422, "invalid")
    is_problem(world.ask("POST", "/price-lists/none/rates", body), 409, "conflict")
    is_problem(world.get("/price-lists/none/rates"), 404)
    said = world.ask("POST", RATES, {"prefix": "+45", "per_minute": 1})
    assert said.json["since"].startswith("2026-11-")


def test_m2_the_rate_that_counts_is_found_with_what_it_costs(still: World) -> None:
    found = still.get(f"{RATES}/find?number=%2B4930123456&at=2027-01-01T00:00:00Z").json
    assert found == {
        "price_list": "retail",
        "currency": "EUR",
        "number": "+4930123456",
        "at": "2027-01-01T00:00:00.000000Z",
        "rate": {
            "prefix": "+49",
            "since": SINCE,
            "until": None,
            "setup_fee": 0,
            "per_minute": 12_500,
            "first_block": 1,
            "interval": 1,
            "description": "",
        },
        "costs": [
            {"seconds": 1, "amount": 209},
            {"seconds": 60, "amount": 12_500},
            {"seconds": 300, "amount": 62_500},
        ],
    }
    none = still.get("/price-lists/spare/rates/find?number=+4930123456").json
    assert (none["rate"], none["costs"]) == (None, [])
    is_problem(still.get(f"{RATES}/find"), 400, "parameter")
    is_problem(still.get(f"{RATES}/find?number=49"), 400, "parameter")
    is_problem(still.get("/price-lists/none/rates/find?number=+4930123456"), 404)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+00:01"])
def test_g1_a_time_that_utc_does_not_have_is_refused(still: World, time: str) -> None:
    """G1: as any other time that there is not."""
    asked = quote(time, safe="")
    path = f"/price-lists/retail/rates/find?number=%2B4930123456&at={asked}"
    is_problem(still.get(path), 400, "parameter")
    for name in ("since", "until"):
        values = {"prefix": "+44", "per_minute": 1, name: time}
        is_problem(still.ask("POST", "/price-lists/retail/rates", values), 422, "invalid")
    is_problem(still.get(f"/price-lists/retail/rates/+49/{asked}"), 404)


def test_m2_rates_are_imported_and_exported(world: World) -> None:
    text = "prefix,per_minute,since\n+44,0.5,2026-01-01\n49,0.0125,2026-01-01\n"
    for dry_run, created in ((True, 1), (False, 1), (True, 0)):
        query = "?dry_run=true" if dry_run else ""
        answer = send(world, f"{RATES}/import{query}", text)
        assert (answer.status, answer.json) == (
            200,
            {
                "dry_run": dry_run, "created": created, "changed": 0, "same": 2 - created,
                "bad": [],
            },
        )  # fmt: skip
    out = export(world, f"{RATES}/export")
    assert out.splitlines()[0].startswith("prefix,per_minute,setup_fee,first_block,interval,since")
    assert "+44,0.5,0,1,1,2026-01-01T00:00:00.000000Z,," in out
    assert send(world, f"{RATES}/import", out).json["same"] == 3


def test_m2_bad_lines_are_a_problem_that_lists_them(world: World) -> None:
    before = export(world, f"{RATES}/export")
    text = "prefix,per_minute\n+44,1\n0044,0.00000001\n"
    problem = is_problem(send(world, f"{RATES}/import", text), 422, "lines")
    assert problem["detail"] == "1 line is bad, and nothing was written"
    assert [(bad["line"], bad["column"]) for bad in problem["bad"]] == [
        (3, "prefix"), (3, "per_minute"),
    ]  # fmt: skip
    report = send(world, f"{RATES}/import?dry_run=true", text).json
    assert (report["created"], report["bad"]) == (1, problem["bad"])
    assert export(world, f"{RATES}/export") == before
    is_problem(send(world, f"{RATES}/import", "price\n"), 400, "malformed")
    is_problem(world.ask("POST", f"{RATES}/import", {}), 415)
    is_problem(send(world, f"{RATES}/import?dry_run=perhaps", text), 400, "parameter")
    is_problem(send(world, "/price-lists/none/rates/import", text), 404)


@pytest.mark.parametrize(("token", "status"), [("acme", 404), ("acme-reads", 404), ("reads", 403)])
def test_o2_files_are_the_administrators_to_send(still: World, token: str, status: int) -> None:
    text = "prefix,per_minute\n+44,1\n"
    is_problem(send(still, f"{RATES}/import", text, token=token), status)
    text = f"account,key,amount\n{still.acme_account},k,1\n"
    is_problem(send(still, "/entries/import", text, token=token), 403)


def test_m8_entries_are_imported_once_and_given_as_a_file(world: World) -> None:
    path = f"/accounts/{world.acme_account}/entries"
    text = "account,key,amount,order_number\n1001,k-1,2.5,A-1\n"
    for dry_run, created in (("true", 1), ("false", 1), ("false", 0)):
        answer = send(world, f"/entries/import?dry_run={dry_run}", text)
        assert answer.json["created"] == created
    assert world.get(f"/accounts/{world.acme_account}").json["balance"] == 7_500_000
    call = "account,key,amount,kind\n1001,k-2,1,call\n"
    problem = is_problem(send(world, "/entries/import", call), 422, "lines")
    assert problem["bad"][0]["column"] == "kind"
    is_problem(world.ask("POST", path, {"key": "k-3", "amount": 1, "kind": "call"}), 422, "invalid")
    problem = is_problem(world.ask("POST", path, {"key": "k-3", "amount": 1.5}), 422, "invalid")
    assert problem["detail"].startswith("amount: write a whole number, and money in millionths")
    lines = export(world, f"{path}/export").splitlines()
    assert [line.split(",")[:1] + line.split(",")[2:4] for line in lines] == [
        ["order_number", "amount", "left_after"], ["", "5", "5"], ["A-1", "2.5", "7.5"],
    ]  # fmt: skip
    own = world.get(f"{path}/export", token="acme-reads")
    assert own.status == 200
    is_problem(world.get(f"/accounts/{world.bolt_account}/entries/export", token="acme"), 404)


def test_m8_entries_are_filtered(world: World) -> None:
    path = f"/accounts/{world.acme_account}/entries"
    world.ask("POST", path, {"key": "k-1", "amount": -1, "kind": "correction"})
    first, second = world.get(path).json["items"]

    def keys(query: str) -> list[str]:
        answer = world.get(f"{path}?{query}")
        assert (
            len(export(world, f"{path}/export?{query}").splitlines())
            == len(answer.json["items"]) + 1
        )
        return [item["key"] for item in answer.json["items"]]

    assert keys("kind=correction") == ["k-1"]
    assert keys("kind=call") == []
    assert keys(f"since={second['created']}") == ["k-1"]
    assert keys(f"until={second['created']}&since={first['created']}") == ["acme-first"]
    for query in ("kind=gift", "since=yesterday", "colour=red"):
        is_problem(world.get(f"{path}?{query}"), 400, "parameter")


def test_m8_a_long_history_comes_piece_by_piece_and_never_looks_whole_where_it_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/accounts/{world.acme_account}/entries"
    for number in range(5):
        world.ask("POST", path, {"key": f"k-{number}", "amount": 1})
    monkeypatch.setattr("controller.admin.csv_lines.ROWS", 2)
    monkeypatch.setattr("controller.admin.accounts.MOST_ITEMS", 2)
    assert len(export(world, f"{path}/export").splitlines()) == 7
    away, real = OperationalError("", None, Exception("away")), world.directory.entries

    def fail(actor: Any, account: str, *, after: int = 0, **more: Any) -> Any:
        if after >= 4:
            raise away
        return real(actor, account, after=after, **more)

    monkeypatch.setattr(world.directory, "entries", fail)
    with pytest.raises(ConnectionAbortedError):
        world.get(f"{path}/export")
    assert world.faults == 0


def test_g1_who_sends_slowly_keeps_nobody_elses_file_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G1: one has one file here at a time, and whoever sends all of his is served meanwhile."""
    world.issue("second", Role.ADMIN)
    data = b"prefix,per_minute\n+44,0.02\n"
    said = (f"Content-Length: {len(data)}", "Content-Type: text/csv")

    def sending(token: str) -> bytes:
        return head(world, "POST", f"/api/v1{RATES}/import", *said, token=token)

    with running(api(world)) as server, Line(server) as slow, Line(server) as more:
        slow.say(sending("admin"), data[:10])
        monkeypatch.setattr(turns, "TURN_SECONDS", 1.0)
        with Line(server) as other:
            other.say(sending("second"), data)
            assert other.hear()[0] == 200
        monkeypatch.setattr(turns, "TURN_SECONDS", 0.01)
        more.say(sending("admin"), data)
        assert more.hear()[0] == 503
        slow.say(data[10:])
        assert slow.hear()[0] == 200
