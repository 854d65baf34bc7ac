"""What is counted of a leg that is over: how calls go, by channel, and what they cost."""

from __future__ import annotations

from typing import Final

from controller.credit.model import LegEnd, Settled
from controller.metrics import Metrics
from controller.policy.endings import ending_of

_MICROS: Final = 1_000_000
#: The channel of a leg that went out over none, or of which nobody knows it.
_NO_CHANNEL: Final = "none"


def leg_over(metrics: Metrics, end: LegEnd, settled: Settled) -> None:
    """Count a leg that is over, and was settled just now."""
    side, channel = str(end.side), end.channel or _NO_CHANNEL
    result = "answered" if end.answered is not None else ending_of(end.cause or "", None).outcome
    metrics.calls.labels(side, channel, result).inc()
    if end.answered is not None:
        metrics.talk_seconds.labels(side, channel).observe((end.ended - end.answered) / _MICROS)
    if end.rang is not None:
        metrics.post_dial_delay.labels(side, channel).observe((end.rang - end.begun) / _MICROS)
    metrics.legs_settled.labels(end.source).inc()
    if settled.charge:
        metrics.legs_charged.inc()
    if settled.currency is not None:
        metrics.charged.labels(settled.currency).inc(settled.charge)
    if settled.uncovered:
        metrics.legs_uncovered.inc()
        if settled.currency is not None:
            metrics.uncovered.labels(settled.currency).inc(settled.uncovered)
