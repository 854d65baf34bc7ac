"""What this controller has kept itself is not asked of the store once more (O5)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.runtime import answers, attaching
from controller.runtime.answers import Answers
from controller.runtime.remembered import Known
from controller.runtime.services import Services
from controller.store.requests import Ended

ATTEMPT, REQUEST = "attempt", "request"


class Told:
    """Services that have nothing but what they know, and note what the store is asked."""

    def __init__(self) -> None:
        self.known = Known()
        self.asked: list[str] = []
        self.requests = SimpleNamespace(
            attempt="attempt", by_attempt="by_attempt", get="get", finish="finish"
        )
        self.reads = SimpleNamespace(run=self.keep)
        self.name = "here"
        self.clock = SimpleNamespace(micros=lambda: 1)

    def keep(self, what: str, *of: Any, **more: Any) -> Any:
        """Note it, and find nothing."""
        self.asked.append(what)
        return Ended(moved=False) if what == "finish" else None

    def insist(self, what: str, call: Any) -> Any:
        """Do it."""
        return call()

    @property
    def services(self) -> Services:
        return cast("Services", self)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    monkeypatch.setattr(answers, "gevent", SimpleNamespace(sleep=lambda seconds: None))
    return Told()


@pytest.mark.parametrize("is_kept", [False, True])
def test_an_answer_is_taken_where_its_leg_did_not_tell_it(told: Told, is_kept: bool) -> None:
    """By the one who sent the call, or by whoever hears of it."""
    if is_kept:
        told.known.answered.add(ATTEMPT)
    taking = Answers(told.services)
    taking.take(REQUEST, ATTEMPT, None, f"+OK {ATTEMPT}", is_ours=True)
    taking.unseen(cast("Any", SimpleNamespace(job_uuid=ATTEMPT, body=f"+OK {ATTEMPT}")))
    assert told.asked == ([] if is_kept else ["attempt", "by_attempt"])


def test_what_was_not_answered_is_taken_whatever_is_known(told: Told) -> None:
    told.known.answered.add(ATTEMPT)
    Answers(told.services).take(REQUEST, ATTEMPT, None, "-ERR USER_BUSY", is_ours=True)
    assert told.asked == ["attempt"]


def test_the_end_of_a_leg_is_looked_for_where_it_was_not_kept_here(told: Told) -> None:
    ended = SimpleNamespace(uuid=ATTEMPT, request=REQUEST, answer_uepoch="1")
    attaching.unseen_end(told.services, cast("Any", ended))
    assert told.asked == ["get"]
    answers.finish(told.services, REQUEST, "completed", "NORMAL_CLEARING")
    attaching.unseen_end(told.services, cast("Any", ended))
    assert told.asked == ["get", "finish"]


def test_o5_the_end_of_one_attempt_is_not_that_of_a_request(told: Told) -> None:
    """It may be called again, and then it ends anew."""
    answers.finish(told.services, REQUEST, "unknown", "NOT_ON_NODE", attempt=ATTEMPT)
    answers.finish(told.services, REQUEST, "failed", "", leased=True)
    assert REQUEST not in told.known.ended
