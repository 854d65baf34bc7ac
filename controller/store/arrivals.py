"""What is asked for, on its way into the database: the `Book` of `callback.asking`.

It finds what a decision has to know, and keeps what was decided; it decides nothing.
"""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from controller.callback.asking import Asking, Facts, Wanted, ask
from controller.policy.records import AuthorisedCaller
from controller.store.conversing import listed
from controller.store.prepared import Prepared
from controller.store.request_rows import FIELDS, LIVE, OPEN, Request, RequestRows, request_of
from controller.store.schema import OPEN_STATES
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests
from controller.store.schema import did as dids

#: How long a return call that came to nothing counts against its number (G4), microseconds.
REMEMBERED: Final = 24 * 3600 * 1_000_000
#: How long after a refusal the same caller is a carrier's second try (T1), microseconds.
SECOND_TRY: Final = 10_000_000


class Earlier(msgspec.Struct, frozen=True):
    """What somebody who rings has asked for before.

    `second_of`: he rang this DID and was refused a moment ago (T1): a carrier that is told busy may
    try another way, and that is the same call. A callback that is over is joined by nobody, and
    whoever hung up by himself was refused by nobody: he rings anew. `waits`: his telephone is to be
    called back, whoever asked for it.
    """

    second_of: Request | None = None
    waits: bool = False


# Statements of every trigger call are made once.

_own: Final = exists().where(
    or_(dids.c.number == bindparam("number"), dids.c.number == bindparam("caller"))
)
_elsewhere: Final = exists().where(
    requests.c.number == bindparam("number"), LIVE, requests.c.extension != bindparam("extension")
)
_FACTS: Final = Prepared(select(_own, _elsewhere))
_UNANSWERED: Final = Prepared(
    select(attempts.c.counts)
    .where(
        attempts.c.extension == bindparam("extension"),
        attempts.c.number == bindparam("number"),
        attempts.c.begun > bindparam("since"),
        attempts.c.ended.is_not(None),
        # What a trunk could not do says nothing of the number.
        attempts.c.counts | attempts.c.answered.is_not(None),
    )
    .order_by(attempts.c.begun.desc())
    .limit(bindparam("at_most"))
)
_SECOND_OF: Final = Prepared(
    select(*FIELDS)
    .where(
        requests.c.last_caller == bindparam("caller"),
        requests.c.last_did == bindparam("did"),
        requests.c.rang > bindparam("since"),
        # One that was stored ahead ends later than now, and rings still (T2).
        requests.c.rang <= bindparam("now"),
        requests.c.state != "done",
        func.coalesce(requests.c.outcome, "") != "hung_up_early",
    )
    .order_by(requests.c.rang.desc())
    .limit(1)
)
_WAITS: Final = Prepared(
    select(exists().where(requests.c.number == bindparam("caller"), requests.c.state == "pending"))
)
#: What is kept of the last call that asked.
_LAST_CALL: Final = ("last_caller", "last_did", "last_name", "leg", "channel", "rang")
#: What a call that joins may write anew.
_RENEWED: Final = (*_LAST_CALL, "due", "expires", "rang_milliseconds")


def _storing(insert: Any, *, by_call: bool) -> Any:  # noqa: ANN401  (of either dialect)
    """Make the statement that keeps a callback or joins the open one; through the API nobody rang.

    What is to be written anew is named `new_…`, since an insert's own names are its columns'.
    """
    values: dict[str, Any] = {name: bindparam(name) for name in _STORED}
    leg = bindparam("new_leg", type_=requests.c.leg.type)
    another = case((requests.c.leg == leg, 0), else_=1) if by_call else literal(1)
    anew = {name: bindparam(f"new_{name}", type_=requests.c[name].type) for name in _RENEWED}
    return (
        insert(requests)
        .values(**values)
        .on_conflict_do_update(
            index_elements=["extension", "number"],
            index_where=OPEN,
            set_={
                "joined": requests.c.joined + another,
                **(_by_call(anew) if by_call else _by_api(anew)),
            },
        )
        .returning(*FIELDS)
    )


