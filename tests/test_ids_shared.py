"""One id map and several processes: nothing is lost, and no key ever names another user."""

from __future__ import annotations

import json
import multiprocessing
from datetime import UTC, date, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.ids import extend_ids, read_ids
from recsys_tasks.lake import Lake
from recsys_tasks.snapshot import validate as validation
from recsys_tasks.snapshot.checks import ValidationReport
from recsys_tasks.snapshot.extract import extract
from recsys_tasks.snapshot.freeze import freeze
from recsys_tasks.sources.base import open_source
from tests.worlds import make_config

SPAWN = multiprocessing.get_context("spawn")
Answers = list[dict[str, int]]


def _extend(root: Path, batches: list[list[str]], start: Barrier, answers: Any) -> None:
    """Give each batch its keys, all processes' n-th batches at the same time; tell which keys were given."""
    lake = Lake(root)
    for batch in batches:
        start.wait()
        given = extend_ids(lake, "users", batch)
        answers.put(dict(zip(batch, given.keys(batch).tolist(), strict=True)))


def _together(target: Any, arguments: list[tuple[Any, ...]]) -> Answers:
    """What processes that start at one moment answer; every one must end well."""
    start, answers = SPAWN.Barrier(len(arguments)), SPAWN.Queue()
    processes = [SPAWN.Process(target=target, args=(*given, start, answers), daemon=True) for given in arguments]
    for process in processes:
        process.start()
    expected = sum(len(given[1]) for given in arguments)
    found = [answers.get(timeout=200) for _ in range(expected)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    return found


def test_two_processes_that_extend_one_map_lose_nothing_and_move_nobody(tmp_path: Path) -> None:
    batches = [[[f"{name}{call:02d}-{i}" for i in range(6)] for call in range(10)] for name in "ab"]
    given = _together(_extend, [(tmp_path, batches[0]), (tmp_path, batches[1])])
    last = read_ids(Lake(tmp_path), "users").ids
    assert sorted(last) == sorted(name for process in batches for batch in process for name in batch)  # 0 lost, 0 twice
    moved = {name: key for answer in given for name, key in answer.items() if last[key] != name}
    assert not moved  # every key that a process went on to work with is that user's for ever


# --- real freezes ----------------------------------------------------------------------------------

KNOWN, NEW = 60_000, 300
NIGHTS = (date(2026, 1, 11), date(2026, 1, 12))


def _config(folder: Path, night: date) -> Any:
    files = {name: str(folder / f"{name}-{night}.parquet") for name in ("events", "users", "items")}
    return make_config(source={"kind": "files", **files}, clock="simulated")


def _deliver(folder: Path, night: date, users: list[str]) -> None:
    """The shop's tables as a night finds them: every user bought the item of the same number the day before."""
    n, day = len(users), datetime(night.year, night.month, night.day - 1, 12, tzinfo=UTC)
    columns = {"user_id": users, "item_id": [f"i{k % 50}" for k in range(n)], "timestamp": [day] * n}
    columns |= {"event": ["purchase"] * n, "price": [1.0] * n}
    pq.write_table(pa.table(columns), folder / f"events-{night}.parquet")
    pq.write_table(pa.table({"user_id": users}), folder / f"users-{night}.parquet")
    pq.write_table(pa.table({"item_id": [f"i{k}" for k in range(50)]}), folder / f"items-{night}.parquet")


def _passed(config: object, night: validation.Night, now: object, docs: object) -> ValidationReport:
    return ValidationReport(night.as_of, night.days, night.events.num_rows, ())


def _freeze(folder: Path, nights: list[date], start: Barrier, answers: Any) -> None:
    validation.validate = _passed  # seconds of checks, which would only drive the two apart
    lake = Lake(folder / "lake")
    for night in nights:
        now = datetime(night.year, night.month, night.day, 1, tzinfo=UTC)
        config = _config(folder, night)
        extract(config, lake, open_source(config, folder), night, now)
        start.wait()
        frozen = freeze(config, lake, night, now)
        table = pq.read_table(frozen.snapshot.artifact.file("users.parquet"))
        answers.put(dict(zip(table["user_id"].to_pylist(), table["user_key"].to_pylist(), strict=True)))


def test_two_real_freezes_at_once_give_every_user_one_key(tmp_path: Path) -> None:
    known = [f"u{k:06d}" for k in range(KNOWN)]
    for number, night in enumerate(NIGHTS):
        _deliver(tmp_path, night, known + [f"new{number}-{k:05d}" for k in range(NEW)])
    lake = Lake(tmp_path / "lake")
    extend_ids(lake, "users", known)
    _together(_freeze, [(tmp_path, [night]) for night in NIGHTS])
    last = read_ids(lake, "users")
    assert len(last) == len(set(last.ids)) == KNOWN + 2 * NEW
    for night in NIGHTS:
        snapshot = lake.require("snapshot", night.isoformat())
        users = pq.read_table(snapshot.file("users.parquet"))
        clash = [name for name, key in zip(*(users[c].to_pylist() for c in ("user_id", "user_key")), strict=True)
                 if last.ids[key] != name]  # fmt: skip
        assert not clash
        events = pq.read_table(lake.get(f"events/{_day(snapshot)}").file("events.parquet"))
        bought = [last.ids[key] for key in events["user_key"].to_pylist()]
        assert sorted(bought) == pq.read_table(tmp_path / f"users-{night}.parquet")["user_id"].sort().to_pylist()


def _day(snapshot: Any) -> str:
    parts = json.loads(snapshot.file("parts.json").read_text())
    return str(parts[max(parts)]).removeprefix("events/")
