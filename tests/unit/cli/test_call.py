"""M7, O5: legs that are over, on the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.settings import Settings
from controller.store.database import open_database
from controller.store.requests import Requests
from tests.unit.store.asked import stored
from tests.unit.store.called import FREE, keep_leg, uuid

from .running import Run, ok, refused, said, shown, told


@pytest.fixture
def engine(stocked: Run, data: Path) -> Iterator[Engine]:
    """The store of the commands, with three legs; the third cost nobody anything."""
    made = open_database(Settings(data_dir=str(data)).database_url)
    keep_leg(made, 1)
    keep_leg(made, 2, uncovered=500_000, cause="ALLOTTED_TIMEOUT")
    keep_leg(made, 3, side="return", position=0, answered=None, seconds=0, **FREE)
    yield made
    made.dispose()


def test_m7_legs_are_listed(stocked: Run, engine: Engine) -> None:
    lines = told(ok(stocked("call", "list")))
    assert lines[0] == "begun leg side extension caller number seconds charge cause"
    assert [line.split()[2] for line in lines[1:]] == [uuid(3), uuid(2), uuid(1)]
    assert lines[1].endswith("return 100 +12125550199 +442079460000 0 - NORMAL_CLEARING")
    assert lines[3].endswith("60 0.03 EUR NORMAL_CLEARING")
    (one,) = said(stocked("call", "list", "--json", "--uncovered"))
    assert (one["leg"], one["uncovered"], one["margin"]) == (uuid(2), 500_000, 26_000)
    for options, expected in (
        (("--oldest", "--charged"), [1, 2]),
        (("--not-charged",), [3]),
        (("--side", "return", "--extension", "100"), [3]),
        (("--cause", "ALLOTTED_TIMEOUT"), [2]),
        (("--since", "2026-11-18T11:09:00Z"), [3]),
        (("--number", "+15550"), []),
        (("--limit", "1"), [3]),
    ):
        found = said(stocked("call", "list", "--json", *options))
        assert [leg["leg"] for leg in found] == [uuid(number) for number in expected], options


def test_m7_a_leg_is_shown(stocked: Run, engine: Engine) -> None:
    lines = shown(ok(stocked("call", "show", uuid(2))))
    assert lines["charge"] == "0.03 EUR"
    assert lines["uncovered"] == "0.50 EUR"
    assert lines["margin"] == "0.026 EUR"
    assert lines["begun"] == "2026-11-18 11:08:40"
    assert lines["price"] == (
        "+44 at 0.01 EUR a minute, 0.02 EUR at the beginning, 60 s at least, then every 30 s"
    )
    assert lines["cost_price"] == "+44 at 0.004 EUR a minute"
    free = shown(ok(stocked("call", "show", uuid(3))))
    assert (free["charge"], free["answered"], free["price"]) == ("-", "-", "-")
    assert said(stocked("call", "show", uuid(2), "--json"))["charge"] == 30_000
    refused(stocked("call", "show", uuid(9)), f"there is no call {uuid(9)}")


def test_m7_legs_are_exported(stocked: Run, engine: Engine, tmp_path: Path) -> None:
    found = list(csv.DictReader(io.StringIO(ok(stocked("call", "export")), newline="")))
    assert [row["leg"] for row in found] == [uuid(1), uuid(2), uuid(3)]
    assert found[1]["uncovered"] == "0.5"
    assert (found[2]["charge"], found[2]["currency"], found[2]["cost"]) == ("0", "", "")
    path = tmp_path / "legs.jsonl"
    ok(stocked("call", "export", str(path), "--newest", "--charged"))
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["leg"] for line in lines] == [uuid(2), uuid(1)]
    assert lines[0] == said(stocked("call", "show", uuid(2), "--json"))


def test_o5_a_callback_is_shown_with_its_legs_and_what_they_cost(
    stocked: Run, engine: Engine
) -> None:
    request = stored(Requests(engine), due=0, now=0).id
    keep_leg(engine, 4, side="return", position=0, request=request, charge=7, number="+12125550199",
             price=None, cost=None, cost_price=None, cost_currency=None)  # fmt: skip
    keep_leg(engine, 5, request=request, position=2, uncovered=500_000)
    keep_leg(engine, 6, request=request, position=3, answered=None, seconds=0, channel=None,
             shown=None, cause=None, **FREE)  # fmt: skip
    printed = ok(stocked("callback", "show", request)).splitlines()
    assert printed[-4:] == [
        "return leg   2026-11-18 11:10:40 +12125550199 over pstn showing +12025550100: answered "
        "2026-11-18 11:10:45, NORMAL_CLEARING 2026-11-18 11:11:45, 60 s: 0.000007 EUR",
        "leg 2        2026-11-18 11:11:40 +442079460000 over pstn showing +12025550100: answered "
        "2026-11-18 11:11:45, NORMAL_CLEARING 2026-11-18 11:12:45, 60 s: 0.03 EUR by +44 at 0.01 "
        "EUR a minute, 0.02 EUR at the beginning, 60 s at least, then every 30 s, 0.50 EUR "
        "uncovered, cost 0.004 EUR",
        "leg 3        2026-11-18 11:12:40 +442079460000: - 2026-11-18 11:13:45, 0 s: nobody pays",
        "total        0.030007 EUR, uncovered 0.50 EUR, cost 0.004 EUR, margin 0.026 EUR",
    ]
    whole = said(stocked("callback", "show", request, "--json"))
    assert [leg["leg"] for leg in whole["legs"]] == [uuid(4), uuid(5), uuid(6)]
    assert whole["legs"][1] == said(stocked("call", "show", uuid(5), "--json"))
    assert whole["totals"] == [
        {
            "currency": "EUR",
            "charge": 30_007,
            "uncovered": 500_000,
            "cost": 4_000,
            "margin": 26_000,
        }
    ]
