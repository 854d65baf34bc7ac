"""The metrics that there are, and which of them an expression of PromQL asks for."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry

from controller.cache.metrics import (
    AnnouncementMetrics,
    CacheMetrics,
    LockoutMetrics,
    OftenMetrics,
    PatternMetrics,
    PlaceMetrics,
    PresenceMetrics,
)
from controller.metrics import Metrics

#: What a histogram tells of itself, and with which label of its own.
_OF_HISTOGRAMS = {"_bucket": {"le"}, "_sum": set[str](), "_count": set[str]()}
#: What Prometheus itself says of each that it asks.
_SCRAPED = {"job", "instance"}
_NAME = re.compile(
    r"(?<![\w:$\"])((?:callbackd|process)[a-z_]*(?::[a-z_0-9:]+)?|up)\b(?:\{([^}]*)\})?"
)


def registered() -> dict[str, set[str]]:
    """Give all metrics as Prometheus has them, with their labels."""
    registry: CollectorRegistry = Metrics().registry
    for kind in (
        AnnouncementMetrics, CacheMetrics, LockoutMetrics, OftenMetrics, PatternMetrics,
        PlaceMetrics, PresenceMetrics,
    ):  # fmt: skip
        kind(registry)
    found: dict[str, set[str]] = {"up": set(_SCRAPED)}
    for collector in registry._collector_to_names:
        labels = set(getattr(collector, "_labelnames", ())) | _SCRAPED
        for family in collector.collect():
            if family.type == "counter":
                found[f"{family.name}_total"] = labels
            elif family.type == "histogram":
                found |= {
                    f"{family.name}{end}": labels | own for end, own in _OF_HISTOGRAMS.items()
                }
            else:
                found[family.name] = labels
    return found


def asked(expression: str) -> list[tuple[str, set[str]]]:
    """Give each metric that an expression asks for, and the labels that it chooses by."""
    return [
        (name, set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", chosen or "")))
        for name, chosen in _NAME.findall(expression)
    ]
