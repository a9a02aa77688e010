"""The few MLflow calls that the registry needs; the only module that imports MLflow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from mlflow.entities import Metric, RunTag
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.environment_variables import MLFLOW_DISABLE_TELEMETRY
from mlflow.exceptions import MlflowException
from mlflow.telemetry import set_telemetry_client
from mlflow.tracking import MlflowClient

from recsys_tasks.errors import ServingError

UNREGISTERED = "unregistered version "
"""Stands before the version number where a model version carries no release id."""
_PENDING = "pending_change"

# MLflow reports usage to its makers unless told not to; nothing has been sent before the first
# call.
MLFLOW_DISABLE_TELEMETRY.set("true")
set_telemetry_client()


class MlflowStore:
    """One registered model: a version for each release, tagged with its id, and aliases."""

    def __init__(self, url: str, model: str) -> None:
        self._client = MlflowClient(tracking_uri=url, registry_uri=url)
        self.model = model

    def add(self, release: str, source: str, tags: Mapping[str, str]) -> int:
        """Register a release once; the version number it has."""
        found = self._find(release)
        if found is None:
            self._registered()
            all_tags = {**tags, "release": release}
            found = self._client.create_model_version(self.model, source=source, tags=all_tags)
        return int(found.version)

    def knows(self, release: str) -> bool:
        """Whether a release was registered."""
        return self._find(release) is not None

    def source(self, release: str) -> str:
        """Where a release lies. Raises ServingError when it was never registered."""
        found = self._find(release)
        if found is None:
            raise ServingError(
                expected=f"release {release} in the registry",
                found="no version with this id",
                where=f"registered model {self.model}",
                remedy="`recsys releases` lists the known ones; register it, or name another",
            )
        return str(found.source)

    def behind(self, alias: str) -> str | None:
        """The release an alias points at."""
        version = self._registered().aliases.get(alias)
        if version is None:
            return None
        tags: Mapping[str, str] = self._client.get_model_version(self.model, str(version)).tags
        return tags.get("release", f"{UNREGISTERED}{version}")

    def point(self, alias: str, release: str | None) -> None:
        """Move an alias; None removes it."""
        if release is not None:
            found = self._find(release)
            version = found.version if found else release.removeprefix(UNREGISTERED)
            self._client.set_registered_model_alias(self.model, alias, str(version))
        elif alias in self._registered().aliases:
            self._client.delete_registered_model_alias(self.model, alias)

    @property
    def pending(self) -> str | None:
        """The change under way, as `write_pending` left it."""
        tags: Mapping[str, str] = self._registered().tags
        return tags.get(_PENDING)

    def write_pending(self, line: str) -> None:
        """Note a change before it is made, so that a killed one can be finished."""
        self._client.set_registered_model_tag(self.model, _PENDING, line)

    def clear_pending(self) -> None:
        """Remove the note of a pending change, which is complete."""
        self._client.delete_registered_model_tag(self.model, _PENDING)

    def log(
        self,
        key: str,
        at: datetime,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        curves: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    ) -> None:
        """An MLflow run named `key` in the model's experiment, written once; NaN metrics are left
        out.

        A curve is a metric with a value at each step: MLflow's page draws it, and no artifact store
        is needed.
        """
        experiment = self._experiment()
        if self._client.search_runs([experiment], f"tags.nightshelf_key = '{key}'", max_results=1):
            return
        stamp = int(at.timestamp() * 1000)
        points = [(name, 0, value) for name, value in metrics.items()]
        points += [
            (name, step, value) for name, curve in (curves or {}).items() for step, value in curve
        ]
        values = [
            Metric(_plain(name), value, stamp, step)
            for name, step, value in points
            if value == value
        ]
        words = [
            RunTag(name, value[:5000]) for name, value in {**tags, "nightshelf_key": key}.items()
        ]
        run = self._client.create_run(experiment, start_time=stamp, run_name=key)
        self._client.log_batch(run.info.run_id, metrics=values, tags=words)
        self._client.set_terminated(run.info.run_id, end_time=stamp)

    def _find(self, release: str) -> ModelVersion | None:
        self._registered()
        found = self._client.search_model_versions(
            f"name = '{self.model}' and tag.release = '{release}'"
        )
        return found[0] if found else None

    def _registered(self) -> RegisteredModel:
        try:
            return self._client.get_registered_model(self.model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        try:
            return self._client.create_registered_model(self.model)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self._client.get_registered_model(self.model)

    def _experiment(self) -> str:
        found = self._client.get_experiment_by_name(self.model)
        return str(found.experiment_id if found else self._client.create_experiment(self.model))


def prepare(mlflow_url: str) -> None:
    """Create or migrate the tables of an MLflow store (seconds the first time), so that no task
    waits for it.
    """
    MlflowClient(tracking_uri=mlflow_url, registry_uri=mlflow_url).search_registered_models(
        max_results=1
    )


def _plain(name: str) -> str:
    """A metric's name in the letters that MLflow allows: `ndcg@10` is `ndcg_at_10`."""
    return re.sub(r"[^\w./: -]", "_", name.replace("@", "_at_"))
