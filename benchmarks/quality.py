"""`make bench-quality`: the published lists, read back from PostgreSQL, beside the peers on the same split.

Each window runs the whole pipeline for `as_of` = the window's start in a home of its own; the lists
are then read from `recsys.recommendations`, as an analyst would, and judged on what came after.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from benchmarks import report
from benchmarks.protocols import (
    DATASETS,
    Dataset,
    Lists,
    Window,
    ndcg_and_hit_rate,
    pair_recall,
    read_events,
    without_known,
)
from recsys_tasks.clock import start_of
from recsys_tasks.config import Environment, load_config
from recsys_tasks.ids import Keys
from recsys_tasks.pipeline import Night, local_environment, run_all
from recsys_tasks.pipeline.inputs import open_inputs
from recsys_tasks.pipeline.night import mlflow_url
from recsys_tasks.pipeline.publishing import read_plan
from recsys_tasks.release.registry import prepare
from recsys_tasks.retrieval.embeddings import Embeddings
from recsys_tasks.retrieval.index import ExactSearcher

Strings = npt.NDArray[np.object_]

PEERS_PYTHON = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", default=["online-retail-ii", "amazon-beauty"])
    parser.add_argument("--skip-peers", action="store_true", help="only Nightshelf's own rows")
    parser.add_argument("--as-of", action="append", help="judge these windows instead of the test windows (tuning)")
    arguments = parser.parse_args()
    rows: list[report.Row] = []
    for name in arguments.datasets:
        dataset = DATASETS[name]
        cutoffs = [date.fromisoformat(day) for day in arguments.as_of or ()] or list(dataset.cutoffs)
        rows += measure(dataset, cutoffs, peers=not arguments.skip_peers)
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251  a report says when it was made
    report.publish("quality", report.with_means(rows), seed=1, date=today)


def measure(dataset: Dataset, cutoffs: list[date], peers: bool) -> list[report.Row]:
    """Every system's figures on every window of one data set."""
    events = read_events(dataset)
    rows: list[report.Row] = []
    home = report.OUT / f"home-{dataset.name}"
    shutil.rmtree(home, ignore_errors=True)
    with local_environment(home) as environment:
        prepare(mlflow_url(environment))
        for cutoff in cutoffs:
            window = Window.of(dataset, events, cutoff)
            started = time.perf_counter()
            rows += nightshelf(dataset, window, environment)
            print(f"{dataset.name} {cutoff}: nightshelf {time.perf_counter() - started:.0f} s", flush=True)
            if peers:
                for system, with_known, without in run_peers(dataset, events, window):
                    rows += judge(dataset, window, system, with_known, without)
    return rows


def nightshelf(dataset: Dataset, window: Window, environment: Environment) -> list[report.Row]:
    """Run the night, then judge what PostgreSQL serves and what the stages before it offered."""
    night = Night.open(load_config(dataset.config), environment, window.cutoff)
    for result in run_all(night):
        print("  " + result.summary(), flush=True)
    lists = published_lists(night)
    rows = judge(dataset, window, "nightshelf", lists, None if dataset.forbid_known else without_known(lists, window))
    return rows + stages(dataset, window, night)


def published_lists(night: Night) -> Lists:
    """User → item ids, best first, as `recsys.recommendations` shows them."""
    query = "SELECT user_id, item_id FROM recsys.recommendations WHERE as_of = :night ORDER BY user_id, rank"
    with night.engine.connect() as connection:
        frame = pd.read_sql_query(sa.text(query), connection, params={"night": night.as_of})
    return frame.groupby("user_id").item_id.agg(list).to_dict()


