"""Callbacks that are asked for, looked at and cancelled (T10, T11), by whom that may be done.

What is asked for here goes by the rules that a trigger call goes by, and into the same queue
(`callback.asking`). Each call that changes something is one transaction, its line in the audit log
included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Engine, select

from controller.admin import audit, drafts, finding, rights
from controller.admin.call_records import of_callback
from controller.admin.callback_shapes import (
    Callback,
    CallbackInput,
    CallbackPage,
    Id,
    Source,
    State,
    TranscriptEntry,
    WholeCallback,
)
from controller.admin.callers_csv import BETWEEN
from controller.admin.held import HeldShown, held_for
from controller.admin.model import MOST_ITEMS, Actor, Conflict, Invalid, Kind, NotFound
from controller.admin.placed import shown_destination, shown_try
from controller.callback.asking import Asking, ask
from controller.guard.ranges import Ranges
from controller.numbers.caller import Caller
from controller.numbers.e164 import BadNumber, is_e164, parse_dialled
from controller.policy.model import Policy
from controller.store import asked
from controller.store.arrivals import Book
from controller.store.asked import Before, Place
from controller.store.database import reader
from controller.store.destinations import destinations_of
from controller.store.extensions import Extensions
from controller.store.holding import hold
from controller.store.journal import Writing, nobody, writing
from controller.store.live import about, of_client
from controller.store.requests import Request, Requests
from controller.store.schema import callback_request as requests
from controller.store.schema import extension as extensions
from controller.store.stops import is_stopped, read_stops
from controller.store.transcripts import transcript

#: What lists can be filtered by; `since` and `until` are microseconds since 1970, when it was
#: asked for: from `since` on, before `until`.
FILTERS: Final = ("extension", "number", "state", "outcome", "source", "since", "until")

_PLACE: Final = re.compile(r"(-?[0-9]{1,18}):([0-9a-f-]{36})\Z", re.ASCII)


class Given(msgspec.Struct, frozen=True):
    """What came of asking. `new`: it was not there before; else it was joined, or asked twice."""

    callback: Callback
    new: bool


class Callbacks:
    """Asks for callbacks, shows them and cancels them. Calls block, and may come of any thread.

    `now` gives microseconds since 1970; `expiry_seconds` is how long a callback is tried whose
    extension does not say.
    """

    def __init__(
        self, engine: Engine, *, now: Callable[[], int], expiry_seconds: int, ranges: Ranges
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._extensions = Extensions(engine)
        self._requests = Requests(engine)
        self._now = now
        self._expiry_seconds = expiry_seconds
        self._ranges = ranges

    def ask(self, actor: Actor, values: Mapping[str, Any], key: str | None = None) -> Given:
        """Ask for a callback (T11). One that is refused is kept and given, with its reason (T10).

        `key` may be among the values as well. The same key of the same actor again gives the same
        callback, and changes nothing; with another content it raises `Conflict`. Raises `Invalid`,
        `Forbidden`, `NotFound` too.
        """
        rights.may_ask(actor)
        given = {**values, **({} if key is None else {"key": key})}
        wanted = drafts.read(given, CallbackInput)
        policy = self._policy(actor, wanted.extension)
        number = _number(wanted.number, policy.country)
        before = self._before(actor, wanted, number)
        if before is None:
            did = _did(wanted, policy)
            stopped = is_stopped(read_stops(self._engine), policy)
            with writing(self._engine, nobody) as transaction:
                if wanted.key is not None:
                    hold(transaction.connection, "key", actor.name, wanted.key)
                    # Somebody may have asked with it while we waited.
                    before = self._before(actor, wanted, number)
                if before is None:
                    now = self._now()
                    asking = Asking(
                        policy=policy,
                        did=did,
                        caller=Caller(number=number),
                        now=now,
                        delay=_micros(wanted.delay_seconds),
                        expiry_seconds=self._expiry_seconds,
                        ranges=self._ranges,
                        stopped=stopped,
                        actor=actor.name,
                        key=wanted.key,
                    )
                    book = Book(self._requests, transaction.connection)
                    return _kept(transaction, actor, asking, ask(book, asking), policy.client)
        return Given(_shown(actor, before), new=False)

    def get(self, actor: Actor, callback: str) -> WholeCallback:
        """Give a callback with its calls, what they cost and its transcript. Raises `NotFound`."""
        with self._reader.connect() as connection:
            found, _ = find_callback(connection, actor, callback)
            called = destinations_of(connection, callback)
            legs, totals = of_callback(connection, actor, callback)
            lines = transcript(connection, callback)
        attempts = self._requests.attempts_of(callback)
        return WholeCallback(
            **msgspec.structs.asdict(_shown(actor, found)),
            tries=tuple(shown_try(actor, attempt) for attempt in attempts),
            destinations=tuple(shown_destination(actor, one) for one in called),
            legs=legs,
            totals=totals,
            transcript=tuple(
                TranscriptEntry(at=line.at, what=line.what, text=line.text) for line in lines
            ),
        )

    def held(self, actor: Actor, callback: str) -> tuple[HeldShown, ...]:
        """Give what is, or was, held for a callback's tries (M4). Raises `NotFound`."""
        with self._reader.connect() as connection:
            find_callback(connection, actor, callback)
            return held_for(connection, callback)

    def list(
        self,
        actor: Actor,
        filters: Mapping[str, str | int] = {},
        *,
        after: str | None = None,
        limit: int = 100,
    ) -> CallbackPage:
        """Give callbacks, the newest first. Raises `Invalid` for a filter there is not."""
        conditions = [_condition(name, value) for name, value in filters.items()]
        client = actor.client
        if client is not None and _is_narrow(filters):
            # They are found by that, and not by whose they are.
            conditions += of_client(client)
            client = None
        limit = max(1, min(limit, MOST_ITEMS))
        with self._reader.connect() as connection:
            found = asked.page(connection, conditions, _place(after), limit + 1, client=client)
        items = tuple(_shown(actor, request) for request in found[:limit])
        more = len(found) > limit
        return CallbackPage(items, f"{items[-1].created}:{items[-1].id}" if more else None)

    def cancel(self, actor: Actor, callback: str) -> Callback:
        """Cancel a callback that is still to be made, and give it.

        Raises `NotFound`, `Forbidden`, and `Conflict` where it is under way or over.
        """
        rights.may_ask(actor)
        with writing(self._engine, nobody) as transaction:
            connection, now = transaction.connection, self._now()
            before, client = find_callback(connection, actor, callback, lock=True)
            if State(before.state) is not State.PENDING:
                past = _PAST[State(before.state)]
                raise Conflict(f"callback {callback} cannot be cancelled: {past}")
            self._requests.cancel(callback, now, connection)
            after = asked.get(connection, callback)
            assert after is not None
            old, new = (
                {"state": request.state, "outcome": request.outcome} for request in (before, after)
            )
            transaction.note([audit.of_callback(now, actor, callback, old, new, client)])
        return _shown(actor, after)

    def _policy(self, actor: Actor, extension: str) -> Policy:
        """Give the policy in force of an extension that the actor may see."""
        with self._reader.connect() as connection:
            finding.find(connection, actor, Kind.EXTENSION, extension)
        policy = self._extensions.get(extension)
        if policy is None or actor.client not in (None, policy.client):
            # It went meanwhile, or to somebody else.
            raise NotFound(f"there is no extension {extension}")
        return policy

    def _before(self, actor: Actor, wanted: CallbackInput, number: str) -> Request | None:
        """Give what was asked for with this key before. Raises `Conflict` if it was another."""
        if wanted.key is None:
            return None
        with self._reader.connect() as connection:
            found = asked.asked_with(connection, actor.name, wanted.key)
        if found is None:
            return None
        same = (found.request.extension, found.caller) == (wanted.extension, number)
        if not same or wanted.did not in (None, found.did):
            raise Conflict(
                f"key: {wanted.key} stands for another callback of yours; each has its own"
            )
        return found.request


