"""`make bench-quality`: the published lists, read back from PostgreSQL, beside the peers on the
same split.

Each window runs the whole pipeline for `as_of` = the window's start in a home of its own; the lists
are then read from `recsys.recommendations`, as an analyst would, and judged on what came after.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from benchmarks import peers, report
from benchmarks.protocols import (
    DATASETS,
    Dataset,
    Lists,
    Window,
    named,
    pair_recall,
    perfect_ndcg,
    read_events,
)
from benchmarks.quality import worlds
from benchmarks.quality.stage_lists import UNION, known_and_popular, stage_lists
from benchmarks.quality.verdicts import Verdict, judge, judge_both, stage_gains
from recsys_tasks.clock import start_of
from recsys_tasks.config import Environment, load_config
from recsys_tasks.metrics import calibration_error
from recsys_tasks.registry.registry import prepare
from recsys_tasks.stages import Night, local_environment, run_all
from recsys_tasks.stages.night import mlflow_url

SASREC_SECONDS = 480
"""Training of the SASRec peer on one data set, divided among its windows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    known = named(*DATASETS, *worlds.WORLDS)
    parser.add_argument("datasets", nargs="*", type=known, default=list(DATASETS))
    parser.add_argument("--skip-peers", action="store_true", help="only Nightshelf's own rows")
    parser.add_argument(
        "--as-of", action="append", help="judge these windows instead of the test windows (tuning)"
    )
    arguments = parser.parse_args()
    rows: list[report.Row] = []
    for name in arguments.datasets:
        dataset = DATASETS[name] if name in DATASETS else worlds.dataset(name)
        cutoffs = [date.fromisoformat(day) for day in arguments.as_of or ()] or list(
            dataset.cutoffs
        )
        rows += measure(dataset, cutoffs, peers=not arguments.skip_peers)
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251  a report says when it was made
    report.publish("quality", report.with_means(rows), seed=1, date=today)


def measure(dataset: Dataset, cutoffs: list[date], peers: bool) -> list[report.Row]:
    """Every system's figures on every window of one data set, and what each stage adds to the one
    before.
    """
    events = read_events(dataset)
    verdicts: list[Verdict] = []
    rows: list[report.Row] = []
    home = report.OUT / f"home-{dataset.name}"
    shutil.rmtree(home, ignore_errors=True)
    with local_environment(home) as environment:
        prepare(mlflow_url(environment))
        for cutoff in cutoffs:
            window = Window.of(dataset, events, cutoff)
            started = time.perf_counter()
            ours, recalls = nightshelf(dataset, window, environment)
            print(
                f"{dataset.name} {cutoff}: nightshelf {time.perf_counter() - started:.0f} s",
                flush=True,
            )
            verdicts += [
                v
                for system, lists in ours.items()
                for v in judge_both(dataset, window, system, lists)
            ]
            rows += recalls
            if peers:
                for system, with_known, without in run_peers(dataset, events, window):
                    verdicts += judge(dataset, window, system, with_known, without)
    return (
        [row for v in verdicts for row in v.rows(dataset.name)]
        + rows
        + stage_gains(dataset.name, verdicts)
    )


def nightshelf(
    dataset: Dataset, window: Window, environment: Environment
) -> tuple[dict[str, Lists], list[report.Row]]:
    """Run the night; each stage's lists and what PostgreSQL serves, and the recall of the
    candidates.
    """
    night = Night.open(load_config(dataset.config), environment, window.cutoff)
    for result in run_all(night):
        print("  " + result.summary(), flush=True)
    rows = published_rows(night)
    published: dict[Any, Any] = rows.groupby("user_id").item_id.agg(list).to_dict()
    lists: dict[str, Lists] = {**stage_lists(night, window), "nightshelf": published}
    named = {
        "nightshelf/candidates": lists["nightshelf/candidates"],
        "popularity + own history": known_and_popular(night, window),
    }
    size = len(window.truth)
    recalls = [
        report.Row(
            dataset.name, dataset.protocol, str(window.cutoff), name, f"recall@{k}", k, size, found
        )
        for name, candidates in named.items()
        for k in (100, 300)
        for found in [pair_recall(candidates, window, k)]
    ]
    recalls += perfect_rows(dataset, window, lists)
    del lists[UNION]  # it has no order to judge
    errors = [
        report.Row(
            dataset.name,
            dataset.protocol,
            str(window.cutoff),
            "nightshelf",
            f"calibration@{k}",
            k,
            size,
            error,
        )
        for k in (10, 100)
        for error in [score_error(rows[rows["rank"] <= k], window)]
    ]
    return lists, recalls + errors


