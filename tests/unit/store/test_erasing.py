"""O7: what is old is erased, some rows at a time; what money needs stays, and balances stay."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event, func, insert, select, text

from controller.credit.model import LegEnd
from controller.store import ledger, schema
from controller.store.charging import SqlCharging
from controller.store.erasing import Erasing
from controller.store.notices import Notices
from controller.store.requests import Request, Requests
from controller.store.schema_callbacks import callback_destination, callback_transcript
from controller.store.streams import Streams
from tests.unit.store import paying
from tests.unit.store.asked import CALLER, asking, begun, stored
from tests.unit.store.called import BEGUN, SECOND, keep_leg, uuid
from tests.unit.store.paying import NOW

DAY = 86_400 * SECOND
OLD = 1_000 * SECOND


@pytest.fixture
def erasing(engine: Engine) -> Erasing:
    return Erasing(engine)


def count(engine: Engine, table: Any) -> int:
    """Count the rows of a table."""
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def rows(engine: Engine, table: Any) -> list[dict[str, Any]]:
    """Give the rows of a table."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def over(requests: Requests, at: int, number: str = CALLER, attempt: str | None = None) -> Request:
    """Keep a callback that is over, with a try, and a line and a destination of it."""
    request = stored(requests, number, now=at, due=at)
    (leased,) = requests.lease_due("a", at, at + 300, 1)
    assert begun(requests, leased, attempt=attempt or f"try-{request.id[:8]}", until=at + 300)
    requests.finish(
        request.id, outcome="completed", cause="NORMAL_CLEARING", destination=None, now=at + 9
    )
    with requests._engine.begin() as connection:
        connection.execute(
            insert(callback_transcript).values(
                request=request.id, at=at, line=1, leg="leg", what="typed", text="0012025550199"
            )
        )
        connection.execute(
            insert(callback_destination).values(
                request=request.id, leg="leg", position=1, number="+12025550199", begun=at,
                plan="{}", ended=at + 5,
            )
        )  # fmt: skip
    return request


# --- callbacks ---------------------------------------------------------------------------------


def test_o7_a_callback_goes_with_all_that_hangs_on_it(
    engine: Engine, erasing: Erasing, requests: Requests
) -> None:
    over(requests, OLD)
    late = over(requests, OLD + DAY)
    refused = requests.refuse(asking(now=OLD), "blocked")
    assert erasing.callbacks(OLD + 1, 10) == 2
    assert requests.get(refused.id) is None
    for table in (
        schema.callback_request, schema.callback_attempt, callback_transcript, callback_destination,
    ):  # fmt: skip
        assert count(engine, table) == 1, table.name
    assert [request.id for request in requests.all()] == [late.id]
    assert erasing.callbacks(OLD + 1, 10) == 0


def test_o7_a_batch_is_as_small_as_was_said_and_begins_with_the_oldest(
    erasing: Erasing, requests: Requests
) -> None:
    made = [requests.refuse(asking(now=at), "blocked") for at in (30, 10, 20)]
    assert erasing.callbacks(100, 2) == 2
    assert [request.id for request in requests.all()] == [made[0].id]
    assert erasing.callbacks(100, 2) == 1


def test_o7_what_is_not_over_stays_however_old(erasing: Erasing, requests: Requests) -> None:
    stored(requests, "+12125550101", now=1)
    stored(requests, "+12125550102", now=2, due=2)
    leased = requests.lease_due("a", 3, 300, 1)
    assert begun(requests, leased[0])
    assert erasing.callbacks(NOW, 10) == 0
    assert len(requests.all()) == 2


def test_o7_a_callback_for_which_something_is_held_stays(
    engine: Engine, erasing: Erasing, requests: Requests
) -> None:
    request = over(requests, OLD)
    _paid(engine, money=1_000_000_000)
    charging = SqlCharging(engine, lambda: NOW)
    charging.begin(paying.beginning("a", request=request.id))
    assert erasing.callbacks(NOW, 10) == 0
    charging.release("a", NOW)
    assert erasing.callbacks(NOW, 10) == 1


# --- call records ------------------------------------------------------------------------------


def _paid(engine: Engine, money: int) -> None:
    paying.listed(engine)
    paying.extended(engine, "100")
    paying.account(engine, "one", money)


def _settled(engine: Engine, requests: Requests) -> tuple[SqlCharging, LegEnd]:
    """Have a return call and its destination made and settled; the account is charged for both."""
    _paid(engine, money=1_000_000_000)
    request = over(requests, OLD, attempt="a").id
    charging = SqlCharging(engine, lambda: NOW)
    charging.begin(paying.beginning("a", request=request))
    charging.dial(paying.dialling("a", request=request))
    charging.settle(paying.ending("a", 1, 20, request=request))
    end = paying.ending("a", 0, 70, request=request)
    charging.settle(end)
    return charging, end


