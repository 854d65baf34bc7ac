"""O3: how calls go by channel, and what they cost, as metrics tell it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from controller.credit.model import LegEnd, Settled, Side
from controller.metrics import Metrics
from controller.runtime.call_metrics import leg_over

SECOND = 1_000_000
END = LegEnd(
    leg="a-1", call="a", request="r", side=Side.DESTINATION, position=1, node="fs1",
    channel="pstn", cause="NORMAL_CLEARING", begun=10 * SECOND, answered=25 * SECOND,
    ended=85 * SECOND, rang=13 * SECOND,
)  # fmt: skip
OF = {"side": "destination", "channel": "pstn"}


def over(settled: Settled, **values: Any) -> Metrics:
    """Count a leg that is over."""
    metrics = Metrics()
    leg_over(metrics, msgspec.structs.replace(END, **values), settled)
    return metrics


def test_o3_an_answered_leg_is_counted_with_how_long_it_rang_and_lasted() -> None:
    read = over(Settled(True)).registry.get_sample_value
    assert read("callbackd_calls_total", {**OF, "result": "answered"}) == 1
    assert read("callbackd_talk_seconds_sum", OF) == 60
    assert read("callbackd_post_dial_delay_seconds_sum", OF) == 3
    assert read("callbackd_legs_settled_total", {"source": "event"}) == 1
    assert read("callbackd_legs_charged_total") == 0


@pytest.mark.parametrize(
    ("cause", "result"),
    [
        ("USER_BUSY", "busy"),
        ("NO_ANSWER", "no_answer"),
        ("CALL_REJECTED", "rejected"),
        ("UNALLOCATED_NUMBER", "unallocated"),
        ("NORMAL_TEMPORARY_FAILURE", "failed"),
        ("'; DROP TABLE", "failed"),
        (None, "failed"),
    ],
)
def test_o3_g1_one_that_was_not_answered_is_counted_by_a_word_of_ours(
    cause: str | None, result: str
) -> None:
    """O3, G1: whatever the switch said."""
    read = over(Settled(True), answered=None, rang=None, cause=cause).registry.get_sample_value
    assert read("callbackd_calls_total", {**OF, "result": result}) == 1
    for none in ("talk_seconds", "post_dial_delay_seconds"):
        assert read(f"callbackd_{none}_count", OF) is None


def test_o3_a_leg_over_no_channel_is_told_apart() -> None:
    read = over(Settled(True), channel=None, side=Side.RETURN).registry.get_sample_value
    of = {"side": "return", "channel": "none", "result": "answered"}
    assert read("callbackd_calls_total", of) == 1


def test_o3_m7_what_was_charged_is_counted_in_its_currency() -> None:
    settled = Settled(True, 60, 600_000, 1_000, 0, "EUR")
    read = over(settled).registry.get_sample_value
    assert read("callbackd_charged_micro_units_total", {"currency": "EUR"}) == 600_000
    assert read("callbackd_uncovered_micro_units_total", {"currency": "EUR"}) == 1_000
    assert read("callbackd_legs_charged_total") == 1
    assert read("callbackd_legs_uncovered_total") == 1
