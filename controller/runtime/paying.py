"""What a return leg may cost: what was granted for it, asked of the charging engine (M3, M4, M9).

`Charging` decides; here is what a controller knows of one call. Every question to it waits for the
store, so it is asked off the hub, and of one call one after the other: an answer that comes late
cannot take the place of a later one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from gevent.lock import BoundedSemaphore

from controller.callback.limits import BRIDGE_SLACK_SECONDS, TIME_OVER
from controller.credit.model import Begin, Dial, Extend, Granted, Identify, Refused
from controller.esl import commands
from controller.policy.model import Policy
from controller.routing.model import Plan
from controller.runtime.dialling import EMERGENCY_SECONDS, longest_return_leg
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
        #: The serial of the grant that the switch keeps; None: another controller told it.
        self.told = told
        self._first = True

    def _name(self, serial: int) -> str:
        return f"limit_{self.leg}_{serial}"

    def new(self, seconds: int, serial: int) -> bytes:
        """Build the new limit, so many seconds from now."""
        return commands.end_later(self.leg, max(seconds, 1), self._name(serial), TIME_OVER)

    def moved(self, serial: int) -> list[bytes]:
        """Take it that the new one is there; give what removes those before it."""
        since = serial - UNKNOWN_LIMITS if self.told is None else self.told
        names = [self._name(old) for old in range(max(since, 1), serial)]
        if self._first:
            # That which it got with its answer is named by the leg alone.
            names.insert(0, self.leg)
        self._first, self.told = False, serial
        return [commands.forget_task(name) for name in names]


class Talk(msgspec.Struct, frozen=True):
    """A conversation: with which leg, since when (microseconds), and that one's limit."""

    connected: int
    limit: Limit


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
        #: The end before which a warning is heard, microseconds since 1970; 0: none is to be.
        self.warned = 0
        #: Called with what is granted where another account pays from now on, or none.
        self.on_payer: Callable[[Granted], None] = lambda granted: None
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
        answer = services.write(
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
            ),
        )
        if self._pending == caller:
            self._pending = None
        if isinstance(answer, Refused):
            log.info("not_paid", call=call.call, reason=answer.reason)
            self.refused = answer.reason
            return
        # Where nobody has paid and nobody does, the switch's limit is the policy's already.
        told = answer.charged or self.charged
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
        free = emergency or plan.kind == "internal"
        with self._turn:
            self._identify()
            if self.refused and not free:
                return Refused(self.refused)
            if not self.charged:
                return None
            rings = policy.destination_ring_seconds * len(plan.ways) + int(BRIDGE_SLACK_SECONDS)
            longest = policy.longest_call_seconds
            answer = services.write(
                services.charging.dial,
                Dial(
                    call=call.call,
                    request=call.request,
                    extension=policy.extension,
                    position=position,
                    number=number,
                    free=free,
                    emergency=emergency,
                    answered=call.answered,
                    rings=rings + (SAYING_SECONDS if policy.say_time_left else 0),
                    tail=services.settings.credit.tail_seconds,
                    longest=max(longest, EMERGENCY_SECONDS) if emergency else longest,
                    slice=services.settings.credit.slice_seconds,
                    now=services.clock.micros(),
                ),
            )
            if isinstance(answer, Granted):
                self.granted = answer
            return answer

    def extend(self) -> Granted:
        """Hold for more of it (M4). It blocks."""
        services, talk = self._services, self.talk
        with self._turn:
            granted = services.write(
                services.charging.extend,
                Extend(
                    call=self.call.call,
                    answered=self.call.answered,
                    connected=None if talk is None else talk.connected,
                    tail=services.settings.credit.tail_seconds,
                    longest=longest_return_leg(self.policy)
                    if talk is None
                    else self.policy.longest_call_seconds,
                    slice=services.settings.credit.slice_seconds,
                    now=services.clock.micros(),
                ),
            )
            self.charged = granted.charged
            self.granted = granted
        return granted

    def not_called(self, position: int) -> None:
        """Release what is held for a destination that nobody answered. It blocks."""
        if self.charged:
            self._services.keep(self._services.charging.not_called, self.call.call, position)

    def left_in(self, end: int) -> int:
        """Give the whole seconds until a moment."""
        return (end - self._services.clock.micros()) // MICROS

    @property
    def end(self) -> int:
        """When the switch ends the return leg, by what was granted; 0: as the policy has it."""
        seconds = 0 if self.granted is None else self.granted.return_seconds
        return self.call.answered + seconds * MICROS if seconds else 0

    @property
    def talk_end(self) -> int:
        """When it ends the conversation."""
        if self.talk is None or self.granted is None:
            return 0
        return self.talk.connected + self.granted.destination_seconds * MICROS


def begin(
    services: Services, request: Request, policy: Policy, attempt: str, number: str, plan: Plan
) -> Granted | Refused:
    """Hold for a return call, before it is made (M3). It waits for the store.

    Asked again for the same attempt it gives what it gave.
    """
    wanted, now = services.settings.credit.dialogue_seconds, services.clock.micros()
    rings = policy.return_ring_seconds * len(plan.ways) + SETTING_UP_SECONDS
    listed = None
    if request.caller is not None:
        listed = services.reads.run(services.conversing.member, request.extension, request.caller)
    own = None if listed is None else listed.number
    # Of whom no password is asked is who he seems to be, from the start (M9).
    asked = policy.password_hash is not None or (
        policy.caller_passwords and (listed is None or listed.pin_hash is not None)
    )
    return services.write(
        services.charging.begin,
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
        ),
    )


def release(services: Services, attempt: str) -> None:
    """Release what is held for an attempt that was not answered. Nobody waits for that."""
    services.spawn(_release, services, attempt)


def _release(services: Services, attempt: str) -> None:
    services.keep(services.charging.release, attempt, services.clock.micros())
