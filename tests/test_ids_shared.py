"""One id map and several processes: nothing is lost, and no key ever names another user."""

from __future__ import annotations

import json
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from recsys_tasks.ids import extend_ids, read_ids
from recsys_tasks.lake import Lake
from tests.freezing import NIGHTS, deliver, freeze_nights, together


def _extend(root: Path, batches: list[list[str]], start: Barrier, answers: Any) -> None:
    """Give each batch its keys, all processes' n-th batches at the same time; tell which keys were
    given.
    """
    lake = Lake(root)
    for batch in batches:
        start.wait()
        given = extend_ids(lake, "users", batch)
        answers.put(dict(zip(batch, given.keys(batch).tolist(), strict=True)))


def test_two_processes_that_extend_one_map_lose_nothing_and_move_nobody(tmp_path: Path) -> None:
    batches = [[[f"{name}{call:02d}-{i}" for i in range(6)] for call in range(10)] for name in "ab"]
    given = together(_extend, [(tmp_path, batches[0]), (tmp_path, batches[1])])
    last = read_ids(Lake(tmp_path), "users").ids
    assert sorted(last) == sorted(
        name for process in batches for batch in process for name in batch
    )  # 0 lost, 0 twice
    moved = {name: key for answer in given for name, key in answer.items() if last[key] != name}
    assert not moved  # every key that a process went on to work with is that user's for ever


KNOWN, NEW = 60_000, 300


def test_two_real_freezes_at_once_give_every_user_one_key(tmp_path: Path) -> None:
    known = [f"u{k:06d}" for k in range(KNOWN)]
    for number, night in enumerate(NIGHTS):
        deliver(tmp_path, night, known + [f"new{number}-{k:05d}" for k in range(NEW)])
    lake = Lake(tmp_path / "lake")
    extend_ids(lake, "users", known)
    together(freeze_nights, [(tmp_path, [night]) for night in NIGHTS])
    last = read_ids(lake, "users")
    assert len(last) == len(set(last.ids)) == KNOWN + 2 * NEW
    for night in NIGHTS:
        snapshot = lake.require("snapshot", night.isoformat())
        users = pq.read_table(snapshot.file("users.parquet"))
        clash = [
            name
            for name, key in zip(
                *(users[c].to_pylist() for c in ("user_id", "user_key")), strict=True
            )
            if last.ids[key] != name
        ]
        assert not clash
        events = pq.read_table(lake.get(f"events/{_day(snapshot)}").file("events.parquet"))
        bought = [last.ids[key] for key in events["user_key"].to_pylist()]
        assert (
            sorted(bought)
            == pq.read_table(tmp_path / f"users-{night}.parquet")["user_id"].sort().to_pylist()
        )


def _day(snapshot: Any) -> str:
    parts = json.loads(snapshot.file("parts.json").read_text())
    return str(parts[max(parts)]).removeprefix("events/")
