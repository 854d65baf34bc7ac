"""M7: each leg is charged once, to the second, whatever died while it ended."""

from __future__ import annotations

import signal

import gevent
import pytest

from controller.runtime.return_leg import ReturnLeg
from controller.settings import Credit, Dispatcher, Node
from controller.simulator import Behaviour, HangUp
from controller.store.schema import account
from tests.databases import locked
from tests.peer.forking import Forks
from tests.peer.money import HURRY, Money, keep_records, reading_records
from tests.peer.world import CALLER, FRIEND, PATIENCE, World, answering, kill, talking, typed


def talk(world: World) -> None:
    """Have somebody called back, and let him talk until he is made to hang up."""
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, Behaviour(on_call="answer", after=0.1))
    world.ring()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.wait(lambda: world.switch.connections["outbound"] == 0)


def test_m7_both_legs_are_charged_to_the_second_by_the_switch(world: World) -> None:
    """M2, M7: each from its own answer; the hold goes with the last."""
    money = Money(world)
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(1.2))
    world.ring()
    world.ended()
    rows = money.settled()
    assert {(row.side, row.position, row.source) for row in rows} == {
        ("return", 0, "event"),
        ("destination", 1, "event"),
    }
    money.check()


def test_m7_legs_on_channels_that_failed_have_their_records(world: World) -> None:
    """M7: busy over both channels, so nothing is charged or held."""
    money = Money(world)
    world.controller()
    world.phone(CALLER, Behaviour(on_call="congestion", after=0.1))
    world.ring()
    world.ended()
    rows = money.settled()
    assert [(row.side, row.channel, row.answered, row.charge) for row in rows] == [
        ("return", "pstn", None, 0),
        ("return", "pstn2", None, 0),
    ]
    assert all(row.cause for row in rows)
    money.check()


@pytest.mark.parametrize("pays", [True, False], ids=["paid", "nobody_pays"])
def test_m7_i9_the_number_of_a_destination_that_fails_at_once_is_kept(
    world: World, pays: bool
) -> None:
    """M7: what a destination was called by is written behind; its record is written after it."""
    money = Money(world)
    if not pays:
        with world.engine.begin() as connection:
            connection.execute(account.update().values(price_list=None))
    world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, Behaviour(on_call="busy", after=0.05))
    world.ring()
    world.wait(lambda: world.switch.seen("ended", role="destination"))
    world.wait(lambda: any(side == "destination" for side, *_ in money.called()))
    ((_, number, shown),) = [row for row in money.called() if row[0] == "destination"]
    assert (number, shown) == ("+" + FRIEND, "+12025550111")


def test_m7_i9_what_somebody_pays_for_is_known_before_it_is_dialled(
    world: World, forks: Forks
) -> None:
    """M7: of a controller that is killed then, too."""
    money = Money(world)
    process = forks.run(world.config(0), **HURRY)
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, Behaviour(on_call="answer", after=PATIENCE))
    world.ring()
    world.wait(lambda: world.switch.seen("called", role="destination"))
    forks.kill(process)
    assert money.dialled() == ["+" + FRIEND]


def test_m7_a_call_whose_controller_was_killed_is_charged_by_its_records(
    world: World, forks: Forks
) -> None:
    """M7, O5: nobody saw it end; the switch's own records say when that was."""
    money = Money(world)
    directory = keep_records(world)
    reading = reading_records(world, directory)
    first = forks.run(world.config(0), **reading)
    talk(world)
    forks.kill(first)
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    forks.run(world.config(0), **reading)
    rows = money.settled()
    assert {row.source for row in rows} == {"record"}
    money.check()
    # Numbers must not lie about; they are young, and left alone for two seconds.
    world.wait(lambda: not list(directory.iterdir()))


def test_m7_without_records_it_is_estimated_and_nothing_stays_held(
    world: World, forks: Forks
) -> None:
    """M7: charged until it was seen last, and never longer than it was."""
    money = Money(world)
    first = forks.run(world.config(0), **HURRY)
    talk(world)
    with gevent.Timeout(PATIENCE):
        while not money.seen:
            gevent.sleep(0.05)
    forks.kill(first)
    gevent.sleep(1.5)  # unseen
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    forks.run(world.config(0), **HURRY)
    rows = money.settled()
    assert {row.source for row in rows} == {"estimate"}
    assert all(0 < row.seconds <= row_seconds(money, row.leg) for row in rows)
    assert money.left == {"account": money.put["account"] - sum(row.charge for row in rows)}


