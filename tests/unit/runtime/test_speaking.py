"""A row of prompts on a leg: part after part, until it is said or a key was pressed (D2, S2)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl.errors import NotConnected
from controller.prompts.segments import Files, Say, Segment
from controller.runtime.speaking import Speaking

IS: Segment = Files(("ivr/ivr-account_balance_is.wav",))
AMOUNT: Segment = Say("en", "currency", "pronounced", "12.50")
LEFT: Segment = Files(("a.wav", "b.wav"))
segments = st.sampled_from([IS, AMOUNT, LEFT])


class Leg:
    """What was sent on a connection: the applications, and by which id each is known."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.ids: list[str] = []
        self.connected = True

    def transmit(self, command: bytes) -> None:
        if not self.connected:
            raise NotConnected("gone")
        text = command.decode()
        (application,) = re.findall(r"execute-app-name: (\w+)", text)
        self.sent.append(f"{application} {text.rpartition(chr(10))[2]}")
        self.ids += re.findall(r"Event-UUID: (\S+)", text)


def test_d2_what_is_one_application_is_the_step_itself() -> None:
    leg = Leg()
    speaking = Speaking(leg.transmit)
    speaking.begin([LEFT], "step-7")
    assert leg.sent == ["playback file_string://a.wav!b.wav"]
    assert leg.ids == ["step-7"]
    # Its end is told by its own id; there is nothing to translate.
    assert speaking.done("step-7") is None


def test_c2_one_part_follows_the_other_and_the_last_ends_the_step() -> None:
    leg = Leg()
    speaking = Speaking(leg.transmit)
    speaking.begin([IS, AMOUNT, LEFT], "step-7")
    assert len(leg.sent) == 1
    assert speaking.done(leg.ids[0]) is None
    assert leg.sent[1] == "say en currency pronounced 12.50"
    assert speaking.done(leg.ids[1]) is None
    assert leg.ids[2] == "step-7"
    assert len(set(leg.ids)) == 3


def test_d2_after_a_key_nothing_more_is_said() -> None:
    leg = Leg()
    speaking = Speaking(leg.transmit)
    speaking.begin([IS, AMOUNT, LEFT], "step-7")
    speaking.cut()
    assert speaking.done(leg.ids[0]) == "step-7"
    assert len(leg.sent) == 1
    # A key of before says nothing of the next row.
    speaking.begin([IS, AMOUNT], "step-8")
    assert speaking.done(leg.ids[1]) is None
    assert leg.ids[2] == "step-8"


def test_what_was_replaced_ends_nothing() -> None:
    leg = Leg()
    speaking = Speaking(leg.transmit)
    speaking.begin([IS, AMOUNT], "step-7")
    speaking.begin([IS, LEFT], "step-8")
    assert speaking.done(leg.ids[0]) is None
    assert len(leg.sent) == 2
    assert speaking.done(leg.ids[1]) is None
    assert leg.ids[2] == "step-8"
    speaking.begin([IS, LEFT], "step-9")
    speaking.stop()
    assert speaking.done(leg.ids[3]) is None
    assert len(leg.sent) == 4


def test_a_connection_that_is_gone_is_said_so() -> None:
    leg = Leg()
    speaking = Speaking(leg.transmit)
    speaking.begin([IS, AMOUNT], "step-7")
    leg.connected = False
    with pytest.raises(NotConnected):
        speaking.done(leg.ids[0])


@given(st.lists(segments, min_size=1, max_size=6), st.integers(0, 6))
def test_each_part_is_said_once_in_order_and_the_step_ends_once(
    row: list[Segment], key_at: int
) -> None:
    """D2: however many parts, and wherever a key comes."""
    leg = Leg()
    speaking = Speaking(leg.transmit)
    speaking.begin(row, "step-1")
    ends = []
    for position in range(len(row)):
        if position == len(leg.ids):
            break
        if position == key_at:
            speaking.cut()
        now = leg.ids[position]
        ends.append(speaking.done(now) or (now if now == "step-1" else None))
    said = min(key_at + 1, len(row))
    assert len(leg.sent) == said
    assert [end for end in ends if end] == ["step-1"]
