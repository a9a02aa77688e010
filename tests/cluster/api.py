"""Airflow's REST API as a user of the UI has it, with a name and a password."""

from __future__ import annotations

from typing import Any

import httpx


class Api:
    """A client that is let in after `login`."""

    def __init__(self, base: str, name: str, password: str) -> None:
        self._login = {"username": name, "password": password}
        self._http = httpx.Client(base_url=base, timeout=60, trust_env=False)

    def login(self) -> None:
        """Fetch a token."""
        answer = self._http.post("/auth/token", json=self._login).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def dags(self) -> set[str]:
        """Ids of the DAGs that the scheduler knows."""
        return {dag["dag_id"] for dag in self.get("/dags", limit=100)["dags"]}

    def broken(self) -> list[str]:
        """What the DAG processor could not import."""
        return [error["stack_trace"] for error in self.get("/importErrors")["import_errors"]]

    def trigger(self, dag: str, night: str | None) -> str:
        """Start a run; returns its id."""
        body = {"logical_date": None} | ({"partition_key": night} if night else {})
        answer = self._http.post(f"/api/v2/dags/{dag}/dagRuns", json=body).raise_for_status()
        return str(answer.json()["dag_run_id"])

    def runs(self, night: str) -> list[dict[str, Any]]:
        """Every run of a night, newest first."""
        found = self.get("/dags/~/dagRuns", limit=100, order_by="-run_after")["dag_runs"]
        return [run for run in found if run.get("partition_key") == night]

    def run(self, dag: str, run: str) -> dict[str, Any]:
        """One run."""
        found: dict[str, Any] = self.get(f"/dags/{dag}/dagRuns/{run}")
        return found

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Task instances of a run, with the host that each ran on."""
        found = self.get(f"/dags/{dag}/dagRuns/{run}/taskInstances", limit=100)
        return list(found["task_instances"])

    def log(self, task: dict[str, Any]) -> str:
        """What the UI shows as the log of a task's last try."""
        place = f"/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances"
        name = f"{place}/{task['task_id']}/logs/{task['try_number']}"
        return str(self.get(name, map_index=task["map_index"], full_content="true")["content"])

    def page(self, path: str) -> str:
        """A page of the plug-in."""
        return self._http.get(f"/nightshelf/{path}").raise_for_status().text

    def get(self, path: str, **parameters: Any) -> Any:
        """What the API answers."""
        return self._http.get(f"/api/v2{path}", params=parameters).raise_for_status().json()
