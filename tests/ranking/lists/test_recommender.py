from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import start_of
from recsys_tasks.ids import Keys
from recsys_tasks.ranking.examples.build import build_examples
from recsys_tasks.ranking.inputs import Candidates, RankingInputs
from recsys_tasks.ranking.lists.recommender import RankedLists, Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.train import train_ranker
from recsys_tasks.schema import REASONS, RUNGS, generator_bits, generator_names
from tests.ranking import fakes
from tests.ranking.planted import AS_OF, ITEMS, RANKER, USERS, World, unit

EVERYONE = np.arange(USERS, dtype=np.int32)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("lake"), serving={"k": 5, "block_users": 64})


@pytest.fixture(scope="module")
def ranker(world: World) -> Ranker:
    examples = build_examples(world.snapshot, world.timeline, world.windows())
    return Ranker.open(train_ranker(world.config, world.snapshot.lake, examples, lineage="abc"))


@pytest.fixture(scope="module")
def inputs(world: World) -> RankingInputs:
    return world.inputs(AS_OF)


def assert_sound(lists: RankedLists) -> None:
    assert lists.scores.min() >= 0 and lists.scores.max() <= 1
    there = lists.items >= 0
    assert (there[:, :-1] | ~there[:, 1:]).all()  # pads only at the end
    for row in lists.items:
        assert len(set(row[row >= 0])) == (row >= 0).sum()
    assert (lists.sources[there] > 0).all() and (lists.sources[~there] == 0).all()
    assert (lists.reasons[there] < len(REASONS)).all()
    assert (lists.ranks_before[there] >= 1).all()


def test_each_rung_says_which_it_is_and_better_rungs_rank_better(
    world: World, inputs: RankingInputs, ranker: Ranker
) -> None:
    found = {}
    for rung in ("heavy", "light", "retrieval"):
        lists = Recommender.of(world.snapshot, inputs, ranker, rung).recommend(EVERYONE, 5)
        assert_sound(lists)
        assert (lists.rung == RUNGS.index(rung)).all()
        assert (np.diff(lists.scores, axis=1) <= 0).all()
        found[rung] = (world.users[EVERYONE][:, None] * world.items[lists.items]).sum(axis=2).mean()
    # Candidates come in random order, so their mean direction is about 0; users act where it is
    # near 1.
    assert abs(found["retrieval"]) < 0.1
    assert found["light"] > 0.5 and found["heavy"] > 0.5


def test_without_a_release_the_fused_order_is_served(world: World, inputs: RankingInputs) -> None:
    recommender = Recommender.of(world.snapshot, inputs, None)
    lists = recommender.recommend(EVERYONE, 3)
    assert recommender.rung == "retrieval"
    np.testing.assert_array_equal(lists.items, fakes.candidate_items(inputs)[:, :3])
    np.testing.assert_allclose(lists.scores[0], [1, 1 / 2, 1 / 3])


def test_with_the_ranker_off_a_release_says_so_and_the_fused_order_is_served(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, ranker={**RANKER, "mode": "none"})
    examples = build_examples(world.snapshot, world.timeline, world.windows()[:1])
    ranker = Ranker.open(train_ranker(world.config, world.snapshot.lake, examples, lineage="abc"))
    assert ranker.mode == "retrieval" and ranker.facts["reason"] == "ranker.mode is none"
    inputs = world.inputs(AS_OF)
    recommender = Recommender.of(world.snapshot, inputs, ranker)
    assert recommender.rung == "retrieval"
    np.testing.assert_array_equal(
        recommender.recommend(EVERYONE, 3).items, fakes.candidate_items(inputs)[:, :3]
    )


def test_diversity_makes_lists_less_alike(
    world: World, inputs: RankingInputs, ranker: Ranker
) -> None:
    def alike(diversity: float) -> float:
        rerank = world.config.rerank.model_copy(update={"diversity": diversity})
        snapshot = replace(
            world.snapshot, config=world.config.model_copy(update={"rerank": rerank})
        )
        shown = world.items[Recommender.of(snapshot, inputs, ranker).recommend(EVERYONE, 5).items]
        cosine = np.einsum("nkd,nld->n", shown, shown).mean() / 25  # within the first five
        return float(cosine)

    assert alike(0.6) < alike(0.0) - 0.1


def test_lists_do_not_depend_on_the_block_or_on_who_else_is_asked(
    world: World, inputs: RankingInputs, ranker: Ranker
) -> None:
    recommender = Recommender.of(world.snapshot, inputs, ranker)
    whole = recommender.recommend(EVERYONE, 8)
    some = recommender.recommend(EVERYONE[[100, 5, 299]], 8)
    np.testing.assert_array_equal(some.items, whole.items[[100, 5, 299]])
    np.testing.assert_allclose(some.scores, whole.scores[[100, 5, 299]], rtol=1e-4)
    none = recommender.recommend(EVERYONE[:0], 8)
    assert none.items.shape == (0, 8)


def test_serving_scores_are_those_of_training_rows(
    world: World, inputs: RankingInputs, ranker: Ranker
) -> None:
    """The heavy score of a survivor is the ranker's on the very row that the examples would
    hold.
    """
    from recsys_tasks.ranking.columns import Block, feature_matrix

    block = Block(inputs, inputs.retriever.block(EVERYONE[:10]))
    scores = Recommender.of(world.snapshot, inputs, ranker).scores(block)
    whole = feature_matrix(block)
    all_scores = ranker.heavy_scores(whole.X).reshape(scores.shape)
    kept = np.isfinite(scores)
    assert (kept.sum(axis=1) == RANKER["light_survivors"]).all()
    np.testing.assert_allclose(scores[kept], all_scores[kept], rtol=1e-4)