#: What is told of a callback that cannot be cancelled any more.
_PAST: Final = {
    State.CALLING: "it is calling now",
    State.ANSWERED: "it was answered, and goes on",
    State.DONE: "it is done",
    State.REFUSED: "it was refused, and is never made",
}


def _micros(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1_000_000


def _kept(
    transaction: Writing, actor: Actor, asking: Asking, request: Request, client: str
) -> Given:
    """Keep who asked, and with which key, of what was just stored."""
    joined = request.joined > 0
    caller = asking.caller.number
    if joined and asking.key is not None:
        before = Before(request, asking.did, caller)
        asked.joined(transaction.connection, actor.name, asking.key, before)
    old: dict[str, Any] | None = None
    new: dict[str, Any] = {"extension": request.extension, "did": asking.did, "caller": caller}
    if joined:
        old = {"joined": request.joined - 1}
        new["joined"] = request.joined
    else:
        new |= {"number": request.number, "state": request.state, "outcome": request.outcome}
    transaction.note([audit.of_callback(asking.now, actor, request.id, old, new, client)])
    return Given(_shown(actor, request), new=not joined)


# --- what is given ---------------------------------------------------------------------------


def _number(text: str, country: str) -> str:
    try:
        return parse_dialled(BETWEEN.sub("", text), country)
    except BadNumber as error:
        what = "has more than digits" if error.reason == "not_digits" else "is in no plan"
        raise Invalid(
            f"number: {text[:40]!r} is no telephone number ({what}); write it as +12025550100, or "
            f"as it is dialled in {country}"
        ) from error


def _did(wanted: CallbackInput, policy: Policy) -> str:
    if wanted.did is None:
        return policy.dids[0]
    if wanted.did not in policy.dids:
        raise Invalid(
            f"did: {wanted.did} does not reach extension {policy.extension}; write one of its own, "
            f"such as {policy.dids[0]}, or leave it out"
        )
    return wanted.did


# --- finding ---------------------------------------------------------------------------------


def find_callback(
    connection: Connection, actor: Actor, callback: str, *, lock: bool = False
) -> tuple[Request, str | None]:
    """Give a callback that the actor may see, and whose it is. Raises `NotFound`."""
    missing = NotFound(f"there is no callback {callback:.80}")
    try:
        msgspec.convert(callback, Id)
    except msgspec.ValidationError:
        # Not even asked for: a NUL, say, is nothing that every database takes.
        raise missing from None
    found = asked.get(connection, callback, lock=lock)
    if found is None:
        raise missing
    owner = connection.execute(
        select(extensions.c.client).where(extensions.c.extension == found.extension)
    ).scalar()
    if actor.client not in (None, owner):
        raise missing
    return found, owner


def _is_narrow(filters: Mapping[str, str | int]) -> bool:
    """Whether an index leads to what is looked for, whosever it is."""
    if filters.get("state", State.DONE) not in (State.DONE, State.REFUSED):
        return True
    return not filters.keys().isdisjoint(("extension", "number", "outcome"))


def _condition(name: str, value: str | int) -> ColumnElement[bool]:
    if name not in FILTERS:
        raise Invalid(f"{name}: callbacks have no such filter; there are: {', '.join(FILTERS)}")
    if name in ("since", "until"):
        if not isinstance(value, int):
            raise Invalid(f"{name}: write microseconds since 1970")
        return requests.c.created >= value if name == "since" else requests.c.created < value
    if not isinstance(value, str) or not value.isprintable():
        raise Invalid(f"{name}: cannot be read")
    if name == "number":
        if not is_e164(value):
            raise Invalid("number: write it as E.164, such as +12025550100")
        return about(value)
    if name == "state" and value in (State.DONE, State.REFUSED):
        # No index of states is to be used: almost all are so, and all of them would be sorted.
        return requests.c.state.concat("") == value
    return requests.c[name] == value


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    found = _PLACE.match(after)
    if found is None:
        raise Invalid("after: is no place to go on from; take the `next` of the page before")
    return Place(int(found[1]), found[2])


# --- as it is shown --------------------------------------------------------------------------


def _shown(actor: Actor, request: Request) -> Callback:
    values = {name: getattr(request, name) for name in Callback.__struct_fields__}
    if actor.client is not None:
        # Trunks and switches are the operator's.
        values |= {"channel": None, "node": None}
    values |= {"state": State(request.state), "source": Source(request.source)}
    return Callback(**values)
