"""RecTools' own models: `python rectools_models.py TRAIN USERS OUT CUTOFF FORBID WINDOW_DAYS
SECONDS`, as simple.py.

`rectools-two-stage`: CandidateRankingModel as its tutorial builds it, item-kNN and ALS into a
LightGBM classifier by their ranks and scores, labels from the last WINDOW_DAYS before the cutoff.
`sasrec`: SASRecModel with the softmax over the whole catalogue, its default, trained until both
threads have worked SECONDS, however busy the machine is (it says how many epochs those were; on a
CPU its sampled softmax is slower); it needs torch and is left out without it.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import TFIDFRecommender
from lightgbm import LGBMClassifier
from rectools import Columns
from rectools.dataset import Dataset
from rectools.model_selection import TimeRangeSplitter
from rectools.models import ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel
from rectools.models.base import ModelBase
from rectools.models.ranking import CandidateGenerator, CandidateRankingModel, Reranker

DEPTH, SEED, CANDIDATES = 100, 0, 150
THREADS = 2
SASREC_EPOCHS, SHORT_SESSION, LONG_SESSION = 20, 20, 50


def main() -> None:
    warnings.filterwarnings("ignore")
    train_path, users_path, out_path, _, forbid, window_days, seconds = sys.argv[1:]
    events = pd.read_parquet(train_path)
    judged = pd.read_parquet(users_path).user_id
    rows = pd.DataFrame({
        Columns.User: events.user_id,
        Columns.Item: events.item_id,
        Columns.Weight: 1.0,
        Columns.Datetime: pd.to_datetime(events.timestamp, unit="s"),
    })  # fmt: skip
    modes = {"without": True} if forbid == "1" else {"with": False, "without": True}
    out = []
    for name, fitted in _systems(rows, int(window_days), forbid == "1", int(seconds)):
        started = time.perf_counter()
        model, dataset = fitted()
        known = judged[judged.isin(dataset.user_id_map.external_ids)].to_numpy()
        for mode, filter_viewed in modes.items():
            lists = model.recommend(
                known,
                dataset,
                k=DEPTH,
                filter_viewed=filter_viewed,
                on_unsupported_targets="ignore",
            )
            items = (
                lists.sort_values([Columns.User, Columns.Rank])
                .groupby(Columns.User)[Columns.Item]
                .agg(list)
            )
            out.append(
                pd.DataFrame(
                    {
                        "user_id": items.index,
                        "items": items.to_numpy(),
                        "system": name,
                        "known": mode,
                    }
                )
            )
        print(f"  peer {name}: {time.perf_counter() - started:.1f} s", flush=True)
    pd.concat(out).to_parquet(out_path)


def _systems(
    rows: pd.DataFrame, window_days: int, forbid: bool, seconds: int
) -> Iterator[tuple[str, Callable[[], tuple[ModelBase, Dataset]]]]:
    yield "rectools-two-stage", lambda: two_stage(rows, window_days, forbid)
    if importlib.util.find_spec("torch") is None:
        print("  peer sasrec: left out, `make peers-torch` installs what it needs", flush=True)
        return
    yield "sasrec", lambda: sasrec(rows, seconds)


def two_stage(rows: pd.DataFrame, window_days: int, forbid: bool) -> tuple[ModelBase, Dataset]:
    dataset = Dataset.construct(rows)
    als = AlternatingLeastSquares(
        factors=96, alpha=2, regularization=0.1, iterations=12, random_state=SEED
    )
    first = [
        CandidateGenerator(model, CANDIDATES, keep_ranks=True, keep_scores=True)
        for model in (
            ImplicitItemKNNWrapperModel(TFIDFRecommender(K=100)),
            ImplicitALSWrapperModel(als),
        )
    ]
    splitter = TimeRangeSplitter(
        f"{window_days}D",
        n_splits=1,
        filter_already_seen=forbid,
        filter_cold_items=False,
        filter_cold_users=True,
    )
    reranker = Reranker(
        LGBMClassifier(n_estimators=100, num_leaves=31, n_jobs=2, random_state=SEED, verbose=-1)
    )
    model = CandidateRankingModel(first, splitter, reranker)
    return model.fit(dataset), dataset


def sasrec(rows: pd.DataFrame, seconds: int) -> tuple[ModelBase, Dataset]:
    import torch
    from pytorch_lightning import Trainer, seed_everything
    from pytorch_lightning.callbacks import LambdaCallback
    from rectools.models import SASRecModel

    torch.set_num_threads(THREADS)
    seed_everything(SEED, verbose=False)
    # One event a user and item, the newest: a basket that is bought again should not fill the
    # session.
    rows = rows.sort_values(Columns.Datetime, kind="stable").drop_duplicates(
        Columns.UserItem, keep="last"
    )
    dataset = Dataset.construct(rows)
    # Sessions are padded to one length, and the padding is computed too: as long as nearly all
    # histories, no longer.
    lengths = rows.groupby(Columns.User).size().quantile(0.95)

    end = time.process_time() + THREADS * seconds

    def stop_in_time(trainer: Trainer, *_: object) -> None:
        trainer.should_stop = time.process_time() > end

    def trainer() -> Trainer:
        return Trainer(
            max_epochs=SASREC_EPOCHS,
            callbacks=[LambdaCallback(on_train_batch_end=stop_in_time)],
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )

    model = SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        dropout_rate=0.3,
        loss="softmax",
        lr=0.002,
        session_max_len=int(np.clip(lengths, SHORT_SESSION, LONG_SESSION)),
        batch_size=128,
        get_trainer_func=trainer,
        recommend_n_threads=THREADS,
    )
    model.fit(dataset)
    print(f"  peer sasrec: {model.fit_trainer.current_epoch} of {SASREC_EPOCHS} epochs", flush=True)
    return model, dataset


if __name__ == "__main__":
    np.random.seed(SEED)
    main()
