"""Which controllers there are, which are dead or stand still, and whether we stood still (O4).

Every second our lease in Redis is renewed, which shows the others' (`cache.presence`). Whose lease
has ended is asked over the web whether he lives: one that has only lost Redis does. Who does not
answer is judged away (`guard.standing`), and others take what he has.

**The fence.** A controller that stands still (SIGSTOP, a paused machine) does not know it; when it
goes on, others may have what it had. So, before anything else is done, `check` sees that no time
was noted for most of a lease, and lets go of everything: nothing is said on any leg's connection
(`unheld`), the calls that were followed are followed no more, and whatever began before sends
nothing to any switch (`fence`). What it was writing to the store is safe by the rows' own states.
Where nobody took its legs the switches connect again, and the calls go on.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import gevent
import msgspec
import structlog

from controller import __version__
from controller.cache.presence import Member, Presence, Seen
from controller.esl.errors import NotConnected
from controller.guard.members import LEAVING
from controller.guard.standing import Judge, Stillness
from controller.runtime.about import about
from controller.runtime.probing import ANSWER_SECONDS, lives

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("standing")

#: How often we renew, seconds; with a short lease, so often that it is an eighth of it.
TICK_SECONDS: Final = 1.0
TICKS: Final = 8
#: We are busy while what should be done at a time is done so much later, seconds.
BUSY_SECONDS: Final = 0.25
#: So many are asked at a time whether they live.
MOST_ASKED: Final = 32


def now() -> float:
    """Give the time that passes whatever happens, a sleeping machine included, seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Standing:
    """The controllers of a store, as one of them judges them.

    Attributes:
        members: those that are there, itself always among them, by name.
        away: the names of those that are dead or stand still.
        on_change: called when `members`, `away` or `is_current` changed.
        epoch: how often we stood still for too long.
        run: the name of this run of the process.

    """

    def __init__(self, services: Services, presence: Presence) -> None:
        self._services = services
        self.presence = presence
        self.run = secrets.token_hex(8)
        self._me = Member(
            name=services.name, run=self.run, version=__version__, since=services.clock.micros()
        )
        lease = presence.lease_seconds
        self._tick = min(TICK_SECONDS, lease / TICKS)
        self._judge = Judge(services.name, lease)
        self._stillness = Stillness(lease)
        self._lag = 0.0
        #: What `epoch` was when we renewed last.
        self._renewed_epoch = 0
        self._asked: set[Any] = set()
        #: What `epoch` was when each greenlet that may send something began.
        self._begun: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
        self._greenlets: list[Any] = []
        self._well = True
        #: Whether what is known of the others was of now when that was told last.
        self._told_current = False
        #: Since when each is away, for readiness.
        self._since: dict[str, str] = {}
        self.members: tuple[Member, ...] = (self._me,)
        self.away: frozenset[str] = frozenset()
        self.on_change: list[Callable[[], None]] = []
        self.epoch = 0

    # --- life ----------------------------------------------------------------------------------

    def start(self, address: str = "", web: str = "") -> None:
        """Begin to be seen, and to see others. Waits for nothing.

        `address`: where the switches reach us, `web`: where our pages are, both "host:port".
        """
        self._me = msgspec.structs.replace(self._me, address=address, web=web)
        self._note()
        self._stillness.note(now())
        self._greenlets = [gevent.spawn(self._watch), gevent.spawn(self._go_on)]

    def stop(self) -> None:
        """Be seen no more: others go on at once with what is left. It waits for Redis."""
        started = bool(self._greenlets)
        for greenlet in (*self._greenlets, *self._asked):
            greenlet.kill()
        self._greenlets.clear()
        if started:
            self.presence.remove(self._me.name, self.run)

    def leave(self) -> None:
        """Say that we take no more legs. It waits for Redis."""
        self._me = msgspec.structs.replace(self._me, state=LEAVING)
        if self._greenlets:
            self._renew()

    # --- what others ask -----------------------------------------------------------------------

    @property
    def is_current(self) -> bool:
        """Whether what is known of the others is of now: Redis said so a moment ago."""
        return self._judge.is_current(now())

    def is_held_by_another(self, holder: str | None) -> bool:
        """Whether what this one holds is held by another controller that is there."""
        if holder is None or holder == self._me.name:
            return False
        return any(member.name == holder for member in self.members)

    @property
    def others(self) -> frozenset[str]:
        """The names of the other controllers that may have legs, those that are away among them.

        Not who was reached where we are: that is a run before ours, and its legs come to us.
        """
        here = self._me.address
        known = (*self._judge.members, *self._judge.away)
        return frozenset(one.name for one in known if not here or one.address != here)

    @property
    def fault(self) -> str | None:
        """What is known to be wrong with the controllers, for readiness; None: nothing is."""
        said = [f"{name} is away since {since}" for name, since in sorted(self._since.items())]
        if self.presence.twin:
            said.append(
                f"another controller runs under the name {self._me.name!r}; give each its own"
            )
        return "; ".join(said) or None

    # --- the fence -----------------------------------------------------------------------------

    def check(self) -> bool:
        """Find out whether we have just stood still, before anything else is done; True: we have.

        Then we have let go of all that we held. It waits for nothing.
        """
        gap = self._stillness.found(now())
        if gap:
            self._let_go(
                "stood_still",
                seconds=round(gap, 1),
                remedy="see why this process, or its machine, stood still; its calls are seen to",
            )
        return bool(gap)

    def fence(self) -> None:
        """Let nobody send anything to a switch who began before we stood still.

        Raises `NotConnected`: what he was at is not his any more. What he begins after that is new.
        """
        stood_still = self.check()
        greenlet = gevent.getcurrent()
        began = self._begun.get(greenlet)
        if began is not None:
            stood_still = began != self.epoch
            self._begun[greenlet] = self.epoch
        if stood_still:
            raise NotConnected("we stood still since this was begun: others have it by now")

    def begun(self, greenlet: Any) -> None:  # noqa: ANN401  (gevent's, or another one)
        """Take it that a greenlet begins now."""
        self._begun[greenlet] = self.epoch

    def _let_go(self, why: str, **facts: object) -> None:
        """Let go of everything that we hold: others have it, or the switch connects again."""
        services = self._services
        self.epoch += 1
        self.presence.metrics.stood_still.inc()
        legs = list(services.legs)
        # Whoever came upon it was at one call, and this is about none.
        with about():
            log.error(why, legs=len(legs), followed=len(services.metering), **facts)
            for leg in legs:
                leg.drop()
            services.metering.forget_all()

    # --- work ----------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Note that we go on, and how late that is: it waits for nothing but time."""
        while True:
            before = now()
            gevent.sleep(self._tick)
            self.check()
            at = now()
            self._stillness.note(at)
            # One that was late once is not busy for long.
            self._lag = max(at - before - self._tick, self._lag / 2)

    def _go_on(self) -> None:
        while True:
            self._guarded(self._renew)
            gevent.sleep(self._tick)

    def _guarded(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception:
            if self._well:
                log.exception("fault", where="standing")
            self._services.metrics.faults.labels("standing").inc()
            self._well = False
        else:
            self._well = True

    def _renew(self) -> None:
        presence, judge = self.presence, self._judge
        # First: nobody sees us before others' legs are let go.
        self.check()
        self._me = msgspec.structs.replace(
            self._me, legs=len(self._services.legs), busy=self._lag > BUSY_SECONDS
        )
        seen = self._tell()
        if seen is not None:
            judge.renewed(presence.epoch, seen, now())
        self._note()
        for suspect in judge.suspects(now(), max(MOST_ASKED - len(self._asked), 0)):
            greenlet = gevent.spawn(self._ask, suspect)
            self._asked.add(greenlet)
            greenlet.link(self._asked.discard)

    def _tell(self) -> tuple[Seen, ...] | None:
        """Tell Redis of us and of whom we judged away; let go of all where somebody judged us."""
        seen = self.presence.renew(self._me, self._judge.away)
        if seen is not None:
            # It is told once, to whichever of our questions comes first.
            if self.presence.judged and self.epoch == self._renewed_epoch:
                # Where a machine's own time stood still too, nothing else tells.
                self._let_go(
                    "judged_away",
                    remedy="see what kept it from Redis and from answering on web.port; its calls "
                    "are seen to",
                )
            self._renewed_epoch = self.epoch
        return seen

    def _ask(self, suspect: Member) -> None:
        asked = now()
        answered = lives(suspect.web, suspect.run)
        self.presence.metrics.probes.labels("answered" if answered else "silent").inc()
        if not answered and now() - asked > ANSWER_SECONDS + 1:
            return  # it was us who did not hear: he is asked again
        self._judge.told(suspect, now(), lives=answered)
        if self._judge.is_away(suspect.name) and suspect.name not in self.away:
            # He is to learn of it whenever he comes back, before anybody takes what he has.
            self._tell()
        self._note()

    def _note(self) -> None:
        """Take what is known by now, and tell whoever wants to know where it is something else."""
        members = tuple(sorted((self._me, *self._judge.members), key=lambda one: one.name))
        gone = frozenset(member.name for member in self._judge.away)
        changed = [_told(one) for one in members] != [_told(one) for one in self.members]
        changed = changed or gone != self.away or self.is_current is not self._told_current
        self._told_current = self.is_current
        for name in sorted(gone - self.away):
            self._since[name] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            log.error(
                "controller_away",
                controller=name,
                remedy="others go on with its calls; see to it and its machine, and start it again",
            )
        for name in sorted(self.away - gone):
            del self._since[name]
            log.info("controller_not_away", controller=name)
        self.members, self.away = members, gone
        self.presence.metrics.members.set(len(members))
        self.presence.metrics.away.set(len(gone))
        if changed:
            for function in self.on_change:
                self._guarded(function)


def _told(member: Member) -> Member:
    """Give what counts as a change: how many legs somebody holds is another number each second."""
    return msgspec.structs.replace(member, legs=0)
