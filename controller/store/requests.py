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

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    case,
    delete,
    func,
    update,
)

from controller.policy.endings import SHORT_SECONDS
from controller.policy.records import AuthorisedCaller
from controller.store import moves
from controller.store.attempts import NO_PLACES, Begun, Places
from controller.store.conversing import entry_of
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
    lost_by,
    request_of,
)
from controller.store.schema import callback_attempt as attempts
from controller.store.schema import callback_request as requests

__all__ = ["Attempt", "Begun", "Ended", "Request", "Requests", "Scope"]


class Due(msgspec.Struct, frozen=True):
    """A request that was leased, and who rang for it in the extension's list, if he is there."""

    request: Request
    caller: AuthorisedCaller | None


class Taken(msgspec.Struct, frozen=True):
    """What was leased; `places` are those that were taken then, `next_due` as in `outlook`."""

    due: tuple[Due, ...]
    places: Places
    next_due: int | None


def _entry_of(connection: Connection, request: Request) -> AuthorisedCaller | None:
    if request.caller is None:
        return None
    return entry_of(connection, request.extension, request.caller)


class Requests(Holders):
    """Leases, tries and ends callback requests, besides keeping them. Calls block."""

    # --- leases --------------------------------------------------------------------------------

    def lease_due(self, holder: str, now: int, until: int, limit: int) -> list[Request]:
        """Take up to `limit` due requests that nobody else works on, until `until`.

        The longest due first, but in turns: an extension with many due waits behind every other's
        first, and so does one with many calls being set up.
        """
        with self._engine.begin() as connection:
            return self._lease_due(connection, holder, now, until, limit)

    def take_due(self, holder: str, now: int, until: int, limit: int) -> Taken:
        """Do as `lease_due` does, and give what else has to be known before they are called."""
        with self._engine.begin() as connection:
            leased = self._lease_due(connection, holder, now, until, limit)
            return Taken(
                tuple(Due(one, _entry_of(connection, one)) for one in leased),
                self._places(connection) if leased else NO_PLACES,
                self._next_due(connection, now),
            )

    def _lease_due(
        self, connection: Connection, holder: str, now: int, until: int, limit: int
    ) -> list[Request]:
        known = {"by": holder, "now": now, "until": until, "at_most": limit}
        rows = moves.LEASING[connection.dialect.name].all(connection, known)
        return sorted(map(request_of, rows), key=lambda r: (r.due, r.id))

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
        known = {
            "of": request,
            "of_attempt": attempt,
            "by": holder,
            "until": until,
            "now": now,
            "over": channel,
            "of_causes": write_causes(causes or {}),
        }
        with self._engine.begin() as connection:
            answering = moves.answering(by_attempt=attempt is not None, held=holder is not None)
            moved = answering.change(connection, known) == 1
            if moved:
                moves.answered(failed=bool(causes)).change(connection, known)
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
                self._end_attempts(connection, request, outcome, cause, counts, now, causes),
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
        finishing = moves.finishing(
            by_attempt=attempt is not None,
            leased=leased_by is not None,
            by_lease=lease is not None,
        )
        known = {
            "of": request,
            "of_attempt": attempt,
            "by": leased_by,
            "until": lease,
            "as_outcome": outcome,
            "as_cause": cause,
            "to": destination,
            "now": now,
        }
        with self._engine.begin() as connection:
            if finishing.change(connection, known) != 1:
                return ended_before(connection, request, outcome, now, attempt=attempt)
            return Ended(
                True,
                self._end_attempts(connection, request, outcome, cause, counts, now, causes),
            )

    def _end_attempts(
        self,
        connection: Connection,
        ended: str,
        outcome: str,
        cause: str | None,
        counts: bool | None,
        now: int,
        causes: Mapping[str, str] | None = None,
    ) -> tuple[str, str] | None:
        """End the attempts of a request; gives whose came to nothing."""
        rows = moves.ending_attempts(counts=counts is not None, failed=bool(causes)).all(
            connection,
            {
                "of": ended,
                "as_outcome": outcome,
                "as_cause": cause,
                "as_counts": counts,
                "now": now,
                "moment_ago": now - SHORT_SECONDS * 1_000_000,
                "of_causes": write_causes(causes or {}),
            },
        )
        return next(((extension, number) for extension, number, counted in rows if counted), None)

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
                .where(lost())
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
                .returning(*FIELDS),
                lost_by(now, grace),
            ).all()
            ended = [request_of(row) for row in rows]
            for one in ended:
                self._end_attempts(connection, one.id, "unknown", None, False, now)
        return ended


def _failed(causes: Mapping[str, str] | None) -> dict[str, Any]:
    """Give what an attempt's row has of channels that failed; what it has stays, if none did."""
    return {"causes": write_causes(causes)} if causes else {}


def _of(attempt: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if attempt is None else (requests.c.attempt == attempt,)


def _leased(until: int | None) -> tuple[ColumnElement[bool], ...]:
    return () if until is None else (requests.c.lease_until == until,)
