from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from recsys_tasks.errors import ArtifactError, ConfigError
from recsys_tasks.ranking.columns import (
    COLUMN_GROUPS,
    Block,
    column_names,
    column_packages,
    feature_matrix,
    light_names,
)
from recsys_tasks.ranking.columns.block import ABSENT_RANK
from recsys_tasks.ranking.inputs import RankingInputs, Sequences
from tests.ranking import fakes


@pytest.fixture
def world() -> RankingInputs:
    # Two users, three items in a plane. User 0: history item 1 (newest), item 0. User 1: no
    # history, no vector.
    source = fakes.FakeSource(
        items=np.array([[2, 1, 0], [0, 2, -1]], np.int32),
        history=np.array([[1, 0], [-1, -1]], np.int32),
    )
    content = sparse.csr_matrix(np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32))
    vectors = fakes.embeddings(np.array([[1, 0], [0, 1], [0.6, 0.8]]), np.array([[0, 1]]))
    tables = fakes.tables(
        {"price": [2.0, 4.0], "events": [5.0, np.nan]},
        {"price": [2.0, 3.0, 8.0], "popularity_7d": [1.0, 2.0, 3.0]},
        {(0, 1): [7.0], (0, 0): [3.0]},
        ["events"],
    )
    # Item 2 comes after items 1 and 0, item 0 after item 1; so before item 2 come 1 and 0, and
    # before item 0 comes 1.
    sequences = Sequences(
        np.array([[2, -1], [2, 0], [-1, -1]], np.int32),
        np.array([[0.2, 0], [0.5, 0.25], [0, 0]], np.float32),
        np.array([[1, -1], [-1, -1], [1, 0]], np.int32),
        np.array([[0.25, 0], [0, 0], [0.5, 0.2]], np.float32),
    )
    return fakes.inputs(source, tables, vectors, date(2026, 3, 10), content, sequences)


def test_values_by_hand(world: RankingInputs) -> None:
    matrix = feature_matrix(Block(world, world.retriever.block(np.array([0, 1]))))
    assert matrix.names == column_names(world)
    assert matrix.user_row.tolist() == [0, 0, 0, 1, 1]
    assert matrix.column.tolist() == [0, 1, 2, 0, 1]
    column = dict(zip(matrix.names, matrix.X.T, strict=True))
    nan = np.nan
    expected: dict[str, list[float]] = {
        "user_events": [5, 5, 5, nan, nan],
        "item_popularity_7d": [3, 2, 1, 1, 3],
        "pair_events": [nan, 7, 3, nan, nan],
        "two_tower_rank": [0, 1, 2, 0, 1],
        "covisitation_rank": [ABSENT_RANK] * 5,
        "sources": [1] * 5,
        "fused_rank": [0, 1, 2, 0, 1],
        # User 0 points along the second axis: dots .8, 1, 0 for items 2, 1, 0.
        "tower_rank": [1, 0, 2, ABSENT_RANK, ABSENT_RANK],
        # History items 1 (last) and 0. Item 2: last .8, most .8, mean .7. Item 1: 1, 1, .5. Item 0:
        # 0, 1, .5.
        "similar_to_last": [0.8, 1, 0, nan, nan],
        "similar_most": [0.8, 1, 1, nan, nan],
        "similar_mean": [0.7, 0.5, 0.5, nan, nan],
        "content_to_last": [0.8, 1, 0, 0, 0],
        "content_to_history": [0.7, 0.5, 0.5, 0, 0],
        # After items 1 (last) and 0: item 2 .5 and .2, item 1 nothing, item 0 .25 and nothing.
        "follows_last": [0.5, 0, 0.25, 0, 0],
        "follows_most": [0.5, 0, 0.25, 0, 0],
        "follows_sum": [0.5 + 0.9 * 0.2, 0, 0.25, 0, 0],
        # Before item 1 (last) nothing, before item 0 item 1.
        "precedes_last": [0] * 5,
        "precedes_most": [0, 0.25, 0, 0, 0],
        "precedes_sum": [0, 0.9 * 0.25, 0, 0, 0],
        "relative_price": [8 / 2.01, 3 / 2.01, 2 / 2.01, 2 / 4.01, 8 / 4.01],
        "weekday": [1] * 5,  # 10 March 2026 is a Tuesday
    }
    for name, values in expected.items():
        np.testing.assert_allclose(column[name], values, rtol=1e-6, err_msg=name)
    # Scores .8, 1, 0: mean .6, deviation sqrt((.04 + .16 + .36) / 3) = .432.
    np.testing.assert_allclose(
        column["tower_score"][:3], np.array([0.2, 0.4, -0.6]) / 0.4320494, rtol=1e-5
    )


def test_training_and_serving_rows_are_the_same(world: RankingInputs) -> None:
    """Any subset of columns, candidates and users gives the numbers of the whole matrix, up to
    rounding.
    """
    whole = feature_matrix(Block(world, world.retriever.block(np.array([0, 1]))))
    keep = np.array([[True, False, True], [False, True, True]])
    part = feature_matrix(
        Block(world, world.retriever.block(np.array([0, 1]))), light_names(world), keep
    )
    chosen = [whole.names.index(name) for name in part.names]
    kept = keep[whole.user_row, whole.column]
    np.testing.assert_allclose(part.X, whole.X[kept][:, chosen], rtol=1e-6, atol=1e-6)
    alone = feature_matrix(Block(world, world.retriever.block(np.array([1]))))
    np.testing.assert_allclose(alone.X, whole.X[whole.user_row == 1], rtol=1e-6, atol=1e-6)


