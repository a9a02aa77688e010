"""What OpenLineage events say of a stage's task: the artifacts that it reads and writes, their rows
and versions, and how the night's data checks came out.

Airflow's provider for OpenLineage sends the events, where it is installed (`make setup
EXTRAS=openlineage`) and has a transport; it asks for this extractor by the option `[openlineage]
extractors`. Every Airflow process loads this file: the provider's libraries are imported when it
asks. All of it is read from the lake: stages know nothing of it. No id of a user is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from recsys_runs import resolve_as_of
from recsys_watch import ids

from recsys_tasks.config import Environment, read_environment
from recsys_tasks.dag_names import NIGHTLY_DAGS
from recsys_tasks.stages import STAGES, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact, Lake
    from recsys_tasks.snapshot.checks.results import CheckResult

_TASKS = "_PythonDecoratedOperator"
"""What Airflow calls the class of a function that is a task."""
_TABLES = {"events": "raw_events", "users": "raw_users", "items": "raw_items"}
"""Suite of checks → the kind of artifact that it looks at; others look at the whole delivery."""
_DELIVERY = "extract"


def __getattr__(name: str) -> Any:
    if name == "StageLineage":
        return _extractor()
    raise AttributeError(name)


@cache
def _extractor() -> type:
    from airflow.providers.openlineage.extractors import BaseExtractor, OperatorLineage

    class StageLineage(BaseExtractor):  # type: ignore[misc]  # may not be installed
        """Of a task that runs a stage; of any other task nothing, as without this class."""

        @classmethod
        def get_operator_classnames(cls) -> list[str]:
            return [_TASKS]

        def _execute_extraction(self) -> Any:
            return self._lineage(None)

        def extract_on_complete(self, task_instance: Any) -> Any:
            return self._lineage(resolve_as_of(task_instance.get_template_context()))

        def _lineage(self, night: date | None) -> Any:
            stage = _stage_of(self.operator.dag_id, self.operator.task_id)
            if stage is None:
                return OperatorLineage()
            told = NightsArtifacts(read_environment(), night)
            return OperatorLineage(inputs=told.inputs(stage), outputs=told.outputs(stage))

    return StageLineage


def _stage_of(dag: str, task: str) -> Stage | None:
    if dag not in ids(NIGHTLY_DAGS):
        return None
    return next((stage for stage in STAGES if stage.name == task), None)


@dataclass(frozen=True)
class NightsArtifacts:
    """Kinds of artifacts as OpenLineage's data sets; `night` None: its own are not made yet."""

    environment: Environment
    night: date | None

    def inputs(self, stage: Stage) -> list[Any]:
        """What a stage reads; of the one that checks the night's data, with what these found."""
        from openlineage.client.event_v2 import InputDataset

        kinds = dict.fromkeys([*(one.kind for one in stage.opens), *stage.reads])
        validation = self._newest("validation") if "validation" in stage.makes else None
        checks = _facets_of_checks(validation) if validation is not None else {}
        return [
            InputDataset(
                *self._name(kind), facets=self._version(kind), inputFacets=checks.get(kind, {})
            )
            for kind in kinds
        ]

    def outputs(self, stage: Stage) -> list[Any]:
        """What a stage writes, with the rows of the night's own."""
        from openlineage.client.event_v2 import OutputDataset
        from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

        found = []
        for kind in stage.makes:
            artifact = self._newest(kind)
            rows: dict[str, Any] = {}
            if artifact is not None:
                made = statistics.OutputStatisticsOutputDatasetFacet(rowCount=artifact.rows)
                rows = {"outputStatistics": made}
            name = self._name(kind)
            found.append(OutputDataset(*name, facets=self._version(kind), outputFacets=rows))
        return found

    @cached_property
    def _lake(self) -> Lake:
        from recsys_tasks.lake import Lake

        return Lake(self.environment.lake, cache=self.environment.home / "lake-cache")

    def _newest(self, kind: str) -> Artifact | None:
        return self._lake.newest(kind, self.night.isoformat()) if self.night else None

    def _name(self, kind: str) -> tuple[str, str]:
        """Namespace and name, by OpenLineage's rules for files and object stores."""
        scheme, found, rest = self.environment.lake.partition("://")
        if not found:
            return "file", f"{self.environment.lake}/{kind}"
        bucket, _, path = rest.partition("/")
        return f"{scheme}://{bucket}", "/".join(filter(None, [path.strip("/"), kind]))

    def _version(self, kind: str) -> dict[str, Any]:
        from openlineage.client.facet_v2 import dataset_version_dataset

        artifact = self._newest(kind)
        if artifact is None:
            return {}
        version = dataset_version_dataset.DatasetVersionDatasetFacet(artifact.reference)
        return {"version": version}


# --- the night's data checks ----------------------------------------------------------------------


def _facets_of_checks(validation: Artifact) -> dict[str, dict[str, Any]]:
    """Kind of artifact → facets of what the night's checks found of it, and rows of events."""
    from openlineage.client.facet_v2 import (
        data_quality_assertions_dataset,
        data_quality_metrics_input_dataset,
    )

    from recsys_tasks.snapshot.freeze import read_report

    report, by_kind = read_report(validation), dict[str, list[Any]]()
    for check in report.checks:
        by_kind.setdefault(_TABLES.get(check.suite, _DELIVERY), []).append(_assertion(check))
    facet = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet
    found: dict[str, dict[str, Any]] = {
        kind: {"dataQualityAssertions": facet(assertions)} for kind, assertions in by_kind.items()
    }
    rows = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
        columnMetrics={}, rowCount=report.rows
    )
    found.setdefault(_TABLES["events"], {})["dataQualityMetrics"] = rows
    return found


def _assertion(check: CheckResult) -> Any:
    """A check without its examples, which are values that somebody delivered."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset

    return data_quality_assertions_dataset.Assertion(
        assertion=check.name,
        success=check.passed,
        severity="error" if check.blocking else "warn",
        name=f"{check.suite}.{check.name}",
        expected=check.bound,
        actual=f"{check.found} of {check.total} rows break it",
    )
