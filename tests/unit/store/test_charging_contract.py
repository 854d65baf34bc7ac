"""M1 to M4, M7, M9, G3: the contract of charging engines, on ours, and on another one in its place.

The example of the docs is somebody else's engine: alone (`docs/examples/test_prepaid.py`), and as
controllers ask it, beside our records.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from controller.contract import EXTENSION, ChargingContract, granted, new_call
from controller.credit.engine import Charging, Provider, Unavailable
from controller.credit.model import Granted, Refused, Settled
from controller.store.charging import SqlCharging
from controller.store.charging_elsewhere import EngineError, open_charging
from controller.store.requests import Requests
from controller.store.schema_money import call_leg
from tests.unit.store import paying
from tests.unit.store.asked import begun, stored

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


@pytest.fixture
def prepaid(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The example's module, as it is found where its operator has put it."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import prepaid

    yield prepaid
    sys.modules.pop("prepaid")


class TestOurs(ChargingContract):
    """Our own engine, in both databases."""

    @pytest.fixture(autouse=True)
    def _books(self, engine: Engine) -> None:
        self.sql = engine
        paying.extended(engine, EXTENSION)
        paying.listed(engine, "usual", self.home, self.abroad)

    def engine(self) -> Provider:
        return SqlCharging(self.sql)

    def account(
        self, extension: str, money: int, *, caller: str | None = None, unlimited: bool = False
    ) -> None:
        name = f"{extension}{caller or ''}"
        paying.account(self.sql, name, money, caller=caller, unlimited=unlimited)

    def add(self, extension: str, money: int) -> None:
        paying.add(self.sql, extension, money, new_call())


class TestElsewhere(ChargingContract):
    """The example in the place of ours."""

    @pytest.fixture(autouse=True)
    def _books(self, engine: Engine, prepaid: Any, tmp_path: Path) -> None:
        self.sql = engine
        self.options = {"path": str(tmp_path / "prepaid.sqlite3")}
        self.prepaid = prepaid.engine(self.options)
        for price in (self.home, self.abroad):
            self.prepaid.set_price(price)

    def engine(self) -> Charging:
        return open_charging(self.sql, "prepaid:engine", self.options)

    def account(
        self, extension: str, money: int, *, caller: str | None = None, unlimited: bool = False
    ) -> None:
        name = f"{extension}{caller or ''}"
        self.prepaid.open_account(name, extension, caller=caller, unlimited=unlimited)
        self.prepaid.top_up(name, money)

    def add(self, extension: str, money: int) -> None:
        self.prepaid.top_up(extension, money)

    # --- what is ours beside it --------------------------------------------------------------

    def rows(self) -> list[dict[str, Any]]:
        """The legs that were recorded here."""
        with self.sql.connect() as connection:
            return [dict(row) for row in connection.execute(select(call_leg)).mappings()]

    def test_m7_a_leg_is_charged_there_and_recorded_here(self) -> None:
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        end = self.ended(call, 0, 50)
        assert engine.settled([end.leg]) == frozenset()
        paid = engine.settle(end)
        (row,) = self.rows()
        assert (row["charge"], row["currency"], row["seconds"]) == (paid.charge, "USD", 50)
        assert row["account"] == f"elsewhere:{EXTENSION}"
        assert engine.settled([end.leg, "other"]) == {end.leg}
        assert engine.settle(end).first is False
        assert len(self.rows()) == 1

    def test_m7_charged_there_and_not_recorded_here_it_is_recorded_with_the_same_charge(
        self,
    ) -> None:
        """M7, O5: the controller died, or our database was away, in between."""
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        end = self.ended(call, 0, 50)
        charged = self.prepaid.settle(end)
        assert not self.rows()
        paid = engine.settle(end)
        assert (paid.first, paid.charge) == (True, charged.charge)
        assert [row["charge"] for row in self.rows()] == [charged.charge]
        assert self.left(engine) == 5_000_000 - charged.charge

    def test_m7_an_estimate_and_the_leg_it_was_of_are_one_record(self) -> None:
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        granted(engine.dial(self.asked_dial(call)))
        estimate = self.ended(call, 1, 40, leg=f"{call}-way", source="estimate")
        paid = engine.settle(estimate)
        again = engine.settle(self.ended(call, 1, 44))
        assert (again.first, again.charge) == (False, paid.charge)
        assert [row["leg"] for row in self.rows()] == [estimate.leg]

    def test_m7_a_leg_that_nobody_answered_is_recorded_and_not_asked_about(self) -> None:
        engine, call = self.engine(), new_call()
        engine.provider = Silent()  # type: ignore[attr-defined]
        assert engine.settle(self.ended(call, 1, 0, answered=None)) == Settled(True)
        assert [(row["charge"], row["account"]) for row in self.rows()] == [(0, None)]

    def test_o5_which_node_and_which_controller_have_a_call_is_known_here(self) -> None:
        """O5: the engine is told of neither, and each node's calls are found all the same."""
        self.account(EXTENSION, 5_000_000)
        engine, call, other = self.engine(), new_call(), new_call()
        requests = Requests(self.sql)
        request = stored(requests)
        (leased,) = requests.lease_due("controller7", 200, 300, 1)
        assert begun(requests, leased, holder="controller7", node="fs2", attempt=call)
        for one in (call, other):
            granted(engine.begin(self.asked_begin(one, request=request.id)))
        assert engine.held_on("fs1") == []
        (held,) = engine.held_on("fs2")
        assert (held.call, held.holder, held.charged) == (call, "controller7", 0)
        engine.settle(self.ended(call, 1, 40))
        assert {one.call for one in engine.overdue(2**62)} == {call, other}

    def test_whatever_the_engine_raises_it_cannot_be_asked_now(self) -> None:
        """M3: then nobody is called, and what must not be lost is asked again."""
        engine = self.engine()
        engine.provider = Silent()  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match="begin: ConnectionRefusedError"):
            engine.begin(self.asked_begin(new_call()))
        with pytest.raises(Unavailable):
            engine.settle(self.ended(new_call(), 0, 5))
        assert not self.rows()

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            Refused("no_mood"),
            Granted(charged=True, return_seconds=-1),
            Granted(charged=True, return_seconds=1.5),  # type: ignore[arg-type]
        ],
    )
    def test_an_answer_that_cannot_be_calls_nobody(self, answer: Any) -> None:
        engine = self.engine()
        engine.provider = Silent(answer)  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match="cannot be"):
            engine.begin(self.asked_begin(new_call()))

    @pytest.mark.parametrize(
        "answer",
        [
            Settled(True, 50, -1, currency="USD"),
            Settled(True, -50, 1, currency="USD"),
            Settled(True, 50, 1, -1, currency="USD"),
            Settled(True, 50, 10**19, currency="USD"),
            Settled(True, 2**31, 1, currency="USD"),
            Settled(True, 50, 1, currency="DOLLARS"),
            Settled(True, 50, 1, currency="usd"),
            Settled(True, 50, 1, currency="USD\n"),
        ],
    )
    def test_m7_a_charge_that_cannot_be_is_not_recorded(self, answer: Settled) -> None:
        """M7: it is asked again, until it says what can be, and nothing is a record meanwhile."""
        engine, end = self.engine(), self.ended(new_call(), 0, 50)
        engine.provider = Silent(answer)  # type: ignore[attr-defined]
        with pytest.raises(Unavailable, match="cannot be"):
            engine.settle(end)
        assert not self.rows()
        engine.provider = Silent(Settled(True, 50, 9, currency="USD"))  # type: ignore[attr-defined]
        assert engine.settle(end).charge == 9


