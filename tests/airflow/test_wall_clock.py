"""README's "Use your own data": files of one's own, the example settings, the launcher. A night
starts by itself, by the clocks of the shop's zone, and who asks from outside is told.

Nothing is triggered: the scheduler's clock is waited for, some minutes ahead. `make test-slow` runs
it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pandas as pd
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from tests.airflow.conftest import ROOT
from tests.airflow.recorder import Recorder
from tests.airflow.stacks import Launcher, Reader, until

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(3000)]
AHEAD = timedelta(minutes=6)
DAYS = 42
PORT = 8310
ZONE = "Asia/Tokyo"
"""Its day begins nine hours before UTC's: a night has the date of its day, or the day before."""


def now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251


def write_files(folder: Path, today: date) -> None:
    """Six weeks of a small shop, up to last midnight, as three CSV files with the example's column
    names.
    """
    first = (today - timedelta(days=DAYS)).isoformat()
    shop = Shop(
        ShopSource(kind="shop", seed=3, users=600, items=260, first_day=first), folder / "made"
    )
    shop.simulate(today)
    folder = shop.folder
    events = pd.concat(
        pd.read_parquet(path) for path in sorted((folder / "events").glob("*.parquet"))
    )
    events["timestamp"] = pd.to_datetime(events["timestamp"], unit="s", utc=True).dt.strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert events["timestamp"].max() >= str(today - timedelta(days=1))
    events[["user_id", "item_id", "timestamp", "event"]].to_csv(
        folder.parents[1] / "interactions.csv", index=False
    )
    items = pd.read_parquet(folder / "items.parquet")
    items[["item_id", "title", "category", "price"]].to_csv(
        folder.parents[1] / "items.csv", index=False
    )
    users = pd.read_parquet(folder / "users.parquet")
    users[["user_id", "country"]].to_csv(folder.parents[1] / "users.csv", index=False)


def write_settings(path: Path, tick: datetime) -> Path:
    """The example as it is, but for when the night starts and for models small enough for a
    test.
    """
    settings = yaml.safe_load((ROOT / "include" / "examples" / "my-shop.yaml").read_text())
    local = tick.astimezone(ZoneInfo(ZONE))
    settings["schedule"] |= {"timezone": ZONE, "nightly": f"{local.minute} {local.hour} * * *"}
    settings |= {
        "two_tower": {"dimensions": 16, "epochs": 2},
        "ranker": {"windows": 1, "light_trees": 10, "heavy_trees": 20},
        "gate": {"min_users": 30},
    }
    path.write_text(yaml.safe_dump(settings))
    return path


def health() -> tuple[int, dict[str, str]]:
    """What Airflow's API server says to anybody."""
    answer = httpx.get(f"http://127.0.0.1:{PORT}/recsys/health", timeout=20)
    return answer.status_code, answer.json()


def test_a_night_starts_by_the_clock_and_ends_in_published_lists(tmp_path: Path) -> None:
    write_files(tmp_path, now().date())
    tick = (now() + AHEAD).replace(second=0, microsecond=0)
    settings = write_settings(tmp_path / "my-shop.yaml", tick)
    environment = {"RECSYS_SHOP": str(tmp_path)}
    command = [sys.executable, "-m", "recsys_tasks.cli", "config", "check"]
    given = {**os.environ, **environment, "RECSYS_CONFIG": str(settings)}
    assert (
        "clock: wall"
        in subprocess.run(command, env=given, capture_output=True, text=True, check=True).stdout
    )
    recorder = Recorder()
    with Launcher(tmp_path / "home", settings, recorder, port=PORT, **environment) as launcher:
        launcher.wait_up()
        assert now() < tick, "Airflow was not up in time: the test says nothing"
        local = tick.astimezone(ZoneInfo(ZONE))
        said = f"Nights start by themselves: '{local.minute} {local.hour} * * *' (cron, {ZONE})"
        assert said in launcher.said
        assert health() == (503, {"status": "critical"})  # no lists yet
        dags = {dag["dag_id"]: dag for dag in launcher.get("/api/v2/dags", limit=100)["dags"]}
        assert [name for name, dag in dags.items() if dag["is_paused"]] == []
        assert dags["validate_data"]["next_dagrun_run_after"].startswith(f"{tick:%Y-%m-%dT%H:%M}")
        until(
            lambda: "success" in launcher.states("monitor_recommendations"),
            2200,
            lambda: launcher.said,
        )
        runs = {run["dag_id"]: run for run in launcher.runs()}
        first = runs["validate_data"]
        assert (first["run_type"], first["partition_key"]) == ("scheduled", tick.date().isoformat())
        assert health() == (200, {"status": "ok"})
        page = httpx.get(f"http://127.0.0.1:{PORT}/recsys/metrics", timeout=20)
        told = {
            sample.name: sample.value
            for family in text_string_to_metric_families(page.text)
            for sample in family.samples
        }
        of_night = tick.replace(hour=0, minute=0)
        assert told["nightshelf_night_timestamp_seconds"] == of_night.timestamp()
        assert told["nightshelf_night_started_timestamp_seconds"] == of_night.timestamp()
        rows, night = Reader(launcher.home).ask()
        assert night == tick.date() and rows > 300 * 10
    assert [body["message"] for body in recorder.bodies] == []
    recorder.stop()