def _balance(engine: Engine) -> int:
    with engine.connect() as connection:
        left = ledger.balances(connection, ["one"])["one"]
        entries = schema.account_entry
        summed = connection.execute(select(func.sum(entries.c.amount))).scalar_one()
    assert left == summed
    return int(left)


def test_o7_m1_a_record_goes_and_the_ledger_keeps_what_it_cost_and_no_number(
    engine: Engine, erasing: Erasing, requests: Requests
) -> None:
    charging, end = _settled(engine, requests)
    keep_leg(engine, 1, begun=NOW + DAY)
    before, balance = rows(engine, schema.account_entry), _balance(engine)
    assert [row["notes"] for row in before] == ["", "20 s", f"{CALLER} 70 s"]
    assert erasing.call_records(NOW + DAY, 10, None) == 2
    after = rows(engine, schema.account_entry)
    assert [row["notes"] for row in after] == ["", "20 s", "70 s"]
    for row in (*before, *after):
        del row["notes"]
    assert after == before
    assert _balance(engine) == balance
    assert count(engine, schema.call_leg) == 1
    # What was held goes with the last record of its call: it is charged no more.
    assert rows(engine, schema.credit_hold) == []
    told = charging.settle(end)
    assert (told.charge, _balance(engine)) == (0, balance)


def test_o7_m7_a_record_of_a_call_that_is_not_settled_stays(
    engine: Engine, erasing: Erasing
) -> None:
    _paid(engine, money=1_000_000_000)
    charging = SqlCharging(engine, lambda: NOW)
    charging.begin(paying.beginning("a"))
    charging.dial(paying.dialling("a"))
    charging.settle(paying.ending("a", 1, 20))
    keep_leg(engine, 1, begun=NOW + DAY)
    assert erasing.call_records(NOW + DAY, 10, None) == 0
    charging.settle(paying.ending("a", 0, 70))
    keep_leg(engine, 2, begun=NOW + DAY)
    assert erasing.call_records(NOW + DAY, 10, None) == 2


def test_o7_o5_a_record_that_a_stream_has_not_taken_stays(engine: Engine, erasing: Erasing) -> None:
    for which in range(4):
        keep_leg(engine, which)
    streams, late = Streams(engine), BEGUN + DAY
    # One that nobody has begun has taken none.
    assert erasing.floor(["billing"], late) == 0
    assert erasing.call_records(late, 10, erasing.floor(["billing"], late)) == 0
    streams.lease("billing", holder="a", now=late, until=late + 1)
    streams.taken("billing", 2, holder="a", now=late)
    assert erasing.call_records(late, 10, erasing.floor(["billing"], late)) == 2
    # One of another controller's settings counts, until nobody has heard of it for a week.
    streams.lease("other", holder="b", now=late, until=late + 1)
    assert erasing.floor([], late) == 0
    assert erasing.floor([], late + 8 * DAY) is None
    assert erasing.floor(["billing"], late + 8 * DAY) == 2


def test_o7_m7_a_callback_for_which_another_engine_holds_stays(
    erasing: Erasing, requests: Requests
) -> None:
    held, other = over(requests, OLD), over(requests, OLD + SECOND, "+12125550111")
    many = [held.id, *(uuid(which) for which in range(1_200))]
    assert erasing.callbacks(OLD + DAY, 100, many) == 1
    assert requests.get(held.id) is not None
    assert requests.get(other.id) is None


def test_o7_the_last_record_keeps_no_account_of_another_engine(
    erasing: Erasing, engine: Engine
) -> None:
    """Its name is what that engine made it of: often a number. Our own is nobody's."""
    keep_leg(engine, 1, account="elsewhere:100+12125550199", number="", caller=None)
    assert erasing.call_records(BEGUN + DAY, 100, None) == 1
    assert erasing.call_records(BEGUN + DAY, 100, None) == 0
    (last,) = rows(engine, schema.call_leg)
    assert last["account"] == "elsewhere:"


def test_o7_the_last_record_stays_without_a_number_so_that_no_serial_comes_twice(
    engine: Engine, erasing: Erasing
) -> None:
    for which in range(2):
        keep_leg(engine, which)
    assert erasing.call_records(BEGUN + DAY, 10, None) == 2
    (last,) = rows(engine, schema.call_leg)
    assert (last["serial"], last["leg"]) == (2, uuid(1))
    assert (last["number"], last["caller"], last["shown"]) == ("", None, None)
    assert erasing.call_records(BEGUN + DAY, 10, None) == 0
    keep_leg(engine, 2)
    assert [row["serial"] for row in rows(engine, schema.call_leg)] == [2, 3]


# --- all else ----------------------------------------------------------------------------------


def test_o7_lines_of_the_audit_log_go_when_they_are_old(engine: Engine, erasing: Erasing) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(schema.audit),
            [
                {"at": at, "actor": "a", "action": "change", "kind": "callerid", "key": "k"}
                for at in (10, 20, 30)
            ],
        )
    assert erasing.audit_entries(30, 10) == 2
    assert [row["at"] for row in rows(engine, schema.audit)] == [30]


