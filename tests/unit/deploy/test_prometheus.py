"""O3: the rules, alerts and dashboards of deploy/ ask for what there is, and mean what they say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.measured import asked, registered
from tests.unit.examples import FEW

ROOT = Path(__file__).parents[3]
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PROMTOOL = shutil.which("promtool")


def loaded(name: str) -> Any:
    """Read a file of deploy/prometheus."""
    return yaml.safe_load((PROMETHEUS / name).read_text("utf-8"))


def rules(name: str) -> list[dict[str, Any]]:
    """Give the rules of a file."""
    return [rule for group in loaded(name)["groups"] for rule in group["rules"]]


RECORDED = {rule["record"]: rule["expr"] for rule in rules("rules.yml")}
ALERTS = {rule["alert"]: rule for rule in rules("alerts.yml")}


def panels(dashboard: Path) -> list[dict[str, Any]]:
    """Give the panels of a dashboard."""
    found: list[dict[str, Any]] = json.loads(dashboard.read_text("utf-8"))["panels"]
    return found


EXPRESSIONS = {
    **{f"rule {name}": expr for name, expr in RECORDED.items()},
    **{f"alert {name}": rule["expr"] for name, rule in ALERTS.items()},
    **{
        f"{dashboard.stem}: {panel['title']} {target['refId']}": target["expr"]
        for dashboard in DASHBOARDS
        for panel in panels(dashboard)
        for target in panel["targets"]
    },
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_o3_every_expression_asks_for_metrics_and_labels_that_exist(name: str) -> None:
    there = registered() | {name: set[str]() for name in RECORDED}
    wanted = asked(EXPRESSIONS[name])
    assert wanted
    for metric, labels in wanted:
        assert metric in there, f"no metric {metric}"
        if not metric.startswith("callbackd:"):
            assert labels <= there[metric], f"{metric} has no label {labels - there[metric]}"


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_o3_every_label_that_is_grouped_by_is_one_of_what_is_grouped(name: str) -> None:
    expression = EXPRESSIONS[name]
    there = registered()
    labels = set().union(*(there.get(metric, set()) for metric, _ in asked(expression)))
    if any(metric in RECORDED for metric, _ in asked(expression)):
        recorded = " ".join(RECORDED[m] for m, _ in asked(expression) if m in RECORDED)
        labels |= set().union(*(there.get(metric, set()) for metric, _ in asked(recorded)))
    for group in re.findall(r"\b(?:by|on)\s*\(([a-z_, ]+)\)", expression):
        assert {one.strip() for one in group.split(",")} <= labels


def promtool(*arguments: str) -> None:
    """Have promtool look; it must have nothing to say against it."""
    if PROMTOOL is None:
        pytest.skip("no promtool on the PATH (Debian: prometheus)")
    if FEW:
        pytest.skip("promtool says the same whichever Python asks it: the first one has")
    done = subprocess.run(
        [PROMTOOL, *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_o3_prometheus_takes_its_files() -> None:
    promtool("check", "config", "prometheus.yml")
    promtool("check", "rules", "rules.yml", "alerts.yml")


def test_o3_each_alert_is_due_when_it_should_be_and_not_else() -> None:
    """O3: by promtool, over each case of tests.yml; each alert has one of both."""
    promtool("test", "rules", "tests.yml")
    cases = [case for test in loaded("tests.yml")["tests"] for case in test["alert_rule_test"]]
    for due in (True, False):
        assert {one["alertname"] for one in cases if bool(one["exp_alerts"]) is due} == set(ALERTS)


def anchor(heading: str) -> str:
    """Give what a heading of Markdown is linked by."""
    return re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-")


def test_o3_each_alert_leads_to_a_runbook_and_each_runbook_is_of_one() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text("utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == list(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"].endswith(f"/runbooks/#{anchor(name)}")
        assert rule["labels"]["severity"] in ("critical", "warning")
    for link in re.findall(r"\]\(#([a-z]+)\)", text):
        assert link in {anchor(heading) for heading in headings}


def test_o3_a_dashboard_names_its_source_and_lays_no_panel_over_another() -> None:
    assert [one.stem for one in DASHBOARDS] == ["calls", "health"]
    for dashboard in DASHBOARDS:
        taken: set[tuple[int, int]] = set()
        for panel in panels(dashboard):
            assert panel["datasource"]["uid"] == "${source}"
            at = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken, panel["title"]
            assert max(x for x, _ in cells) < 24
            taken |= cells
