"""Nights of a small shop: through the cluster's DAGs, and by `recsys run` in one process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa
import yaml

from recsys_tasks.config import load_config
from recsys_tasks.dag_names import FIRST_DAG, LAST_DAG
from recsys_tasks.database import create_engine, urls
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop
from recsys_tasks.stages import local_environment
from tests.cluster.hosts import until
from tests.cluster.services import Cluster
from tests.lists_hash import lists_hashes
from tests.stages.shop_nights import FIRST_NIGHT, SETTINGS

NIGHTS = tuple(FIRST_NIGHT + timedelta(days=n) for n in range(3))
NIGHT_SECONDS = 2400.0
SHOP = {"kind": "shop", "seed": 3, "users": 300, "items": 120, "first_day": "2026-01-12"}
FILES = {
    "kind": "files",
    "events": "${RECSYS_SHOP}/events",
    "items": "${RECSYS_SHOP}/items.parquet",
    "users": "${RECSYS_SHOP}/users.parquet",
}
SMALL = {
    "index": {"exact_below": 1000},
    "two_tower": {"dimensions": 16, "epochs": 1, "batch_size": 256, "history_length": 10},
    "ranker": {"windows": 1, "light_trees": 5, "heavy_trees": 5, "min_leaf_rows": 20},
    "gate": {"min_users": 20},
    "serving": {"k": 10, "spares": 5, "shards": 4},
    "schedule": {"retry_first_seconds": 5},
}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTEROP_THREADS")


def write_settings(folder: Path) -> Path:
    """The settings of the shop, which reads files of wherever RECSYS_SHOP says."""
    path = folder / "recsys.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **SMALL, "source": FILES}))
    return path


def make_shop(folder: Path) -> Shop:
    """Every day of the nights, as files."""
    source = load_config(_simulated(folder)).source
    assert isinstance(source, ShopSource)
    shop = Shop(source, folder)
    shop.simulate(NIGHTS[-1] + timedelta(days=1))
    return shop


def _simulated(folder: Path) -> Path:
    path = folder / "simulated.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **SMALL, "source": SHOP}))
    return path


def one_process(
    folder: Path, settings: Path, shop: Path, of: Sequence[date] = NIGHTS
) -> Mapping[date, str]:
    """Nights by `recsys run`, each in one process, on a lake in a folder: hashes of lists."""
    home = folder / "home"
    given = {"RECSYS_HOME": f"{home}", "RECSYS_CONFIG": f"{settings}", "RECSYS_SHOP": f"{shop}"}
    given |= dict.fromkeys(_THREADS, "2")  # as docker-compose.yaml has it
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RECSYS", "AWS"))}
    with local_environment(home):
        for night in of:
            command = [sys.executable, "-m", "recsys_tasks.cli", "run", "--as-of", f"{night}"]
            done = subprocess.run(command, env=kept | given, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
        engine = create_engine(urls(home)["recsys"])
        try:
            return lists_hashes(engine)
        finally:
            engine.dispose()


def through(cluster: Cluster, night: date) -> None:
    """Run a night through the DAGs, until its last one ended well."""
    cluster.api.trigger(FIRST_DAG, f"{night}")
    until_ended(cluster, night)


def until_ended(cluster: Cluster, night: date, seconds: float = NIGHT_SECONDS) -> None:
    """Until a night's last DAG ended well; fails with the errors of the first that did not."""
    deadline = time.monotonic() + seconds
    while True:
        runs = {run["dag_id"]: run for run in reversed(cluster.api.runs(f"{night}"))}
        if runs.get(LAST_DAG, {}).get("state") == "success":
            return
        for dag, run in runs.items():
            assert run["state"] != "failed", errors_of(cluster, dag, run["dag_run_id"])
        assert time.monotonic() < deadline, f"{night}: {runs}; {cluster.logs()}"
        time.sleep(1)


def refused(cluster: Cluster, shop: Shop, night: date, seconds: float = 300.0) -> None:
    """A night whose newest day is broken ends at `freeze`; then the good delivery comes."""
    day = night - timedelta(days=1)
    shop.write_bad_batch(day)
    deliver(cluster, shop)
    run = cluster.api.trigger(FIRST_DAG, f"{night}")
    failed = lambda: cluster.api.run(FIRST_DAG, run)["state"] == "failed"  # noqa: E731
    until(failed, seconds, lambda: f"{night} was not refused; {cluster.logs()}")
    shop.write_corrected_batch(day)
    deliver(cluster, shop)


def deliver(cluster: Cluster, shop: Shop) -> None:
    """The shop's files, into its bucket."""
    files = cluster.files()
    for path in sorted(shop.folder.rglob("*.parquet")):
        name = path.relative_to(shop.folder)
        if name.parts[0] != "aside":
            files.put_file(str(path), f"shop/{name}")


def errors_of(cluster: Cluster, dag: str, run: str) -> str:
    """Logs of a run's tasks that failed."""
    tasks = cluster.api.tasks(dag, run)
    return "\n".join(
        f"--- {task['task_id']} on {task['hostname']}\n{cluster.api.log(task)[-4000:]}"
        for task in tasks
        if task["state"] == "failed"
    )


def alerts(cluster: Cluster) -> list[dict[str, str]]:
    """Rows of `recsys.alerts`."""
    query = sa.text(
        "SELECT kind, task, message, CASE WHEN resolved_at IS NULL THEN 'open' ELSE 'over' END AS"
        " state FROM recsys.alerts ORDER BY raised_at"
    )
    engine = create_engine(cluster.database_url("recsys_writer"))
    try:
        with engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
    finally:
        engine.dispose()


def published(cluster: Cluster) -> Mapping[date, str]:
    """Hashes of the lists that the cluster published."""
    engine = create_engine(cluster.database_url("recsys_writer"))
    try:
        return lists_hashes(engine)
    finally:
        engine.dispose()
