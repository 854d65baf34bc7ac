"""What routing decides, as data: it is shown, stored with the call, and carried out."""

from __future__ import annotations

import msgspec

from controller.callerid.model import Shown, Tried
from controller.policy.channels import Channel

#: The most channels that one call tries: each may take as long as it rings.
MOST_WAYS = 5


class Passed(msgspec.Struct, frozen=True, omit_defaults=True):
    """A channel that is not used for a call, and why, in one word.

    `off`, `not_its_number`, `closed` (its hours), `down` (the switch says so), `full` (its calls at
    a time), `no_caller_id` (nothing to show on it, I2), `beyond` (as many as one call tries come
    before it).

    Attributes:
        tried: I9, of `no_caller_id`: how it was found that nothing is left to show.

    """

    channel: str
    reason: str
    tried: tuple[Tried, ...] = ()


class Candidate(msgspec.Struct, frozen=True):
    """A channel that takes a number: by which beginning, and what a minute costs there.

    `failing`: it has failed lately, so that all others come before it.
    """

    channel: Channel
    beginning: str = "+"
    cost: int = 0
    failing: bool = False


class Choice(msgspec.Struct, frozen=True):
    """The channels that take a number, in order, and those that do not."""

    candidates: tuple[Candidate, ...] = ()
    passed: tuple[Passed, ...] = ()


class Way(msgspec.Struct, frozen=True):
    """One way out: a channel, and what is sent there.

    Attributes:
        channel: the gateway's name.
        number: what is dialled there, as it is written there: digits, a plus before them or not.
        shown: what is shown, E.164, and by which rule.
        caller_id: the number that is shown as it is written there; empty where it is hidden.
        p_asserted: I7, the address of P-Asserted-Identity (`sip:1001@example.com`), or empty.
        p_preferred: I7, likewise.
        progress_seconds: a channel that says nothing for so long is given up for the next.
        beginning, cost: by which of its destinations it was chosen.
        failing: it has failed lately: all others come before it.
        tried: I9, how what is shown was decided.

    """

    channel: str
    number: str
    shown: Shown
    caller_id: str = ""
    p_asserted: str = ""
    p_preferred: str = ""
    progress_seconds: int = 15
    beginning: str = "+"
    cost: int = 0
    failing: bool = False
    tried: tuple[Tried, ...] = ()


class Plan(msgspec.Struct, frozen=True):
    """How a number is called: the ways in order; or why it is not.

    Attributes:
        ways: tried one after the other.
        passed: the channels that are not used, and why.
        refusal: empty where there is a way. `no_channel`: no channel takes the number, or none can
            be used now; `no_caller_id`: nothing is left to show (I2); `own_number`: it is one of
            our own DIDs; `emergency`: an emergency number, and those are not connected here;
            `special_number`: a short number that is nobody's telephone.
        kind: `public`, `internal` (it stays on the platform), `emergency`.

    """

    ways: tuple[Way, ...] = ()
    passed: tuple[Passed, ...] = ()
    refusal: str = ""
    kind: str = "public"

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that are tried, in order."""
        return tuple(way.channel for way in self.ways)
