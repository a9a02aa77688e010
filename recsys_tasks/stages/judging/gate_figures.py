"""What the gate measured, for analysts: every system's figures, the challenger's gain over each
other, and how groups of users fare.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Engine

from recsys_tasks.stages.records import SliceFigure, record_metrics, record_slices

_RECORDED = ("challenger", "champion", "popularity")
_END = {"gain": "change", "gain_low": "low", "gain_high": "high"}


def record_figures(engine: Engine, as_of: date, figures: Mapping[str, Any]) -> None:
    """Keep `figures`, as `gate.figures.all_figures` makes them, as metrics and slices of the night;
    nothing where there were none.
    """
    systems = figures.get("systems", {})
    for role in [role for role in _RECORDED if role in systems]:
        summary = {name: _number(value) for name, value in systems[role]["summary"].items()}
        record_metrics(engine, as_of, f"gate/{role}", summary)
    for role in [role for role in _RECORDED if role in figures.get("against", {})]:
        change = figures["against"][role][figures["metric"]]
        gains = {name: _number(change[end]) for name, end in _END.items()}
        record_metrics(engine, as_of, f"gate/against={role}", gains)
    slices = [
        SliceFigure(role, group, figures["metric"], found["users"], *_ends(found))
        for role, system in systems.items()
        for group, found in system["slices"].items()
    ]
    record_slices(engine, as_of, "gate", slices)


def _ends(found: Mapping[str, Any]) -> tuple[float, float, float]:
    return _number(found["mean"]), _number(found["low"]), _number(found["high"])


def _number(value: float | None) -> float:
    return math.nan if value is None else value
