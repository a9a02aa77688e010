from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from recsys_tasks.errors import ConfigError
from recsys_tasks.ranking.inputs import Candidates
from recsys_tasks.ranking.lists.rerank import Reranked, rerank
from recsys_tasks.ranking.lists.rules import Asked, Entries, Rearrange, RulesInForce
from recsys_tasks.ranking.lists.rules.category_cap import capped
from recsys_tasks.ranking.lists.rules.fresh_slots import fresh_last
from recsys_tasks.ranking.lists.rules.promotions import promoted_first

FRESH = np.array([1])
"""Number of the generator of fresh items."""


@dataclass
class Case:
    """What else a block of lists is made of: the steps in order, `[n, c]` who may see what and what
    the generator of fresh items named, the users' keys, and who may see what is promoted.
    """

    rules: Sequence[Rearrange] = ()
    allowed: Any = None
    fresh: Any = None
    users: Any = None
    may_promote: Any = None


def run(items: Any, scores: Any, k: int = 5, **of: Any) -> Reranked:
    case, items, scores = Case(**of), np.array(items, np.int32), np.array(scores, float)
    users = np.arange(len(items), dtype=np.int32) if case.users is None else case.users
    ranks = np.full((*items.shape, 2), -1, np.int16)
    if case.fresh is not None:
        ranks[:, :, 1] = np.where(np.array(case.fresh), 0, -1)
    may = None if case.may_promote is None else np.array(case.may_promote)
    asked = Asked(
        users,
        Candidates(users, items, ranks, ranks.astype(np.float32)),
        lambda shown: np.ones(shown.shape, bool) if may is None else may,
    )
    everything = np.ones(items.shape, bool)
    permitted = everything if case.allowed is None else np.array(case.allowed)
    return rerank(asked, scores, permitted, k, RulesInForce(tuple(case.rules)))


def explored(first: int, slots: int, salt: tuple[int, ...] = ()) -> Rearrange:
    return fresh_last(first, slots, FRESH, salt)


def test_best_first_ties_by_key_pads_last() -> None:
    got = run(
        [[9, 3, 5, -1], [1, 2, 3, 4]], [[0.2, 0.2, 0.9, 0.99], [-np.inf, 0.1, -np.inf, 0.3]], k=3
    )
    assert got.items.tolist() == [[5, 3, 9], [4, 2, -1]]
    assert got.scores.tolist() == [[0.9, 0.2, 0.2], [0.3, 0.1, 0.0]]
    assert got.ranks_before.tolist() == [[1, 2, 3], [1, 2, 0]]
    assert got.column.tolist() == [[2, 1, 0], [3, 1, -1]]
    assert got.propensities.tolist() == [[1, 1, 1], [1, 1, 0]]


def test_what_is_not_allowed_leaves_a_gap_in_the_ranks_before() -> None:
    got = run([[1, 2, 3]], [[0.9, 0.8, 0.7]], allowed=[[True, False, True]])
    assert got.items.tolist() == [[1, 3, -1, -1, -1]]
    assert got.ranks_before.tolist() == [[1, 3, 0, 0, 0]]


def test_promoted_come_first_for_those_who_may_see_them() -> None:
    rules = [promoted_first((7, 2))]
    may = np.array([[True, True], [False, True]])
    got = run(
        [[1, 2, 3], [1, 7, 3]],
        [[0.9, 0.8, 0.7], [0.9, 0.8, 0.7]],
        k=4,
        rules=rules,
        may_promote=may,
    )
    # Row 0: 7 is no candidate (score 0, rank 0), 2 keeps its own score. Row 1 may not see 7 at all.
    assert got.items.tolist() == [[7, 2, 1, 3], [2, 1, 3, -1]]
    assert got.scores.tolist() == [[0, 0.8, 0.9, 0.7], [0, 0.9, 0.7, 0]]
    assert got.ranks_before.tolist() == [[0, 2, 1, 3], [0, 1, 3, 0]]
    assert got.promoted.tolist() == [[True, True, False, False], [True, False, False, False]]


def test_category_cap_moves_the_excess_behind() -> None:
    # Items 0..5 have categories 0 0 0 1 -1 -1; two of a category at most, unknown ones are never
    # capped.
    categories = np.array([0, 0, 0, 1, -1, -1])
    rules = [capped(categories, 2)]
    got = run([[0, 1, 2, 3, 4, 5]], [[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]], k=6, rules=rules)
    assert got.items.tolist() == [[0, 1, 3, 4, 5, 2]]
    one = [promoted_first((2,)), capped(categories, 1)]
    got = run([[0, 1, 2, 3, 4, 5]], [[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]], k=6, rules=one)
    assert got.items.tolist() == [
        [2, 3, 4, 5, 0, 1]
    ]  # the promoted item uses up its category's place


def test_fresh_slots_are_an_even_deterministic_draw_with_its_propensity() -> None:
    n, c = 4000, 8
    items = np.tile(np.arange(c, dtype=np.int32), (n, 1))
    scores = np.tile(np.linspace(0.9, 0.1, c), (n, 1))
    fresh = np.tile(np.arange(c) >= 4, (n, 1))
    rules = [explored(4, 1, (739000, 1))]
    got = run(items, scores, k=6, rules=rules, fresh=fresh)
    assert (got.items[:, :3] == [0, 1, 2]).all()
    drawn = got.items[:, 3]
    # One place for four fresh items: each is drawn for a quarter of the users, give or take 4 sd
    # (.0068).
    np.testing.assert_allclose(np.bincount(drawn, minlength=c)[4:] / n, 0.25, atol=0.03)
    assert (got.propensities[:, 3] == 0.25).all() and (got.propensities[:, :3] == 1).all()
    assert (got.items[:, 4] == 3).all()  # what the draw displaced is the first spare
    # A user's draw does not depend on who else is in the block, but on the night.
    alone = run(
        items[7:8], scores[7:8], k=6, rules=rules, fresh=fresh[7:8], users=np.array([7], np.int32)
    )
    assert (alone.items == got.items[7]).all()
    other = run(items, scores, k=6, rules=[explored(4, 1, (739001, 1))], fresh=fresh)
    assert 0.6 < (other.items[:, 3] != drawn).mean() < 0.9


