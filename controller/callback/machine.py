"""One step of either machine: look the row up, act, and never do anything for a stale event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from controller.callback.effects import Effect
from controller.callback.events import (
    Bridged,
    CreditKnown,
    PasswordChecked,
    RequestStored,
    RouteFound,
    StepDone,
    TimeKnown,
    TimerFired,
    kind,
)
from controller.callback.states import Row, State


class Session(Protocol):
    """What both machines' sessions have in common."""

    @property
    def state(self) -> Any: ...  # noqa: ANN401, D102  (one of the two enumerations)
    @property
    def timer(self) -> int: ...  # noqa: D102
    @property
    def step(self) -> int: ...  # noqa: D102


S = TypeVar("S", bound=Session)
#: An action: what a row does. It gives the next session and what is to be done.
Action = Callable[[Any, Any, float], tuple[Any, tuple[Effect, ...]]]


def is_stale(session: Session, event: object) -> bool:
    """Whether an event is of a wait, an application or a destination that is over.

    Each timer and each application has a number, and the session knows the one that counts.
    """
    if isinstance(event, TimerFired):
        return event.number != session.timer
    if isinstance(event, (StepDone, PasswordChecked, CreditKnown, TimeKnown, RouteFound)):
        return event.step != session.step
    if isinstance(event, RequestStored):
        return event.number != getattr(session, "stored", 0)
    if isinstance(event, Bridged):
        # A bridge of ours is named by its leg; one that names none is the one under way.
        legs: tuple[str, ...] = getattr(session, "destination_legs", ())
        return event.other is not None and bool(legs) and event.other not in legs
    return False


def step(
    table: Mapping[Any, Mapping[str, Row]],
    actions: Mapping[str, Action],
    session: S,
    event: object,
    now: float,
) -> tuple[S, tuple[Effect, ...]]:
    """Take one event: give the next session and the effects, in their order.

    Pure: the same arguments give the same answer. `now` is seconds since 1970 (UTC).
    """
    if is_stale(session, event):
        return session, ()
    row = table[session.state][kind(event)]
    if not row.action:
        return session, ()
    after, effects = actions[row.action](session, event, now)
    if after.state is not session.state and after.state not in row.to:
        raise AssertionError(f"{session.state} -> {after.state} is not in the table ({row.action})")
    return after, effects


def reachable(table: Mapping[Any, Mapping[str, Row]]) -> set[State]:
    """Give the states that can be reached from the first one, by the table alone."""
    first = next(iter(table))
    seen: set[State] = {first}
    todo = [first]
    while todo:
        for row in table[todo.pop()].values():
            for state in row.to:
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
    return seen
