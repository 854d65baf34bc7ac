"""What a charging engine's books are asked: accounts, prices, holds, charges (M1, M2, M4, M7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from controller.credit.holding import Hold
from controller.credit.model import Price


class Account(msgspec.Struct, frozen=True):
    """Whose money it is: `currency` is ISO 4217; one that is `unlimited` needs none on it."""

    id: str
    currency: str
    unlimited: bool = False


class Charge(msgspec.Struct, frozen=True):
    """What a leg was charged, as it is kept: once for each call and position.

    `amount`, `uncovered`: micro-units; `at`: when it was charged, microseconds since 1970.
    """

    call: str
    position: int
    leg: str
    extension: str
    account: str
    seconds: int
    amount: int
    uncovered: int
    at: int


class Books(Protocol):
    """Accounts, prices, holds and charges, within one transaction.

    From `hold` on, whoever else asks for the same call waits until this transaction is over, and
    from `payer` or `account` on, whoever asks for the same account. Where that cannot be had
    otherwise, one transaction at a time is enough.
    """

    def hold(self, call: str) -> Hold | None:
        """Give what is held for a call, or was: each time a new one, to be changed at will."""

    def keep(self, hold: Hold) -> None:
        """Keep it as it is now."""

    def open(self) -> Sequence[Hold]:
        """Give all that have not ended."""

    def payer(self, extension: str, caller: str | None, fallback: str | None) -> Account | None:
        """Give whose account pays (M9): the caller's, else the extension's, else the fallback's."""

    def account(self, account: str) -> Account:
        """Give an account by its id."""

    def balance(self, account: str) -> int:
        """Give what is on it, micro-units; what is held is on it still."""

    def held(self, account: str, call: str) -> int:
        """Give what calls other than this one hold of it, micro-units."""

    def price(self, account: str, number: str, now: int) -> Price | None:
        """Give what a call to a number (E.164) costs; None: there is no rate for it."""

    def charged(self, call: str, position: int) -> Charge | None:
        """Give what a leg of a call was charged; None: it was not yet."""

    def charge(self, charged: Charge) -> None:
        """Take its amount from its account, and keep it."""

    def spent(self, extension: str, currency: str, since: int) -> int:
        """Give what an extension's calls were charged after a moment, micro-units (G3)."""

    def held_of(self, extension: str, currency: str, call: str) -> int:
        """Give what is held for an extension's calls other than this one, micro-units (G3)."""
