"""Calls in progress over all controllers, for those who watch them, and end one (O2).

Everything shown is in the database, where the controllers share it: a look costs some statements,
whoever holds the calls and however many there are. A call is ended by a command to its switch, over
a link of the controller that is asked; whichever holds the call hears of it as of any hang-up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine
from structlog.contextvars import bound_contextvars

from controller.admin import audit, rights
from controller.admin.callback_shapes import Source, State
from controller.admin.callbacks import find_callback
from controller.admin.callers_csv import BETWEEN
from controller.admin.live_shapes import (
    MOST_PAGES,
    ON_PAGE,
    LiveAsked,
    LiveCall,
    LiveLook,
    LiveState,
    LiveTotals,
    LiveView,
)
from controller.admin.model import Actor, Conflict, Invalid, Unavailable
from controller.numbers.e164 import is_e164
from controller.policy.model import Policy
from controller.store import live
from controller.store.database import reader
from controller.store.journal import nobody, writing
from controller.store.live import OpenCall, OpenHold
from controller.store.requests import Request, Requests

#: So many calls that settle are counted.
MOST_SETTLING: Final = 1000
_SECOND: Final = 1_000_000
_OPEN: Final[dict[LiveView, tuple[State, ...]]] = {
    LiveView.ALL: (State.PENDING, State.CALLING, State.ANSWERED),
    LiveView.WAITING: (State.PENDING,),
    LiveView.RINGING: (State.CALLING,),
    LiveView.ANSWERED: (State.ANSWERED,),
}
#: Why a call is not ended that is not under way.
_NOT_LIVE: Final = {
    State.PENDING: "nobody is called yet; cancel it instead",
    State.DONE: "it is over",
    State.REFUSED: "it was refused, and never made",
}


class Switches(Protocol):
    """The links to the switches that whoever is asked has. Called where the event loop is."""

    def reaches(self, node: str) -> bool:
        """Whether there is a link to a node."""
        ...

    def hang_up(self, node: str, attempt: str, channels: int) -> bool:
        """End the legs of an attempt that may be on so many channels; False: there was none.

        Raises `Unavailable` where the node does not answer.
        """
        ...


class _Rings(msgspec.Struct):
    """What a stored policy says of how long the caller's telephone rings, whatever else it says."""

    return_ring_seconds: int = next(
        field.default
        for field in msgspec.structs.fields(Policy)
        if field.name == "return_ring_seconds"
    )


_RINGS: Final = msgspec.json.Decoder(_Rings)


