"""What the benchmarks' switch sends is what a switch sends: of its size, and read as its events."""

from __future__ import annotations

import pytest
from greenswitch.esl import ESLEvent

from bench.switch_frames import Events, channel_data
from controller.esl import channel_data as channels
from controller.esl import events
from controller.esl.wire import Frame, FrameReader

UUID = "6dbb4f0f-8f0a-4ad3-8d09-0f7a4d1f2c3e"
DIAL_STRING = "{origination_caller_id_name='Anna \"A\"'}sofia/gateway/pstn/12125550123"


def framed(data: bytes) -> Frame:
    reader = FrameReader()
    reader.feed(data)
    frame = reader.next_frame()
    assert frame is not None
    assert reader.buffered == 0
    return frame


def test_the_answer_to_connect_names_the_leg_and_its_request() -> None:
    answer = channel_data().fill({"uuid": UUID.encode(), "request": b"r1"})
    assert 6_000 < len(answer) < 9_000
    frame = framed(answer)
    data = channels.channel_data(frame)
    assert (data.uuid, data.variable("call_uuid")) == (UUID, UUID)
    assert (data.variable("callback_leg"), data.variable("callback_request")) == ("return", "r1")
    assert len(data) > 160
    assert frame.content_type == "command/reply"


@pytest.mark.parametrize("application", ["play_and_get_digits", "playback", "bridge", "set", "x_y"])
def test_the_end_of_an_application_is_read_as_it_is_meant(application: str) -> None:
    data = Events("json").make(
        "CHANNEL_EXECUTE_COMPLETE",
        application,
        uuid=UUID,
        request="r1",
        step="step-7",
        argument=DIAL_STRING,
        digits="2580",
    )
    event = events.decode_event(framed(data).body)
    assert (event.name, event.uuid) == ("CHANNEL_EXECUTE_COMPLETE", UUID)
    assert event.application_uuid == "step-7"
    assert f'"Application":"{application}"'.encode() in data
    if application == "play_and_get_digits":
        assert (event.read_result, event.digits) == ("success", "2580")
    if application == "bridge":
        assert event.originate_disposition == "USER_BUSY"
    assert 5_000 < len(data) < 9_000


def test_a_key_and_the_end_are_events_too() -> None:
    made = Events("json")
    key = made.make("DTMF", uuid=UUID, digit="#")
    assert events.decode_event(framed(key).body).digit == "#"
    assert 2_000 < len(key) < 2_600
    ended = events.decode_event(
        framed(made.make("CHANNEL_HANGUP_COMPLETE", uuid=UUID, request="r1")).body
    )
    assert (ended.uuid, ended.request, ended.leg) == (UUID, "r1", "return")
    assert ended.hangup_cause == "NORMAL_CLEARING"


def test_plain_text_says_the_same() -> None:
    data = Events("plain").make(
        "CHANNEL_EXECUTE_COMPLETE", "bridge", uuid=UUID, step="s", argument=DIAL_STRING
    )
    frame = framed(data)
    assert frame.content_type == "text/event-plain"
    event = ESLEvent(frame.body.decode())
    assert event.headers["Unique-ID"] == UUID
    assert event.headers["variable_current_application"] == "bridge"
    assert event.headers["Application-Data"] == DIAL_STRING
    assert event.headers["variable_originate_disposition"] == "USER_BUSY"
