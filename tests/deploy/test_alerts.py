"""deploy/alerts.yaml and the dashboard, by Prometheus' own program and by the figures that there are."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support import needs
from tests.support.deployment import DEPLOY, documents
from tests.support.service import ROOT

CASES = Path(__file__).with_name("alerts.test.yaml")
(RULES,) = documents("alerts.yaml")
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]


def promtool(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    program = needs.program("promtool", package="prometheus")
    return subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path) -> Path:
    shutil.copy(DEPLOY / "alerts.yaml", tmp_path)
    shutil.copy(CASES, tmp_path)
    return tmp_path


def test_prometheus_takes_the_rules(folder):
    run = promtool("check", "rules", "--lint-fatal", "alerts.yaml", folder=folder)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_alert_goes_off_when_it_should_and_not_before(folder):
    run = promtool("test", "rules", CASES.name, folder=folder)
    assert run.returncode == 0, run.stdout + run.stderr
    tested = {
        case["alertname"]
        for each in yaml.safe_load(CASES.read_text())["tests"]
        for case in each["alert_rule_test"]
        if case["exp_alerts"]
    }
    assert tested == {rule["alert"] for rule in ALERTS}


def test_a_rule_that_is_wrong_would_be_noticed(folder):
    text = (folder / "alerts.yaml").read_text()
    (folder / "alerts.yaml").write_text(text.replace("== 0", "== 2"))
    assert promtool("test", "rules", CASES.name, folder=folder).returncode != 0


@pytest.mark.parametrize("query", [*(rule["expr"] for rule in ALERTS), *QUERIES])
def test_alerts_and_dashboard_ask_for_figures_that_are_explained(query):
    page = (ROOT / "docs" / "metrics.md").read_text()
    explained = set(re.findall(r"`(colorize_\w+)", page))
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bcolorize_\w+", query)}
    assert asked and asked <= explained


def test_panels_lie_side_by_side():
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) == 23
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
