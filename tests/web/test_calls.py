"""M7, O5: legs that are over, over HTTP: listed, shown, given as files, part of callbacks."""

from __future__ import annotations

import csv
import http.client
import io
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from controller.admin.callback_shapes import Source
from controller.admin.model import MOST_ITEMS
from controller.store.database import Away
from tests.unit.store.called import BEGUN, FREE, SECOND, keep_leg, uuid
from tests.web.server import api, running
from tests.web.world import Answer, World, is_problem

OPERATORS = ("serial", "node", "channel", "cost_currency", "cost_price", "cost", "margin")


def legs(answer: Answer) -> list[str]:
    """Give the legs of a page."""
    assert answer.status == 200, answer.body
    return [item["leg"] for item in answer.json["items"]]


def rows(answer: Answer) -> list[dict[str, str]]:
    """Read a file of CSV."""
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    return list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))


def test_m7_a_leg_is_shown_with_times_cause_and_what_it_cost(still: World) -> None:
    shown = still.get(f"/calls/{still.acme_leg}").json
    assert shown == {
        "leg": uuid(1),
        "serial": 1,
        "call": uuid(0xA000),
        "request": still.acme_callback,
        "side": "destination",
        "position": 1,
        "extension": "1001",
        "client": "acme",
        "caller": "+12025550510",
        "number": "+12025550710",
        "shown": "+12025550110",
        "node": "fs1-of-ours",
        "channel": "pstn",
        "begun": "2026-11-18T11:07:40.000000Z",
        "answered": "2026-11-18T11:07:45.000000Z",
        "ended": "2026-11-18T11:08:45.000000Z",
        "cause": "NORMAL_CLEARING",
        "seconds": 60,
        "account": still.acme_account,
        "currency": "EUR",
        "price": {
            "prefix": "+44", "per_minute": 10_000, "setup_fee": 20_000, "first_block": 60,
            "interval": 30,
        },
        "charge": 30_000,
        "uncovered": 0,
        "cost_currency": "EUR",
        "cost_price": {
            "prefix": "+44", "per_minute": 4_000, "setup_fee": 0, "first_block": 1, "interval": 1,
        },
        "cost": 4_000,
        "margin": 26_000,
        "source": "event",
        "kept": "2026-11-18T11:08:46.000000Z",
    }  # fmt: skip
    # A client sees what he paid, and nothing of what it costs the operator.
    own = still.get(f"/calls/{still.acme_leg}", token="acme").json
    assert own == shown | dict.fromkeys(OPERATORS)
    for missing in (uuid(9), "export", "x" * 36, "%00"):
        if missing != "export":
            is_problem(still.get(f"/calls/{missing}"), 404)


def test_m7_margins_are_of_one_currency_only(world: World) -> None:
    for number, more in enumerate(({"cost_currency": "USD"}, {**FREE}, {"cost": None}), 10):
        shown = world.get(f"/calls/{keep_leg(world.engine, number, **more)}").json
        assert shown["margin"] is None


