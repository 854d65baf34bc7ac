"""M1, M8: the ledger is append-only and its balance the sum of its entries, whoever writes."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from controller.admin.model import Conflict, Invalid, Item, Kind, Line
from controller.policy.fields import MOST_MICROS
from controller.policy.model import Policy
from controller.policy.records import Entry
from controller.store import ledger
from controller.store.journal import writing
from controller.store.schema import account_entry
from tests.seed import ADMIN, directory, keep
from tests.unit.examples import many

COUNT = itertools.count(1000)


@pytest.fixture
def account(engine: Engine, policy: Policy) -> str:
    """An account of extension 100, in dollars."""
    keep(engine, policy)
    made = directory(engine).create(ADMIN, Kind.ACCOUNT, {"extension": "100", "currency": "USD"})
    return made.key


def shown(engine: Engine, account: str) -> Item:
    return directory(engine).get(ADMIN, Kind.ACCOUNT, account)


def balance(engine: Engine, account: str) -> int:
    """Give the balance that is shown, which is the sum of what is there."""
    with engine.connect() as connection:
        total = connection.execute(
            select(func.coalesce(func.sum(account_entry.c.amount), 0)).where(
                account_entry.c.account == account
            )
        ).scalar_one()
        assert ledger.balances(connection, [account]) == {account: int(total)}
    assert shown(engine, account).values["balance"] == int(total)
    return int(total)


def top_up(engine: Engine, account: str, amount: int, key: str) -> Any:
    values = {"key": key, "amount": amount, "kind": "correction"}
    return directory(engine).add_entry(ADMIN, account, values)


def line(account: str, position: int, amount: int, left: int, key: str = "raw") -> dict[str, Any]:
    return {
        "account": account,
        "position": position,
        "key": key,
        "kind": "top_up",
        "amount": amount,
        "left_after": left,
        "order_number": "",
        "notes": "",
        "actor": "raw",
        "created": 1,
    }


# --- entries ---------------------------------------------------------------------------------


def test_m8_an_entry_says_what_was_left_after_it_when_and_who_made_it(
    engine: Engine, account: str
) -> None:
    values = {"key": "a", "amount": 5_000_000, "order_number": "INV-7", "notes": "cash\nthanks"}
    made, new = directory(engine).add_entry(ADMIN, account, values)
    assert new
    (kept,) = directory(engine).entries(ADMIN, account).items
    assert kept == made
    assert (kept.position, kept.key, kept.kind) == (1, "a", "top_up")
    assert (kept.amount, kept.left_after) == (5_000_000, 5_000_000)
    assert (kept.order_number, kept.notes, kept.actor) == ("INV-7", "cash\nthanks", ADMIN.name)
    assert kept.created > 0


def test_m1_the_same_key_again_is_the_same_entry(engine: Engine, account: str) -> None:
    first, new = top_up(engine, account, 7, "a")
    again, renewed = top_up(engine, account, 7, "a")
    assert (new, renewed) == (True, False)
    assert again == first
    assert balance(engine, account) == 7


def test_m1_a_key_that_stands_for_another_entry_is_a_conflict(engine: Engine, account: str) -> None:
    top_up(engine, account, 7, "a")
    others = ({"amount": 8}, {"kind": "top_up"}, {"order_number": "x"}, {"notes": "x"})
    for other in others:
        values: dict[str, object] = {"key": "a", "amount": 7, "kind": "correction", **other}
        with pytest.raises(Conflict, match=r"^key: a stands for another entry"):
            directory(engine).add_entry(ADMIN, account, values)
    assert balance(engine, account) == 7


def test_m1_each_account_has_its_own_keys(engine: Engine, policy: Policy, account: str) -> None:
    keep(engine, msgspec.structs.replace(policy, extension="200", dids=("+12025550199",)))
    other = (
        directory(engine).create(ADMIN, Kind.ACCOUNT, {"extension": "200", "currency": "EUR"}).key
    )
    assert top_up(engine, account, 7, "a")[1]
    assert top_up(engine, other, 9, "a")[1]
    assert (balance(engine, account), balance(engine, other)) == (7, 9)


WRONG: list[tuple[dict[str, object], str]] = [
    ({"amount": 0}, "amount: nothing would change"),
    ({"amount": -1}, "amount: a top-up adds; write kind `correction`"),
    ({"amount": MOST_MICROS + 1}, "amount: "),
    ({"amount": "1"}, "amount: write a whole number"),
    ({"amount": 1.5}, "amount: write a whole number"),
    ({"amount": True}, "amount: write a whole number"),
    ({"key": ""}, "key: "),
    ({"key": "a b"}, "key: is not written as it has to be: Letters"),
    ({"key": "x" * 65}, "key: "),
    ({"kind": "call"}, "kind: `call` is what a call was charged"),
    ({"kind": "call", "amount": -1, "key": "leg:x"}, "kind: `call` is what a call was charged"),
    ({"key": "leg:x"}, "key: `leg:` begins those of what calls cost"),
    ({"call": "x"}, "call: there is no such setting"),
    ({"order_number": "a\nb"}, "order_number: is not written as it has to be: One line"),
    ({"left_after": 5}, "left_after: there is no such setting"),
    ({"actor": "somebody"}, "actor: there is no such setting"),
]


def test_an_entry_that_cannot_be_is_refused_by_its_field(engine: Engine, account: str) -> None:
    store = directory(engine)
    for values, says in WRONG:
        with pytest.raises(Invalid) as caught:
            store.add_entry(ADMIN, account, {"key": "a", "amount": 1} | values)
        assert str(caught.value).startswith(says)
    assert balance(engine, account) == 0


@settings(max_examples=many(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(
        st.tuples(
            st.sampled_from("abcdefgh"),
            st.integers(-MOST_MICROS, MOST_MICROS).filter(bool),
        ),
        max_size=12,
    )
)
def test_m1_the_balance_is_always_the_sum_of_the_entries(
    engine: Engine, policy: Policy, entries: list[tuple[str, int]]
) -> None:
    # A ledger is kept, so that each example has an account of its own.
    number = next(COUNT)
    own = msgspec.structs.replace(policy, extension=str(number), dids=(f"+1202555{number}",))
    keep(engine, own)
    store = directory(engine)
    account = store.create(ADMIN, Kind.ACCOUNT, {"extension": own.extension, "currency": "USD"}).key
    known: dict[str, int] = {}
    for key, amount in entries:
        if known.get(key, amount) != amount:
            with pytest.raises(Conflict):
                top_up(engine, account, amount, key)
        else:
            _, new = top_up(engine, account, amount, key)
            assert new is (key not in known)
            known[key] = amount
        assert balance(engine, account) == sum(known.values())
    kept = store.entries(ADMIN, account).items
    assert [found.position for found in kept] == list(range(1, len(known) + 1))
    assert {found.key: found.amount for found in kept} == known


def test_m1_top_ups_at_the_same_time_are_all_counted_and_leave_no_gap(
    engine: Engine, account: str
) -> None:
    threads, each = 4, 5
    barrier = Barrier(threads)

    def work(number: int) -> int:
        barrier.wait()
        # One key is everybody's: it counts once.
        keys = [f"{number}-{index}" for index in range(each)] + ["all"]
        return sum(top_up(engine, account, 3, key)[1] for key in keys)

    with ThreadPoolExecutor(threads) as pool:
        made = list(pool.map(work, range(threads)))
    assert sum(made) == threads * each + 1
    assert balance(engine, account) == 3 * (threads * each + 1)
    kept = directory(engine).entries(ADMIN, account, limit=1000).items
    assert [found.position for found in kept] == list(range(1, threads * each + 2))
    assert [found.left_after for found in kept] == [3 * found.position for found in kept]


def test_m8_pages_of_a_ledger_are_the_ledger(engine: Engine, account: str) -> None:
    for number in range(7):
        top_up(engine, account, number + 1, str(number))
    store = directory(engine)
    found: list[Line] = []
    after = 0
    while True:
        page = store.entries(ADMIN, account, after=after, limit=3)
        found += page.items
        if page.next is None:
            break
        after = page.next
    assert tuple(found) == store.entries(ADMIN, account, limit=1000).items
    assert [entry.key for entry in found] == [str(number) for number in range(7)]


@pytest.mark.parametrize("sign", [1, -1])
def test_m1_a_balance_that_could_not_be_counted_is_refused(
    engine: Engine, account: str, sign: int
) -> None:
    most = sign * ledger.MOST_LEFT
    with engine.begin() as connection:
        connection.execute(insert(account_entry).values(**line(account, 1, most, most)))
    with pytest.raises(Invalid, match=r"^amount: .*more than can be counted"):
        top_up(engine, account, sign, "a")
    assert balance(engine, account) == most
    top_up(engine, account, -sign, "a")
    assert balance(engine, account) == most - sign


def test_m1_unlimited_and_an_amount_stays_unlimited(engine: Engine, account: str) -> None:
    directory(engine).change(ADMIN, Kind.ACCOUNT, account, {"unlimited": True})
    top_up(engine, account, 5, "a")
    top_up(engine, account, -9, "b")
    assert shown(engine, account).values["unlimited"] is True
    assert balance(engine, account) == -4


def test_a_ledger_without_entries_has_a_balance_of_nothing(engine: Engine, account: str) -> None:
    assert balance(engine, account) == 0
    with engine.connect() as connection:
        assert ledger.balances(connection, []) == {}
        assert ledger.balances(connection, [account, "none"]) == {account: 0, "none": 0}


# --- the database itself ---------------------------------------------------------------------

RAW = [
    "UPDATE account_entry SET amount = 1",
    "UPDATE account_entry SET notes = 'never'",
    "UPDATE account_entry SET position = 9 WHERE position = 2",
    "DELETE FROM account_entry",
    "DELETE FROM account_entry WHERE position = 2",
    "DELETE FROM account",
    "UPDATE account SET id = 'another'",
]


def test_m1_the_database_refuses_to_change_or_remove_an_entry(engine: Engine, account: str) -> None:
    top_up(engine, account, 5, "a")
    top_up(engine, account, 6, "b")
    before = directory(engine).entries(ADMIN, account)
    for statement in RAW:
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text(statement))
        assert directory(engine).entries(ADMIN, account) == before, statement


#: What changes more than texts, or lets one tell more.
NOT_LOSING = [
    "UPDATE account_entry SET notes = 'a longer text than it was', order_number = ''",
    "UPDATE account_entry SET order_number = 'R-77x'",
    "UPDATE account_entry SET notes = '', amount = amount + 1",
    "UPDATE account_entry SET notes = '', actor = 'x'",
    "UPDATE account_entry SET notes = '', created = 0",
    "UPDATE account_entry SET notes = '', key = 'x'",
    "UPDATE account_entry SET notes = '', call = 'x'",
    "UPDATE account_entry SET notes = NULL",
]


def test_m1_o7_a_text_of_the_ledger_may_lose_something_and_nothing_else_changes(
    engine: Engine, account: str
) -> None:
    values = {"key": "a", "amount": 5, "order_number": "R-77", "notes": "for +12125550199"}
    made, _ = directory(engine).add_entry(ADMIN, account, values)
    for statement in NOT_LOSING:
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text(statement))
    with engine.begin() as connection:
        connection.execute(text("UPDATE account_entry SET notes = 'for ~abcdefghijk'"))
    (line,) = directory(engine).entries(ADMIN, account).items
    assert line == msgspec.structs.replace(made, notes="for ~abcdefghijk")
    assert balance(engine, account) == 5


def test_m1_the_database_refuses_to_empty_the_ledger(engine: Engine, account: str) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no TRUNCATE")
    top_up(engine, account, 5, "a")
    for statement in ("TRUNCATE account_entry", "TRUNCATE account CASCADE"):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    assert balance(engine, account) == 5


#: What of an entry is wrong that would follow on two entries that leave 7.
NOT_FOLLOWING: list[dict[str, object]] = [
    {"left_after": 7},
    {"left_after": 1},
    {"amount": 2},
    {"position": 4},
    {"position": 2},
    {"position": 1},
    {"position": 0},
    {"position": None},
    {"amount": None},
    {"left_after": None},
    {"key": "a"},
    {"key": None},
    {"account": "none"},
]


def test_m1_the_database_refuses_an_entry_that_does_not_follow(
    engine: Engine, account: str
) -> None:
    top_up(engine, account, 2, "a")
    top_up(engine, account, 5, "b")
    follows = line(account, 3, 1, 8)
    for wrong in NOT_FOLLOWING:
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(insert(account_entry).values(**follows | wrong))
        assert balance(engine, account) == 7, wrong
    with engine.begin() as connection:
        connection.execute(insert(account_entry).values(**follows))
    assert balance(engine, account) == 8


def test_m1_not_even_an_insert_that_replaces_takes_an_entry_away(
    engine: Engine, account: str
) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has such an INSERT")
    top_up(engine, account, 2, "a")
    for key, position in (("a", 2), ("b", 1)):
        values = f"('{account}', {position}, '{key}', 'top_up', 5, 7, '', '', 'raw', 1, NULL)"
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.execute(text(f"INSERT OR REPLACE INTO account_entry VALUES {values}"))
    assert balance(engine, account) == 2


def test_m1_an_entry_that_is_rolled_back_was_never_there(engine: Engine, account: str) -> None:
    entry = Entry(key="a", amount=5)

    def fail() -> None:
        with writing(engine, lambda change: None) as transaction:
            ledger.add(transaction.connection, account, entry, actor="x", now=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert balance(engine, account) == 0
    assert top_up(engine, account, 5, "a")[0].position == 1
