from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.lake import Artifact, Lake
from recsys_tasks.retrieval.embeddings import Embeddings, open_embeddings
from recsys_tasks.retrieval.index import ExactSearcher, Searcher, build_index, neighbour_recall, open_index
from recsys_tasks.snapshot.dataset import Snapshot
from tests.worlds import make_config, make_snapshot

M, N, D = 30_000, 200, 16


def _unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def _store(lake: Lake, items: np.ndarray, users: np.ndarray, key: str) -> Embeddings:
    with lake.writing("embeddings", key) as draft:
        np.save(draft.path / "item_keys.npy", np.arange(len(items), dtype=np.int32) * 2)  # keys are not rows
        np.save(draft.path / "item_vectors.npy", items)
        np.save(draft.path / "user_keys.npy", np.arange(len(users), dtype=np.int32))
        np.save(draft.path / "user_vectors.npy", users)
    assert draft.artifact is not None
    return open_embeddings(draft.artifact)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    events = pd.DataFrame({"user_id": ["u"], "item_id": ["i"], "ts": [0]})
    config = make_config(index={"exact_below": 20_000, "sample_users": 100})
    return make_snapshot(tmp_path_factory.mktemp("lake"), config, "1970-01-02", events)


@pytest.fixture(scope="module")
def embeddings(snapshot: Snapshot) -> Embeddings:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(300, D))
    items = _unit(centres[rng.integers(0, 300, M)] + 0.5 * rng.normal(size=(M, D)))
    items[7] = items[5]  # a tie, broken by key
    users = _unit(centres[rng.integers(0, 300, N)] + 0.5 * rng.normal(size=(N, D)))
    return _store(snapshot.lake, items, users, "large")


@pytest.fixture(scope="module")
def large(snapshot: Snapshot, embeddings: Embeddings) -> Artifact:
    return build_index(snapshot, embeddings, "1970-01-02")


@pytest.fixture(scope="module", params=["exact", "scann"])
def searcher(request: pytest.FixtureRequest, embeddings: Embeddings, large: Artifact) -> Searcher:
    return ExactSearcher(embeddings) if request.param == "exact" else open_index(large, embeddings, threads=2)


class TestEverySearcher:
    def test_shapes_and_types(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, scores = searcher.search(embeddings.user_vectors[:5], 10)
        assert keys.shape == scores.shape == (5, 10)
        assert keys.dtype == np.int32
        assert scores.dtype == np.float32

    def test_scores_are_inner_products_best_first(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, scores = searcher.search(embeddings.user_vectors[:5], 10)
        vectors = embeddings.item_vectors[embeddings.item_rows(keys.ravel())].reshape(5, 10, D)
        expected = np.einsum("nd,nkd->nk", embeddings.user_vectors[:5], vectors)
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        assert (np.diff(scores, axis=1) <= 0).all()

    def test_no_item_twice(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, _ = searcher.search(embeddings.user_vectors, 50)
        assert all(len(set(row)) == 50 for row in keys.tolist())

    def test_finds_an_item_by_its_own_vector(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, _ = searcher.search(embeddings.item_vectors[[11, 222, 29_999]], 1)
        assert keys.ravel().tolist() == [22, 444, 59_998]

    def test_equal_scores_are_in_key_order(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, scores = searcher.search(embeddings.item_vectors[[5]], 2)
        assert keys.tolist() == [[10, 14]]
        assert scores[0, 0] == scores[0, 1]

    def test_reaches_the_recall_floor(self, searcher: Searcher, embeddings: Embeddings) -> None:
        truth, _ = ExactSearcher(embeddings).search(embeddings.user_vectors, 100)
        found, _ = searcher.search(embeddings.user_vectors, 100)
        assert neighbour_recall(truth, found) >= 0.94  # floor .95 on its own sample of users

    def test_no_queries(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, scores = searcher.search(embeddings.user_vectors[:0], 3)
        assert keys.shape == scores.shape == (0, 3)


def test_pads_when_the_catalogue_is_smaller_than_k(snapshot: Snapshot) -> None:
    tiny = _store(snapshot.lake, np.eye(2, dtype=np.float32), np.ones((1, 2), np.float32), "tiny")
    keys, scores = ExactSearcher(tiny).search(np.array([[0.5, 1.0]], np.float32), 3)
    # inner products: key 0 -> 0.5, key 2 -> 1.0
    assert keys.tolist() == [[2, 0, -1]]
    assert scores.tolist() == [[1.0, 0.5, -np.inf]]


def test_exact_ties_at_the_border_keep_the_lowest_keys(snapshot: Snapshot) -> None:
    same = _store(snapshot.lake, np.ones((6, 2), np.float32), np.ones((1, 2), np.float32), "same")
    keys, _ = ExactSearcher(same).search(np.ones((2, 2), np.float32), 3)
    assert keys.tolist() == [[0, 2, 4], [0, 2, 4]]


def test_small_catalogues_are_searched_exactly(snapshot: Snapshot) -> None:
    tiny = _store(snapshot.lake, np.eye(4, dtype=np.float32), np.ones((1, 4), np.float32), "four")
    artifact = build_index(snapshot, tiny, "four")
    assert artifact.facts["kind"] == "exact"
    assert isinstance(open_index(artifact, tiny), ExactSearcher)


def test_the_artifact_says_what_was_measured(large: Artifact) -> None:
    assert large.facts["kind"] == "scann"
    assert large.facts["recall"] >= 0.95
    assert large.facts["leaves"] == 173  # sqrt(30 000)
    assert large.facts["tried"][-1]["leaves_to_search"] == large.facts["leaves_to_search"]


def test_exact_serves_when_the_floor_is_out_of_reach(snapshot: Snapshot, embeddings: Embeddings) -> None:
    strict = snapshot.config.index.model_copy(update={"recall_floor": 1.0})
    other = Snapshot(snapshot.config.model_copy(update={"index": strict}), snapshot.lake, snapshot.artifact)
    noise = _unit(np.random.default_rng(0).normal(size=(M, D)))  # no clusters: a tree cannot be perfect
    artifact = build_index(other, _store(snapshot.lake, noise, noise[:100], "noise"), "strict")
    assert artifact.facts["kind"] == "exact"
    assert "is below 1.0" in artifact.facts["why"]
    assert [t["leaves_to_search"] for t in artifact.facts["tried"]] == [9, 17, 35, 61, 86]


def test_a_rerun_builds_nothing(snapshot: Snapshot, embeddings: Embeddings, large: Artifact) -> None:
    assert build_index(snapshot, embeddings, "1970-01-02").version == large.version


def test_recall_counts_shared_neighbours() -> None:
    truth = np.array([[1, 2], [3, -1]], np.int32)
    found = np.array([[2, 9], [3, 1]], np.int32)
    # Row 0 shares one of two, row 1 its only one: 2 of 3.
    assert neighbour_recall(truth, found) == pytest.approx(2 / 3)


def test_search_loads_no_tensorflow_and_restores_the_module_table() -> None:
    code = (
        "import sys; import recsys_tasks.retrieval.index; "
        "assert 'scann' in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
