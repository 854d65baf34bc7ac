"""A slice of `make fuzz`: hostile bytes give frames, events or a `WireError`, and never a stall."""

from __future__ import annotations

import pytest

from bench import fuzz
from controller.esl import errors
from controller.esl.events import Event
from controller.esl.wire import FrameReader


def test_hostile_bytes_give_frames_or_a_wire_error() -> None:
    ends, kinds = fuzz.fuzz(5_000, seed=7)
    told = {error.kind for error in errors.WireError.__subclasses__()} | {"read to its end"}
    assert ends.total() == 5_000
    # All but `unexpected_frame`, which is the connection's to say.
    assert set(ends) == told - {"unexpected_frame"}
    assert min(kinds[kind] for kind in ("event", "channel data", "other frame")) > 0


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert fuzz.fuzz(300, seed=3) == fuzz.fuzz(300, seed=3)
    assert fuzz.fuzz(300, seed=3) != fuzz.fuzz(300, seed=4)


def test_a_fault_is_told_with_what_is_needed_to_see_it_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(body: bytes) -> Event:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(fuzz, "decode_event", broken)
    assert fuzz.main(["--inputs", "1000", "--seed", "5"]) == 1
    told = capsys.readouterr().err
    assert "KeyError: 'a fault of ours'" in told
    assert "seed 5, input " in told
    assert "[b'" in told


def test_a_stall_is_ended_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def stalling(self: FrameReader) -> None:
        while True:
            pass

    monkeypatch.setattr(fuzz, "WATCHDOG_SECONDS", 1)
    monkeypatch.setattr(FrameReader, "next_frame", stalling)
    with pytest.raises(fuzz.Fault, match=r"no end within 1 s\nseed 1, input 0"):
        fuzz.fuzz(1, seed=1)


def test_an_input_without_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "understand", lambda frame: "same")
    monkeypatch.setattr(FrameReader, "next_frame", lambda self: object())
    with pytest.raises(fuzz.Fault, match="more steps than bytes"):
        fuzz.fuzz(1, seed=1)
