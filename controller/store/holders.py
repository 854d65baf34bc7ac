"""Which controller has a callback: the lease of one that is due, and whoever follows a live call.

A controller that is dead or stands still may keep a row locked, in a transaction that it does not
end: such a row is passed over here, and nobody waits for it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select, update

from controller.store.attempts import Attempts
from controller.store.request_rows import LIVE
from controller.store.schema import callback_request as requests


class Holders(Attempts):
    """Says who has a callback, and frees what somebody has who is gone. Calls block."""

    def hold(self, request: str, holder: str) -> bool:
        """A controller has the leg of a live call; whether that was news."""
        another = or_(requests.c.holder.is_(None), requests.c.holder != holder)
        return self._change(requests.c.id == request, LIVE, another, holder=holder) > 0

    def take_over(self, request: str, holder: str, *, before: str | None) -> bool:
        """Follow a live call that `before` has followed; of several who try, one does."""
        his = requests.c.holder.is_(None) if before is None else requests.c.holder == before
        return self._change(requests.c.id == request, LIVE, his, holder=holder) > 0

    def forget(self, holder: str) -> int:
        """A controller begins anew, and follows none of the live calls that it followed; how many.

        Under its name it seems to be there: without this nobody would look after them.
        """
        return self._change(
            requests.c.state == "answered", requests.c.holder == holder, holder=None
        )

    def free_leases(self, holder: str, now: int) -> int:
        """Free the requests that a controller has leased and has not begun to call; how many.

        Whoever is not dead finds that they are not his any more, and begins none of them.
        """
        return self._change(
            requests.c.state == "pending",
            requests.c.holder == holder,
            requests.c.lease_until >= now,
            holder=None,
            lease_until=None,
        )

    def _change(
        self,
        *conditions: Any,  # noqa: ANN401  (clauses of SQLAlchemy)
        **values: object,
    ) -> int:
        chosen = select(requests.c.id).where(*conditions)
        if self._engine.dialect.name == "postgresql":
            chosen = chosen.with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            changed = connection.execute(
                update(requests).where(requests.c.id.in_(chosen)).values(**values)
            )
        return int(changed.rowcount)
