"""What a charging engine must keep, as tests that run on anybody's (`credit.engine`).

Make a class of `ChargingContract`, say in it how an engine and an account of yours are made, and
have pytest find it; nothing but plain asserts is used, so another runner will do. Each test has a
new engine and new accounts. `docs/credit-engine.md` goes through it step by step.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, Final, TypeVar

from controller.callback.events import Credit
from controller.credit.engine import Provider
from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Held,
    Identify,
    LegEnd,
    Price,
    Refused,
    Side,
    SpendLimit,
)
from controller.credit.rating import charge

R = TypeVar("R")

SECOND: Final = 1_000_000
#: Later than any hold ends.
FOREVER: Final = 2**62
EXTENSION: Final = "100"
CALLER, ABROAD, UNRATED = "+12125550199", "+442079460000", "+81312345678"
#: So many ask at once.
AT_ONCE: Final = 12


class ChargingContract:
    """The tests. What is not implemented here is the engine's author's to say.

    `home`, `abroad`: what calls to +1 and +44 cost; there is no rate for +81. Set up your prices
    so, or say here what yours are, and `cost` where you reckon otherwise.
    """

    home = Price("+1", 600_000)
    abroad = Price("+44", 1_200_000)
    currency = "USD"

    def engine(self) -> Provider:
        """Give the engine under test; asked again in a test: another one of the same billing."""
        raise NotImplementedError

    def account(
        self, extension: str, money: int, *, caller: str | None = None, unlimited: bool = False
    ) -> None:
        """Make the account of an extension, or of one of its callers, with so much on it."""
        raise NotImplementedError

    def add(self, extension: str, money: int) -> None:
        """Put money on the account of an extension, or take it away (below 0)."""
        raise NotImplementedError

    def cost(self, number: str, seconds: int) -> int:
        """Give what so many seconds to a number cost, micro-units."""
        return charge(self.home if number.startswith("+1") else self.abroad, seconds)

    # --- what is asked -----------------------------------------------------------------------

    @cached_property
    def moment(self) -> int:
        """When everything begins, microseconds since 1970: a minute ago."""
        return (time.time_ns() // 1000 // SECOND - 60) * SECOND

    def asked_begin(self, call: str, **more: Any) -> Begin:  # noqa: ANN401  (of many kinds)
        """A return call to `CALLER`; 60 s of dialogue."""
        now = self.moment
        values: dict[str, Any] = {
            **{"call": call, "request": f"of-{call}"[:36], "extension": EXTENSION, "caller": None},
            **{"number": CALLER, "free": False, "minimum": None, "exposure": None},
            **{"wanted": 60, "longest": 3600, "now": now, "until": now + 600 * SECOND},
        }
        return Begin(**values | more)

    def asked_identify(self, call: str, **more: Any) -> Identify:  # noqa: ANN401
        """`CALLER` has identified himself ten seconds after the answer."""
        now = self.moment
        values: dict[str, Any] = {
            **{"call": call, "request": f"of-{call}"[:36], "extension": EXTENSION},
            **{"caller": CALLER, "number": CALLER, "free": False, "answered": now, "wanted": 60},
            **{"longest": 3600, "now": now + 10 * SECOND, "until": now + 600 * SECOND},
        }
        return Identify(**values | more)

    def asked_dial(self, call: str, position: int = 1, **more: Any) -> Dial:  # noqa: ANN401
        """A destination abroad, 30 s after the answer; it may ring 20 s."""
        values: dict[str, Any] = {
            **{"call": call, "request": f"of-{call}"[:36], "extension": EXTENSION},
            **{"position": position, "number": ABROAD, "free": False, "answered": self.moment},
            **{"rings": 20, "tail": 10, "longest": 3600, "slice": 60},
            "now": self.moment + 30 * SECOND,
        }
        return Dial(**values | more)

    def asked_extend(self, call: str, **more: Any) -> Extend:  # noqa: ANN401
        """50 s of talk, since the 40th second of the return leg."""
        now = self.moment
        values: dict[str, Any] = {
            **{"call": call, "answered": now, "connected": now + 40 * SECOND, "position": 1},
            **{"tail": 10, "longest": 3600, "slice": 60, "now": now + 90 * SECOND},
        }
        return Extend(**values | more)

    def ended(self, call: str, position: int, seconds: int, **more: Any) -> LegEnd:  # noqa: ANN401
        """A leg that was answered ended after so many seconds; position 0: the return leg."""
        answered = self.moment + (40 if position else 0) * SECOND
        values: dict[str, Any] = {
            **{"leg": f"{call}-{position}", "call": call, "request": f"of-{call}"[:36]},
            "side": Side.DESTINATION if position else Side.RETURN,
            **{"position": position, "node": "fs1", "channel": "pstn", "cause": "NORMAL_CLEARING"},
            **{"begun": answered - 5 * SECOND, "answered": answered},
            "ended": answered + seconds * SECOND,
        }
        return LegEnd(**values | more)

    def left(self, engine: Provider, call: str = "") -> int:
        """Give what the extension has to spend: what is held for other calls is not."""
        found = engine.credit(EXTENSION, None, call)
        assert isinstance(found, Credit), "credit() gives a Credit where there is an account"
        assert found.currency == self.currency
        return found.micros

    # --- whose money it is -------------------------------------------------------------------

    def test_m9_where_nobody_has_an_account_nobody_pays(self) -> None:
        """M9: it is called all the same, by the policy's own limits."""
        engine, call = self.engine(), new_call()
        assert engine.credit(EXTENSION, CALLER) is None
        assert not granted(engine.begin(self.asked_begin(call))).charged
        assert not granted(engine.dial(self.asked_dial(call))).charged
        assert not engine.extend(self.asked_extend(call)).charged
        assert engine.settle(self.ended(call, 0, 60)).charge == 0
        engine.release(call, self.moment)
        assert not engine.overdue(FOREVER)

    def test_m9_the_callers_account_goes_before_and_takes_the_hold_over(self) -> None:
        """M9: what was held for the extension is free again."""
        self.account(EXTENSION, 5_000_000)
        self.account(EXTENSION, 3_000_000, caller=CALLER)
        engine, call = self.engine(), new_call()
        first = granted(engine.begin(self.asked_begin(call)))
        assert self.left(engine) == 5_000_000 - self.cost(CALLER, first.return_seconds)
        moved = granted(engine.identify(self.asked_identify(call)))
        assert moved.charged
        assert moved.serial > first.serial, "the switch's limits are named by the serial"
        assert self.left(engine) == 5_000_000
        his = engine.credit(EXTENSION, CALLER)
        assert his is not None
        assert his.micros == 3_000_000 - self.cost(CALLER, moved.return_seconds)
        assert engine.identify(self.asked_identify(call)) == moved

    def test_m9_a_caller_without_enough_leaves_the_hold_where_it_is(self) -> None:
        """M9: refused, and the extension's money stays held."""
        self.account(EXTENSION, 5_000_000)
        self.account(EXTENSION, 0, caller=CALLER)
        engine, call = self.engine(), new_call()
        first = granted(engine.begin(self.asked_begin(call)))
        assert engine.identify(self.asked_identify(call)) == Refused("no_credit")
        assert self.left(engine) == 5_000_000 - self.cost(CALLER, first.return_seconds)

    def test_m9_the_fallback_pays_where_the_extension_has_no_account(self) -> None:
        """M9: whoever is called back is not known yet, but his account is all there is."""
        self.account(EXTENSION, 3_000_000, caller=CALLER)
        engine = self.engine()
        assert not granted(engine.begin(self.asked_begin(new_call()))).charged
        assert granted(engine.begin(self.asked_begin(new_call(), fallback=CALLER))).charged

    # --- what is granted, and held for it ----------------------------------------------------

    def test_m3_without_credit_nobody_is_called_and_nothing_held(self) -> None:
        """M3: less than the first seconds cost, or than the minimum."""
        self.account(EXTENSION, self.cost(CALLER, 20))
        engine = self.engine()
        assert engine.begin(self.asked_begin(new_call())) == Refused("no_credit")
        self.add(EXTENSION, self.cost(CALLER, 60))
        more = self.asked_begin(new_call(), minimum=self.cost(CALLER, 90))
        assert engine.begin(more) == Refused("no_credit")
        assert not engine.overdue(FOREVER)

    def test_m3_no_more_than_the_exposure_is_held_for_a_stranger(self) -> None:
        """M3: until he has identified himself."""
        self.account(EXTENSION, 5_000_000)
        engine, most = self.engine(), self.cost(CALLER, 20)
        answer = granted(engine.begin(self.asked_begin(new_call(), exposure=most)))
        assert answer.return_seconds == 20
        assert self.left(engine) == 5_000_000 - most

    def test_m2_without_a_rate_nobody_is_called_but_for_nothing(self) -> None:
        """M2: `no_rate`, and not a guess."""
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        assert engine.begin(self.asked_begin(call, number=UNRATED)) == Refused("no_rate")
        granted(engine.begin(self.asked_begin(call)))
        assert engine.dial(self.asked_dial(call, number=UNRATED)) == Refused("no_rate")
        assert granted(engine.dial(self.asked_dial(call, number="1002", free=True))).charged

    def test_m4_a_destination_is_called_for_as_long_as_both_legs_can_be_paid(self) -> None:
        """M4: what both cost if they last as long as granted is held, and no more than there is."""
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        first = granted(engine.begin(self.asked_begin(call)))
        answer = granted(engine.dial(self.asked_dial(call)))
        assert answer.serial > first.serial
        assert 0 < answer.destination_seconds <= 60
        assert answer.return_seconds >= 30 + 20 + answer.destination_seconds + 10
        both = self.cost(CALLER, answer.return_seconds)
        both += self.cost(ABROAD, answer.destination_seconds)
        assert self.left(engine) == 5_000_000 - both
        assert self.left(engine, call) == 5_000_000, "its own hold is the call's to spend"
        assert engine.dial(self.asked_dial(call)) == answer, "asked again it gives the same"
        assert self.left(engine) == 5_000_000 - both
        engine.not_called(call, 1)
        engine.not_called(call, 1)
        assert self.left(engine) == 5_000_000 - self.cost(CALLER, answer.return_seconds)

    def test_m4_a_destination_that_cannot_be_paid_is_refused_and_an_emergency_never(self) -> None:
        """M4: what is granted for the return call stays."""
        self.account(EXTENSION, self.cost(CALLER, 60))
        engine, call = self.engine(), new_call()
        first = granted(engine.begin(self.asked_begin(call)))
        before = self.left(engine)
        assert engine.dial(self.asked_dial(call)) == Refused("no_credit")
        assert self.left(engine) == before
        emergency = self.asked_dial(call, 2, number="911", free=True, emergency=True)
        answer = granted(engine.dial(emergency))
        assert answer.destination_seconds == 3600, "it is never cut for want of money"
        assert answer.serial > first.serial
        assert self.left(engine, call) >= 0

    def test_m4_more_is_held_while_people_talk_and_a_top_up_counts(self) -> None:
        """M4, M6: never less than before; the serial moves where a limit does."""
        enough = self.cost(CALLER, 130) + self.cost(ABROAD, 60)
        self.account(EXTENSION, enough)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        before = granted(engine.dial(self.asked_dial(call)))
        now = engine.extend(self.asked_extend(call))
        assert now.destination_seconds >= before.destination_seconds
        assert now.return_seconds >= before.return_seconds
        self.add(EXTENSION, 10_000_000)
        later = engine.extend(self.asked_extend(call))
        assert later.destination_seconds > now.destination_seconds
        assert later.serial > now.serial
        assert later.destination_seconds <= 50 + 60
        again = engine.extend(self.asked_extend(call))
        assert again == later, "asked again it gives the same, and moves no limit"
        self.add(EXTENSION, -10_000_000)
        least = engine.extend(self.asked_extend(call))
        assert least.destination_seconds >= later.destination_seconds, "the switch was told so"

    def test_m1_who_is_not_limited_is_called_and_charged(self) -> None:
        """M1: nothing need be on it, and what calls cost is taken all the same."""
        self.account(EXTENSION, 0, unlimited=True)
        engine, call = self.engine(), new_call()
        assert granted(engine.begin(self.asked_begin(call))).charged
        granted(engine.dial(self.asked_dial(call)))
        assert engine.settle(self.ended(call, 1, 40)).charge == self.cost(ABROAD, 40)
        found = engine.credit(EXTENSION, None)
        assert found is not None
        assert found.unlimited

    def test_g3_what_an_extension_may_spend_is_kept_or_the_call_refused(self) -> None:
        """G3: an engine that keeps no such limit refuses: it never lets it pass unseen."""
        self.account(EXTENSION, 5_000_000)
        engine, limit = self.engine(), SpendLimit(per_day=self.cost(CALLER, 20))
        refused = engine.begin(self.asked_begin(new_call(), limit=limit))
        assert refused == Refused("spend_limit")

    # --- when a leg is over ------------------------------------------------------------------

    def test_m7_each_leg_is_charged_once_in_any_order_and_the_rest_is_free_again(self) -> None:
        """M7: whoever tells of it again, by this leg or another one of its ways."""
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        granted(engine.dial(self.asked_dial(call)))
        abroad, home = self.cost(ABROAD, 40), self.cost(CALLER, 85)
        paid = engine.settle(self.ended(call, 1, 40))
        assert (paid.first, paid.seconds, paid.charge) == (True, 40, abroad)
        assert (paid.left, paid.currency) == (5_000_000 - abroad, self.currency)
        again = engine.settle(self.ended(call, 1, 40))
        assert (again.first, again.charge, again.seconds) == (False, abroad, 40)
        other = engine.settle(self.ended(call, 1, 44, leg=f"{call}-way", source="estimate"))
        assert (other.first, other.charge) == (False, abroad), "one leg of a position is charged"
        assert engine.settle(self.ended(call, 0, 85)).charge == home
        assert self.left(engine) == 5_000_000 - abroad - home
        assert not engine.overdue(FOREVER), "no leg is left that anything is held for"

    def test_m7_no_more_is_taken_than_was_held(self) -> None:
        """M7: what a leg lasted beyond its limit is told, and nobody charged."""
        self.account(EXTENSION, self.cost(CALLER, 40))
        engine, call = self.engine(), new_call()
        answer = granted(engine.begin(self.asked_begin(call)))
        paid = engine.settle(self.ended(call, 0, answer.return_seconds + 30))
        assert paid.charge == self.cost(CALLER, answer.return_seconds)
        assert paid.charge + paid.uncovered == self.cost(CALLER, answer.return_seconds + 30)
        assert self.left(engine) >= 0

    def test_m7_a_leg_that_is_told_of_late_is_charged_of_what_is_there(self) -> None:
        """M7: its hold was released before anybody knew of it."""
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        engine.release(call, self.moment)
        engine.release(call, self.moment)
        engine.release(new_call(), self.moment)
        assert self.left(engine) == 5_000_000
        assert engine.settle(self.ended(call, 0, 50)).charge == self.cost(CALLER, 50)
        assert self.left(engine) == 5_000_000 - self.cost(CALLER, 50)

    def test_m7_what_is_held_is_found_by_whoever_comes_after(self) -> None:
        """M7, O5: another controller sees the call as it was granted, and goes on with it."""
        self.account(EXTENSION, 5_000_000)
        engine, call = self.engine(), new_call()
        granted(engine.begin(self.asked_begin(call)))
        answer = granted(engine.dial(self.asked_dial(call)))
        other = self.engine()
        found: Sequence[Held] = other.overdue(FOREVER)
        assert [one.call for one in found] == [call]
        assert (found[0].request, found[0].position) == (f"of-{call}"[:36], 1)
        assert found[0].granted().destination_seconds == answer.destination_seconds
        assert found[0].return_seconds == answer.return_seconds
        assert (found[0].serial, found[0].until) == (answer.serial, answer.until)
        assert found[0].answered == self.asked_dial(call).answered
        assert not other.overdue(answer.until), "it has not ended by itself"
        assert other.dial(self.asked_dial(call)) == answer

    # --- many at once ------------------------------------------------------------------------

    def test_m4_calls_at_once_never_hold_more_than_there_is(self) -> None:
        """M4: whichever come first get it; of the others none goes below nothing."""
        money = 3 * self.cost(CALLER, 60)
        self.account(EXTENSION, money)
        engine = self.engine()
        calls = [self.asked_begin(new_call()) for _ in range(AT_ONCE)]
        answers = at_once([partial(engine.begin, asked) for asked in calls])
        held = sum(self.cost(CALLER, a.return_seconds) for a in answers if isinstance(a, Granted))
        assert 0 < held <= money
        assert self.left(engine) == money - held
        assert Refused("no_credit") in answers

    def test_m7_the_same_at_once_is_done_once(self) -> None:
        """M7, O5: an answer that came late, and its repetition; two controllers, or one."""
        self.account(EXTENSION, 5_000_000)
        engines, call = [self.engine(), self.engine()], new_call()
        begin, end = self.asked_begin(call), self.ended(call, 0, 50)
        answers = at_once([partial(e.begin, begin) for e in engines * (AT_ONCE // 2)])
        first = granted(answers[0])
        assert all(answer == first for answer in answers)
        assert self.left(engines[0]) == 5_000_000 - self.cost(CALLER, first.return_seconds)
        paid = at_once([partial(e.settle, end) for e in engines * (AT_ONCE // 2)])
        assert [one.first for one in paid].count(True) == 1
        assert {one.charge for one in paid} == {self.cost(CALLER, 50)}
        assert self.left(engines[1]) == 5_000_000 - self.cost(CALLER, 50)


def new_call() -> str:
    """Give the name of a call that nobody has used."""
    return str(uuid.uuid4())


def granted(answer: Granted | Refused) -> Granted:
    """Give an answer that is no refusal."""
    assert isinstance(answer, Granted), f"refused: {answer}"
    return answer


def at_once(asked: Sequence[Callable[[], R]]) -> list[R]:
    """Ask all at once, each in a thread, and give the answers in order; an error is raised here."""
    together = threading.Barrier(len(asked))

    def ask(one: Callable[[], R]) -> R:
        together.wait()
        return one()

    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(ask, asked))
