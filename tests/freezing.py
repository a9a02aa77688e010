"""Real nights of a literal shop, frozen in processes of their own that start at one moment."""

from __future__ import annotations

import multiprocessing
import queue
from datetime import UTC, date, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys_tasks.config import Config
from recsys_tasks.ids import IdMap, read_ids
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot import freeze as freezing
from recsys_tasks.snapshot.checks import validate as validation
from recsys_tasks.snapshot.checks.frames import NightRows
from recsys_tasks.snapshot.checks.results import ValidationReport
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.sources.base import open_source
from tests.worlds import make_config

SPAWN = multiprocessing.get_context("spawn")
Answers = list[dict[str, int]]


def together(target: Any, arguments: list[tuple[Any, ...]]) -> Answers:
    """What processes that start at one moment answer; every one must end well."""
    start, answers = SPAWN.Barrier(len(arguments)), SPAWN.Queue()
    processes = [
        SPAWN.Process(target=target, args=(*given, start, answers), daemon=True)
        for given in arguments
    ]
    for process in processes:
        process.start()
    expected = sum(len(given[1]) for given in arguments)
    found: Answers = []
    while len(found) < expected:
        try:
            found.append(answers.get(timeout=2))
        except queue.Empty:
            assert not any(process.exitcode for process in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return found


NIGHTS = (date(2026, 1, 11), date(2026, 1, 12))


def night_config(folder: Path, night: date) -> Config:
    files = {name: str(folder / f"{name}-{night}.parquet") for name in ("events", "users", "items")}
    return make_config(source={"kind": "files", **files}, clock="simulated")


def deliver(folder: Path, night: date, users: list[str]) -> None:
    """The shop's tables as a night finds them: every user bought the item of the same number the
    day before.
    """
    n, day = len(users), datetime(night.year, night.month, night.day - 1, 12, tzinfo=UTC)
    columns = {
        "user_id": users,
        "item_id": [f"i{k % 50}" for k in range(n)],
        "timestamp": [day] * n,
    }
    columns |= {"event": ["purchase"] * n, "price": [1.0] * n}
    pq.write_table(pa.table(columns), folder / f"events-{night}.parquet")
    pq.write_table(pa.table({"user_id": users}), folder / f"users-{night}.parquet")
    pq.write_table(
        pa.table({"item_id": [f"i{k}" for k in range(50)]}), folder / f"items-{night}.parquet"
    )


def passed(config: Config, night: NightRows, now: datetime, docs: Path) -> ValidationReport:
    return ValidationReport(night.as_of, night.days, night.events.num_rows, ())


def freeze_nights(folder: Path, nights: list[date], start: Barrier, answers: Any) -> None:
    # Seconds of checks would only drive the two apart. The process ends with its nights, so nothing
    # is undone.
    pytest.MonkeyPatch().setattr(validation, "validate", passed)
    lake = Lake(folder / "lake")
    for night in nights:
        now = datetime(night.year, night.month, night.day, 1, tzinfo=UTC)
        config = night_config(folder, night)
        extract(config, lake, open_source(config, folder), night, now)
        start.wait()
        frozen = freezing.freeze(config, lake, night, now)
        table = pq.read_table(frozen.snapshot.artifact.file("users.parquet"))
        answers.put(
            dict(zip(table["user_id"].to_pylist(), table["user_key"].to_pylist(), strict=True))
        )


def extend_unlocked(lake: Lake, entity: str, ids: list[str], meet: Barrier) -> IdMap:
    """How a map was extended before versions took slots: read the newest, append, write. They meet
    after reading.
    """
    known = read_ids(lake, entity)
    if entity == "users":
        meet.wait()
    fresh = sorted(set(ids) - set(known.ids))
    if not fresh:
        return known
    extended = IdMap(entity, (*known.ids, *fresh))
    with lake.writing("ids", entity, inputs={"last": fresh[-1], "known": str(len(known))}) as draft:
        pq.write_table(
            pa.table({"id": pa.array(extended.ids, pa.string())}), draft.path / "ids.parquet"
        )
        draft.rows = len(extended)
    return extended


def freeze_unlocked(folder: Path, nights: list[date], start: Barrier, answers: Any) -> None:
    """As `freeze_nights`, with the maps extended as they were before."""
    pytest.MonkeyPatch().setattr(
        freezing,
        "extend_ids",
        lambda lake, entity, ids: extend_unlocked(lake, entity, ids, start),
    )
    freeze_nights(folder, nights, start, answers)
