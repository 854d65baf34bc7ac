"""Does what a row says, one move after the other, each when its moment has come."""

from __future__ import annotations

from functools import partial

from .clock import Clock, Ticket
from .leg import Leg
from .moments import Edge, Move, Trouble

#: What does not sound: one is in silence while it lasts.
SILENT = frozenset({"answering", "checking", "looking_up"})


class Actor:
    """Whoever makes a row's moves: the caller, or fate."""

    def __init__(self, moves: tuple[Move, ...], leg: Leg, clock: Clock) -> None:
        self._left = list(moves)
        self._leg = leg
        self._clock = clock
        self._ticket: Ticket | None = None
        self._keys_left = 0  # of the move that is being made
        self._since = clock.now  # when its last move was made
        self._quiet_since = clock.now
        self._started: dict[str, float] = {}
        leg.watchers.append(self)
        self._arm()

    @property
    def never_made(self) -> tuple[Move, ...]:
        """The moves whose moment has not come."""
        return tuple(self._left)

    # --- what it is told -------------------------------------------------------------------

    def begins(self, thing: str) -> None:
        """Something begins on the leg."""
        self._started[thing] = self._clock.now
        if self._waits_for(Edge.START, thing):
            self._plan(self._clock.now)
        elif self._waits_for(Edge.SILENCE) and thing not in SILENT:
            self._call_off()

    def ends(self, thing: str) -> None:
        """Something ends on the leg."""
        self._started.pop(thing, None)
        if thing not in SILENT:
            self._quiet_since = self._clock.now
        if self._waits_for(Edge.START, thing):
            self._call_off()
        elif self._ticket is None and (
            self._waits_for(Edge.END, thing) or (self._waits_for(Edge.SILENCE) and self._is_quiet)
        ):
            self._plan(self._clock.now)

    # --- what it does ----------------------------------------------------------------------

    def _waits_for(self, edge: Edge, thing: str = "") -> bool:
        if not self._left or self._keys_left > 0:
            return False
        moment = self._left[0].moment
        return moment.edge is edge and moment.thing == thing

    @property
    def _is_quiet(self) -> bool:
        return not self._started.keys() - SILENT

    def _call_off(self) -> None:
        if self._ticket is not None:
            self._ticket.cancel()
        self._ticket = None

    def _plan(self, since: float) -> None:
        self._call_off()
        self._ticket = self._clock.at(since + self._left[0].moment.seconds, self._make)

    def _arm(self) -> None:
        # It may be planned already: what was pressed has brought it about.
        if not self._left or self._ticket is not None:
            return
        moment, now = self._left[0].moment, self._clock.now
        started = self._started.get(moment.thing)
        if moment.edge is Edge.BEFORE:
            self._plan(self._since)
        elif moment.edge is Edge.SILENCE and self._is_quiet:
            self._plan(max(self._quiet_since, self._since))
        elif moment.edge is Edge.START and started is not None and started + moment.seconds >= now:
            # It is under way, and the moment is still to come.
            self._plan(started)

    def _make(self) -> None:
        if self._leg.over_at is not None:
            return
        move, self._ticket = self._left.pop(0), None
        self._keys_left = len(move.keys)
        for position, key in enumerate(move.keys):
            self._clock.after(position * move.gap, partial(self._press, key))
        if move.hangs_up:
            self._leg.hang_up()
        match move.trouble:
            case Trouble.CONTROLLER_DIES:
                self._leg.controller_dies(told=False)
            case Trouble.CONNECTION_BREAKS:
                self._leg.controller_dies(told=True)
            case Trouble.SOUND_STOPS:
                self._leg.sound_stopped = True
            case Trouble.HANG_UP_IS_LOST:
                self._leg.hang_up_lost = True
        lasts = max(len(move.keys) - 1, 0) * move.gap
        self._clock.after(lasts, self._made)

    def _press(self, key: str) -> None:
        if self._leg.over_at is None:
            self._keys_left -= 1
            self._leg.press(key)
            self._quiet_since = self._clock.now

    def _made(self) -> None:
        self._since = self._clock.now
        self._arm()
