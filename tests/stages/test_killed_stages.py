"""SIGKILL in the middle of a stage, then the stage again: it ends well and leaves no half-made
artifact.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from recsys_tasks.config import Environment, load_config
from recsys_tasks.lake import MANIFEST
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import Night, run_on
from tests.stages.shop_nights import FIRST_NIGHT, running_shop

BEFORE_SHARDS = (
    "embed",
    "build_index",
    "build_features",
    "build_examples",
    "train_ranker",
    "judge",
    "prepare_publication",
)


def _run(environment: Environment, settings: Path, stage: str, shard: int | None) -> None:
    run_on(Night.open(load_config(settings), environment, FIRST_NIGHT), stage, shard)


def kill_while_writing(
    night: Night, settings: Path, stage: str, kind: str, shard: int | None = None
) -> None:
    """Start the stage in a process of its own and kill it as soon as its attempt folder is
    there.
    """
    process = multiprocessing.get_context("spawn").Process(
        target=_run, args=(night.environment, settings, stage, shard)
    )
    process.start()
    folder = Path(night.environment.lake) / kind
    while not any(not (attempt / MANIFEST).exists() for attempt in folder.glob("*/*")):
        assert process.is_alive(), "the stage ended before it could be killed"
        time.sleep(0.005)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_killed_training_and_killed_shard_end_well_when_run_again(tmp_path: Path) -> None:
    with running_shop(tmp_path) as (config, night, _):
        assert isinstance(config.source, ShopSource)
        Shop(config.source, night.environment.home).simulate(FIRST_NIGHT)
        settings = tmp_path / "recsys.yaml"
        for stage in ("extract", "freeze"):
            run_on(night, stage)
        kill_while_writing(night, settings, "train_two_tower", "tower")
        trained = run_on(night, "train_two_tower")
        assert night.lake.get(trained.artifact).rows == trained.rows
        for stage in BEFORE_SHARDS:
            run_on(night, stage)
        kill_while_writing(night, settings, "precompute_shard", "lists", shard=0)
        for shard in range(config.serving.shards):
            run_on(night, "precompute_shard", shard)
        assert run_on(night, "publish").figures["shown"] is True
        assert {reference.split("/")[0] for reference in night.lake.remove_unfinished()} == {
            "tower",
            "lists",
        }