def test_many_users_span_chunks() -> None:
    rng = np.random.default_rng(0)
    n, m, c = 300, 50, 20
    items = np.stack([rng.permutation(m)[:c] for _ in range(n)]).astype(np.int32)
    history = rng.integers(-1, m, (n, 6)).astype(np.int32)
    history = np.take_along_axis(history, np.argsort(history < 0, axis=1, kind="stable"), 1)
    content = sparse.random(m, 30, 0.2, "csr", np.float32, random_state=0)
    vectors = fakes.embeddings(rng.normal(size=(m, 8)), rng.normal(size=(n, 8)))
    tables = fakes.tables({"events": [1.0] * n}, {"price": [1.0] * m}, {}, ["events"])
    world = fakes.inputs(
        fakes.FakeSource(items, history), tables, vectors, date(2026, 3, 10), content
    )
    keep = rng.random((n, c)) < 0.3
    keep[130:260] = False  # a whole chunk without rows
    matrix = feature_matrix(
        Block(world, world.retriever.block(np.arange(n, dtype=np.int32))), None, keep
    )
    column = dict(zip(matrix.names, matrix.X.T, strict=True))
    for r in rng.integers(0, len(matrix.X), 25):
        u, i = matrix.user_row[r], items[matrix.user_row[r], matrix.column[r]]
        past = history[u][history[u] >= 0]
        dots = vectors.item_vectors[past] @ vectors.item_vectors[i]
        np.testing.assert_allclose(column["similar_most"][r], dots.max(), rtol=1e-4)
        np.testing.assert_allclose(column["similar_mean"][r], dots.mean(), rtol=1e-3, atol=1e-5)
        mean = np.asarray(content[past].mean(axis=0)).ravel()
        np.testing.assert_allclose(
            column["content_to_history"][r], content[[i]].toarray()[0] @ mean, rtol=1e-4
        )


def test_a_column_that_no_longer_exists_is_named(world: RankingInputs) -> None:
    with pytest.raises(ArtifactError, match="user_gone"):
        feature_matrix(
            Block(world, world.retriever.block(np.array([0]))), ["user_events", "user_gone"]
        )


PRICE_RANK = """
import numpy as np

class PriceRank:
    name = "shop_price"
    order = 1000
    light_order = None
    needs = ()

    def names(self, inputs):
        return ["shop_price_rank"] if "price" in inputs.tables.item_names else []

    def fill(self, rows, out):
        tables, items = rows.block.inputs.tables, rows.block.candidates.items
        price = np.where(items >= 0, tables.item[items, tables.item_names.index("price")], np.inf)
        rank = np.argsort(np.argsort(price, axis=1), axis=1)
        out[:, 0] = rank[rows.user_row, rows.column]

COLUMNS = PriceRank()
"""


@pytest.fixture
def price_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The installed package `shop_columns 1.0` with a column that is relative to the list."""
    (tmp_path / "shop_columns.py").write_text(PRICE_RANK)
    info = tmp_path / "shop_columns-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shop-columns\nVersion: 1.0\n")
    entry = "[nightshelf.columns]\nshop_price = shop_columns:COLUMNS\n"
    (info / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    monkeypatch.setitem(vars(COLUMN_GROUPS), "found", dataclasses.replace(COLUMN_GROUPS).found)
    yield tmp_path / "shop_columns.py"
    sys.modules.pop("shop_columns", None)


def test_a_column_group_of_an_installed_package_stands_last_in_the_matrix(
    world: RankingInputs, price_rank: Path
) -> None:
    block = Block(world, world.retriever.block(np.array([0, 1])))
    matrix = feature_matrix(block)
    assert matrix.names[-1] == "shop_price_rank" == column_names(world)[-1]
    assert "shop_price_rank" not in light_names(world)
    # Prices 2, 3, 8 of items 0, 1, 2; user 0 has the candidates 2, 1, 0, and user 1 0 and 2.
    assert matrix.X[:, -1].tolist() == [2, 1, 0, 0, 1]
    keep = np.array([[True, False, False], [False, True, False]])
    assert feature_matrix(block, ["shop_price_rank"], keep).X.tolist() == [[2], [1]]
    assert column_packages(world) == {"shop_price_rank": "shop-columns 1.0"}


def test_a_column_whose_package_is_gone_is_refused_with_its_name(world: RankingInputs) -> None:
    block = Block(world, world.retriever.block(np.array([0])))
    packages = {"shop_price_rank": "shop-columns 1.0"}
    with pytest.raises(ArtifactError, match="shop_price_rank") as refused:
        feature_matrix(block, ["user_events", "shop_price_rank"], packages=packages)
    assert "install shop-columns 1.0 again" in refused.value.remedy


def test_two_groups_with_a_column_of_one_name_are_refused(
    world: RankingInputs, price_rank: Path
) -> None:
    price_rank.write_text(PRICE_RANK.replace('"shop_price_rank"', '"tower_rank"'))
    sys.modules.pop("shop_columns", None)
    vars(COLUMN_GROUPS).pop("found")
    with pytest.raises(ConfigError, match="'tower_rank' of the groups 'tower' and 'shop_price'"):
        column_names(world)