def test_eligibility_has_the_last_word(world: World, inputs: RankingInputs, ranker: Ranker) -> None:
    recommender = Recommender.of(world.snapshot, inputs, ranker)
    eligible = np.arange(ITEMS) % 2 == 0
    lists = recommender.recommend(EVERYONE, 5, eligible=eligible)
    assert_sound(lists)
    assert eligible[lists.items[lists.items >= 0]].all()
    # The allowed items keep their order and their ranks among all.
    whole = recommender.recommend(EVERYONE, RANKER["light_survivors"])
    for u in range(USERS):
        allowed = eligible[whole.items[u]]
        shown = lists.items[u] >= 0
        assert lists.items[u][shown].tolist() == whole.items[u][allowed][:5].tolist()
        assert lists.ranks_before[u][shown].tolist() == (np.flatnonzero(allowed)[:5] + 1).tolist()


def test_promotions_and_repeats(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        repeat_consumption="forbid",
        rerank={"promoted_items": ["i0007", "unheard of"]},
        items={"attributes": []},
    )
    own = fakes.tables(
        {"events": [0.0] * USERS},
        {"x": [0.0] * ITEMS},
        {(0, 7): [3.0], (1, 8): [3.0]},
        ["since_last"],
    )
    inputs = replace(world.inputs(AS_OF), tables=own)
    candidates = fakes.candidate_items(inputs)
    candidates[:2, 0] = 8
    candidates[:2, 1:] = np.arange(20, 20 + candidates.shape[1] - 1)
    lists = Recommender.of(world.snapshot, inputs, None).recommend(EVERYONE[:3], 4)
    assert lists.items[0].tolist() == [8, 20, 21, 22]  # user 0 has had item 7
    assert lists.items[1].tolist() == [7, 20, 21, 22]  # user 1 has had item 8
    assert lists.items[2, 0] == 7
    assert REASONS[lists.reasons[1, 0]] == "promoted"
    assert lists.sources[1, 0] == 0 and lists.scores[1, 0] == 0


def test_reasons_by_hand(world: World) -> None:
    # One user with history items 0 (newest) and 1; candidates 1..5, each named by its own
    # generator.
    vectors = fakes.embeddings(
        unit(np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1], [1, 1], [1, 2.0]])), np.array([[1.0, 0]])
    )
    source = fakes.FakeSource(np.array([[1, 2, 3, 4, 5]], np.int32), np.array([[0, 1]], np.int32))
    generators = ["segment_popular", "covisitation", "covisitation", "trending", "two_tower"]

    def block(users: Keys) -> Candidates:
        candidates = fakes.FakeSource.block(source, users)
        candidates.ranks[:] = -1
        for column, name in enumerate(generators):
            candidates.ranks[0, column, generator_names().index(name)] = 3
        candidates.ranks[0, 4, generator_names().index("fresh")] = (
            1  # named by two: fresh put it higher
        )
        return candidates

    object.__setattr__(source, "block", block)
    tables = fakes.tables({"x": [0.0]}, {"x": [0.0] * ITEMS}, {}, ["since_last"])
    inputs = fakes.inputs(source, tables, vectors, AS_OF)
    lists = Recommender.of(world.snapshot, inputs, None).recommend(np.array([0], np.int32), 6)
    # Item 1 is in the history: again. Item 2 is nearest to item 0, item 3 to item 1.
    assert [REASONS[r] for r in lists.reasons[0]] == [
        "again",
        "because_of",
        "because_of",
        "trending",
        "new",
        "for_you",
    ]
    assert lists.reason_items[0].tolist() == [-1, 0, 1, -1, -1, -1]
    assert lists.items[0, 5] == -1
    masks = [1 << generator_bits()[name] for name in generators]
    masks[4] |= 1 << generator_bits()["fresh"]
    assert lists.sources[0].tolist() == [*masks, 0]


class Disliking(World):
    """On the last day every user dislikes the items of the user's own number and seven further."""

    def acted(self, events: pd.DataFrame) -> pd.DataFrame:
        user = np.tile(np.arange(USERS), 2)
        item = (user + np.repeat([0, 7], USERS)) % ITEMS
        ts = start_of(AS_OF) - 60
        disliked = pd.DataFrame({"user_id": user, "item_id": item, "ts": ts, "event": "dislike"})
        return pd.concat([events, disliked])


def test_nobody_is_shown_what_the_user_turned_away_from_before_the_cutoff(tmp_path: Path) -> None:
    world = Disliking(
        tmp_path,
        events={"negatives": [{"name": "dislike"}]},
        rerank={"promoted_items": ["i0003"]},
        serving={"k": 5, "spares": 10, "block_users": 64},
    )
    own = np.stack([EVERYONE % ITEMS, (EVERYONE + 7) % ITEMS], axis=1)
    shown = {}
    for day in (AS_OF, AS_OF - timedelta(days=1)):
        lists = Recommender.of(world.snapshot, world.inputs(day), None).recommend(EVERYONE, 15)
        shown[day] = (lists.items[:, :, None] == own[:, None, :]).any(axis=(1, 2))
        assert (lists.items >= 0).all()
    assert not shown[AS_OF].any()
    assert shown[AS_OF - timedelta(days=1)].mean() > 0.2  # not known yet
    assert (lists.items[:, 0] == 3).all()
    tonight = Recommender.of(world.snapshot, world.inputs(AS_OF), None).recommend(EVERYONE, 15)
    dislikes_it = (own == 3).any(axis=1)
    assert ((tonight.items[:, 0] == 3) == ~dislikes_it).all() and dislikes_it.any()
