"""M3, M4, M9, D6: what is held and granted, rule by rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.credit.deciding import (
    Decision,
    Payer,
    decide_begin,
    decide_dial,
    decide_extend,
    decide_identify,
    room_of,
)
from controller.credit.model import (
    Begin,
    Dial,
    Extend,
    Granted,
    Identify,
    Price,
    Refused,
    SpendLimit,
)

SECOND = 1_000_000
NOW = 1_795_475_771 * SECOND
#: A cent, 10 000 micro-units, a second.
CENT = 10_000
PRICE = Price("+49", 60 * CENT)
DEAR = Price("+44", 120 * CENT)
BLOCKS = Price("+49", 60 * CENT, 0, 60, 60)
NO_CREDIT = Refused("no_credit")
NO_RATE = Refused("no_rate")
SPEND_LIMIT = Refused("spend_limit")
UNLIMITED = Payer(-5, unlimited=True)

BEGIN = Begin(
    call="a", request="r", extension="1000", caller=None, number="+4930123", free=False,
    minimum=None, exposure=None, wanted=120, longest=4000, now=NOW, until=NOW + 300 * SECOND,
)  # fmt: skip
IDENTIFY = Identify(
    call="a", request="r", extension="1000", caller="+4930123", number="+4930123", free=False,
    answered=NOW, wanted=120, longest=4000, now=NOW + 20 * SECOND, until=NOW,
)  # fmt: skip
DIAL = Dial(
    call="a", request="r", extension="1000", position=1, number="+44123", free=False,
    answered=NOW, rings=40, tail=15, longest=3600, slice=300, now=NOW + 45 * SECOND,
)  # fmt: skip
#: The destination answered 60 s after the return leg; 100 s later there is to be more.
EXTEND = Extend(
    call="a", answered=NOW, connected=NOW + 60 * SECOND, tail=15, longest=3600, slice=300,
    now=NOW + 160 * SECOND,
)  # fmt: skip
DIALOGUE = msgspec.structs.replace(EXTEND, connected=None, longest=4000)
BEFORE = Granted(
    charged=True, return_seconds=250, destination_seconds=150, lasts=150, more=False, serial=4,
    until=NOW + 310 * SECOND,
)  # fmt: skip


def has(cents: int, *, micros: int = 0) -> Payer:
    """Somebody who pays, and has so much."""
    return Payer(cents * CENT + micros, unlimited=False)


def given(decision: Decision | Refused) -> tuple[int, int, int, int | None, bool]:
    """What is held, in cents; how long each leg may last, how long the credit, whether more."""
    assert isinstance(decision, Decision), decision
    granted = decision.granted
    cents, rest = divmod(decision.amount, CENT)
    assert rest == 0
    return (
        cents, granted.return_seconds, granted.destination_seconds, granted.lasts, granted.more
    )  # fmt: skip


def begin(price: Price | None, payer: Payer | None, **values: Any) -> Decision | Refused:
    return decide_begin(msgspec.structs.replace(BEGIN, **values), price, payer)


def identify(price: Price | None, payer: Payer | None, **values: Any) -> Decision | Refused:
    return decide_identify(msgspec.structs.replace(IDENTIFY, **values), price, payer, 3)


def dial(
    back: Price | None, there: Price | None, payer: Payer | None, before: int = 140, **values: Any
) -> Decision | Refused:
    return decide_dial(msgspec.structs.replace(DIAL, **values), back, there, payer, 3, before)


# --- Begin ---------------------------------------------------------------------------------


def test_m3_what_asking_and_dialling_cost_is_held_before_the_return_call() -> None:
    assert given(begin(PRICE, has(10_000))) == (120, 120, 0, None, True)
    decision = begin(PRICE, has(10_000))
    assert isinstance(decision, Decision)
    assert (decision.granted.until, decision.granted.serial) == (BEGIN.until, 0)
    assert decision.granted.charged


def test_m3_no_more_is_held_than_the_exposure() -> None:
    assert given(begin(PRICE, has(10_000), exposure=50 * CENT)) == (50, 50, 0, None, True)
    assert given(begin(BLOCKS, has(10_000), exposure=119 * CENT)) == (60, 60, 0, None, True)
    # Nor is it refused for what the exposure does not buy of the first seconds.
    assert given(begin(PRICE, has(100), exposure=CENT)) == (1, 1, 0, 100, True)
    assert begin(PRICE, has(10_000), exposure=CENT - 1) == NO_CREDIT
    assert begin(BLOCKS, has(10_000), exposure=59 * CENT) == NO_CREDIT


def test_m3_no_callback_below_the_minimum_credit() -> None:
    assert begin(PRICE, has(200, micros=-1), minimum=200 * CENT) == NO_CREDIT
    assert given(begin(PRICE, has(200), minimum=200 * CENT)) == (120, 120, 0, 200, True)
    # What counts is the credit and not the exposure.
    assert given(begin(PRICE, has(200), minimum=200 * CENT, exposure=9 * CENT))[:2] == (9, 9)
    # A low one lets a call be made that lasts for a moment, but for something.
    assert given(begin(PRICE, has(5), minimum=0)) == (5, 5, 0, 5, False)
    assert begin(PRICE, has(1, micros=-1), minimum=0) == NO_CREDIT
    assert begin(BLOCKS, has(59), minimum=0) == NO_CREDIT


def test_m3_without_a_minimum_the_credit_buys_the_first_seconds() -> None:
    assert begin(PRICE, has(30, micros=-1)) == NO_CREDIT
    assert given(begin(PRICE, has(30))) == (30, 30, 0, 30, False)
    assert begin(PRICE, has(19), wanted=20) == NO_CREDIT
    assert given(begin(PRICE, has(20), wanted=20)) == (20, 20, 0, 20, False)
    assert given(begin(PRICE, has(10), longest=10)) == (10, 10, 0, None, False)


@pytest.mark.parametrize(
    ("per_minute", "money", "seconds"),
    # 10 yen a minute and 5 yen; 0.012 dinars a minute and 0.006.
    [(10_000_000, 5_000_000, 30), (12_000, 6_000, 30), (12_000, 5_999, 0)],
)
def test_m1_currencies_without_coins_and_of_a_thousand(
    per_minute: int, money: int, seconds: int
) -> None:
    decision = begin(Price("+", per_minute), Payer(money, unlimited=False))
    if seconds == 0:
        assert decision == NO_CREDIT
    else:
        assert isinstance(decision, Decision)
        assert (decision.amount, decision.granted.return_seconds) == (money, seconds)


def test_m3_nothing_is_held_where_no_credit_is_needed() -> None:
    nothing = (0, 0, 0, None, False)
    assert given(begin(PRICE, UNLIMITED)) == nothing
    assert given(begin(None, has(0), free=True, minimum=CENT)) == nothing
    assert given(begin(None, None)) == nothing
    nobody, somebody = begin(None, None), begin(PRICE, UNLIMITED)
    assert isinstance(nobody, Decision)
    assert isinstance(somebody, Decision)
    assert (nobody.granted.charged, somebody.granted.charged) == (False, True)


def test_m2_without_a_rate_nothing_is_called_whoever_pays() -> None:
    assert begin(None, has(10_000)) == begin(None, UNLIMITED) == NO_RATE
    assert identify(None, has(10_000)) == identify(None, UNLIMITED) == NO_RATE
    assert dial(PRICE, None, has(10_000)) == dial(PRICE, None, UNLIMITED) == NO_RATE


# --- Identify ------------------------------------------------------------------------------


def test_m9_who_has_identified_himself_pays_from_the_answer_on() -> None:
    decision = identify(PRICE, has(10_000))
    assert given(decision) == (140, 140, 0, None, True)
    assert isinstance(decision, Decision)
    assert decision.granted.serial == 3
    assert decision.granted.until == NOW + (140 + 60) * SECOND
    # A begun second counts.
    later = IDENTIFY.now + 1
    assert given(identify(PRICE, has(10_000), now=later))[:2] == (141, 141)
    much_later = NOW + 999 * SECOND
    held = identify(PRICE, has(10_000), until=much_later)
    assert isinstance(held, Decision)
    assert held.granted.until == much_later


def test_m9_he_must_have_enough_for_what_was_and_the_next_seconds() -> None:
    assert identify(PRICE, has(50, micros=-1)) == NO_CREDIT
    assert given(identify(PRICE, has(50))) == (50, 50, 0, 50, False)
    assert given(identify(PRICE, has(30), wanted=10)) == (30, 30, 0, 30, False)
    # What the policy does not let last needs not be paid.
    assert given(identify(PRICE, has(40), longest=40)) == (40, 40, 0, None, False)


def test_m9_limits_of_who_paid_before_are_lifted_where_nothing_is_held_now() -> None:
    free = (0, 4000, 0, None, False)
    assert given(identify(PRICE, UNLIMITED)) == free
    assert given(identify(None, None)) == free
    assert given(identify(None, has(0), free=True)) == free


# --- Dial ----------------------------------------------------------------------------------


def test_m4_both_legs_are_held_before_the_destination_is_called() -> None:
    """The return leg till it has rung, they have talked, and the caller was told: 45+40+N+15."""
    decision = dial(PRICE, DEAR, has(10_000))
    assert given(decision) == (400 + 600, 400, 300, 3300, True)
    assert isinstance(decision, Decision)
    assert decision.granted.serial == 3
    assert decision.granted.until == NOW + (400 + 60) * SECOND
    assert given(dial(PRICE, DEAR, has(10_000), now=DIAL.now + 1))[:2] == (401 + 600, 401)


def test_m4_less_where_the_credit_buys_less() -> None:
    assert given(dial(PRICE, DEAR, has(100 + 3 * 20))) == (160, 120, 20, 20, False)
    assert given(dial(PRICE, DEAR, has(159, micros=9_999)))[2] == 19
    # The policy's longest, and not the credit, is the end.
    assert given(dial(PRICE, DEAR, has(10_000), longest=60)) == (280, 160, 60, None, False)
    assert given(dial(PRICE, DEAR, has(100 + 3 * 60), longest=60))[3:] == (None, False)


def test_m4_a_destination_is_called_for_ten_seconds_at_least() -> None:
    assert given(dial(PRICE, DEAR, has(130))) == (130, 110, 10, 10, False)
    assert dial(PRICE, DEAR, has(130, micros=-1)) == NO_CREDIT
    assert given(dial(PRICE, DEAR, has(115), longest=5)) == (115, 105, 5, None, False)
    assert dial(PRICE, DEAR, has(114), longest=5) == NO_CREDIT


def test_m4_more_is_only_where_the_slice_was_the_end() -> None:
    assert given(dial(PRICE, DEAR, has(1000)))[3:] == (300, False)
    assert given(dial(PRICE, DEAR, has(1003)))[3:] == (301, True)


def test_d6_the_credit_lasts_as_long_as_all_of_it_does() -> None:
    assert given(dial(PRICE, DEAR, has(100 + 3 * 3600)))[3] is None
    assert given(dial(PRICE, DEAR, has(100 + 3 * 3600, micros=-1)))[3] == 3599


def test_m4_who_is_not_limited_has_the_policys_limits() -> None:
    assert given(dial(PRICE, DEAR, UNLIMITED, before=0)) == (0, 0, 3600, None, False)
    assert given(dial(None, None, None, before=0)) == (0, 0, 3600, None, False)
    # A limit that stands from before is moved.
    assert given(dial(PRICE, DEAR, UNLIMITED, before=140)) == (0, 3700, 3600, None, False)
    assert given(dial(PRICE, DEAR, UNLIMITED, before=3800)) == (0, 3800, 3600, None, False)


def test_m4_a_free_return_leg_needs_no_limit() -> None:
    assert given(dial(None, DEAR, has(100))) == (100, 0, 50, 50, False)


def test_m4_a_free_destination_is_never_refused_but_the_return_leg_is_paid() -> None:
    assert given(dial(PRICE, None, has(200), free=True)) == (200, 200, 100, 100, False)
    # Not even the ringing is paid for: the return leg's own limit ends it.
    assert given(dial(PRICE, None, has(90), before=90, free=True)) == (90, 90, 45, 45, False)
    assert given(dial(PRICE, None, has(46), before=46, free=True)) == (46, 46, 1, 1, False)
    assert given(dial(None, None, has(0), free=True)) == (0, 0, 300, None, True)


def test_m4_an_emergency_call_is_neither_refused_nor_cut() -> None:
    urgent = {"free": True, "emergency": True}
    assert given(dial(PRICE, None, has(90), **urgent)) == (90, 3700, 3600, None, False)
    assert given(dial(PRICE, None, has(9000), **urgent)) == (3700, 3700, 3600, None, False)
    assert given(dial(PRICE, DEAR, has(9000), emergency=True))[0] == 3700
    assert given(dial(PRICE, None, has(9), before=4000, **urgent))[:2] == (9, 4000)
    assert given(dial(PRICE, None, has(-9), **urgent))[0] == 0


# --- Extend --------------------------------------------------------------------------------


def extend(payer: Payer | None, before: Granted = BEFORE, **values: Any) -> Decision:
    return decide_extend(msgspec.structs.replace(EXTEND, **values), PRICE, DEAR, payer, before)


def test_m4_while_people_talk_the_next_slice_is_held() -> None:
    """They have talked for 100 s; the return leg is 60 s ahead, and 15 s longer."""
    decision = extend(has(10_000))
    assert given(decision) == (475 + 800, 475, 400, 3308, True)
    assert decision.granted.serial == 5
    assert decision.granted.until == NOW + (475 + 60) * SECOND
    assert given(extend(has(10_000), now=EXTEND.now + 1))[:3] == (476 + 802, 476, 401)
    assert given(extend(has(10_000), connected=NOW + 60 * SECOND - 1))[1:3] == (476, 401)


def test_m4_never_less_than_before() -> None:
    same = extend(has(250 + 300))
    assert given(same) == (550, 250, 150, 150, False)
    assert (same.granted.serial, same.granted.until) == (4, BEFORE.until)
    assert given(extend(has(250 + 302)))[:3] == (552, 250, 151)
    assert given(extend(has(100)))[:3] == (100, 250, 150)
    assert given(extend(has(10_000), longest=120)) == (550, 250, 150, None, False)


def test_m6_a_top_up_moves_both_limits() -> None:
    assert given(extend(has(250 + 300 + 3 * 50)))[1:3] == (283, 208)
    assert given(extend(has(10_000), longest=200))[1:] == (275, 200, None, False)


def test_m4_extending_for_who_is_not_limited() -> None:
    assert given(extend(UNLIMITED)) == (0, 3675, 3600, None, False)
    assert given(extend(None)) == (0, 3675, 3600, None, False)
    standing = msgspec.structs.replace(BEFORE, return_seconds=0, destination_seconds=3600)
    assert given(extend(UNLIMITED, standing)) == (0, 0, 3600, None, False)
    # It was unlimited when they began: they go on, and what that costs is held as far as it goes.
    limited = extend(has(700), standing)
    assert given(limited) == (700, 0, 3600, None, False)
    assert limited.granted.serial == 4


def test_m4_the_dialogue_goes_on_by_the_return_leg_alone() -> None:
    quiet = msgspec.structs.replace(BEFORE, destination_seconds=0)
    more = decide_extend(DIALOGUE, PRICE, None, has(10_000), quiet)
    assert given(more) == (460, 460, 0, None, True)
    assert more.granted.serial == 5
    assert more.granted.until == NOW + (460 + 60) * SECOND
    assert given(decide_extend(DIALOGUE, PRICE, None, has(300), quiet)) == (300, 300, 0, 300, False)
    assert given(decide_extend(DIALOGUE, PRICE, None, has(250), quiet))[:2] == (250, 250)
    assert given(decide_extend(DIALOGUE, PRICE, None, UNLIMITED, quiet))[:2] == (0, 4000)
    free = msgspec.structs.replace(quiet, return_seconds=0)
    assert given(decide_extend(DIALOGUE, None, None, has(5), free)) == (0, 0, 0, None, False)
    # It was unlimited till now: what goes on is held.
    assert given(decide_extend(DIALOGUE, PRICE, None, has(9000), free))[:2] == (460, 0)


def test_m4_a_destination_that_rings_still_keeps_what_is_held_for_it() -> None:
    ringing = decide_extend(DIALOGUE, PRICE, DEAR, has(10_000), BEFORE)
    assert ringing.amount == 550 * CENT
    assert ringing.granted == BEFORE


def test_m4_a_free_destination_goes_on_while_the_return_leg_is_paid() -> None:
    before = msgspec.structs.replace(BEFORE, return_seconds=200, destination_seconds=150)
    still = decide_extend(EXTEND, PRICE, None, has(200), before)
    assert given(still)[:3] == (200, 200, 150)
    topped = decide_extend(EXTEND, PRICE, None, has(220), before)
    assert given(topped)[:3] == (220, 220, 150)


def test_m4_a_destination_that_rang_too_long_shortens_what_comes_after_it() -> None:
    before = msgspec.structs.replace(BEFORE, return_seconds=200, destination_seconds=150)
    assert given(extend(has(510), before))[:3] == (510, 210, 150)


# --- what an extension may spend -----------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "room"),
    [
        (SpendLimit(per_hour=100), 100 - 30 - 7),
        (SpendLimit(per_day=100), 100 - 60 - 7),
        (SpendLimit(per_hour=1000, per_day=100), 100 - 60 - 7),
        (SpendLimit(per_hour=40, per_day=1000), 40 - 30 - 7),
        (SpendLimit(per_hour=20), 20 - 30 - 7),
        (SpendLimit(per_hour=0, per_day=0), -60 - 7),
    ],
)
def test_g3_what_was_charged_and_what_is_held_is_there_for_no_other_call(
    limit: SpendLimit, room: int
) -> None:
    assert room_of(limit, hour=30, day=60, held=7) == room


def test_g3_a_call_may_cost_what_the_credit_and_the_limit_leave_both() -> None:
    rich, poor = Payer(10_000 * CENT, False, 50 * CENT), Payer(50 * CENT, False, 10_000 * CENT)
    assert given(begin(PRICE, rich)) == given(begin(PRICE, poor)) == (50, 50, 0, 50, False)
    for payer, by_limit in ((rich, True), (poor, False), (Payer(0, True, 50 * CENT), True)):
        decision = begin(PRICE, payer)
        assert isinstance(decision, Decision)
        assert decision.granted.spend_limit is by_limit
        assert begin(PRICE, payer, longest=50) == begin(PRICE, has(10_000), longest=50)


def test_g3_what_is_refused_says_whether_it_was_the_limit() -> None:
    by_limit, by_credit = Payer(10**9, False, 9 * CENT), Payer(9 * CENT, False, 10**9)
    unlimited = Payer(-5, True, 9 * CENT)
    for payer, why in ((by_limit, SPEND_LIMIT), (by_credit, NO_CREDIT), (unlimited, SPEND_LIMIT)):
        assert begin(PRICE, payer) == why
        assert identify(PRICE, payer) == why
        assert dial(PRICE, DEAR, payer) == why
    # M3: below the minimum credit it is the credit, whatever the limit; and that asks for none.
    assert begin(PRICE, Payer(199 * CENT, False, 9 * CENT), minimum=200 * CENT) == NO_CREDIT
    assert begin(PRICE, Payer(10**9, False, 29 * CENT), minimum=0) == SPEND_LIMIT
    assert given(begin(PRICE, Payer(-5, True, 30 * CENT), minimum=200 * CENT))[:2] == (30, 30)
    # An exposure that buys nothing is none of the limit's.
    assert begin(PRICE, Payer(10**9, False, 50 * CENT), exposure=CENT - 1) == NO_CREDIT


def test_g3_at_the_limit_a_call_goes_on_for_what_it_was_granted_and_no_longer() -> None:
    decision = decide_extend(EXTEND, PRICE, DEAR, Payer(10**9, False, -5), BEFORE)
    granted = decision.granted
    assert (granted.return_seconds, granted.destination_seconds) == (250, 150)
    assert (granted.more, granted.spend_limit, granted.serial) == (False, True, BEFORE.serial)
    # Where nothing is left to the policy's own end, that is what ends it.
    ended = msgspec.structs.replace(EXTEND, longest=150)
    assert not decide_extend(
        ended, PRICE, DEAR, Payer(10**9, False, -5), BEFORE
    ).granted.spend_limit


def test_g3_d3_an_emergency_call_is_held_for_beyond_the_limit() -> None:
    for payer, held in ((Payer(10**9, True, 0), 3700), (Payer(80 * CENT, False, 0), 80)):
        decision = dial(PRICE, None, payer, free=True, emergency=True)
        assert isinstance(decision, Decision)
        assert (decision.granted.return_seconds, decision.granted.destination_seconds) == (
            45 + 40 + 15 + 3600,
            3600,
        )
        assert decision.amount == held * CENT
