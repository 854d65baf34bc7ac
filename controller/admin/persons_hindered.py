"""What hinders that a person is erased (O7), and what of him is left alone: one rule for both.

What the operator has configured is his to change first, calls that are under way go on, and what
somebody else has still to be told is told. Each is looked for before anything is erased; what came
meanwhile is left as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection

from controller.credit.model import Held
from controller.policy.spelled import spelled
from controller.store import erasing, ledger, mentions, persons, schema
from controller.store.mentions import Mention
from controller.store.persons import Own

#: What hinders is told of by so many examples.
MOST_TOLD: Final = 5
#: What the operator has configured: it is changed by whoever configured it.
CONFIGURED: Final = frozenset(
    {
        "client", "extension", "did", "channel", "public_number", "caller_id", "price_list", "rate",
        "sound", "token", "user", "stop", "node_drain", "node_seen",
    }
)  # fmt: skip
#: What happened on a call is written within seconds of its end, microseconds.
_JUST_NOW: Final = 60_000_000


class Hindered(msgspec.Struct, frozen=True):
    """What is looked at. `streams`: those of call records; `told`: somebody is told of notices."""

    streams: Sequence[str]
    told: bool

    def why(
        self,
        connection: Connection,
        number: str,
        elsewhere: Sequence[Held],
        *,
        with_callerid: bool,
        now: int,
    ) -> Iterator[str]:
        """Give what hinders, and what to do about it; `now`: microseconds since 1970.

        `elsewhere`: for what another's charging engine holds.
        """
        own = persons.own(connection, number)
        if under_way := persons.under_way(connection, number, now - _JUST_NOW):
            yield (
                f"a callback is to be made, under way, or over for less than a minute "
                f"({_some(under_way)}): wait, or cancel it"
            )
        elif held := [*persons.held(connection, own), *_his(elsewhere, own, number)]:
            yield f"credit is held for a call of his ({_some(held)}): it is settled within minutes"
        if own.callers and not with_callerid:
            names = _some(["/".join(caller) for caller in own.callers])
            yield (
                f"it is an authorised CallerID ({names}): remove it first, or have it removed "
                "(callbackd person erase --with-callerid)"
            )
        elif own.accounts and not with_callerid and (left := _left(connection, own.accounts)):
            yield (
                f"there is money on its account ({_some(left)}): pay it out first, or leave it "
                "there without an owner (callbackd person erase --with-callerid)"
            )
        taken = erasing.floor(connection, self.streams, now)
        yield from self._named(connection, number, taken, with_callerid=with_callerid)

    def _named(
        self, connection: Connection, number: str, taken: int | None, *, with_callerid: bool
    ) -> Iterator[str]:
        """Give where it stands that others have to see to first.

        `taken`: up to which serial the streams have taken call records; None: there is none.
        """
        behind = False
        configured: list[str] = []
        others: list[str] = []
        for mention in mentions.find(connection, number):
            name = f"{mention.table} {'/'.join(map(str, mention.key))}"
            if mention.table in CONFIGURED:
                configured.append(f"{name}: {', '.join(mention.columns)}")
            elif mention.table == "authorised_caller" and mention.row["number"] != number:
                others.append("/".join(map(str, mention.key)))
            elif mention.table == "call_leg" and taken is not None:
                behind = behind or mention.row["serial"] > taken
            elif _open(mention):
                yield (
                    f"it is part of a suspicion that is open: release it first (callbackd "
                    f"suspicion release {mention.key[0]})"
                )
            elif self._waits(mention):
                yield f"a notice that names it was not taken yet ({mention.row['kind']})"
        if behind:
            yield "a stream has not taken its call records yet: see callbackd_stream_behind"
        if configured:
            yield f"it is part of the configuration ({_some(configured)}): change that first"
        if others and not with_callerid:
            yield (
                f"other authorised CallerIDs name it ({_some(others)}): change them first, or have "
                "it taken out of them (callbackd person erase --with-callerid)"
            )

    def leaves(self, mention: Mention, number: str, dialled: Collection[str]) -> bool:
        """Whether a row is left alone that came meanwhile, or cannot change at all.

        `dialled`: callbacks that are not over on which the number was dialled.

        A pseudonym in what is configured would break it; what is dialled, blocked or told by the
        number goes on by it.
        """
        return (
            mention.table in CONFIGURED
            or mention.table == "authorised_caller"
            or (mention.table == "account" and mention.row["caller"] == number)
            or _open(mention)
            or self._waits(mention)
            or _goes_on(mention, dialled)
            or not mentions.may_change(mention)
        )

    def _waits(self, mention: Mention) -> bool:
        return mention.table == "notice" and mention.row["taken"] is None and self.told


def _his(held: Sequence[Held], own: Own, number: str) -> list[str]:
    """Give the calls of another's engine that are his, or on an account that is called by him."""
    requests, pattern = set(own.requests), spelled(number)
    return sorted(
        one.call for one in held if one.request in requests or pattern.search(one.account)
    )


def _open(mention: Mention) -> bool:
    return mention.table == "suspicion" and mention.row["released"] is None


def _goes_on(mention: Mention, dialled: Collection[str]) -> bool:
    """Whether a row is part of a call that is under way; one that is over never is again."""
    match mention.table:
        case schema.callback_request.name:
            return mention.row["state"] in schema.OPEN_STATES
        case schema.callback_destination.name:
            return mention.row["ended"] is None or mention.row["request"] in dialled
        case schema.callback_attempt.name:
            return mention.row["ended"] is None
    return False


def _left(connection: Connection, accounts: Sequence[str]) -> list[str]:
    """Give those of these accounts on which something is, or is owed."""
    return [one for one, left in ledger.balances(connection, accounts).items() if left]


def _some(names: Sequence[str]) -> str:
    more = len(names) - MOST_TOLD
    return ", ".join(names[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
