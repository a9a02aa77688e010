"""Follows one night through Airflow and tells a person what happens, a line a finished stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import httpx
from sqlalchemy import Engine

from recsys_tasks.errors import TransientError
from recsys_tasks.launcher import report
from recsys_tasks.launcher.api import FINISHED, AirflowApi
from recsys_tasks.launcher.processes import MemoryMeter

_EVERY_SECONDS = 1.0
_FIGURES_SHOWN = 4
_SILENT_SECONDS = 300.0


class Progress:
    """Lines for people, and the label under which memory is being measured."""

    def __init__(
        self, api: AirflowApi, engine: Engine, meter: MemoryMeter, say: Callable[[str], None]
    ) -> None:
        self._api, self._engine, self._meter, self._say = api, engine, meter, say
        self._last_run = 0

    def follow(self, night: date, run: str, *, until: str, seconds: float) -> str:
        """Until `until` finished for this night, or a DAG failed: the state. Raises TimeoutError.

        `run` is the first DAG's run id: older runs of the same night are not this one's business.
        An Airflow or a database that is being started again meanwhile is waited for.
        """
        deadline = time.monotonic() + seconds
        answered = time.monotonic()
        while time.monotonic() < deadline:
            try:
                state = self._state(night, run, until)
                answered = time.monotonic()
            except (httpx.HTTPError, TransientError):
                if time.monotonic() - answered > _SILENT_SECONDS:
                    raise
                state = None
            if state is not None:
                return state
            time.sleep(_EVERY_SECONDS)
        raise TimeoutError(f"night {night} did not end within {seconds:.0f} s")

    def _state(self, night: date, run: str, until: str) -> str | None:
        runs = self._api.runs(night.isoformat())
        began = next((r["run_after"] for r in runs if r["dag_run_id"] == run), None)
        mine = [r for r in runs if began and r["run_after"] >= began]
        self._label(mine)
        self.tell_new()
        states = {r["dag_id"]: r["state"] for r in mine}
        if "failed" in states.values():
            return "failed"
        if states.get(until) in FINISHED:
            self.tell_new()
            return str(states[until])
        return None

    def tell_new(self) -> None:
        """One line for each stage that finished since the last call."""
        for row in report.stage_runs(self._engine, after=self._last_run):
            self._last_run = row["id"]
            self._say(
                f"   {row['stage']:<20} {row['seconds']:6.1f} s  {row['rows'] or 0:>9,} rows "
                f" {figures_line(row)}"
            )

    def last_alert(self) -> str:
        """The newest alert's message, for a demo that ends early."""
        found = report.alerts(self._engine)
        return (
            str(found[-1]["message"]) if found else "no alert yet; see the task's log in the home"
        )

    def _label(self, runs: list[dict[str, Any]]) -> None:
        running = [r["dag_id"] for r in runs if r["state"] == "running"]
        if running:
            self._meter.label = running[-1]


def figures_line(row: Mapping[str, Any], limit: int = _FIGURES_SHOWN) -> str:
    """The first few figures of a stage run, short."""
    figures = {k: v for k, v in (row["figures"] or {}).items() if v is not None and k != "reused"}
    shown = [f"{name} {_short(value)}" for name, value in list(figures.items())[:limit]]
    return ("unchanged, reused; " if (row["figures"] or {}).get("reused") else "") + ", ".join(
        shown
    )


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
