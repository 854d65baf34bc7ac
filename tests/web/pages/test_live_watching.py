"""Watching live calls: one look for all who watch the same, and only what changed is sent (O2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from controller.admin.callback_shapes import Source
from controller.admin.live_shapes import LiveAsked, LiveCall, LiveLook, LiveState, LiveTotals
from controller.admin.model import Actor
from controller.policy.records import Role
from controller.web.api.problems import Refusal
from controller.web.pages.live_pictures import HEARTBEAT, Picture
from controller.web.pages.live_watching import (
    CHECKED,
    LASTS,
    RARELY,
    SHARE,
    SILENT,
    Stream,
    View,
    Watching,
    view_of,
)
from tests.web.world import at_once

ADA = Actor("user:ada", Role.ADMIN)
ACME = Actor("user:acme", Role.CLIENT, "acme")
TOTALS = LiveTotals(waiting=0, ringing=0, answered=0, talking=0, settling=0, held=())


class AwayError(Exception):
    """The database is away."""


class Scene:
    """What there is to be seen, and how time goes: only where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: dict[str, LiveState] = {}
        self.looks: list[Actor] = []
        self.counts = 0
        #: How long a look takes, and counting.
        self.takes = 0.0
        self.counting = 0.0
        self.error: Exception | None = None
        self.goes_on = True
        self.faults = 0
        self.watching = Watching(
            at_once, self.count, self.look, self.paint,
            clock=lambda: self.now, sleep=self.sleep, cpu=lambda: self.now,
            most=3, most_of_one=2,
        )  # fmt: skip

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def count(self, who: Actor) -> LiveTotals:
        self.counts += 1
        self.now += self.counting
        return TOTALS

    def look(self, who: Actor, asked: LiveAsked, totals: LiveTotals) -> LiveLook:
        if self.error is not None:
            raise self.error
        self.looks.append(who)
        self.now += self.takes
        calls = tuple(_call(name, state) for name, state in self.calls.items())
        return LiveLook(
            now=int(self.now * 1e6), totals=totals, calls=calls, count=len(calls), asked=asked
        )

    def paint(self, view: View, look: LiveLook, before: Picture | None, number: int) -> Picture:
        rows = {call.id: f"<tr>{call.state}</tr>" for call in look.calls}
        calls = {call.id: call for call in look.calls}
        return Picture(number, look.now, calls, rows, {"count": str(look.count)})

    def stream(self, who: Actor = ADA) -> Stream:
        return Stream(
            self.watching, view_of(who, LiveAsked(), "en"),
            who.name, lambda: self.goes_on,
            away=(AwayError,), on_fault=self.fault,
        )  # fmt: skip

    def fault(self) -> None:
        self.faults += 1


def _call(name: str, state: LiveState) -> LiveCall:
    nothing: dict[str, Any] = dict.fromkeys(
        ("client", "caller", "until", "destination", "outcome", "currency", "held", "left",
         "paid_until", "node", "controller")
    )  # fmt: skip
    return LiveCall(
        id=name, extension="1001", number="+12025550100", source=Source.CALL, joined=0,
        state=state, since=0, attempts=1, unlimited=False, channels=(), **nothing,
    )  # fmt: skip


def heard(said: bytes) -> tuple[str, dict[str, Any]]:
    """Give the name of an event and what it has."""
    lines = dict(line.split(b": ", 1) for line in said.strip().split(b"\n") if b": " in line)
    return lines[b"event"].decode(), msgspec.json.decode(lines[b"data"])


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    assert made.watching.watchers == 0, "somebody watches still"


def test_o2_the_first_thing_is_all_and_then_comes_only_what_changed(scene: Scene) -> None:
    scene.calls = {"a": LiveState.RINGING, "b": LiveState.WAITING}
    stream = scene.stream()
    name, data = heard(next(stream))
    assert name == "whole"
    assert data["order"] == ["a", "b"]
    assert data["rows"] == {"a": "<tr>ringing</tr>", "b": "<tr>waiting</tr>"}
    scene.calls["a"] = LiveState.MENU
    name, data = heard(next(stream))
    assert name == "change"
    assert data["rows"] == {"a": "<tr>menu</tr>"}
    assert {"order", "facts"} & set(data) == set()
    del scene.calls["a"]
    _, data = heard(next(stream))
    assert data["order"] == ["b"]
    assert data["facts"] == {"count": "1"}
    assert "rows" not in data
    stream.close()


def test_o2_however_many_watch_the_same_it_is_looked_at_once(scene: Scene) -> None:
    scene.calls = {"a": LiveState.RINGING}
    one, two = scene.stream(ADA), scene.stream(Actor("user:bea", Role.ADMIN))
    assert next(one) == next(two)
    assert len(scene.looks) == 1
    scene.calls = {"a": LiveState.MENU}
    first = next(one)
    # The other one is as far, and is not put off for having watched it later.
    scene.now -= 1.0
    assert next(two) == first
    assert len(scene.looks) == 2
    one.close()
    two.close()


