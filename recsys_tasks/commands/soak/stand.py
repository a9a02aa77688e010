"""A small simulated shop with a home of its own, whose nights are processes that can be killed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psutil
import yaml

from recsys_tasks.config import DEFAULT_CONFIG, load_config
from recsys_tasks.sources.kinds.shop import ShopSource
from recsys_tasks.sources.shop.source import Shop

FIRST_NIGHT = date(2026, 2, 16)
_SMALL: Mapping[str, Any] = yaml.safe_load("""
    project: soak
    source: {kind: shop, users: 300, items: 120, first_day: "2026-01-12"}
    two_tower: {dimensions: 16, epochs: 1, batch_size: 256, history_length: 10}
    ranker: {windows: 1, light_trees: 5, heavy_trees: 5, min_leaf_rows: 20}
    gate: {min_users: 20}
    serving: {k: 10, spares: 5, shards: 1, keep_publications: 4}
    resources: {threads: 1}
    """)
"""What its settings have otherwise than the demo's."""
_POLL = 0.1


@dataclass(frozen=True)
class Run:
    """How a night's process ended."""

    code: int
    seconds: float
    peak_mb: float
    said: str


@dataclass
class Stand:
    """The folder of one soak: settings, home, and what its nights used."""

    folder: Path
    seed: int
    usual_seconds: float = math.inf
    """Of the fastest night so far."""
    hit: bool = True
    """Whether the present night's fault came before its process had ended."""
    runs: list[Run] = field(default_factory=list)
    """Of the present night."""

    @classmethod
    def open(cls, folder: Path, seed: int) -> Stand:
        """A new one in an empty folder. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        small = {**_SMALL, "source": {**_SMALL["source"], "seed": seed}}
        settings = yaml.safe_load(DEFAULT_CONFIG.read_text()) | small
        (folder / "recsys.yaml").write_text(yaml.safe_dump(settings))
        return cls(folder, seed)

    @property
    def home(self) -> Path:
        """RECSYS_HOME of its nights."""
        return self.folder / "home"

    @property
    def shop(self) -> Shop:
        """The shop whose days its nights read."""
        source = load_config(self.folder / "recsys.yaml").source
        assert isinstance(source, ShopSource)
        return Shop(source, self.home)

    def deliver(self, night: date) -> None:
        """The shop's days before the night."""
        self.shop.simulate(night)

    def run(self, night: date, meanwhile: Callable[[psutil.Popen], None] | None = None) -> Run:
        """One night, as `recsys run` does it; `meanwhile` may harm its process."""
        began, peak = time.monotonic(), 0.0
        log = self.folder / "run.log"
        with log.open("w") as out:
            process = psutil.Popen(
                [sys.executable, "-m", "recsys_tasks.cli", "run", "--as-of", str(night)],
                env=self._environment,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            harm = threading.Thread(target=meanwhile or _nothing, args=(process,))
            harm.start()
            while process.poll() is None:
                peak = max(peak, _resident_mb(process))
                time.sleep(_POLL)
            harm.join()
        run = Run(process.returncode, time.monotonic() - began, peak, log.read_text()[-2000:])
        if run.code == 0:
            self.usual_seconds = min(self.usual_seconds, run.seconds)
        self.runs.append(run)
        return run

    def recsys(self, *words: str) -> subprocess.CompletedProcess[str]:
        """What a command of the home says."""
        return subprocess.run(
            [sys.executable, "-m", "recsys_tasks.cli", *words],
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
        )

    def readers_night(self) -> date | None:
        """The night whose lists readers see."""
        answer = self.recsys("status", "--json").stdout
        with suppress(ValueError, IndexError, KeyError, TypeError):
            return date.fromisoformat(json.loads(answer)[0]["as_of"])
        return None

    def night(self, number: int) -> date:
        """The date of the `number`th night, from 0."""
        return FIRST_NIGHT + timedelta(days=number)

    @property
    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RECSYS"))}
        own = {"RECSYS_HOME": self.home, "RECSYS_CONFIG": self.folder / "recsys.yaml"}
        return kept | {name: str(path) for name, path in own.items()}


def _nothing(process: psutil.Popen) -> None:
    """What happens to the process of a night without a fault."""


def _resident_mb(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        return float(process.memory_info().rss) / 1e6
    return 0.0
