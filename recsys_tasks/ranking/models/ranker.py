"""Open a release: its light and heavy ranker, and their calibrated scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from recsys_tasks.arrays import Float32, Float64
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.models.calibrate import Calibration
from recsys_tasks.ranking.models.trees import Compiled, Predictor


@dataclass(frozen=True)
class Ranker:
    """An opened release. `mode`: light_and_heavy, heavy, or retrieval (no ranker)."""

    mode: str
    light_names: tuple[str, ...]
    heavy_names: tuple[str, ...]
    facts: Mapping[str, Any]
    light_models: tuple[Predictor, ...]
    heavy_models: tuple[Predictor, ...]
    _curves: Mapping[str, tuple[Calibration, ...]]
    _weights: Float64

    @classmethod
    def open(cls, artifact: Artifact, threads: int = 2) -> Self:
        """Read a `release`. Raises ArtifactError when a file is missing."""
        facts = json.loads(artifact.file("release.json").read_text())
        curves = json.loads(artifact.file("calibration.json").read_text())
        names = [objective["name"] for objective in facts["objectives"]]

        def models(stage: str) -> tuple[Predictor, ...]:
            return tuple(
                _opened(artifact, f"{stage}.{name}", threads)
                for name in names
                if stage in facts["models"]
            )

        return cls(
            mode=facts["mode"],
            light_names=tuple(facts["light_names"]),
            heavy_names=tuple(facts["heavy_names"]),
            facts=facts,
            light_models=models("light"),
            heavy_models=models("heavy"),
            _curves={stage: tuple(map(Calibration.from_dict, curves[stage])) for stage in curves},
            _weights=np.array([objective["weight"] for objective in facts["objectives"]]),
        )

    @property
    def column_packages(self) -> Mapping[str, str]:
        """Column → distribution and version of the installed package that had it in training."""
        packages: Mapping[str, str] = self.facts.get("column_packages", {})
        return packages

    @property
    def has_light(self) -> bool:
        """Whether there is a light ranker."""
        return bool(self.light_models)

    @property
    def has_heavy(self) -> bool:
        """Whether there is a heavy ranker."""
        return bool(self.heavy_models)

    def is_calibrated(self, stage: str) -> bool:
        """Whether a stage's scores may be shown as probabilities; else they only give an order."""
        return all(curve.known for curve in self._curves[stage])

    def cut_scores(self, X: Float32) -> Float64:
        """`[rows]`: the scores by which the light ranker cuts, from a matrix of `light_names`."""
        return predict_objectives(self.light_models, X) @ self._weights

    def light_scores(self, X: Float32) -> Float64:
        """`[rows]` in [0, 1]: calibrated, over all candidates, from a matrix of `light_names`."""
        return self._calibrated("light", self.light_models, X)

    def heavy_scores(self, X: Float32) -> Float64:
        """`[rows]` in [0, 1]: calibrated, over the light ranker's survivors, from a matrix of
        `heavy_names`.
        """
        return self._calibrated("heavy", self.heavy_models, X)

    def _calibrated(self, stage: str, models: tuple[Predictor, ...], X: Float32) -> Float64:
        raw = predict_objectives(models, X)
        curves = self._curves[stage]
        return (
            np.column_stack([curve.apply(raw[:, o]) for o, curve in enumerate(curves)])
            @ self._weights
        )


def scores_are_probabilities(release: Artifact) -> bool:
    """Whether a release's scores may be shown as probabilities: it has a ranker that
    was calibrated on enough positives.
    """
    curves = json.loads(release.file("calibration.json").read_text())
    serving = curves.get("heavy", curves.get("light", []))
    return bool(serving) and all(Calibration.from_dict(curve).known for curve in serving)


def predict_objectives(models: Sequence[Predictor], X: Float32) -> Float64:
    """`[rows, objectives]` scores as the objectives give them, not calibrated."""
    return np.column_stack([model.predict(X) for model in models])


def _opened(artifact: Artifact, name: str, threads: int) -> Predictor:
    """A model's compiled trees, or LightGBM for a model that could not be compiled."""
    if f"{name}.npz" in artifact.manifest["files"]:
        return Compiled.load(artifact.file(f"{name}.npz"))
    import lightgbm as lgb

    from recsys_tasks.ranking.models.compile import predictor

    return predictor(lgb.Booster(model_file=str(artifact.file(f"{name}.txt"))), threads)
