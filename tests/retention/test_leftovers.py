"""What the weekly sweep finds beside artifacts: attempts of killed stages, logs, tasks' errors."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from recsys_tasks.database import owner_url
from recsys_tasks.lake import MANIFEST
from recsys_tasks.retention.plan import nights_of, stored
from recsys_tasks.stages import Night, run_on
from recsys_tasks.stages.sweep import oldest_told, sweep
from tests.lake.test_unfinished import age
from tests.stages.test_killed_stages import kill_while_writing


def now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def swept(night: Night) -> str:
    return sweep(night, nights_of(night.lake), now())


def unfinished(night: Night) -> set[Path]:
    attempts = Path(night.environment.lake).glob("[a-z]*/*/*")
    return {folder for folder in attempts if not (folder / MANIFEST).exists()}


def test_a_killed_stage_leaves_nothing_after_the_sweep(night: Night) -> None:
    """A shard, killed while it wrote: what it left stays while it may be a stage's at work."""
    settings = night.environment.home.parent / "recsys.yaml"
    for artifact in list(night.lake.versions("lists", night.lake.keys("lists")[0])):
        night.lake.remove(artifact)
    kill_while_writing(night, settings, "precompute_shard", "lists", shard=0)
    (half,) = unfinished(night)
    assert " 0 attempts of killed stages" in swept(night) and half.exists()
    age(half, 6 / 24)  # a stage may take six hours
    assert " 0 attempts of killed stages" in swept(night) and half.exists()
    age(half, 8 / 24)
    before = {artifact.reference for artifact in stored(night.lake)}
    assert " 1 attempts of killed stages" in swept(night) and unfinished(night) == set()
    assert {artifact.reference for artifact in stored(night.lake)} == before
    run_on(night, "precompute_shard", 0)


def test_errors_and_logs_go_once_their_nights_are_long_past(night: Night) -> None:
    home = night.environment.home
    folders = [home / "errors" / "train_ranker", home / "airflow" / "logs" / "dag_id=train_ranker"]
    for folder in folders:
        for run, days in (("old", 40), ("new", 20)):
            (folder / run).mkdir(parents=True)
            (folder / run / "freeze.json").write_text("{}")
            age(folder / run, days)
    grown = home / "airflow" / "processes" / "scheduler.log"
    grown.parent.mkdir()
    grown.write_bytes(b"a line\n" * 8_000_000)
    said = swept(night)
    assert said.endswith(", 1 errors of tasks, 1 logs (46 MB)"), said
    for folder in folders:
        assert [run.name for run in folder.iterdir()] == ["new"]
    assert grown.stat().st_size < 10_000_001


def test_after_a_long_outage_what_is_told_of_the_last_nights_stays(night: Night) -> None:
    """The only night ran 400 days ago: its errors and logs are as old, and wanted."""
    far = now() + timedelta(days=400)
    owner = sa.create_engine(owner_url(night.environment))
    with owner.connect() as connection:
        ran = connection.scalar(sa.text("SELECT min(finished_at) FROM recsys.stage_runs"))
    owner.dispose()
    assert oldest_told(night.engine, 30, far) == ran - timedelta(days=1)
    assert oldest_told(night.engine, 30, now()) == pytest.approx(
        now() - timedelta(days=30), abs=timedelta(minutes=1)
    )
