"""Benchmark rows, printed as a table and written to build/bench/<name>.json."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

OUT = Path(__file__).resolve().parent.parent / "build" / "bench"


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, of which system, on which data."""

    dataset: str
    protocol: str
    window: str
    system: str
    metric: str
    k: int
    size: int
    value: float
    unit: str = "share"
    runs: int = 1


def with_means(rows: Iterable[Row]) -> list[Row]:
    """The rows and, for each system and metric, their mean over windows; rows that are means stay
    as they are.
    """
    rows = list(rows)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if row.window == "mean":
            continue
        groups.setdefault((row.dataset, row.protocol, row.system, row.metric), []).append(row)
    means = [
        Row(
            r[0].dataset,
            r[0].protocol,
            "mean",
            r[0].system,
            r[0].metric,
            r[0].k,
            sum(x.size for x in r),
            sum(x.value for x in r) / len(r),
            r[0].unit,
            r[0].runs,
        )
        for r in groups.values()
    ]
    return rows + means


def environment(seed: int, date: str) -> dict[str, object]:
    """Versions, cores, seed and date of a run."""
    packages = ("tensorflow", "tensorflow-recommenders", "scann", "lightgbm", "duckdb", "numpy")
    return {
        "environment": {
            "date": date,
            "seed": seed,
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in packages},
        }
    }


def publish(name: str, rows: list[Row], seed: int, date: str, by_size: bool = False) -> Path:
    """Print the means as a table, or with a column for each size, and write everything as JSON."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(json.dumps([*(asdict(r) for r in rows), environment(seed, date)], indent=1))
    frame = pd.DataFrame([asdict(r) for r in rows if r.window == "mean"])
    for (dataset, protocol), part in frame.groupby(["dataset", "protocol"], sort=False):
        index, columns = (["system", "metric", "unit"], "size") if by_size else ("system", "metric")
        table = part.pivot_table(index=index, columns=columns, values="value", sort=False)
        over = (
            "by users"
            if by_size
            else f"mean of the windows, {int(part['size'].max())} users in all"
        )
        print(f"\n{dataset} · {protocol} · {over}")
        print(table.round(4).to_string(na_rep="–"))
    print(f"\nwritten: {path}")
    return path
