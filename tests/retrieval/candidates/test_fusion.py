"""The fusion of lists, worked by hand."""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.retrieval.candidates.fusion import Fused, Lists, fuse
from recsys_tasks.retrieval.generators import Vote


def fused(lists: list[tuple[Int32, Float32]], votes: list[Vote], c: int) -> Fused:
    """Lists of one generator each, put side by side as `fuse` takes them."""
    items = np.concatenate([items for items, _ in lists], axis=1)
    scores = np.concatenate([scores for _, scores in lists], axis=1)
    bounds = np.cumsum([0, *(items.shape[1] for items, _ in lists)])
    return fuse(Lists(items, scores, bounds), votes, c, 10)


def test_fusion_adds_votes_and_remembers_ranks() -> None:
    first = (np.array([[4, 7, -1]], np.int32), np.array([[3.0, 1.0, 0.0]], np.float32))
    second = (np.array([[7, 9]], np.int32), np.array([[5.0, 5.0]], np.float32))
    items, ranks, scores = fused([first, second], [Vote(1.0, 2.0), Vote(0.5, 4.0)], 4)
    # 7: 1 / (1 + 1/2) + .5 = 1.17; 4: 1; 9: .5 / (1 + 1/4) = .4
    assert items.tolist() == [[7, 4, 9, -1]]
    assert ranks[0].tolist() == [[1, 0], [0, -1], [-1, 1], [-1, -1]]
    np.testing.assert_allclose(
        scores[0], [[-1, 0], [1, 0], [0, 0], [0, 0]]
    )  # mean 2, deviation 1; equal scores: 0


def test_a_score_votes_where_it_means_the_same_for_everyone() -> None:
    once_long_ago = (np.array([[4]], np.int32), np.array([[0.01]], np.float32))
    often = (np.array([[5]], np.int32), np.array([[4.0]], np.float32))
    others = (np.array([[7]], np.int32), np.array([[1.0]], np.float32))
    votes = [Vote(0.5, 80.0, sure=1.5, half_score=0.5), Vote(1.0, 80.0)]
    # Item 4: .5 + 1.5 * .01 / .51 = .53; item 5: .5 + 1.5 * 4 / 4.5 = 1.83; item 7: 1.
    assert fused([once_long_ago, others], votes, 2).items.tolist() == [[7, 4]]
    assert fused([often, others], votes, 2).items.tolist() == [[5, 7]]
