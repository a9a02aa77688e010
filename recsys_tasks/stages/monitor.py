"""Stage `monitor`: metrics of the published lists, and alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage("monitor", minutes=60, reads=("snapshot", "events", "plan", "lists"))


def run(night: Night) -> Outcome:
    """Measure tonight's lists and what readers did with last night's, and raise the alarms."""
    from recsys_tasks.stages.monitoring.published_lists import monitor

    return monitor(night)
