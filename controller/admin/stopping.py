"""The switch that stops callbacks (O6): everywhere, of a client, of an extension.

Running controllers see it within a second: they refuse what is asked for, end what is still to be
called, and where that is wished what is being called or talked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Engine, exists, select

from controller.admin import audit, drafts, finding, rights
from controller.admin.callback_shapes import StopInput, Stopped, StopScope
from controller.admin.model import Actor, Forbidden, Kind, NotFound
from controller.admin.people_shapes import USER
from controller.store import schema
from controller.store.database import reader
from controller.store.holding import hold
from controller.store.journal import nobody, writing
from controller.store.stops import Stop, get_stop, put_stop, read_stops, remove_stop

_KINDS: Final = {StopScope.CLIENT: Kind.CLIENT, StopScope.EXTENSION: Kind.EXTENSION}


class Stopping:
    """Stops callbacks and resumes them. Calls block, and may come of any thread.

    A client stops his own, and resumes what he stopped himself: what the operator stopped is the
    operator's. `now` gives microseconds since 1970.
    """

    def __init__(self, engine: Engine, *, now: Callable[[], int]) -> None:
        self._engine = engine
        self._reader = reader(engine)
        self._now = now

    def stops(self, actor: Actor) -> tuple[Stopped, ...]:
        """Give what is stopped; to a client, as far as it is about him."""
        found = tuple(_shown(stop) for stop in read_stops(self._engine))
        if actor.client is None:
            return found
        table = schema.extension
        with self._reader.connect() as connection:
            named = [stop.name for stop in found if stop.scope is StopScope.EXTENSION]
            own = connection.execute(
                select(table.c.extension).where(
                    table.c.extension.in_(named), table.c.client == actor.client
                )
            ).scalars()
            mine = {(StopScope.EXTENSION, name) for name in own}
        mine |= {(StopScope.EVERYWHERE, ""), (StopScope.CLIENT, actor.client)}
        return tuple(stop for stop in found if (stop.scope, stop.name) in mine)

    def stop(
        self,
        actor: Actor,
        scope: StopScope,
        name: str = "",
        *,
        hang_up: bool = False,
        reason: str = "",
    ) -> tuple[Stopped, bool]:
        """Stop callbacks: as `put`, said in arguments."""
        return self.put(actor, scope, name, {"hang_up": hang_up, "reason": reason})

    def put(
        self, actor: Actor, scope: StopScope, name: str, values: Mapping[str, Any]
    ) -> tuple[Stopped, bool]:
        """Stop callbacks, and give the stop; False where they were stopped already.

        What is said is so from then on, whatever was said of it before. Raises `Invalid`,
        `Forbidden`, `NotFound`.
        """
        name = _checked(actor, scope, name)
        said = drafts.read(values, StopInput)
        with writing(self._engine, nobody) as transaction:
            connection, now = transaction.connection, self._now()
            client = _owner(connection, actor, scope, name)
            hold(connection, "stop", scope.value, name)
            there = get_stop(connection, scope.value, name)
            if there is not None:
                _check_own(connection, actor, there)
            same = there is not None and there.actor == actor.name
            stop = Stop(
                scope=scope.value,
                name=name,
                hang_up=said.hang_up,
                reason=said.reason,
                actor=actor.name,
                since=there.since if there is not None and same else now,
            )
            before, after = None if there is None else _shown(there), _shown(stop)
            if before != after:
                put_stop(connection, stop)
                transaction.note([audit.of_stop(now, actor, before, after, client)])
        return after, there is None

    def resume(self, actor: Actor, scope: StopScope, name: str = "") -> Stopped:
        """Let callbacks be made again, and give the stop that was.

        Raises `Forbidden`, `NotFound`.
        """
        name = _checked(actor, scope, name)
        with writing(self._engine, nobody) as transaction:
            connection = transaction.connection
            if actor.client is None:
                client = _client(connection, scope, name)
            else:
                client = _owner(connection, actor, scope, name)
            hold(connection, "stop", scope.value, name)
            there = get_stop(connection, scope.value, name)
            if there is None:
                raise NotFound(f"{_where(scope, name)}: callbacks are not stopped there")
            _check_own(connection, actor, there)
            remove_stop(connection, scope.value, name)
            gone = _shown(there)
            transaction.note([audit.of_stop(self._now(), actor, gone, None, client)])
        return gone

    def may_resume(self, actor: Actor, stop: Stopped) -> bool:
        """Whether somebody may resume what is stopped, of what he sees (`stops`)."""
        try:
            rights.may_stop(actor, everywhere=stop.scope is StopScope.EVERYWHERE)
            with self._reader.connect() as connection:
                _check_own(connection, actor, stop)
        except Forbidden:
            return False
        return True


def _checked(actor: Actor, scope: StopScope, name: str) -> str:
    """Check who acts, and give the name: everywhere has none. Raises `Forbidden`."""
    everywhere = scope is StopScope.EVERYWHERE
    rights.may_stop(actor, everywhere=everywhere)
    return "" if everywhere else name


def _shown(stop: Stop) -> Stopped:
    return Stopped(**{**msgspec.structs.asdict(stop), "scope": StopScope(stop.scope)})


def _where(scope: StopScope, name: str) -> str:
    return scope.value if scope is StopScope.EVERYWHERE else f"{scope.value} {name}"


def _owner(connection: Connection, actor: Actor, scope: StopScope, name: str) -> str | None:
    """Give whose it is that is stopped. Raises `NotFound` for what is not there, or another's."""
    if scope is StopScope.EVERYWHERE:
        return None
    found = finding.find(connection, actor, _KINDS[scope], name)
    return finding.clients_of(connection, _KINDS[scope], [found])[0]


def _client(connection: Connection, scope: StopScope, name: str) -> str | None:
    """Give whose it is: what is stopped may have been removed since."""
    if not name.isprintable():
        raise NotFound(f"there is no {scope.value} {name:.80}")
    if scope is not StopScope.EXTENSION:
        return name or None
    table = schema.extension
    return connection.execute(select(table.c.client).where(table.c.extension == name)).scalar()


def _check_own(connection: Connection, actor: Actor, stop: Stop | Stopped) -> None:
    """Check that a client put this stop himself: any of his tokens or users. Raises `Forbidden`."""
    if actor.client is None:
        return
    by_user = stop.actor.startswith(USER)
    table = schema.user if by_user else schema.token
    his = exists().where(
        table.c.name == stop.actor.removeprefix(USER),
        table.c.client == actor.client,
        # Or it is another one, which has the name by now.
        table.c.created <= stop.since,
    )
    if not connection.execute(select(his)).scalar():
        where = _where(StopScope(stop.scope), stop.name)
        raise Forbidden(f"{where} was stopped by the operator; ask him")
