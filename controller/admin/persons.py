"""One person's records (O7): all that is kept about a telephone number, exported and erased.

What is his own goes: callbacks that he asked for or that called him, with transcripts and all. What
has to stay does so without his number, in whose place a pseudonym stands: what calls have cost, the
ledger, the callbacks of others that called him, the audit log. It is made by chance and written
down nowhere, so that nothing leads back from it; it is the same in all places, so that one can
still see that they were one person's.

Nothing is erased of a call that is under way, nor of what somebody else has still to be told. What
the operator has configured himself is his to change first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Engine

from controller.admin import audit, persons_shown, rights
from controller.admin.finding import clients_of
from controller.admin.model import Actor, Conflict, Invalid, Kind, NotFound, Unavailable
from controller.admin.persons_hindered import Hindered
from controller.admin.references import KEPT
from controller.admin.writing import touch, write
from controller.credit.model import Held
from controller.numbers.e164 import is_e164
from controller.policy.changes import Change
from controller.policy.moments import written
from controller.policy.records import AuthorisedCaller
from controller.policy.spelled import spelled, without
from controller.store import erasing, mentions, persons, schema
from controller.store.database import Away, reader
from controller.store.journal import writing
from controller.store.kept import CALLERS

#: Callbacks that are erased, and rows that are changed, by one transaction.
CALLBACKS_AT_ONCE: Final = 100
ROWS_AT_ONCE: Final = 200
#: In so many lists one person is at most.
_MOST_LISTS: Final = 10_000
#: How often it is looked again for what was written meanwhile.
_LOOKS: Final = 3


class Trace(Protocol):
    """Where a number stands in Redis."""

    @property
    def key(self) -> str:
        """The key."""
        ...

    @property
    def member(self) -> str | None:
        """The member of what it has."""
        ...


class Traces(Protocol):
    """Who keeps what is counted. Nothing of it raises; None: it cannot be reached."""

    def find(self, number: str) -> Sequence[Trace] | None:
        """Give where a number stands."""
        ...

    def erase(self, number: str) -> int | None:
        """Erase that, and give how much it was."""
        ...


class PersonExport(msgspec.Struct, frozen=True):
    """What is kept about a number.

    Attributes:
        number: the number, E.164.
        at: when it was looked.
        records: rows, by table.
        counted: what names it in Redis; None: Redis was away.

    """

    number: str
    at: str
    records: dict[str, list[dict[str, Any]]]
    counted: list[str] | None


class PersonErased(msgspec.Struct, frozen=True):
    """What was erased.

    Attributes:
        pseudonym: what stands where the number stood in what has to stay.
        callbacks: that he asked for, or that called him: they are gone.
        callerids: entries of lists that are gone, or name him no more.
        changed: rows that stay without the number, by table.
        counted: what was gone in Redis.
        left: rows that still have the number: of a call that came meanwhile, or of what was
            configured meanwhile (ask again when that is over); entries of the ledger whose key or
            author it is: these never change.

    """

    pseudonym: str
    callbacks: int
    callerids: int
    changed: dict[str, int]
    counted: int
    left: int = 0


class PersonDesk:
    """Exports and erases. Called where the event loop is; `run` runs what blocks.

    `now` gives microseconds since 1970; `streams`: the names of streams of call records; `told`:
    whether somebody is told of notices; `traces` None: there is no Redis, so nothing is counted.
    `elsewhere` gives for what another's charging engine holds, and is called where the event loop
    is; None: we charge ourselves.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        run: Callable[..., Any],
        now: Callable[[], int],
        announce: Callable[[Change], None],
        traces: Traces | None,
        streams: Sequence[str] = (),
        told: bool = True,
        elsewhere: Callable[[], Sequence[Held]] | None = None,
    ) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._run = run
        self._now = now
        self._announce = announce
        self._traces = traces
        self._elsewhere = elsewhere
        self._hindered = Hindered(tuple(streams), told)

    # --- export ------------------------------------------------------------------------------

    def export(self, actor: Actor, number: str) -> PersonExport:
        """Give all that is kept about a number, and note who had it. Raises `Invalid`."""
        _check(actor, number)
        records = self._run(self._export, actor, number)
        counted: list[str] | None = []
        if self._traces is not None:
            found = self._traces.find(number)
            counted = None if found is None else [_name_of(trace) for trace in found]
        return PersonExport(number, written(self._now()), records, counted)

    def _export(self, actor: Actor, number: str) -> dict[str, list[dict[str, Any]]]:
        with self._reader.connect() as connection:
            records = persons_shown.collect(connection, number)
        if not records:
            # Nobody is written down for having been asked for.
            return {}
        counts = {table: len(rows) for table, rows in sorted(records.items())}
        with writing(self._engine, self._announce) as transaction:
            transaction.note([audit.of_person(self._now(), actor, "export", number, counts)])
        return records

    # --- erase -------------------------------------------------------------------------------

    def erase(self, actor: Actor, number: str, *, with_callerid: bool = False) -> PersonErased:
        """Erase what is kept about a number, and give what that was.

        `with_callerid`: his entries as an authorised CallerID too, and him in those of others; his
        accounts stay, with what is on them, and are nobody's. Raises `Conflict` where something
        hinders, `Unavailable` where Redis or whoever charges is away: then nothing is erased, or
        nothing that is counted where Redis went away meanwhile, as its message says. Asked again it
        goes on where it was interrupted.
        """
        _check(actor, number)
        if self._traces is not None and self._traces.find(number) is None:
            raise Unavailable(
                "Redis is away, and what is counted of the number is there: nothing was erased; "
                "see that it runs, and try again"
            )
        held = self._held()
        done: PersonErased = self._run(self._erase, actor, number, with_callerid, held)
        if self._traces is None:
            return done
        # Last: where something hinders, nothing at all is erased.
        counted = self._traces.erase(number)
        if counted is None:
            raise Unavailable(
                "Redis went away meanwhile, and what is counted of the number is there: all else "
                "was erased; see that it runs, and erase again"
            )
        return msgspec.structs.replace(done, counted=counted)

    def _held(self) -> Sequence[Held]:
        """Ask another's engine for what it holds: of our own the database tells."""
        if self._elsewhere is None:
            return ()
        try:
            return self._elsewhere()
        except Away as error:
            raise Unavailable(
                "the charging engine of credit.engine cannot be asked for what it holds: nothing "
                "was erased; see that it answers, and try again"
            ) from error

    def _check_free(self, number: str, with_callerid: bool, held: Sequence[Held]) -> None:
        with self._reader.connect() as connection:
            hindered = [
                *self._hindered.why(
                    connection, number, held, with_callerid=with_callerid, now=self._now()
                )
            ]
        if hindered:
            raise Conflict("nothing was erased: " + "; ".join(hindered))

    # --- in a thread -------------------------------------------------------------------------

    def _erase(
        self, actor: Actor, number: str, with_callerid: bool, held: Sequence[Held]
    ) -> PersonErased:
        self._check_free(number, with_callerid, held)
        pseudonym = mentions.pseudonym(number)
        callerids = self._erase_callerids(actor, number, pseudonym) if with_callerid else 0
        callbacks, changed, left = 0, dict[str, int](), 0
        for _ in range(_LOOKS):
            callbacks += self._erase_callbacks(number)
            done, left = self._rewrite(number, pseudonym)
            for table, rows in done.items():
                changed[table] = changed.get(table, 0) + rows
            if not done:
                break
        erased = PersonErased(pseudonym, callbacks, callerids, changed, 0, left)
        after = {"callbacks": callbacks, "callerids": callerids, "changed": changed}
        with writing(self._engine, self._announce) as transaction:
            transaction.note([audit.of_person(self._now(), actor, "erase", pseudonym, after)])
        return erased

    def _erase_callerids(self, actor: Actor, number: str, pseudonym: str) -> int:
        """Remove his entries of lists, and him from those of others; their accounts stay."""
        now, table = self._now(), schema.authorised_caller
        with writing(self._engine, self._announce) as transaction:
            connection = transaction.connection
            own = CALLERS.page(connection, [table.c.number == number], None, _MOST_LISTS)
            for stored in own:
                (client,) = clients_of(connection, Kind.CALLERID, [stored])
                entry = audit.entry(now, actor, Kind.CALLERID, stored, None, client)
                transaction.note([entry])
                KEPT[Kind.CALLERID].remove(connection, stored.key)
                touch(transaction, stored, None)
            keys = [mention.key for mention in mentions.find_in(connection, table, number)]
            pairs = [
                (stored, _less(stored.value, number, pseudonym))
                for stored in CALLERS.get_many(connection, keys, lock=True).values()
            ]
            write(transaction, actor, Kind.CALLERID, pairs, now=now)
        return len(own) + len(pairs)

    def _erase_callbacks(self, number: str) -> int:
        with self._reader.connect() as connection:
            ids = persons.own(connection, number).requests
        erased = 0
        for first in range(0, len(ids), CALLBACKS_AT_ONCE):
            with self._engine.begin() as connection:
                some = persons.over(connection, ids[first : first + CALLBACKS_AT_ONCE])
                erasing.erase_callbacks(connection, some)
                erased += len(some)
        return erased

    def _rewrite(self, number: str, pseudonym: str) -> tuple[dict[str, int], int]:
        """Put the pseudonym wherever the number stands, and give how many rows that changed.

        And how many still have it: who rang meanwhile is called back by his number, and of an
        entry of the ledger its key and its author never change.
        """
        left = 0
        keys: dict[str, list[tuple[Any, ...]]] = {}
        with self._reader.connect() as connection:
            typed = persons.typed(connection, number)
            dialled = persons.dialled(connection, number)
            for mention in mentions.find(connection, number):
                stays = self._hindered.leaves(mention, number, dialled)
                if not stays:
                    keys.setdefault(mention.table, []).append(mention.key)
                # A row may have it where it can go, and where it cannot.
                left += stays or mentions.keeps(mention)
        for first in range(0, max(1, len(typed)), ROWS_AT_ONCE):
            with self._engine.begin() as connection:
                persons.forget_name(connection, number)
                persons.forget_typed(connection, typed[first : first + ROWS_AT_ONCE])
        changed: dict[str, int] = {}
        for name, found in keys.items():
            table = schema.metadata.tables[name]
            for first in range(0, len(found), ROWS_AT_ONCE):
                some = found[first : first + ROWS_AT_ONCE]
                with self._engine.begin() as connection:
                    rows = mentions.rewrite(connection, table, some, number, pseudonym)
                changed[name] = changed.get(name, 0) + rows
        return {name: rows for name, rows in changed.items() if rows}, left


def _check(actor: Actor, number: str) -> None:
    if actor.client is not None:
        # Whether there is such a person is nothing that a client is told.
        raise NotFound("nothing is kept about that number")
    rights.may_keep_persons(actor)
    if not is_e164(number):
        raise Invalid("number: write it as E.164 has it, such as +12025550100")


def _less(caller: AuthorisedCaller, number: str, pseudonym: str) -> AuthorisedCaller:
    """Give an entry of another person that names this one no more."""
    return msgspec.structs.replace(
        caller,
        callback_number=None if caller.callback_number == number else caller.callback_number,
        speed_dials={key: to for key, to in caller.speed_dials.items() if to != number},
        presets={did: to for did, to in caller.presets.items() if to != number},
        notes=without(caller.notes, spelled(number), pseudonym),
    )


def _name_of(trace: Trace) -> str:
    return trace.key if trace.member is None else f"{trace.key} {trace.member}"
