"""What is answered where somebody asks why (I9), as Structs.

Times are microseconds since 1970; the API and the commands write them out. To a client channels
have no names and no prices: they are `channel 1`, `channel 2`, in the order in which they are
tried, and what is written there as a trunk wants it is left out.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from controller.callerid.model import Tried


class Recognised(StrEnum):
    """What a number that is dialled is taken for (D3)."""

    PUBLIC = "public"
    INTERNAL = "internal"
    OWN_NUMBER = "own_number"
    EMERGENCY = "emergency"
    SPECIAL = "special"


class ShownOn(msgspec.Struct, frozen=True, kw_only=True):
    """What the destination would see on one channel, and why (I1 to I7).

    Attributes:
        number: E.164, of an internal call as it is dialled there; None: it is hidden, or there is
            none to show.
        written: the number as it is written there.
        name: empty where there is none, or it is hidden.
        hidden: I6, Anonymous is seen.
        p_asserted_identity, p_preferred_identity: I7, the addresses; None: not sent.
        rule, name_rule: by which rules number and name were found.
        pool: I3, among which numbers it was chosen. `at_random`: each time another one is, and
            `number` is an example.
        refusal: why there is no call over it (`no_caller_id`, I2), or None.
        tried: each rule that was asked, and what came of it.

    """

    channel: str
    number: str | None
    written: str | None
    name: str
    hidden: bool
    p_asserted_identity: str | None
    p_preferred_identity: str | None
    rule: str
    name_rule: str
    pool: tuple[str, ...]
    at_random: bool
    refusal: str | None
    tried: tuple[Tried, ...]


class TriedChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that a call would be tried over.

    Attributes:
        number: what is dialled there, as it is written there.
        beginning: the beginning of numbers by which it was chosen; `+` is all of them.
        priority: 1 comes first. `cost`: of a minute there, millionths. None: of no channel of the
            table, or not for the asker's eyes.

    """

    channel: str
    number: str | None
    beginning: str | None
    priority: int | None
    cost: int | None


class PassedChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel that a call would not be tried over, and why, in one word and in a sentence."""

    channel: str
    reason: str
    said: str


class ChannelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """The channels that a call is tried over, in order, and those that it is not.

    `nodes`: the switches where it is so; none: on all, as far as is known.
    """

    nodes: tuple[str, ...]
    channels: tuple[TriedChannel, ...]
    passed: tuple[PassedChannel, ...]


class ExplainedCallerId(msgspec.Struct, frozen=True, kw_only=True):
    """What a destination would see, on each channel that would be tried, in order.

    Attributes:
        to: the number as it was read.
        answer: whether there would be a call that shows something, or hides on purpose.
        refusal: in one word why there is none; None: there is. `said`: the answer in a sentence.
        tried: each rule about the destination that was asked, and what came of it.

    """

    extension: str
    to: str
    recognised: Recognised
    answer: bool
    refusal: str | None
    said: str
    tried: tuple[Tried, ...]
    channels: tuple[ShownOn, ...]


class ExplainedRoute(msgspec.Struct, frozen=True, kw_only=True):
    """How a destination would be called.

    Attributes:
        at: when.
        health_known: whether the health of channels was looked at: the running service alone knows
            it. How many calls they have is not looked at.
        orders: one for all switches on which it is the same; none of a number that is not called.

    """

    extension: str
    to: str
    at: int
    recognised: Recognised
    answer: bool
    refusal: str | None
    said: str
    tried: tuple[Tried, ...]
    health_known: bool
    orders: tuple[ChannelOrder, ...]


class ExplainedCallback(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a trigger call would be called back, whom, when and how.

    Attributes:
        extension: whose DID it is; None: nobody's.
        caller: who rings as he was read, E.164; None: hidden, or no number.
        at: when the trigger call ends.
        number: whom it calls. `due`: when, at the earliest; `expires`: no more is tried after that.
        joins: T6, the callback that is open to this number, which it would join.
        locked_until: A3, until then no password of this caller is heard; None: he is not locked,
            none is asked for, or it is not known (`locks_known`).
        counts_known: G3, whether it was looked how many callbacks were made.
        shown, shown_name: T8, what the return call shows.

    """

    did: str
    extension: str | None
    caller: str | None
    at: int
    answer: bool
    refusal: str | None
    said: str
    tried: tuple[Tried, ...]
    number: str | None
    due: int | None
    expires: int | None
    joins: str | None
    locks_known: bool
    locked_until: int | None
    counts_known: bool
    shown: str | None
    shown_name: str | None
    health_known: bool
    orders: tuple[ChannelOrder, ...]
