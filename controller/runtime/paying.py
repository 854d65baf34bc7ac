"""What a return leg may cost: what was granted for it, asked of the charging engine (M3, M4, M9).

`Charging` decides; here is what a controller knows of one call. Every question to it waits for the
store, so it is asked off the hub, and of one call one after the other: an answer that comes late
cannot take the place of a later one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import gevent
import msgspec
import structlog
from gevent.lock import BoundedSemaphore

from controller.callback.limits import BRIDGE_SLACK_SECONDS, TIME_OVER
from controller.credit.model import Begin, Dial, Extend, Granted, Identify, Refused, SpendLimit
from controller.esl import commands
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan
from controller.runtime.dialling import EMERGENCY_SECONDS, longest_return_leg
from controller.store.database import Away
from controller.store.requests import Request

if TYPE_CHECKING:
    from controller.runtime.services import Services

log: Any = structlog.get_logger("paying")

#: The variable of a return leg that says that somebody pays for it: the seconds that were granted
#: when it was called, 0 where it is limited by the policy alone.
CHARGED_VARIABLE: Final = "callback_charged"
#: What setting up a call may take beyond its ringing, seconds.
SETTING_UP_SECONDS: Final = 60
#: How long D6 takes to say.
SAYING_SECONDS: Final = 15
#: How long an emergency call waits for the store, seconds: less than its caller is let wait.
EMERGENCY_WAIT_SECONDS: Final = 1.0
#: How many grants a limit of before may lie behind, of which nobody here knows.
UNKNOWN_LIMITS: Final = 20
MICROS: Final = 1_000_000


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A return leg, as its charges are reckoned.

    Attributes:
        call: its attempt.
        leg: its uuid.
        number: whom it calls; `free`: that costs nothing.
        answered: when it was, microseconds since 1970, by our clock.

    """

    call: str
    request: str
    leg: str
    node: str | None
    number: str
    free: bool
    answered: int


class Limit:
    """The limit that a leg has in its switch (M5), which is moved by its name.

    The new one is there before the old one goes: whatever dies in between, there is one.
    """

    def __init__(self, leg: str, told: int | None) -> None:
        self.leg = leg
        #: The serial of the grant that the switch keeps; None: nobody here knows.
        self.told = told
        self._first = True
        #: Whether it was told for certain: else there may be those of before.
        self._sure = told is not None
        #: Whether there may be one that comes before what was granted.
        self._short = told is None

    def _name(self, serial: int) -> str:
        return f"limit_{self.leg}_{serial}"

    def new(self, seconds: int, serial: int) -> bytes:
        """Build the new limit, so many seconds from now."""
        return commands.end_later(self.leg, max(seconds, 1), self._name(serial), TIME_OVER)

    def sooner(self, seconds: int) -> bytes:
        """Build one that comes before that of the last grant, so many seconds from now."""
        return self.new(seconds, 0)

    def shortened(self) -> list[bytes]:
        """Take it that the sooner one is there; give what removes those that are later."""
        told, self._short = self.told or 0, False
        removed = self.moved(told + 1)
        self.told, self._short = told, True
        return removed

    def moved(self, serial: int) -> list[bytes]:
        """Take it that the new one is there; give what removes those before it."""
        since = serial - UNKNOWN_LIMITS if self.told is None or not self._sure else self.told
        names = [self._name(old) for old in range(max(since, 1), serial)]
        if self._first:
            # That which it got with its answer is named by the leg alone.
            names.insert(0, self.leg)
        if self._short:
            names.append(self._name(0))
        self._first, self._short, self._sure, self.told = False, False, True, serial
        return [commands.forget_task(name) for name in names]


class Talk(msgspec.Struct, frozen=True):
    """A conversation: since when (microseconds), that leg's limit, and which destination it is."""

    connected: int
    limit: Limit
    position: int


