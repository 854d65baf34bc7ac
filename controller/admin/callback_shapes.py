"""What is written and what is shown of callbacks and of stops, as Structs.

Times are microseconds since 1970; the API and the commands write them out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

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
    channel: str | None
    node: str | None


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One try of a callback; `channels` and `node` are for the operator's eyes alone."""

    id: str
    begun: int
    answered: int | None
    ended: int | None
    outcome: str | None
    cause: str | None
    channels: tuple[str, ...]
    node: str | None


class TranscriptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of what happened on a return call.

    `what`: `said` (prompts by name), `typed` (a password is only said to have been typed),
    `decided`, `called` (a destination), `ended`.
    """

    at: int
    what: str
    text: str


class WholeCallback(Callback, frozen=True, kw_only=True):
    """A callback with its tries and what happened on its return calls, in order."""

    tries: tuple[Try, ...]
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
