"""Votes that are learned from what users did: they follow the better generator, and need enough to
learn from.
"""

from __future__ import annotations

import numpy as np
import pytest

from recsys_tasks.arrays import Ragged
from recsys_tasks.retrieval.candidates.fusion import Lists, Voting, fuse
from recsys_tasks.retrieval.candidates.learned_votes import (
    LearnedVote,
    VoteExamples,
    learn_votes,
    vote_examples,
)
from recsys_tasks.retrieval.generators import Vote

N_ITEMS, WIDTH = 200, 60
DECLARED = [Vote(1.0, 50.0), Vote(0.2, 50.0)]
"""The first is trusted five times as much as the second."""


def world(users: int, seed: int) -> tuple[Lists, Ragged]:
    """What users do is among the second generator's first places; the first one draws at random."""
    rng = np.random.default_rng(seed)
    drawn = np.array([rng.permutation(N_ITEMS)[:WIDTH] for _ in range(2 * users)], np.int32)
    items = np.concatenate([drawn[:users], drawn[users:]], axis=1)
    chance = 0.5 / (1.0 + np.arange(WIDTH) / 3.0)
    acted = rng.random((users, WIDTH)) < chance
    offsets = np.concatenate([[0], acted.sum(axis=1).cumsum()])
    truth = np.concatenate([np.sort(items[u, WIDTH:][acted[u]]) for u in range(users)])
    scores = np.tile(-np.arange(2 * WIDTH, dtype=np.float32), (users, 1))
    return Lists(items, scores, np.array([0, WIDTH, 2 * WIDTH])), Ragged(offsets, truth)


def examples(users: int, seed: int) -> VoteExamples:
    lists, truth = world(users, seed)
    return vote_examples(lists, truth, DECLARED, N_ITEMS, seed)


def found_in_ten(lists: Lists, truth: Ragged, votes: list[Voting]) -> int:
    best = fuse(lists, votes, 10, N_ITEMS).items
    wanted = set(zip(truth.rows.tolist(), truth.items.tolist(), strict=True))
    return sum((u, i) in wanted for u, row in enumerate(best.tolist()) for i in row)


def test_the_better_generator_gets_the_larger_vote_and_more_is_found() -> None:
    learned = learn_votes([examples(300, 1)], DECLARED)
    assert learned is not None
    first, second = (vote.by_rank(WIDTH) for vote in learned)
    assert (second[:8] > first[:8] + 1).all()
    assert second[0] > second[20] > second[50]  # as likely as the rank says
    assert np.abs(first).max() < 0.7  # chance is worth nothing, at any rank
    later = world(300, 2)
    assert found_in_ten(*later, list(learned)) > 1.3 * found_in_ten(*later, list(DECLARED))


def test_several_windows_are_learned_from_together() -> None:
    parts = [examples(60, seed) for seed in (1, 2, 3)]
    together, alone = learn_votes(parts, DECLARED), learn_votes([examples(180, 4)], DECLARED)
    assert together is not None and alone is not None
    assert together[1].by_rank(WIDTH) == pytest.approx(alone[1].by_rank(WIDTH), abs=0.6)


def test_too_little_to_learn_from_leaves_the_declared_votes() -> None:
    assert learn_votes([examples(5, 1)], DECLARED) is None
    assert learn_votes([], DECLARED) is None


def test_a_score_that_tells_is_learned_beside_the_rank() -> None:
    """Everything stands on the first place; only the score says what will be done again."""
    rng = np.random.default_rng(0)
    users = 4000
    items = np.arange(users, dtype=np.int32)[:, None] % N_ITEMS
    scores = rng.exponential(1.0, (users, 1)).astype(np.float32)
    acted = rng.random(users) < scores[:, 0] / (scores[:, 0] + 1.0)
    truth = Ragged(np.concatenate([[0], acted.cumsum()]), items[acted, 0])
    votes = [Vote(1.0, 50.0, sure=1.0, half_score=1.0)]
    part = vote_examples(Lists(items, scores, np.array([0, 1])), truth, votes, N_ITEMS, 1)
    learned = learn_votes([part], votes)
    assert learned is not None and learned[0].sure > 2.0 and learned[0].half_score == 1.0


def test_votes_below_zero_sort_as_their_sums_do() -> None:
    rng = np.random.default_rng(3)
    lists, _ = world(40, 5)
    votes: list[Voting] = [
        LearnedVote(tuple(rng.normal(-1.0, 1.0, 11)), 0.0, 1.0),
        LearnedVote(tuple(rng.normal(0.5, 1.0, 11)), 0.0, 1.0),
    ]
    best = fuse(lists, votes, 2 * WIDTH, N_ITEMS).items
    by_rank = [vote.by_rank(WIDTH) for vote in votes]
    for row, named in zip(best, lists.items, strict=True):
        total: dict[int, float] = {}
        for at, item in enumerate(named.tolist()):
            total[item] = total.get(item, 0.0) + by_rank[at // WIDTH][at % WIDTH]
        sums = np.array([total[item] for item in row.tolist() if item >= 0])
        assert len(sums) == len(total)
        assert (np.diff(sums) <= 1e-5).all()
