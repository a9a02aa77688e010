"""Training reads the matrix a batch at a time and learns what it would learn from the whole."""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from recsys_tasks.ranking.models import dataset as lightgbm_table
from recsys_tasks.ranking.models import rows as matrix_rows
from recsys_tasks.ranking.models.dataset import dataset
from recsys_tasks.ranking.models.rows import Rows

SETTINGS = {
    "objective": "binary",
    "num_iterations": 8,
    "num_leaves": 7,
    "num_threads": 1,
    "verbose": -1,
    "seed": 3,
}


@pytest.fixture
def matrix(tmp_path: Path) -> np.ndarray:
    """On disk as examples are, with unknown values, a rare value and a constant column."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 6)).astype(np.float32)
    X[rng.random(X.shape) < 0.1] = np.nan
    X[:, 4], X[:, 5] = rng.random(3000) < 0.01, 7.0
    X.tofile(tmp_path / "X.bin")
    return np.memmap(tmp_path / "X.bin", np.float32, "r", shape=X.shape)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (matrix_rows, lightgbm_table):
        monkeypatch.setattr(module, "BATCH_ROWS", 257)


def test_batches_are_the_rows_and_columns_asked_for(
    matrix: np.ndarray, small_batches: None
) -> None:
    mask = np.arange(len(matrix)) % 3 == 1
    rows = Rows.where(matrix, mask, [4, 0])
    batches = list(rows.batches())
    assert [len(batch) for batch in batches] == [257, 257, 257, 229]  # 1000 rows
    np.testing.assert_array_equal(np.concatenate(batches), matrix[mask][:, [4, 0]])
    assert Rows.where(matrix, np.zeros(len(matrix), bool)).map(len_of).shape == (0,)


def len_of(batch: np.ndarray) -> np.ndarray:
    return np.zeros(len(batch))


def test_a_model_learns_the_same_from_batches_as_from_the_whole_matrix(
    matrix: np.ndarray, small_batches: None
) -> None:
    label = np.nan_to_num(matrix[:, 0]) + matrix[:, 4] > 0.5
    mask = np.arange(len(matrix)) % 4 > 0
    weight = np.where(label, 1.0, 2.0)[mask]
    ours = lgb.train(SETTINGS, dataset(Rows.where(matrix, mask), label[mask], weight=weight))
    theirs = lgb.train(
        SETTINGS, lgb.Dataset(matrix[mask], label[mask].astype(np.float32), weight=weight)
    )
    assert ours.model_to_string() == theirs.model_to_string()
