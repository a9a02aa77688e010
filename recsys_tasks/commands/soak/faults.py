"""What can break in a night of a soak, and what whoever is on call then does about it.

Each function brings its night to an end, and returns what was wrong on the way, empty for nothing;
readers should see the night afterwards.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psutil

from recsys_tasks.commands.soak.stand import Stand
from recsys_tasks.database import EmbeddedServer


@dataclass(frozen=True)
class Plan:
    """One night of a soak."""

    night: date
    draw: random.Random


Fault = Callable[[Stand, Plan], str]


def nothing(stand: Stand, plan: Plan) -> str:
    """A night in which nothing breaks."""
    stand.run(plan.night)
    return ""


def killed(stand: Stand, plan: Plan) -> str:
    """The process is killed at some moment, as when memory runs out, and then run again."""
    stand.run(plan.night, lambda process: _later(stand, plan, process, process.kill))
    stand.run(plan.night)
    return ""


def killed_twice(stand: Stand, plan: Plan) -> str:
    """The same, and the second try is killed too."""
    for _ in range(2):
        stand.run(plan.night, lambda process: _later(stand, plan, process, process.kill))
    stand.run(plan.night)
    return ""


def database_killed(stand: Stand, plan: Plan) -> str:
    """PostgreSQL is killed at some moment; where the night failed by it, it is run again."""

    def kill() -> None:
        psutil.Process(EmbeddedServer.start(stand.home).server.get_pid()).kill()

    if stand.run(plan.night, lambda process: _later(stand, plan, process, kill)).code:
        stand.run(plan.night)
    return ""


def two_at_once(stand: Stand, plan: Plan) -> str:
    """Two processes run the same night; the one that is told to wait is no fault."""
    second = threading.Thread(target=stand.run, args=(plan.night,))
    second.start()
    stand.run(plan.night)
    second.join()
    return ""


def bad_batch(stand: Stand, plan: Plan) -> str:
    """The newest day is delivered broken, which must stop the night; then it is corrected."""
    day = plan.night - timedelta(days=1)
    stand.shop.write_bad_batch(day)
    stopped = stand.run(plan.night).code != 0
    stand.shop.write_corrected_batch(day)
    stand.run(plan.night)
    return "" if stopped else "a broken day was taken for a good one"


def damaged_file(stand: Stand, plan: Plan) -> str:
    """A file of the lake is damaged; where the night fails by it, it is set aside, and the night
    before and this one are run again.
    """
    files = [path for path in (stand.home / "lake").rglob("*") if _is_kept(path)]
    _spoil(plan.draw.choice(sorted(files)))
    if stand.run(plan.night).code == 0 and stand.recsys("verify").returncode == 0:
        return ""
    stand.recsys("verify", "--set-aside")
    stand.run(plan.night - timedelta(days=1))
    stand.run(plan.night)
    return ""


def missed(stand: Stand, plan: Plan) -> str:
    """Nothing ran that night: it is run the next morning, before the one that is due."""
    return ""


FAULTS: Mapping[Fault, int] = {
    nothing: 8,
    killed: 3,
    killed_twice: 1,
    database_killed: 2,
    two_at_once: 1,
    bad_batch: 2,
    damaged_file: 2,
    missed: 1,
}
"""Each with how often it comes."""


def _later(stand: Stand, plan: Plan, process: psutil.Popen, do: Callable[[], object]) -> None:
    """At a moment of the night that is drawn, if it still runs then."""
    time.sleep(plan.draw.uniform(0.05, 0.95) * stand.usual_seconds)
    stand.hit = process.poll() is None
    if stand.hit:
        with suppress(psutil.Error):
            do()


def _is_kept(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0 and "erased" not in path.parts


def _spoil(path: Path) -> None:
    """Other bytes of the same length, in the second half."""
    path.chmod(0o644)
    half = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(half)
        file.write(os.urandom(path.stat().st_size - half))
