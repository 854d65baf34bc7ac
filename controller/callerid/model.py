"""What the resolver goes by, and what it decides."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Rang(msgspec.Struct, frozen=True):
    """The trigger call, as far as it may be shown to others.

    Attributes:
        number: who rang, E.164; empty where that is hidden, or nobody rang (T11).
        name: the name that came with it, of letters that may be shown (`policy.fields.ShownName`);
            empty where there is none.
        trusted: whether the channel that it came over says true numbers (`trust_callers`).

    """

    number: str = ""
    name: str = ""
    trusted: bool = False


class Numbers(msgspec.Struct, frozen=True):
    """Which numbers an extension may show now, as the tables have them, whatever its policy says.

    Attributes:
        channels: of the public numbers that are in its client's pool and named by its policy
            (`caller_ids`, `caller_id_number`): on which channel each is defined.
        own: what else its client owns: its DIDs, as far as the policy names them.

    """

    channels: Mapping[str, str] = {}
    own: frozenset[str] = frozenset()


class Tried(msgspec.Struct, frozen=True):
    """A rule that was asked, and what came of it, in words (I9)."""

    rule: str
    said: str


class Shown(msgspec.Struct, frozen=True):
    """What a call shows.

    Attributes:
        number: E.164; empty where it is hidden. Of an internal call: as it is dialled there.
        name: empty where none is known, or it is hidden.
        hidden: I6, the callee sees Anonymous.
        rule: the SPEC id that decided the number; name_rule: that of the name.
        pool: I3, among which numbers it was chosen; of very many, the first ones.

    """

    number: str = ""
    name: str = ""
    hidden: bool = False
    rule: str = ""
    name_rule: str = ""
    pool: tuple[str, ...] = ()


class Decision(msgspec.Struct, frozen=True):
    """What is shown, and how that was decided. `shown` None: nothing is left to show (I2)."""

    shown: Shown | None
    tried: tuple[Tried, ...] = ()