def test_o2_whoever_missed_a_picture_hears_all_that_changed_since(scene: Scene) -> None:
    scene.calls = {"a": LiveState.RINGING, "b": LiveState.RINGING}
    quick, slow = scene.stream(), scene.stream()
    next(quick)
    next(slow)
    scene.calls["a"] = LiveState.MENU
    next(quick)
    scene.calls["b"] = LiveState.TALKING
    next(quick)
    _, data = heard(next(slow))
    assert data["rows"] == {"a": "<tr>menu</tr>", "b": "<tr>talking</tr>"}
    quick.close()
    slow.close()


def test_o2_clients_do_not_share_what_the_operator_sees(scene: Scene) -> None:
    one, two = scene.stream(ADA), scene.stream(ACME)
    next(one)
    next(two)
    assert [who.client for who in scene.looks] == [None, "acme"]
    one.close()
    two.close()


def test_o2_nobody_looks_where_nobody_watches(scene: Scene) -> None:
    stream = scene.stream()
    next(stream)
    stream.close()
    assert list(stream) == []
    assert len(scene.looks) == 1


def test_o2_who_watches_too_much_is_refused(scene: Scene) -> None:
    """Two windows of one user, three in all."""
    streams = [scene.stream(ADA), scene.stream(ADA)]
    with pytest.raises(Refusal) as refused:
        scene.stream(ADA)
    assert refused.value.status == 503
    streams.append(scene.stream(ACME))
    with pytest.raises(Refusal):
        scene.stream(Actor("user:bolt", Role.CLIENT, "bolt"))
    streams.pop().close()
    streams.append(scene.stream(Actor("user:bolt", Role.CLIENT, "bolt")))
    for stream in streams:
        stream.close()
        stream.close()


def test_o2_nothing_new_is_a_sign_of_life_now_and_then(scene: Scene) -> None:
    stream = scene.stream()
    next(stream)
    began = scene.now
    assert next(stream) == HEARTBEAT
    assert SILENT <= scene.now - began <= SILENT + 2
    stream.close()


def test_o2_a_stream_ends_and_says_that_it_is_to_be_begun_again(scene: Scene) -> None:
    said = list(scene.stream())
    assert heard(said[-1])[0] == "again"
    assert LASTS <= scene.now <= LASTS + 2


def test_o2_a_session_that_ends_ends_the_stream(scene: Scene) -> None:
    stream = scene.stream()
    next(stream)
    scene.goes_on = False
    scene.calls = {}
    assert heard(list(stream)[-1])[0] == "out"
    assert scene.now <= CHECKED + 2


def test_o2_a_session_that_ends_ends_the_stream_however_much_there_is_to_see(scene: Scene) -> None:
    """Where a look costs so much that there is one each 15 s; and nothing more is looked at."""
    scene.takes = 1.0
    stream = scene.stream()
    next(stream)
    assert scene.watching.pace(view_of(ADA, LiveAsked(), "en")) == RARELY
    scene.goes_on = False
    ended = scene.now
    assert heard(list(stream)[-1])[0] == "out"
    assert scene.now - ended <= CHECKED
    assert len(scene.looks) == 1


def test_o2_that_it_is_asked_about_sessions_makes_no_more_looks(scene: Scene) -> None:
    scene.takes = 0.2
    stream = scene.stream()
    next(stream)
    began = scene.now
    while scene.now - began < 90:
        next(stream)
    # One each 8 s at the most: 40 times what it costs.
    assert len(scene.looks) <= 1 + 90 // 8
    stream.close()


def test_o2_the_database_away_is_said_once_and_all_when_it_is_back(scene: Scene) -> None:
    scene.calls = {"a": LiveState.RINGING}
    stream = scene.stream()
    next(stream)
    scene.error = AwayError()
    assert heard(next(stream))[0] == "away"
    # Nothing else for as long as that lasts.
    assert next(stream) == HEARTBEAT
    scene.error = None
    assert heard(next(stream))[0] == "whole"
    assert scene.faults == 0
    stream.close()


def test_a_fault_of_ours_is_counted_and_the_stream_goes_on(scene: Scene) -> None:
    scene.error = KeyError("ours")
    stream = scene.stream()
    assert heard(next(stream))[0] == "away"
    scene.error = None
    assert heard(next(stream))[0] == "whole"
    assert scene.faults == 1
    stream.close()


def test_o2_what_costs_more_is_looked_at_less_often(scene: Scene) -> None:
    """All looks together take one part in 40 of the time, however many things are watched."""
    scene.takes = 0.1
    one, two = scene.stream(ADA), scene.stream(ACME)
    next(one)
    next(two)
    assert scene.watching.pace(view_of(ADA, LiveAsked(), "en")) == pytest.approx(SHARE * 0.2)
    scene.takes = 60.0
    scene.calls = {"a": LiveState.RINGING}
    while next(one) == HEARTBEAT:
        continue
    assert scene.watching.pace(view_of(ADA, LiveAsked(), "en")) == RARELY
    one.close()
    two.close()


def test_o2_what_takes_long_to_count_is_counted_less_often(scene: Scene) -> None:
    """50 ms of counting: each 5 s, while pages are looked at each second."""
    scene.counting = 0.05
    stream = scene.stream()
    for step in range(20):
        scene.calls = {str(step): LiveState.RINGING}
        next(stream)
    assert len(scene.looks) == 20
    assert 3 <= scene.counts <= 5
    stream.close()
