"""Why a trigger call is called back or is not, rule by rule (I9).

What is decided is `callback.asking.ask`'s, over the real store: `Looking` is the book that it reads
there, and keeps nothing. The rules are told in its order, up to the one that it ended with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from controller.admin.explained import ChannelOrder, ExplainedCallback
from controller.admin.explaining_number import where_calls_go
from controller.admin.explaining_reading import Suspected
from controller.callback.asking import Asking, Facts, Wanted
from controller.callerid.model import Tried
from controller.callerid.resolver import for_return_call
from controller.guard.destinations import REASONS
from controller.guard.patterns import REASONS as SUSPICIONS
from controller.policy.fields import ReturnCalls
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller
from controller.policy.returning import number_to_call
from controller.store.requests import Request, Requests
from controller.store.stops import Stop

_MICROS: Final = 1_000_000


class Looking:
    """What asking finds in the store; what it would keep there is given back instead."""

    def __init__(self, kept: Requests) -> None:
        self._kept = kept
        self.entry: AuthorisedCaller | None = None
        self.known = Facts()

    def listed(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Give the entry of an extension's list for a number."""
        self.entry = self._kept.listed(extension, number)
        return self.entry

    def facts(
        self, extension: str, number: str, caller: str | None, at_most: int | None, now: int
    ) -> Facts:
        """Give what is known of a number, and of who rang."""
        self.known = self._kept.facts(extension, number, caller, at_most, now)
        return self.known

    def store(self, wanted: Wanted) -> Wanted | str:
        """Give the callback that would be made."""
        return wanted

    def refuse(self, asking: Asking, reason: str) -> Wanted | str:
        """Give why there would be none."""
        return reason


class Coming(msgspec.Struct, frozen=True):
    """A callback that is to come. Times are microseconds since 1970.

    Attributes:
        did, caller: of the call that asked for it first.
        live: it is being called, or talks: there is nothing more to decide.

    """

    number: str
    did: str
    caller: str | None
    due: int
    expires: int
    live: bool


class Case(msgspec.Struct, frozen=True):
    """What was asked, what was found and what came of it: a callback, or why there is none.

    Attributes:
        stop: why callbacks are stopped (O6), where they are.
        opened: T6, the callback to the same number that is open.
        asks_password: A3, whether a password is asked for on the return call.
        suspected: G3, what looks like fraud, so that it is not made.

    """

    asking: Asking
    looked: Looking
    answer: Wanted | str
    stop: Stop | None = None
    opened: Request | None = None
    asks_password: bool = False
    suspected: Suspected | None = None

    @property
    def policy(self) -> Policy:
        """The extension's; there is one."""
        assert self.asking.policy is not None
        return self.asking.policy

    @property
    def reason(self) -> str | None:
        """Why nobody is called back; None: somebody is."""
        if self.suspected is not None:
            return self.suspected.reason
        return self.answer if isinstance(self.answer, str) else None

    @property
    def number(self) -> str:
        """Whom the rules of T3 choose; empty where they choose nobody."""
        return number_to_call(self.policy, self.asking.caller, self.looked.entry)[0] or ""

    @property
    def coming(self) -> Coming | None:
        """The callback that is made, or joined as the store joins one; None: there is none."""
        wanted, opened = self.answer, self.opened
        if self.suspected is not None or not isinstance(wanted, Wanted):
            return None
        if opened is None:
            asking = self.asking
            return Coming(
                wanted.number,
                asking.did,
                asking.caller.number,
                wanted.due,
                wanted.expires,
                live=False,
            )
        pending = opened.state == "pending"
        return Coming(
            wanted.number,
            opened.did,
            opened.caller,
            wanted.due if pending else opened.due,
            wanted.expires if pending else opened.expires,
            live=not pending,
        )


