"""The rankers: a light one cuts the candidates, a heavy one orders the survivors, each score a
calibrated one.

The heavy ranker learns from survivors of a light ranker that never saw their user's labels: two
light rankers are trained on half of the users each and cut the other half; a third, on both halves,
cuts for serving (_stages). Calibration uses users that none of them saw. With too little history
the release has no ranker, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recsys_tasks.config import Config, config_hash
from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A
from recsys_tasks.ranking.models.calibrate import Calibration, fit_calibration
from recsys_tasks.ranking.models.fitting import (
    Floats,
    gain_shares,
    predicted,
    refuse_unknown_constraints,
    scored,
)
from recsys_tasks.ranking.models.groups import surviving
from recsys_tasks.ranking.models.light_and_heavy import heavy, light_out_of_fold
from recsys_tasks.ranking.models.release_facts import held_out_ndcg, lacking, named, shares, weights
from recsys_tasks.ranking.models.rows import Matrix, Rows
from recsys_tasks.ranking.models.search import searched
from recsys_tasks.ranking.models.trees import Compiled, Predictor

if TYPE_CHECKING:  # imported where it is used: it brings scikit-learn, 3 s that no shard needs
    import lightgbm as lgb


@dataclass(frozen=True)
class Ranker:
    """An opened release. `mode`: light_and_heavy, heavy, or retrieval (no ranker)."""

    mode: str
    light_names: tuple[str, ...]
    heavy_names: tuple[str, ...]
    facts: Mapping[str, Any]
    _light: tuple[Predictor, ...]
    _heavy: tuple[Predictor, ...]
    _curves: Mapping[str, tuple[Calibration, ...]]
    _weights: Floats

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
            _light=models("light"),
            _heavy=models("heavy"),
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
        return bool(self._light)

    @property
    def has_heavy(self) -> bool:
        """Whether there is a heavy ranker."""
        return bool(self._heavy)

    def is_calibrated(self, stage: str) -> bool:
        """Whether a stage's scores may be shown as chances; else they only order."""
        return all(curve.known for curve in self._curves[stage])

    def cut_scores(self, X: Matrix) -> Floats:
        """`[rows]`: what the light ranker cuts by, from a matrix of `light_names`."""
        return predicted(self._light, X) @ self._weights

    def light_scores(self, X: Matrix) -> Floats:
        """`[rows]` in [0, 1]: calibrated, over all candidates, from a matrix of `light_names`."""
        return self._calibrated("light", self._light, X)

    def heavy_scores(self, X: Matrix) -> Floats:
        """`[rows]` in [0, 1]: calibrated, over the light ranker's survivors, from a matrix of
        `heavy_names`.
        """
        return self._calibrated("heavy", self._heavy, X)

    def _calibrated(self, stage: str, models: tuple[Predictor, ...], X: Matrix) -> Floats:
        raw = predicted(models, X)
        curves = self._curves[stage]
        return (
            np.column_stack([curve.apply(raw[:, o]) for o, curve in enumerate(curves)])
            @ self._weights
        )


def scores_are_chances(release: Artifact) -> bool:
    """Whether a release's scores may be shown as chances: it has a ranker, fitted to enough of what
    came true.
    """
    curves = json.loads(release.file("calibration.json").read_text())
    serving = curves.get("heavy", curves.get("light", []))
    return bool(serving) and all(Calibration.from_dict(curve).known for curve in serving)


def _opened(artifact: Artifact, name: str, threads: int) -> Predictor:
    """A model's arrays, or LightGBM for a model that arrays cannot say."""
    if f"{name}.npz" in artifact.manifest["files"]:
        return Compiled.load(artifact.file(f"{name}.npz"))
    import lightgbm as lgb

    from recsys_tasks.ranking.models.compile import predictor

    return predictor(lgb.Booster(model_file=str(artifact.file(f"{name}.txt"))), threads)


