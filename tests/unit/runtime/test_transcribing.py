"""Transcripts are written many lines at a time, and wait for a store that is away (O5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from controller.metrics import Metrics
from controller.runtime import background
from controller.runtime.clock import Clock
from controller.runtime.services import Services
from controller.runtime.transcribing import Transcribing
from controller.store.transcripts import TranscriptLine, Transcripts


class Store:
    """Takes lines, or does not; what is spawned runs when it is told to."""

    def __init__(self) -> None:
        self.kept: list[TranscriptLine] = []
        self.writes = 0
        self.spawned: list[Callable[[], None]] = []
        self.metrics = Metrics()
        self.clock = Clock()
        self.away = 0

    def add(self, lines: Sequence[TranscriptLine]) -> None:
        """Take lines, unless away."""
        self.writes += 1
        if self.away:
            self.away -= 1
            raise OperationalError("", None, Exception("away"))
        self.kept += lines

    def keep(self, function: Callable[..., None], *args: Any) -> None:
        """Try until it is taken, as the real one does."""
        while True:
            try:
                function(*args)
            except OperationalError:
                continue
            return

    def spawn_for_all(self, function: Callable[[], None]) -> None:
        """Note what is to run."""
        self.spawned.append(function)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(background, "gevent", SimpleNamespace(sleep=lambda seconds: None))
    return Store()


def made(store: Store) -> Transcribing:
    """Make one that writes to the store."""
    return Transcribing(cast(Services, store), cast(Transcripts, store))


def test_lines_of_many_calls_are_written_at_once(store: Store) -> None:
    one = made(store)
    for number in range(50):
        one.add(f"request-{number % 5}", "leg", "said", f"line {number}")
    assert len(store.spawned) == 1
    store.spawned.pop()()
    assert store.writes == 1
    assert [line.text for line in store.kept] == [f"line {number}" for number in range(50)]
    # Each is a line of its own, though they may be of one moment.
    assert len({(line.request, line.at, line.line) for line in store.kept}) == 50
    one.add("request", "leg", "said", "later")
    store.spawned.pop()()
    assert store.kept[-1].text == "later"


def test_o5_a_store_that_is_away_loses_no_line(store: Store) -> None:
    one = made(store)
    store.away = 3
    one.add("request", "leg", "said", "a")
    store.spawned.pop()()
    assert [line.text for line in store.kept] == ["a"]
    assert store.writes == 4


def test_what_waits_for_the_store_is_bounded_and_what_is_lost_is_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "MOST_WAITING", 3)
    one = made(store)
    for number in range(5):
        one.add("request", "leg", "said", str(number))
    lost = store.metrics.faults.labels("transcripts")
    assert lost._value.get() == 1  # once for each time that the store is away
    store.spawned.pop()()
    assert [line.text for line in store.kept] == ["0", "1", "2"]
    one.add("request", "leg", "said", "again")
    store.spawned.pop()()
    assert store.kept[-1].text == "again"
