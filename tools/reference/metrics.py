"""docs/reference/metrics.md: every metric, and which rules, alerts and dashboards ask for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from prometheus_client import CollectorRegistry

from controller.cache import metrics as of_cache
from controller.metrics import Metrics
from tools.reference.page import Page, anchor_of, plain

_DEPLOY: Final = Path(__file__).parents[2] / "deploy"
_RULES: Final = _DEPLOY / "prometheus" / "rules.yml"
_ALERTS: Final = _DEPLOY / "prometheus" / "alerts.yml"
_DASHBOARDS: Final = _DEPLOY / "grafana" / "dashboards"
#: What Prometheus has of a histogram.
_OF_HISTOGRAM: Final = ("_bucket", "_sum", "_count")
#: A metric, or a rule's name, in an expression.
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*(?::[a-z0-9_:]+)?")


class Metric(msgspec.Struct, frozen=True):
    """A metric as Prometheus has it."""

    name: str
    type: str
    labels: tuple[str, ...]
    sentence: str

    @property
    def series(self) -> tuple[str, ...]:
        """The names that expressions ask for."""
        if self.type != "histogram":
            return (self.name,)
        return tuple(self.name + end for end in _OF_HISTOGRAM)


class Asks(msgspec.Struct, frozen=True):
    """Something that asks for metrics: what kind it is, its name, where it is, and its terms."""

    kind: str
    name: str
    link: str
    terms: frozenset[str]


def metrics() -> Iterator[Metric]:
    """Give all metrics in the order in which they are registered."""
    registry: CollectorRegistry = Metrics().registry
    for kind in vars(of_cache).values():
        if isinstance(kind, type) and kind.__module__ == of_cache.__name__:
            kind(registry)
    for collector in registry._collector_to_names:
        labels = tuple(getattr(collector, "_labelnames", ()))
        for family in collector.collect():
            name = f"{family.name}_total" if family.type == "counter" else family.name
            yield Metric(name, family.type, labels, family.documentation)


def asking() -> Iterator[Asks]:
    """Give the rules, the alerts and the panels of dashboards."""
    for rule in _rules(_RULES):
        yield Asks("Rules", rule["record"], "", _terms(rule["expr"]))
    for rule in _rules(_ALERTS):
        link = f"../runbooks.md#{rule['alert'].lower()}"
        yield Asks("Alerts", rule["alert"], link, _terms(rule["expr"]))
    for path in sorted(_DASHBOARDS.glob("*.json")):
        board = json.loads(path.read_text(encoding="utf-8"))
        for panel in board["panels"]:
            asked = " ".join(target["expr"] for target in panel.get("targets", ()))
            yield Asks("Dashboards", f"{board['title']}, {panel['title']}", "", _terms(asked))


def page() -> str:
    """Give the page."""
    made = Page(
        "Metrics",
        "Made of the metrics that a controller registers, and of `deploy/`, by `make reference`.",
        "`/metrics` of each controller is for Prometheus, from this machine and from "
        "[`web.metrics_allow`](settings.md#web-metrics-allow). No label holds anything about a "
        "person, or text from outside. Counters are reset when a controller starts.",
        "An alert leads to what to do about it in [the runbooks](../runbooks.md). Alerts are named "
        "also where they ask for a rule that is made of the metric.",
    )
    known = list(asking())
    for metric in metrics():
        made.heading(f"`{metric.name}`", 2, anchor_of(metric.name))
        made.say(plain(metric.sentence))
        made.facts(_facts(metric, known))
    return made.text()


def _facts(metric: Metric, known: list[Asks]) -> Iterator[tuple[str, str]]:
    yield "Type", metric.type
    yield "Labels", ", ".join(f"`{label}`" for label in metric.labels)
    if metric.type == "histogram":
        yield "Series", ", ".join(f"`{name}`" for name in metric.series)
    terms = set(metric.series)
    # Rules that ask for it, and what asks for these.
    terms |= {one.name for one in known if one.kind == "Rules" and one.terms & terms}
    for kind in ("Rules", "Alerts", "Dashboards"):
        using = [one for one in known if one.kind == kind and one.terms & terms]
        yield kind, _listed(using)


def _listed(using: list[Asks]) -> str:
    said = []
    for one in using:
        name = f"`{one.name}`" if one.kind == "Rules" else one.name
        said.append(f"[{name}]({one.link})" if one.link else name)
    return ("; " if using and using[0].kind == "Dashboards" else ", ").join(said)


def _rules(path: Path) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        yield from group["rules"]


def _terms(expression: str) -> frozenset[str]:
    return frozenset(_NAME.findall(expression))
