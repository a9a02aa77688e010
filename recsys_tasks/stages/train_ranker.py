"""Stage `train_ranker`: a calibrated release from tonight's examples, registered as challenger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import NightArtifact, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "train_ranker",
    minutes=180,
    of_ranker=True,
    opens=(NightArtifact("examples"),),
    reads=("tower", "decision"),
    makes=("release",),
)


def run(night: Night, *, examples: Artifact) -> Outcome:
    """Train light and heavy rankers, calibrate them, and register the release."""
    from recsys_tasks.ranking.models.train import train_ranker
    from recsys_tasks.stages.outcome import Outcome, plain_figures

    lineage = night.serving.lineage_in_training()
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
