"""G1: what comes from outside stays what it is: refused or neutral, kept with a reason."""

from __future__ import annotations

from pathlib import Path

import msgspec

from controller.simulator import HangUp
from tests.peer.world import World, answering

CASES = msgspec.json.decode((Path(__file__).parents[1] / "unit" / "abuse-cases.json").read_bytes())


def _numbers() -> list[str]:
    cases = [case for case in CASES["caller_id_number"] if case != "a string of 5000 digits"]
    return [*cases, "1" * 5000]


def test_g1_t4_no_hostile_callerid_is_called_back(world: World) -> None:
    """G1, T4, G2: every number of the abuse list: refused after X, kept with its reason."""
    world.extension()
    world.controller()
    numbers = _numbers()
    for number in numbers:
        world.ring(number)
    requests = world.ended(len(numbers))
    world.idle()
    assert {request.state for request in requests} == {"refused"}
    assert {request.outcome for request in requests} <= {
        "hidden",
        "not_digits",
        "not_a_number",
        "costly_number",
        "country_not_allowed",
    }
    assert not world.switch.seen("called", role="return")
    assert len(world.switch.seen("refused", role="trigger")) == len(numbers)


def test_g1_a_hostile_name_reaches_nothing(world: World) -> None:
    """G1: a name of the abuse list is shown to nobody and makes no variable."""
    world.extension()
    world.controller()
    names = CASES["caller_id_name"]
    for index, name in enumerate(names):
        number = f"121255501{index:02d}"
        world.phone(number, answering(hang_up=HangUp(when="heard", what="enter", after=0.3)))
        world.ring("+" + number, name=name)
    world.wait(lambda: len(world.questions()) == len(names))
    for leg in world.switch.legs.values():
        assert not {"evil", "pin_ok", "variable_evil", "variable_pin_ok"} & set(leg.variables)
    requests = world.ended(len(names))
    world.idle()
    assert {request.outcome for request in requests} == {"hung_up"}
    assert {request.last_name for request in requests} == {None}
    shown = {entry.detail["caller_id_name"] for entry in world.switch.seen("called", role="return")}
    assert shown == {"12025550101"}
