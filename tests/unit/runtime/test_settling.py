"""Legs that are over are settled once, whoever tells of them, and whatever nobody tells of (M7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from controller.callback.uuids import destination_legs, leg_uuids
from controller.runtime import settling, unsettled
from controller.runtime.settling import EVENT, Settling, end_of
from controller.runtime.unsettled import Unsettled
from controller.settings import Credit
from controller.store import schema
from controller.store.database import open_database
from controller.store.plans import write_plan
from controller.store.sightings import Sightings
from tests.databases import new_file
from tests.unit.store.paying import ABROAD, NOW, SECOND, UNTIL, beginning, extending
from tests.unit.store.placed import PLAN

from .settling import CALL, FAR, REQUEST, Bench, ending, write_record

CENT = 10_000


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A controller that follows nothing yet; what is to be done later waits in `later`."""
    engine = open_database(new_file(tmp_path / "callbackd.sqlite3"))
    (tmp_path / "records").mkdir()
    made = Bench(engine, tmp_path / "records")

    def spawn_later(seconds: float, function: Any, *given: Any) -> None:
        made.later.append((function, given))

    monkeypatch.setattr(settling, "gevent", SimpleNamespace(spawn_later=spawn_later))
    yield made
    engine.dispose()


def far(**values: Any) -> Any:
    """The last event of a destination's leg, answered after 40 s, for 20 s."""
    given: dict[str, Any] = {
        "leg": "destination",
        "position": "1",
        "start_uepoch": str(NOW + 31 * SECOND),
        "answer_uepoch": str(NOW + 40 * SECOND),
    }
    return ending(FAR, 60, **given | values)


# --- what an event says --------------------------------------------------------------------------


def test_m7_the_end_of_a_leg_is_the_switchs_own() -> None:
    end = end_of(far(), node="fs1", source=EVENT)
    assert end is not None
    assert (end.leg, end.call, end.request, end.position) == (FAR, CALL, REQUEST, 1)
    assert (end.begun, end.answered, end.ended) == (
        NOW + 31 * SECOND,
        NOW + 40 * SECOND,
        NOW + 60 * SECOND,
    )
    assert (end.node, end.channel, end.cause) == ("fs1", "pstn", "NORMAL_CLEARING")


@pytest.mark.parametrize(
    ("values", "rang"),
    [
        ({"progress_uepoch": str(NOW + 33 * SECOND)}, 33),
        (
            {
                "progress_uepoch": str(NOW + 35 * SECOND),
                "progress_media_uepoch": str(NOW + 34 * SECOND),
            },
            34,
        ),
        # It was answered at once.
        ({"progress_uepoch": "0"}, 40),
        ({"answer_uepoch": "0"}, None),
    ],
)
def test_o3_the_far_end_was_first_heard_of_when_it_rang_or_sounded_or_answered(
    values: dict[str, Any], rang: int | None
) -> None:
    end = end_of(far(**values), node="fs1", source=EVENT)
    assert end is not None
    assert end.rang == (None if rang is None else NOW + rang * SECOND)


@pytest.mark.parametrize(
    "values",
    [
        {"leg": "trigger"},
        {"leg": None},
        {"call": None},
        {"request": None},
        {"uuid": "x" * 65},
        {"call": "'; DROP TABLE account"},
        {"request": ["a", "b"]},
        {"start_uepoch": None},
        {"end_uepoch": "0"},
        {"leg": "destination", "position": None},
        {"leg": "destination", "position": "-1"},
    ],
    ids=str,
)
def test_m7_g1_what_is_no_leg_of_ours_is_not_charged(values: dict[str, Any]) -> None:
    assert end_of(ending(**values), node="fs1", source=EVENT) is None


def test_m7_an_odd_channel_is_nobodys() -> None:
    end = end_of(ending(channel="a b"), node="fs1", source=EVENT)
    assert end is not None
    assert end.channel is None


# --- who settles -----------------------------------------------------------------------------


def test_m7_who_follows_the_call_settles_its_legs_at_once(bench: Bench) -> None:
    """M7: the destination's as well, of whose leg he holds none."""
    bench.call()
    bench.legs[CALL] = object()
    bench.settling.leg_ended("fs1", far())
    bench.settling.leg_ended("fs1", ending())
    assert {leg: (row.seconds, row.charge) for leg, row in bench.rows.items()} == {
        FAR: (20, 20 * 2 * CENT),
        CALL: (90, 90 * CENT),
    }
    assert bench.held is None
    assert bench.later == []


