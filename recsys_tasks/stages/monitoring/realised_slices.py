"""How groups of users fared with the lists of an earlier night, for analysts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from recsys_tasks import metrics
from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.gate.figures import mean_interval
from recsys_tasks.gate.slices import attribute_slices
from recsys_tasks.metrics import Bools, Floats
from recsys_tasks.snapshot.dataset import Snapshot
from recsys_tasks.stages.monitoring.night_lists import Lists
from recsys_tasks.stages.records import SliceFigure

_METRICS = ("ndcg@10", "hr@10")
_PLACES = 10


def realised_slices(
    snapshot: Snapshot, systems: Mapping[str, Lists], truth: Truth
) -> list[SliceFigure]:
    """Means and intervals of each group by a declared attribute: of `systems`, name to lists
    `[n, k] int32` of `truth.users [n]`.
    """
    groups: dict[str, Bools] = {}
    for attribute in snapshot.config.users.attributes:
        values = snapshot.users[attribute.name].to_numpy(object)[truth.users]
        groups |= attribute_slices(attribute, values)
    found = []
    for system, lists in systems.items():
        per_user = metrics.per_user(lists, truth.offsets, truth.items, _PLACES)
        for name, members in groups.items():
            found += [
                _figure(snapshot, (system, name, metric), per_user[metric][members])
                for metric in _METRICS
            ]
    return found


def _figure(snapshot: Snapshot, names: tuple[str, str, str], values: Floats) -> SliceFigure:
    known = values[~np.isnan(values)]
    mean = float(known.mean()) if len(known) else float("nan")
    config = snapshot.config
    low, high = mean_interval(values, config.gate, config.resources.seed)
    return SliceFigure(*names, len(known), mean, low, high)
