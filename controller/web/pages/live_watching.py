"""Watching live calls: however many browsers watch the same, the database is asked once.

Nobody is asked for whom nobody watches: whoever's turn it is looks, and all others who watch the
same are given what he saw. How often that is goes by what looks cost: very many calls are looked at
less often, so that watching never takes more than a small share of a core. Nor is a database that
answers slowly asked without a pause.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import gevent
import msgspec
import structlog
from gevent.lock import BoundedSemaphore

from controller.admin.live_shapes import LiveAsked, LiveLook, LiveTotals
from controller.admin.model import Actor
from controller.web.api.problems import Refusal
from controller.web.pages.live_pictures import HEARTBEAT, Picture, change, told, whole

if TYPE_CHECKING:
    from controller.web.api.records import Run

log: Any = structlog.get_logger("pages")

#: How often calls are looked at, at most, seconds; and no look is put off for longer.
EVERY: Final = 1.0
RARELY: Final = 15.0
#: All looks together take one part in so many of the time of a core; and all counting of what
#: takes longer to count, one in so many.
SHARE: Final = 40
COUNTING_SHARE: Final = 100
#: So many browsers watch at a time, and so many of one user.
MOST_WATCHERS: Final = 100
MOST_OF_ONE: Final = 8
#: A stream ends after so long; the browser comes again by itself. Seconds.
LASTS: Final = 300.0
#: How often somebody hears something, seconds. Only who is told something is found to be gone:
#: until then his window is one of `MOST_OF_ONE`.
SILENT: Final = 5.0
#: How often it is asked whether his session goes on, seconds, however rarely calls are looked at:
#: who was logged out, or may do other things now, sees no more for longer.
CHECKED: Final = 3.0
#: How long the database is left alone that could not be reached, seconds.
AWAY: Final = 3.0


class View(msgspec.Struct, frozen=True):
    """What is watched, as whom, in which language: those who watch the same see the same.

    `actor` has no name: two administrators see the same, and so do two of one client.
    """

    actor: Actor
    asked: LiveAsked
    language: str


def view_of(who: Actor, asked: LiveAsked, language: str) -> View:
    """Give what somebody watches."""
    return View(Actor("", who.role, who.client), asked, language)


class _Watched(msgspec.Struct, eq=False):
    """What is watched by somebody now."""

    lock: BoundedSemaphore = msgspec.field(default_factory=lambda: BoundedSemaphore(1))
    watchers: int = 0
    picture: Picture | None = None
    #: How the last picture differs from the one before.
    change: bytes = b""
    before: Picture | None = None
    #: When it was looked at last; what a look costs, seconds of a core; and how long it takes.
    looked: float = 0.0
    cost: float = 0.0
    takes: float = 0.0


class _Counted(msgspec.Struct, eq=False):
    """What somebody's calls were counted as, when, and what that cost, seconds of a core."""

    totals: LiveTotals
    at: float
    cost: float


P = ParamSpec("P")
R = TypeVar("R")

Count = Callable[[Actor], LiveTotals]
Look = Callable[[Actor, LiveAsked, LiveTotals], LiveLook]
Paint = Callable[[View, LiveLook, Picture | None, int], Picture]


