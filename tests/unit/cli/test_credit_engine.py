"""Commands where another engine charges (`credit.engine`): its errors name the setting (O1)."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controller.settings import Settings

from .running import Run, ok, refused

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
NAMED = "CALLBACKD_CREDIT__ENGINE"


@pytest.fixture
def prepaid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The environment by which the example charges: its path is in a file, as a secret would be."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    told = tmp_path / "told"
    told.write_text(f"{tmp_path / 'prepaid.sqlite3'}\n")
    return {NAMED: "prepaid:engine", "CALLBACKD_CREDIT__OPTIONS__PATH_FILE": str(told)}


def found(run: Run, environment: dict[str, str]) -> list[dict[str, Any]]:
    """Give what `check` finds of it."""
    findings = json.loads(run("check", "--json", **environment).stdout)["findings"]
    return [one for one in findings if one["subject"] == "credit"]


def test_o1_check_asks_the_engine_and_says_whose_accounts_do_not_count(
    stocked: Run, prepaid: dict[str, str]
) -> None:
    assert found(stocked, {}) == []
    (one,) = found(stocked, prepaid)
    assert (one["well"], one["remedy"]) == (True, "")
    assert one["text"] == "prepaid:engine answers; it holds for 0 calls"
    ok(stocked("account", "add", "100", "--currency", "USD"))
    said = "what is on this account pays for nothing"
    assert said not in stocked("account", "top-up", "100", "1", "--order", "a").stderr
    assert said in stocked("account", "top-up", "100", "1", "--order", "b", **prepaid).stderr
    (one,) = found(stocked, prepaid)
    assert one["well"]
    assert "1 accounts in the database of callbackd pay for nothing" in one["text"]
    assert one["remedy"]


def test_o1_check_says_that_it_cannot_be_loaded_or_asked(
    stocked: Run, prepaid: dict[str, str], tmp_path: Path
) -> None:
    (one,) = found(stocked, {NAMED: "nowhere:engine"})
    assert not one["well"]
    assert one["text"].startswith("credit.engine: nowhere:engine: nowhere cannot be imported")
    ok(stocked("check", "--help"))
    found(stocked, prepaid)
    with closing(sqlite3.connect(tmp_path / "prepaid.sqlite3")) as file:
        file.execute("DROP TABLE hold")
        # What is made where it is not there would be made anew.
        file.execute("CREATE TABLE hold (account, ended)")
    (one,) = found(stocked, prepaid)
    assert not one["well"]


def test_o1_check_does_not_hang_with_one_that_does(
    stocked: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O1: it blocks where it is imported, or where it is asked."""
    monkeypatch.syspath_prepend(str(tmp_path))
    blocks = "import threading\nthreading.Event().wait(300)\n"
    asked = f"def engine(options):\n    {blocks.replace(chr(10), '; ')}\n"
    for name, code in (("hangs_at_once", blocks), ("hangs_later", asked)):
        (tmp_path / f"{name}.py").write_text(code)
        (one,) = found(
            stocked, {NAMED: f"{name}:engine", "CALLBACKD_CREDIT__ENGINE_SECONDS": "0.05"}
        )
        assert not one["well"]
        assert one["text"] == f"credit.engine: {name}:engine said nothing for 0.05 s"
        assert one["remedy"].startswith("see to the billing")


def test_o1_a_name_that_is_none_is_refused_with_the_settings(stocked: Run) -> None:
    result = stocked("check", "--json", CALLBACKD_CREDIT__ENGINE="prepaid.engine")
    (one,) = json.loads(result.stdout)["findings"]
    assert (one["subject"], one["well"]) == ("settings", False)
    assert one["text"].startswith("credit.engine: ")


def test_m7_records_of_a_switch_are_charged_there_too(
    stocked: Run, data: Path, prepaid: dict[str, str], tmp_path: Path
) -> None:
    """M7: `callbackd switch records` asks whoever charges; what cannot be is left for later."""
    records = tmp_path / "records"
    records.mkdir()
    times = {f"{what}_uepoch": "1795935715000000" for what in ("start", "answer", "end")}
    ours = {"callback_leg": "return", "callback_call": "c", "callback_request": "r"}
    path = records / "one.cdr.json"
    path.write_text(json.dumps({"variables": {"uuid": "one", **times, **ours}}))
    os.utime(path, (1, 1))
    refused(
        stocked("switch", "records", str(records), **{NAMED: "nowhere:engine"}), "credit.engine: n"
    )
    printed = ok(stocked("switch", "records", str(records), **prepaid))
    assert printed.startswith("settled 1, known 0")
    with closing(sqlite3.connect(data / "callbackd.sqlite3")) as file:
        assert file.execute("SELECT leg, charge FROM call_leg").fetchall() == [("one", 0)]


def test_what_an_engine_is_given_is_shown_nowhere() -> None:
    credit = Settings().credit
    shown = repr(type(credit)(engine="a:b", options={"key": "hush"}))
    assert "hush" not in shown
    assert "engine='a:b'" in shown


def test_o1_a_controller_does_not_start_with_an_engine_that_cannot_be_used(
    stocked: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it logs goes to where it always does, and stays as it is for others.
    monkeypatch.setattr("controller.logs.configure", lambda **_: None)
    refused(stocked("serve", **{NAMED: "nowhere:engine"}), "credit.engine: nowhere:engine: ")
