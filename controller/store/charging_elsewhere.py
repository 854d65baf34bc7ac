"""The charging engine of somebody else, as controllers ask it: he has the money, we the records.

A leg is charged there first, and recorded here then: what is recorded is settled. Where that is
broken off in between, both are asked again, and the engine gives what it has charged already. Which
node has a call, which controller, and what of it was charged, is known here and not there.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import structlog
from sqlalchemy import Connection, Engine, func, select, text

from controller.callback.events import Credit
from controller.credit import deciding
from controller.credit.engine import Charging, Provider, Unavailable
from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Held,
    Identify,
    LegEnd,
    Refused,
    Settled,
)
from controller.store import charging_legs as legs
from controller.store.charging import SqlCharging
from controller.store.database import reader_of_one
from controller.store.ledger import MOST_LEFT
from controller.store.schema_callbacks import callback_attempt as attempts
from controller.store.schema_callbacks import callback_request as requests
from controller.store.schema_money import call_leg

log: Any = structlog.get_logger("charging")

R = TypeVar("R")

#: What a provider is asked, by name.
ASKED: Final = (
    *("begin", "identify", "dial", "extend", "not_called"),
    *("settle", "release", "overdue", "credit"),
)
#: What callers are told of, and no other reason.
_REASONS: Final = frozenset({deciding.NO_CREDIT, deciding.NO_RATE, deciding.SPEND_LIMIT})
#: Our own among PostgreSQL's advisory locks. SQLite takes one writer at a time as it is.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(1667590244, hashtext(:call))")
#: What stands in a record before the name of an account that is not ours, and how much of that.
PREFIX: Final = "elsewhere:"
LONGEST_ACCOUNT: Final = 36
#: ISO 4217, as records have it.
_CURRENCY: Final = re.compile("[A-Z]{3}")
#: A record has room for no more.
_MOST_SECONDS: Final = 2**31 - 1
#: So many calls are looked up at once.
_AT_ONCE: Final = 500


class EngineError(ValueError):
    """The engine of the settings cannot be used; the message names the setting."""


def load_provider(name: str, options: Mapping[str, str]) -> Provider:
    """Import and make the engine that `credit.engine` names: `package.module:factory`.

    The factory gets `credit.options`. Raises `EngineError`.
    """
    where = f"credit.engine: {name}"
    module, _, factory = name.partition(":")
    try:
        made = getattr(importlib.import_module(module), factory)
    except AttributeError as error:
        raise EngineError(f"{where}: {module} has no {factory}") from error
    except Exception as error:
        # It is anybody's code, and may raise anything.
        raise EngineError(
            f"{where}: {module} cannot be imported: {type(error).__name__}: {error}; install it "
            "where callbackd is installed"
        ) from error
    try:
        engine = made(dict(options))
    except Exception as error:
        raise EngineError(
            f"{where}: could not be made: {type(error).__name__}: {error}; see credit.options"
        ) from error
    lacks = [asked for asked in ASKED if not callable(getattr(engine, asked, None))]
    if lacks:
        raise EngineError(f"{where}: {type(engine).__name__} has no {', '.join(lacks)}")
    provider: Provider = engine
    return provider


def open_charging(engine: Engine, name: str, options: Mapping[str, str]) -> Charging:
    """Give what decides over credit: the engine of that name, or ours where there is none.

    Raises `EngineError`.
    """
    return ChargingElsewhere(engine, load_provider(name, options)) if name else SqlCharging(engine)


def _now() -> int:
    return time.time_ns() // 1000


class ChargingElsewhere:
    """A provider's engine, with our records. Calls block; they raise `Away`, of either.

    Whatever the provider raises is `Unavailable` here, and so is an answer that cannot be.
    """

    def __init__(self, engine: Engine, provider: Provider, now: Callable[[], int] = _now) -> None:
        self.provider = provider
        self._engine = engine
        self._one = reader_of_one(engine)
        self._now = now
        self._insert_leg = legs.inserting(engine.dialect.name)

    # --- what the provider decides -----------------------------------------------------------

    def begin(self, call: Begin) -> Granted | Refused:
        """Hold for a return call (M3), before it is made."""
        return _checked(_asked(self.provider.begin, call))

    def identify(self, call: Identify) -> Granted | Refused:
        """Move what is held to the account of somebody who has identified himself (M9)."""
        return _checked(_asked(self.provider.identify, call))

    def dial(self, call: Dial) -> Granted | Refused:
        """Hold for both legs (M4), before the destination is called."""
        answer = _checked(_asked(self.provider.dial, call))
        if isinstance(answer, Granted) and answer.destination_seconds == 0:
            raise Unavailable("dial gave no seconds for the destination")
        return answer

    def extend(self, call: Extend) -> Granted:
        """Hold for more of a call; never for less than its switch lets it last."""
        answer = _checked(_asked(self.provider.extend, call))
        if isinstance(answer, Refused):
            raise Unavailable("extend refused a call that goes on")
        return answer

    def not_called(self, call: str, position: int) -> None:
        """Release what was held for a destination that no leg of was answered."""
        _asked(self.provider.not_called, call, position)

    def release(self, call: str, now: int) -> None:
        """Release all that is held for a call of which no leg is left to settle."""
        _asked(self.provider.release, call, now)

    def credit(self, extension: str, caller: str | None, call: str = "") -> Credit | None:
        """Give what whoever pays has to spend (C2): what other calls hold is not."""
        answer = _asked(self.provider.credit, extension, caller, call)
        return None if answer is None else _of(Credit, answer)

    # --- what is recorded here ---------------------------------------------------------------

    def settle(self, end: LegEnd) -> Settled:
        """Have a leg that is over charged there, and keep its record here (M7).

        Of one that nobody answered there is nothing to charge: it is only recorded.
        """
        with self._one.connect() as connection:
            known = legs.known(connection, end)
        if known is not None:
            return _known(known)
        settled = Settled(True)
        if end.answered is not None:
            settled = _settled(_asked(self.provider.settle, end))
        with self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(_LOCK, {"call": end.call})
            # Under the lock: an estimate of the same leg may have been recorded meanwhile.
            known = legs.known(connection, end)
            if known is not None:
                return _known(known)
            found = legs.read(connection, end, None)
            paid = settled.currency is not None
            charged = legs.Charged(
                settled.seconds,
                account=f"{PREFIX}{settled.account or ''}"[:LONGEST_ACCOUNT] if paid else None,
                currency=settled.currency,
                charge=settled.charge if paid else 0,
                uncovered=settled.uncovered if paid else 0,
            )
            row = legs.values_of(connection, end, found.facts, charged, self._now())
            self._insert_leg.first(connection, row)
        return msgspec.structs.replace(settled, first=True)

    def settled(self, legs_: Sequence[str]) -> frozenset[str]:
        """Give those of these legs that are settled already. It only reads."""
        with self._one.connect() as connection:
            return legs.kept(connection, legs_)

    def overdue(self, now: int) -> Sequence[Held]:
        """Give the calls whose hold has ended by itself and is still there."""
        return self._held(now)

    def held_on(self, node: str) -> Sequence[Held]:
        """Give the calls of a node for which something is held."""
        return self._held(2**62, node)

    def close(self) -> None:
        """End the provider, where it has something to end."""
        end = getattr(self.provider, "close", None)
        if callable(end):
            end()

    def _held(self, now: int, node: str | None = None) -> Sequence[Held]:
        held = [_of(Held, one) for one in _asked(self.provider.overdue, now)]
        found: dict[str, tuple[str | None, str | None, int]] = {}
        with self._one.connect() as connection:
            for first in range(0, len(held), _AT_ONCE):
                calls = [one.call for one in held[first : first + _AT_ONCE]]
                found |= _ours(connection, calls)
        return [
            msgspec.structs.replace(one, holder=holder, charged=charged)
            for one in held
            for at, holder, charged in [found.get(one.call, (None, None, 0))]
            if node is None or at == node
        ]


def _ours(
    connection: Connection, calls: Sequence[str]
) -> dict[str, tuple[str | None, str | None, int]]:
    """Give by call its node, who holds its request, and what of it was charged."""
    charged = (
        select(func.coalesce(func.sum(call_leg.c.charge), 0))
        .where(call_leg.c.request == attempts.c.request, call_leg.c.call == attempts.c.id)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(attempts.c.id, attempts.c.node, requests.c.holder, charged)
        .outerjoin(requests, requests.c.id == attempts.c.request)
        .where(attempts.c.id.in_(calls))
    )
    # A sum is of no integer type in PostgreSQL.
    return {call: (node, holder, int(sum_)) for call, node, holder, sum_ in rows}


def _asked(function: Callable[..., R], *given: object) -> R:
    """Ask the provider; whatever it raises, nobody knows whether that was done."""
    try:
        return function(*given)
    except Unavailable:
        raise
    except Exception as error:
        what = getattr(function, "__name__", "call")
        log.exception("engine_fault", what=what)
        raise Unavailable(f"{what}: {type(error).__name__}: {error}") from error


def _of(kind: type[R], answer: R) -> R:
    """Check the types of an answer, which is of somebody else's code."""
    try:
        msgspec.convert(msgspec.to_builtins(answer), kind)
    except (msgspec.ValidationError, TypeError, NotImplementedError) as error:
        raise Unavailable(f"the engine's answer cannot be: {error}") from error
    return answer


def _checked(answer: Granted | Refused) -> Granted | Refused:
    if isinstance(answer, Refused) and answer.reason in _REASONS:
        return answer
    if not isinstance(answer, Granted):
        raise Unavailable(f"the engine's answer cannot be: {answer!r:.200}")
    _of(Granted, answer)
    if min(answer.return_seconds, answer.destination_seconds, answer.serial) < 0:
        raise Unavailable(f"the engine's answer cannot be: {answer!r:.200}")
    return answer


def _settled(answer: Settled) -> Settled:
    """Check what a leg is said to have cost: a record of it stays as it is."""
    _of(Settled, answer)
    money = (answer.charge, answer.uncovered)
    if not (
        0 <= answer.seconds <= _MOST_SECONDS
        and all(0 <= one <= MOST_LEFT for one in money)
        and (answer.currency is None or _CURRENCY.fullmatch(answer.currency))
    ):
        raise Unavailable(f"the engine's answer cannot be: {answer!r:.200}")
    return answer


def _known(known: legs.Known) -> Settled:
    return Settled(False, known.seconds, known.charge, known.uncovered)
