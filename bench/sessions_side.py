"""The switch's side of `sessions`: very many callers who wait, and a few who converse beside them.

`python -m bench.sessions_side PLAN` (JSON) goes on as `switch_side` does, but first lets callers
come who type their password, are asked for a number, and type none. It prints `{"warm": …}` and
`{"idle": …}` when the first few and when all of them are there, or no more are waited for, and goes
on at a line after each.
"""

from __future__ import annotations

import itertools
import json
import sys

import msgspec

from bench.switch_side import Call, Plan, Switch


class Crowd(Plan, frozen=True, kw_only=True):
    """What to drive, and who waits beside.

    Attributes:
        idle: callers who wait. warm: how many of them come first.
        at_once: so many of them at most are on their way to the question.
        gathering_seconds: for how long they come at most: a controller asks for so long only.

    """

    idle: int
    warm: int
    at_once: int = 300
    gathering_seconds: float = 120.0


class Waiting(Call):
    """A caller who is asked for a number, and types none."""

    def __init__(self, switch: Gathering, number: int) -> None:
        self._gathering = switch
        self._arrived = False
        super().__init__(switch, number)

    def _press(self, at: int, collecting: dict[str, str] | None) -> None:
        if not self._arrived:
            self._arrived = True
            self._gathering.arrived()

    def _end(self) -> None:
        # Nobody takes his place.
        if not self._over:
            self._over = True
            self._gathering.lost += 1
            if not self._arrived:
                self._press(0, None)


class Gathering(Switch):
    """All calls, in one loop."""

    def __init__(self, plan: Crowd) -> None:
        super().__init__(plan)
        self._crowd = plan
        self._steps = iter((("warm", plan.warm), ("idle", plan.idle)))
        self._name, self._wanted = "", 0
        self._begun_waiting = self._there = self.lost = 0
        # Callers who converse have numbers of their own.
        self._numbers = itertools.count(plan.idle)

    def _go(self, now: float) -> None:
        """Read a line: the next step begins."""
        sys.stdin.readline()
        step = next(self._steps, None)
        if step is None:
            super()._go(now)
            return
        self._name, self._wanted = step
        for _ in range(min(self._crowd.at_once, self._wanted - self._begun_waiting)):
            self._another()
        self.later(self._crowd.gathering_seconds, None, self._enough, self._name)

    def _enough(self, name: str) -> None:
        """Wait for no more of them."""
        if name == self._name and self._there < self._wanted:
            self._wanted = self._begun_waiting
            self._say()

    def _say(self) -> None:
        print(json.dumps({self._name: self._there}), flush=True)
        self._name = ""

    def _another(self) -> None:
        Waiting(self, self._begun_waiting)
        self._begun_waiting += 1

    def arrived(self) -> None:
        """One more waits."""
        self._there += 1
        if self._begun_waiting < self._wanted:
            self._another()
        elif self._there == self._wanted and self._name:
            self._say()

    def _finish(self) -> None:
        print(json.dumps({"lost": self.lost}), flush=True)
        super()._finish()


if __name__ == "__main__":
    made = Gathering(msgspec.json.decode(sys.argv[1], type=Crowd))
    made.wait()
    made.run()
