"""Stage `build_examples`: candidates and features at past cutoffs, labelled by what came after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, Stage

if TYPE_CHECKING:
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "build_examples",
    minutes=180,
    of_ranker=True,
    opens=(SNAPSHOT,),
    reads=("events", "tower", "embeddings", "features", "generators", "decision"),
    makes=("examples",),
)


def run(night: Night, *, snapshot: Snapshot) -> Outcome:
    """Make the ranker's training rows, one part a label window."""
    from recsys_tasks.ranking.examples.build import Window, build_examples, label_windows
    from recsys_tasks.stages.inputs import open_inputs
    from recsys_tasks.stages.outcome import Outcome, plain_figures

    lineage = night.serving.lineage_in_training()
    spans = zip(night.label_windows, label_windows(night.timeline), strict=True)
    windows = [
        Window(open_inputs(snapshot, lineage, cutoffs), start, end)
        for cutoffs, (start, end) in spans
    ]
    made = build_examples(snapshot, night.timeline, windows)
    return Outcome(made, made.rows, {"windows": len(windows), **plain_figures(made.facts)})
