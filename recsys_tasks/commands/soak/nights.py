"""The nights of a soak, one after the other, and what is looked at after each."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import sqlalchemy as sa

from recsys_tasks.commands.soak.faults import FAULTS, Fault, Plan, missed, nothing
from recsys_tasks.commands.soak.stand import Stand
from recsys_tasks.database import create_engine, urls
from recsys_tasks.stages import local_environment

_SWEEP_EVERY = 7
"""Nights between two runs of `recsys maintain`, as of the DAG maintain_storage."""


@dataclass(frozen=True)
class SoakNight:
    """What became of a night."""

    night: date
    fault: str
    tries: int
    seconds: float
    peak_mb: float
    """Resident, of its largest process."""
    kept_mb: float
    """Lake and database, without the shop's own days."""
    readers: date | None
    """The night whose lists readers see after it."""
    wrong: str = ""
    """Empty: as it should be."""


def soak(folder: Path, nights: int, seed: int) -> Iterator[SoakNight]:
    """Run so many nights of a new simulated shop under `folder`; faults are drawn by the seed.

    The first night has none, and the last is not missed. Raises OSError.
    """
    stand, draw = Stand.open(folder, seed), random.Random(seed)
    with local_environment(stand.home):  # one server for all the nights
        for number in range(nights):
            fault: Fault = nothing
            if number:
                fault = draw.choices(list(FAULTS), weights=list(FAULTS.values()))[0]
            if fault is missed and number == nights - 1:
                fault = nothing
            own = random.Random(f"{seed}.{number}")  # of the fault, whichever were before it
            yield _night(stand, Plan(stand.night(number), own), fault, number)


def _night(stand: Stand, plan: Plan, fault: Fault, number: int) -> SoakNight:
    stand.runs.clear()
    stand.hit = True
    stand.deliver(plan.night)
    yesterday = plan.night - timedelta(days=1)
    if number and fault is not missed and stand.readers_night() != yesterday:
        stand.run(yesterday)  # it was missed
    wrong = [fault(stand, plan)]
    if number % _SWEEP_EVERY == _SWEEP_EVERY - 1:
        done = stand.recsys("maintain")
        wrong += [f"recsys maintain: {done.stderr[-300:]}"] * (done.returncode != 0)
    readers = stand.readers_night()
    expected = yesterday if fault is missed else plan.night
    if readers != expected:
        said = stand.runs[-1].said[-300:] if stand.runs else ""
        wrong.append(f"readers see {readers}, not {expected}: {said}")
    wrong += _leftovers(stand)
    return SoakNight(
        plan.night,
        _name(fault) + ("" if stand.hit else ", too late"),
        len(stand.runs),
        sum(run.seconds for run in stand.runs),
        max((run.peak_mb for run in stand.runs), default=0.0),
        _kept_mb(stand),
        readers,
        "; ".join(filter(None, wrong)),
    )


def _name(fault: Fault) -> str:
    return getattr(fault, "__name__", "").replace("_", " ")


def _leftovers(stand: Stand) -> Iterator[str]:
    """What no night may leave: half-made publications, readers without lists, damaged files."""
    with _connected(stand) as connection:
        building = connection.scalar(
            sa.text("SELECT count(*) FROM recsys.publication WHERE status = 'building'")
        )
        lists = connection.scalar(
            sa.text("SELECT count(DISTINCT user_id) FROM recsys.recommendations")
        )
    if building:
        yield f"{building} publications are half made"
    if not lists:
        yield "readers have no lists"
    if stand.recsys("verify").returncode:
        yield "the lake has damaged files"


def _kept_mb(stand: Stand) -> float:
    lake = sum(p.stat().st_size for p in (stand.home / "lake").rglob("*") if p.is_file())
    with _connected(stand) as connection:
        base = connection.scalar(sa.text("SELECT pg_database_size(current_database())"))
    return float(lake + (base or 0)) / 1e6


@contextmanager
def _connected(stand: Stand) -> Iterator[sa.Connection]:
    engine = create_engine(urls(stand.home)["recsys"])
    with engine.connect() as connection:
        yield connection
    engine.dispose()
