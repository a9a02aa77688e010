"""Stage `judge`: challenger and champion on the same users and window, the gate, the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, NightArtifact, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "judge",
    minutes=120,
    of_ranker=True,
    opens=(SNAPSHOT, NightArtifact("index", optional=True)),
    reads=(
        "events",
        "raw_events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "examples",
        "release",
        "decision",
    ),
    makes=("decision",),
    emits="release",  # whatever the verdict is: the night goes on with the champion
)


def run(night: Night, *, snapshot: Snapshot, index: Artifact | None) -> Outcome:
    """Evaluate on [E, as_of), decide, move the alias, keep the decision."""
    from recsys_tasks.stages.judging.verdict import Gate, judge
    from recsys_tasks.stages.judging.window import GateWindow

    before = next(iter(night.label_windows), None)
    window = GateWindow(snapshot, night.gate, night.as_of, before)
    return judge(Gate(window, night.serving, night.on_call, index))
