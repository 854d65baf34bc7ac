"""M8: what was recharged, filtered and as CSV; top-ups and corrections by CSV, each once."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from sqlalchemy import Engine

from controller.admin.bulk import Applied
from controller.admin.csv_lines import BadFile, Report
from controller.admin.directory import Directory
from controller.admin.entries_csv import HISTORY, file_of
from controller.admin.model import Forbidden, Kind, NotFound
from controller.policy.records import EntryKind
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, ACME_LOOKS, LOOKS, OTHER, two_clients

HEADER = "account,key,amount,kind,order_number,notes,currency\n"


@pytest.fixture
def accounts(store: Directory) -> dict[str, str]:
    """The accounts of extension 100, and of its authorised CallerID, by their names."""
    keys = two_clients(store)
    own = store.create(ADMIN, Kind.ACCOUNT, {"extension": "100", "currency": "JPY"}).key
    return {"100": own, "100/+12125550101": keys[Kind.ACCOUNT]["acme"]}


def take(store: Directory, text: str, *, dry_run: bool = False, actor: Any = ADMIN) -> Report:
    """Import a file."""
    return store.import_entries(actor, lambda: io.BytesIO(text.encode()), dry_run=dry_run)


def left(store: Directory, accounts: dict[str, str]) -> list[int]:
    """Give what is on the accounts."""
    return [store.get(ADMIN, Kind.ACCOUNT, key).values["balance"] for key in accounts.values()]


def test_m8_a_file_enters_each_of_its_lines_once(
    store: Directory, accounts: dict[str, str]
) -> None:
    text = HEADER + (
        "100,a-1,1000,,A-1,cash,JPY\n"
        f"{accounts['100/+12125550101']},a-1,0.000001,top_up,,,\n"
        '100/+12125550101,a-2,-0.5,correction,A-3,"two\nlines",USD\n'
    )
    assert take(store, text, dry_run=True).applied == Applied(created=3)
    assert left(store, accounts) == [0, 0]
    assert take(store, text).applied == Applied(created=3)
    assert left(store, accounts) == [1_000_000_000, -499_999]
    assert take(store, text, dry_run=True).applied == Applied(same=3)
    assert take(store, text + "100,a-9,1,,,,\n").applied == Applied(created=1, same=3)
    assert left(store, accounts) == [1_001_000_000, -499_999]
    entry = store.entries(ADMIN, accounts["100/+12125550101"]).items[1]
    assert (entry.kind, entry.order_number, entry.notes, entry.actor, entry.call) == (
        "correction", "A-3", "two\nlines", ADMIN.name, None,
    )  # fmt: skip
    assert store.audit(ADMIN, {"action": "enter"}).items[0].kind == "account"


def test_m8_every_bad_line_is_told_and_nothing_is_written(
    store: Directory, accounts: dict[str, str]
) -> None:
    store.add_entry(ADMIN, accounts["100"], {"key": "there", "amount": 1})
    text = HEADER + (
        "100,good,1,,,,\n"
        "999,k,1,,,,\n"
        "100,k-1,1,,,,EUR\n"
        "100,there,2,,,,\n"
        "100,k-2,0,,,,\n"
        "100,k-3,-1,,,,\n"
        "100,k-4,1,call,,,\n"
        "100,leg:1,1,,,,\n"
        "100,good,2,,,,\n"
        '100,k-5,"1,5",,,,\n'
        ",,,,,,x\n"
        "100,k 6,1,,,,\n"
        "100,k-7,1,gift,,,\n"
        "100,k-8\n"
    )
    report = take(store, text)
    assert report.applied == Applied()
    assert left(store, accounts) == [1, 0]
    told = [str(found).partition(";")[0] for found in report.bad]
    assert told == [
        "line 3, account: there is no account 999",
        "line 4, currency: the account is in JPY, and not in EUR",
        "line 5, key: there stands for another entry of this account",
        "line 6, amount: nothing would change",
        "line 7, amount: a top-up adds",
        "line 8, kind: `call` is what a call was charged",
        "line 9, key: `leg:` begins those of what calls cost",
        "line 10, key: stands in line 2 too",
        "line 11, amount: '1,5' is no amount",
        "line 12, account: is missing",
        "line 12, key: is missing",
        "line 12, amount: is missing",
        told[12],
        told[13],
        "line 15: has 2 cells where the header has 7",
    ]
    assert told[12].startswith("line 13, key: ")
    assert told[13].startswith("line 14, kind: ")
    assert take(store, text, dry_run=True) == Report(Applied(created=1), report.bad)


def test_m8_what_is_no_such_file_is_refused(store: Directory) -> None:
    for text, says in (
        ("account,amount\n", "the column key is missing"),
        ("account,key,amount,left_after\n", "there is no column 'left_after'"),
    ):
        with pytest.raises(BadFile, match=says):
            take(store, text)


def test_m1_o2_entries_are_imported_by_administrators(
    store: Directory, accounts: dict[str, str]
) -> None:
    for actor in (ACME, ACME_LOOKS, LOOKS):
        with pytest.raises(Forbidden):
            take(store, HEADER + "100,k,1,,,,\n", actor=actor)
    assert left(store, accounts) == [0, 0]


def test_m8_many_lines_are_entered_in_several_transactions(
    store: Directory, accounts: dict[str, str]
) -> None:
    lines = "".join(f"100,k-{index},1,,,,\n" for index in range(450))
    assert take(store, HEADER + lines).applied == Applied(created=450)
    assert left(store, accounts) == [450_000_000, 0]


def test_m8_the_history_is_filtered_by_kind_and_time(
    store: Directory, accounts: dict[str, str]
) -> None:
    account = accounts["100"]
    made = []
    for index, kind in enumerate(("top_up", "correction", "top_up", "correction")):
        values = {"key": f"k-{index}", "amount": 5 + index, "kind": kind}
        made.append(store.add_entry(ADMIN, account, values)[0])
    times = [line.created for line in made]
    assert times == sorted(set(times))

    def keys(**filters: Any) -> list[str]:
        return [line.key for line in store.history(ACME, account, **filters)]

    assert keys() == ["k-0", "k-1", "k-2", "k-3"]
    assert keys(kind=EntryKind.TOP_UP) == ["k-0", "k-2"]
    assert keys(kind=EntryKind.CALL) == []
    assert keys(since=times[1]) == ["k-1", "k-2", "k-3"]
    assert keys(until=times[1]) == ["k-0"]
    assert keys(kind=EntryKind.CORRECTION, since=times[2], until=times[3] + 1) == ["k-3"]
    page = store.entries(ADMIN, account, limit=1, kind=EntryKind.CORRECTION)
    assert [line.key for line in page.items] == ["k-1"]
    again = store.entries(ADMIN, account, after=page.next or 0, kind=EntryKind.CORRECTION)
    assert [line.key for line in again.items] == ["k-3"]
    with pytest.raises(NotFound):
        list(store.history(OTHER, account))


def test_m8_the_history_is_a_file(store: Directory, accounts: dict[str, str]) -> None:
    account = accounts["100/+12125550101"]
    for values in (
        {"key": "k-1", "amount": 12_500_000, "order_number": "=A1", "notes": "by bank"},
        {"key": "-2+2", "amount": -1, "kind": "correction"},
    ):
        store.add_entry(ADMIN, account, values)
    stream = io.StringIO(newline="")
    stream.writelines(file_of(store.history(ADMIN, account), "100/+12125550101", "USD"))
    rows = list(csv.DictReader(io.StringIO(stream.getvalue())))
    assert tuple(rows[0]) == HISTORY
    dates = [row.pop("date") for row in rows]
    assert dates == sorted(set(dates))
    assert [list(row.values()) for row in rows] == [
        ["'=A1", "12.5", "12.5", "test", "by bank", "top_up", "k-1", "", "100/+12125550101", "USD"],
        ["", "-0.000001", "12.499999", "test", "", "correction", "'-2+2", "", "100/+12125550101",
         "USD"],
    ]  # fmt: skip


def test_both_databases_hold_what_was_entered(engine: Engine, store: Directory) -> None:
    two_clients(store)
    take(store, HEADER + "200/+12125550102,k,3,,,,USD\n")
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT amount, left_after FROM account_entry").all()
    assert [tuple(row) for row in found] == [(3_000_000, 3_000_000)]
