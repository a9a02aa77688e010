"""Train a release: light and heavy rankers, and a calibration curve of each.

The heavy ranker learns from survivors of a light ranker that never saw their user's labels: two
light rankers are trained on half of the users each and cut the other half; a third, on both halves,
cuts for serving (cascade). Calibration uses users that none of them saw. With too little history
the release has no ranker, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys_tasks.arrays import Float64
from recsys_tasks.config import Config, config_hash
from recsys_tasks.lake import Artifact, Draft, Lake
from recsys_tasks.lake.keys import NightKey, ReleaseKey
from recsys_tasks.ranking.examples.build import Examples
from recsys_tasks.ranking.examples.sampling import CALIBRATION_A
from recsys_tasks.ranking.kinds import RELEASE
from recsys_tasks.ranking.models.calibrate import Calibration, fit_calibration
from recsys_tasks.ranking.models.cascade import heavy, light_out_of_fold
from recsys_tasks.ranking.models.fitting import gain_shares, refuse_unknown_constraints, scored
from recsys_tasks.ranking.models.query_groups import surviving
from recsys_tasks.ranking.models.release_summary import (
    held_out_ndcg,
    importances,
    objective_shares,
    objective_weights,
    why_untrained,
)
from recsys_tasks.ranking.models.rows import Rows
from recsys_tasks.ranking.models.search import searched

if TYPE_CHECKING:  # imported where it is used: it brings scikit-learn, 3 s that no shard needs
    import lightgbm as lgb


def train_ranker(config: Config, lake: Lake, examples: Artifact, *, lineage: str) -> Artifact:
    """Train a release; a no-op when it exists for the same examples, config and code.

    Its id is `r<as_of>-<six digits of the fingerprint>`: training is deterministic, so equal ids
    are equal models.
    """
    inputs = {"examples": examples.content, "lineage": lineage}
    settings = config_hash(config.ranker, config.resources, *config.objectives)
    night = NightKey.parse(examples.key).night
    digits = lake.fingerprint(RELEASE, ReleaseKey.stem(night), inputs, settings)[:6]
    key = str(ReleaseKey(night, digits))

    def write(draft: Draft) -> None:
        data = Examples.open(examples)
        reason = why_untrained(config, data)
        trained = _train(config, data) if reason is None else _UNTRAINED
        facts = {
            "release_id": key,
            "mode": config.ranker.mode if reason is None else "retrieval",
            "reason": reason,
            "as_of": examples.key,
            "lineage": lineage,
            "config": settings,
            "objectives": objective_shares(config),
            **_facts(data, trained),
        }
        _write(trained, [objective.name for objective in config.objectives], draft.path)
        (draft.path / "release.json").write_text(json.dumps(facts, indent=1))
        draft.rows = len(data.X)
        draft.facts = {
            name: facts[name]
            for name in ("mode", "reason", "label_end", "lineage", "calibration_error")
        }

    return lake.make(RELEASE, key, inputs=inputs, config=settings, write=write)


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


def _facts(data: Examples, trained: _Trained) -> dict[str, Any]:
    """What release.json says of the columns, the models and the label windows."""
    windows = ("gate_cutoff", "label_cutoffs", "label_end", "windows")
    return {
        "light_names": list(data.light_names),
        "heavy_names": list(data.names),
        "column_packages": data.facts.get("column_packages", {}),
        "models": sorted(trained.models),
        "calibration_error": {
            stage: [c.error for c in curves] for stage, curves in trained.curves.items()
        },
        **{name: data.facts[name] for name in windows},
        **trained.facts,
    }


def _write(trained: _Trained, objectives: Sequence[str], folder: Path) -> None:
    """Each model as LightGBM's text, and as arrays where they can say it; the curves as JSON."""
    from recsys_tasks.ranking.models.compile import compiled

    for stage, models in trained.models.items():
        for objective, model in zip(objectives, models, strict=True):
            (folder / f"{stage}.{objective}.txt").write_text(model.model_to_string())
            if (arrays := compiled(model)) is not None:
                arrays.save(folder / f"{stage}.{objective}.npz")
    curves = {stage: [c.as_dict() for c in some] for stage, some in trained.curves.items()}
    (folder / "calibration.json").write_text(json.dumps(curves, indent=1))


def _train(config: Config, data: Examples) -> _Trained:
    """Light rankers, the cut, heavy rankers on the survivors, and a curve for each on the held-out
    users.
    """
    refuse_unknown_constraints(config, data.names)
    part = np.asarray(data.part)
    trains, holds = part < CALIBRATION_A, part >= CALIBRATION_A
    models: dict[str, tuple[lgb.Booster, ...]] = {}
    raw: dict[str, Float64] = {}
    judged = {"heavy": holds}
    keep = np.ones(len(part), bool)
    if config.ranker.mode == "light_and_heavy":
        models["light"], scores = light_out_of_fold(config, data, part)
        keep = surviving(
            scores @ objective_weights(config),
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
        "importances": importances(config, data, gains),
    }
    return _Trained(models, curves, facts | search)
