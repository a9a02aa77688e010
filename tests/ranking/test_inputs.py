"""The real candidate source and feature tables under the ranking code."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from recsys_tasks.clock import Cutoffs
from recsys_tasks.errors import LeakageError
from recsys_tasks.features.build import build_features
from recsys_tasks.ranking.examples import Examples, Window, build_examples, label_windows
from recsys_tasks.ranking.inputs import RankingInputs, open_inputs
from recsys_tasks.ranking.matrix import Block, feature_matrix
from recsys_tasks.ranking.ranker import train_ranker
from recsys_tasks.ranking.recommender import Recommender
from recsys_tasks.retrieval.embeddings import ARRAYS, Embeddings, open_embeddings
from recsys_tasks.retrieval.generators import build_generators
from tests.ranking.planted import AS_OF, USERS, World


class Exact:
    def __init__(self, embeddings: Embeddings) -> None:
        self.embeddings = embeddings

    def search(self, vectors: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = vectors @ self.embeddings.item_vectors.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return self.embeddings.item_keys[order], np.take_along_axis(scores, order, 1)


def embedded(world: World, learned, history) -> Embeddings:
    arrays = (np.arange(len(world.items), dtype=np.int32), world.items, np.arange(USERS, dtype=np.int32), world.users)
    with world.snapshot.lake.writing("embeddings", f"abc.{learned}@{history}") as draft:
        for name, array in zip(ARRAYS, arrays, strict=True):
            np.save(draft.path / f"{name}.npy", array.astype(np.int32 if "keys" in name else np.float32))
    assert draft.artifact is not None
    return open_embeddings(draft.artifact)


def opened(world: World, day) -> RankingInputs:
    cutoffs = Cutoffs.at(day)
    vectors = embedded(world, day, day)
    tables = build_generators(world.snapshot, cutoffs), build_features(world.snapshot, cutoffs)
    return open_inputs(world.snapshot, cutoffs, *tables, vectors, Exact(vectors))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("lake"), serving={"k": 5, "block_users": 100})


def test_examples_release_and_lists_on_the_real_parts(world):
    windows = [Window(opened(world, start), start, end) for start, end in label_windows(world.timeline)]
    artifact = build_examples(world.snapshot, world.timeline, windows)
    release = train_ranker(world.config, world.snapshot.lake, artifact, lineage="abc")
    recommender = Recommender.open(
        world.snapshot,
        Cutoffs.at(AS_OF),
        generators=build_generators(world.snapshot, Cutoffs.at(AS_OF)),
        features=build_features(world.snapshot, Cutoffs.at(AS_OF)),
        embeddings=embedded(world, AS_OF, AS_OF),
        searcher=Exact(windows[0].inputs.embeddings),
        release=release,
    )
    lists = recommender.recommend(np.arange(USERS, dtype=np.int32), 8)
    assert recommender.rung == "heavy" and (lists.items >= 0).all()
    assert (world.users[:, None] * world.items[lists.items[:, :5]]).sum(axis=2).mean() > 0.6

    # Training rows are serving rows: the examples' numbers come back from a block made now.
    data, window = Examples.open(artifact), windows[0]
    rows = np.arange(200)
    users = np.unique(data.user[rows])
    block = Block(window.inputs, window.inputs.source.block(users))
    matrix = feature_matrix(block)
    place = {
        (users[r], block.candidates.items[r, c]): at
        for at, (r, c) in enumerate(zip(matrix.user_row, matrix.column, strict=True))
    }
    again = matrix.X[[place[data.user[row], data.item[row]] for row in rows]]
    np.testing.assert_allclose(data.X[rows], again, rtol=1e-5, atol=1e-6)


def test_inputs_of_other_cutoffs_are_refused(world):
    cutoffs, later = Cutoffs.at(AS_OF - timedelta(days=7)), Cutoffs.at(AS_OF)
    generators, features = build_generators(world.snapshot, cutoffs), build_features(world.snapshot, cutoffs)
    fine = embedded(world, cutoffs.learned_before, cutoffs.history_before)
    with pytest.raises(LeakageError, match="same cutoffs"):
        open_inputs(world.snapshot, cutoffs, generators, build_features(world.snapshot, later), fine, Exact(fine))
    late = embedded(world, later.learned_before, cutoffs.history_before)
    with pytest.raises(LeakageError, match="learned no later"):
        open_inputs(world.snapshot, cutoffs, generators, features, late, Exact(late))
