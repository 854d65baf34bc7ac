"""Many authorised CallerIDs at a time, and what is on accounts: the desk of the pages (O2, M1)."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import insert

from controller.admin import callers, writing
from controller.admin.callers import CallersAction
from controller.admin.directory import Directory
from controller.admin.model import Conflict, Forbidden, Invalid, Kind
from controller.store.schema import callback_request
from controller.store.schema_money import credit_hold
from tests.seed import ADMIN
from tests.unit.admin.given import ACME, LOOKS, OTHER, create, two_clients

OWN = "100/+12125550101"
FOREIGN = "200/+12125550102"


def more(store: Directory, count: int, **values: Any) -> list[str]:
    """Make some more of extension 100."""
    return [
        create(
            store,
            Kind.CALLERID,
            {"extension": "100", "number": f"+1212555{2000 + n}", **values},
        ).key
        for n in range(count)
    ]


def enabled(store: Directory) -> set[str]:
    """Give those that are enabled."""
    return {item.key for item in store.list(ADMIN, Kind.CALLERID, {"enabled": True}).items}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """Have a transaction take a few."""
    monkeypatch.setattr(callers, "AT_A_TIME", 3)
    return 3


def test_o2_all_that_match_are_done_in_several_transactions(store: Directory, few: int) -> None:
    """O2: those that no longer match once they are changed as well."""
    two_clients(store)
    keys = more(store, 3 * few + 1)
    done = store.change_callers(
        ADMIN, CallersAction.DISABLE, filters={"extension": "100", "enabled": True}
    )
    assert (done.done, done.same, done.refusals) == (len(keys) + 1, 0, 0)
    assert enabled(store) == {FOREIGN}
    removed = store.change_callers(
        ADMIN, CallersAction.REMOVE, filters={"extension": "100", "enabled": False}
    )
    assert removed.done == len(keys) + 1
    assert store.count_callers(ADMIN) == 1


def test_o2_a_transaction_that_fails_keeps_no_other_from_being_done(
    store: Directory, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O2: what was not done is told, and nothing of it was done by half."""
    two_clients(store)
    keys = more(store, 2 * few, enabled=False)
    real = writing.write

    def write(transaction: Any, actor: Any, kind: Any, pairs: Any, **values: Any) -> Any:
        written = real(transaction, actor, kind, pairs, **values)
        if any(stored.key[1] == keys[1].split("/")[1] for stored, _ in pairs):
            raise Conflict("somebody else wrote it")
        return written

    monkeypatch.setattr(callers, "write", write)
    done = store.change_callers(ADMIN, CallersAction.ENABLE, keys=keys)
    assert (done.done, done.refusals) == (few, few)
    assert {one.key for one in done.refused} == set(keys[:few])
    assert {one.message for one in done.refused} == {"somebody else wrote it"}
    assert enabled(store) == {OWN, FOREIGN, *keys[few:]}


def test_o2_a_client_does_it_to_his_own_alone(store: Directory) -> None:
    """O2: named or not, another's is not there."""
    two_clients(store)
    done = store.change_callers(ACME, CallersAction.REMOVE, keys=[OWN, FOREIGN, "a", "b/c/d", OWN])
    assert done.done == 1
    assert {one.key for one in done.refused} == {FOREIGN, "a", "b/c/d"}
    assert store.change_callers(ACME, CallersAction.DISABLE).done == 0
    assert store.count_callers(ACME) == 0
    assert store.count_callers(OTHER) == 1
    for action in CallersAction:
        with pytest.raises(Forbidden):
            store.change_callers(LOOKS, action, keys=[FOREIGN])
    assert enabled(store) == {FOREIGN}


def test_g1_so_many_are_named_at_a_time(store: Directory) -> None:
    """G1: more than a page holds are none that anybody ticked."""
    with pytest.raises(Invalid, match="at most"):
        store.change_callers(ADMIN, CallersAction.ENABLE, keys=["x"] * 1001)


