"""`make bench-night`: a first and a warm night from extract to monitor, each stage in a process of
its own as under Airflow: seconds, processor seconds and peak memory by stage.

SIZES="10000 100000 1000000" as it comes; the largest takes hours on two cores.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from benchmarks import report
from benchmarks.nights.shop import AS_OF, write_shop
from recsys_tasks.config import Environment, load_config
from recsys_tasks.registry.registry import prepare
from recsys_tasks.stages import Night, local_environment
from recsys_tasks.stages.night import mlflow_url
from recsys_tasks.stages.pipeline import STAGES

ITEMS_PER_USER = 0.1
"""Items of the shop, a user; at least 2,000 of them."""
NIGHTS = {"first": AS_OF, "warm": AS_OF + timedelta(days=1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    rows = [row for users in parser.parse_args().sizes for row in measure(users)]
    today = datetime.now(UTC).date().isoformat()  # noqa: TID251  a report says when it was made
    report.publish("night", rows, seed=0, date=today, by_size=True)


def measure(users: int) -> list[report.Row]:
    """Both nights of a shop of so many users, in a home of its own."""
    home = report.OUT / f"home-night-{users}"
    shutil.rmtree(home, ignore_errors=True)
    settings = write_shop(home / "shop", users, max(2_000, int(users * ITEMS_PER_USER)))
    rows: list[report.Row] = []
    with local_environment(home / "home") as environment:
        prepare(mlflow_url(environment))
        for name, as_of in NIGHTS.items():
            for stage in STAGES:
                _run(environment, settings, stage.name, as_of)
            rows += _rows(Night.open(load_config(settings), environment, as_of), name, users)
    return rows


def _run(environment: Environment, settings: Path, stage: str, as_of: date) -> None:
    """One stage, all its shards after each other, in a process of its own."""
    home = str(environment.home)
    command = [sys.executable, "-m", "benchmarks.nights.one_stage", home, str(settings), stage]
    subprocess.run([*command, as_of.isoformat()], check=True)


def _rows(night: Night, name: str, users: int) -> list[report.Row]:
    """Figures of a night by stage, and of the whole."""
    query = sa.text(
        "SELECT split_part(stage, '.', 1) AS stage, sum(seconds) AS seconds,"
        " sum(cpu_seconds) AS cpu, max(peak_bytes) AS peak FROM recsys.stage_runs"
        " WHERE as_of = :night GROUP BY 1 ORDER BY min(id)"
    )
    with night.engine.connect() as connection:
        found = connection.execute(query, {"night": night.as_of}).all()
    rows = []
    for stage, seconds, cpu, peak in found:
        rows += _figures(name, str(stage), users, float(seconds), float(cpu), float(peak))
    whole = [sum(float(row[at]) for row in found) for at in (1, 2)]
    most = max(float(row[3]) for row in found)
    return rows + _figures(name, "whole night", users, whole[0], whole[1], most)


def _figures(
    night: str, stage: str, users: int, seconds: float, cpu: float, peak: float
) -> list[report.Row]:
    what = ("shop", f"{night} night", "mean", stage)
    return [
        report.Row(*what, "seconds", 0, users, seconds, "s"),
        report.Row(*what, "cpu-seconds", 0, users, cpu, "s"),
        report.Row(*what, "peak-mb", 0, users, peak / 1e6, "MB"),
    ]


if __name__ == "__main__":
    main()