def _by_call(anew: dict[str, Any]) -> dict[str, Any]:
    """The delay counts from the end of the last trigger call (T5)."""
    pending = requests.c.state == "pending"
    # Stored ahead, it ends otherwise than was expected (T2).
    same = (requests.c.leg == anew["leg"]) & (requests.c.joined == 0)
    rang = requests.c.rang_milliseconds
    return {
        "due": case((pending, anew["due"]), else_=requests.c.due),
        "expires": case((pending, anew["expires"]), else_=requests.c.expires),
        "rang_milliseconds": case((same, anew["rang_milliseconds"]), else_=rang),
        **{name: anew[name] for name in _LAST_CALL},
    }


def _by_api(anew: dict[str, Any]) -> dict[str, Any]:
    """Nobody rang; who asks for it sooner gets it sooner, and nobody waits longer for that."""
    sooner = (requests.c.state == "pending") & (anew["due"] < requests.c.due)
    return {"due": case((sooner, anew["due"]), else_=requests.c.due)}


_STORED: Final = (
    "id", "extension", "did", "number", "state", "created", "due", "joined", "attempts", "caller",
    "said", "source", "actor", "key", *_LAST_CALL, "expires", "rang_milliseconds",
)  # fmt: skip


class Arrivals(RequestRows):
    """Finds and keeps what is asked for. Calls block."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._storing = {
            by_call: Prepared(_storing(self._insert, by_call=by_call)) for by_call in (True, False)
        }

    # --- what is known -------------------------------------------------------------------------

    def listed(
        self, extension: str, number: str, within: Connection | None = None
    ) -> AuthorisedCaller | None:
        """Give the entry of an extension's list for a number, or None; `within` as in `store`."""
        with self._reading(within) as connection:
            return listed(connection, extension, number)

    def facts(
        self,
        extension: str,
        number: str,
        caller: str | None,
        at_most: int | None,
        now: int,
        within: Connection | None = None,
    ) -> Facts:
        """Give what is known of a number that is to be called, and of who rang (T7, G4).

        `within` as in `store`.
        """
        known: dict[str, Any] = {"extension": extension, "number": number, "caller": caller}
        with self._reading(within) as connection:
            own, elsewhere = _FACTS.one(connection, known)
            unanswered = 0
            if at_most is not None:
                last = _UNANSWERED.all(
                    connection, known | {"since": now - REMEMBERED, "at_most": at_most}
                )
                for (counts,) in last:
                    if not counts:
                        break
                    unanswered += 1
        return Facts(own=bool(own), elsewhere=bool(elsewhere), unanswered=unanswered)

    def earlier(self, did: str, caller: str, now: int) -> Earlier:
        """Give what somebody who rings a DID has asked for before, as far as it matters now."""
        asked = {"caller": caller, "did": did, "since": now - SECOND_TRY, "now": now}
        with self._reader.connect() as connection:
            row = _SECOND_OF.first(connection, asked)
            waits = bool(_WAITS.one(connection, asked)[0])
        return Earlier(None if row is None else request_of(row), waits)

    # --- what is kept --------------------------------------------------------------------------

    def ask(self, asking: Asking) -> Request:
        """Ask for a callback, in one transaction: what is known is what is known when it is kept.

        It is refused, or joins another one, as `callback.asking` has it.
        """
        with self._engine.begin() as connection:
            return ask(Book(self, connection), asking)

    def store(self, wanted: Wanted, within: Connection | None = None) -> Request:
        """Keep a callback that is to be made, or join the open one of the extension to it (T6).

        The same leg joins nothing: whoever goes on with a trigger call stores it once more.
        `within`: a transaction that is under way; by default it is one of its own.
        """
        asking = wanted.asking
        values = {
            **_values(asking),
            "number": wanted.number,
            "state": "pending",
            "due": wanted.due,
            "expires": wanted.expires,
        }
        anew = {f"new_{name}": values[name] for name in _RENEWED}
        with self._transaction(within) as connection:
            row = self._storing[asking.leg is not None].one(connection, values | anew)
        return request_of(row)

    def join(self, request: str, asking: Asking) -> Request | None:
        """Count a carrier's second try (T1); None where that callback is over by now.

        The call counts as the number's last one: for the delay (T5), and for the next such try.
        Of one that was refused for good it does not: that would never end.
        """
        delay = 0 if asking.policy is None else asking.policy.delay_seconds * 1_000_000
        opened = requests.c.state.in_(OPEN_STATES)
        with self._engine.begin() as connection:
            row = connection.execute(
                update(requests)
                .where(requests.c.id == request, requests.c.state != "done")
                .values(
                    joined=requests.c.joined + _another(asking.leg),
                    due=case(
                        (
                            requests.c.state == "pending",
                            _later(requests.c.due, asking.now + delay),
                        ),
                        else_=requests.c.due,
                    ),
                    rang=case((opened, literal(asking.now, BigInteger)), else_=requests.c.rang),
                    leg=asking.leg,
                )
                .returning(*FIELDS)
            ).first()
        return None if row is None else request_of(row)

    def put_off(self, number: str, due: int) -> None:
        """Let callbacks to a number be due at `due` at the earliest: it is ringing us (T5)."""
        with self._engine.begin() as connection:
            connection.execute(
                update(requests)
                .where(
                    requests.c.number == number,
                    requests.c.state == "pending",
                    requests.c.due < due,
                )
                .values(due=due)
            )

    def refuse(self, asking: Asking, reason: str, within: Connection | None = None) -> Request:
        """Keep that nobody is called back, and why (T10); `within` as in `store`."""
        with self._transaction(within) as connection:
            if asking.leg is not None:
                again = self._refused_before(connection, asking.leg)
                if again is not None:
                    return again
            row = connection.execute(
                self._insert(requests)
                .values(
                    {
                        **_values(asking),
                        "number": asking.caller.number,
                        "state": "refused",
                        "outcome": reason,
                        "due": asking.now,
                        "expires": asking.now,
                        "ended": asking.now,
                        # It is shown to nobody.
                        "last_name": None,
                    }
                )
                .returning(*FIELDS)
            ).one()
        return request_of(row)

    def _refused_before(self, connection: Connection, leg: str) -> Request | None:
        # Whoever goes on with a trigger call keeps its end once more.
        row = connection.execute(
            select(*FIELDS).where(requests.c.leg == leg, requests.c.state == "refused")
        ).first()
        return None if row is None else request_of(row)


