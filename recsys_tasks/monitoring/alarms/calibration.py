"""Published scores are not the chances that they are called; a monitor."""

from __future__ import annotations

from collections.abc import Iterator

from recsys_tasks.monitoring.alarms.figures import NightFigures
from recsys_tasks.monitoring.alarms.kind import Alarm, AlarmKind

SCOPE = "calibration"
METRIC = "calibration_ratio"


def look(night: NightFigures) -> Iterator[Alarm]:
    """An alarm when the scores are off by more than `monitoring.max_calibration_ratio`; NaN (too
    few places to tell) is none.
    """
    bound, value = night.config.monitoring.max_calibration_ratio, night.value(SCOPE, METRIC)
    if value > bound:
        said, came = (night.value(SCOPE, name) for name in ("said", "came_true"))
        words = (
            f"published scores are no chances any more: on average they said {said:.2%} of a place"
            f" within {night.config.label_window_days} days, and {came:.2%} came true. Beyond"
            f" chance they are off by {value:.2f} times the rate of what they say or what came"
            f" true, whichever is less (at most {bound:.2f})"
        )
        yield Alarm(ALARM.name, METRIC, bound, value, words)


ALARM = AlarmKind(
    name="calibration",
    title="Published scores are off",
    runbook="calibration.md",
    look=look,
    remedy=(
        "recsys releases; recsys promote RELEASE --who YOU --why REASON for a newer one whose"
        " scores are right"
    ),
)
