"""The watcher and the callbacks inside real DAG runs, in this process; Airflow's own tables are a
SQLite file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import recsys_airflow
import yaml
from airflow.dag_processing.dagbag import DagBag

from recsys_tasks.config import DEFAULT_CONFIG
from recsys_tasks.monitoring.alerts.alert import incident_id
from tests.airflow.conftest import ROOT
from tests.airflow.recorder import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.airflow]


@pytest.fixture(scope="module")
def bag() -> DagBag:
    """Every DAG, known to Airflow's tables."""
    airflow("db", "migrate")
    airflow("dags", "reserialize")
    return DagBag(dag_folder=str(ROOT / "dags"))


def airflow(*words: str) -> None:
    command = [str(Path(sys.executable).parent / "airflow"), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, capture_output=True, env=environment)


@pytest.fixture
def shop(
    home: Path,
    webhook: Recorder,
    postgres: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """A real shop by the wall clock that published nothing yet; its settings file."""
    settings = tmp_path / "recsys.yaml"
    settings.write_text(
        yaml.safe_dump(yaml.safe_load(DEFAULT_CONFIG.read_text()) | {"clock": "wall"})
    )
    monkeypatch.setenv("RECSYS_CONFIG", str(settings))
    monkeypatch.setenv("RECSYS_DATABASE_URL", postgres["recsys"])
    monkeypatch.setenv("RECSYS_MLFLOW_URL", postgres["mlflow"])
    recsys_airflow.settings.cache_clear()
    yield settings
    recsys_airflow.settings.cache_clear()


def kinds(webhook: Recorder) -> list[tuple[str, str]]:
    return [(body["status"], body["kind"]) for body in webhook.bodies]


def test_a_run_without_a_date_is_one_page_though_task_and_dag_call_back(
    bag: DagBag, shop: Path, webhook: Recorder, home: Path
) -> None:
    run = bag.dags["validate_data"].test(run_conf={"as_of": None})
    assert run.state == "failed"
    assert kinds(webhook) == [("open", "ConfigError")]
    page = webhook.bodies[0]
    assert (page["task"], page["dag"]) == ("extract", "validate_data")
    assert "expected: one date for this run" in page["message"]
    assert (
        "airflow dags trigger validate_data --conf" in page["remedy"]
        and "clear" not in page["remedy"]
    )
    # The scheduler's note, the third way for when both callbacks are lost, names the same incident.
    (note,) = map(
        json.loads, (path.read_text() for path in (home / "alerts" / "failed").glob("*.json"))
    )
    assert incident_id(note["dag"], note["run"], note["started"]) == page["incident"]


def test_the_watcher_pages_once_for_a_missed_night_and_once_for_wrong_settings(
    bag: DagBag, shop: Path, webhook: Recorder, home: Path
) -> None:
    (home / "alerts").mkdir(parents=True, exist_ok=True)  # a shop that was set up long ago
    (home / "alerts" / "watched-since.txt").write_text("2026-01-01T00:00:00+00:00")
    watch = bag.dags["watch_freshness"]
    airflow("dags", "unpause", "--yes", "--treat-dag-id-as-regex", ".*")
    airflow("dags", "pause", "--yes", "build_index")
    for _ in range(2):
        assert watch.test().state == "success"
    assert kinds(webhook) == [("open", "missed_night")]
    assert "build_index cannot run (build_index is paused)" in webhook.bodies[0]["message"]
    assert webhook.bodies[0]["remedy"].startswith("airflow dags unpause build_index; then: ")
    right = shop.read_text()
    shop.write_text(right + "shards: 3\n")
    for _ in range(2):
        assert watch.test().state == "success"
    assert kinds(webhook)[1:] == [("open", "ConfigError")]
    assert webhook.bodies[1]["runbook"].endswith("settings-wrong.md")
    run = bag.dags["validate_data"].test(
        run_conf={"as_of": "2026-03-10"}
    )  # the night that fails by it: no second page
    assert run.state == "failed" and len(webhook.bodies) == 2
    shop.write_text(right)
    assert watch.test().state == "success"
    assert kinds(webhook)[2:] == [("resolved", "ConfigError")]
