"""Users find less in their lists than in the weeks before; a monitor."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from recsys_tasks.monitoring.alarms.figures import REALISED, NightFigures
from recsys_tasks.monitoring.alarms.kind import Alarm, AlarmKind

METRIC = "ndcg@10"
MIN_NIGHTS = 4
"""Fewer earlier nights have no usual figure yet."""


def look(night: NightFigures) -> Iterator[Alarm]:
    """An alarm when the realised NDCG@10 lies more than `monitoring.max_quality_drop` below the
    median of the four weeks before.
    """
    value, tolerance = night.value(REALISED, METRIC), night.config.monitoring.max_quality_drop
    earlier = night.before(REALISED, METRIC).values()
    if len(earlier) < MIN_NIGHTS:
        return
    bound = float(median(earlier)) * (1 - tolerance)
    if value < bound:
        words = (
            f"realised {METRIC} is {value:.4f}, below {bound:.4f} (the median of {len(earlier)}"
            f" earlier nights less {tolerance:.0%}): users find less in their lists"
        )
        yield Alarm(ALARM.name, METRIC, bound, value, words)


ALARM = AlarmKind(
    name="quality_drop",
    title="Recommendation quality dropped",
    runbook="quality-drop.md",
    look=look,
)
