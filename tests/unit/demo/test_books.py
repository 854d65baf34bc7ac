"""The demo's judgement over money (M7): what is not what the switch says is a fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, delete, insert, update

from controller.credit.model import LegEnd, Price, Side
from controller.demo.books import Books, Charged
from controller.demo.scripts import CREDIT, LISTED, USUAL, Script, make_scripts
from controller.store.charging import SqlCharging
from controller.store.database import open_database
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_destination as destinations
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import call_leg as legs
from controller.store.schema_money import credit_hold as holds
from tests.databases import new_file
from tests.unit.store import paying

(SCRIPT,) = (one for one in make_scripts(2, 1.0) if one.extension == LISTED)
OTHER = SCRIPT.connected


class Demo:
    """A call of a list that has cost something, and its switch's records."""

    def __init__(self, engine: Engine, records: Path) -> None:
        self.engine, self.records = engine, records
        self.books = Books(engine, records)
        self.charging = SqlCharging(engine)
        paying.listed(engine, USUAL, Price("+", 300_000))
        paying.extended(engine, LISTED)
        account = paying.account(
            engine, "his", extension=LISTED, caller=SCRIPT.caller, price_list=USUAL
        )
        paying.add(engine, account, CREDIT, "demo")
        self._asked()
        caller = {"extension": LISTED, "caller": SCRIPT.caller, "request": "r"}
        self.charging.begin(paying.beginning("call", number=SCRIPT.caller, **caller))
        self.charging.dial(paying.dialling("call", number=OTHER, slice=30, request="r"))
        for position, seconds in ((1, 12), (0, 70)):
            self.end(paying.ending("call", position, seconds, request="r"))

    def _asked(self) -> None:
        values = {
            "id": "r", "extension": LISTED, "did": SCRIPT.did, "number": SCRIPT.caller,
            "caller": SCRIPT.caller, "state": "done", "created": 1, "due": 1, "joined": 0,
            "attempts": 1, "said": SCRIPT.caller, "last_caller": SCRIPT.caller,
            "last_did": SCRIPT.did, "rang": 1, "expires": 2,
        }  # fmt: skip
        attempt = {
            "id": "call", "request": "r", "extension": LISTED, "number": SCRIPT.caller,
            "node": "fs1", "channels": "[]", "begun": 1,
        }  # fmt: skip
        destination = {
            "request": "r", "leg": "call", "position": 1, "number": OTHER, "begun": 1, "plan": "",
        }  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(insert(requests).values(values))
            connection.execute(insert(attempts).values(attempt))
            connection.execute(insert(destinations).values(destination))

    def end(self, leg: LegEnd) -> None:
        """Let a leg be over: the switch writes it down, and it is settled."""
        self.recorded(leg.leg, leg.side, leg.answered or 0, leg.ended)
        self.charging.settle(leg)

    def recorded(self, leg: str, side: Side, answered: int, ended: int) -> None:
        """Write what the switch says."""
        values = {"uuid": leg, "callback_leg": side.value}
        times = {"answer_uepoch": str(answered), "end_uepoch": str(ended)}
        path = self.records / f"{leg}.cdr.json"
        path.write_bytes(msgspec.json.encode({"variables": values | times}))

    def faults(self, script: Script = SCRIPT) -> list[str]:
        """Give what is not exact."""
        return self.books.faults([script])


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    engine = open_database(new_file(tmp_path / "callbackd.sqlite3"))
    (tmp_path / "records").mkdir()
    yield Demo(engine, tmp_path / "records")
    engine.dispose()


def test_m7_what_the_switch_says_has_no_fault(demo: Demo) -> None:
    assert demo.faults() == []
    assert not demo.books.waiting()
    assert demo.books.charged() == Charged(2, 82, 82 * 5_000, 0, 1)


def test_m7_other_seconds_are_a_fault(demo: Demo) -> None:
    demo.recorded("call-1", Side.DESTINATION, paying.NOW, paying.NOW + 13 * paying.SECOND)
    assert len(demo.faults()) == 1


def test_m7_a_leg_that_was_not_charged_is_a_fault(demo: Demo) -> None:
    demo.recorded("another", Side.DESTINATION, paying.NOW, paying.NOW + paying.SECOND)
    assert demo.books.waiting()
    assert demo.faults() == ["leg another: not settled"]


def test_m7_a_leg_that_the_switch_does_not_know_is_a_fault(demo: Demo) -> None:
    (demo.records / "call-1.cdr.json").unlink()
    assert len(demo.faults()) == 1
    # Of one that ends while a password is read there is no record.
    assert demo.faults(msgspec.structs.replace(SCRIPT, recorded=False)) == []


def test_m7_a_record_that_is_written_still_is_waited_for(demo: Demo) -> None:
    (demo.records / "other.cdr.json").write_text('{"variables":')
    assert demo.books.waiting()
    assert len(demo.faults()) == 1


def test_m7_what_is_held_still_is_a_fault(demo: Demo) -> None:
    with demo.engine.begin() as connection:
        connection.execute(update(holds).values(ended=None))
    assert demo.books.waiting()
    assert demo.faults() == ["credit is held for 1 calls that are over"]


def test_m1_lines_that_are_not_what_legs_cost_are_a_fault(demo: Demo) -> None:
    paying.add(demo.engine, "his", 1, "found")
    assert len(demo.faults()) == 2


def test_m1_a_charge_for_no_leg_is_a_fault(demo: Demo) -> None:
    with demo.engine.begin() as connection:
        connection.execute(delete(legs).where(legs.c.leg == "call-1"))
    assert len(demo.faults()) == 3


def test_m9_another_account_than_his_is_a_fault(demo: Demo) -> None:
    another = msgspec.structs.replace(SCRIPT, extension="1001")
    assert len(demo.faults(another)) == 4
