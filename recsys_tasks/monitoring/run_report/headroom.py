"""The section on where quality is lost: what a perfect order of what each stage kept would
reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from recsys_tasks.gate.headroom import CANDIDATES, LIGHT, LISTS, STAGES, UNION
from recsys_tasks.gate.slices import ACTIVITY_BANDS
from recsys_tasks.monitoring.run_report.blocks import (
    Chart,
    Known,
    Note,
    Section,
    Series,
    Table,
    cells,
    number,
)

SCOPE = "gate/headroom="
_TITLE = "Where quality is lost"
_SAYS = {
    UNION: "all that the generators named",
    CANDIDATES: "kept as candidates",
    LIGHT: "kept by the light ranker",
    LISTS: "the lists as ordered",
}


def headroom(known: Known) -> Section:
    """Figures of everyone, and of users by their number of earlier events."""
    scopes = _scopes(known.facts.get("metrics", {}))
    everyone = {stage: figures.get("") for stage, figures in scopes.items()}
    reached = [everyone.get(stage) for stage in STAGES]
    if any(value is None for value in reached):
        return Section("headroom", _TITLE, "Not measured for this night.", (Note(
            "No release was measured on a gate window tonight."),))  # fmt: skip
    names = tuple(_SAYS[stage] for stage in STAGES)
    values = tuple(float(value) for value in reached if value is not None)
    lost = {later: before - after for (before, after), later in zip(
        pairwise((1.0, *values)), names, strict=True)}  # fmt: skip
    most = max(lost, key=lambda name: lost[name])
    says = (
        f"The lists reach {number(values[-1])}; the largest loss, {number(lost[most])}, is between"
        f" {_before(most, names)} and {most}."
    )
    note = (
        "NDCG@10 of tonight's release on the gate window, if what each stage kept were ordered"
        " perfectly; 1 would be everything that users did. The last bar is the real order."
    )
    chart = Chart(
        "bars", "What could be reached", "ndcg@10", "", (Series("ndcg@10", names, values),), note
    )
    measured = {band for figures in scopes.values() for band in figures}
    bands = [band for _, _, name in ACTIVITY_BANDS if (band := f"activity={name}") in measured]
    rows = tuple(
        cells(band.removeprefix("activity="), *(scopes[stage].get(band) for stage in STAGES))
        for band in bands
    )
    table = Table(("users", *names), rows, numbers=frozenset({1, 2, 3, 4}))
    return Section("headroom", _TITLE, says, (chart, table) if rows else (chart,))


def _scopes(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Stage → band ("" for everyone) → NDCG@10."""
    found: dict[str, dict[str, float | None]] = {stage: {} for stage in STAGES}
    for scope, values in metrics.items():
        stage, _, band = scope.removeprefix(SCOPE).partition("/")
        if scope.startswith(SCOPE) and stage in found:
            found[stage][band] = values.get("ndcg@10")
    return found


def _before(name: str, names: tuple[str, ...]) -> str:
    at = names.index(name)
    return names[at - 1] if at else "everything that users did"
