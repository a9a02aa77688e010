"""What an index may name: eligible items that somebody knows, and no broken vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recsys_tasks.retrieval.index.build import (
    ExactSearcher,
    build_index,
    open_index,
)
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.index.stores import D, store, unit
from tests.worlds import make_config, make_snapshot


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    events = pd.DataFrame({"user_id": ["u"], "item_id": ["i"], "ts": [0]})
    config = make_config(index={"exact_below": 20_000, "sample_users": 100})
    return make_snapshot(tmp_path_factory.mktemp("lake"), config, "1970-01-02", events)


def _unknown_among(items: np.ndarray) -> np.ndarray:
    """The same with a zero vector at row 3, a broken one at row 4."""
    items = items.copy()
    items[3], items[4] = 0.0, np.nan
    return items


@pytest.mark.parametrize("exact_below", [1, 1000])
def test_an_index_names_only_eligible_items_that_somebody_knows(
    snapshot: Snapshot, exact_below: int
) -> None:
    settings = snapshot.config.index.model_copy(
        update={"exact_below": exact_below, "sample_users": 20}
    )
    ours = Snapshot(
        snapshot.config.model_copy(update={"index": settings}), snapshot.lake, snapshot.artifact
    )
    noise = unit(np.random.default_rng(1).normal(size=(240, D)))
    made = store(snapshot.lake, _unknown_among(noise[:200]), noise[200:], f"some{exact_below}")
    eligible = np.ones(400, bool)  # by key: twice the row
    eligible[20:200] = False
    artifact = build_index(ours, made, f"some{exact_below}", eligible)
    assert artifact.facts["kind"] == ("exact" if exact_below > 1 else "scann")
    # Keys 0 to 18 less the two of rows 3 and 4, and 200 to 398: 8 + 100 items.
    wanted = [0, 2, 4, *range(10, 20, 2), *range(200, 400, 2)]
    assert artifact.rows == artifact.facts["items"] == len(wanted) == 108
    keys, scores = open_index(artifact, made).search(noise[200:], 120)
    assert (np.sort(keys[:, :108], axis=1) == wanted).all() and (keys[:, 108:] == -1).all()
    vectors = made.item_vectors[keys[:, :108] // 2]
    np.testing.assert_allclose(
        scores[:, :108], np.einsum("nd,nkd->nk", noise[200:], vectors), atol=1e-5
    )


def test_another_set_of_eligible_items_is_another_index(snapshot: Snapshot) -> None:
    made = store(
        snapshot.lake, np.eye(4, dtype=np.float32), np.ones((1, 4), np.float32), "changing"
    )
    keys = [
        open_index(build_index(snapshot, made, "changing", eligible), made).search(
            np.ones((1, 4), np.float32), 4
        )[0]
        for eligible in (
            None,
            np.array([True, True, False, True, True, True, True]),
            np.zeros(7, bool),
        )
    ]
    assert [found.tolist() for found in keys] == [
        [[0, 2, 4, 6]],
        [[0, 4, 6, -1]],
        [[-1, -1, -1, -1]],
    ]


def test_an_item_that_nobody_knows_is_not_before_those_that_a_user_dislikes(
    snapshot: Snapshot,
) -> None:
    items = np.array([[1, 0], [0, 0], [-1, 0]], np.float32)
    made = store(snapshot.lake, items, items[:1], "unknown")
    keys, scores = ExactSearcher(made).search(items[:1], 3)
    # scores: key 0 -> 1, key 4 -> -1; key 2 would have had 0
    assert keys.tolist() == [[0, 4, -1]] and scores.tolist() == [[1.0, -1.0, -np.inf]]


def test_a_broken_vector_finds_nothing_and_its_neighbours_all(snapshot: Snapshot) -> None:
    made = store(snapshot.lake, np.eye(2, dtype=np.float32), np.ones((1, 2), np.float32), "broken")
    queries = np.array([[np.nan, 1.0], [0.5, 1.0], [np.inf, 1.0]], np.float32)
    for k in (1, 2, 3):
        keys, scores = ExactSearcher(made).search(queries, k)
        assert keys.tolist() == [[-1] * k, [2, 0, -1][:k], [-1] * k]
        assert np.isneginf(scores[[0, 2]]).all()


@pytest.mark.parametrize("m", [0, 1, 2, 10, 15, 16, 17])
def test_too_few_items_for_codes_are_searched_exactly(snapshot: Snapshot, m: int) -> None:
    settings = snapshot.config.index.model_copy(update={"exact_below": 1, "sample_users": 20})
    ours = Snapshot(
        snapshot.config.model_copy(update={"index": settings}), snapshot.lake, snapshot.artifact
    )
    noise = unit(np.random.default_rng(m).normal(size=(m + 5, D)))
    made = store(snapshot.lake, noise[:m], noise[m:], f"few{m}")
    artifact = build_index(ours, made, f"few{m}")
    assert artifact.facts["kind"] == ("exact" if m < 16 else "scann")
    assert m >= 16 or artifact.facts["why"] == "fewer than 16 items"
    keys, _ = open_index(artifact, made).search(noise[m:], m)
    assert (np.sort(keys, axis=1) == 2 * np.arange(m)).all()