def test_m1_what_is_on_accounts_and_held(store: Directory) -> None:
    """M1, M3: the sum of the entries, and what calls hold that are not over."""
    made = two_clients(store)[Kind.ACCOUNT]
    account = made["acme"]
    for count, amount in enumerate((5_000_000, -2_000_000)):
        values = {"key": f"{count}", "kind": "correction", "amount": amount}
        store.add_entry(ADMIN, account, values)
    request = dict.fromkeys(("did", "number", "caller"), "+12125550101")
    holds = dict.fromkeys(("serial", "return_seconds", "until", "created", "changed"), 1)
    with store._engine.begin() as connection:
        connection.execute(
            insert(callback_request).values(
                id="r" * 36, extension="100", state="calling", created=1, due=1, **request
            )
        )
        for call, amount, ended in (("a", 100, None), ("b", 20, None), ("c", 3, 9)):
            connection.execute(
                insert(credit_hold).values(
                    call=call * 36,
                    request="r" * 36,
                    extension="100",
                    account=account,
                    limited=True,
                    amount=amount,
                    ended=ended,
                    **holds,
                )
            )
    found = store.credit_of_callers(ADMIN, [OWN, FOREIGN, "none"])
    assert set(found) == {OWN, FOREIGN}
    one = found[OWN]
    assert (one.account, one.balance, one.held, one.calls) == (account, 3_000_000, 120, 2)
    assert one.available == 2_999_880
    assert store.standings(ADMIN, [account]) == {account: one}
    assert [hold.amount for hold in store.holding(ADMIN, account)] == [100, 20]
    # Another's is not there.
    assert store.credit_of_callers(OTHER, [OWN, FOREIGN]) == {FOREIGN: found[FOREIGN]}
    assert store.standings(OTHER, [account]) == {}
    assert store.credit_of_callers(ADMIN, []) == {}


def test_m8_the_history_from_its_end(store: Directory) -> None:
    """M8: the newest first, and on from where it was."""
    account = two_clients(store)[Kind.ACCOUNT]["acme"]
    for count in range(1, 6):
        store.add_entry(ADMIN, account, {"key": f"{count}", "amount": count})
    first = store.entries(ADMIN, account, limit=2, newest_first=True)
    assert [line.amount for line in first.items] == [5, 4]
    assert first.next == 4
    rest = store.entries(ADMIN, account, limit=9, newest_first=True, after=4)
    assert [line.amount for line in rest.items] == [3, 2, 1]
    assert rest.next is None


def test_m1_what_an_entry_would_do_is_said_and_not_done(store: Directory) -> None:
    """M1: with everything that is wrong with it."""
    account = two_clients(store)[Kind.ACCOUNT]["acme"]
    values = {"key": "one", "amount": 7}
    weighed = store.check_entry(ADMIN, account, values)
    assert (weighed.before, weighed.after, weighed.entered) == (0, 7, None)
    assert store.entries(ADMIN, account).items == ()
    store.add_entry(ADMIN, account, values)
    weighed = store.check_entry(ADMIN, account, values)
    assert (weighed.before, weighed.after, weighed.entered) == (7, 7, 1)
    with pytest.raises(Conflict):
        store.check_entry(ADMIN, account, {"key": "one", "amount": 8})
    with pytest.raises(Invalid):
        store.check_entry(ADMIN, account, {"key": "two", "amount": 0})
    with pytest.raises(Forbidden):
        store.check_entry(ACME, account, {"key": "two", "amount": 1})


def test_o2_an_import_says_what_it_does_to_each(store: Directory) -> None:
    """O2: which are new, and which fields of others change; of PINs only that they do."""
    two_clients(store)
    text = b"extension,number,pin,notes\n100,+12125550101,4711,changed\n100,+12125559999,,\n"
    report, planned = store.import_callers(ADMIN, lambda: io.BytesIO(text), dry_run=True)
    assert (report.applied.created, report.applied.changed) == (1, 1)
    assert [(one.key, one.new, set(one.fields)) for one in planned] == [
        (OWN, False, {"pin", "notes"}),
        ("100/+12125559999", True, set()),
    ]
    assert store.count_callers(ADMIN) == 2