class Paying:
    """What is known of one call's money.

    Attributes:
        charged: whether anybody pays.
        granted: what was granted last; None: nobody here knows.
        refused: why the account of whoever has identified himself does not pay for any
            destination, or empty.
        dialogue: whether he is there and being asked something, so that more may be held (M3).
        talk: the conversation that goes on, or None.
        limit: the return leg's own.
        shortened: after so many seconds from its answer on the switch ends the return leg, where
            that was told since the last grant; or 0.

    """

    def __init__(
        self,
        services: Services,
        call: Call,
        policy: Policy,
        *,
        charged: bool,
        granted: Granted | None = None,
        orphan: bool = False,
    ) -> None:
        self._services = services
        self.call = call
        self.policy = policy
        self.charged = charged
        self.granted = granted
        #: Whether its controller is gone, and nobody holds its leg.
        self.orphan = orphan
        self.language = policy.language
        self.refused = ""
        self.dialogue = False
        self.talk: Talk | None = None
        self.limit = Limit(call.leg, None if granted is None else granted.serial)
        self.shortened = 0
        #: The end before which a warning is heard, microseconds since 1970; 0: none is to be.
        self.warned = 0
        #: Called with what is granted where another account pays from now on, or none.
        self.on_payer: Callable[[Granted], None] = lambda granted: None
        #: Whether it is known that what the extension may spend ends the call (G3).
        self.at_limit = False
        self.busy = False
        self.next_look = 0
        self._pending: str | None = None
        self._turn = BoundedSemaphore(1)

    def identified(self, caller: str) -> None:
        """Have somebody's account pay from now on: before anything else is asked (M9)."""
        self._pending = caller

    def identify(self) -> None:
        """Ask that it does, where that was not done yet. It blocks."""
        with self._turn:
            self._identify()

    def _identify(self) -> None:
        caller = self._pending
        if caller is None:
            return
        services, call = self._services, self.call
        wanted, now = services.settings.credit.dialogue_seconds, services.clock.micros()
        answer = services.charges.first(
            services.charging.identify,
            Identify(
                call=call.call,
                request=call.request,
                extension=self.policy.extension,
                caller=caller,
                number=call.number,
                free=call.free,
                answered=call.answered,
                wanted=wanted,
                longest=longest_return_leg(self.policy),
                now=now,
                until=now + (wanted + SETTING_UP_SECONDS) * MICROS,
                told=self.limit.told,
                limit=spend_limit(self.policy),
            ),
        )
        if isinstance(answer, Refused):
            # Asked again before anything is dialled: somebody may add to it meanwhile.
            log.info("not_paid", request=call.request, attempt=call.call, reason=answer.reason)
            self.refused = answer.reason
            return
        if self._pending == caller:
            self._pending = None
        # Where nobody has paid and nobody does, the switch's limit is the policy's already.
        moved = answer.charged and answer.serial != self.limit.told
        told = moved or answer.charged is not self.charged
        self.refused, self.charged = "", answer.charged
        self.granted = answer if answer.charged else None
        if told:
            self.on_payer(answer)

    def dial(self, number: str, position: int, plan: Plan) -> Granted | Refused | None:
        """Hold for a destination (M4); None: nobody pays. It blocks.

        Who cannot pay may call all the same what costs nothing.
        """
        services, call, policy = self._services, self.call, self.policy
        emergency = plan.kind == "emergency"
        rings = policy.destination_ring_seconds * len(plan.ways) + int(BRIDGE_SLACK_SECONDS)
        longest = policy.longest_call_seconds
        dial = Dial(
            call=call.call,
            request=call.request,
            extension=policy.extension,
            position=position,
            number=number,
            free=emergency or plan.kind == "internal",
            emergency=emergency,
            answered=call.answered,
            rings=rings + (SAYING_SECONDS if policy.say_time_left else 0),
            tail=services.settings.credit.tail_seconds,
            longest=max(longest, EMERGENCY_SECONDS) if emergency else longest,
            slice=services.settings.credit.slice_seconds,
            now=services.clock.micros(),
            limit=spend_limit(policy),
        )
        wait = EMERGENCY_WAIT_SECONDS if emergency else None
        try:
            with gevent.Timeout(wait, TimeoutError("the store is slow")), self._turn:
                return self._dial(dial)
        except (*Away, TimeoutError):
            if not dial.free:
                raise
            services.note_store_fault("dial")
            return self._unheld(dial) if self.charged else None

    def _dial(self, dial: Dial) -> Granted | Refused | None:
        self._identify()
        if self.refused and not dial.free:
            return Refused(self.refused)
        if not self.charged:
            return None
        dial = msgspec.structs.replace(dial, now=self._services.clock.micros())
        answer = self._services.charges.first(self._services.charging.dial, dial)
        if isinstance(answer, Granted):
            self.granted = answer
        return answer

    def _unheld(self, dial: Dial) -> Granted | None:
        """Let be called what costs nothing though nobody can be asked.

        The return leg keeps the limit that it has, but for an emergency.
        """
        self.granted = None
        if not dial.emergency:
            return None
        elapsed = -(-(dial.now - dial.answered) // MICROS)
        return Granted(
            charged=False,
            return_seconds=elapsed + dial.rings + dial.longest + dial.tail,
            destination_seconds=dial.longest,
            more=False,
            serial=(UNKNOWN_LIMITS if self.limit.told is None else self.limit.told) + 1,
        )

    def extend(self) -> Granted:
        """Hold for more of it (M4). It blocks."""
        services, talk = self._services, self.talk
        with self._turn:
            known = self.granted
            granted = services.charges.first(
                services.charging.extend,
                Extend(
                    call=self.call.call,
                    answered=self.call.answered,
                    connected=None if talk is None else talk.connected,
                    position=0 if talk is None else talk.position,
                    shortened=self.shortened,
                    serial=0 if known is None else known.serial,
                    tail=services.settings.credit.tail_seconds,
                    longest=longest_return_leg(self.policy)
                    if talk is None
                    else self.policy.longest_call_seconds,
                    slice=services.settings.credit.slice_seconds,
                    now=services.clock.micros(),
                    limit=spend_limit(self.policy),
                ),
            )
            self.charged = granted.charged
            self.granted = granted
            self.shortened = 0
        return granted

    def not_called(self, position: int) -> None:
        """Release what is held for a destination that nobody answered. It blocks."""
        if self.charged:
            self._services.charges.not_called(self.call.call, position)

    @property
    def names(self) -> tuple[str, str]:
        """Give the extension, and the attempt, whose call it is."""
        return self.policy.extension, self.call.call

    def left_in(self, end: int) -> int:
        """Give the whole seconds until a moment."""
        return (end - self._services.clock.micros()) // MICROS

    @property
    def end(self) -> int:
        """When the switch ends the return leg, by what was granted; 0: as the policy has it."""
        seconds = 0 if self.granted is None else self.granted.return_seconds
        return self.call.answered + seconds * MICROS if seconds else 0

    @property
    def needed(self) -> int:
        """How long the return leg must last for the conversation that goes on, seconds.

        What was granted has room for all the time that the destination might have rung.
        """
        if self.talk is None or self.granted is None:
            return 0
        rang = -(-(self.talk.connected - self.call.answered) // MICROS)
        return rang + self.granted.destination_seconds + self._services.settings.credit.tail_seconds

    @property
    def talk_end(self) -> int:
        """When it ends the conversation."""
        if self.talk is None or self.granted is None:
            return 0
        return self.talk.connected + self.granted.destination_seconds * MICROS


def begin(
    services: Services,
    request: Request,
    policy: Policy,
    attempt: str,
    number: str,
    plan: Plan,
    listed: AuthorisedCaller | None,
) -> Granted | Refused:
    """Hold for a return call, before it is made (M3). It waits for the store.

    `listed`: who rang, in the extension's list. Asked again for an attempt it gives what it gave.
    """
    wanted, now = services.settings.credit.dialogue_seconds, services.clock.micros()
    rings = policy.return_ring_seconds * len(plan.ways) + SETTING_UP_SECONDS
    own = None if listed is None else listed.number
    # Of whom no password is asked is who he seems to be, from the start (M9).
    asked = policy.password_hash is not None or (
        policy.caller_passwords and (listed is None or listed.pin_hash is not None)
    )
    return services.charges.begin(
        Begin(
            call=attempt,
            request=request.id,
            extension=request.extension,
            caller=None if asked else own,
            fallback=own,
            number=number,
            free=plan.kind == "internal",
            minimum=policy.minimum_credit,
            exposure=policy.return_call_exposure,
            wanted=wanted,
            longest=longest_return_leg(policy),
            now=now,
            until=now + (rings + wanted + SETTING_UP_SECONDS) * MICROS,
            limit=spend_limit(policy),
        ),
    )


def spend_limit(policy: Policy) -> SpendLimit | None:
    """Give what an extension's calls may cost (G3); None: any sum."""
    limit = SpendLimit(policy.most_spent_per_hour, policy.most_spent_per_day)
    return None if limit == SpendLimit() else limit


def release(services: Services, attempt: str) -> None:
    """Release what is held for an attempt that was not answered. Nobody waits for that."""
    services.spawn(services.charges.release, attempt)