class Silent:
    """An engine that cannot be reached, or always says the same."""

    def __init__(self, *answers: Any) -> None:
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def say(*_: object) -> Any:
            if not self._answers:
                raise ConnectionRefusedError("no billing")
            return self._answers[0]

        say.__name__ = name
        return say


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("no_such:engine", {}, "credit.engine: no_such:engine: no_such cannot be imported"),
        ("prepaid:motor", {}, "prepaid has no motor"),
        ("prepaid:engine", {}, "could not be made: KeyError: 'path'; see credit.options"),
        ("json:loads", {}, "could not be made: TypeError"),
        ("builtins:dict", {}, "dict has no begin, identify, dial"),
    ],
)
def test_o1_an_engine_that_cannot_be_used_is_told_at_start_by_its_setting(
    engine: Engine, prepaid: Any, name: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(EngineError) as error:
        open_charging(engine, name, options)
    assert str(error.value).startswith("credit.engine: ")
    assert said in str(error.value)


def test_without_an_engine_of_somebody_else_ours_decides(engine: Engine) -> None:
    assert isinstance(open_charging(engine, "", {}), SqlCharging)


def test_an_author_runs_the_contract_on_his_engine_where_that_is(tmp_path: Path) -> None:
    """As `docs/credit-engine.md` says: nothing of ours but the package is needed."""
    for name in ("prepaid.py", "test_prepaid.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_prepaid.py"]
    bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(run, cwd=tmp_path, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "20 passed" in done.stdout
