"""The statements by which callback requests move, each made once (`prepared`): see `requests`."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, and_, bindparam, case, func, or_, select, update

from controller.store.prepared import Prepared
from controller.store.request_rows import FIELDS, LIVE, OPEN
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests

_NOW: Final = bindparam("now", type_=BigInteger)
_UNTIL: Final = bindparam("until", type_=BigInteger)


def _leasing(*, skips_locked: bool) -> Any:  # noqa: ANN401  (a statement)
    free = and_(
        requests.c.state == "pending",
        requests.c.due <= _NOW,
        or_(requests.c.lease_until.is_(None), requests.c.lease_until < _NOW),
    )
    calling = (
        select(requests.c.extension, func.count().label("calls"))
        .where(requests.c.state == "calling")
        .group_by(requests.c.extension)
        .subquery()
    )
    turns = (
        select(
            requests.c.id,
            requests.c.due,
            (
                func.row_number().over(
                    partition_by=requests.c.extension, order_by=(requests.c.due, requests.c.id)
                )
                + func.coalesce(calling.c.calls, 0)
            ).label("turn"),
        )
        .outerjoin(calling, calling.c.extension == requests.c.extension)
        .where(free)
        .subquery()
    )
    first = (
        select(turns.c.id)
        .order_by(turns.c.turn, turns.c.due, turns.c.id)
        .limit(bindparam("at_most"))
    )
    chosen = select(requests.c.id).where(requests.c.id.in_(first), free)
    return (
        update(requests)
        .where(
            requests.c.id.in_(chosen.with_for_update(skip_locked=True) if skips_locked else chosen)
        )
        .values(holder=bindparam("by"), lease_until=_UNTIL)
        .returning(*FIELDS)
    )


#: Leases what is due: `Requests.lease_due`; by the dialect.
LEASING: Final = {
    "sqlite": Prepared(_leasing(skips_locked=False)),
    "postgresql": Prepared(_leasing(skips_locked=True)),
}


@cache
def answering(*, by_attempt: bool, held: bool) -> Prepared:
    """Have a request answered; of an attempt, and held by a controller, where that is known."""
    return Prepared(
        update(requests)
        .where(
            requests.c.id == bindparam("of"),
            requests.c.state == "calling",
            *((requests.c.attempt == bindparam("of_attempt"),) if by_attempt else ()),
        )
        .values(
            state="answered",
            lease_until=_UNTIL,
            **({"holder": bindparam("by")} if held else {}),
        )
    )


@cache
def answered(*, failed: bool) -> Prepared:
    """Have the attempt of a request answered; `failed`: others failed before it."""
    return Prepared(
        update(attempts)
        .where(attempts.c.request == bindparam("of"), attempts.c.ended.is_(None))
        .values(
            answered=_NOW,
            channel=bindparam("over"),
            **({"causes": bindparam("of_causes")} if failed else {}),
        )
    )


@cache
def finishing(*, by_attempt: bool, leased: bool, by_lease: bool) -> Prepared:
    """End a request: from any open state, or only of an attempt or a lease."""
    if leased:
        states = requests.c.state == ("calling" if by_attempt else "pending")
    else:
        # One that was retried is its row's last attempt still, and is over.
        states = LIVE if by_attempt else OPEN
    return Prepared(
        update(requests)
        .where(
            requests.c.id == bindparam("of"),
            states,
            *((requests.c.attempt == bindparam("of_attempt"),) if by_attempt else ()),
            *((requests.c.holder == bindparam("by"),) if leased else ()),
            *((requests.c.lease_until == _UNTIL,) if by_lease else ()),
        )
        .values(
            state="done",
            outcome=bindparam("as_outcome"),
            cause=bindparam("as_cause"),
            destination=bindparam("to"),
            ended=_NOW,
            holder=None,
            lease_until=None,
        )
    )


@cache
def ending_attempts(*, counts: bool, failed: bool) -> Prepared:
    """End the attempts of a request that are under way; `counts`: it is known whether they do."""
    # G4: one that was answered counts where it was over within a moment.
    brief = attempts.c.answered > bindparam("moment_ago", type_=BigInteger)
    return Prepared(
        update(attempts)
        .where(attempts.c.request == bindparam("of"), attempts.c.ended.is_(None))
        .values(
            ended=_NOW,
            outcome=bindparam("as_outcome"),
            cause=bindparam("as_cause"),
            counts=bindparam("as_counts", type_=Boolean)
            if counts
            else case((brief, True), else_=False),
            **({"causes": bindparam("of_causes")} if failed else {}),
        )
        .returning(attempts.c.extension, attempts.c.number, attempts.c.counts)
    )
