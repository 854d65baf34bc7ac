"""What the machines want done, as data. The runtime does it; nothing here knows how."""

from __future__ import annotations

import msgspec

from controller.callback.events import Secret
from controller.callback.said import Prompt
from controller.numbers.caller import Caller
from controller.routing.model import Plan


class SetTimer(msgspec.Struct, frozen=True):
    """Send `TimerFired(number)` at `at` (seconds since 1970); it takes the place of any before."""

    number: int
    at: float


class StoreRequest(msgspec.Struct, frozen=True):
    """Ask for the callback of this trigger call, have that stored, then send `RequestStored`.

    Attributes:
        number: of this storing; the session knows the one that counts.
        did, caller: what was rung, and by whom.
        ends: when the trigger call ends, seconds since 1970: the delay counts from there (T5).
        second: it is a carrier's second try, and joins the first (T1).

    """

    number: int
    did: str
    caller: Caller
    ends: float
    second: bool = False


class NoteTrigger(msgspec.Struct, frozen=True):
    """Keep a trigger call that gets no callback (T10); nobody waits for it.

    `reason` is why, unless there is none for the extension or this caller anyway.
    """

    did: str
    caller: Caller
    reason: str


class Hangup(msgspec.Struct, frozen=True):
    """Hang the leg up with a cause by FreeSWITCH's name."""

    step: int
    cause: str


class Kill(msgspec.Struct, frozen=True):
    """The leg did not go when it was hung up: have the node end it over its own link."""

    cause: str


class Ask(msgspec.Struct, frozen=True):
    """Play prompts and read a password, so that no event shows its keys; ends in `StepDone`.

    Attributes:
        prompts: played in order; none: digits are waited for at once.
        timeout: seconds until the first digit, after the prompts.
        digit_timeout: seconds until each further one.

    """

    step: int
    prompts: tuple[Prompt, ...]
    max_digits: int
    timeout: float
    digit_timeout: float


class ForgetSecret(msgspec.Struct, frozen=True):
    """Remove a typed password from the leg, and have its keys reported again from now on."""


class Tell(msgspec.Struct, frozen=True):
    """Play prompts; any key cuts them short, unless they are the last. Ends in `StepDone(step)`."""

    step: int
    prompts: tuple[Prompt, ...]
    final: bool = False


class CheckPassword(msgspec.Struct, frozen=True):
    """Check a typed password, count it where it is wrong (A3), then send `PasswordChecked`.

    Attributes:
        password_hash: what it is checked against; None: it is wrong, and takes as long to be.
        member: A5, whose password it says it is: E.164, or empty where no number was typed. What
            he has himself goes before `password_hash`. None: nobody's but the caller's.

    """

    step: int
    digits: Secret
    password_hash: str | None
    member: str | None = None


class Identified(msgspec.Struct, frozen=True):
    """Somebody's password was right: from now on his account pays, if he has one (M9).

    `caller`: who he is in the extension's list, E.164; empty where he is not on it.
    """

    caller: str


class LookUpCredit(msgspec.Struct, frozen=True):
    """Find the credit of whoever pays for this call, then send `CreditKnown(step, …)`."""

    step: int


class LookUpTime(msgspec.Struct, frozen=True):
    """Find how long a call to `number` may last, then send `TimeKnown(step, …)`."""

    step: int
    number: str


class FindRoute(msgspec.Struct, frozen=True):
    """Find how `number` is called, then send `RouteFound(step, …)`.

    `position`: the how-manieth destination of the leg it is.
    """

    step: int
    number: str
    position: int


class DropKeys(msgspec.Struct, frozen=True):
    """Whether `**` drops the destination alone, whose uuid is `leg` (D4)."""

    on: bool
    leg: str = ""


class Note(msgspec.Struct, frozen=True):
    """A line of the transcript that no other effect says: what was typed, or decided."""

    what: str
    text: str


class SaveStage(msgspec.Struct, frozen=True):
    """Leave in the leg's variables where it is, for whoever goes on with it."""

    stage: str


class HoldOn(msgspec.Struct, frozen=True):
    """Say what the switch does when this controller dies.

    `True`: it cuts what is running and connects to the next one at once. `False`: it lets what is
    running (a conversation) end first.
    """

    resume: bool


class Bridge(msgspec.Struct, frozen=True):
    """Call the destination and join it with the leg.

    Ends in `Bridged`, or in `StepDone(step, disposition=…)`.

    Attributes:
        position: the how-manieth destination of the leg it is.
        number: E.164; of an extension of the platform or an emergency service: as it is dialled.
        plan: the ways that are tried, in order, and what each shows.
        legs: the uuid of the destination's leg on each way.
        ring_seconds: how long it may ring.
        longest_seconds: after so long the switch itself ends the destination's leg.
        time_over: what the switch says, and hangs up, where it has done so.
        goodbye: what it says, and hangs up, where the conversation has ended otherwise; none: it
            asks us.

    """

    step: int
    position: int
    number: str
    plan: Plan
    legs: tuple[str, ...]
    ring_seconds: int
    longest_seconds: int
    time_over: tuple[Prompt, ...] = ()
    goodbye: tuple[Prompt, ...] = ()


class MoveLimit(msgspec.Struct, frozen=True):
    """Let the switch end this leg itself so long after its answer, and no sooner (M5).

    It is told before a destination is called, so that whatever dies then no leg is without its
    limit; `serial` counts the grants of the call.
    """

    seconds: int
    serial: int


class CallConnected(msgspec.Struct, frozen=True):
    """Keep that people talk: `leg` is the destination's, None where the switch did not say.

    `failed`: the legs on channels that failed before it, each with its cause.
    """

    position: int
    leg: str | None
    failed: tuple[tuple[str, str], ...] = ()


class CallOver(msgspec.Struct, frozen=True):
    """Keep that a destination is over, and why.

    Attributes:
        cause: of the conversation's end, or of its not coming about; None: the switch did not say.
        leg: the destination's leg, where people talked; else None.
        failed: the legs on channels that failed, each with its cause.

    """

    position: int
    cause: str | None
    leg: str | None = None
    failed: tuple[tuple[str, str], ...] = ()


class NotCalled(msgspec.Struct, frozen=True):
    """Release what is held for a destination (M4): nobody answered there, so it costs nothing."""

    position: int


class LetGo(msgspec.Struct, frozen=True):
    """Leave the leg to the switch while people talk; its end comes over the node's link."""


class Record(msgspec.Struct, frozen=True):
    """The leg is over: keep how.

    Attributes:
        request: the callback request that the leg belongs to; None for a trigger leg.
        outcome: one word; see docs/calls.md.
        cause: the hang-up cause of the leg.
        destination: what was dialled last, E.164, or None.

    """

    request: str | None
    outcome: str
    cause: str
    destination: str | None = None


class Release(msgspec.Struct, frozen=True):
    """The leg is over: close its connection, so that the switch forgets its uuid."""


Effect = (
    SetTimer
    | StoreRequest
    | NoteTrigger
    | Hangup
    | Kill
    | Ask
    | ForgetSecret
    | Tell
    | CheckPassword
    | Identified
    | LookUpCredit
    | LookUpTime
    | FindRoute
    | DropKeys
    | Note
    | SaveStage
    | HoldOn
    | Bridge
    | MoveLimit
    | CallConnected
    | CallOver
    | NotCalled
    | LetGo
    | Record
    | Release
)