def train_ranker(config: Config, lake: Lake, examples: Artifact, *, lineage: str) -> Artifact:
    """Train a release; a no-op when it exists for the same examples, config and code.

    Its id is `r<as_of>-<six digits of the fingerprint>`: training is deterministic, so equal ids
    are equal models.
    """
    inputs = {"examples": examples.content, "lineage": lineage}
    settings = config_hash(config.ranker, config.resources, *config.objectives)
    stem = f"r{examples.key.replace('-', '')}"
    key = f"{stem}-{lake.fingerprint('release', stem, inputs, settings)[:6]}"
    found = lake.find("release", key, lake.fingerprint("release", key, inputs, settings))
    if found is not None:
        return found
    from recsys_tasks.ranking.models.compile import compiled

    data = Examples.open(examples)
    reason = lacking(config, data)
    trained = _train(config, data) if reason is None else _UNTRAINED
    facts = {
        "release_id": key,
        "mode": config.ranker.mode if reason is None else "retrieval",
        "reason": reason,
        "as_of": examples.key,
        "lineage": lineage,
        "config": settings,
        "objectives": shares(config),
        "light_names": list(data.light_names),
        "heavy_names": list(data.names),
        "column_packages": data.facts.get("column_packages", {}),
        "models": sorted(trained.models),
        "calibration_error": {
            stage: [c.error for c in curves] for stage, curves in trained.curves.items()
        },
        **{
            name: data.facts[name]
            for name in ("gate_cutoff", "label_cutoffs", "label_end", "windows")
        },
        **trained.facts,
    }
    with lake.writing("release", key, inputs=inputs, config=settings) as draft:
        for stage, models in trained.models.items():
            for objective, model in zip(config.objectives, models, strict=True):
                (draft.path / f"{stage}.{objective.name}.txt").write_text(model.model_to_string())
                if (arrays := compiled(model)) is not None:
                    arrays.save(draft.path / f"{stage}.{objective.name}.npz")
        curves = {stage: [c.as_dict() for c in some] for stage, some in trained.curves.items()}
        (draft.path / "calibration.json").write_text(json.dumps(curves, indent=1))
        (draft.path / "release.json").write_text(json.dumps(facts, indent=1))
        draft.rows = len(data.X)
        draft.facts = {
            name: facts[name]
            for name in ("mode", "reason", "label_end", "lineage", "calibration_error")
        }
    assert draft.artifact is not None
    return draft.artifact


# --- training ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Trained:
    """Models and curves by stage (`light`, `heavy`), one an objective, and what release.json says
    of them.
    """

    models: Mapping[str, tuple[lgb.Booster, ...]]
    curves: Mapping[str, tuple[Calibration, ...]]
    facts: Mapping[str, Any]


_UNTRAINED = _Trained({}, {}, {})


def _train(config: Config, data: Examples) -> _Trained:
    """Light rankers, the cut, heavy rankers on the survivors, and a curve for each on the held-out
    users.
    """
    refuse_unknown_constraints(config, data.names)
    part = np.asarray(data.part)
    trains, holds = part < CALIBRATION_A, part >= CALIBRATION_A
    models: dict[str, tuple[lgb.Booster, ...]] = {}
    raw: dict[str, Floats] = {}
    judged = {"heavy": holds}
    keep = np.ones(len(part), bool)
    if config.ranker.mode == "light_and_heavy":
        models["light"], scores = light_out_of_fold(config, data, part)
        keep = surviving(
            scores @ weights(config),
            data.group,
            data.weight,
            data.item,
            config.ranker.light_survivors,
        )
        raw["light"], judged = scores[holds], {"light": holds, "heavy": holds & keep}
    config, search = searched(config, data, keep, heavy)
    models["heavy"] = tuple(
        heavy(config, data, trains & keep, o) for o in range(len(config.objectives))
    )
    raw["heavy"] = scored(config, models["heavy"], Rows.where(data.X, judged["heavy"]))
    curves = {
        stage: tuple(
            fit_calibration(raw[stage][:, o], data.outcome(rows, o), part[rows] == CALIBRATION_A)
            for o in range(len(config.objectives))
        )
        for stage, rows in judged.items()
    }
    gains = {stage: [gain_shares(model) for model in some] for stage, some in models.items()}
    facts = {
        "held_out_ndcg@10": held_out_ndcg(config, data, raw, judged),
        "importances": named(config, data, gains),
    }
    return _Trained(models, curves, facts | search)
