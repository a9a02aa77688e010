"""What the generators find of what users chose afterwards."""

from __future__ import annotations

import numpy as np

from recsys_tasks import schema
from recsys_tasks.arrays import PairIndex, Ragged
from recsys_tasks.retrieval.candidates.source import Candidates


def recall(candidates: Candidates, truth: Ragged) -> dict[str, dict[str, float]]:
    """What the generators find of the truth: row u of both is one user.

    For `union` and for each generator: `recall`, the share of all user-item pairs of the truth
    among the candidates it named, and `unique`, the share that it alone named.
    """
    size = np.int64(max(candidates.items.max(initial=0), truth.items.max(initial=0))) + 1
    pairs = np.arange(len(candidates.users))[:, None] * size + candidates.items
    chosen = PairIndex(np.sort(truth.rows * size + truth.items))
    hits = (candidates.items >= 0) & chosen.contains(pairs)
    named = candidates.ranks >= 0
    alone = named & (named.sum(axis=2, keepdims=True) == 1)
    total = max(len(truth.items), 1)
    report = {"union": {"recall": float(hits.sum() / total), "unique": float(hits.sum() / total)}}
    for g, name in enumerate(schema.generator_names()):
        found, only = (hits & named[:, :, g]).sum(), (hits & alone[:, :, g]).sum()
        report[name] = {"recall": float(found / total), "unique": float(only / total)}
    return report
