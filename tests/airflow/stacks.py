"""The real launcher with a small shop, for tests that break things under it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil
import psycopg
import yaml

from recsys_tasks.database import urls
from tests.airflow.conftest import ROOT
from tests.airflow.recorder import Recorder
from tests.stages.shop_nights import SETTINGS

NIGHT = date(2026, 2, 16)
T = TypeVar("T")
UI = re.compile(r"UI: (http://127\.0\.0\.1:\d+)")


def until(condition: Callable[[], T], seconds: float, what: str | Callable[[], str]) -> T:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.2)
    return found


def write_settings(path: Path, **changes: Any) -> Path:
    """The small shop's settings, with sections replaced."""
    path.write_text(yaml.safe_dump({**SETTINGS, **changes}))
    return path


class Launcher:
    """`make airflow` on a home: its screen, its processes, its API."""

    def __init__(
        self,
        home: Path,
        settings: Path,
        recorder: Recorder | None = None,
        port: int = 8300,
        **environment: str,
    ) -> None:
        self.home, self.settings = home, settings
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RECSYS"))}
        kept.pop("PYTHONPATH", None)
        kept |= {
            "RECSYS_HOME": str(home),
            "RECSYS_CONFIG": str(settings),
            "COLUMNS": "200",
            "NO_PROXY": "127.0.0.1",
        }
        if recorder is not None:
            kept["AIRFLOW_CONN_ALERT_WEBHOOK"] = recorder.as_webhook
        command = [sys.executable, "-m", "recsys_tasks.launcher", "airflow", "--port", str(port)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=kept | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._http: httpx.Client | None = None

    @property
    def http(self) -> httpx.Client:
        """A client that is let in; there is none before `wait_up`."""
        assert self._http is not None
        return self._http

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *what: object) -> None:
        self.stop()

    def wait_up(self) -> Self:
        """Until it serves; a client that is let in."""
        until(
            lambda: UI.search(self.said) or self.process.poll() is not None, 600, lambda: self.said
        )
        found = UI.search(self.said)
        assert found, self.said
        self._http = httpx.Client(base_url=found[1], timeout=30, trust_env=False)
        self.http.headers["Authorization"] = "Bearer " + self.get("/auth/token")["access_token"]
        return self

    def healthy(self) -> bool:
        """Whether every part reports that it works."""
        with suppress(httpx.HTTPError):
            health = self.get("/api/v2/monitor/health")
            return all(
                health[p]["status"] == "healthy"
                for p in ("metadatabase", "scheduler", "dag_processor")
            )
        return False

    def get(self, path: str, **parameters: Any) -> Any:
        return self.http.get(path, params=parameters).raise_for_status().json()

    def trigger(self, night: date, dag: str = "validate_data") -> str:
        return self._start(dag, {"logical_date": None, "partition_key": str(night)})

    def trigger_now(self, dag: str) -> str:
        """A run of a DAG that knows no night."""
        return self._start(dag, {"logical_date": None})

    def _start(self, dag: str, body: dict[str, Any]) -> str:
        answer = self.http.post(f"/api/v2/dags/{dag}/dagRuns", json=body).raise_for_status()
        return str(answer.json()["dag_run_id"])

    def clear(self, dag: str, run: str) -> None:
        """What the page's command does."""
        body = {"dry_run": False, "dag_run_id": run, "only_failed": True, "reset_dag_runs": True}
        self.http.post(f"/api/v2/dags/{dag}/clearTaskInstances", json=body).raise_for_status()

    def pause(self, dag: str, paused: bool) -> None:
        """Pause a DAG, or let it go on."""
        self.http.patch(f"/api/v2/dags/{dag}", json={"is_paused": paused}).raise_for_status()

    def runs(self) -> list[dict[str, Any]]:
        with suppress(httpx.HTTPError):
            found = self.get("/api/v2/dags/~/dagRuns", limit=100, order_by="-run_after")
            return list(found["dag_runs"])
        return []

    def states(self, dag: str) -> list[str]:
        return [run["state"] for run in self.runs() if run["dag_id"] == dag]

    def task_state(self, dag: str, night: date, task: str) -> str | None:
        """State of a task in the night's newest run of a DAG."""
        runs = [
            r["dag_run_id"]
            for r in self.runs()
            if r["dag_id"] == dag and r.get("partition_key") == str(night)
        ]
        return self.tasks(dag, runs[0]).get(task, {}).get("state") if runs else None

    def states_of_night(self, night: date) -> list[str]:
        return [run["state"] for run in self.runs() if run.get("partition_key") == str(night)]

    def tasks(self, dag: str, run: str) -> dict[str, dict[str, Any]]:
        with suppress(httpx.HTTPError):
            rows = self.get(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
            return {row["task_id"]: row for row in rows}
        return {}

    def part(self, name: str) -> psutil.Process | None:
        """The process of a part of Airflow that the launcher started."""
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if name in " ".join(child.cmdline()) and child.status() != psutil.STATUS_ZOMBIE:
                    return child
        return None

    def part_other_than(self, before: psutil.Process, name: str) -> psutil.Process | None:
        found = self.part(name)
        return found if found is not None and found.pid != before.pid else None

    def stop(self) -> None:
        """Ctrl-C; nothing is left."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        if self._http is not None:
            self._http.close()


class Reader:
    """An application that asks for lists all the time, each time through a new connection."""

    def __init__(self, home: Path) -> None:
        self.url = urls(home)["recsys_reader"].replace("+psycopg", "")
        self.answers = 0
        self.failures: list[tuple[float, str]] = []  # monotonic seconds, and what went wrong
        self.night: date | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        self._ended.set()
        self._thread.join(timeout=30)

    def ask(self) -> tuple[int, date | None]:
        with psycopg.connect(self.url, connect_timeout=10) as connection:
            answer = connection.execute(
                "SELECT count(*), max(as_of) FROM recsys.recommendations"
            ).fetchone()
        assert answer is not None
        rows, night = answer
        return rows, night

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            try:
                rows, night = self.ask()
            except psycopg.Error as error:
                self.failures.append((time.monotonic(), str(error)))
                continue
            if not rows:
                self.failures.append((time.monotonic(), "no lists"))
            self.answers += 1
            self.night = night
