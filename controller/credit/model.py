"""The words of charging: what a second costs, what is asked of whoever charges, what he answers.

Money is micro-units: a millionth of a currency's unit, whatever its smallest coin is. Moments are
microseconds since 1970; lengths of calls are whole seconds.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Side(StrEnum):
    """The legs of a callback that are charged: each from its own answer (M2)."""

    RETURN = "return"
    DESTINATION = "destination"


class Price(msgspec.Struct, frozen=True):
    """What calls to numbers of one beginning cost (M2).

    Attributes:
        prefix: the beginning, E.164; `+` is all numbers.
        per_minute: micro-units.
        setup_fee: micro-units, once where the call is answered.
        first_block: seconds that are charged at least.
        interval: after these it is charged in steps of so many seconds.

    """

    prefix: str
    per_minute: int
    setup_fee: int = 0
    first_block: int = 1
    interval: int = 1


class SpendLimit(msgspec.Struct, frozen=True):
    """What the calls of an extension may cost together (G3), whoever pays for them.

    Micro-units of the account that pays, within any 60 minutes and any 24 hours; None: any sum.
    """

    per_hour: int | None = None
    per_day: int | None = None


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """A return call is about to be made (M3).

    Attributes:
        call: its attempt: by that all that is held and charged for this callback is known.
        caller: whose account pays, E.164; None: nobody has identified himself yet (M9).
        fallback: whose account pays, E.164, where the extension has none; None: nobody's.
        number: whom it calls: E.164, or one of the platform's own.
        free: no leg to that number costs anything (it never leaves the platform).
        minimum: M3, micro-units without which no call is made; None: what the first seconds cost.
        exposure: M3, micro-units that may be held until somebody has identified himself; None:
            what `wanted` costs.
        wanted: seconds that are held for: those of asking and dialling.
        longest: seconds that the leg may last anyway.
        until: when the hold ends by itself, if nobody renews it.
        limit: what the extension's calls may cost; None: any sum.

    """

    call: str
    request: str
    extension: str
    caller: str | None
    fallback: str | None = None
    number: str
    free: bool
    minimum: int | None
    exposure: int | None
    wanted: int
    longest: int
    now: int
    until: int
    limit: SpendLimit | None = None


class Identify(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has identified himself (M9): from now on his account pays, if he has one.

    `wanted`: seconds from now that are held for; `longest`: as in `Begin`, from the answer on.
    `told`: the serial of the grant whose limit the switch keeps, None: nobody knows. Where that is
    the last one, and the same account pays, it may stay. Others as there.
    """

    call: str
    request: str
    extension: str
    caller: str
    number: str
    free: bool
    answered: int
    wanted: int
    longest: int
    now: int
    until: int
    told: int | None = None
    limit: SpendLimit | None = None


class Dial(msgspec.Struct, frozen=True, kw_only=True):
    """A destination is about to be called (M4).

    Attributes:
        position: the how-manieth destination of the return leg it is.
        number: E.164, or one of the platform's own.
        free: a call to it costs nothing, and is made whatever there is on the account; but the
            return leg may last only as long as that is paid for.
        emergency: nor is it ever cut for want of money (`free` is set too).
        answered: when the return leg was.
        rings: seconds that it may take until somebody answers, on all channels together.
        tail: seconds that the return leg lasts on after the destination's end.
        longest: seconds that the conversation may last anyway.
        slice: seconds of conversation that are held for at once; renewed while people talk.
        limit: as in `Begin`. It keeps nobody from an emergency call, and cuts none.

    """

    call: str
    request: str
    extension: str
    position: int
    number: str
    free: bool
    emergency: bool = False
    answered: int
    rings: int
    tail: int
    longest: int
    slice: int
    now: int
    limit: SpendLimit | None = None


