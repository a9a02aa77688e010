"""SIGKILL in the middle of a training: run again, it gives the version that an undisturbed training
gives.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from datetime import date
from pathlib import Path
from unittest.mock import patch

import pytest

from recsys_tasks.lake import MANIFEST, Lake
from recsys_tasks.retrieval.tower.lineage import train_two_tower
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.versions import KIND, TowerState
from recsys_tasks.snapshot.dataset import Snapshot
from tests.retrieval.tower_world import group_config, group_snapshot

DAY = date(2024, 10, 14)
STEPS = 7
"""720 examples in batches of 64 are 11 steps a pass: this is amid the first of two."""


def _snapshot(folder: Path) -> Snapshot:
    return group_snapshot(folder, group_config(epochs=2), "2024-10-18", 14)


def _train_until_killed(folder: Path, sign: Path) -> None:
    """In a process of its own: gives a sign after some steps, and goes no further."""
    step, taken = Tower.train, 0

    def stepped(tower: Tower, batch: object) -> object:
        nonlocal taken
        if taken == STEPS:
            sign.touch()
            time.sleep(600)
        taken += 1
        return step(tower, batch)  # type: ignore[arg-type]

    with patch.object(Tower, "train", stepped):
        train_two_tower(_snapshot(folder), DAY)


def _kill_in_the_middle(folder: Path, sign: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_train_until_killed, args=(folder, sign)
    )
    process.start()
    while not sign.exists():
        assert process.is_alive(), "the training ended before it could be killed"
        time.sleep(0.05)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_a_killed_training_run_again_gives_the_undisturbed_version(tmp_path: Path) -> None:
    _kill_in_the_middle(tmp_path / "killed", tmp_path / "sign")
    lake = Lake(tmp_path / "killed")
    assert lake.keys(KIND) == []  # nobody sees half a version
    again, whole = (
        train_two_tower(_snapshot(tmp_path / name), DAY) for name in ("killed", "whole")
    )
    assert again.artifact.content == whole.artifact.content
    assert TowerState.load(again.artifact).known.sum() == 40  # every item has its vector
    # What the killed process had begun is one folder, and gone after the storage's sweep.
    assert [reference.rpartition("/")[0] for reference in lake.remove_unfinished()] == [
        f"{KIND}/{again.artifact.key}"
    ]
    assert [path.parent.name for path in (tmp_path / "killed" / KIND).rglob(MANIFEST)] == [
        again.artifact.version
    ]
    assert len(list((tmp_path / "killed" / KIND / again.artifact.key).iterdir())) == 1