def test_o7_a_notice_goes_when_it_was_taken_and_not_before(
    engine: Engine, erasing: Erasing
) -> None:
    notices = Notices(engine)
    for key in ("taken", "failed", "waits"):
        notices.leave(kind="low_credit", key=key, body={"owner": f"100/{CALLER}"}, now=10)
    first = notices.lease(holder="a", now=20, until=30)
    second = notices.lease(holder="a", now=20, until=30)
    assert first is not None
    assert second is not None
    notices.taken(first.id, now=25)
    notices.failed(second.id, "away", holder="a", due=26)
    assert erasing.notices(25, 10, told=True) == 0
    assert erasing.notices(NOW, 10, told=True) == 1
    assert {row["key"] for row in rows(engine, schema.notice)} == {"failed", "waits"}
    # Where nobody is told of any, one that nobody tried to send is for nobody.
    assert erasing.notices(NOW, 10, told=False) == 1
    assert [row["key"] for row in rows(engine, schema.notice)] == ["failed"]


def test_o7_a_suspicion_goes_when_it_was_released_long_ago(
    engine: Engine, erasing: Erasing
) -> None:
    with engine.begin() as connection:
        for subject, released in (("+12125550101", 10), ("+12125550102", None), (CALLER, 20)):
            connection.execute(
                insert(schema.suspicion).values(
                    pattern="many_extensions", subject=subject, blocks=True, first=1, last=2,
                    times=1, said=f"{subject} rang", released=released,
                )
            )  # fmt: skip
    assert erasing.suspicions(10, 10) == 0
    # Of the last one its number stays: a notice of the next is known by another.
    assert erasing.suspicions(NOW, 10) == 2
    assert [(row["id"], row["subject"], row["said"]) for row in rows(engine, schema.suspicion)] == [
        (2, "+12125550102", "+12125550102 rang"),
        (3, "-", "-"),
    ]
    assert erasing.suspicions(NOW, 10) == 0


def test_o7_log_ins_that_are_over_go_though_nobody_logs_in(
    engine: Engine, erasing: Erasing
) -> None:
    assert erasing.log_ins(NOW, idle=NOW - 1, failed=NOW) == 0
    with engine.begin() as connection:
        connection.execute(
            insert(schema.user).values(name="olga", role="admin", version=1, created=1, changed=1)
        )
        for digest, expires, seen in (
            ("a", NOW, NOW),
            ("b", NOW + 1, NOW),
            ("c", NOW + 1, NOW - 1),
        ):
            connection.execute(
                insert(schema.web_session).values(
                    digest=digest, user="olga", whole=True, peer="192.0.2.7", created=1,
                    seen=seen, expires=expires,
                )
            )  # fmt: skip
        connection.execute(insert(schema.log_in_failure).values(name="x", failures=1, last=NOW))
    assert erasing.log_ins(NOW, idle=NOW - 1, failed=NOW) == 3
    assert [row["digest"] for row in rows(engine, schema.web_session)] == ["b"]


def test_o7_o4_of_two_that_erase_at_once_none_waits_for_the_other(
    engine: Engine, erasing: Erasing, requests: Requests
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite takes one writer at a time")
    made = [requests.refuse(asking(now=at), "blocked").id for at in (10, 20, 30)]
    table = schema.callback_request
    with engine.begin() as other:
        other.execute(select(table.c.id).where(table.c.id.in_(made[:2])).with_for_update())
        assert erasing.callbacks(100, 10) == 1
        assert {request.id for request in requests.all()} == set(made[:2])
    assert erasing.callbacks(100, 10) == 2


# --- how it is found ---------------------------------------------------------------------------

PLANS = {
    "callback_request_created": lambda erasing: erasing.callbacks(OLD, 10),
    "call_leg_begun": lambda erasing: erasing.call_records(OLD, 10, 5),
    "audit_at": lambda erasing: erasing.audit_entries(OLD, 10),
    "notice_taken": lambda erasing: erasing.notices(OLD, 10, told=True),
    "suspicion_released": lambda erasing: erasing.suspicions(OLD, 10),
}


@pytest.mark.parametrize("index", PLANS)
def test_o7_what_is_old_is_found_by_an_index(engine: Engine, erasing: Erasing, index: str) -> None:
    """Whatever there ever was is not read: a writer would wait for that."""
    asked: list[tuple[str, Any]] = []
    event.listen(
        engine, "before_cursor_execute",
        lambda _c, _k, statement, values, _x, _m: asked.append((statement, values)),
    )  # fmt: skip
    PLANS[index](erasing)
    statement, values = next(pair for pair in asked if pair[0].startswith("SELECT"))
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if not sqlite:
            # Of empty tables anything is found as quickly.
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
        found = connection.exec_driver_sql(explain + statement, values).all()
    plan = "\n".join(str(tuple(row)) for row in found)
    assert index in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    assert "Sort" not in plan, plan