def asks_password(policy: Policy, entry: AuthorisedCaller | None) -> bool:
    """Whether the return call asks for a password, or first who it is (A1, A2, A5).

    `entry`: the caller's in the extension's list, where it is switched on.
    """
    if policy.password_hash is not None:
        return True
    return policy.caller_passwords and (entry is None or entry.pin_hash is not None)


def rules_tried(case: Case) -> Iterator[Tried]:
    """Give each rule that was asked, and what came of it; the last one decided."""
    if case.asking.policy is None:
        yield Tried("did", f"{case.asking.did} reaches no extension")
        return
    reason = case.reason
    yield Tried("did", f"{case.asking.did} reaches extension {case.policy.extension}")
    for rule, reasons, say in _STEPS:
        ends = reason is not None and reason in reasons
        said = say(case, reason if ends else None)
        if said is None:
            continue
        yield Tried(rule, said)
        if ends:
            return
    if reason is not None:
        # By a rule that is not told of here yet.
        yield Tried("T10", f"nobody is called back: {reason}")
        return
    opened = case.opened
    if opened is None:
        yield Tried("T6", f"no callback to {case.number} is open")
    else:
        yield Tried("T6", f"it joins callback {opened.id}, which is {opened.state}")


def locked_tried(case: Case, coming: Coming, locked: int | None) -> tuple[Tried, str | None]:
    """Say what A3 says, and give why nobody is called back for that.

    `locked`: until when no password of this caller is heard, microseconds since 1970, 0: he is not
    locked out; None: nobody looked.
    """
    if not case.asks_password:
        return Tried("A3", "no password is asked for"), None
    if locked is None:
        return Tried("A3", "whether he is locked out was not looked at"), None
    if locked <= coming.due:
        return Tried("A3", "he is not locked out by then"), None
    seconds = -(-(locked - case.asking.now) // _MICROS)
    said = f"too many passwords were wrong: none of his is heard for {seconds} seconds"
    if locked > coming.expires:
        return Tried("A3", f"{said}, and it expires before"), "locked_out"
    return Tried("A3", f"{said}; he is called then"), None


def explained(
    case: Case,
    coming: Coming | None,
    tried: tuple[Tried, ...],
    refusal: str | None,
    *,
    locked: int | None,
    locks_known: bool,
    counts_known: bool,
    health_known: bool,
    orders: tuple[ChannelOrder, ...],
) -> ExplainedCallback:
    """Give the answer: the rules that were tried, and what came of them."""
    asking = case.asking
    late = coming is not None and locked is not None and locked > asking.now
    if refusal is not None:
        said = f"nobody is called back: {refusal}, by {tried[-1].rule}: {tried[-1].said}"
    else:
        assert coming is not None
        said = _called(case, coming)
    return ExplainedCallback(
        did=asking.did,
        extension=asking.extension or None,
        caller=asking.caller.number,
        at=asking.now,
        answer=refusal is None,
        refusal=refusal,
        said=said,
        tried=tried,
        number=None if coming is None else coming.number,
        due=None if coming is None else coming.due,
        expires=None if coming is None else coming.expires,
        joins=None if case.opened is None else case.opened.id,
        locks_known=locks_known,
        locked_until=locked if late else None,
        counts_known=counts_known,
        shown=None if coming is None else coming.did,
        shown_name=None if coming is None else for_return_call(case.policy, coming.did).name,
        health_known=health_known,
        orders=orders,
    )


def _called(case: Case, coming: Coming) -> str:
    if case.opened is not None and coming.live:
        return f"{coming.number} is being called back already, by callback {case.opened.id}"
    seconds = (coming.due - case.asking.now) // _MICROS
    joins = "" if case.opened is None else f", by callback {case.opened.id}, which is open"
    return f"{coming.number} is called back {seconds} seconds after the call{joins}"


# --- the rules, each with the reasons that it ends with ------------------------------------------


def _stopped(case: Case, reason: str | None) -> str:
    if reason is None:
        return "callbacks are not stopped"
    stop = case.stop
    if stop is None:
        return "callbacks are stopped"
    where = f"of {stop.scope} {stop.name}" if stop.name else stop.scope
    return f"callbacks are stopped {where}" + (f": {stop.reason}" if stop.reason else "")


def _enabled(case: Case, reason: str | None) -> str:
    if reason is None:
        return "the extension and its client are on"
    return "the extension, or its client, is off"


def _readable(case: Case, reason: str | None) -> str:
    caller = case.asking.caller
    match reason:
        case "hidden":
            return "the caller hides his number"
        case "not_digits":
            return f"what came as the caller's number has more than digits: {caller.said}"
        case "not_a_number":
            return f"what came as the caller's number is in no country's plan: {caller.said}"
    if caller.number is None:
        return "the caller is not known, and need not be"
    return f"the caller is {caller.number}"


def _mode(case: Case, reason: str | None) -> str:
    policy, caller, entry = case.policy, case.asking.caller, case.looked.entry
    match policy.return_calls:
        case ReturnCalls.FIXED:
            return f"`fixed`: {case.number} is called, whoever rang"
        case ReturnCalls.CALLER:
            return "`caller`: who rang is called"
    if reason is not None:
        how = "is not on the list" if entry is None else "is switched off on the list"
        return f"`authorized`: {caller.number} {how}"
    own = entry is not None and entry.callback_number is not None
    return f"`authorized`: {caller.number} is on the list" + (
        f", and called at {case.number}" if own else ""
    )


def _own(case: Case, reason: str | None) -> str | None:
    own = case.number in case.policy.dids
    return f"{case.number} is a DID of this extension: it would call itself" if own else None


def _where(case: Case, reason: str | None) -> str:
    return where_calls_go(case.policy, case.number, reason, case.asking.ranges, back=True).said


def _known(case: Case, reason: str | None) -> str:
    match reason:
        case "own_number":
            return f"{case.number}, or who rang, is one of our own DIDs: our own call has come home"
        case "called_elsewhere":
            return f"{case.number} is being called, or talks, for another extension"
    return f"{case.number} is none of our DIDs, and not being called for another extension"


def _unanswered(case: Case, reason: str | None) -> str:
    at_most, count = case.policy.stop_after_unanswered, case.looked.known.unanswered
    if at_most is None:
        return "return calls that nobody answers do not count here"
    return f"{count} return calls to it in a row came to nothing; {at_most} end it"


def _when(case: Case, reason: str | None) -> str:
    policy, asking = case.policy, case.asking
    lasts = policy.expiry_seconds or asking.expiry_seconds
    hours = f"the quiet hours ({policy.quiet_from} to {policy.quiet_until}, {policy.time_zone})"
    if reason is not None:
        return f"it would be due in {hours}, and expire before they end"
    said = f"due {policy.delay_seconds} seconds after the call, tried for {lasts} seconds"
    late = (
        isinstance(case.answer, Wanted)
        and case.answer.due > asking.now + policy.delay_seconds * _MICROS
    )
    return f"{said}; that is in {hours}: put off to their end" if late else said


def _suspected(case: Case, reason: str | None) -> str | None:
    return None if case.suspected is None else case.suspected.said


_Say = Callable[[Case, str | None], str | None]
#: In the order of `ask`.
_STEPS: Final[tuple[tuple[str, tuple[str, ...], _Say], ...]] = (
    ("O6", ("stopped",), _stopped),
    ("off", ("disabled",), _enabled),
    ("T4", ("hidden", "not_digits", "not_a_number"), _readable),
    ("T3", ("not_authorised",), _mode),
    ("T7", ("own_number",), _own),
    ("G2", tuple(word for word in REASONS if word != "own_number"), _where),
    ("T7", ("own_number", "called_elsewhere"), _known),
    ("G4", ("unanswered_too_often",), _unanswered),
    ("T5", ("quiet_hours",), _when),
    ("G3", SUSPICIONS, _suspected),
)
