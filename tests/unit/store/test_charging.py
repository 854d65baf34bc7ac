"""M1 to M7, M9 in real databases: what is held for calls, and what they are charged."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from controller.callback.events import Credit
from controller.callback.uuids import destination_legs
from controller.credit.model import Granted, LegEnd, Price, Refused, Settled, SpendLimit
from controller.store import charging_holds, schema
from controller.store.charging import SqlCharging
from controller.store.destinations import Called, Destinations
from controller.store.plans import write_plan
from controller.store.requests import Requests
from tests.unit.store.asked import begun, stored
from tests.unit.store.paying import (
    ABROAD,
    CENT,
    HOME,
    NOW,
    SECOND,
    TWO,
    UNTIL,
    account,
    add,
    beginning,
    dialling,
    ending,
    extended,
    extending,
    granted,
    held,
    identifying,
    listed,
)
from tests.unit.store.placed import PLAN

#: What 60 s to `HOME` cost.
MINUTE = 600_000
AT_ONCE = 30


@pytest.fixture
def charging(engine: Engine) -> SqlCharging:
    """An engine with two extensions, and a price list."""
    extended(engine, "100", "200")
    listed(engine)
    return SqlCharging(engine, now=lambda: NOW)


def rows(engine: Engine, table: Any) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


# --- whose account pays ------------------------------------------------------------------------


def test_m9_before_anybody_is_known_the_extension_pays_and_then_the_caller(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "of-extension", 5_000_000)
    account(engine, "of-caller", 2_000_000, caller=HOME)
    granted(charging.begin(beginning("a")))
    (hold,) = charging.overdue(UNTIL + 1)
    assert (hold.account, hold.amount, hold.return_seconds) == ("of-extension", MINUTE, 60)
    moved = granted(charging.identify(identifying("a")))
    assert (moved.return_seconds, moved.serial) == (70, 1)
    (hold,) = charging.overdue(moved.until + 1)
    assert (hold.account, hold.amount) == ("of-caller", 700_000)
    assert charging.credit("100", HOME) == Credit(1_300_000, "USD")
    assert charging.credit("100", None) == Credit(5_000_000, "USD")
    assert charging.identify(identifying("a")) == moved


def test_m9_the_called_numbers_account_pays_where_the_extension_has_none(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "of-caller", 2_000_000, caller=HOME)
    assert not granted(charging.begin(beginning("a"))).charged
    assert granted(charging.begin(beginning("b", fallback=HOME))).charged
    # Whoever has no account either leaves it where it is held.
    assert granted(charging.identify(identifying("b", ABROAD))).charged
    (hold,) = charging.overdue(UNTIL * 2)
    assert hold.account == "of-caller"


def test_m9_where_the_same_account_goes_on_to_pay_what_is_held_stays_while_it_lasts(
    engine: Engine, charging: SqlCharging
) -> None:
    """M9: nothing is written, and the switch need be told of nothing."""
    account(engine, "of-extension", 5_000_000)
    first = granted(charging.begin(beginning("a")))
    before = rows(engine, schema.credit_hold)
    stays = granted(charging.identify(identifying("a", told=0, now=NOW + 30 * SECOND)))
    assert (stays.charged, stays.return_seconds, stays.serial) == (True, 60, first.serial)
    assert rows(engine, schema.credit_hold) == before
    # A second later it would end before anybody has dialled, and more is held.
    longer = granted(charging.identify(identifying("a", told=0, now=NOW + 31 * SECOND)))
    assert (longer.return_seconds, longer.serial) == (91, 1)
    assert held(engine) == {"a": 910_000}


@pytest.mark.parametrize(
    "other",
    [
        "nobody knows what the switch keeps",
        "it keeps the limit of another grant",
        "another account pays",
        "another price",
        "no longer unlimited",
        "the extension may spend only so much",
        "less was held for a stranger",
        "what is held has ended",
    ],
)
def test_m9_where_anything_else_is_not_as_it_was_it_is_decided_anew(
    engine: Engine, charging: SqlCharging, other: str
) -> None:
    spends = SpendLimit(per_day=5_000_000) if other.startswith("the extension") else None
    unlimited = other == "no longer unlimited" or spends is not None
    account(engine, "of-extension", 5_000_000, unlimited=unlimited)
    exposure = 300_000 if other == "less was held for a stranger" else None
    granted(charging.begin(beginning("a", exposure=exposure)))
    told: int | None = {"nobody knows what the switch keeps": None}.get(other, 0)
    match other:
        case "it keeps the limit of another grant":
            told = 1
        case "another account pays":
            account(engine, "of-caller", 5_000_000, caller=HOME)
        case "another price":
            listed(engine, "usual", Price("+1", 1_200_000), since=1)
        case "no longer unlimited":
            with engine.begin() as connection:
                connection.execute(update(schema.account).values(unlimited=False))
        case "what is held has ended":
            charging.release("a", NOW)
    moved = granted(charging.identify(identifying("a", told=told, limit=spends)))
    assert (moved.return_seconds, moved.serial) == (70, 1)
    assert held(engine) == {"a": 1_400_000 if other == "another price" else 700_000}


def test_m9_an_account_without_a_limit_goes_on_without_one(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "of-extension", 0, unlimited=True)
    assert granted(charging.begin(beginning("a"))).return_seconds == 0
    stays = granted(charging.identify(identifying("a", told=0)))
    assert (stays.charged, stays.return_seconds, stays.serial) == (True, 0, 0)


def test_m9_an_account_that_has_not_enough_does_not_take_the_call_over(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "of-extension", 5_000_000)
    account(engine, "of-caller", 100_000, caller=HOME)
    granted(charging.begin(beginning("a")))
    assert charging.identify(identifying("a")) == Refused("no_credit")
    assert held(engine) == {"a": MINUTE}
    (hold,) = charging.overdue(UNTIL + 1)
    assert hold.account == "of-extension"


def test_m1_nobody_pays_without_an_account_or_a_price_list(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "listless", 5, price_list=None)
    for extension in ("100", "200"):
        answer = granted(charging.begin(beginning(extension, extension=extension)))
        assert not answer.charged
        assert not granted(charging.dial(dialling(extension))).charged
        assert not charging.extend(extending(extension)).charged
        charging.not_called(extension, 1)
        charging.release(extension, NOW)
    assert held(engine) == {}
    assert charging.credit("100", None) == Credit(5, "USD")
    assert charging.credit("200", None) is None


@pytest.mark.parametrize("unlimited", [True, False])
def test_m2_a_number_that_the_list_has_no_rate_for_is_not_called(
    engine: Engine, charging: SqlCharging, unlimited: bool
) -> None:
    account(engine, "one", 5_000_000, unlimited=unlimited)
    assert charging.begin(beginning("a", number="+493055500")) == Refused("no_rate")
    granted(charging.begin(beginning("b")))
    assert charging.dial(dialling("b", number="+493055500")) == Refused("no_rate")
    granted(charging.begin(beginning("c", number="1001", free=True)))


# --- a call from its beginning to its end --------------------------------------------------------


def test_m3_m4_m7_a_call_is_held_for_and_charged_to_the_second(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 5_000_000)
    begin = granted(charging.begin(beginning("a")))
    assert charging.begin(beginning("a")) == begin
    assert held(engine) == {"a": MINUTE}
    dial = granted(charging.dial(dialling("a")))
    # 30 s till now, 20 s of ringing, 60 s of talk, 10 s after it; and 60 s abroad.
    assert (dial.return_seconds, dial.destination_seconds, dial.serial) == (120, 60, 1)
    assert charging.dial(dialling("a")) == dial
    assert held(engine) == {"a": 2_400_000}
    more = charging.extend(extending("a"))
    assert (more.destination_seconds, more.serial) == (110, 2)
    assert charging.extend(extending("a")) == more
    charge = charging.settle(ending("a", 1, 70))
    assert charge == Settled(True, 70, 1_400_000, 0, 3_600_000, "USD")
    assert held(engine) == {"a": more.return_seconds * 10_000}
    last = charging.settle(ending("a", 0, 120))
    assert last == Settled(True, 120, 1_200_000, 0, 2_400_000, "USD")
    assert held(engine) == {}
    assert charging.settle(ending("a", 0, 120, source="record")).first is False
    assert charging.credit("100", None) == Credit(2_400_000, "USD")
    first, second = rows(engine, schema.account_entry)[1:]
    assert (first["kind"], first["key"], first["call"]) == ("call", "leg:a-1", "a")
    assert (second["amount"], second["notes"]) == (-1_200_000, "120 s")


def test_m7_legs_may_be_told_of_in_either_order(engine: Engine, charging: SqlCharging) -> None:
    account(engine, "one", 5_000_000)
    granted(charging.begin(beginning("a")))
    granted(charging.dial(dialling("a")))
    assert charging.settle(ending("a", 0, 100)).charge == 1_000_000
    assert held(engine) == {"a": 1_200_000}
    assert charging.settle(ending("a", 1, 60, source="estimate")).charge == 1_200_000
    assert held(engine) == {}
    assert charging.settle(ending("a", 1, 30)) == Settled(False, 60, 1_200_000, 0, 2_800_000)


def test_m7_a_destination_that_is_told_of_after_the_next_has_its_price_and_its_money(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 9_000_000)
    granted(charging.begin(beginning("a")))
    granted(charging.dial(dialling("a")))
    listed(engine, "usual", Price("+44", 60_000), since=NOW + 31 * SECOND)
    granted(charging.dial(dialling("a", 2, now=NOW + 120 * SECOND)))
    assert held(engine) == {"a": 2_100_000 + 1_200_000 + 60_000}
    assert charging.settle(ending("a", 1, 60)).charge == 1_200_000
    assert held(engine) == {"a": 2_160_000}
    charging.not_called("a", 2)
    assert held(engine) == {"a": 2_100_000}


def test_m4_what_is_not_used_is_released(engine: Engine, charging: SqlCharging) -> None:
    account(engine, "one", 5_000_000)
    granted(charging.begin(beginning("a")))
    granted(charging.dial(dialling("a")))
    for _ in range(2):
        charging.not_called("a", 1)
        assert held(engine) == {"a": 1_200_000}
    assert charging.settle(ending("a", 0, None)).charge == 0
    for _ in range(2):
        charging.release("a", NOW)
        assert held(engine) == {}
    assert charging.credit("100", None) == Credit(5_000_000, "USD")
    assert not charging.overdue(UNTIL * 2)


def test_m7_a_leg_is_never_charged_more_than_is_held_and_the_rest_is_said(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 1_000_000)
    granted(charging.begin(beginning("a")))
    late = charging.settle(ending("a", 0, 65))
    assert (late.charge, late.uncovered, late.left) == (600_000, 50_000, 400_000)


def test_m7_a_leg_that_is_told_of_after_its_hold_was_released_is_charged_all_the_same(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 1_000_000)
    granted(charging.begin(beginning("a")))
    charging.release("a", NOW)
    granted(charging.begin(beginning("b")))
    # Not from what another call holds.
    late = charging.settle(ending("a", 0, 60, source="record"))
    assert (late.charge, late.uncovered, late.left) == (400_000, 200_000, 600_000)
    assert held(engine) == {"b": MINUTE}


def test_m7_a_leg_that_was_released_is_not_paid_from_what_the_other_needs(
    engine: Engine, charging: SqlCharging
) -> None:
    """M7: it was answered at the moment that its caller hung up, who never heard of it."""
    account(engine, "a", 10_000_000)
    granted(charging.begin(beginning("call")))
    granted(charging.dial(dialling("call")))
    charging.not_called("call", 1)
    for position, seconds, cost in ((1, 100, 2_000_000), (0, 120, 1_200_000)):
        settled = charging.settle(ending("call", position, seconds))
        assert (settled.charge, settled.uncovered) == (cost, 0)
    assert held(engine) == {}


def test_c2_what_is_held_for_the_call_itself_is_the_callers_to_spend(
    engine: Engine, charging: SqlCharging
) -> None:
    """C2, M3: else nobody who has little would ever hear that he has anything."""
    account(engine, "a", 900_000)
    granted(charging.begin(beginning("other", wanted=30)))
    granted(charging.begin(beginning("call")))
    assert charging.credit("100", None) == Credit(0, "USD")
    assert charging.credit("100", None, "call") == Credit(600_000, "USD")


def test_m9_who_is_known_when_the_call_is_over_has_nothing_held(
    engine: Engine, charging: SqlCharging
) -> None:
    """M9, M7: he hung up while it was asked whose account pays."""
    account(engine, "a", 10_000_000)
    account(engine, "his", 10_000_000, caller=HOME)
    granted(charging.begin(beginning("call")))
    charging.settle(ending("call", 0, 20))
    charging.identify(identifying("call"))
    assert held(engine) == {}


def test_m4_a_number_that_is_dialled_in_place_of_another_has_its_own_price(
    engine: Engine, charging: SqlCharging
) -> None:
    """M4, O4: whoever dialled the first has lost the call before the switch knew of it."""
    account(engine, "a", 10_000_000)
    granted(charging.begin(beginning("call")))
    granted(charging.dial(dialling("call", 1, number=HOME)))
    before = granted(charging.dial(dialling("call", 1)))
    assert granted(charging.dial(dialling("call", 1))) == before
    assert charging.settle(ending("call", 1, 10)).charge == 200_000


def test_m1_an_unlimited_account_is_charged_and_nothing_is_held(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", unlimited=True)
    assert granted(charging.begin(beginning("a"))).charged
    dial = granted(charging.dial(dialling("a")))
    assert (dial.return_seconds, dial.destination_seconds) == (0, 3600)
    assert held(engine) == {"a": 0}
    assert charging.settle(ending("a", 1, 600)).left == -12_000_000
    assert charging.settle(ending("a", 0, 700)).charge == 7_000_000
    assert held(engine) == {}


def test_m6_a_top_up_lets_a_call_run_on(engine: Engine, charging: SqlCharging) -> None:
    account(engine, "one", 2_000_000)
    granted(charging.begin(beginning("a")))
    dial = granted(charging.dial(dialling("a")))
    assert (dial.destination_seconds, dial.more) == (46, False)
    again = charging.extend(extending("a", at=41))
    assert again.more is False
    add(engine, "one", 5_000_000, "more")
    more = charging.extend(extending("a", at=80))
    assert (more.destination_seconds, more.serial) == (100, again.serial + 1)


def test_m4_what_is_taken_from_an_account_leaves_what_was_granted_to_calls(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 2_400_000)
    granted(charging.begin(beginning("a")))
    dial = granted(charging.dial(dialling("a")))
    add(engine, "one", -2_000_000, "taken")
    after = charging.extend(extending("a", at=41))
    assert after.destination_seconds >= dial.destination_seconds
    assert held(engine) == {"a": 2_400_000}
    assert charging.begin(beginning("b")) == Refused("no_credit")


# --- many at once --------------------------------------------------------------------------------

BEGIN = """
import sys
from controller.credit.model import Granted
from controller.store.charging import SqlCharging
from controller.store.database import open_database
from tests.unit.store.paying import beginning
charging = SqlCharging(open_database(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
answers = [charging.begin(beginning(f"{sys.argv[2]}-{one}")) for one in range(10)]
print(sum(isinstance(answer, Granted) for answer in answers))
"""


def test_m4_of_thirty_calls_at_once_on_the_credit_of_one_one_passes(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", MINUTE)
    barrier = Barrier(AT_ONCE)

    def begin(number: int) -> Granted | Refused:
        barrier.wait()
        return charging.begin(beginning(str(number)))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(begin, range(AT_ONCE)))
    assert sum(isinstance(answer, Granted) for answer in answers) == 1
    assert list(held(engine).values()) == [MINUTE]


def test_m4_of_calls_of_two_controllers_at_once_on_the_credit_of_one_one_passes(
    engine: Engine, charging: SqlCharging, database_url: str
) -> None:
    account(engine, "one", MINUTE)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BEGIN, database_url, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    assert sum(int(process.communicate("\n", timeout=60)[0]) for process in processes) == 1
    assert list(held(engine).values()) == [MINUTE]


def test_m4_m9_a_hold_that_moves_while_it_is_waited_for_is_dialled_on_by_its_new_account(
    engine: Engine, charging: SqlCharging
) -> None:
    """M4, M9: the account that is locked is the one that pays, and not the one that has paid."""
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: nothing is read before he is done")
    account(engine, "of-extension", 5_000_000)
    account(engine, "of-caller", 3_000_000, caller=HOME)
    granted(charging.begin(beginning("a")))
    with ThreadPoolExecutor(1) as pool, engine.begin() as first:
        hold = charging_holds.find(first, "a")
        assert hold is not None
        hold.account = "of-caller"
        charging_holds.keep(first, hold)
        asked = pool.submit(charging.dial, dialling("a"))
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        with engine.connect() as looking:
            while not looking.execute(waits).scalar_one():
                assert not asked.done()
        first.commit()
        assert granted(asked.result()).destination_seconds == 60
    left = charging.credit("100", HOME)
    assert left == Credit(3_000_000 - held(engine)["a"], "USD")
    assert charging.credit("100", None) == Credit(5_000_000, "USD")


def test_m7_a_leg_that_many_tell_of_at_once_is_charged_once(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 1_000_000)
    granted(charging.begin(beginning("a")))
    barrier = Barrier(8)

    def settle(end: LegEnd) -> Settled:
        barrier.wait()
        return charging.settle(end)

    ends = [ending("a", 0, 30)] * 4 + [ending("nobody's", 0, 30)] * 4
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(settle, ends))
    assert [answer.first for answer in answers[:4]].count(True) == 1
    assert [answer.first for answer in answers[4:]].count(True) == 1
    assert charging.credit("100", None) == Credit(700_000, "USD")


# --- records -------------------------------------------------------------------------------------


def test_m7_a_leg_of_a_call_that_nobody_pays_for_has_its_record(
    engine: Engine, charging: SqlCharging
) -> None:
    assert charging.settle(ending("a", 0, 5)) == Settled(True, 5)
    assert charging.settle(ending("a", 0, 5)) == Settled(False, 5)
    (leg,) = rows(engine, schema.call_leg)
    assert (leg["account"], leg["seconds"], leg["charge"], leg["kept"]) == (None, 5, 0, NOW)


def test_m7_i9_a_record_has_all_that_is_known_of_its_leg(
    engine: Engine, charging: SqlCharging, requests: Requests
) -> None:
    account(engine, "one", 5_000_000)
    listed(engine, "carrier", Price("+1", 60_000), Price("+44", 120_000))
    values = {"name": "pstn", "description": "", "cost_list": "carrier", "version": 1}
    with engine.begin() as connection:
        connection.execute(insert(schema.channel).values(**values, created=1, changed=1))
    request = stored(requests, HOME)
    assert requests.lease_due("a", 100, 200, 10)
    assert begun(requests, request, attempt="call", plan=PLAN)
    of: dict[str, Any] = {"request": request.id}
    granted(charging.begin(beginning("call", **of)))
    assert [one.call for one in charging.held_on("fs1")] == ["call"]
    assert not charging.held_on("fs2")
    granted(charging.dial(dialling("call", **of)))
    plan = write_plan(PLAN)
    Destinations(engine).keep([Called(request.id, "leg", 1, ABROAD, plan, NOW)])
    charging.settle(ending("call", 1, 60, leg=destination_legs("leg", 1)[0], **of))
    charging.settle(ending("call", 0, 90, channel="gsm", **of))
    there, back = rows(engine, schema.call_leg)
    assert (there["number"], there["shown"], there["caller"]) == (ABROAD, "+12025550101", HOME)
    assert (there["extension"], there["client"], there["node"]) == ("100", "main", "fs1")
    assert (there["cost"], there["cost_currency"]) == (120_000, "USD")
    assert (there["charge"], there["currency"], there["account"]) == (1_200_000, "USD", "one")
    assert msgspec.json.decode(there["price"], type=Price) == TWO
    assert (back["number"], back["shown"], back["cost"]) == (HOME, "+12025550102", None)
    assert msgspec.json.decode(back["price"], type=Price) == CENT
    assert rows(engine, schema.account_entry)[1]["notes"] == f"{ABROAD} 60 s"


def test_m7_a_leg_of_any_name_and_cause_is_charged(engine: Engine, charging: SqlCharging) -> None:
    account(engine, "one", 5_000_000)
    granted(charging.begin(beginning("a")))
    odd = ending("a", 0, 30, leg="a leg, " + "x" * 57, cause="C" * 100)
    assert charging.settle(odd).charge == 300_000
    assert charging.settle(odd).first is False
    assert len(rows(engine, schema.account_entry)[1]["key"]) == 64


# --- an account that is low ----------------------------------------------------------------------


def test_m1_that_an_account_is_low_is_told_once_until_it_is_not(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 1_000_000, low_credit=800_000)

    def call(name: str) -> None:
        granted(charging.begin(beginning(name)))
        charging.settle(ending(name, 0, 15))

    call("a")
    assert rows(engine, schema.notice) == []
    call("b")
    call("c")
    (notice,) = rows(engine, schema.notice)
    assert (notice["kind"], notice["key"]) == ("low_credit", "low:one:3")
    assert msgspec.json.decode(notice["body"]) == {
        "account": "one",
        "owner": "100",
        "extension": "100",
        "caller": None,
        "currency": "USD",
        "left": 700_000,
        "threshold": 800_000,
        "at": NOW,
    }
    add(engine, "one", 300_000, "more")
    call("d")
    assert [row["key"] for row in rows(engine, schema.notice)] == ["low:one:3", "low:one:6"]


@pytest.mark.usefixtures("charging")
def test_m1_an_account_that_a_correction_makes_low_is_told_of_too(engine: Engine) -> None:
    account(engine, "one", 700_000, low_credit=800_000)
    assert rows(engine, schema.notice) == [], "it was never more"
    add(engine, "one", 300_000, "more")
    add(engine, "one", -300_000, "less")
    add(engine, "one", -1, "less still")
    (notice,) = rows(engine, schema.notice)
    assert notice["key"] == "low:one:3"
    assert msgspec.json.decode(notice["body"])["left"] == 700_000


def test_m1_what_is_low_is_another_amount_when_the_operator_says_so(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 1_000_000, low_credit=950_000)
    granted(charging.begin(beginning("a")))
    charging.settle(ending("a", 0, 15))
    assert len(rows(engine, schema.notice)) == 1
    with engine.begin() as connection:
        connection.execute(update(schema.account).values(low_credit=800_000))
    for name in ("b", "c"):
        granted(charging.begin(beginning(name)))
        charging.settle(ending(name, 0, 15))
    _, second = rows(engine, schema.notice)
    assert msgspec.json.decode(second["body"])["threshold"] == 800_000


# --- the database itself -------------------------------------------------------------------------


def test_m4_the_database_refuses_what_is_more_than_there_is(
    engine: Engine, charging: SqlCharging
) -> None:
    account(engine, "one", 1_000_000)
    account(engine, "other", 1_000, caller=HOME)
    granted(charging.begin(beginning("a")))
    hold = rows(engine, schema.credit_hold)[0]
    holds = schema.credit_hold
    entry = {
        "account": "one",
        "position": 2,
        "key": "x",
        "kind": "call",
        "amount": -600_001,
        "left_after": 399_999,
        "order_number": "",
        "notes": "",
        "actor": "raw",
        "created": 1,
        "call": "a",
    }
    wrong: list[Any] = [
        insert(holds).values(**hold | {"call": "b", "amount": 400_001}),
        update(holds).values(amount=1_000_001),
        update(holds).values(account="other"),
        update(holds).values(amount=-1),
        insert(schema.account_entry).values(**entry),
        insert(schema.account_entry).values(
            **entry | {"amount": -1, "left_after": 999_999, "call": "b"}
        ),
        insert(schema.account_entry).values(
            **entry | {"amount": 1, "left_after": 1_000_001, "call": None}
        ),
        insert(schema.account_entry).values(
            **entry | {"amount": 1, "left_after": 1_000_001, "kind": "top_up"}
        ),
    ]
    for statement in wrong:
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(statement)
    assert held(engine) == {"a": MINUTE}
    with engine.begin() as connection:
        connection.execute(insert(holds).values(**hold | {"call": "b", "amount": 400_000}))
        connection.execute(
            insert(schema.account_entry).values(
                **entry | {"amount": -600_000, "left_after": 400_000}
            )
        )
    assert held(engine) == {"a": 0, "b": 400_000}
