"""Stage `train_ranker`: a calibrated release from tonight's examples, registered as challenger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "train_ranker", minutes=180, reads=("examples", "tower", "decision"), makes=("release",)
)


def run(night: Night) -> Outcome:
    """Train light and heavy rankers, calibrate them, and register the release."""
    from recsys_tasks.ranking.models.train import train_ranker
    from recsys_tasks.stages import voice
    from recsys_tasks.stages.inputs import lineage_tonight
    from recsys_tasks.stages.outcome import Outcome, plain_figures
    from recsys_tasks.stages.schedule import NOT_DUE, ranker_due

    if not ranker_due(night):
        return Outcome(None, 0, note=NOT_DUE)
    examples = voice.reads(night.lake.require("examples", night.as_of.isoformat()))
    lineage = lineage_tonight(night.lake, night.config, night.as_of)
    release = train_ranker(night.config, night.lake, examples, lineage=lineage)
    tags = {
        "as_of": night.as_of.isoformat(),
        "lineage": lineage,
        "mode": str(release.facts["mode"]),
    }
    night.registry.register(
        release.key, release.reference, tags=tags, at=night.now, who="train_ranker"
    )
    figures = {"release": release.key, **plain_figures(release.facts)}
    return Outcome(release, release.rows, figures)
