from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.lake import Artifact
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index import exact as _exact
from recsys_tasks.retrieval.index import tuning as _tuning
from recsys_tasks.retrieval.index.build import (
    ExactSearcher,
    Searcher,
    build_index,
    depths,
    neighbour_recall,
    open_index,
)
from recsys_tasks.retrieval.index.scann_tree import without_tensorflow
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.index.stores import D, M, N, store, unit
from tests.worlds import make_config, make_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    events = pd.DataFrame({"user_id": ["u"], "item_id": ["i"], "ts": [0]})
    config = make_config(index={"exact_below": 20_000, "sample_users": 100})
    return make_snapshot(tmp_path_factory.mktemp("lake"), config, "1970-01-02", events)


@pytest.fixture(scope="module")
def embeddings(snapshot: Snapshot) -> Embeddings:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(300, D))
    items = unit(centres[rng.integers(0, 300, M)] + 0.5 * rng.normal(size=(M, D)))
    items[7] = items[5]  # a tie, broken by key
    users = unit(centres[rng.integers(0, 300, N)] + 0.5 * rng.normal(size=(N, D)))
    return store(snapshot.lake, items, users, "large")


@pytest.fixture(scope="module")
def large(snapshot: Snapshot, embeddings: Embeddings) -> Artifact:
    return build_index(snapshot, embeddings, "1970-01-02")


@pytest.fixture(scope="module", params=["exact", "scann"])
def searcher(request: pytest.FixtureRequest, embeddings: Embeddings, large: Artifact) -> Searcher:
    return (
        ExactSearcher(embeddings)
        if request.param == "exact"
        else open_index(large, embeddings, threads=2)
    )


