"""Callback requests in the database: a request is a row, with a lease while somebody works on it.

States: `pending` (due at a time), `calling` (an attempt was written, and perhaps sent),
`answered`, `done` (with its outcome), `refused` (no callback was ever due, with the reason).
Each move says from where, and of which attempt: two controllers cannot both make it, and an answer
that comes late or twice moves nothing. A row goes back only from `calling` to `pending`, for a
retry, or where nothing was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from controller.policy.endings import SHORT_SECONDS
from controller.store.attempts import Begun
from controller.store.holders import Holders
from controller.store.plans import write_causes
from controller.store.repeated import Ended, ended_before
from controller.store.request_rows import (
    FIELDS,
    Attempt,
    Request,
    Scope,
    among,
    lost,
    request_of,
)
from controller.store.schema import LIVE_STATES, OPEN_STATES
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests

__all__ = ["Attempt", "Begun", "Ended", "Request", "Requests", "Scope"]


class Requests(Holders):
    """Leases, tries and ends callback requests, besides keeping them. Calls block."""

    # --- leases --------------------------------------------------------------------------------

    def lease_due(self, holder: str, now: int, until: int, limit: int) -> list[Request]:
        """Take up to `limit` due requests that nobody else works on, until `until`.

        The longest due first, but in turns: an extension with many due waits behind every other's
        first, and so does one with many calls being set up.
        """
        free = and_(
            requests.c.state == "pending",
            requests.c.due <= now,
            or_(requests.c.lease_until.is_(None), requests.c.lease_until < now),
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
        first = select(turns.c.id).order_by(turns.c.turn, turns.c.due, turns.c.id).limit(limit)
        chosen = select(requests.c.id).where(requests.c.id.in_(first), free)
        if self._engine.dialect.name == "postgresql":
            chosen = chosen.with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            rows = connection.execute(
                update(requests)
                .where(requests.c.id.in_(chosen))
                .values(holder=holder, lease_until=until)
                .returning(*FIELDS)
            ).all()
        return sorted((request_of(row) for row in rows), key=lambda r: (r.due, r.id))

    def give_back(
        self,
        request: str,
        *,
        holder: str,
        due: int,
        attempt: str | None = None,
        lease: int | None = None,
        outcome: str | None = None,
    ) -> bool:
        """Give up a lease of a request for which nothing was sent; it is due again at `due`.

        Or later, where it has been put off meanwhile. `attempt`: one that was written and not sent;
        it is taken back. `lease`: until when the holder has it; who claimed it since has another
        one, and may have sent it. `outcome`: why it could not be made now, as which it ends where
        it expires before it can.
        """
        with self._engine.begin() as connection:
            moved = self._move(
                connection,
                request,
                ("pending",) if attempt is None else ("calling",),
                requests.c.holder == holder,
                *_of(attempt),
                *_leased(lease),
                state="pending",
                attempt=None,
                node=None,
                holder=None,
                lease_until=None,
                due=case((requests.c.due > due, requests.c.due), else_=due),
                **({} if outcome is None else {"outcome": outcome}),
                **({} if attempt is None else {"attempts": requests.c.attempts - 1}),
            )
            if moved and attempt is not None:
                connection.execute(delete(attempts).where(attempts.c.id == attempt))
        return moved

    # --- attempts ------------------------------------------------------------------------------

    def answered(
        self,
        request: str,
        until: int,
        *,
        now: int,
        attempt: str | None = None,
        channel: str | None = None,
        causes: Mapping[str, str] | None = None,
        holder: str | None = None,
    ) -> bool:
        """The return call was answered; it counts as alive until `until` unless it ends before.

        `channel`: over which one, where that is known; `causes`: why others failed before it.
        `holder`: which controller has its leg, where that is known.
        """
        with self._engine.begin() as connection:
            moved = self._move(
                connection,
                request,
                ("calling",),
                *_of(attempt),
                state="answered",
                lease_until=until,
                **({} if holder is None else {"holder": holder}),
            )
            if moved:
                connection.execute(
                    update(attempts)
                    .where(attempts.c.request == request, attempts.c.ended.is_(None))
                    .values(answered=now, channel=channel, **_failed(causes))
                )
            elif attempt is not None and channel is not None:
                # Two are told of it; the first one may not have known how it went.
                connection.execute(
                    update(attempts)
                    .where(attempts.c.id == attempt, attempts.c.channel.is_(None))
                    .values(channel=channel, **_failed(causes))
                )
        return moved

    def alive(self, ids: Sequence[str], until: int) -> None:
        """Keep that return calls live which nobody has answered yet: they do until `until`."""
        with self._engine.begin() as connection:
            for id_ in sorted(ids):
                connection.execute(
                    update(requests)
                    .where(
                        requests.c.id == id_,
                        requests.c.state == "calling",
                        requests.c.lease_until < until,
                    )
                    .values(lease_until=until)
                )

    def retry(
        self,
        request: str,
        *,
        attempt: str,
        outcome: str,
        cause: str,
        counts: bool,
        due: int,
        now: int,
        causes: Mapping[str, str] | None = None,
    ) -> Ended:
        """End an attempt that was not answered, and let the request be due again at `due` (T5).

        `causes`: the hang-up cause of each channel that failed, where they are known.
        """
        with self._engine.begin() as connection:
            moved = self._move(
                connection,
                request,
                ("calling",),
                requests.c.attempt == attempt,
                state="pending",
                outcome=outcome,
                cause=cause,
                due=due,
                holder=None,
                lease_until=None,
            )
            if not moved:
                return ended_before(connection, request, outcome, now, attempt=attempt)
            return Ended(
                True,
                self._end_attempts(connection, [request], outcome, cause, counts, now, causes),
            )

    def finish(
        self,
        request: str,
        *,
        outcome: str,
        cause: str,
        destination: str | None,
        now: int,
        attempt: str | None = None,
        leased_by: str | None = None,
        lease: int | None = None,
        counts: bool | None = None,
        causes: Mapping[str, str] | None = None,
    ) -> Ended:
        """End a request; false where it had ended already, and then nothing changes.

        Made again, for nobody knows whether it was made, it gives what it gave (`repeated`).

        `attempt`: only where that is the one under way. `leased_by`: only where it is still to be
        called, or that attempt to be sent, and that holder has the lease; `lease` as in
        `give_back`. `counts` None: of a call that was answered, whether it was over within a
        moment (G4). `causes` as in `retry`.
        """
        with self._engine.begin() as connection:
            moved = self._move(
                connection,
                request,
                _ending_from(attempt, leased_by),
                *_of(attempt),
                *(() if leased_by is None else (requests.c.holder == leased_by,)),
                *_leased(lease),
                state="done",
                outcome=outcome,
                cause=cause,
                destination=destination,
                ended=now,
                holder=None,
                lease_until=None,
            )
            if not moved:
                return ended_before(connection, request, outcome, now, attempt=attempt)
            return Ended(
                True,
                self._end_attempts(connection, [request], outcome, cause, counts, now, causes),
            )

    def _end_attempts(
        self,
        connection: Connection,
        ended: Sequence[str],
        outcome: str,
        cause: str | None,
        counts: bool | None,
        now: int,
        causes: Mapping[str, str] | None = None,
    ) -> tuple[str, str] | None:
        """End the attempts that are under way; gives whose came to nothing, of one request."""
        brief = and_(
            attempts.c.answered.is_not(None), attempts.c.answered > now - SHORT_SECONDS * 1_000_000
        )
        rows = connection.execute(
            update(attempts)
            .where(attempts.c.request.in_(ended), attempts.c.ended.is_(None))
            .values(
                ended=now,
                outcome=outcome,
                cause=cause,
                counts=case((brief, True), else_=False) if counts is None else counts,
                **_failed(causes),
            )
            .returning(attempts.c.extension, attempts.c.number, attempts.c.counts)
        ).all()
        return next(((row.extension, row.number) for row in rows if row.counts), None)

    # --- what ends without having been called --------------------------------------------------

    def cancel(self, request: str, now: int, within: Connection | None = None) -> bool:
        """End a request that is still to be called; False where it is under way or over.

        `within`: a transaction that is under way; by default it is one of its own.
        """
        with self._transaction(within) as connection:
            return self._move(
                connection,
                request,
                ("pending",),
                state="done",
                outcome="cancelled",
                ended=now,
                holder=None,
                lease_until=None,
            )

    def stop(self, scopes: Sequence[Scope], now: int) -> list[Request]:
        """End what is still to be called and has been stopped (O6), and give it."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                update(requests)
                .where(requests.c.state == "pending", among(scopes))
                .values(state="done", outcome="stopped", ended=now, holder=None, lease_until=None)
                .returning(*FIELDS)
            ).all()
        return [request_of(row) for row in rows]

    def expire(self, now: int, grace: int = 0) -> list[Request]:
        """End what can come to nothing any more, and give it.

        `grace`: so many microseconds longer a call that was not answered is left to those who ask
        its node: it may never have been sent.

        An attempt of which nobody knows what became (`unknown`) is never made again by itself:
        the person may have been called, and would be called twice. A request that could not be
        made before it expired ends as its last try did, or as `expired`: nobody expects it any
        more.
        """
        with self._engine.begin() as connection:
            rows = connection.execute(
                update(requests)
                .where(lost(now, grace))
                .values(
                    outcome=case(
                        (
                            requests.c.state == "pending",
                            func.coalesce(requests.c.outcome, "expired"),
                        ),
                        else_="unknown",
                    ),
                    state="done",
                    ended=now,
                    holder=None,
                    lease_until=None,
                )
                .returning(*FIELDS)
            ).all()
            ended = [request_of(row) for row in rows]
            self._end_attempts(connection, [r.id for r in ended], "unknown", None, False, now)
        return ended


def _failed(causes: Mapping[str, str] | None) -> dict[str, Any]:
    """Give what an attempt's row has of channels that failed; what it has stays, if none did."""
    return {"causes": write_causes(causes)} if causes else {}


def _ending_from(attempt: str | None, leased_by: str | None) -> tuple[str, ...]:
    if leased_by is not None:
        return ("pending",) if attempt is None else ("calling",)
    # One that was retried is its row's last attempt still, and is over.
    return OPEN_STATES if attempt is None else LIVE_STATES


def _of(attempt: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if attempt is None else (requests.c.attempt == attempt,)


def _leased(until: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if until is None else (requests.c.lease_until == until,)
