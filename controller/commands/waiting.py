"""Waits for what may block for ever, and no longer than somebody wants to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Given = TypeVar("_Given")


class Late(Exception):
    """Something takes longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it took longer than {seconds:g} seconds")


def within(seconds: float, do: Callable[[], _Given]) -> _Given:
    """Do something in a thread of its own, and give what it gives; greenlets go on meanwhile.

    Raises `Late` after so many seconds, and whatever it raises. One that is late is left to itself:
    it ends with this process at the latest.
    """
    import gevent
    from gevent.event import Event

    given: list[_Given] = []
    raised: list[BaseException] = []
    over = Event()
    tell: Any = gevent.get_hub().loop.async_()
    tell.start(over.set)

    def run() -> None:
        try:
            given.append(do())
        except BaseException as error:  # noqa: BLE001  (it is raised where it is waited for)
            raised.append(error)
        tell.send()

    threading.Thread(target=run, daemon=True).start()
    try:
        if not over.wait(seconds):
            raise Late(seconds)
    finally:
        tell.stop()
    if raised:
        raise raised[0]
    return given[0]
