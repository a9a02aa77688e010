"""Two processes freeze, erase and run whole nights on one home for minutes; a model of its own says
what must hold.

    make stress-ids MINUTES=20 USERS=300000

The model is a plain table of who was given which key when, written down from the snapshots' files,
and of who was delivered and who was erased. It shares no code with the maps: it reads parquet and
compares.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from recsys_tasks.commands.erase_user import Request, erase_user
from recsys_tasks.config import Environment, load_config
from recsys_tasks.errors import ServingError, TransientError
from recsys_tasks.registry.registry import prepare
from recsys_tasks.stages import Night, local_environment, run_all, run_on
from recsys_tasks.stages.night import mlflow_url
from tests.stages.stress_judge import judge

FIRST_NIGHT = date(2026, 2, 1)
HISTORY_DAYS, ACTIVE, ITEMS, NEW_A_NIGHT = 24, 1500, 150, 400
WHOLE_NIGHT_EVERY, ERASE_EVERY = 4, 2
PROCESSES = 2

SETTINGS = """
project: stress
clock: simulated
objectives: [{name: purchase, events: [purchase]}]
activity: {min_events: 2, within_days: 40}
two_tower: {dimensions: 8, epochs: 1, batch_size: 1024, history_length: 5}
ranker: {windows: 1, light_trees: 5, heavy_trees: 8, min_leaf_rows: 20}
gate: {min_users: 30}
# nights come in any order here, and find rows of days that others left behind
validation: {max_late_share: 1.0}
serving: {k: 5, spares: 2, shards: 1}
resources: {threads: 1}
"""


def stress(folder: Path, minutes: float, users: int) -> dict[str, Any]:
    """What the model found after the time is over."""
    config_path = _open_shop(folder, users)
    with local_environment(folder / "home") as environment:
        prepare(mlflow_url(environment))
        _stages(_night(config_path, environment, FIRST_NIGHT), ("extract", "freeze"))
        _log_keys(folder, _night(config_path, environment, FIRST_NIGHT), "first")
        spawn = multiprocessing.get_context("spawn")
        until = time.time() + 60 * minutes
        workers = [
            spawn.Process(
                target=_work, args=(folder, config_path, environment, number, until), daemon=True
            )
            for number in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        counts: Counter[str] = Counter()
        for line in (
            json.loads(text)
            for path in folder.glob("log/*.jsonl")
            for text in path.read_text().splitlines()
        ):
            counts[line["what"]] += 1
        return {
            **counts,
            "crashed": sum(worker.exitcode != 0 for worker in workers),
            **judge(folder),
        }


# --- the shop ------------------------------------------------------------------------------------


def _open_shop(folder: Path, users: int) -> Path:
    for name in ("events", "users", "items", "log"):
        (folder / name).mkdir(parents=True)
    _put(folder / "users" / "base.parquet", {"user_id": [f"u{k:07d}" for k in range(users)]})
    _put(folder / "items" / "base.parquet", {"item_id": [f"i{k}" for k in range(ITEMS)]})
    draw = np.random.default_rng(1)
    for back in range(HISTORY_DAYS, 0, -1):
        _sell(
            folder, FIRST_NIGHT - timedelta(days=back), draw, [f"u{k:07d}" for k in range(ACTIVE)]
        )
    source = {
        "kind": "files",
        **{name: str(folder / name) for name in ("events", "users", "items")},
    }
    path = folder / "recsys.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(SETTINGS), "source": source}))
    return path


def _put(path: Path, columns: dict[str, Any]) -> None:
    """A file that comes whole."""
    draft = path.with_name(f".{path.name}")
    pq.write_table(pa.table(columns), draft)
    draft.rename(path)


def _sell(folder: Path, day: date, draw: np.random.Generator, names: list[str]) -> None:
    """A day of the shop: each of these users buys about every other day."""
    buyers = [name for name in names if draw.random() < 0.5]
    n = len(buyers)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    columns = {
        "user_id": buyers,
        "item_id": [f"i{int(k)}" for k in draw.zipf(1.5, n) % ITEMS],
        "timestamp": [start + timedelta(seconds=int(s)) for s in draw.integers(0, 86400, n)],
        "event": ["purchase"] * n,
        "price": [1.0] * n,
    }
    _put(folder / "events" / f"{day}.parquet", columns)


# --- one process ---------------------------------------------------------------------------------


def _work(
    folder: Path, config_path: Path, environment: Environment, number: int, until: float
) -> None:
    draw = np.random.default_rng(100 + number)
    log = folder / "log" / f"{number}.jsonl"
    turn = 0
    while time.time() < until:
        night = FIRST_NIGHT + timedelta(days=1 + PROCESSES * turn + number)
        fresh = [f"n{number}-{turn:04d}-{k:04d}" for k in range(NEW_A_NIGHT)]
        _put(folder / "users" / f"{number}-{turn:04d}.parquet", {"user_id": fresh})
        regular = [f"u{k:07d}" for k in range(ACTIVE)]
        _sell(folder, night - timedelta(days=1), draw, regular + fresh)
        opened = _night(config_path, environment, night)
        if turn % WHOLE_NIGHT_EVERY == WHOLE_NIGHT_EVERY - 1 - 2 * number:
            _whole(opened)
            _say(log, "whole nights", str(night))
        else:
            _stages(opened, ("extract", "freeze"))
        _log_keys(folder, opened, f"{number}-{turn:04d}")
        _say(log, "freezes", str(night))
        if turn % ERASE_EVERY == number % ERASE_EVERY:
            gone = fresh[int(draw.integers(len(fresh)))]
            if _erase(opened, gone):
                _say(log, "erasures", gone)
        turn += 1


def _say(log: Path, what: str, which: str) -> None:
    with log.open("a") as handle:
        handle.write(json.dumps({"what": what, "which": which}) + "\n")


def _night(config_path: Path, environment: Environment, day: date) -> Night:
    return Night.open(load_config(config_path), environment, day)


def _whole(night: Night) -> None:
    if not _tried(lambda: list(run_all(night))):
        raise RuntimeError(f"the night of {night.as_of} never had its turn")


def _erase(night: Night, user: str) -> bool:
    return _tried(
        lambda: erase_user(night.environment, Request(user, "stress", "asked", night.now))
    )


def _stages(night: Night, names: tuple[str, ...]) -> None:
    for name in names:
        if not _tried(partial(run_on, night, name)):
            raise RuntimeError(f"{name} of {night.as_of} never had its turn")


def _tried(act: Callable[[], object]) -> bool:
    """As Airflow and a patient operator do: again, when the other one is at work."""
    for _ in range(300):
        try:
            act()
            return True
        except (TransientError, ServingError) as error:
            refused = (
                "at work" in error.expected or error.retryable or "no publication" in error.expected
            )
            if not refused:
                raise
            time.sleep(0.2)
    return False


def _log_keys(folder: Path, night: Night, name: str) -> None:
    """Which keys the frozen night gives to whom, from its file; read again where an erasure wrote
    it anew.
    """
    for _ in range(100):
        try:
            found = sorted(
                (Path(str(night.lake.root)) / "snapshot" / night.as_of.isoformat()).glob(
                    "*/users.parquet"
                )
            )
            table = pq.read_table(found[-1], columns=["user_key", "user_id"])
            pq.write_table(table, folder / "log" / f"{name}.parquet")
            return
        except (OSError, IndexError, pa.ArrowException):
            time.sleep(0.1)
    raise RuntimeError(f"no users of {night.as_of}: {traceback.format_exc()}")


# --- the model -----------------------------------------------------------------------------------


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--users", type=int, default=300_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stress-ids-") as scratch:
        result = stress(Path(scratch), options.minutes, options.users)
    print(json.dumps(result, indent=1))
    bad = (
        "changed keys",
        "lost ids",
        "forks",
        "ids with two keys",
        "event rows of another user",
        "crashed",
    )
    raise SystemExit(any(result[name] for name in bad))
