"""What is written and what is shown of callbacks and of stops, as Structs.

Times are microseconds since 1970; the API and the commands write them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from controller.callerid.model import Shown, Tried
from controller.credit.call_record import CallRecord, CallTotal
from controller.policy.fields import EntryKey, ExtensionNumber, Line, Number

#: The longest delay that can be asked for, seconds; a policy's own is shorter.
MOST_DELAY_SECONDS = 86_400

Dialled = Annotated[
    str,
    Meta(
        min_length=3,
        max_length=40,
        description="E.164, or as it is dialled in the extension's country.",
    ),
]
Id = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z",
        description="A callback, as it was named when it was asked for.",
    ),
]


class State(StrEnum):
    """Where a callback is."""

    PENDING = "pending"
    CALLING = "calling"
    ANSWERED = "answered"
    DONE = "done"
    REFUSED = "refused"


class Source(StrEnum):
    """How a callback was asked for: by a trigger call, or through the API (T11)."""

    CALL = "call"
    API = "api"


class CallbackInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked for (T11).

    Attributes:
        number: who is to be called, as if he had rung.
        did: one of the extension's, which the return call shows; by default its first.
        delay_seconds: from now; by default as the extension has it.
        key: the asker's own; the same again gives the same callback.

    """

    extension: ExtensionNumber
    number: Dialled
    did: Number | None = None
    delay_seconds: Annotated[int, Meta(ge=0, le=MOST_DELAY_SECONDS)] | None = None
    key: EntryKey | None = None


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """A callback, or a call that got none.

    Attributes:
        number: who is called; of one that was refused: who asked, where that is known.
        caller: who rang, or was asked for; None: hidden, or no number. `said`: what the trunk said
            then, to be shown and never used.
        outcome: how it ended, or why there was none; of one that is pending: how the last try did.
        cause: the hang-up cause that this follows from.
        destination: the number that was dialled last.
        source, actor, key: how it was asked for; through the API: by whom, and with which key.
        joined: how many more asked for it while it was open (T6).
        rang_milliseconds: how long the call that asked rang until its end; None: nobody knows, or
            nobody rang.
        attempts: how many times it was tried.
        channel, node: the trunk that the call came over, the switch of the last try; the operator
            alone sees them.

    """

    id: str
    extension: str
    did: str
    number: str | None
    caller: str | None
    said: str | None
    state: State
    outcome: str | None
    cause: str | None
    destination: str | None
    source: Source
    actor: str | None
    key: str | None
    created: int
    due: int
    expires: int
    ended: int | None
    joined: int
    attempts: int
    rang_milliseconds: int | None
    channel: str | None
    node: str | None


class CallWay(msgspec.Struct, frozen=True, kw_only=True):
    """One way that a call could take, and what it showed (I9).

    To a client `shown` is all of it: who carries his calls, and for what, is the operator's
    business.

    Attributes:
        channel: the gateway's name.
        number: what was dialled there, as it is written there.
        shown: what the callee saw, and by which rules; `pool`: I3, from among which numbers.
        caller_id: the number that was shown as it is written there; empty where it was hidden.
        p_asserted, p_preferred: I7, the addresses that were sent; empty where none was.
        beginning, cost: by which of its destinations the channel was chosen, and what a minute
            costs there.
        tried: each rule that was asked what to show, and what came of it.

    """

    channel: str | None
    number: str | None
    shown: Shown
    caller_id: str | None
    p_asserted: str | None
    p_preferred: str | None
    beginning: str | None
    cost: int | None
    tried: tuple[Tried, ...]


class CallPassed(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that was not used for a call, why in one word, and how that was found (I9)."""

    channel: str
    reason: str
    tried: tuple[Tried, ...]


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a call was to be placed (I9).

    Attributes:
        kind: `public`, `internal` (it stays on the platform), `emergency`.
        refusal: why there was no call, in one word; None: there was.
        ways: in the order in which they are tried. To a client: those that were taken, and of
            several that show the same the first.
        passed: the channels that were not used, and why; a client sees none.

    """

    kind: str
    refusal: str | None
    ways: tuple[CallWay, ...]
    passed: tuple[CallPassed, ...]


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a callback. Channels and switches are for the operator's eyes alone.

    Attributes:
        channels: those of its ways, in order.
        channel: over which of them it was answered.
        causes: the hang-up cause of each channel that failed.
        plan: how they were found; None: it is not known any more.

    """

    id: str
    begun: int
    answered: int | None
    ended: int | None
    outcome: str | None
    cause: str | None
    channels: tuple[str, ...]
    channel: str | None
    causes: Mapping[str, str]
    plan: CallPlan | None
    node: str | None


class DestinationTry(msgspec.Struct, frozen=True, kw_only=True):
    """A destination that was called on a return call, or was not and why.

    Attributes:
        number: E.164; of an extension of the platform or an emergency service: as it is dialled.
        connected: since when people talked; None: they did not.
        cause: why it ended, or did not come about; of one that was not called, the plan's refusal.
        channel, causes, plan: as of a try of a callback.

    """

    number: str
    begun: int
    connected: int | None
    ended: int | None
    cause: str | None
    channel: str | None
    causes: Mapping[str, str]
    plan: CallPlan | None


class TranscriptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what happened on a return call.

    `what`: `said` (prompts by name), `typed` (a password is only said to have been typed),
    `decided`, `called` (a destination), `ended`.
    """

    at: int
    what: str
    text: str


class WholeCallback(Callback, frozen=True, kw_only=True):
    """A callback with its tries, whom it called, and what happened on its return calls, in order.

    What is known of destinations may lack the last second of a controller that was killed.
    `legs` are those that are over, and `totals` what these came to, by currency.
    """

    tries: tuple[Try, ...]
    destinations: tuple[DestinationTry, ...]
    legs: tuple[CallRecord, ...]
    totals: tuple[CallTotal, ...]
    transcript: tuple[TranscriptEntry, ...]


class CallbackPage(msgspec.Struct, frozen=True):
    """Some callbacks, the newest first; `next` is what to go on after, None at the end."""

    items: tuple[Callback, ...]
    next: str | None


class StopScope(StrEnum):
    """What of a stop is stopped (O6)."""

    EVERYWHERE = "everywhere"
    CLIENT = "client"
    EXTENSION = "extension"


ScopeName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z",
        description="The name of the client, or the extension.",
    ),
]


class StopInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How callbacks are stopped (O6).

    `hang_up`: calls in progress are ended too; otherwise they end as they would. `reason` is for
    all who are stopped to see.
    """

    hang_up: bool = False
    reason: Line = ""


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """Callbacks are stopped (O6). `name` is a client's or an extension's, empty for everywhere."""

    scope: StopScope
    name: str
    hang_up: bool
    reason: str
    actor: str
    since: int