def row_seconds(money: Money, leg: str) -> int:
    """Give the seconds that a leg has lasted, rounded up."""
    times = money.legs[leg].profile.times
    return -(-(times.hungup - times.answered) // 1_000_000)


def test_m7_two_controllers_charge_a_leg_once(two: World, forks: Forks) -> None:
    """M7, O4: both are told of every end."""
    money = Money(two)
    directory = keep_records(two)
    for index in (0, 1):
        forks.run(two.config(index), **reading_records(two, directory))
    talk(two)
    two.hang_up()
    two.ended()
    money.settled()
    # Both have read the records too, when these are gone.
    two.wait(lambda: not list(directory.iterdir()))
    money.check()
    assert len(money.rows) == 2


def test_m7_an_end_while_the_link_is_down_is_read_from_the_records(world: World) -> None:
    """M7: nobody is told of it; the controller lives on."""
    money = Money(world)
    directory = keep_records(world)
    world.controller(
        nodes=(Node(name="sim1", port=world.switch.address[1], records_dir=str(directory)),),
        dispatcher=Dispatcher(poll_seconds=0.2, reconcile_seconds=0.5),
    )
    talk(world)
    world.switch.stop_listening()
    world.switch.kill_connections()
    world.hang_up()
    world.wait(lambda: not world.switch.legs)
    rows = money.settled()
    assert {row.source for row in rows} == {"record"}
    money.check()
    world.switch.listen()
    (request,) = world.ended()
    assert request.state == "done"


def test_m7_the_leg_s_own_connection_tells_while_the_link_is_down(world: World) -> None:
    """M7: in a dialogue the switch tells of the end on the leg's connection too."""
    money = Money(world)
    world.controller(credit=Credit(records_seconds=5))
    world.phone(CALLER, answering())
    world.ring()
    world.wait(world.questions)
    world.switch.stop_listening()
    world.switch.kill_connections()
    world.hang_up()
    rows = money.settled(1)
    assert [(row.side, row.source) for row in rows] == [("return", "event")]
    money.check()


def test_m7_a_leg_that_another_controller_has_taken_tells_him(two: World, forks: Forks) -> None:
    """M7, O5: the switch connects to him when the first dies; the link is down at the end."""
    money = Money(two, dial_seconds=60)
    first = forks.run(two.config(0))
    second = two.controller(1)
    two.phone(CALLER, answering())
    two.ring()
    two.wait(two.questions)
    forks.kill(first)
    two.wait(lambda: any(isinstance(leg, ReturnLeg) for leg in second.services.legs))
    two.switch.stop_listening()
    two.switch.kill_connections()
    two.hang_up()
    rows = money.settled(1)
    assert [(row.side, row.source) for row in rows] == [("return", "event")]
    money.check()


def test_m7_a_locked_store_loses_no_charge(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """M7, O5: what a leg has cost is written when the store can be had again."""
    monkeypatch.setattr("controller.store.database.BUSY_SECONDS", 0.05)
    money = Money(world)
    controller = world.controller()
    talk(world)
    with locked(world.directory / "callbackd.sqlite3"):
        world.hang_up()
        world.wait(lambda: not world.switch.legs)
        world.wait(lambda: controller.readiness()["store"] is not None)
    money.settled()
    money.check()


def test_m7_a_controller_that_stops_has_settled_what_it_knew(world: World) -> None:
    """M7: SIGTERM right after the end of a call."""
    money = Money(world)
    reading = reading_records(world, keep_records(world))
    process = world.process(0, **reading, CALLBACKD_DRAIN_SECONDS="0")
    world.phone(CALLER, answering(hang_up=HangUp(when="heard", what="enter", after=1)))
    world.ring()
    world.wait(lambda: world.switch.seen("ended", role="return"))
    assert kill(process, signal.SIGTERM) == 0
    # What came too late to be known is in the records.
    world.process(0, **reading)
    rows = money.settled(1)
    assert {row.source for row in rows} <= {"event", "record"}
    money.check()
