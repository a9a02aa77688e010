"""Airflow's REST API, as far as the launcher needs it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

_HEALTH_SECONDS = 5.0
FINISHED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class TaskState:
    """A task instance as the API shows it."""

    dag: str
    run: str
    task: str
    shard: int
    state: str
    seconds: float


class AirflowApi:
    """A client of one local Airflow whose simple auth manager lets everyone in."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._http = httpx.Client(base_url=base, timeout=30, trust_env=False)

    def is_up(self) -> bool:
        """True once the server, the scheduler and the DAG processor all report healthy."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
            # The first request builds the routes that tasks call: better now than during the first
            # task.
            self._http.get("/execution/health")
        except httpx.HTTPError:
            return False
        if answer.status_code != 200:
            return False
        health = answer.json()
        return all(
            (health.get(p) or {}).get("status") == "healthy"
            for p in ("metadatabase", "scheduler", "dag_processor")
        )

    def well(self) -> dict[str, bool]:
        """Which parts do their work, as far as anybody can tell now: by heartbeats, the API server
        by its answer.
        """
        try:
            answer = self._http.get("/api/v2/monitor/health", timeout=_HEALTH_SECONDS)
            health = answer.raise_for_status().json()
        except httpx.HTTPError:
            return {"api-server": False}
        if (health.get("metadatabase") or {}).get("status") != "healthy":
            return {}  # then nobody's heartbeat is known
        names = {"scheduler": "scheduler", "dag-processor": "dag_processor"}
        heard = {
            part: (health.get(key) or {}).get("status") == "healthy" for part, key in names.items()
        }
        return {"api-server": True, **heard}

    def login(self) -> None:
        """Fetch a token."""
        token = self._http.get("/auth/token").raise_for_status().json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def dags(self) -> set[str]:
        """Ids of the DAGs that the scheduler knows."""
        return {d["dag_id"] for d in self._get("/dags", limit=100)["dags"]}

    def import_errors(self) -> list[str]:
        """What the DAG processor could not import."""
        return [
            f"{e['filename']}: {e['stack_trace']}"
            for e in self._get("/importErrors")["import_errors"]
        ]

    def trigger(self, dag: str, partition: str) -> str:
        """Start a run for a date; returns its run id."""
        body = {"logical_date": None, "partition_key": partition}
        return str(
            self._http.post(f"/api/v2/dags/{dag}/dagRuns", json=body)
            .raise_for_status()
            .json()["dag_run_id"]
        )

    def runs(self, partition: str) -> list[dict[str, Any]]:
        """Every run of a date, oldest first."""
        runs = self._get("/dags/~/dagRuns", limit=100, order_by="-run_after")["dag_runs"]
        return [r for r in reversed(runs) if r.get("partition_key") == partition]

    def tasks(self, dag: str, run: str) -> list[TaskState]:
        """Task instances of a run."""
        rows = self._get(f"/dags/{dag}/dagRuns/{run}/taskInstances", limit=100)["task_instances"]
        return [
            TaskState(
                dag,
                run,
                r["task_id"],
                r["map_index"],
                r["state"] or "none",
                float(r["duration"] or 0.0),
            )
            for r in rows
        ]

    def _get(self, path: str, **parameters: Any) -> Any:
        answer = self._http.get(f"/api/v2{path}", params=parameters)
        if (
            answer.status_code == httpx.codes.UNAUTHORIZED
        ):  # the token lives for a day, a long backfill for longer
            self.login()
            answer = self._http.get(f"/api/v2{path}", params=parameters)
        return answer.raise_for_status().json()


def wait_until(
    condition: Callable[[], bool], seconds: float, what: str, every: float = 0.3
) -> None:
    """Poll until true. Raises TimeoutError naming what did not happen."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s")
        time.sleep(every)
