"""How often the store is asked for what is due: once for what is known here, else as ever."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.runtime import dispatcher
from controller.runtime.dispatcher import Dispatcher
from controller.runtime.remembered import Known
from controller.runtime.services import Services
from controller.store.attempts import NO_PLACES
from controller.store.request_rows import Outlook
from controller.store.requests import Taken

POLL = 5.0


class Store:
    """Nothing is due in it; what it is asked is noted."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.found = Outlook(to_expire=False, due=False, next_due=None)
        self.next_due: int | None = None

    def outlook(self, now: int, grace: int) -> Outlook:
        """Give what there is to be done."""
        self.asked.append("outlook")
        return self.found

    def take_due(self, holder: str, now: int, until: int, limit: int) -> Taken:
        """Give what is due."""
        self.asked.append("take_due")
        return Taken((), NO_PLACES, self.next_due)

    def expire(self, now: int, grace: int) -> list[Any]:
        """End what is lost."""
        self.asked.append("expire")
        return []


class Looking:
    """A dispatcher, and the time it is; `room`: whether a call may be made at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.room = True
        self.store = Store()
        monkeypatch.setattr(dispatcher, "any_node", lambda services: self.room)
        limits = SimpleNamespace(poll_seconds=POLL, max_calling=10, reconcile_seconds=1)
        at_once = SimpleNamespace(run=lambda function, *args: function(*args))
        services = SimpleNamespace(
            clock=SimpleNamespace(micros=lambda: int(self.now * 1_000_000), follow=lambda: None),
            standing=SimpleNamespace(check=lambda: None),
            settings=SimpleNamespace(dispatcher=limits),
            stops=SimpleNamespace(get=tuple, on_change=None),
            metrics=SimpleNamespace(calling=SimpleNamespace(set=lambda many: None)),
            requests=self.store,
            reads=at_once,
            write=at_once.run,
            ends_may_wait=lambda: False,
            known=Known(),
            name="here",
        )
        self.dispatcher = Dispatcher(cast("Services", services))

    def look(self, seconds: float = 0.0) -> list[str]:
        """Look, so much later; give what the store was asked."""
        self.now += seconds
        self.store.asked.clear()
        self.dispatcher.look()
        return list(self.store.asked)


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    return Looking(monkeypatch)


def test_t5_what_was_stored_here_is_taken_without_asking_whether_it_is_due(
    looking: Looking,
) -> None:
    assert looking.look() == ["outlook"]
    looking.dispatcher.expect(looking.now + 1)
    assert looking.look(0.5) == ["outlook"]
    assert looking.look(0.5) == ["take_due"]
    assert looking.look(0.5) == ["outlook"]


def test_t5_the_next_one_that_is_expected_is_waited_for(looking: Looking) -> None:
    """Whoever of all that are expected, and those of others as the store has them."""
    looking.look()
    now = looking.now
    looking.dispatcher.expect(now + 3)
    looking.dispatcher.expect(now + 1)
    looking.dispatcher.expect(now + 2)
    assert looking.dispatcher._soonest == now + 1
    looking.store.next_due = int((now + 1.5) * 1_000_000)
    looking.look(1.0)
    assert looking.dispatcher._soonest == now + 1.5
    looking.store.next_due = None
    looking.look(1.0)
    assert looking.dispatcher._soonest == now + 3


def test_o5_what_nobody_here_expects_is_looked_for_as_often_as_ever(looking: Looking) -> None:
    """However many are expected here: what is lost, and what others have stored."""
    looking.look()
    asked: list[str] = []
    for _ in range(12):
        looking.dispatcher.expect(looking.now + 1)
        asked += looking.look(1.0)
    assert asked.count("outlook") == 2
    looking.store.found = Outlook(to_expire=True, due=True, next_due=None)
    looking.dispatcher.expect(looking.now + POLL)
    assert looking.look(POLL) == ["outlook", "expire", "take_due"]


def test_what_is_expected_and_cannot_be_called_is_not_taken(looking: Looking) -> None:
    looking.look()
    looking.dispatcher.expect(looking.now + 1)
    looking.room = False
    assert looking.look(1.0) == ["outlook"]