def test_m7_who_makes_the_call_settles_what_failed(bench: Bench) -> None:
    bench.call()
    bench.settling.is_calling = lambda request: request == REQUEST
    bench.settling.leg_ended("fs1", ending(answer_uepoch="0", hangup_cause="USER_BUSY"))
    (row,) = bench.rows.values()
    assert (row.answered, row.seconds, row.charge, row.cause) == (None, 0, 0, "USER_BUSY")


def test_m7_all_others_look_later_whether_it_was_done(bench: Bench) -> None:
    """M7, O4: who follows it may have died."""
    bench.call()
    bench.settling.leg_ended("fs1", ending())
    assert bench.rows == {}
    ((function, given),) = bench.later
    function(*given)
    assert bench.rows.keys() == {CALL}


def test_m7_a_leg_that_was_settled_meanwhile_is_not_written_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.call()
    bench.settling.leg_ended("fs1", ending())
    end = end_of(ending(), node="fs1", source=EVENT)
    assert end is not None
    bench.services.charging.settle(end)
    monkeypatch.setattr(bench.services, "keep", None)
    ((function, given),) = bench.later
    function(*given)
    assert bench.rows.keys() == {CALL}


def test_m7_one_end_that_is_told_twice_is_taken_once(bench: Bench) -> None:
    """M7: by the link and by the leg's own connection."""
    bench.call()
    for _ in range(2):
        bench.settling.leg_ended("fs1", ending())
    assert len(bench.later) == 1


def test_m7_who_stops_leaves_it_to_the_others(bench: Bench) -> None:
    bench.call()
    bench.settling.leg_ended("fs1", ending())
    bench.settling.stop()
    ((function, given),) = bench.later
    function(*given)
    assert bench.rows == {}


def test_m7_what_was_not_held_is_counted(bench: Bench) -> None:
    bench.call()
    bench.legs[CALL] = object()
    bench.settling.leg_ended("fs1", ending(seconds=7000))
    (row,) = bench.rows.values()
    assert row.uncovered > 0
    read = bench.services.metrics.registry.get_sample_value
    assert read("callbackd_legs_uncovered_total") == 1
    assert read("callbackd_uncovered_micro_units_total", {"currency": "USD"}) == row.uncovered
    assert read("callbackd_charged_micro_units_total", {"currency": "USD"}) == row.charge
    assert read("callbackd_legs_settled_total", {"source": "event"}) == 1


# --- what nobody tells of --------------------------------------------------------------------


def test_m7_a_call_that_is_alive_is_left_alone(bench: Bench) -> None:
    bench.call()
    bench.link.alive = {CALL, FAR}
    for _ in range(5):
        bench.after(60)
    assert bench.rows == {}
    assert bench.held


def test_m7_a_call_that_is_gone_is_charged_until_it_was_seen(bench: Bench) -> None:
    """M7: each leg until it was seen last itself, once nothing better has come."""
    bench.call()
    bench.link.alive = {CALL, FAR}
    bench.after(50)
    bench.link.alive = {CALL}
    bench.after(20)
    bench.link.alive = set()
    bench.after(20)
    bench.after(59)
    assert bench.rows == {}
    bench.after(1)
    assert {leg: (row.seconds, row.source) for leg, row in bench.rows.items()} == {
        FAR: (10, "estimate"),
        CALL: (70, "estimate"),
    }
    assert bench.held is None


def test_m7_nobody_is_charged_beyond_what_was_granted(bench: Bench) -> None:
    bench.call()
    bench.link.alive = {CALL, FAR}
    bench.after(5000)
    bench.link.alive = set()
    bench.after(20)
    bench.after(60)
    assert all(row.uncovered == 0 for row in bench.rows.values())
    assert bench.rows[FAR].seconds < 4000


def test_m7_an_end_that_came_before_is_not_estimated(bench: Bench) -> None:
    bench.call()
    bench.legs[CALL] = object()
    bench.settling.leg_ended("fs1", ending())
    bench.legs.clear()
    bench.after(50)
    bench.after(60)
    assert {leg: row.source for leg, row in bench.rows.items()} == {
        CALL: "event",
        FAR: "estimate",
    }
    assert bench.held is None