class Extend(msgspec.Struct, frozen=True, kw_only=True):
    """A call goes on: hold for more of it (M4), or for as much as there is.

    `connected`: when the destination answered; None: nobody is talked to, and it is the dialogue
    that goes on, `slice` seconds from now, and `longest` is how long the return leg may last from
    its answer on. `position`: of that destination, 0: the one under way. `shortened`: after so many
    seconds from its answer on the switch ends the return leg by now, instead of what the grant
    `serial` said, so that no more need be held; 0: as that said. Others as in `Dial`.
    """

    call: str
    answered: int
    connected: int | None
    position: int = 0
    shortened: int = 0
    serial: int = 0
    tail: int
    longest: int
    slice: int
    now: int
    limit: SpendLimit | None = None


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What may be called for how long. The switch is told before anything is dialled (M5).

    Attributes:
        charged: whether anybody pays; else nothing is held, and the limits are those of the policy.
        return_seconds: how long the return leg may last, from its answer on; 0: as long as it was
            let before (the policy's limit, where it has had no other): it costs nothing, or nobody
            that is limited pays.
        destination_seconds: how long the destination's may, from its answer on; 0: none is called.
        lasts: how long the conversation could last, from its beginning, on all that the account
            has (D6), and where none is talked to yet, the return leg; None: as long as the policy
            lets it.
        more: whether there is more to be granted now, so that this is not the end of the credit.
        serial: counts the grants of a call: the switch's limits are named by it. The same as
            before: none of them is to be moved.
        until: when what is held ends by itself.
        spend_limit: whether it is the extension's limit that ends it, as far as can be seen now,
            and not the credit or the policy.

    """

    charged: bool
    return_seconds: int
    destination_seconds: int = 0
    lasts: int | None = None
    more: bool = True
    serial: int = 0
    until: int = 0
    spend_limit: bool = False


class Refused(msgspec.Struct, frozen=True):
    """Why nothing is called.

    `no_credit`; `no_rate`: its price list has none for that number; `spend_limit`: the extension's
    calls have cost, or are held for, as much as they may.
    """

    reason: str


class LegEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A leg is over (M7): what the switch says of it, and whence we know.

    Attributes:
        leg: its uuid.
        call, request: as in `Begin`.
        position: of a destination; 0 for a return leg.
        node, channel, cause: None where nobody knows.
        begun, answered, ended: the switch's own times; `answered` None: it was not.
        source: `event`, `record` (of the switch), or `estimate`: nobody knows when it ended, and
            `ended` is when it was seen last.
        rang: when the far end was first heard of: that it rings, its own sound, or its answer;
            None: it never was, or nobody knows. It is measured, and not kept.

    """

    leg: str
    call: str
    request: str
    side: Side
    position: int
    node: str | None
    channel: str | None
    cause: str | None
    begun: int
    answered: int | None
    ended: int
    source: str = "event"
    rang: int | None = None


class Settled(msgspec.Struct, frozen=True):
    """A leg is paid for: once, whoever says it first.

    Attributes:
        first: whether that was now.
        seconds: for which it was charged.
        charge: micro-units; 0 where nobody pays.
        uncovered: micro-units that it cost beyond what was held, and nobody was charged.
        left: on the account afterwards, micro-units; None: nobody pays.
        currency: the account's, ISO 4217; None: nobody pays.
        account: whose it is, as another engine than ours names it; or None.

    """

    first: bool
    seconds: int = 0
    charge: int = 0
    uncovered: int = 0
    left: int | None = None
    currency: str | None = None
    account: str | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A call for which something is held, as any controller may find it.

    `return_seconds`, `destination_seconds`, `serial` as last granted; `position` 0: no destination.
    `answered`, `connected`: when the return leg and that destination were, as far as it was told.
    `holder`: which controller has the call, or had it last.
    """

    call: str
    request: str
    account: str
    amount: int
    charged: int
    position: int
    return_seconds: int
    destination_seconds: int
    serial: int
    until: int
    answered: int | None = None
    connected: int | None = None
    holder: str | None = None

    def granted(self) -> Granted:
        """Give what was granted last, as far as that is known: there may be more."""
        return Granted(
            charged=True,
            return_seconds=self.return_seconds,
            destination_seconds=self.destination_seconds,
            lasts=self.destination_seconds or self.return_seconds or None,
            serial=self.serial,
            until=self.until,
        )
