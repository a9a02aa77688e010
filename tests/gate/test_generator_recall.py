from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.gate.evaluate import ItemSets
from recsys_tasks.gate.generator_recall import generator_recall
from recsys_tasks.retrieval.candidates.source import Candidates
from recsys_tasks.schema import generator_names

TOWER, COVISITED, OWN, *_ = range(len(generator_names()))


def block(user: int, named: dict[int, list[int]]) -> Candidates:
    """One user's candidates: item → generators that named it."""
    ranks = np.full((1, len(named), len(generator_names())), -1, np.int16)
    for place, generators in enumerate(named.values()):
        ranks[0, place, generators] = 0
    items = np.array([list(named)], np.int32)
    return Candidates(np.array([user], np.int32), items, ranks, np.zeros(ranks.shape, np.float32))


def test_shares_are_of_all_pairs_over_all_blocks() -> None:
    # User 4 wanted 1, 2, 3; user 7 nothing; user 9 wanted 5: four pairs.
    truth = ItemSets(
        np.array([4, 7, 9], np.int32), np.array([0, 3, 3, 4]), np.array([1, 2, 3, 5], np.int32)
    )
    blocks = [
        block(4, {1: [TOWER, OWN], 2: [TOWER], 8: [COVISITED]}),
        block(7, {1: [TOWER]}),
        block(9, {5: [COVISITED]}),
    ]
    found = generator_recall(blocks, truth)
    assert set(found) == {"union", *generator_names()}
    assert found["union"]["recall"] == pytest.approx(3 / 4)  # 1, 2 and 5; nobody named 3
    assert found["two_tower"] == {
        "recall": pytest.approx(2 / 4),
        "unique": pytest.approx(1 / 4),
    }  # 1 is OWN's too
    assert found["own_history"] == {"recall": pytest.approx(1 / 4), "unique": 0.0}
    assert found["covisitation"] == {"recall": pytest.approx(1 / 4), "unique": pytest.approx(1 / 4)}
    assert found["fresh"] == {"recall": 0.0, "unique": 0.0}


def test_nothing_to_find() -> None:
    truth = ItemSets(np.array([4], np.int32), np.array([0, 0]), np.zeros(0, np.int32))
    assert generator_recall([block(4, {1: [TOWER]})], truth)["two_tower"] == {
        "recall": 0.0,
        "unique": 0.0,
    }
