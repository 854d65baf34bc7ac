"""Says why (I9): what a destination would see, how it would be called, who would be called back.

It goes by the functions that calls go by, over what the store has, and keeps nothing: nothing is
dialled, nothing is written. What only the running service knows (which channels are in trouble,
who is locked out) it is told, or it says that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from controller.admin.explained import (
    ChannelOrder,
    ExplainedCallback,
    ExplainedCallerId,
    ExplainedRoute,
)
from controller.admin.explaining_call import PlayedCall, keys_of, rehearsed
from controller.admin.explaining_callback import (
    Case,
    Coming,
    Looking,
    asks_password,
    explained,
    locked_tried,
    rules_tried,
)
from controller.admin.explaining_channels import (
    GOES_BY,
    Found,
    Names,
    Troubles,
    best_of,
    by_node,
    orders_of,
    orders_said,
    refusal_tried,
    shown_of,
    shown_said,
)
from controller.admin.explaining_live import (
    Everybodys,
    Known,
    Live,
    LockKeeper,
    OftenKeeper,
    limits_asked,
    often_tried,
)
from controller.admin.explaining_number import (
    no_call,
    read_destination,
    tried_of,
)
from controller.admin.explaining_plan import Question, planned
from controller.admin.explaining_reading import Reading, Ringing, RouteSettings
from controller.admin.model import Actor, Invalid
from controller.callback.asking import Asking, ask
from controller.callerid.model import Tried
from controller.guard.often import Limit
from controller.guard.ranges import Ranges
from controller.numbers.caller import Caller
from controller.policy.model import Policy
from controller.policy.trunks import Trunks
from controller.routing.choosing import choose
from controller.routing.model import Plan
from controller.routing.planning import (
    plan_return,
)

#: Nobody asks about a later time; calendars end somewhere. Microseconds since 1970.
_LATEST: Final = 7_258_118_400_000_000


class Explaining:
    """Explains what calls would do. A client is told about his own extensions, without trunks.

    Called where the event loop is: `run` runs what blocks, and the rest is asked there. `now` gives
    microseconds since 1970; `route` are the settings of that name; `expiry_seconds` is how long a
    callback is tried whose extension does not say; `ranges` are known for fraud; `everybodys`
    limits all callbacks. `troubles`, `locks` and `often` are what the service knows; without them
    the answers say that it was not looked at.
    """

    def __init__(
        self,
        engine: Engine,
        route: object,
        *,
        expiry_seconds: int,
        ranges: Ranges,
        run: Callable[..., Any],
        now: Callable[[], int],
        troubles: Callable[[], Troubles] | None = None,
        locks: LockKeeper | None = None,
        often: OftenKeeper | None = None,
        everybodys: Everybodys | None = None,
    ) -> None:
        self._service = msgspec.convert(route, RouteSettings, from_attributes=True)
        self._platform = self._service.platform(ranges)
        self._reading = Reading(engine, self._service)
        self._expiry_seconds = expiry_seconds
        self._run = run
        self._now = now
        self._troubles = troubles
        self._live = Live(locks, often)
        self._everybodys = everybodys or Everybodys()

    # --- what is asked -----------------------------------------------------------------------

    def callerid(
        self,
        actor: Actor,
        *,
        extension: str,
        to: str,
        caller: str | None = None,
        name: str | None = None,
        over: str | None = None,
    ) -> ExplainedCallerId:
        """Say what a destination would see on each channel that takes it, whatever its health.

        `to` is a number as it is dialled; `caller` and `name` are what the channel `over` says of
        the trigger call. Raises `Invalid`, `Forbidden`, `NotFound`.
        """
        ringing = Ringing(caller, name, over)
        found: ExplainedCallerId = self._run(self._callerid, actor, extension, to, ringing)
        return found

    def route(
        self,
        actor: Actor,
        *,
        extension: str,
        to: str,
        caller: str | None = None,
        name: str | None = None,
        over: str | None = None,
        at: int | None = None,
    ) -> ExplainedRoute:
        """Say over which channels a number would be called, in which order.

        As `callerid`; `at`: when, microseconds since 1970, by default now.
        """
        at = self._time(at)
        troubles = None if self._troubles is None else self._troubles()
        ringing = Ringing(caller, name, over)
        found: ExplainedRoute = self._run(self._route, actor, extension, to, ringing, at, troubles)
        return found

    def callback(
        self,
        actor: Actor,
        *,
        did: str,
        caller: str | None = None,
        hidden: bool = False,
        name: str | None = None,
        over: str | None = None,
        at: int | None = None,
    ) -> ExplainedCallback:
        """Say whether a trigger call that rings to its end would be called back, whom and when.

        `did` is the number that is rung; who rings is said as in `callerid`, or `hidden`; `at`:
        when that call ends, microseconds since 1970, by default now. Raises as `callerid`.
        """
        if hidden == (caller is not None):
            raise Invalid("caller: say either who rings, or that he hides his number")
        at = self._time(at)
        troubles = None if self._troubles is None else self._troubles()
        case, limits, trunks = self._run(self._asked, actor, did, Ringing(caller, name, over), at)
        known = self._live.known(case, limits)
        found: ExplainedCallback = self._run(
            self._called_back, Names(actor), case, trunks, known, troubles
        )
        return found

    def call(
        self,
        actor: Actor,
        *,
        did: str,
        to: str = "",
        caller: str | None = None,
        name: str | None = None,
        over: str | None = None,
    ) -> PlayedCall:
        """Play a return call through in which all goes well, and give what is heard and typed.

        As `callback`; `to`: what is dialled then; empty: nothing. What it costs is not looked at.
        """
        ringing = Ringing(caller, name, over)
        found: PlayedCall = self._run(self._call, actor, did, to, ringing)
        return found

    # --- on the event loop -------------------------------------------------------------------

    def _time(self, at: int | None) -> int:
        if at is None:
            return self._now()
        if not 0 <= at < _LATEST:
            raise Invalid("at: write a time between 1970 and 2200")
        return at

    # --- in a thread: destinations -----------------------------------------------------------

    def _callerid(
        self, actor: Actor, extension: str, to: str, ringing: Ringing
    ) -> ExplainedCallerId:
        question = self._question(actor, extension, to, ringing)
        policy, destination = question.policy, question.destination
        plan = planned(question, self._service, {}, self._now())[1]
        tried, refusal = tried_of(destination, plan)
        shown = shown_of(policy, plan, whole=question.names.whole)
        return ExplainedCallerId(
            extension=policy.extension,
            to=destination.number,
            recognised=destination.recognised,
            answer=refusal is None,
            refusal=refusal,
            said=shown_said(shown) if refusal is None else no_call(refusal, tried),
            tried=tried,
            channels=shown,
        )

    def _route(
        self,
        actor: Actor,
        extension: str,
        to: str,
        ringing: Ringing,
        at: int,
        troubles: Troubles | None,
    ) -> ExplainedRoute:
        question = self._question(actor, extension, to, ringing)
        destination = question.destination
        found = [
            Found(nodes, *planned(question, self._service, known, at))
            for nodes, known in by_node(troubles)
        ]
        # Of a number that is not called, no channel was asked.
        orders = orders_of(question.names, found) if destination.refusal is None else ()
        tried, refusal = tried_of(destination, best_of(found))
        if refusal is None:
            tried = (*tried, Tried("I4", f"it goes {orders_said(orders)}"))
        return ExplainedRoute(
            extension=question.policy.extension,
            to=destination.number,
            at=at,
            recognised=destination.recognised,
            answer=refusal is None,
            refusal=refusal,
            said=f"{destination.number} is called {orders_said(orders)}"
            if refusal is None
            else no_call(refusal, tried),
            tried=tried,
            health_known=bool(troubles),
            orders=orders,
        )

    def _question(self, actor: Actor, extension: str, to: str, ringing: Ringing) -> Question:
        read = self._reading
        policy, trunks = read.policy(actor, extension), read.trunks()
        rung = read.rung(actor, trunks, policy, ringing)
        known = read.facts(policy, rung.caller)
        platform, caller = self._platform, known.caller
        destination = read_destination(to, policy, platform, caller=caller, is_did=read.is_did)
        destination = read.allowed(policy, destination)
        return Question(policy, destination, trunks, Names(actor), rung, known.numbers)

    # --- in a thread: a whole call ---------------------------------------------------------------

    def _call(self, actor: Actor, did: str, to: str, ringing: Ringing) -> PlayedCall:
        read = self._reading
        did, policy = read.by_did(actor, did)
        if policy is None:
            raise Invalid(f"did: {did} reaches no extension")
        rung = read.rung(actor, read.trunks(), policy, ringing)

        def plan_of(number: str) -> Plan:
            question = self._question(actor, policy.extension, number, ringing)
            return planned(question, self._service, {}, self._now())[1]

        return rehearsed(
            policy,
            self._platform,
            read.facts(policy, rung.caller),
            did=did,
            number=rung.caller.number or "",
            dials=keys_of(to, policy.country),
            plan_of=plan_of,
            credit=read.credit(policy, rung.caller),
            now=self._now(),
        )

    # --- in a thread: callbacks --------------------------------------------------------------

    def _asked(
        self, actor: Actor, did: str, ringing: Ringing, at: int
    ) -> tuple[Case, tuple[Limit, ...], Trunks]:
        """Ask for a callback as a trigger call does, and keep nothing."""
        read = self._reading
        did, policy = read.by_did(actor, did)
        trunks = read.trunks()
        rung = read.rung(actor, trunks, policy, ringing)
        stop = None if policy is None else read.stop(policy)
        asking = Asking(
            policy=policy,
            did=did,
            caller=rung.caller,
            now=at,
            expiry_seconds=self._expiry_seconds,
            ranges=self._platform.ranges,
            stopped=stop is not None,
        )
        looked = Looking(read.requests)
        answer = ask(looked, asking)
        case = Case(asking, looked, answer, stop)
        if policy is None or case.reason is not None:
            return case, (), trunks
        opened = read.opened(policy, case.number)
        who = rung.caller if opened is None else Caller(number=opened.caller)
        asks = asks_password(policy, read.facts(policy, who).caller)
        suspected = read.suspected(policy, who.number, case.number, opened)
        case = msgspec.structs.replace(case, opened=opened, asks_password=asks, suspected=suspected)
        return case, limits_asked(case, read.client(policy), self._everybodys), trunks

    def _called_back(
        self,
        names: Names,
        case: Case,
        trunks: Trunks,
        known: Known,
        troubles: Troubles | None,
    ) -> ExplainedCallback:
        """Say what came of asking, and how the return call is made."""
        tried, refusal, coming = list(rules_tried(case)), case.reason, case.coming
        orders: tuple[ChannelOrder, ...] = ()
        if coming is not None and not coming.live:
            line, refusal = locked_tried(case, coming, known.locked)
            tried.append(line)
            if refusal is None:
                coming = msgspec.structs.replace(coming, due=max(coming.due, known.locked or 0))
                orders, lines, refusal = self._return_call(
                    names, case.policy, coming, trunks, troubles
                )
                tried += lines
            if refusal is None:
                line, due, refusal = often_tried(case, coming, known, whole=names.whole)
                coming = msgspec.structs.replace(coming, due=due)
                tried.append(line)
        return explained(
            case,
            coming,
            tuple(tried),
            refusal,
            locked=known.locked,
            locks_known=self._live.locks_known(case),
            counts_known=known.counts is not None,
            health_known=bool(troubles),
            orders=orders,
        )

    def _return_call(
        self,
        names: Names,
        policy: Policy,
        coming: Coming,
        trunks: Trunks,
        troubles: Troubles | None,
    ) -> tuple[tuple[ChannelOrder, ...], tuple[Tried, ...], str | None]:
        """Give over which channels a return call goes, what it shows (T8), and why it is none."""
        found, waits = [], False
        for nodes, known in by_node(troubles):
            choice = choose(coming.number, trunks.channels, known, coming.due)
            waits = waits or any(one.reason in GOES_BY for one in choice.passed)
            choice = names.choice(choice)
            plan = plan_return(
                coming.number,
                choice.candidates,
                choice.passed,
                policy=policy,
                did=coming.did,
                domain=self._service.domain,
            )
            found.append(Found(nodes, choice.candidates, plan))
        orders, plan = orders_of(names, found), best_of(found)
        if not plan.ways:
            return orders, (refusal_tried(plan.refusal, waits=waits),), plan.refusal
        lines = (
            Tried("T8", f"the return call shows {plan.ways[0].shown.number}"),
            Tried("I4", f"it goes {orders_said(orders)}"),
        )
        return orders, lines, None
