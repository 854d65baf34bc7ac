"""Calls in progress, as Structs. Times are microseconds since 1970, money is micro-units."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from controller.admin.callback_shapes import Source
from controller.store.live import Money

__all__ = ["LiveAsked", "LiveCall", "LiveLook", "LiveState", "LiveTotals", "LiveView", "Money"]

#: So many calls are on a page, and so many pages of them can be looked at.
ON_PAGE: Final = 50
MOST_PAGES: Final = 200


class LiveState(StrEnum):
    """What a call is at, as far as the database knows.

    Of an answered one it does not know which question is asked: that its controller alone does.
    """

    #: It is due later, or now, and is not called yet.
    WAITING = "waiting"
    #: The caller is being called.
    RINGING = "ringing"
    #: He answered, and no destination is being called: he is asked things, or told them.
    MENU = "menu"
    #: A destination is being called for him.
    DIALLING = "dialling"
    TALKING = "talking"
    #: It is over, and something is held for it still: the record of a leg is waited for.
    SETTLING = "settling"


class LiveView(StrEnum):
    """Which calls are looked at. `answered`: in the menu, dialling or talking."""

    ALL = "all"
    WAITING = "waiting"
    RINGING = "ringing"
    ANSWERED = "answered"
    SETTLING = "settling"


class LiveAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are looked at: of an extension, of a number (E.164; it rang, or is called).

    `page` counts from 1.
    """

    view: LiveView = LiveView.ALL
    extension: str = ""
    number: str = ""
    page: int = 1


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call in progress, or one that is still to be made.

    Attributes:
        id: of its callback.
        number: who is called back. `caller`: who rang; None: hidden, or no number.
        source: how it was asked for. `joined`: how many more asked for it.
        since: since when it is in this state.
        until: of one that waits: when it is due; of one that rings: when it has rung to the end on
            every channel, at the latest. None: of any other.
        destination: the number that is called, or talks.
        attempts: how many times it was called. `outcome`: how the last try went, of one that
            waits for another one.
        paid_until: how long what is held pays for, if nothing more is; None: nobody pays, or he
            has no limit.
        left: what the account that pays has besides, held for no call; None: nobody pays.
        held: what is held for this call.
        channels: over which it is called, or was answered. They, `node` and `controller` (which
            follows it) are the operator's alone.

    """

    id: str
    extension: str
    client: str | None
    number: str | None
    caller: str | None
    source: Source
    joined: int
    state: LiveState
    since: int
    until: int | None
    destination: str | None
    attempts: int
    outcome: str | None
    currency: str | None
    unlimited: bool
    held: int | None
    left: int | None
    paid_until: int | None
    channels: tuple[str, ...]
    node: str | None
    controller: str | None


class LiveTotals(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls somebody may see are in which state, and what is held for them.

    `settling` counts to `live.MOST_SETTLING`, and no further.
    """

    waiting: int
    ringing: int
    answered: int
    talking: int
    settling: int
    held: tuple[Money, ...]

    @property
    def open(self) -> int:
        """All that are not over."""
        return self.waiting + self.ringing + self.answered

    def of(self, view: LiveView) -> int:
        """Give how many are in a view."""
        return {
            LiveView.ALL: self.open,
            LiveView.WAITING: self.waiting,
            LiveView.RINGING: self.ringing,
            LiveView.ANSWERED: self.answered,
            LiveView.SETTLING: self.settling,
        }[view]


class LiveLook(msgspec.Struct, frozen=True, kw_only=True):
    """What is seen at one moment (`now`): a page of calls, and how many there are (`count`)."""

    now: int
    totals: LiveTotals
    calls: tuple[LiveCall, ...]
    count: int
    asked: LiveAsked

    @property
    def first(self) -> int:
        """The place of the first call of the page, from 0."""
        return (self.asked.page - 1) * ON_PAGE

    @property
    def more(self) -> bool:
        """Whether there is a page behind this one."""
        return self.first + len(self.calls) < self.count and self.asked.page < MOST_PAGES
