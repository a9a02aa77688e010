"""The real candidate source and feature tables under the ranking code."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.errors import LeakageError
from recsys_tasks.features.build import build_features
from recsys_tasks.features.definitions import item
from recsys_tasks.features.feature import Feature
from recsys_tasks.ranking.columns import Block, feature_matrix
from recsys_tasks.ranking.examples.build import Examples, Window, build_examples, label_windows
from recsys_tasks.ranking.inputs import RankingInputs, open_ranking_inputs
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.train import train_ranker
from recsys_tasks.retrieval.candidates.tables import build_generators
from recsys_tasks.retrieval.embeddings import ARRAYS, Embeddings, open_embeddings
from tests.ranking.planted import AS_OF, USERS, World


class Exact:
    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings

    def search(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = vectors @ self.embeddings.item_vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return self.embeddings.item_keys[order], np.take_along_axis(scores, order, 1)


def embedded(world: World, learned: date, history: date) -> Embeddings:
    arrays = (
        np.arange(len(world.items), dtype=np.int32),
        world.items,
        np.arange(USERS, dtype=np.int32),
        world.users,
    )
    with world.snapshot.lake.writing("embeddings", f"abc.{learned}@{history}") as draft:
        for name, array in zip(ARRAYS, arrays, strict=True):
            np.save(
                draft.path / f"{name}.npy", array.astype(np.int32 if "keys" in name else np.float32)
            )
    assert draft.artifact is not None
    return open_embeddings(draft.artifact)


def opened(world: World, day: date) -> RankingInputs:
    cutoffs = Cutoffs.at(day)
    vectors = embedded(world, day, day)
    tables = build_generators(world.snapshot, cutoffs), build_features(world.snapshot, cutoffs)
    return open_ranking_inputs(world.snapshot, cutoffs, *tables, vectors, Exact(vectors))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("lake"), serving={"k": 5, "block_users": 100})


def test_examples_release_and_lists_on_the_real_parts(world: World) -> None:
    windows = [
        Window(opened(world, start), start, end) for start, end in label_windows(world.timeline)
    ]
    artifact = build_examples(world.snapshot, world.timeline, windows)
    release = train_ranker(world.config, world.snapshot.lake, artifact, lineage="abc")
    recommender = Recommender.of(world.snapshot, opened(world, AS_OF), Ranker.open(release))
    lists = recommender.recommend(np.arange(USERS, dtype=np.int32), 8)
    assert recommender.rung == "heavy" and (lists.items >= 0).all()
    assert (world.users[:, None] * world.items[lists.items[:, :5]]).sum(axis=2).mean() > 0.6

    # Training rows are serving rows: the examples' numbers come back from a block made now.
    data, window = Examples.open(artifact), windows[0]
    rows = np.arange(200)
    users = np.unique(data.user[rows])
    block = Block(window.inputs, window.inputs.retriever.block(users))
    matrix = feature_matrix(block)
    place = {
        (users[r], block.candidates.items[r, c]): at
        for at, (r, c) in enumerate(zip(matrix.user_row, matrix.column, strict=True))
    }
    again = matrix.X[[place[data.user[row], data.item[row]] for row in rows]]
    np.testing.assert_allclose(data.X[rows], again, rtol=1e-5, atol=1e-6)


def test_inputs_of_other_cutoffs_are_refused(world: World) -> None:
    cutoffs, later = Cutoffs.at(AS_OF - timedelta(days=7)), Cutoffs.at(AS_OF)
    generators, features = (
        build_generators(world.snapshot, cutoffs),
        build_features(world.snapshot, cutoffs),
    )
    fine = embedded(world, cutoffs.learned_before, cutoffs.history_before)
    with pytest.raises(LeakageError, match="same cutoffs"):
        open_ranking_inputs(
            world.snapshot,
            cutoffs,
            generators,
            build_features(world.snapshot, later),
            fine,
            Exact(fine),
        )
    late = embedded(world, later.learned_before, cutoffs.history_before)
    with pytest.raises(LeakageError, match="learned no later"):
        open_ranking_inputs(world.snapshot, cutoffs, generators, features, late, Exact(late))


def test_a_feature_added_to_the_catalogue_is_trained_on_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry of docs/how-to/features.md, and nothing else."""
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "features.md").read_text()
    added = eval(text.split("```python")[1].split("```")[0], {"Feature": Feature})
    monkeypatch.setattr(item, "ITEM_FEATURES", (*item.ITEM_FEATURES, added))
    world = World(tmp_path)
    start, end = label_windows(world.timeline)[0]
    artifact = build_examples(
        world.snapshot, world.timeline, [Window(opened(world, start), start, end)]
    )
    ranker = Ranker.open(train_ranker(world.config, world.snapshot.lake, artifact, lineage="abc"))
    assert "item_weekend_share" in ranker.light_names and "item_weekend_share" in ranker.heavy_names

    data = Examples.open(artifact)
    trained = pd.Series(data.X[:, data.names.index("item_weekend_share")], data.item)
    np.testing.assert_allclose(trained, weekend_share(world, start)[data.item], rtol=1e-6)
    inputs = opened(world, AS_OF)
    block = Block(inputs, inputs.retriever.block(np.arange(20, dtype=np.int32)))
    served = feature_matrix(block, ranker.heavy_names)
    column = served.X[:, ranker.heavy_names.index("item_weekend_share")]
    items = block.candidates.items[served.user_row, served.column]
    np.testing.assert_allclose(column, weekend_share(world, AS_OF)[items], rtol=1e-6)
    assert np.isfinite(
        Recommender.of(world.snapshot, inputs, ranker).recommend(block.candidates.users, 5).scores
    ).all()


def weekend_share(world: World, before: date) -> np.ndarray:
    events = world.snapshot.events(before=before)
    weekend = pd.to_datetime(events.ts, unit="s").weekday >= 5
    return pd.Series(weekend).groupby(events.item).mean().to_numpy()