def test_m7_a_record_that_comes_after_an_estimate_charges_nothing_more(bench: Bench) -> None:
    bench.call()
    bench.after(1)
    bench.after(60)
    before = {leg: row.charge for leg, row in bench.rows.items()}
    assert before.keys() == {CALL, FAR}
    records = Path(bench.services.settings.nodes[0].records_dir)
    write_record(records, ending())
    # Another way than that which it was taken for.
    write_record(records, ending("f" * 36, 60, leg="destination", position="1"))
    bench.after(1)
    assert {leg: row.charge for leg, row in bench.rows.items()} == before


def test_m7_a_node_that_is_away_keeps_its_holds_until_they_end(bench: Bench) -> None:
    """M7: and so long that its records may come after all."""
    bench.call()
    bench.link.alive = {CALL, FAR}
    bench.after(50)
    bench.up = False
    (held,) = bench.services.charging.held_on("fs1")
    bench.unsettled.look()
    bench.now = held.until + 59 * SECOND
    bench.unsettled.look()
    assert bench.rows == {}
    bench.after(2)
    assert {leg: row.seconds for leg, row in bench.rows.items()} == {FAR: 10, CALL: 50}
    assert bench.held is None


def test_m7_at_the_start_a_node_is_waited_for(bench: Bench) -> None:
    """M7: a call may have outlived its hold while no controller was up."""
    bench.call()
    bench.up = False
    bench.after(100_000)
    bench.after(59)
    assert bench.rows == {}
    bench.up = True
    bench.link.alive = {CALL, FAR}
    bench.after(600)
    assert bench.rows == {}


def test_m7_a_call_of_an_unlimited_account_may_go_on_meanwhile(bench: Bench) -> None:
    """M7: nothing is held, and its switch ends it no earlier than the policy has it."""
    unlimited(bench)
    bench.call()
    bench.up = False
    bench.after(50)
    bench.after(50_000)
    assert bench.rows == {}
    bench.after(100_000)
    assert bench.rows.keys() == {CALL, FAR}


def unlimited(bench: Bench) -> None:
    """Let the account be without a limit."""
    with bench.engine.begin() as connection:
        connection.execute(schema.account.update().values(unlimited=True))


def test_m7_a_link_that_breaks_meanwhile_says_nothing(bench: Bench) -> None:
    bench.call()
    bench.link.down = True
    bench.after(50)
    bench.after(100)
    assert bench.rows == {}


def test_m7_while_ends_wait_to_be_written_nothing_is_estimated(bench: Bench) -> None:
    bench.call()
    bench.after(1)
    bench.services.store_fault = "away"
    bench.after(600)
    assert bench.rows == {}


def test_m7_an_end_that_waits_is_not_estimated(bench: Bench) -> None:
    bench.call()
    bench.settling.leg_ended("fs1", ending())
    bench.after(1)
    bench.after(600)
    assert bench.rows == {}


def test_m7_what_was_written_while_records_were_read_is_read_before_it_is_estimated(
    bench: Bench,
) -> None:
    """M7: there may be so many that it takes minutes, or the store is away meanwhile."""
    bench.call()
    bench.after(1)
    records = Path(bench.services.settings.nodes[0].records_dir)

    def takes_long(function: Any, *given: Any) -> Any:
        if function.__name__ == "held_on" and not list(records.iterdir()):
            bench.now += 60 * SECOND
            write_record(records, ending())
            write_record(records, far())
        return function(*given)

    bench.services.reads.run = takes_long
    bench.after(1)
    bench.after(1)
    assert {leg: row.source for leg, row in bench.rows.items()} == {CALL: "record", FAR: "record"}


def test_m7_what_is_held_for_a_call_that_was_never_made_is_released(bench: Bench) -> None:
    """M7: its controller died before it wrote which node was to call."""
    bench.begin()
    bench.after(1)
    bench.after(59)
    held = bench.held
    assert held
    bench.after(1)
    assert bench.held is None
    assert bench.rows == {}


# --- what must not happen ------------------------------------------------------------------------


def test_m7_a_switch_that_does_not_say_whether_it_has_a_leg_has_it_for_all_we_know(
    bench: Bench,
) -> None:
    """M7: nothing of a call is released or charged as long as that may go on."""
    bench.call()
    bench.link.says = "-ERR Command not found!"
    for _ in range(5):
        bench.after(60)
    assert bench.rows == {}
    assert bench.held


