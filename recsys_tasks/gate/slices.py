"""Groups of users that the gate guards: by activity, new or known, and by every declared
attribute.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from recsys_tasks.config import Attribute
from recsys_tasks.metrics import Bools, Ints

ACTIVITY_BANDS = (
    (0, 0, "new"),
    (1, 4, "1-4 events"),
    (5, 19, "5-19 events"),
    (20, None, "20+ events"),
)
"""First and last number of earlier events, and the band's name."""
NUMERIC_BANDS = 4
MOST_VALUES = 100
UNKNOWN = "unknown"


def activity_slices(earlier_events: Ints) -> dict[str, Bools]:
    """Users by their number of events before the cutoff, `[n]`: new, and three bands of known
    ones.
    """
    bands = {
        f"activity={name}": (
            (earlier_events >= low) & (earlier_events <= (np.inf if high is None else high))
        )
        for low, high, name in ACTIVITY_BANDS
    }
    return bands | {"known users": earlier_events > 0}


def attribute_slices(attribute: Attribute, values: npt.NDArray[np.object_]) -> dict[str, Bools]:
    """Users by a declared attribute, `[n]`; a missing value is a slice of its own, where anybody
    misses it.

    categorical: by value. multi: by each of the user's values. numeric: quarters of the known
    values. text: whether there is any. The largest slices only, where there are many.
    """
    name = attribute.name
    if attribute.kind == "numeric":
        return _by_quarter(name, values)
    known = np.array([isinstance(v, str) and v.strip() != "" for v in values], bool)
    if attribute.kind == "text":
        return {f"{name}=given": known} | _if_any(name, ~known)
    separator = attribute.separator if attribute.kind == "multi" else None
    members: dict[str, list[int]] = {}
    for row in np.flatnonzero(known):
        for member in values[row].split(separator) if separator else [values[row]]:
            members.setdefault(member.strip(), []).append(int(row))
    members.pop("", None)
    largest = sorted(members, key=lambda value: (-len(members[value]), value))[:MOST_VALUES]
    found = {}
    for value in sorted(largest):
        found[f"{name}={value}"] = np.zeros(len(values), bool)
        found[f"{name}={value}"][members[value]] = True
    return found | _if_any(name, ~known)


def _by_quarter(name: str, values: npt.NDArray[np.object_]) -> dict[str, Bools]:
    numbers = np.array(
        [float(v) if isinstance(v, int | float | np.number) else np.nan for v in values]
    )
    known = ~np.isnan(numbers)
    if not known.any():
        return _if_any(name, ~known)
    edges = np.quantile(numbers[known], np.linspace(0, 1, NUMERIC_BANDS + 1), method="inverted_cdf")
    found = {}
    for place, (low, high) in enumerate(pairwise(edges)):
        inside = (numbers >= low if place == 0 else numbers > low) & (numbers <= high)
        if inside.any():
            found[f"{name} {low:g} to {high:g}"] = inside
    return found | _if_any(name, ~known)


def _if_any(name: str, missing: Bools) -> dict[str, Bools]:
    return {f"{name}={UNKNOWN}": missing} if missing.any() else {}
