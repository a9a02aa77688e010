"""What the smoke tests break: a small home under the real launcher, and its readers."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil

from tests.airflow.recorder import Recorder
from tests.airflow.stacks import NIGHT, Launcher, Reader, until

PLANTS = Path(__file__).parent / "plants"


HOME_MB = 400


DAYS = 12


TINY: dict[str, Any] = {
    "source": {"kind": "shop", "seed": 3, "users": 300, "items": 120, "first_day": "2026-01-12"},
    "two_tower": {"dimensions": 16, "epochs": 1, "batch_size": 256, "history_length": 10},
    "ranker": {"windows": 1, "light_trees": 5, "heavy_trees": 5, "min_leaf_rows": 20},
    "embeddings": {"publish": False},
    "gate": {"min_users": 20},
    "serving": {"k": 10, "spares": 5, "shards": 1},
    "schedule": {"retry_first_seconds": 2, "retry_minutes": 0.03},  # one retry
}


class Stand:
    """The launcher, its reader, and the pages since the last look."""

    def __init__(self, launcher: Launcher, reader: Reader, recorder: Recorder) -> None:
        self.launcher, self.reader, self.recorder = launcher, reader, recorder
        self.home, self.days, self._seen = launcher.home, 0, 0

    def begin(self) -> tuple[date, str]:
        """A night that was not tried before; what came until now is no longer of interest."""
        self.days += 1
        self.look_from_now()
        return self.night, self.launcher.trigger(self.night)

    def look_from_now(self) -> None:
        self._seen = len(self.recorder.received)
        self.reader.failures.clear()

    @property
    def night(self) -> date:
        return NIGHT + timedelta(days=self.days)

    @property
    def pages(self) -> list[dict[str, Any]]:
        bodies = self.recorder.bodies[self._seen :]
        return [body for body in bodies if body.get("status", "open") == "open"]

    def until_failed(self, run: str, dag: str = "validate_data") -> None:
        until(lambda: self.state(run, dag) == "failed", 400, lambda: self.launcher.said)

    def state(self, run: str, dag: str = "validate_data") -> str | None:
        return {
            found["dag_run_id"]: found["state"]
            for found in self.launcher.runs()
            if found["dag_id"] == dag
        }.get(run)

    def until_paged(self) -> None:
        until(lambda: self.pages, 120, lambda: f"no page; {self.launcher.said}")

    def watch(self) -> None:
        """The hourly look, now: it delivers what waits, and pages for nothing that has a page."""
        run = self.launcher.trigger_now("watch_freshness")
        until(
            lambda: self.state(run, "watch_freshness") in ("success", "failed"),
            300,
            lambda: self.launcher.said,
        )

    def until_killed(self, number: int) -> None:
        """SIGKILL the task that hangs, for the `number`th time."""
        hangs = self.home / "hangs.txt"
        until(hangs.exists, 120, lambda: f"try {number} did not begin; {self.launcher.said}")
        process = psutil.Process(int(hangs.read_text()))
        hangs.unlink()
        process.kill()

    def one_page(self) -> dict[str, Any]:
        """The only page of this night, also after the hourly look; readers saw their lists all the
        time.
        """
        self.until_paged()
        self.watch()
        (page,) = self.pages
        assert self.reader.failures == []
        return page
