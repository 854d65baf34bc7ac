"""A callback is asked for, by a trigger call or through the API (T3-T7, T10, T11).

`ask` decides whether there will be one, for whom and when, and has it kept, or the reason why there
is none. What it has to know is asked of a `Book`, which is the store's; nothing here knows how.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeVar

import msgspec

from controller.guard import destinations
from controller.guard.destinations import refusal_of_return_call
from controller.guard.ranges import Ranges
from controller.numbers.caller import Caller
from controller.policy.fields import ReturnCalls
from controller.policy.model import Policy
from controller.policy.quiet import quiet_until
from controller.policy.records import AuthorisedCaller
from controller.policy.returning import number_to_call

_MICROS: Final = 1_000_000

#: Why nobody is called back; each is one word of docs/calls.md, and a label of a metric.
REASONS: Final = (
    "hung_up_early",
    "unknown_did",
    "stopped",
    "disabled",
    "hidden",
    "not_digits",
    "not_a_number",
    "not_authorised",
    *destinations.REASONS,
    "called_elsewhere",
    "unanswered_too_often",
    "quiet_hours",
)


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Times are microseconds since 1970.

    Attributes:
        policy: the extension's; None: the number that was rung is nobody's.
        did: the number that was rung, or that a callback asked for through the API shows.
        caller: who rang, and the name that came with it; through the API, who is to be called.
        now: when it is asked; of a trigger call, its end.
        delay: from then to the return call; None as the policy has it.
        expiry_seconds: how long it is tried, where the policy does not say.
        ranges: G2, numbers that are known for fraud.
        stopped: O6, callbacks of this extension are stopped.
        reason: why there is none for certain, whatever else is found.
        leg, channel: the trigger call's, and the trunk that it came over.
        rang_milliseconds: how long it rang until its end; None: nobody rang, or a clock is wrong.
        actor, key: through the API: who asks, and his key for it.

    """

    policy: Policy | None
    did: str
    caller: Caller
    now: int
    delay: int | None = None
    expiry_seconds: int
    ranges: Ranges
    stopped: bool = False
    reason: str | None = None
    leg: str | None = None
    channel: str | None = None
    rang_milliseconds: int | None = None
    actor: str | None = None
    key: str | None = None

    @property
    def extension(self) -> str:
        """Whose it is; empty where the number that was rung is nobody's."""
        return "" if self.policy is None else self.policy.extension


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the store knows of a number that is to be called.

    Attributes:
        own: T7, it or who rang is one of our own DIDs, whosever: our own call has come home.
        elsewhere: T7, it is being called, or talks, for another extension.
        unanswered: G4, how many of the last return calls of this extension to it came to nothing,
            one after the other up to the last.

    """

    own: bool = False
    elsewhere: bool = False
    unanswered: int = 0


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that is to be made. Times are microseconds since 1970."""

    asking: Asking
    number: str
    due: int
    expires: int


R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class Book(Protocol[R_co]):
    """The store, as far as asking goes. Every call blocks."""

    def listed(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Give the entry of an extension's list for a number."""
        ...

    def facts(
        self, extension: str, number: str, caller: str | None, at_most: int | None, now: int
    ) -> Facts:
        """Give what is known of a number, and of who rang; `at_most` unanswered calls count."""
        ...

    def store(self, wanted: Wanted) -> R_co:
        """Keep a callback that is to be made, or join the open one to the same number (T6)."""
        ...

    def refuse(self, asking: Asking, reason: str) -> R_co:
        """Keep that nobody is called back, and why (T10)."""
        ...


def ask(book: Book[R], asking: Asking) -> R:
    """Ask for a callback: keep it, or why there is none. Raises what the store raises."""
    policy = asking.policy
    if policy is None:
        return book.refuse(asking, "unknown_did")
    number, reason = _number(book, asking, policy)
    if reason is None and number is not None:
        reason = refusal_of_return_call(number, policy, asking.ranges)
    if reason is None and number is not None:
        at_most = policy.stop_after_unanswered
        facts = book.facts(policy.extension, number, asking.caller.number, at_most, asking.now)
        reason = _known(facts, at_most)
    reason = reason or asking.reason
    if reason is None:
        delay = policy.delay_seconds * _MICROS if asking.delay is None else asking.delay
        due = asking.now + delay
        expires = due + (policy.expiry_seconds or asking.expiry_seconds) * _MICROS
        due = quiet_until(policy, due) or due
        if due > expires:
            reason = "quiet_hours"
    if reason is not None or number is None:
        return book.refuse(asking, reason or "hidden")
    return book.store(Wanted(asking=asking, number=number, due=due, expires=expires))


def _number(book: Book[R], asking: Asking, policy: Policy) -> tuple[str | None, str | None]:
    caller = asking.caller
    if asking.stopped:
        return None, "stopped"
    if not policy.enabled:
        return None, "disabled"
    listed = None
    if policy.return_calls is ReturnCalls.AUTHORIZED and caller.number is not None:
        listed = book.listed(policy.extension, caller.number)
    return number_to_call(policy, caller, listed)


def _known(facts: Facts, at_most: int | None) -> str | None:
    if facts.own:
        return "own_number"
    if facts.elsewhere:
        return "called_elsewhere"
    if at_most is not None and facts.unanswered >= at_most:
        return "unanswered_too_often"
    return None
