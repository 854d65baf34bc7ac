"""What a leg is left for its dialplan to say, and what follows while that is said (D4, M5, S2)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.callback.effects import Bridge, CallConnected, CallOver
from controller.callback.limits import TIME_OVER
from controller.callback.said import Prompt
from controller.callback.states import Return
from controller.esl.events import LegOver
from controller.prompts.segments import Files, Say, Segment
from controller.routing.model import Plan
from controller.runtime.parting import Parting, one_sound

GOODBYE = "voicemail/vm-goodbye.wav"
TONE = "tone_stream://%(200,100,500);loops=2"
SPOKEN: dict[str, tuple[Segment, ...]] = {
    "goodbye": (Files((GOODBYE,)),),
    "time_over": (Files(("ivr/over.wav", GOODBYE)),),
    "sound:tone": (Files((TONE,)),),
    "said": (Files((GOODBYE,)), Say("en", "number", "pronounced", "1")),
}


class Leg:
    """A return leg, as far as its parting goes."""

    def __init__(self, *, parts_alone: bool = True) -> None:
        self.uuid, self.over = "leg", False
        self.session = SimpleNamespace(parts_alone=parts_alone, state=Return.TALKING)
        self.variables: dict[str, str] = {}
        self.sent: list[str] = []
        self.followed: list[Any] = []
        self.overs: list[CallOver] = []
        self.paying = SimpleNamespace(dialogue=False)
        self.calls = SimpleNamespace(over=lambda _, effect: self.overs.append(effect))
        self.services = SimpleNamespace(metering=SimpleNamespace(follow=self.followed.append))
        self.parting = Parting(cast(Any, self))

    def segments(self, prompts: tuple[Prompt, ...]) -> tuple[Segment, ...]:
        """Give how prompts sound here."""
        return SPOKEN[str(prompts[0])]

    def set_variables(self, **values: str) -> None:
        """Set variables with what is sent next."""
        self.variables |= values

    def transmit(self, command: bytes) -> None:
        """Send a command."""
        self.sent.append(command.decode().strip())

    def calls_one(self, time_over: str = "time_over", goodbye: str = "goodbye") -> Leg:
        """Call the first destination and have it answer."""
        said = [(name,) if name else () for name in (time_over, goodbye)]
        plan = Plan(kind="public", ways=())
        self.parting.leave(
            Bridge(1, 1, "+16465550124", plan, ("far",), 30, 60, time_over=said[0], goodbye=said[1])
        )
        self.parting.connected(CallConnected(1, "far", (("one", "NO_ROUTE"),)))
        return self


def over(cause: str = "NORMAL_CLEARING", leg: str = "far") -> LegOver:
    """Give the end of a destination's leg."""
    return LegOver(uuid=leg, hangup_cause=cause)


def test_s2_what_is_left_is_one_sound() -> None:
    leg = Leg().calls_one()
    assert leg.variables == {"last_bridge_to": "", "callback_goodbye": GOODBYE}
    # What parts two files is no plain value: that one goes by itself.
    assert leg.sent == [
        f"api uuid_setvar leg callback_farewell file_string://ivr/over.wav!{GOODBYE}"
    ]


def test_d4_what_was_left_for_another_destination_is_taken_away() -> None:
    leg = Leg().calls_one(time_over="sound:tone", goodbye="")
    assert leg.variables == {"last_bridge_to": "", "callback_goodbye": ""}
    assert leg.sent == [f"api uuid_setvar leg callback_farewell {TONE}"]


@pytest.mark.parametrize(
    "segments",
    [
        (),
        SPOKEN["said"],
        (Say("en", "number", "pronounced", "1"),),
        (Files(("a!b.wav",)),),
        (Files(("${x}.wav",)),),
        (Files(("a" * 300, "b" * 300)),),
    ],
)
def test_g1_what_cannot_be_told_as_one_sound_is_left_to_us(segments: tuple[Segment, ...]) -> None:
    """G1, S2: no part of it may mean anything else; nor is half of a sentence said."""
    assert one_sound(segments) is None


@pytest.mark.parametrize(
    ("left", "cause", "follows"),
    [
        ({}, "NORMAL_CLEARING", True),
        ({}, TIME_OVER, True),
        ({"goodbye": ""}, "NORMAL_CLEARING", False),
        ({"goodbye": ""}, TIME_OVER, True),
        ({"time_over": "said"}, TIME_OVER, False),
    ],
)
def test_m5_d4_only_what_was_left_is_said(left: dict[str, str], cause: str, follows: bool) -> None:
    leg = Leg().calls_one(**left)
    assert leg.parting.may_follow(over(cause)) is follows
    assert not leg.parting.may_follow(over(cause, "another"))
    assert not Leg(parts_alone=False).calls_one(**left).parting.may_follow(over(cause))


def test_t10_g3_while_they_last_the_destination_is_over_and_the_leg_is_paid_for() -> None:
    """T10, G3, M3: it is noted once."""
    leg = Leg().calls_one()
    leg.parting.lasts(over(TIME_OVER))
    ended = CallOver(1, TIME_OVER, "far", (("one", "NO_ROUTE"),))
    assert leg.overs == [ended]
    assert leg.paying.dialogue
    assert leg.followed == [leg.paying]
    leg.parting.over(ended)
    assert leg.overs == [ended]
    other = CallOver(2, "USER_BUSY")
    leg.parting.over(other)
    assert leg.overs == [ended, other]


@pytest.mark.parametrize("gone", ["over", "asking", "uncalled"])
def test_o4_a_leg_that_is_over_or_came_back_is_left_alone(gone: str) -> None:
    leg = Leg() if gone == "uncalled" else Leg().calls_one()
    leg.over = gone == "over"
    if gone == "asking":
        leg.session.state = Return.DESTINATION
    leg.parting.lasts(over())
    assert leg.overs == leg.followed == []