def stages(dataset: Dataset, window: Window, night: Night) -> list[report.Row]:
    """What the tower alone and the candidates reach, on the vectors and tables that served."""
    inputs = open_inputs(night, read_plan(night).lineage, night.tonight)
    user_ids, item_ids = (night.snapshot.users["user_id"].to_numpy(), night.snapshot.items["item_id"].to_numpy())
    key_of = {user: key for key, user in enumerate(user_ids)}
    keys = np.array([key_of[user] for user in window.truth], np.int32)
    candidates: dict[str, list[str]] = {}
    for start in range(0, len(keys), 2048):
        block = inputs.source.block(keys[start : start + 2048])
        for user, items in zip(block.users, block.items, strict=True):
            candidates[user_ids[user]] = list(item_ids[items[items >= 0]])
    tower = tower_lists(inputs.embeddings, user_ids, item_ids, keys)
    rows = [
        _row(dataset, window, "nightshelf/candidates", f"recall@{k}", k, pair_recall(candidates, window, k))
        for k in (100, 300)
    ]
    unseen = without_known(tower, window)
    return rows + judge(dataset, window, "nightshelf/two-tower", None if dataset.forbid_known else tower, unseen)


def tower_lists(embeddings: Embeddings, user_ids: Strings, item_ids: Strings, keys: Keys) -> Lists:
    """The nearest items of each user's vector, deep enough that unseen ones remain."""
    depth, lists = min(500, len(embeddings.item_keys)), {}
    for start in range(0, len(keys), 2048):
        rows = embeddings.user_rows(keys[start : start + 2048])
        items, _ = ExactSearcher(embeddings).search(np.asarray(embeddings.user_vectors[rows]), depth)
        lists |= {user_ids[u]: list(item_ids[i]) for u, i in zip(keys[start : start + 2048], items, strict=True)}
    return lists


def run_peers(
    dataset: Dataset, events: pd.DataFrame, window: Window
) -> Iterator[tuple[str, Lists | None, Lists | None]]:
    """Each peer's lists with and without the users' known items."""
    with tempfile.TemporaryDirectory() as folder:
        train, users, out = (Path(folder) / name for name in ("train.parquet", "users.parquet", "out.parquet"))
        past = events[events.timestamp < start_of(window.cutoff)]
        past[["user_id", "item_id", "timestamp"]].to_parquet(train)
        pd.DataFrame({"user_id": list(window.truth)}).to_parquet(users)
        script = Path(__file__).with_name("peers.py")
        forbid = str(int(dataset.forbid_known))
        subprocess.run(
            [PEERS_PYTHON, script, train, users, out, str(start_of(window.cutoff)), forbid],
            check=True,
            env={"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
        )
        frame = pd.read_parquet(out)
    for system, part in frame.groupby("system", sort=False):
        modes = {known: g.set_index("user_id")["items"].map(list).to_dict() for known, g in part.groupby("known")}
        yield str(system), modes.get("with"), modes.get("without")


def judge(
    dataset: Dataset, window: Window, system: str, with_known: Lists | None, without: Lists | None
) -> list[report.Row]:
    """NDCG@10 and HR@10 under the data set's protocol, and under discovery where repeats are allowed."""
    if dataset.forbid_known:
        lists = without if without is not None else with_known
        assert lists is not None
        return _figures(dataset, dataset.protocol, window, system, lists)
    rows = _figures(dataset, dataset.protocol, window, system, with_known) if with_known is not None else []
    if without is not None:
        rows += _figures(dataset, dataset.protocol + "-discovery", window.discovery(), system, without)
    return rows


def _figures(dataset: Dataset, protocol: str, window: Window, system: str, lists: Lists) -> list[report.Row]:
    ndcg, hit_rate = ndcg_and_hit_rate(lists, window)
    size, name = len(window.truth), dataset.name
    return [
        report.Row(name, protocol, str(window.cutoff), system, "ndcg@10", 10, size, ndcg),
        report.Row(name, protocol, str(window.cutoff), system, "hr@10", 10, size, hit_rate),
    ]


def _row(dataset: Dataset, window: Window, system: str, metric: str, k: int, value: float) -> report.Row:
    return report.Row(dataset.name, dataset.protocol, str(window.cutoff), system, metric, k, len(window.truth), value)


if __name__ == "__main__":
    main()
