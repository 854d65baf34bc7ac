"""Framing: bytes in, frames out, and no byte of a peer makes it hang, grow or guess (G1)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.esl.errors import (
    BadContentLength,
    BadEncoding,
    BodyTooLarge,
    HeaderBlockTooLarge,
    MalformedHeader,
    TruncatedFrame,
    WireError,
)
from controller.esl.wire import MAX_BODY, MAX_HEADER_BLOCK, Frame, FrameReader, parse_block

from .peer import api_reply, channel_data, event, notice, reply

Parts = list[tuple[dict[str, str], bytes]]


def read(reader: FrameReader, chunks: Iterable[bytes]) -> Parts:
    """Feed chunks and give the frames as plain values."""
    frames: Parts = []
    for chunk in chunks:
        reader.feed(chunk)
        while (frame := reader.next_frame()) is not None:
            frames.append((frame.headers, frame.body))
    return frames


def test_a_frame_is_a_block_and_as_many_bytes_as_it_says() -> None:
    frames = read(FrameReader(), [reply("+OK accepted") + api_reply("true") + reply()])
    assert frames == [
        ({"Content-Type": "command/reply", "Reply-Text": "+OK accepted"}, b""),
        ({"Content-Type": "api/response", "Content-Length": "4"}, b"true"),
        ({"Content-Type": "command/reply", "Reply-Text": "+OK"}, b""),
    ]


def test_a_body_may_hold_empty_lines_and_headers_of_its_own() -> None:
    body = "Content-Length: 99\n\nContent-Type: auth/request\n\n"
    assert read(FrameReader(), [api_reply(body)])[0][1] == body.encode()


def test_empty_lines_between_frames_are_passed_over() -> None:
    frames = read(FrameReader(), [b"\n\n", reply(), b"\n", b"\n\n\n", reply()])
    assert len(frames) == 2


def test_a_frame_without_content_type_is_a_frame_of_no_type() -> None:
    frame = Frame({"Reply-Text": "+OK"}, b"")
    assert frame.content_type == ""
    assert "Reply" not in repr(frame)


def test_a_repeated_header_counts_as_it_came_first() -> None:
    (headers, body), *_ = read(FrameReader(), [b"Content-Length: 2\nContent-Length: 9\n\nok"])
    assert headers["Content-Length"] == "2"
    assert body == b"ok"


@pytest.mark.parametrize(
    "length",
    [
        "-1",
        "abc",
        "",
        "+5",
        "1_0",
        "0x10",
        "\uff11\uff12",
        "²",
        "1.0",
        "1 2",
        "nan",
        "9" * 5_000_000,
    ],
    ids=lambda text: text[:8],
)
def test_a_content_length_that_is_no_number_of_bytes_is_refused(length: str) -> None:
    limits = {"max_header_block": 10_000_000}
    with pytest.raises(BadContentLength):
        read(FrameReader(**limits), [f"Content-Length: {length}\n\nbody".encode()])


@pytest.mark.parametrize(
    "length",
    [
        "2",
        "02",
        "0000000002",
        "00000000002",
        "100",
        "101",
        "9" * 10,
        "-2",
        "+2",
        "\u0662",
        "",
        "2\r",
    ],
)
@pytest.mark.parametrize("most", [40, 46, 47, 48, 49, 55, 1000])
def test_the_head_of_an_event_is_read_as_any_other(length: str, most: int) -> None:
    """It is taken as a whole where it is as always: the same is refused, and the same comes."""

    def outcome(first: str) -> tuple[Parts, str]:
        block = f"{first}Content-Length: {length}\nContent-Type: text/event-json"
        limits = {"max_header_block": most + len(first), "max_body": 100}
        try:
            frames = read(FrameReader(**limits), [f"{block}\n\n{{}}".encode(), b"x" * 98, reply()])
        except WireError as error:
            return [], error.kind
        for headers, _ in frames:
            headers.pop("X", None)
        return frames, ""

    assert outcome("") == outcome("X: 1\n")


@pytest.mark.parametrize("length", [MAX_BODY + 1, 2147483647, 9999999999])
def test_a_body_over_the_limit_is_refused_before_a_byte_of_it_is_held(length: int) -> None:
    reader = FrameReader()
    with pytest.raises(BodyTooLarge):
        read(reader, [b"Content-Length: %d\n\n" % length])
    assert reader.buffered == 0


def test_a_body_of_just_the_limit_is_taken() -> None:
    reader = FrameReader(max_body=10)
    assert read(reader, [b"Content-Length: 10\n\n0123456789"])[0][1] == b"0123456789"
    with pytest.raises(BodyTooLarge):
        read(reader, [b"Content-Length: 11\n\n"])


def test_a_header_block_that_never_ends_is_refused_at_the_limit() -> None:
    """Bounded memory: what is held never passes the limit by more than one read."""
    reader = FrameReader()
    chunk = b"X-Header: of a block that goes on\n" * 100
    for _ in range(MAX_HEADER_BLOCK // len(chunk)):
        reader.feed(chunk)
        assert reader.next_frame() is None
    assert reader.buffered <= MAX_HEADER_BLOCK
    reader.feed(chunk)
    with pytest.raises(HeaderBlockTooLarge):
        reader.next_frame()
    assert reader.buffered == 0


def test_one_line_that_never_ends_is_refused_at_the_limit() -> None:
    with pytest.raises(HeaderBlockTooLarge):
        read(FrameReader(max_header_block=1000), [b"a"] * 1002)


def test_a_header_block_of_just_the_limit_is_taken_and_one_byte_more_is_not() -> None:
    stream = b"Name: " + b"x" * 94 + b"\n\n"
    for chunks in ([stream], [stream[i : i + 1] for i in range(len(stream))]):
        assert len(read(FrameReader(max_header_block=100), chunks)) == 1
        with pytest.raises(HeaderBlockTooLarge):
            read(FrameReader(max_header_block=99), chunks)


@pytest.mark.parametrize(
    "block",
    [b"no colon here", b"Good: yes\nbad", b": no name", b"Good: yes\n value folded", b"\xc2\xa0"],
)
def test_a_header_line_without_name_and_colon_is_refused(block: bytes) -> None:
    with pytest.raises(MalformedHeader):
        read(FrameReader(), [block + b"\n\n"])


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
def test_a_block_that_is_not_utf_8_is_refused(bad: bytes) -> None:
    with pytest.raises(BadEncoding):
        read(FrameReader(), [b"Reply-Text: " + bad + b"\n\n"])


def test_a_body_that_is_not_utf_8_is_passed_on_as_it_is() -> None:
    assert read(FrameReader(), [b"Content-Length: 2\n\n\xff\xfe"])[0][1] == b"\xff\xfe"


@pytest.mark.parametrize("cut", ["Content-Type: api/resp", "Content-Length: 10\n\nhalf", "a: b\n"])
def test_a_frame_cut_short_by_the_end_is_an_error_and_not_a_wait(cut: str) -> None:
    reader = FrameReader()
    assert read(reader, [cut.encode()]) == []
    for _ in range(2):
        with pytest.raises(TruncatedFrame):
            reader.end()


@pytest.mark.parametrize("data", [b"", reply(), reply() + b"\n", b"Content-Length: 0\n\n"])
def test_an_end_between_frames_is_no_error(data: bytes) -> None:
    reader = FrameReader()
    read(reader, [data])
    reader.end()


def test_a_frame_cut_short_by_silence_holds_its_bytes_and_gives_nothing() -> None:
    reader = FrameReader()
    assert read(reader, [b"Content-Length: 10\n\nhalf"]) == []
    assert [reader.next_frame() for _ in range(3)] == [None] * 3
    assert reader.buffered == 4


def test_after_an_error_the_reader_is_spent() -> None:
    """Nothing tells where the next frame would begin."""
    reader = FrameReader()
    with pytest.raises(MalformedHeader) as first:
        read(reader, [b"bad\n\n" + reply()])
    for call in (reader.next_frame, reader.end, lambda: reader.feed(b"x")):
        with pytest.raises(MalformedHeader) as again:
            call()
        assert again.value is first.value


def test_only_a_line_feed_ends_a_line() -> None:
    """G1: other line ends that Unicode knows are text, so they make no header."""
    text = "a\rEvil: 1\x0bEvil: 2\x85Evil: 3\u2028Evil: 4"
    assert parse_block(f"Name: {text}".encode()) == {"Name": text}


def test_nothing_is_decoded_before_lines_are_split() -> None:
    """G1: `%0A` in a value is three characters of that value."""
    headers = parse_block(b"variable_x: 1%0Avariable_evil:%20yes")
    assert headers == {"variable_x": "1%0Avariable_evil:%20yes"}


STREAM = b"".join(
    [
        channel_data("variable_sip_from_user: %2B1212%0Aevil:%20yes"),
        reply("+OK Job-UUID: 1"),
        event("CHANNEL_BRIDGE", Unique_ID="1"),
        b"\n",
        api_reply("x" * 300 + "\n\n"),
        notice("linger"),
        event("CUSTOM", name="Zoë \u2028"),
    ]
)


@given(st.lists(st.integers(0, len(STREAM))))
def test_any_chunking_gives_the_same_frames(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(edges)]
    assert read(FrameReader(), chunks) == read(FrameReader(), [STREAM])


def test_bytes_one_at_a_time_give_the_same_frames() -> None:
    one_by_one = [STREAM[i : i + 1] for i in range(len(STREAM))]
    frames = read(FrameReader(), one_by_one)
    assert frames == read(FrameReader(), [STREAM])
    assert len(frames) == 6


@given(
    st.lists(
        st.sampled_from([b"\n", b"\n\n", b"a: b", b"x" * 39, b"Content-Length: 3", b"\xff"])
        | st.binary(max_size=5)
    ).map(b"".join),
    st.integers(1, 50),
)
def test_any_bytes_give_frames_or_a_wire_error_alike_in_any_chunking(
    data: bytes, size: int
) -> None:
    def outcome(chunks: list[bytes]) -> tuple[list[bytes], str]:
        reader = FrameReader(max_header_block=40, max_body=100)
        bodies: list[bytes] = []
        try:
            for chunk in chunks:
                reader.feed(chunk)
                while (frame := reader.next_frame()) is not None:
                    bodies.append(frame.body)
            reader.end()
        except WireError as error:
            return bodies, error.kind
        return bodies, ""

    assert outcome([data[i : i + size] for i in range(0, len(data), size)]) == outcome([data])