class Watching:
    """All that is watched in one process.

    `count` and `look` ask the database, where `run` runs them; `paint` makes a picture of what was
    seen, with what is still so of the picture before. `clock` and `sleep` are time's, `cpu` is what
    the thread that asks has used.
    """

    def __init__(
        self,
        run: Run,
        count: Count,
        look: Look,
        paint: Paint,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = gevent.sleep,
        cpu: Callable[[], float] = time.thread_time,
        most: int = MOST_WATCHERS,
        most_of_one: int = MOST_OF_ONE,
    ) -> None:
        self._run = run
        self._cpu = cpu
        self._count = count
        self._look = look
        self._paint = paint
        self.clock = clock
        self.sleep = sleep
        self._most = most
        self._most_of_one = most_of_one
        self._watched: dict[View, _Watched] = {}
        self._counted: dict[Actor, _Counted] = {}
        self._of_one: Counter[str] = Counter()
        self._pictures = 0

    @property
    def watchers(self) -> int:
        """How many watch."""
        return self._of_one.total()

    def enter(self, view: View, name: str) -> None:
        """Begin to watch, as the user of this name. Raises `Refusal` where too many do."""
        if self.watchers >= self._most or self._of_one[name] >= self._most_of_one:
            raise Refusal(503, "too many windows watch the live calls; close some")
        self._of_one[name] += 1
        self._watched.setdefault(view, _Watched()).watchers += 1

    def leave(self, view: View, name: str) -> None:
        """Watch no more."""
        self._of_one[name] -= 1
        if not self._of_one[name]:
            del self._of_one[name]
        watched = self._watched[view]
        watched.watchers -= 1
        if not watched.watchers:
            del self._watched[view]
            if not any(other.actor == view.actor for other in self._watched):
                self._counted.pop(view.actor, None)

    def pace(self, view: View) -> float:
        """Give how long is waited between two looks at a view, seconds."""
        spent = sum(watched.cost for watched in self._watched.values())
        # Of a database that is slow, no more is asked than it has answered.
        return min(max(EVERY, SHARE * spent, self._watched[view].takes), RARELY)

    def see(self, view: View) -> Picture:
        """Give the newest picture; where that is too old, make one. Raises what `look` raises."""
        watched = self._watched[view]
        with watched.lock:
            # Somebody else may have made one while we waited.
            if watched.picture is None or self.clock() - watched.looked >= self.pace(view):
                self._see(view, watched)
            assert watched.picture is not None
            return watched.picture

    def _see(self, view: View, watched: _Watched) -> None:
        began = self.clock()
        totals = self._totals(view.actor)
        look, cost = self._run(self._timed, self._look, view.actor, view.asked, totals)
        self._pictures += 1
        before = watched.picture
        picture, painting = self._timed(self._paint, view, look, before, self._pictures)
        watched.before, watched.picture = before, picture
        watched.change = b"" if before is None else change(before, picture)
        watched.looked = self.clock()
        watched.takes, watched.cost = watched.looked - began, cost + painting

    def _totals(self, actor: Actor) -> LiveTotals:
        """Give somebody's totals, counted anew where they are old enough."""
        known = self._counted.get(actor)
        spent = sum(counted.cost for counted in self._counted.values())
        if known is None or self.clock() - known.at >= COUNTING_SHARE * spent:
            totals, cost = self._run(self._timed, self._count, actor)
            known = self._counted[actor] = _Counted(totals, self.clock(), cost)
        return known.totals

    def _timed(
        self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, float]:
        """Give what a function gives, and what of a core it has used, seconds."""
        began = self._cpu()
        return function(*args, **kwargs), self._cpu() - began

    def news(self, view: View, seen: Picture | None, picture: Picture) -> bytes:
        """Give what somebody is told who saw `seen` last; empty: nothing is new."""
        if seen is None:
            return whole(picture)
        watched = self._watched[view]
        if watched.picture is picture and watched.before is seen:
            return watched.change
        return change(seen, picture)


class Stream:
    """What one browser is sent. It is closed when the browser is gone, or has been here for long.

    `name` is the user's; `goes_on` tells whether his session does; `away` are errors that go by,
    and `on_fault` is told of any other.
    """

    def __init__(
        self,
        watching: Watching,
        view: View,
        name: str,
        goes_on: Callable[[], bool],
        *,
        away: tuple[type[Exception], ...] = (),
        on_fault: Callable[[], None] = lambda: None,
    ) -> None:
        self._watching = watching
        self._view = view
        self._name = name
        self._goes_on = goes_on
        self._away = away
        self._on_fault = on_fault
        self._seen: Picture | None = None
        self._is_away = False
        self._over = False
        now = watching.clock()
        self._began = self._spoke = self._asked = now
        watching.enter(view, name)
        self._inside = True

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> bytes:
        """Wait for what is new, and give it."""
        first = self._seen is None and not self._is_away
        while not self._over:
            if not first:
                pace = AWAY if self._is_away else self._watching.pace(self._view)
                self._watching.sleep(min(pace, CHECKED))
            first = False
            try:
                said = self._news()
            except Exception as error:  # noqa: BLE001  (a browser that watches is told, and waits)
                said = b"" if self._is_away else self._failed(error)
                self._is_away = True
            now = self._watching.clock()
            if not said and now - self._spoke >= SILENT:
                said = HEARTBEAT
            if said:
                self._spoke = now
                return said
        self.close()
        raise StopIteration

    def _news(self) -> bytes:
        now = self._watching.clock()
        if now - self._asked >= CHECKED:
            self._asked = now
            if not self._goes_on():
                self._over = True
                return told("out")
        if now - self._began >= LASTS:
            self._over = True
            return told("again")
        picture = self._watching.see(self._view)
        # After the database was away all is said, for the browser has said that it was.
        seen = None if self._is_away else self._seen
        self._is_away, self._seen = False, picture
        return b"" if seen is picture else self._watching.news(self._view, seen, picture)

    def _failed(self, error: Exception) -> bytes:
        if not isinstance(error, self._away):
            log.error("live_fault", exc_info=(type(error), error, error.__traceback__))
            self._on_fault()
        return told("away")

    def close(self) -> None:
        """Let go."""
        self._over = True
        if self._inside:
            self._inside = False
            self._watching.leave(self._view, self._name)
