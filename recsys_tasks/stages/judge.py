"""Stage `judge`: challenger and champion on the same users and window, the gate, the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "judge",
    minutes=120,
    reads=(
        "snapshot",
        "events",
        "raw_events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "index",
        "examples",
        "release",
        "decision",
    ),
    makes=("decision",),
    emits="release",  # whatever the verdict is: the night goes on with the champion
)


def run(night: Night) -> Outcome:
    """Evaluate on [E, as_of), decide, move the alias, keep the decision."""
    from recsys_tasks.stages.judging.verdict import judge
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.schedule import NOT_DUE, ranker_due

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    return judge(night)
