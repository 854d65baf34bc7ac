"""Threads that everything waits for which would stop the loop (O5): in order, callers first."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import gevent
import pytest

from controller.runtime import offload
from controller.runtime.offload import Offload


class Work:
    """One thread that is at work, and what is done by it after that."""

    def __init__(self) -> None:
        self.offload = Offload(1)
        self.done: list[str] = []
        self._begun, self._held = threading.Event(), threading.Event()
        self.greenlets: list[Any] = [gevent.spawn(self.offload.run, self._hold)]
        gevent.idle()
        assert self._begun.wait(60)

    def _hold(self) -> None:
        self._begun.set()
        self._held.wait()

    def ask(self, name: str, *, first: bool = False) -> gevent.Greenlet[..., None]:
        """Have something done; it is noted."""
        run = self.offload.run_first if first else self.offload.run
        asking: gevent.Greenlet[..., None] = gevent.spawn(run, self.done.append, name)
        self.greenlets.append(asking)
        gevent.idle()
        return asking

    def let_go(self) -> list[str]:
        """Let the thread go on to what waits; give the order in which that was done."""
        self._held.set()
        gevent.joinall(self.greenlets, timeout=60, raise_error=True)
        return self.done

    def close(self) -> None:
        """End it."""
        self._held.set()
        self.offload.close()


@pytest.fixture
def work() -> Iterator[Work]:
    work = Work()
    yield work
    work.close()


def test_m4_what_a_caller_waits_for_comes_before_what_nobody_does(work: Work) -> None:
    for name, first in (("a", False), ("b", False), ("c", True), ("d", True)):
        work.ask(name, first=first)
    assert work.let_go() == ["c", "d", "a", "b"]


def test_who_goes_away_takes_no_thread_with_him(work: Work) -> None:
    """Before his turn comes, and when it has come and he does not know yet."""
    work.ask("a").kill()
    work.ask("b", first=True).kill()
    last = work.ask("c")
    gevent.spawn(work.offload.run, int).kill()
    assert work.let_go() == ["c"]
    assert last.successful()
    assert work.offload.run(int) == 0


def test_an_error_is_raised_where_it_was_asked_for(work: Work) -> None:
    work.let_go()
    with pytest.raises(ValueError, match="no-number"):
        work.offload.run(int, "no-number")
    assert work.offload.run_first(int, "7") == 7


def test_who_went_away_while_it_was_done_is_told_nothing() -> None:
    """And what is asked for later is told as ever."""
    work = Work()
    held = work.greenlets.pop()
    held.kill()
    assert work.offload.waiting == 0
    work.ask("a")
    assert work.let_go() == ["a"]
    work.close()


def test_o5_a_thread_that_does_not_end_is_left_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is away may hang; the process ends all the same."""
    monkeypatch.setattr(offload, "CLOSE_SECONDS", 0.01)
    work = Work()
    work.offload.close()
    assert work.let_go() == []


def test_more_threads_begin_only_where_more_is_to_be_done() -> None:
    """And they do it at the same time."""
    pool = Offload(3)
    names = {pool.run(threading.get_ident) for _ in range(20)}
    assert len(names) == 1
    together = threading.Barrier(3, timeout=60)
    asking = [gevent.spawn(pool.run, together.wait) for _ in range(3)]
    gevent.joinall(asking, timeout=60, raise_error=True)
    assert sorted(one.get() for one in asking) == [0, 1, 2]
    pool.close()