def test_fewer_fresh_items_than_slots() -> None:
    rules = [explored(3, 2)]
    got = run(
        [[0, 1, 2, 3]],
        [[0.9, 0.8, 0.7, 0.6]],
        k=3,
        rules=rules,
        fresh=[[False, False, False, True]],
    )
    assert got.items.tolist() == [[0, 3, 1]]
    assert got.propensities.tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_lists_never_repeat_an_item_nor_show_a_forbidden_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, c = 50, 30
    items = np.stack([rng.permutation(60)[:c] for _ in range(n)]).astype(np.int32)
    items[:, 25:] = -1
    allowed = rng.random((n, c)) < 0.6
    rules = [
        promoted_first((5, 6)),
        capped(rng.integers(-1, 6, 60), 2),
        explored(10, 3, (seed,)),
    ]
    scores = np.where(items >= 0, rng.random((n, c)).round(1), -np.inf)
    may = rng.random((n, 2)) < 0.5
    got = run(
        items,
        scores,
        12,
        rules=rules,
        allowed=allowed,
        fresh=rng.random((n, c)) < 0.3,
        may_promote=may,
    )
    for u in range(n):
        shown = got.items[u][got.items[u] >= 0]
        assert len(set(shown)) == len(shown)
        permitted = set(items[u][allowed[u]]) - {5, 6} | set(np.array([5, 6])[may[u]])
        assert set(shown) <= permitted
        assert len(shown) == min(12, len(permitted - {-1}))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 5, 40])
def test_without_rules_lists_are_those_of_rules_that_move_nothing(seed: int, k: int) -> None:
    random = np.random.default_rng(seed)
    items = np.stack([random.permutation(60)[:30] for _ in range(50)]).astype(np.int32)
    items[random.random(items.shape) < 0.2] = -1
    scores = np.where(
        random.random(items.shape) < 0.3, -np.inf, random.integers(0, 8, items.shape) / 8
    )
    allowed = random.random(items.shape) < 0.8
    plain = run(items, scores, k, allowed=allowed)
    ruled = run(items, scores, k, allowed=allowed, rules=[capped(np.zeros(60, np.int64), 1_000)])
    assert (plain.items >= 0).any()
    for name in Reranked.__dataclass_fields__:
        here, there = getattr(plain, name), getattr(ruled, name)
        assert here.dtype == there.dtype and np.array_equal(here, there), name


def own(step: Rearrange, items: Any, allowed: Any = None) -> Reranked:
    """One rule of an installed package, over scores that fall along each row."""
    items = np.array(items, np.int32)
    users = np.arange(len(items), dtype=np.int32)
    nothing = np.zeros((*items.shape, 1), np.float32)
    asked = Asked(users, Candidates(users, items, nothing, nothing), lambda shown: shown != 8)
    scores = np.tile(np.linspace(0.9, 0.1, items.shape[1]), (len(items), 1))
    permitted = np.ones(items.shape, bool) if allowed is None else np.array(allowed)
    return rerank(asked, scores, permitted, items.shape[1], RulesInForce((step,), ("own",)))


def test_a_rule_of_ones_own_cannot_show_what_a_user_may_not_see() -> None:
    allowed = [[True, False, True]]
    backwards = own(lambda entries, _: entries.by(-entries.rank), [[1, 2, 3]], allowed)
    assert backwards.items.tolist() == [[3, 1, -1]]
    assert backwards.ranks_before.tolist() == [[3, 1, 0]]
    forced = own(lambda entries, _: replace(entries, kind=0 * entries.kind), [[1, 2, 3]], allowed)
    assert forced.items.tolist() == [[1, 3, -1]]
    added = own(lambda entries, asked: promoted_first((7, 8))(entries, asked), [[1, 2, 3]])
    assert added.items.tolist() == [[7, 1, 2]]


def test_a_rule_of_ones_own_may_leave_items_out() -> None:
    odd = own(lambda entries, _: entries.without(entries.items % 2 == 0), [[1, 2, 3], [4, 6, -1]])
    assert odd.items.tolist() == [[1, 3, -1], [-1, -1, -1]]


def test_a_rule_that_shows_an_item_twice_is_refused() -> None:
    def doubled(entries: Entries, _: object) -> Entries:
        return entries.take(np.zeros(entries.items.shape, np.int64))

    with pytest.raises(ConfigError, match="1 of 1 lists") as refused:
        own(doubled, [[1, 2, 3]])
    assert "own" in refused.value.where


def test_a_rule_that_moves_items_without_their_columns_is_refused() -> None:
    def swapped(entries: Entries, _: object) -> Entries:
        return replace(entries, items=entries.items[:, ::-1])

    with pytest.raises(ConfigError, match=r"Entries\.by"):
        own(swapped, [[1, 2, 3]], [[True, False, True]])
