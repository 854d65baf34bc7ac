"""What the machines are told. Each event is one thing that happened; none says what to do."""

from __future__ import annotations

import msgspec

from controller.credit.model import Granted
from controller.numbers.caller import Caller
from controller.policy.records import AuthorisedCaller
from controller.routing.model import Plan


class Secret:
    """Digits that nobody may see: they print as stars, wherever they are printed."""

    __slots__ = ("_digits",)

    def __init__(self, digits: str) -> None:
        self._digits = digits

    def reveal(self) -> str:
        """Give the digits, to the one place that checks them."""
        return self._digits

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._digits == self._digits

    def __hash__(self) -> int:
        return hash(self._digits)


class TriggerAttached(msgspec.Struct, frozen=True):
    """A trigger leg connected to us.

    Attributes:
        rung: seconds it has rung already, by the switch's own clock.
        caller: who rang, or why nobody can be called back.
        did: the number that was rung, E.164.
        refusal: the cause that its trunk is refused with.

    """

    rung: float
    caller: Caller
    did: str
    refusal: str = "USER_BUSY"


class SecondTry(msgspec.Struct, frozen=True):
    """The call was found to be a carrier's second try of one that was refused a moment ago (T1)."""


class ReturnAttached(msgspec.Struct, frozen=True):
    """A return leg connected to us, for the first time or again.

    Attributes:
        stage: what an earlier session of the leg left in its variables, or None.
        last_bridge_to: the leg that it was last joined with, or None.
        bridge_hangup_cause: why that conversation ended.
        originate_disposition: what became of the last destination called.
        failed: the legs to it that came to nothing, each with its cause.

    """

    stage: str | None = None
    last_bridge_to: str | None = None
    bridge_hangup_cause: str | None = None
    originate_disposition: str | None = None
    failed: tuple[tuple[str, str], ...] = ()


class TimerFired(msgspec.Struct, frozen=True):
    """The timer of this number has come due."""

    number: int


class RequestStored(msgspec.Struct, frozen=True):
    """What was to be stored of a trigger call is stored; `number` is that of `StoreRequest`."""

    number: int


class StepDone(msgspec.Struct, frozen=True):
    """An application has ended.

    Attributes:
        step: its number.
        digits: what was typed, None where nothing was.
        disposition: of a bridge: what became of the call (`USER_BUSY`).
        bridge_hangup_cause: of a bridge that had come about: why it ended.
        last_bridge_to: of a bridge: the leg that it was joined with, if any.
        failed: of a bridge: the legs that came to nothing, each with its cause.

    """

    step: int
    digits: Secret | None = None
    disposition: str | None = None
    bridge_hangup_cause: str | None = None
    last_bridge_to: str | None = None
    failed: tuple[tuple[str, str], ...] = ()


class PasswordChecked(msgspec.Struct, frozen=True):
    """The check of the password typed in `step` has ended.

    Attributes:
        right: None: it could not be done.
        locked: A3, too many were wrong by now: no other is heard in this call.
        member: A5, whose password it was.

    """

    step: int
    right: bool | None
    locked: bool = False
    member: AuthorisedCaller | None = None


class Key(msgspec.Struct, frozen=True):
    """A key was pressed while nothing reads a password: one of `0`-`9`, `*` and `#`."""

    digit: str


class Credit(msgspec.Struct, frozen=True):
    """What an account has: micro-units of a currency, or no limit."""

    micros: int
    currency: str
    unlimited: bool = False


class CreditKnown(msgspec.Struct, frozen=True):
    """The credit was looked up; None: there is no account, or nobody knows now."""

    step: int
    credit: Credit | None


class TimeKnown(msgspec.Struct, frozen=True):
    """How long the call may last, whole seconds; None: nobody knows now."""

    step: int
    seconds: int | None


class RouteFound(msgspec.Struct, frozen=True):
    """How the destination is called, or why it is not; `granted`: for how long, where that is paid.

    What is refused over money is a plan without ways: `no_credit`, `no_rate`,
    `spend_limit`.
    """

    step: int
    plan: Plan
    granted: Granted | None = None


class Bridged(msgspec.Struct, frozen=True):
    """The two legs are joined; `other` is the destination's, `failed` as in `StepDone`."""

    other: str | None
    failed: tuple[tuple[str, str], ...] = ()


class LegEnded(msgspec.Struct, frozen=True):
    """The leg has hung up.

    Attributes:
        cause: by FreeSWITCH's name.
        stage: the leg's stage as its variables had it in the end; None where it is not known.
        talked_to: the leg that it was last joined with, or None.
        failed: as in `StepDone`.
        charged: whether somebody paid for it, so that its limit was that of his credit.
        spend_limit: whether it was that of what the extension may spend, as far as is known.
        said: the last sentence that the switch's dialplan has said by itself (`last_words`).
        talk_ended: why the conversation before that had ended.

    """

    cause: str
    stage: str | None = None
    talked_to: str | None = None
    failed: tuple[tuple[str, str], ...] = ()
    charged: bool = False
    spend_limit: bool = False
    said: str | None = None
    talk_ended: str | None = None


class SocketClosed(msgspec.Struct, frozen=True):
    """The leg's connection to us has ended."""


TriggerEvent = TriggerAttached | SecondTry | TimerFired | RequestStored | LegEnded | SocketClosed
ReturnEvent = (
    ReturnAttached
    | StepDone
    | Key
    | PasswordChecked
    | CreditKnown
    | TimeKnown
    | RouteFound
    | Bridged
    | TimerFired
    | LegEnded
    | SocketClosed
)


def kind(event: object) -> str:
    """Give the name by which the tables know an event."""
    name = type(event).__name__
    return "Attached" if name.endswith("Attached") else name
