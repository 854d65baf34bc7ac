"""The demo's judgement: a call that is not as its script says does not pass."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.demo.run import is_more
from controller.demo.scripts import MAKERS, make_scripts
from controller.demo.watch import Seen, Watch
from controller.simulator.phones import JournalEntry


def _as_scripted() -> Seen:
    script = make_scripts(1, 1.0)[0]
    return Seen(
        script=script,
        trigger="refused",
        return_calls=1,
        questions=script.questions,
        outcome=script.outcome,
        joined=script.connected,
        shown_on_return="12025550101",
        shown_to_destination="12025550111",
        heard="voicemail/vm-goodbye.wav",
    )


def test_a_call_as_scripted_has_no_fault() -> None:
    assert _as_scripted().faults() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("trigger", "failed"),
        ("trigger_answered", True),
        ("return_calls", 2),
        ("return_calls", 0),
        ("questions", 1),
        ("outcome", "hung_up"),
        ("outcome", ""),
        ("joined", None),
        ("shown_on_return", "12025550111"),
        ("shown_to_destination", "12125560000"),
        ("heard", "ivr/ivr-user_busy.wav"),
    ],
)
def test_anything_else_is_a_fault(field: str, value: Any) -> None:
    """T1, T8, I5 and the rest: each fact of a script is looked at."""
    seen = _as_scripted()
    setattr(seen, field, value)
    assert len(seen.faults()) == 1


def test_m4_who_is_on_credit_may_be_asked_again_and_is_asked_no_less() -> None:
    """M4: what is held for a call may come too late, and then he dials once more."""
    seen = _as_scripted()
    seen.script = msgspec.structs.replace(seen.script, prices="usual")
    seen.questions += 1
    assert seen.faults() == []
    seen.questions -= 2
    assert len(seen.faults()) == 1


def test_every_kind_is_among_the_first_calls_and_no_number_twice() -> None:
    scripts = make_scripts(50, 10.0)
    assert len({script.kind for script in scripts}) == len(MAKERS)
    assert len({script.caller for script in scripts}) == 50


def test_a_call_goes_on_while_one_of_its_phones_does() -> None:
    watch = Watch(make_scripts(1, 1.0))
    (seen,) = watch.calls
    number = seen.script.caller

    def entry(what: str, **detail: str) -> JournalEntry:
        return JournalEntry(t=0, leg="a", role="trigger", number=number, what=what, detail=detail)

    watch.journal(entry("ringing"))
    seen.outcome = "completed"
    assert watch.ended == 0
    watch.journal(entry("refused", cause="USER_BUSY"))
    watch.journal(entry("ended", cause="USER_BUSY"))
    assert watch.ended == 1
    watch.journal(entry("unbridged", cause="USER_BUSY"))
    assert watch.ended == 1
    assert seen.trigger == "refused"


@pytest.mark.parametrize(
    ("left", "more"),
    [
        ({"legs": 0, "greenlets": 3}, False),
        ({"legs": 0, "greenlets": 4}, False),
        ({"legs": 0, "greenlets": 5}, True),
        ({"legs": 1, "greenlets": 3}, True),
        ({"legs": -1, "greenlets": 3}, True),
        ({"legs": 0, "greenlets": 3, "sockets": 1}, True),
    ],
)
def test_what_there_was_in_passing_before_the_calls_need_not_be_there_afterwards(
    left: dict[str, int], more: bool
) -> None:
    assert is_more(left, {"legs": 0, "greenlets": 4}) is more