class TestEverySearcher:
    def test_shapes_and_types(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, scores = searcher.search(embeddings.user_vectors[:5], 10)
        assert keys.shape == scores.shape == (5, 10)
        assert keys.dtype == np.int32
        assert scores.dtype == np.float32

    def test_scores_are_inner_products_best_first(
        self, searcher: Searcher, embeddings: Embeddings
    ) -> None:
        keys, scores = searcher.search(embeddings.user_vectors[:5], 10)
        vectors = embeddings.item_vectors[embeddings.item_rows(keys.ravel())].reshape(5, 10, D)
        expected = np.einsum("nd,nkd->nk", embeddings.user_vectors[:5], vectors)
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        assert (np.diff(scores, axis=1) <= 0).all()

    def test_no_item_twice(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, _ = searcher.search(embeddings.user_vectors, 50)
        assert all(len(set(row)) == 50 for row in keys.tolist())

    def test_finds_an_item_by_its_own_vector(
        self, searcher: Searcher, embeddings: Embeddings
    ) -> None:
        keys, _ = searcher.search(embeddings.item_vectors[[11, 222, 29_999]], 1)
        assert keys.ravel().tolist() == [22, 444, 59_998]

    def test_equal_scores_are_in_key_order(
        self, searcher: Searcher, embeddings: Embeddings
    ) -> None:
        keys, scores = searcher.search(embeddings.item_vectors[[5]], 2)
        assert keys.tolist() == [[10, 14]]
        assert scores[0, 0] == scores[0, 1]

    def test_reaches_the_recall_floor(self, searcher: Searcher, embeddings: Embeddings) -> None:
        truth, _ = ExactSearcher(embeddings).search(embeddings.user_vectors, 100)
        found, _ = searcher.search(embeddings.user_vectors, 100)
        assert neighbour_recall(truth, found) >= 0.97  # floor .98 on samples of these users

    def test_no_queries(self, searcher: Searcher, embeddings: Embeddings) -> None:
        keys, scores = searcher.search(embeddings.user_vectors[:0], 3)
        assert keys.shape == scores.shape == (0, 3)


def test_pads_when_the_catalogue_is_smaller_than_k(snapshot: Snapshot) -> None:
    tiny = store(snapshot.lake, np.eye(2, dtype=np.float32), np.ones((1, 2), np.float32), "tiny")
    keys, scores = ExactSearcher(tiny).search(np.array([[0.5, 1.0]], np.float32), 3)
    # inner products: key 0 -> 0.5, key 2 -> 1.0
    assert keys.tolist() == [[2, 0, -1]]
    assert scores.tolist() == [[1.0, 0.5, -np.inf]]


def test_exact_ties_at_the_border_keep_the_lowest_keys(snapshot: Snapshot) -> None:
    same = store(snapshot.lake, np.ones((6, 2), np.float32), np.ones((1, 2), np.float32), "same")
    keys, _ = ExactSearcher(same).search(np.ones((2, 2), np.float32), 3)
    assert keys.tolist() == [[0, 2, 4], [0, 2, 4]]


def test_small_catalogues_are_searched_exactly(snapshot: Snapshot) -> None:
    tiny = store(snapshot.lake, np.eye(4, dtype=np.float32), np.ones((1, 4), np.float32), "four")
    artifact = build_index(snapshot, tiny, "four")
    assert artifact.facts["kind"] == "exact"
    assert isinstance(open_index(artifact, tiny), ExactSearcher)


def test_the_artifact_says_what_was_measured(large: Artifact) -> None:
    facts = large.facts
    assert facts["kind"] == "scann" and not facts["below_floor"]
    assert facts["leaves"] == 346  # 2 × sqrt(30 000)
    # The reported depth, and the 400 neighbours that the tower's generator asks for.
    assert facts["depths"] == [100, 400]
    assert 0.98 <= facts["worst_recall"] <= facts["recall"] <= 1.0
    assert 0.9 < facts["recall_of_items"] <= 1.0
    assert facts["seconds"] > 0 and "seconds" not in json.loads(
        large.file("recall.json").read_text()
    )


def test_the_cheapest_effort_that_is_good_enough_is_chosen(large: Artifact) -> None:
    """Cost in codes: share of leaves × 30 000 items, and 100 for each of reorder × 400 (at least
    300) scored again.
    """

    def cost(way: Mapping[str, float]) -> float:
        return way["leaves_to_search"] / 346 * M + 100 * max(round(way["reorder"] * 400), 300)

    facts = large.facts
    good = [t for t in facts["tried"] if t["worst_recall"] >= 0.98]
    assert len(good) < len(facts["tried"]) and cost(facts) == min(cost(t) for t in good)
    # No number of leaves below the first good one was skipped, and each fell short with the most
    # reordering.
    less = [t for t in facts["tried"] if t["leaves_to_search"] < good[0]["leaves_to_search"]]
    assert [t["leaves_to_search"] for t in less] == [3, 7, 10, 17, 26, 35, 52, 69, 104][: len(less)]
    assert less and all(t["reorder"] == 8.0 for t in less)


def test_items_that_users_may_not_repeat_are_searched_for_deeper() -> None:
    assert depths(make_config()) == (100, 400)
    assert depths(make_config(repeat_consumption="forbid")) == (100, 600)  # 200 spare places
    assert depths(make_config(generators={"two_tower": 0})) == (100,)


def test_finer_indexes_are_built_before_exact_serves(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _tuning, "LEAF_SHARES", (0.1, 0.5)
    )  # all leaves would find everything among so few items
    few = snapshot.config.index.model_copy(
        update={"exact_below": 2000, "recall_floor": 1.0, "sample_users": 20}
    )
    other = Snapshot(
        snapshot.config.model_copy(update={"index": few}), snapshot.lake, snapshot.artifact
    )
    noise = unit(
        np.random.default_rng(0).normal(size=(2500, D))
    )  # no clusters: half the leaves miss something
    artifact = build_index(other, store(snapshot.lake, noise, noise[:40], "noise"), "strict")
    facts = artifact.facts
    assert facts["kind"] == "exact" and facts["below_floor"] is True and facts["recall"] == 1.0
    assert facts["best_recall"] < 1.0 and "below 1.0" in facts["why"]
    # Twice sqrt(2 500) = 50 leaves, then four times as many, then these with a code for each
    # dimension.
    assert list(dict.fromkeys((t["leaves"], t["block"]) for t in facts["tried"])) == [
        (100, 2),
        (200, 2),
        (200, 1),
    ]
    assert not (artifact.path / "scann").exists()
    # A floor that the first build misses and the last one reaches is served by a later one.
    best = [
        max(t["worst_recall"] for t in facts["tried"] if (t["leaves"], t["block"]) == b)
        for b in ((100, 2), (200, 1))
    ]
    assert best[0] < best[1]
    middle = few.model_copy(update={"recall_floor": sum(best) / 2})
    between = Snapshot(
        snapshot.config.model_copy(update={"index": middle}), snapshot.lake, snapshot.artifact
    )
    rebuilt = build_index(between, store(snapshot.lake, noise, noise[:40], "noise"), "between")
    assert rebuilt.facts["kind"] == "scann" and rebuilt.facts["leaves"] == 200


def test_nobody_to_measure_by(snapshot: Snapshot) -> None:
    items = unit(np.random.default_rng(0).normal(size=(20_000, 4)))
    artifact = build_index(snapshot, store(snapshot.lake, items, items[:1], "alone"), "alone")
    assert (
        artifact.facts["kind"] == "exact"
        and artifact.facts["why"] == "no users to measure an index by"
    )


def test_a_rerun_builds_nothing(
    snapshot: Snapshot, embeddings: Embeddings, large: Artifact
) -> None:
    assert build_index(snapshot, embeddings, "1970-01-02").version == large.version


def test_recall_counts_shared_neighbours() -> None:
    truth = np.array([[1, 2], [3, -1]], np.int32)
    found = np.array([[2, 9], [3, 1]], np.int32)
    # Row 0 shares one of two, row 1 its only one: 2 of 3.
    assert neighbour_recall(truth, found) == pytest.approx(2 / 3)


def test_search_loads_no_tensorflow_and_restores_the_module_table() -> None:
    code = (
        "import sys; import recsys_tasks.retrieval.index.build; "
        "assert 'scann' in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


@pytest.mark.parametrize("before", ["absent", "loaded", "hidden"])
@pytest.mark.parametrize("fails", [False, True])
def test_hiding_tensorflow_leaves_the_module_table_as_it_was(
    before: str, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    if before != "absent":
        monkeypatch.setitem(
            sys.modules, "tensorflow", ModuleType("tensorflow") if before == "loaded" else None
        )
    table = dict(sys.modules)
    with suppress(RuntimeError), without_tensorflow():
        with pytest.raises(ImportError):
            import_module("tensorflow")
        if fails:
            raise RuntimeError
    assert sys.modules == table


def test_an_import_inside_that_took_the_entry_away_is_no_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    with without_tensorflow():
        del sys.modules["tensorflow"]
    assert "tensorflow" not in sys.modules


def test_exact_search_over_many_tiles_agrees_with_a_plain_sort(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small integers: equal scores everywhere, negative ones and zeros too, across tiles of 7 items
    and 5 queries.
    """
    monkeypatch.setattr(_exact, "ITEMS", 7)
    monkeypatch.setattr(_exact, "QUERIES", 5)
    rng = np.random.default_rng(0)
    items, users = (rng.integers(-2, 3, (n, 3)).astype(np.float32) for n in (60, 23))
    made = store(snapshot.lake, items, users, "tiles")
    known = np.flatnonzero(items.any(axis=1))
    assert len(known) == 58  # two of them are zero, and found by nobody
    scores = users @ items[known].T
    for k in (1, 4, 60, 70):
        keys, found = ExactSearcher(made).search(users, k)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        kept = min(k, 58)
        assert keys[:, :kept].tolist() == (known[order] * 2).tolist()  # keys are twice the rows
        assert (found[:, :kept] == np.take_along_axis(scores, order, axis=1)).all()
        assert (keys[:, kept:] == -1).all() and (found[:, kept:] == -np.inf).all()
