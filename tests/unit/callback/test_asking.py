"""T3 to T7, T10, T11, O6, G2, G4: whether somebody is called back, whom and when."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.callback.asking import REASONS, Asking, Facts, Wanted, ask
from controller.guard.ranges import shipped
from controller.numbers.caller import Caller
from controller.policy.fields import ReturnCalls
from controller.policy.model import Policy
from controller.policy.records import AuthorisedCaller

from .given import CALLER, DID, POLICY

SECOND = 1_000_000
#: Noon, UTC.
NOW = 1_795_435_200 * SECOND
OTHER = "+16465550124"
KNOWN = Caller(number=CALLER)
NOTHING = Facts()
Kept = tuple[str, Any]


class Book:
    """A store that knows what a test says, and remembers what is kept."""

    def __init__(self, facts: Facts, listed: AuthorisedCaller | None) -> None:
        self.known = facts
        self.entry = listed
        self.asked: list[tuple[str, ...]] = []

    def listed(self, extension: str, number: str) -> AuthorisedCaller | None:
        """Give the entry."""
        self.asked.append(("listed", extension, number))
        return self.entry

    def facts(
        self, extension: str, number: str, caller: str | None, at_most: int | None, now: int
    ) -> Facts:
        """Give the facts."""
        assert now == NOW
        self.asked.append(("facts", extension, number))
        return self.known

    def store(self, wanted: Wanted) -> Kept:
        """Keep a callback."""
        return "stored", wanted

    def refuse(self, asking: Asking, reason: str) -> Kept:
        """Keep a reason."""
        assert reason in REASONS
        return "refused", reason


def asked(
    policy: Policy | None = POLICY,
    *,
    caller: Caller = KNOWN,
    facts: Facts = NOTHING,
    listed: AuthorisedCaller | None = None,
    **more: Any,
) -> Kept:
    """Ask, and give what was kept."""
    values = {"policy": policy, "did": DID, "caller": caller, "now": NOW}
    always = {"expiry_seconds": 900, "ranges": shipped()}
    return ask(Book(facts, listed), Asking(**{**values, **always, **more}))


def refused(*arguments: Any, **more: Any) -> str | None:
    """Ask, and give the reason why there is none; None where there is one."""
    kind, what = asked(*arguments, **more)
    return what if kind == "refused" else None


def wanted(*arguments: Any, **more: Any) -> Wanted:
    """Ask, and give the callback that there will be."""
    kind, what = asked(*arguments, **more)
    assert kind == "stored", what
    assert isinstance(what, Wanted)
    return what


def policy(**values: Any) -> Policy:
    """A policy that says otherwise."""
    return msgspec.structs.replace(POLICY, **values)


def test_t5_it_is_due_after_the_delay_and_expires() -> None:
    found = wanted(policy(delay_seconds=7))
    assert (found.number, found.due) == (CALLER, NOW + 7 * SECOND)
    assert found.expires == found.due + 900 * SECOND
    own = wanted(policy(delay_seconds=7, expiry_seconds=60))
    assert own.expires == own.due + 60 * SECOND
    assert wanted(delay=0).due == NOW


def test_t3_the_list_counts_where_the_mode_says_so() -> None:
    authorised = policy(return_calls=ReturnCalls.AUTHORIZED)
    entry = AuthorisedCaller(extension="100", number=CALLER, callback_number=OTHER)
    assert refused(authorised) == "not_authorised"
    assert wanted(authorised, listed=entry).number == OTHER
    off = msgspec.structs.replace(entry, enabled=False)
    assert refused(authorised, listed=off) == "not_authorised"
    assert wanted(listed=off).number == CALLER


@pytest.mark.parametrize("reason", ["hidden", "not_digits", "not_a_number"])
def test_t4_nobody_who_hides_is_called_back_but_by_a_fixed_number(reason: str) -> None:
    nobody = Caller(reason=reason)
    assert refused(caller=nobody) == reason
    assert refused(policy(return_calls=ReturnCalls.AUTHORIZED), caller=nobody) == reason
    fixed = policy(return_calls=ReturnCalls.FIXED, fixed_number=OTHER)
    assert wanted(fixed, caller=nobody).number == OTHER


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (DID, "own_number"),
        ("+19005550100", "costly_number"),
        ("+442079460000", "country_not_allowed"),
        ("+881612345678", "country_not_allowed"),
        ("+13105550199", "blocked"),
    ],
)
def test_t7_g2_where_no_call_goes_none_goes_back_whoever_chose_it(number: str, reason: str) -> None:
    here = policy(blocked_prefixes=("+1310",))
    assert refused(here, caller=Caller(number=number)) == reason
    fixed = msgspec.structs.replace(here, return_calls=ReturnCalls.FIXED, fixed_number=number)
    assert refused(fixed) == reason
    authorised = msgspec.structs.replace(here, return_calls=ReturnCalls.AUTHORIZED)
    entry = AuthorisedCaller(extension="100", number=CALLER, callback_number=number)
    assert refused(authorised, listed=entry) == reason


def test_t7_what_the_store_knows_of_a_number_counts() -> None:
    assert refused(facts=Facts(own=True)) == "own_number"
    assert refused(facts=Facts(elsewhere=True)) == "called_elsewhere"


@pytest.mark.parametrize(("unanswered", "refusal"), [(2, None), (3, "unanswered_too_often")])
def test_g4_who_never_answers_is_called_no_more(unanswered: int, refusal: str | None) -> None:
    facts = Facts(unanswered=unanswered)
    assert refused(policy(stop_after_unanswered=3), facts=facts) == refusal
    assert refused(facts=facts) is None


def test_o6_what_is_stopped_or_off_is_said_first() -> None:
    hidden = Caller(reason="hidden")
    assert refused(stopped=True) == "stopped"
    assert refused(policy(enabled=False), stopped=True, caller=hidden) == "stopped"
    assert refused(policy(enabled=False), caller=hidden) == "disabled"


def test_t10_a_number_that_is_nobodys_is_kept() -> None:
    assert refused(None) == "unknown_did"


def test_t10_a_reason_of_the_callers_own_goes_before_what_it_was_told() -> None:
    assert refused(reason="hung_up_early") == "hung_up_early"
    assert refused(reason="hung_up_early", caller=Caller(reason="hidden")) == "hidden"


def test_t5_quiet_hours_put_it_off_or_end_it() -> None:
    quiet = policy(quiet_from="11:00", quiet_until="12:10", delay_seconds=5)
    found = wanted(quiet)
    assert found.due == NOW + 600 * SECOND
    # The end of the time is not put off with it.
    assert found.expires == NOW + (5 + 900) * SECOND
    assert refused(msgspec.structs.replace(quiet, expiry_seconds=500)) == "quiet_hours"


def test_t3_nobody_is_looked_up_in_vain() -> None:
    """A refusal that is certain asks the store for nothing."""
    for off in (policy(enabled=False), policy(return_calls=ReturnCalls.AUTHORIZED, enabled=False)):
        book = Book(Facts(), None)
        ask(
            book,
            Asking(
                policy=off, did=DID, caller=Caller(number=CALLER), now=NOW, expiry_seconds=900,
                ranges=shipped(),
            ),
        )  # fmt: skip
        assert book.asked == []