def test_m7_a_call_is_seen_when_it_was_asked_for_and_not_when_all_were(bench: Bench) -> None:
    """M7: of thousands of calls that takes a while, and nobody is charged for that."""
    bench.call()
    bench.link.alive = {CALL, FAR}

    def takes_long() -> None:
        bench.now += 7 * SECOND

    bench.link.on_asked = takes_long
    bench.after(50)
    bench.link.alive = set()
    bench.after(20)
    bench.after(300)
    assert {leg: row.seconds for leg, row in bench.rows.items()} == {FAR: 10, CALL: 50}


def test_m7_a_call_that_is_begun_again_is_waited_for_anew(bench: Bench) -> None:
    """M7: it was written and never sent, and is sent now that its node is back."""
    bench.made()
    bench.begin()
    bench.after(1)
    bench.after(300)
    assert bench.held is None
    bench.begin()
    bench.after(1)
    assert bench.held


def test_m7_one_call_that_cannot_be_settled_keeps_no_other_held(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.call()
    bench.services.charging.begin(beginning("other"))
    settle = bench.services.charging.settle

    def fails(end: Any) -> Any:
        raise ValueError("no such thing")

    monkeypatch.setattr(bench.services.charging, "settle", fails)
    bench.after(1)
    bench.after(60)
    assert [one.call for one in bench.services.charging.overdue(10**17)] == [CALL]
    read = bench.services.metrics.registry.get_sample_value
    assert read("callbackd_faults_total", {"where": "unsettled"}) == 1
    monkeypatch.setattr(bench.services.charging, "settle", settle)
    bench.after(1)
    assert bench.services.charging.overdue(10**17) == ()


def test_m7_a_call_that_another_controller_has_just_seen_is_not_asked_for(bench: Bench) -> None:
    """M7: however many there are, each call is asked for as often as by one."""
    bench.call()
    bench.link.alive = {CALL, FAR}
    bench.after(1)
    other = Unsettled(bench.services, Sightings(bench.engine))
    bench.link.asked.clear()
    bench.now += 14 * SECOND
    other.look()
    assert bench.link.asked == []
    bench.now += 2 * SECOND
    other.look()
    assert set(bench.link.asked) == {CALL, FAR}
    # By a clock that goes ahead it was seen later than now.
    bench.link.asked.clear()
    bench.now -= 60 * SECOND
    bench.unsettled.look()
    assert set(bench.link.asked) == {CALL, FAR}


def test_m7_many_calls_are_looked_at_some_at_a_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M7: what was seen of the first ones is kept where the link breaks after them."""
    monkeypatch.setattr(unsettled, "AT_ONCE", 1)
    bench.call()
    bench.link.alive = {CALL, FAR}
    bench.made("other")
    bench.services.charging.begin(beginning("other", until=UNTIL * 2))

    def breaks() -> None:
        bench.link.down = "other" in bench.link.asked

    bench.link.on_asked = breaks
    bench.after(50)
    trace = Sightings(bench.engine).of([CALL])[CALL]
    assert trace.seen == NOW + 50 * SECOND


@pytest.mark.parametrize("seconds", [30, 60, 300])
def test_m7_nothing_is_held_for_longer_than_a_slice_after_the_call(
    bench: Bench, seconds: int
) -> None:
    """M7: or, where a slice is less, from one look to the next and a little more."""
    bench.let(Credit(slice_seconds=seconds, records_seconds=3600))
    every = 30
    bench.call()
    bench.link.alive = {CALL, FAR}
    bench.after(50)
    bench.link.alive = set()
    ended = bench.now
    looks = [bench.now + n * every * SECOND for n in range(1, 100)]
    while bench.held is not None:
        soon = [at for at, _ in bench.unsettled_later]
        bench.now = min([at for at in looks + soon if at > bench.now])
        bench.unsettled.look()
    assert bench.now - ended <= max(seconds, every + 5) * SECOND


# --- which legs, and until when ------------------------------------------------------------------


def test_m7_an_end_that_is_told_again_later_is_not_written_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M7: of so many that were settled it is known by heart."""
    bench.settling = bench.services.settling = Settling(bench.services, most_remembered=1)
    bench.call()
    bench.legs[CALL] = object()
    settle, settled = bench.services.charging.settle, []

    def noted(end: Any) -> Any:
        settled.append(end.leg)
        return settle(end)

    monkeypatch.setattr(bench.services.charging, "settle", noted)
    for event in (ending(), ending(), far(answer_uepoch="0"), far(answer_uepoch="0"), ending()):
        bench.settling.leg_ended("fs1", event)
    assert settled == [CALL, FAR, CALL]
    read = bench.services.metrics.registry.get_sample_value
    assert read("callbackd_legs_settled_total", {"source": "event"}) == 2
    assert read("callbackd_legs_charged_total") == 1


#: Of two ways the second one, of the return call and of the destination.
BACK = leg_uuids(CALL, 2)[1]
THERE = destination_legs(BACK, 1)


def over_second_ways(bench: Bench, *, channel: str | None, there: str | None) -> None:
    """Let the call be one over second ways, as far as the channels of them are known."""
    attempts, destinations = schema.callback_attempt, schema.callback_destination
    with bench.engine.begin() as connection:
        connection.execute(attempts.update().values(channels='["a","pstn"]', channel=channel))
        plan = write_plan(PLAN)
        connection.execute(destinations.update().values(leg=BACK, plan=plan, channel=there))


def test_m7_the_ways_that_were_answered_are_asked_for(bench: Bench) -> None:
    bench.call()
    over_second_ways(bench, channel="pstn", there="gsm")
    bench.link.alive = {BACK, THERE[1]}
    bench.after(50)
    assert bench.link.asked == [BACK, THERE[1]]
    bench.link.alive = set()
    bench.after(20)
    bench.after(60)
    assert {leg: (row.seconds, row.channel) for leg, row in bench.rows.items()} == {
        THERE[1]: (10, "gsm"),
        BACK: (50, "pstn"),
    }


def test_m7_all_ways_are_asked_for_where_nobody_knows_which(bench: Bench) -> None:
    """M7: the return leg is known by whom it has called; else by its channel, if any."""
    bench.call()
    over_second_ways(bench, channel=None, there=None)
    bench.after(1)
    assert bench.link.asked == [BACK]
    bench.link.alive = {BACK}
    bench.after(1)
    assert bench.link.asked[1:] == [BACK, *THERE[:2]]
    with bench.engine.begin() as connection:
        connection.execute(schema.callback_destination.delete())
    bench.link.asked.clear()
    bench.link.alive = set()
    bench.after(20)
    assert bench.link.asked == [CALL, BACK]
    with bench.engine.begin() as connection:
        connection.execute(schema.callback_attempt.update().values(channel="pstn"))
    bench.link.asked.clear()
    bench.after(1)
    assert bench.link.asked == [BACK]


def test_m7_of_a_destination_that_is_over_it_is_known_when(bench: Bench) -> None:
    """M7: its caller was there until then. What another return call has called is no matter."""
    bench.call()
    with bench.engine.begin() as connection:
        destinations = schema.callback_destination
        connection.execute(
            destinations.update().values(ended=NOW + 55 * SECOND, cause="NORMAL_CLEARING")
        )
        connection.execute(
            destinations.insert().values(
                request=REQUEST, leg="earlier", position=1, number=ABROAD, plan="{}",
                begun=NOW - 99 * SECOND, connected=NOW - 90 * SECOND, seen=NOW - 50 * SECOND,
            )
        )  # fmt: skip
    bench.after(60)
    bench.after(60)
    assert {leg: row.seconds for leg, row in bench.rows.items()} == {FAR: 15, CALL: 55}


def test_m7_what_the_hold_says_of_an_answer_counts_where_nothing_else_does(bench: Bench) -> None:
    bench.call()
    with bench.engine.begin() as connection:
        connection.execute(schema.callback_destination.update().values(connected=None))
        connection.execute(schema.callback_attempt.update().values(answered=None))
    bench.services.charging.extend(extending(CALL, at=45))
    bench.link.alive = {CALL, FAR}
    bench.after(50)
    bench.link.alive = set()
    bench.after(20)
    bench.after(60)
    assert {leg: row.seconds for leg, row in bench.rows.items()} == {FAR: 10, CALL: 50}


def test_m7_a_dialogue_whose_end_nobody_saw_is_charged_until_it_was_seen(bench: Bench) -> None:
    bench.begin()
    bench.made()
    bench.link.alive = {CALL}
    bench.after(50)
    bench.link.alive = set()
    bench.after(20)
    bench.after(60)
    assert {leg: (row.seconds, row.begun) for leg, row in bench.rows.items()} == {
        CALL: (50, NOW - 5 * SECOND)
    }