def perfect_rows(dataset: Dataset, window: Window, lists: Mapping[str, Lists]) -> list[report.Row]:
    """What a perfect order of all that was named, and of the candidates, would reach."""
    what = (dataset.name, dataset.protocol, str(window.cutoff))
    size = len(window.truth)
    return [
        report.Row(*what, name, "perfect-ndcg@10", 10, size, perfect_ndcg(lists[name], window))
        for name in (UNION, "nightshelf/candidates")
    ]


def published_rows(night: Night) -> pd.DataFrame:
    """user_id, item_id, rank and score, best first, as `recsys.recommendations` shows them."""
    query = """SELECT user_id, item_id, rank, score FROM recsys.recommendations WHERE as_of = :night
               ORDER BY user_id, rank"""
    with night.engine.connect() as connection:
        return pd.read_sql_query(sa.text(query), connection, params={"night": night.as_of})


def score_error(rows: pd.DataFrame, window: Window) -> float:
    """Expected calibration error of published scores: of all who have a list, also those who did
    nothing.

    Places without a score claim no chance.
    """
    rows = rows[rows.score.notna()]
    done = pd.MultiIndex.from_tuples(
        [(user, item) for user, items in window.truth.items() for item in items]
    )
    came_true = pd.MultiIndex.from_frame(rows[["user_id", "item_id"]]).isin(done)
    return calibration_error(rows.score.to_numpy(float), came_true)


def run_peers(
    dataset: Dataset, events: pd.DataFrame, window: Window
) -> Iterator[tuple[str, Lists | None, Lists | None]]:
    """Each peer's lists with and without the users' known items."""
    with tempfile.TemporaryDirectory() as folder:
        train, users, out = (
            Path(folder) / name for name in ("train.parquet", "users.parquet", "out.parquet")
        )
        past = events[events.timestamp < start_of(window.cutoff)]
        past[["user_id", "item_id", "timestamp"]].to_parquet(train)
        pd.DataFrame({"user_id": list(window.truth)}).to_parquet(users)
        arguments: list[str | Path] = [
            train,
            users,
            out,
            str(start_of(window.cutoff)),
            str(int(dataset.forbid_known)),
        ]
        frames, seconds = [], SASREC_SECONDS // len(dataset.cutoffs)
        scripts: dict[str, list[str]] = {
            "simple.py": [],
            "rectools_models.py": [str(dataset.window_days), str(seconds)],
        }
        for script, more in scripts.items():
            subprocess.run(
                [peers.PYTHON, peers.SCRIPTS / script, *arguments, *more],
                check=True,
                env={
                    "OMP_NUM_THREADS": "2",
                    "OPENBLAS_NUM_THREADS": "1",
                    "PATH": "/usr/bin:/bin",
                    "HOME": folder,
                },
                cwd=folder,
            )
            frames.append(pd.read_parquet(out))
        frame = pd.concat(frames)
    for system, part in frame.groupby("system", sort=False):
        modes: dict[Any, Any] = {
            known: g.set_index("user_id")["items"].map(list).to_dict()
            for known, g in part.groupby("known")
        }
        yield str(system), modes.get("with"), modes.get("without")


if __name__ == "__main__":
    main()
