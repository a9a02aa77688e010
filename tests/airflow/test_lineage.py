"""OpenLineage events of a real night's first DAG, from Airflow's provider by its file transport.

`make test-slow` runs it, with `make setup EXTRAS=openlineage`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from recsys_tasks.config import Environment
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot.freeze import read_report
from recsys_tasks.stages.pipeline import stage_named
from tests.airflow.stacks import NIGHT, Launcher, until, write_settings

_WITHOUT = "OpenLineage is not tried: make setup EXTRAS=openlineage"
PORT = 8370


@pytest.fixture
def provider() -> Any:
    """Skips the test without the extra."""
    return pytest.importorskip("airflow.providers.openlineage.extractors", reason=_WITHOUT)


@pytest.mark.parametrize(
    ("lake", "expected"),
    [
        ("/srv/home/lake", ("file", "/srv/home/lake/snapshot")),
        ("s3://bucket/shop/a/", ("s3://bucket", "shop/a/snapshot")),
        ("s3://bucket", ("s3://bucket", "snapshot")),
    ],
)
def test_artifacts_are_named_as_openlineage_names_files(
    provider: Any, tmp_path: Path, lake: str, expected: tuple[str, str]
) -> None:
    from recsys_lineage import NightsArtifacts

    environment = Environment(
        home=tmp_path, lake=lake, database_url=None, mlflow_url=None, config_path=tmp_path / "none"
    )
    (validation, *_, snapshot) = NightsArtifacts(environment, None).outputs(stage_named("freeze"))
    assert (snapshot.namespace, snapshot.name) == expected
    assert validation.name.endswith("validation") and snapshot.outputFacets == {}


def test_tasks_that_are_no_stage_of_ours_stay_as_they_are(home: Path, provider: Any) -> None:
    from recsys_lineage import StageLineage

    class Other:
        dag_id, task_id = "another_teams_dag", "freeze"

    assert StageLineage(Other()).extract() == provider.OperatorLineage()


def events_of(path: Path, job: str) -> Iterator[Mapping[str, Any]]:
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if event["job"]["name"] == job:
            yield event


@pytest.mark.slow
@pytest.mark.airflow
@pytest.mark.timeout(1500)
def test_a_night_tells_what_it_read_and_wrote_and_how_its_checks_came_out(
    provider: Any, tmp_path: Path
) -> None:
    told, settings = tmp_path / "events.jsonl", write_settings(tmp_path / "recsys.yaml")
    transport = {"TYPE": "file", "LOG_FILE_PATH": str(told), "APPEND": "true"}
    variables: dict[str, Any] = {f"OPENLINEAGE__TRANSPORT__{k}": v for k, v in transport.items()}
    with Launcher(tmp_path / "home", settings, port=PORT, **variables) as airflow:
        airflow.wait_up()
        airflow.trigger(NIGHT)
        until(lambda: "success" in airflow.states("validate_data"), 900, lambda: airflow.said)
        until(lambda: len(list(events_of(told, "validate_data.freeze"))) >= 2, 60, "no events")
    started, *_, ended = events_of(told, "validate_data.freeze")
    lake = tmp_path / "home" / "lake"
    assert (started["eventType"], ended["eventType"]) == ("START", "COMPLETE")
    inputs = {one["name"]: one for one in ended["inputs"]}
    outputs = {one["name"]: one for one in ended["outputs"]}
    assert f"{lake}/raw_events" in {one["name"] for one in started["inputs"]}
    kept = Lake(str(lake))
    report = read_report(kept.require("validation", str(NIGHT)))
    said = {
        one["name"]: (one["success"], one["severity"])
        for given in inputs.values()
        for one in given["inputFacets"].get("dataQualityAssertions", {}).get("assertions", ())
    }
    assert len(said) > 20 and said == {
        f"{check.suite}.{check.name}": (check.passed, "error" if check.blocking else "warn")
        for check in report.checks
    }
    of_events = inputs[f"{lake}/raw_events"]["inputFacets"]
    assert of_events["dataQualityMetrics"]["rowCount"] == report.rows > 0
    snapshot, made = outputs[f"{lake}/snapshot"], kept.require("snapshot", str(NIGHT))
    assert snapshot["outputFacets"]["outputStatistics"]["rowCount"] == made.rows
    assert snapshot["facets"]["version"]["datasetVersion"] == made.reference
