"""What RecTools' two-stage model is handed: the same users, the same candidates, the same
features.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.crowd import AS_OF, SETTINGS, reopen
from recsys_tasks.config import parse_config
from recsys_tasks.lake import Lake
from recsys_tasks.ranking.columns import Block, FeatureMatrix, feature_matrix
from recsys_tasks.ranking.lists.recommender import Recommender
from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.snapshot.dataset import open_snapshot

BLOCK, IMITATED = 1000, 10


def export(crowd: Path, release: tuple[Path, str], folder: Path, n: int) -> None:
    """pairs.parquet (user, item, rank, score, label and every column of a pair), users.parquet and
    items.parquet.

    `label`: our first ten, so that the peer's trees have something to learn; only its speed is
    measured here.
    """
    inputs = reopen(crowd)
    snapshot = open_snapshot(parse_config(SETTINGS), Lake(crowd), AS_OF)
    ranker = Ranker.open(Lake(release[0]).require("release", release[1]))
    recommender = Recommender.of(snapshot, inputs, ranker)
    users = np.load(crowd / "users.npy")[:n]
    writer = None
    for start in range(0, len(users), BLOCK):
        block = Block(inputs, inputs.retriever.block(users[start : start + BLOCK]))
        matrix = feature_matrix(block, ranker.heavy_names)
        first = recommender.recommend(block.candidates.users, IMITATED).items
        item = block.candidates.items[matrix.user_row, matrix.column]
        table = _pairs(block, matrix, item, (first[matrix.user_row] == item[:, None]).any(axis=1))
        writer = writer or pq.ParquetWriter(folder / "pairs.parquet", table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    for family, names, values in (
        ("user", inputs.tables.user_names, inputs.tables.user[users]),
        ("item", inputs.tables.item_names, inputs.tables.item),
    ):
        keys = users if family == "user" else np.arange(len(values))
        columns = {
            f"{family}_id": keys,
            **{f"{family}_{name}": values[:, at] for at, name in enumerate(names)},
        }
        pq.write_table(pa.table(columns), folder / f"{family}s.parquet")


def _pairs(block: Block, matrix: FeatureMatrix, item: np.ndarray, label: np.ndarray) -> pa.Table:
    own = [at for at, name in enumerate(matrix.names) if not name.startswith(("user_", "item_"))]
    columns = {
        "user_id": block.candidates.users[matrix.user_row],
        "item_id": item,
        "rank": (matrix.column + 1).astype(np.int64),
        "score": 1.0 / (1.0 + matrix.column),
        "label": label.astype(np.int8),
        **{matrix.names[at]: matrix.X[:, at] for at in own},
    }
    return pa.table(columns)
