"""RecTools' CandidateRankingModel on candidates that it is handed: `python two_stage_run.py
FOLDER`.

Runs in the peers' environment. The candidates come from a table, so generating them costs the peer
nothing; its feature collector and its reranker (LightGBM, 100 trees of 31 leaves, both cores) are
used as its documentation shows. FOLDER/seconds.json receives the seconds of `recommend` with its
own two features and with all of ours, for everyone in one call, as its documentation calls it, and
for a few thousand users a call.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from rectools import Columns
from rectools.dataset import Dataset
from rectools.model_selection import TimeRangeSplitter
from rectools.models.base import ModelBase
from rectools.models.ranking import (
    CandidateFeatureCollector,
    CandidateGenerator,
    CandidateRankingModel,
    Reranker,
)

K, CANDIDATES, BATCH_USERS, TRAINING_USERS = 100, 300, 2000, 1000


class Handed(ModelBase):
    """A first stage that looks its candidates up."""

    def __init__(self, table: pd.DataFrame) -> None:
        super().__init__()
        self.table, self.is_fitted = table, True

    def recommend(self, users: Any, *args: Any, **kwargs: Any) -> pd.DataFrame:
        return rows_of(self.table, users)[
            [Columns.User, Columns.Item, Columns.Score, Columns.Rank]
        ].copy()


class Collector(CandidateFeatureCollector):
    """Users', items' and pairs' features from three tables."""

    def __init__(self, users: pd.DataFrame, items: pd.DataFrame, pairs: pd.DataFrame) -> None:
        self.users, self.items, self.pairs = users, items, pairs

    def _get_user_features(self, users: Any, dataset: Any, fold_info: Any) -> pd.DataFrame:
        return self.users[self.users[Columns.User].isin(users)]

    def _get_item_features(self, items: Any, dataset: Any, fold_info: Any) -> pd.DataFrame:
        return self.items[self.items[Columns.Item].isin(items)]

    def _get_user_item_features(self, useritem: Any, dataset: Any, fold_info: Any) -> pd.DataFrame:
        rows = rows_of(self.pairs, useritem[Columns.User].unique())
        return rows.drop(columns=[Columns.Score, Columns.Rank, "label"])


def rows_of(table: pd.DataFrame, users: np.ndarray) -> pd.DataFrame:
    """The rows of neighbouring users: the table is sorted by user."""
    first, last = np.min(users), np.max(users)
    keys = table[Columns.User].to_numpy()
    return table.iloc[np.searchsorted(keys, first) : np.searchsorted(keys, last, side="right")]


def main() -> None:
    warnings.filterwarnings("ignore")
    folder = Path(sys.argv[1])
    pairs, users, items = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("pairs", "users", "items")
    )
    everyone = pairs[Columns.User].unique()
    interactions = pairs.groupby(Columns.User).head(1)[[Columns.User, Columns.Item]]
    interactions = interactions.assign(weight=1.0, datetime=pd.Timestamp("2026-02-28"))
    dataset = Dataset.construct(interactions)
    seconds = {}
    for name, collector in (
        ("its own two features", CandidateFeatureCollector()),
        ("all our features", Collector(users, items, pairs)),
    ):
        model = CandidateRankingModel(
            [CandidateGenerator(Handed(pairs), CANDIDATES, keep_ranks=True, keep_scores=True)],
            TimeRangeSplitter("1D", n_splits=1),
            Reranker(LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=2, verbose=-1)),
            feature_collector=collector,
        )
        train = everyone[:TRAINING_USERS]
        generator = next(iter(model.cand_gen_dict.values()))
        generator.is_fitted_for_recommend = model.is_fitted = True
        candidates = model._get_candidates_from_first_stage(train, dataset, False, for_train=False)
        features = collector.collect_features(candidates, dataset, None)
        model.reranker.model.fit(
            features.drop(columns=Columns.UserItem), rows_of(pairs, train)["label"].to_numpy()
        )
        for how, size in (
            ("in one call", len(everyone)),
            (f"{BATCH_USERS:,} users a call", BATCH_USERS),
        ):
            started = time.perf_counter()
            for at in range(0, len(everyone), size):
                lists = model.recommend(everyone[at : at + size], dataset, k=K, filter_viewed=False)
            seconds[f"{name}, {how}"] = time.perf_counter() - started
        trees = model.reranker.model.booster_.trees_to_dataframe()
        leaves = trees[trees.left_child.isna()].groupby("tree_index").size().mean()
        print(
            f"  rectools with {name}: {features.shape[1] - 2} columns, {leaves:.0f} leaves a tree, "
            f"{len(lists) / len(set(lists[Columns.User])):.0f} items a list",
            flush=True,
        )
    (folder / "seconds.json").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main()
