"""Whether a soak went as it should: no night was wrong, memory and disk do not go on growing."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from recsys_tasks.commands.soak.nights import SoakNight

_GROWTH = 1.25
"""Most that the last third may use, beside the third before it."""


def verdict(nights: Sequence[SoakNight]) -> list[str]:
    """What is wrong, a line each; none where all is well.

    Growth is judged from nine nights on: it takes some until the first are removed.
    """
    wrong = [f"{night.night}: {night.wrong}" for night in nights if night.wrong]
    third = len(nights) // 3
    if third < 3:
        return wrong
    for name, values in {
        "memory (MB, the largest process)": [night.peak_mb for night in nights if night.peak_mb],
        "lake and database (MB)": [night.kept_mb for night in nights],
    }.items():
        middle, last = median(values[-2 * third : -third]), median(values[-third:])
        if last > _GROWTH * middle:
            wrong.append(f"{name} grew from {middle:,.0f} to {last:,.0f} in {third} nights")
    return wrong
