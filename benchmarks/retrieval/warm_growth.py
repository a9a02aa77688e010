"""What a warm night of the tower costs as a history, a catalogue and a day grow: seconds and
memory, at the defaults.

`python -m benchmarks.retrieval.warm_growth`. Crowds are made up (benchmarks.crowd). The version
before is trained on a few of their examples only: what is measured is the cost of the night after
it, not what it learns. A process a size, one thread; seconds are the processor's.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks import report
from benchmarks.crowd import AS_OF, SETTINGS, TODAYS_ITEMS, gather
from recsys_tasks.clock import Cutoffs
from recsys_tasks.config import Config, parse_config
from recsys_tasks.lake import Lake

FIRST_EXAMPLES = 200_000


@dataclass(frozen=True)
class Size:
    """A shop: its last day has `users * events_per_user / days` events."""

    users: int
    items: int
    events_per_user: int
    days: int

    @property
    def name(self) -> str:
        events = self.users * self.events_per_user
        return f"{events / 1e6:g} M events in {self.days} days, {self.items // 1000:,} k items"


SIZES = (
    Size(1_000_000, 100_000, 5, 91),  # the same day after a quarter, a year, two years
    Size(1_000_000, 100_000, 20, 365),
    Size(1_000_000, 100_000, 40, 730),
    Size(200_000, 10_000, 12, 365),  # the same day with more items
    Size(200_000, 100_000, 12, 365),
    Size(200_000, 1_000_000, 12, 365),
)
WARM_UP = Size(3_000, 4_000, 12, 60)
"""Compiles the kernels, once for a version of the sources."""
UNITS = {"new events": "rows", "examples": "rows", "peak memory": "MB"}


def measure() -> list[report.Row]:
    """Every size, a process each: one for its crowd and the version before, one for the night."""
    _measured(WARM_UP)
    rows = []
    for size in SIZES:
        found = _measured(size)
        print(
            f"  {size.name}: " + ", ".join(f"{name} {value:,.1f}" for name, value in found.items()),
            flush=True,
        )
        rows += [
            report.Row(
                "crowd",
                "warm night",
                "mean",
                size.name,
                name,
                0,
                size.users,
                value,
                UNITS.get(name, "seconds"),
            )
            for name, value in found.items()
        ]
    return rows


def _measured(size: Size) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="warm-growth-") as folder:
        for step in ("before", "night"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.retrieval.warm_growth",
                step,
                json.dumps(astuple(size)),
                folder,
            ]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def _config() -> Config:
    return parse_config({**SETTINGS, "two_tower": {"epochs": 1}, "resources": {"threads": 1}})


def before(size: Size, folder: Path) -> None:
    """The crowd, and a version that learned up to the day before, when today's items were not
    there.
    """
    from recsys_tasks.retrieval.tower import cold_start
    from recsys_tasks.retrieval.tower import lineage as two_tower
    from recsys_tasks.retrieval.tower.examples import newest

    crowd = gather(
        folder,
        size.users,
        events_per_user=size.events_per_user,
        config=_config(),
        m=size.items,
        days=size.days,
    )

    def few(run: Any) -> Any:
        return newest(run.examples, run.events, 1, FIRST_EXAMPLES)

    items = crowd.snapshot.items.iloc[:-TODAYS_ITEMS]
    yesterday = replace(crowd.snapshot, instead={"items": items})
    with patch.object(cold_start, "examples_of", few):
        two_tower.train_two_tower(yesterday, AS_OF - timedelta(days=1))


def night(size: Size, folder: Path) -> dict[str, float]:
    """Tonight's version and its vectors, by the pipeline's stages."""
    from recsys_tasks.retrieval.tower.embed import embed
    from recsys_tasks.retrieval.tower.lineage import train_two_tower
    from recsys_tasks.retrieval.tower.training_run import TrainingRun
    from recsys_tasks.retrieval.tower.versions import lineages_of, tower_at
    from recsys_tasks.snapshot.dataset import open_snapshot

    snapshot = open_snapshot(_config(), Lake(folder), AS_OF)
    parent = tower_at(snapshot.lake, lineages_of(snapshot.lake, snapshot.config, AS_OF)[0], AS_OF)
    assert parent is not None
    steps: list[float] = []
    with patch.object(TrainingRun, "fit", _timed(TrainingRun.fit, steps)):
        started = time.process_time()
        version = train_two_tower(snapshot, AS_OF, parent)
        learned = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    embed(snapshot, version, Cutoffs.at(AS_OF))
    return {
        "new events": snapshot.rows_between(parent.learned_before, AS_OF),
        "examples": version.ledger["examples"] + version.ledger["replayed"],
        "learning": learned,
        "of it steps": sum(steps),
        "embedding": time.process_time() - started - learned,
        "peak memory": peak,
    }


def _timed(work: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        started = time.process_time()
        result = work(*arguments)
        seconds.append(time.process_time() - started)
        return result

    return timed


def main() -> None:
    if len(sys.argv) == 1:
        measure()
        return
    step, size, folder = sys.argv[1], Size(*json.loads(sys.argv[2])), Path(sys.argv[3])
    if step == "before":
        before(size, folder)
    else:
        print(json.dumps(night(size, folder)))


if __name__ == "__main__":
    main()
