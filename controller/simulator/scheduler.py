"""Scheduled tasks, which count whole seconds of the clock: ``+N`` comes N-1 to N seconds later.

FreeSWITCH looks for what is due every half second only, so there it may be as much later again.

FreeSWITCH: ``src/switch_scheduler.c``, ``switch_ivr_schedule_hangup``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import gevent

from controller.simulator.events import whole_seconds

if TYPE_CHECKING:
    from controller.simulator.switch import Simulator


class Scheduler:
    """The tasks of one switch.

    A group is the uuid of the leg a task is about, and then ends with it; or any other word.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._last = 0
        self._tasks: dict[int, tuple[str, gevent.Greenlet[..., object]]] = {}

    def add(self, seconds: int, group: str, run: Callable[[], object]) -> int:
        """Run something after so many whole seconds; the task's id."""
        self._last += 1
        task = self._last

        def fire() -> None:
            self._tasks.pop(task, None)
            run()

        later = self._simulator.spawn_later(whole_seconds(seconds), fire)
        self._tasks[task] = (group, later)
        return task

    def hangup(self, seconds: int, uuid: str, cause: str, group: str | None = None) -> int:
        """End a leg after so many whole seconds."""

        def end() -> None:
            leg = self._simulator.legs.get(uuid)
            if leg is not None:
                leg.hangup(cause)

        return self.add(seconds, group or uuid, end)

    def cancel(self, task: int) -> bool:
        """Forget a task; whether there was one."""
        found = self._tasks.pop(task, None)
        if found is not None:
            found[1].kill(block=False)
        return found is not None

    def cancel_group(self, group: str) -> int:
        """Forget all tasks of a group; how many."""
        tasks = [task for task, (name, _) in self._tasks.items() if name == group]
        return sum(self.cancel(task) for task in tasks)

    def clear(self) -> None:
        """Forget everything."""
        for task in list(self._tasks):
            self.cancel(task)