class Live:
    """Shows calls in progress, and ends one. `now` gives microseconds since 1970.

    `look` and `totals` block, and may come of any thread; `hang_up` is called where the event loop
    is, and `run` runs what blocks in it.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        run: Callable[..., Any],
        now: Callable[[], int],
        switches: Switches,
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._requests = Requests(engine)
        self._run = run
        self._now = now
        self._switches = switches

    # --- watching ------------------------------------------------------------------------------

    def totals(self, actor: Actor) -> LiveTotals:
        """Count the calls that somebody may see, by what they are at."""
        own = live.of_client(actor.client)
        with self._reader.connect() as connection:
            return LiveTotals(
                **_states(connection, own),
                talking=live.talking(connection, own),
                settling=live.settling(connection, own, MOST_SETTLING),
                held=live.money(connection, actor.client),
            )

    def look(self, actor: Actor, asked: LiveAsked, totals: LiveTotals) -> LiveLook:
        """Give a page of calls; a client sees his own.

        `totals`: as they were counted last. What is not counted again is who talks, what settles
        and what is held: of very many calls that costs more than the page does.
        """
        own = live.of_client(actor.client)
        with self._reader.connect() as connection:
            states = _states(connection, own)
            talking = min(totals.talking, states["answered"])
            totals = msgspec.structs.replace(totals, **states, talking=talking)
            ids, count = _page(connection, own, asked, totals)
            found = live.calls(connection, ids)
            now = self._now()
        return LiveLook(
            now=now,
            totals=totals,
            calls=tuple(_shown(actor, one) for one in found),
            count=count,
            asked=asked,
        )

    # --- ending one ----------------------------------------------------------------------------

    def hang_up(self, actor: Actor, callback: str) -> None:
        """End a call that is being called or answered: both of its legs, for good.

        Raises `Forbidden`, `NotFound`, `Conflict` where there is nothing to be ended, and
        `Unavailable` where its switch cannot be told.
        """
        rights.may_hang_up(actor)
        node = self._run(self._node_of, actor, callback)
        if not self._switches.reaches(node):
            raise Unavailable(
                f"callback {callback}: there is no link to its switch here now; try again in a "
                "moment, or on the pages of another controller"
            )
        # It is in the audit log before anything is done: what is not noted is not done.
        attempt, channels = self._run(self._note, actor, callback)
        # For the log, where it is told by its attempt (O3).
        with bound_contextvars(request=callback):
            there = self._switches.hang_up(node, attempt, channels)
        if not there:
            raise Conflict(
                f"callback {callback}: its switch has no such call; it has just ended, or is only "
                "about to begin: look again"
            )

    def _node_of(self, actor: Actor, callback: str) -> str:
        with self._reader.connect() as connection:
            found, _ = find_callback(connection, actor, callback)
        return _live(found)[0]

    def _note(self, actor: Actor, callback: str) -> tuple[str, int]:
        """Note who ends a call, and give its attempt, and on how many channels that may be."""
        with writing(self._engine, nobody) as transaction:
            found, client = find_callback(transaction.connection, actor, callback, lock=True)
            _, attempt = _live(found)
            now = self._now()
            transaction.note([audit.of_hang_up(now, actor, callback, found.state, client)])
        tried = self._requests.attempt(attempt)
        return attempt, 0 if tried is None else len(tried.channels)


def _live(request: Request) -> tuple[str, str]:
    """Give the node and the attempt of a call that is under way. Raises `Conflict`."""
    past = _NOT_LIVE.get(State(request.state))
    if past is not None or request.node is None or request.attempt is None:
        raise Conflict(f"callback {request.id} cannot be hung up: {past or 'nobody is called yet'}")
    return request.node, request.attempt


# --- what is asked for -------------------------------------------------------------------------


def read_asked(values: dict[str, str]) -> LiveAsked:
    """Read what somebody wants to see. Raises `Invalid`, with the field."""
    view = values.get("view") or LiveView.ALL.value
    if view not in set(LiveView):
        raise Invalid(f"view: write one of: {', '.join(LiveView)}")
    number = BETWEEN.sub("", values.get("number", ""))
    if number and not is_e164(number):
        raise Invalid("number: write it as +12025550100")
    extension = values.get("extension", "").strip()
    if extension and not (extension.isascii() and extension.isdigit() and len(extension) <= 10):
        raise Invalid("extension: write its digits, such as 1001")
    page = values.get("page") or "1"
    if not (page.isascii() and page.isdigit() and len(page) < 10 and 1 <= int(page) <= MOST_PAGES):
        raise Invalid(f"page: write a number from 1 to {MOST_PAGES}")
    return LiveAsked(view=LiveView(view), extension=extension, number=number, page=int(page))


def _conditions(asked: LiveAsked) -> list[ColumnElement[bool]]:
    made = []
    if asked.extension:
        made.append(live.of_extension(asked.extension))
    if asked.number:
        made.append(live.about(asked.number))
    return made


def _states(connection: Connection, own: list[ColumnElement[bool]]) -> dict[str, int]:
    """Count what is open, by its state, as totals name it."""
    found = live.counts(connection, own)
    return {
        "waiting": found.get(State.PENDING, 0),
        "ringing": found.get(State.CALLING, 0),
        "answered": found.get(State.ANSWERED, 0),
    }


def _page(
    connection: Connection,
    own: list[ColumnElement[bool]],
    asked: LiveAsked,
    totals: LiveTotals,
) -> tuple[list[str], int]:
    """Give the ids of a page, and how many there are in all."""
    narrower = _conditions(asked)
    conditions = [*own, *narrower]
    first = (asked.page - 1) * ON_PAGE
    if asked.view is LiveView.SETTLING:
        ids = live.settling_page(connection, conditions, first=first, limit=ON_PAGE)
        if not narrower:
            return ids, max(totals.settling, first + len(ids))
        return ids, live.settling(connection, conditions, MOST_SETTLING)
    states = tuple(state.value for state in _OPEN[asked.view])
    ids = live.page(connection, states, conditions, first=first, limit=ON_PAGE)
    if narrower:
        return ids, live.count(connection, states, conditions)
    return ids, totals.of(asked.view)


# --- as it is shown ------------------------------------------------------------------------------


def _shown(actor: Actor, call: OpenCall) -> LiveCall:
    request = call.request
    state, since = _state(call)
    hold = call.hold
    operators = actor.client is None
    talks = call.destination
    return LiveCall(
        id=request.id,
        extension=request.extension,
        client=call.client,
        number=request.number,
        caller=request.caller,
        source=Source(request.source),
        joined=request.joined,
        state=state,
        since=since,
        until=_until(call, state),
        destination=None if talks is None else talks.number,
        attempts=request.attempts,
        outcome=request.outcome if state is LiveState.WAITING else None,
        currency=None if hold is None else hold.currency,
        unlimited=hold is not None and hold.unlimited,
        held=None if hold is None else hold.amount,
        left=None if hold is None else hold.left,
        paid_until=None if hold is None or hold.unlimited else _paid_until(call, hold),
        channels=_channels(call, state) if operators else (),
        node=request.node if operators and state is not LiveState.WAITING else None,
        controller=request.holder if operators and state is not LiveState.WAITING else None,
    )


def _state(call: OpenCall) -> tuple[LiveState, int]:
    """Give what a call is at, and since when."""
    request, talks = call.request, call.destination
    match State(request.state):
        case State.PENDING:
            return LiveState.WAITING, request.created
        case State.CALLING:
            return LiveState.RINGING, call.begun or request.due
        case State.ANSWERED if talks is not None and talks.connected is not None:
            return LiveState.TALKING, talks.connected
        case State.ANSWERED if talks is not None:
            return LiveState.DIALLING, talks.begun
        case State.ANSWERED:
            return LiveState.MENU, call.answered or request.due
        case _:
            return LiveState.SETTLING, request.ended or request.due


def _until(call: OpenCall, state: LiveState) -> int | None:
    if state is LiveState.WAITING:
        return call.request.due
    if state is not LiveState.RINGING or call.begun is None or call.policy is None:
        return None
    rings = _RINGS.decode(call.policy).return_ring_seconds
    return call.begun + rings * max(1, len(call.channels)) * _SECOND


def _channels(call: OpenCall, state: LiveState) -> tuple[str, ...]:
    if state is LiveState.WAITING:
        return ()
    return call.channels if call.channel is None else (call.channel,)


def _paid_until(call: OpenCall, hold: OpenHold) -> int | None:
    """Give how long what is held pays for: the conversation, or else the return leg."""
    talks = call.destination
    if talks is not None and talks.connected is not None and hold.destination_seconds:
        since = hold.destination_answered or talks.connected
        return since + hold.destination_seconds * _SECOND
    answered = hold.return_answered or call.answered
    if answered is not None and hold.return_seconds:
        return answered + hold.return_seconds * _SECOND
    return None
