"""The end of a call that its switch sees to by itself, and what is kept of it (D4, M5, T10, O5)."""

from __future__ import annotations

import re
from pathlib import Path

import gevent
import pytest

from controller.admin.callbacks import Callbacks
from controller.app import Controller
from controller.guard.ranges import shipped
from controller.simulator.dialplan import Dialplan
from controller.store.requests import Request
from tests.peer.world import (
    CALLER,
    DIALPLAN,
    FRIEND,
    OTHER,
    PATIENCE,
    World,
    answering,
    talking,
    typed,
    until,
)
from tests.seed import ADMIN

OVER = "own/time-over.wav"


def taken_up_again(controller: Controller) -> float:
    """How often a leg has come back to this controller."""
    name = "callbackd_legs_taken_up_total"
    value: float | None = controller.metrics.registry.get_sample_value(name)
    assert value is not None
    return value


def kept(world: World, request: Request) -> tuple[list[str], list[str | None]]:
    """Give a call's transcript when it has its end, and why each of its destinations was over."""
    callbacks = Callbacks(world.engine, now=lambda: 0, expiry_seconds=900, ranges=shipped())
    with gevent.Timeout(PATIENCE):
        while True:
            found = callbacks.get(ADMIN, request.id)
            lines = [f"{line.what}: {line.text}" for line in found.transcript]
            causes = [one.cause for one in found.destinations]
            if any(line.startswith("said: goodbye") or OVER in line for line in lines):
                return lines, causes
            gevent.sleep(0.05)


def before(world: World, folder: Path) -> None:
    """Give the switch a dialplan that asks a controller for the last words."""
    text = (DIALPLAN / "callback.xml").read_text("utf-8")
    own = re.compile(r'<extension name="return_call_(?:cut|over)">.*?</extension>', re.DOTALL)
    text = own.sub("", text)
    (folder / "before.xml").write_text(text.replace("callback_dialplan=2 ", ""), "utf-8")
    world.switch.dialplan = Dialplan(folder / "before.xml", world.switch.globals)


def test_d4_the_switch_says_goodbye_and_hangs_up_and_nobody_is_asked(world: World) -> None:
    """D4, T10: all is kept as if we had said it."""
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.destination) == ("completed", f"+{FRIEND}")
    assert len(world.heard("goodbye")) == 1
    assert taken_up_again(controller) == 0
    lines, causes = kept(world, request)
    assert lines[-5:] == [
        "decided: connected",
        "decided: talked NORMAL_CLEARING",
        "decided: completed",
        "said: goodbye",
        "ended: completed NORMAL_CLEARING",
    ]
    assert causes == ["NORMAL_CLEARING"]


def test_m5_so_it_does_where_it_cuts_the_conversation(world: World) -> None:
    """M5: also of somebody who might have called on; whose sound it is stands in the transcript."""
    world.extension(longest_call_seconds=2, sound_before_disconnecting=OVER, further_calls=1)
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert len(world.heard(OVER)) == 1
    assert taken_up_again(controller) == 0
    lines, causes = kept(world, request)
    assert f"said: sound:{OVER}" in lines
    assert causes == ["ALLOTTED_TIMEOUT"]


@pytest.mark.parametrize("fails", [True, False])
def test_d3_a_destination_that_was_not_reached_ends_nothing(world: World, fails: bool) -> None:
    """D3, D4: another number is asked for; goodbye counts for the one that was talked to."""
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering(typed(OTHER if fails else FRIEND), typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert len(world.questions()) == (2 if fails else 1)
    assert len(world.switch.seen("bridged", role="return")) == 1
    assert len(world.heard("goodbye")) == 1
    assert taken_up_again(controller) == 0


def test_d4_after_a_conversation_that_others_may_follow_the_leg_comes_back(world: World) -> None:
    """D4: and after the last that is allowed it does not."""
    world.extension(further_calls=1)
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND), typed(OTHER)))
    world.phone(FRIEND, talking(0.3))
    world.phone(OTHER, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert (request.outcome, request.destination) == ("completed", f"+{OTHER}")
    assert len(world.switch.seen("bridged", role="return")) == 2
    assert len(world.heard("goodbye")) == 1
    assert taken_up_again(controller) == 1


def test_o5_whoever_was_put_through_hears_goodbye_though_every_controller_is_gone(
    world: World,
) -> None:
    """O5: it dies while the destination rings; the next one keeps how the call has ended."""
    world.extension()
    first = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering(after=1.0))
    world.ring()
    world.wait(lambda: world.switch.seen("ringing", role="destination"))
    first.close()
    world.wait(lambda: world.switch.seen("bridged", role="return"))
    world.switch.applications.sounds.default_duration = 3.0
    world.hang_up("destination")
    world.wait(lambda: world.heard("goodbye"))
    # He still hears it: the one that comes now has heard of nothing but the end.
    world.controllers.clear()
    second = world.controller()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert not world.heard("im_sorry")
    assert taken_up_again(second) == 0
    lines, causes = kept(world, request)
    assert "said: goodbye" in lines
    assert causes == ["NORMAL_CLEARING"]


def test_g3_a_destination_is_over_while_the_last_words_are_said(world: World) -> None:
    """T10, G3: what is kept for it is given back then, and not when a long sound has ended."""
    world.extension(longest_call_seconds=2, sound_before_disconnecting=OVER)
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, answering())
    world.switch.applications.durations[OVER] = PATIENCE
    world.ring()
    world.wait(lambda: world.heard(OVER))
    (request,) = world.requests.all()
    until(lambda: not controller.services.placing.open_of(request.id))
    assert world.requests.get(request.id).state == "answered"  # type: ignore[union-attr]
    assert len(controller.services.legs) == 1
    world.hang_up()
    (request,) = world.ended()
    assert request.outcome == "completed"
    assert kept(world, request)[1] == ["ALLOTTED_TIMEOUT"]


def test_o4_with_a_dialplan_of_before_a_controller_says_goodbye(
    world: World, tmp_path: Path
) -> None:
    """O4: either may be the newer one, while they are replaced."""
    before(world, tmp_path)
    world.extension()
    controller = world.controller()
    world.phone(CALLER, answering(typed(FRIEND)))
    world.phone(FRIEND, talking(0.3))
    world.ring()
    (request,) = world.ended()
    world.idle()
    assert request.outcome == "completed"
    assert len(world.heard("goodbye")) == 1
    assert taken_up_again(controller) == 1
    lines, causes = kept(world, request)
    assert lines.count("said: goodbye") == 1
    assert causes == ["NORMAL_CLEARING"]
