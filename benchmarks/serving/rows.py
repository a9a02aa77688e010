"""Rows of the report of `make bench-precompute`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from benchmarks import report
from benchmarks.crowd import SETTINGS
from benchmarks.serving.cookbook import best_of
from benchmarks.serving.queries import queries
from recsys_tasks.config import parse_config
from recsys_tasks.database import create_engine

K = parse_config(SETTINGS).serving.k
"""Items a list."""


def row(size: int, system: str, metric: str, value: float, unit: str, runs: int = 1) -> report.Row:
    return report.Row(
        "crowd",
        "precompute",
        "mean",
        system,
        metric,
        parse_config(SETTINGS).serving.k,
        size,
        value,
        unit,
        runs,
    )


def step_rows(size: int, steps: list[tuple[str, float, float]]) -> Iterator[report.Row]:
    """µs a user and core of each step, beside its floor."""
    print(f"\n  {'µs a user on one core':<28}{'measured':>10}{'floor':>10}")
    for name, measured, floor in [
        *steps,
        ("sum", sum(s[1] for s in steps), sum(s[2] for s in steps)),
    ]:
        print(f"  {name:<28}{measured:>10.1f}{floor:>10.1f}")
        yield row(size, "nightshelf", f"us {name}", measured, "µs")
        yield row(size, "floor", f"us {name}", floor, "µs")


def cookbook_rows(urls: dict[str, str], size: int, night: date) -> Iterator[report.Row]:
    """The analysts' queries, asked as a reader: the slowest answer at its best of three."""
    engine = create_engine(urls["recsys_reader"])
    asked = queries(user="u1", item="i2", as_of=str(night))
    with engine.connect() as connection:
        seconds = {query.title: best_of(connection, query)[2] for query in asked}
    engine.dispose()
    slowest = max(seconds, key=lambda title: seconds[title])
    print(
        f"  cookbook: {len(asked)} queries, the slowest {seconds[slowest]:.2f} s ({slowest})",
        flush=True,
    )
    yield row(size, "nightshelf", "cookbook's slowest query", seconds[slowest], "seconds")
