"""Stage `build_examples`: candidates and features at past cutoffs, labelled by what came after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "build_examples",
    minutes=180,
    reads=("snapshot", "events", "tower", "embeddings", "features", "generators", "decision"),
    makes=("examples",),
)


def run(night: Night) -> Outcome:
    """Make the ranker's training rows, one part a label window."""
    from recsys_tasks.ranking.examples.build import Window, build_examples, label_windows
    from recsys_tasks.stages.inputs import lineage_tonight, open_inputs
    from recsys_tasks.stages.outcome import Outcome, plain_figures
    from recsys_tasks.stages.schedule import NOT_DUE, ranker_due

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    lineage = lineage_tonight(night.lake, night.config, night.as_of)
    spans = zip(night.label_windows, label_windows(night.timeline), strict=True)
    windows = [
        Window(open_inputs(night.snapshot, lineage, cutoffs), start, end)
        for cutoffs, (start, end) in spans
    ]
    made = build_examples(night.snapshot, night.timeline, windows)
    return Outcome(made, made.rows, {"windows": len(windows), **plain_figures(made.facts)})
