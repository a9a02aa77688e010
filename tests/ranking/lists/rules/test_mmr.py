from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.ranking.lists.rules.diversity import diverse
from recsys_tasks.ranking.lists.rules.mmr import POOL, Likeness, diversified
from tests.ranking.lists.test_rerank import run
from tests.ranking.planted import unit

# Items 0 and 1 are the same, 2 is at right angles to both, 3 at 45 degrees to all.
VECTORS = np.array([[1, 0], [1, 0], [0, 1], [1, 1]], np.float32)
SCORES = np.array([[0.9, 0.8, 0.5, 0.1]])


def shown(diversity: float, likeness: Likeness, promoted: bool = False) -> list[int]:
    items = np.arange(4, dtype=np.int32)[None]
    kind = np.array([[1, 1, 1, 1]])
    kind[0, 0] = 0 if promoted else 1
    order: list[int] = diversified(items, SCORES, kind, 3, diversity, likeness)[0].tolist()
    return order


@pytest.fixture(params=["tower", "content"])
def likeness(request: pytest.FixtureRequest) -> Likeness:
    if request.param == "tower":
        return Likeness.of_vectors(np.arange(4, dtype=np.int32), 3 * VECTORS)
    return Likeness.of_content(sparse.csr_matrix(unit(VECTORS).astype(np.float32)))


def test_by_hand(likeness: Likeness) -> None:
    # Scores stretched: 1, .875, .5, 0. Weight .5 each, after item 0: item 1 .4375 - .5, item 2 .25
    # - 0, item 3 - .354. Then, after items 0 and 2: item 1 .4375 - .5 = -.0625, item 3 0 - .354.
    assert shown(0.5, likeness) == [0, 2, 1, 3]
    assert shown(0.0, likeness) == [0, 1, 2, 3]
    assert shown(1.0, likeness) == [0, 2, 3, 1]  # likeness alone: item 3 has .707, item 1 has 1
    # Promoted, item 0 is no rival: stretched over 1, 2, 3 the scores are 1, .571, 0, and .2 × 1 -
    # .8 × 1 < .2 × .571.
    assert shown(0.8, likeness, promoted=True)[:2] == [0, 2]


def naive(
    items: np.ndarray,
    scores: np.ndarray,
    kind: np.ndarray,
    first: int,
    diversity: float,
    vectors: np.ndarray,
) -> list[int]:
    """The formula, one item at a time."""
    front = [c for c in range(len(items)) if kind[c] == 0][:first]
    pool = [c for c in range(len(items)) if kind[c] == 1][: POOL * first]
    low, high = (scores[pool[-1]], scores[pool[0]]) if pool else (0, 1)
    while len(front) < first and set(pool) - set(front):
        margins = {}
        for c in pool:
            if c not in front:
                near = max(
                    (float(vectors[items[c]] @ vectors[items[s]]) for s in front), default=-1
                )
                margins[c] = (1 - diversity) * (scores[c] - low) / (high - low) - diversity * near
        front.append(max(margins, key=lambda c: margins[c]))
    return front + [c for c in range(len(items)) if c not in front]


@pytest.mark.parametrize("diversity", [0.2, 0.6, 1.0])
def test_equals_the_formula(diversity: float) -> None:
    rng = np.random.default_rng(4)
    vectors = unit(rng.normal(size=(60, 5)))
    items = np.stack([rng.permutation(60)[:40] for _ in range(30)]).astype(np.int32)
    scores = -np.sort(-rng.random((30, 40)), axis=1)
    kind = np.sort(rng.integers(0, 4, (30, 40)), axis=1)
    place = np.arange(60, dtype=np.int32)
    got = diversified(
        items, scores, kind, 6, diversity, Likeness.of_vectors(place, vectors.astype(np.float32))
    )
    for row in range(30):
        assert got[row].tolist() == naive(items[row], scores[row], kind[row], 6, diversity, vectors)
    sparse_rows = Likeness.of_content(sparse.csr_matrix(vectors.astype(np.float32)))
    np.testing.assert_array_equal(diversified(items, scores, kind, 6, diversity, sparse_rows), got)


def test_what_is_like_nothing_and_short_lists() -> None:
    place = np.array([-1, 0, 1, -1], np.int32)
    got = diversified(
        np.array([[0, 1, 2, -1]], np.int32),
        np.array([[0.9, 0.8, 0.7, -np.inf]]),
        np.array([[1, 1, 1, 3]]),
        5,
        0.9,
        Likeness.of_vectors(place, VECTORS[:2]),
    )
    # Items 1 and 2 are the same; 0 has no vector. After 0, item 1 has the better score; pads stay
    # behind.
    assert got.tolist() == [[0, 1, 2, 3]]


def test_in_the_rules_ranks_before_are_kept_and_spares_follow() -> None:
    likeness = Likeness.of_vectors(np.arange(4, dtype=np.int32), VECTORS)
    got = run([[0, 1, 2, 3]], SCORES, 4, rules=[diverse(2, 0.5, likeness)])
    assert got.items.tolist() == [[0, 2, 1, 3]]
    assert got.ranks_before.tolist() == [[1, 3, 2, 4]]
    assert got.scores.tolist() == [[0.9, 0.5, 0.8, 0.1]]