def test_m7_legs_are_listed_page_by_page_in_both_orders(world: World) -> None:
    # Two began at one moment.
    for number in range(3, 9):
        keep_leg(world.engine, number, begun=BEGUN + (number // 2) * 1000 * SECOND)
    oldest = [uuid(number) for number in (1, 2, 3, 4, 5, 6, 7, 8)]
    for order, expected in (("oldest", oldest), ("newest", oldest[::-1])):
        found: list[str] = []
        path: str | None = f"/calls?order={order}&limit=3"
        while path is not None:
            page = world.get(path)
            found += legs(page)
            link = page.headers.get("link")
            path = None if link is None else link[link.index("<") + 1 : link.index(">")]
        assert found == expected
    assert legs(world.get("/calls?limit=1")) == [uuid(8)], "the newest, where nothing is said"
    is_problem(world.get("/calls?after=1"), 400, "parameter")


def test_m7_legs_are_filtered(world: World) -> None:
    keep_leg(world.engine, 3, side="return", position=0, number="1234", cause="USER_BUSY",
             channel="gsm", uncovered=5, extension="7001", caller=None, **FREE)  # fmt: skip
    for asked, expected in {
        "extension=2001": [2],
        "caller=%2B12025550510": [1],
        "number=%2B12025550720": [2],
        "number=1234": [3],
        "side=return": [3],
        "channel=gsm": [3],
        f"account={world.acme_account}": [1],
        f"request={world.bolt_callback}": [2],
        "cause=USER_BUSY": [3],
        "since=2026-11-18T11:08:40Z": [2, 3],
        "until=2026-11-18T11:08:40Z": [1],
        "since=2026-11-18T11:08:40Z&until=2026-11-18T11:09:40Z": [2],
        "charged=true": [1, 2],
        "charged=false": [3],
        "uncovered=true": [3],
        "uncovered=false&extension=1001": [1],
    }.items():
        found = legs(world.get(f"/calls?order=oldest&{asked}"))
        assert found == [uuid(number) for number in expected], asked
        lines = world.get(f"/calls/export?format=jsonl&{asked}").body.splitlines()
        assert [msgspec.json.decode(line)["leg"] for line in lines] == found
    for bad in ("side=x", "cause=a%20b", "since=now", "account=x", "charged=1", "colour=red"):
        is_problem(world.get(f"/calls?{bad}"), 400, "parameter")
        is_problem(world.get(f"/calls/export?{bad}"), 400, "parameter")


def test_m7_csv_has_amounts_of_the_unit_and_no_formula(world: World) -> None:
    keep_leg(world.engine, 3, charge=1, uncovered=1_234_567, cost=2_000_000, cause="=1+1",
             channel="-x", **{"shown": "@home"})  # fmt: skip
    first, _, third = rows(world.get("/calls/export"))
    assert first["leg"] == uuid(1)
    # A number is no formula: all of them look alike.
    assert (first["caller"], first["shown"]) == ("+12025550510", "+12025550110")
    assert (first["charge"], first["cost"], first["margin"]) == ("0.03", "0.004", "0.026")
    assert (first["begun"], first["seconds"]) == ("2026-11-18T11:07:40.000000Z", "60")
    assert (first["price_prefix"], first["price_per_minute"]) == ("+44", "0.01")
    assert (first["price_setup_fee"], first["price_interval"]) == ("0.02", "30")
    assert (first["cost_per_minute"], first["channel"]) == ("0.004", "pstn")
    assert (third["charge"], third["uncovered"]) == ("0.000001", "1.234567")
    assert third["margin"] == "-1.999999"
    assert (third["cause"], third["channel"], third["shown"]) == ("'=1+1", "'-x", "'@home")


def test_m7_a_client_exports_his_own_without_the_operators_columns(still: World) -> None:
    (own,) = rows(still.get("/calls/export", token="acme"))
    assert own["leg"] == still.acme_leg
    assert not [name for name in own if name in OPERATORS or name.startswith("cost")]
    (line,) = still.get("/calls/export?format=jsonl", token="acme").body.splitlines()
    assert msgspec.json.decode(line) == still.get(f"/calls/{still.acme_leg}", token="acme").json
    is_problem(still.get("/calls/export?channel=pstn", token="acme"), 403)
    answer = still.get("/calls/export?format=jsonl")
    assert answer.headers["content-type"] == "application/jsonl; charset=utf-8"


def test_m7_an_empty_file_is_one(still: World) -> None:
    assert rows(still.get("/calls/export?cause=NONE")) == []
    assert still.get("/calls/export?cause=NONE&format=jsonl").body == b""


def test_m7_a_long_file_comes_page_by_page(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_ITEMS == 1000
    monkeypatch.setattr("controller.admin.call_records.MOST_ITEMS", 3)
    for number in range(3, 12):
        keep_leg(world.engine, number)
    found = [row["leg"] for row in rows(world.get("/calls/export?order=newest"))]
    assert found == [uuid(number) for number in range(11, 0, -1)]
    body = world.get("/calls/export?format=jsonl").body
    assert body.count(b"\n") == 11


def test_m7_where_the_database_goes_away_no_file_looks_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = OperationalError("", None, Exception("away"))
    world.errors.append(away)
    is_problem(world.get("/calls/export?extension=1001"), 503)
    world.errors.clear()
    # In the middle.
    monkeypatch.setattr("controller.admin.call_records.MOST_ITEMS", 1)
    pages = iter((1, 1))
    real = world.calls.list

    def fail(*args: Any, **kwargs: Any) -> Any:
        if next(pages, None) is None:
            raise away
        return real(*args, **kwargs)

    monkeypatch.setattr(world.calls, "list", fail)
    keep_leg(world.engine, 3)
    with pytest.raises(ConnectionAbortedError):
        world.get("/calls/export")
    assert world.faults == 0


def test_o5_a_callback_is_shown_with_its_legs_and_what_they_cost(world: World) -> None:
    answered = keep_leg(world.engine, 0, side="return", position=0, client="acme",
                        request=world.acme_callback, currency="USD", charge=7, cost=1)  # fmt: skip
    keep_leg(world.engine, 3, client="acme", request=world.acme_callback, charge=5, cost=9,
             uncovered=2)  # fmt: skip
    # Of a time when the extension was somebody else's.
    before = keep_leg(world.engine, 4, client="bolt", request=world.acme_callback)
    found = world.get(f"/callbacks/{world.acme_callback}").json
    assert [one["leg"] for one in found["legs"]] == [answered, uuid(1), uuid(3), before]
    assert found["legs"][1] == world.get(f"/calls/{world.acme_leg}").json
    assert found["totals"] == [
        {"currency": "EUR", "charge": 60_005, "uncovered": 2, "cost": 8_010, "margin": 51_996},
        {"currency": "USD", "charge": 7, "uncovered": 0, "cost": None, "margin": None},
    ]
    own = world.get(f"/callbacks/{world.acme_callback}", token="acme").json
    assert [one["leg"] for one in own["legs"]] == [answered, uuid(1), uuid(3)]
    assert own["totals"] == [
        {"currency": "EUR", "charge": 30_005, "uncovered": 2, "cost": None, "margin": None},
        {"currency": "USD", "charge": 7, "uncovered": 0, "cost": None, "margin": None},
    ]
    assert own["source"] == Source.API


def test_m7_a_file_that_breaks_is_no_whole_file_to_whoever_gets_it(
    world: World, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Over the real server, piece by piece."""
    monkeypatch.setattr("controller.admin.call_records.MOST_ITEMS", 1)
    for number in range(3, 7):
        keep_leg(world.engine, number)
    real, most = world.calls.list, [99]

    def few(*args: Any, **kwargs: Any) -> Any:
        most[0] -= 1
        if most[0] < 0:
            raise OperationalError("", None, Exception("away"))
        return real(*args, **kwargs)

    monkeypatch.setattr(world.calls, "list", few)
    headers = {"Authorization": f"Bearer {world.tokens['admin']}"}
    with running(api(world, away=Away)) as server:
        for pages, whole in ((99, True), (3, False), (99, True)):
            most[0] = pages
            asked = http.client.HTTPConnection(*server.address, timeout=60)
            asked.request("GET", "/api/v1/calls/export?format=jsonl", headers=headers)
            answer = asked.getresponse()
            assert (answer.status, answer.getheader("Transfer-Encoding")) == (200, "chunked")
            assert answer.getheader("Content-Type") == "application/jsonl; charset=utf-8"
            if whole:
                assert answer.read().count(b"\n") == 6
            else:
                with pytest.raises(http.client.IncompleteRead) as error:
                    answer.read()
                assert error.value.partial.count(b"\n") == 3
            asked.close()
    assert "Traceback" not in capfd.readouterr().err