class Book:
    """What asking finds and keeps, in a transaction that is under way."""

    def __init__(self, kept: Arrivals, connection: Connection) -> None:
        self._kept = kept
        self._connection = connection

    def listed(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Give the entry of an extension's list for a number."""
        return self._kept.listed(extension, number, self._connection)

    def facts(
        self, extension: str, number: str, caller: str | None, at_most: int | None, now: int
    ) -> Facts:
        """Give what is known of a number, and of who rang."""
        return self._kept.facts(extension, number, caller, at_most, now, self._connection)

    def store(self, wanted: Wanted) -> Request:
        """Keep a callback that is to be made, or join the open one."""
        return self._kept.store(wanted, self._connection)

    def refuse(self, asking: Asking, reason: str) -> Request:
        """Keep that nobody is called back, and why."""
        return self._kept.refuse(asking, reason, self._connection)


def _values(asking: Asking) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "extension": asking.extension,
        "did": asking.did,
        "created": asking.now,
        "joined": 0,
        "attempts": 0,
        "caller": asking.caller.number,
        "said": asking.caller.said,
        "source": "call" if asking.actor is None else "api",
        "actor": asking.actor,
        "key": asking.key,
        "last_caller": asking.caller.number if asking.leg is not None else None,
        "last_did": asking.did if asking.leg is not None else None,
        "last_name": (asking.caller.name or None) if asking.leg is not None else None,
        "leg": asking.leg,
        "channel": asking.channel,
        "rang": asking.now,
        "rang_milliseconds": asking.rang_milliseconds,
    }


def _another(leg: str | None) -> Any:  # noqa: ANN401
    if leg is None:
        return 1
    return case((requests.c.leg == leg, 0), else_=1)


def _later(column: Any, moment: int) -> Any:  # noqa: ANN401
    return case((column > moment, column), else_=literal(moment, BigInteger))
