"""Recall of the candidates, of each generator and of what it alone named."""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Ragged
from recsys_tasks.retrieval.candidates.recall import recall
from recsys_tasks.retrieval.candidates.source import Candidates
from recsys_tasks.schema import generator_names

TOWER, COVISITED, _, POPULAR = range(4)


def test_recall_by_generator_and_what_only_it_found() -> None:
    ranks = np.full((1, 3, len(generator_names())), -1, np.int16)
    ranks[0, 0, [TOWER, POPULAR]], ranks[0, 1, COVISITED] = 0, 0
    block = Candidates(
        np.array([0], np.int32),
        np.array([[5, 8, -1]], np.int32),
        ranks,
        np.zeros((1, 3, len(generator_names())), np.float32),
    )
    report = recall(block, Ragged(np.array([0, 4]), np.array([5, 8, 1, 2], np.int32)))
    assert report["union"]["recall"] == 0.5
    assert report["two_tower"] == {"recall": 0.25, "unique": 0.0}
    assert report["covisitation"] == {"recall": 0.25, "unique": 0.25}
