"""Faults in a night that goes on: a worker lost in training, the broker killed, a store that says
503 for a minute, a worker lost in a shard.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import httpx

from recsys_tasks.dag_names import FIRST_DAG
from tests.cluster import nights
from tests.cluster.hosts import until
from tests.cluster.services import STORE_PORT, Cluster
from tests.cluster.store import FAULTS

_BEGIN_SECONDS = 2400.0
_FAULTY_NIGHT = 5400.0


def faulty_night(cluster: Cluster, night: date, say: Callable[[str], None]) -> dict[str, str]:
    """A night in which each fault comes once; what it hit."""
    began = time.monotonic()
    cluster.api.trigger(FIRST_DAG, f"{night}")
    found = {}
    for stage, fault in (
        ("train_two_tower", _lose_worker),
        ("build_features", _kill_broker),
        ("train_ranker", _refuse),
        ("precompute_shard", _lose_worker),
    ):
        task = _until_running(cluster, night, stage)
        found[f"{stage}: {fault.__name__.strip('_')}"] = fault(cluster, task["hostname"])
        say(f"{stage}: {fault.__name__.strip('_')} on {task['hostname']}")
    nights.until_ended(cluster, night, _FAULTY_NIGHT)
    found["seconds"] = f"{time.monotonic() - began:.0f}"
    return found


def _until_running(cluster: Cluster, night: date, stage: str) -> dict[str, str]:
    found: list[dict[str, str]] = []

    def runs() -> bool:
        for run in cluster.api.runs(f"{night}"):
            tasks = cluster.api.tasks(run["dag_id"], run["dag_run_id"])
            found.extend(t for t in tasks if t["task_id"] == stage and t["state"] == "running")
        return bool(found)

    until(runs, _BEGIN_SECONDS, lambda: f"{stage} did not begin; {cluster.logs()}")
    time.sleep(3)
    return found[0]


def _lose_worker(cluster: Cluster, host: str) -> str:
    """The machine dies with all that runs on it, and comes up again."""
    killed = cluster.hosts[host].kill()
    cluster.restart(host)
    return f"{killed} processes of {host} killed"


def _kill_broker(cluster: Cluster, host: str) -> str:
    redis = cluster.hosts["control"].running["redis"]
    redis.kill()
    redis.wait()
    cluster.restart("redis")
    return "Redis killed and started again"


def _refuse(cluster: Cluster, host: str) -> str:
    url = f"http://{cluster.hosts['store'].address}:{STORE_PORT}{FAULTS}"
    with httpx.Client(trust_env=False) as client:
        client.post(f"{url}?503,60")
        time.sleep(65)
        return f"{client.get(url).text} requests answered by 503 within a minute"
