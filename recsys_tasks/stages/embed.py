"""Stage `embed`: compute the vectors of users and items at every cutoff that tonight needs.

The last stage that loads TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.progress import Progress
from recsys_tasks.stages.stage import SNAPSHOT, Stage

if TYPE_CHECKING:
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "embed",
    minutes=120,
    opens=(SNAPSHOT,),
    reads=("events", "tower", "release"),
    makes=("embeddings",),
)


def run(night: Night, *, snapshot: Snapshot) -> Outcome:
    """Compute the vectors of each lineage that is trained on, judged or serves tonight."""
    from recsys_tasks.retrieval.tower.embed import embed
    from recsys_tasks.stages.inputs import embeddings_at, serving_tower
    from recsys_tasks.stages.outcome import Outcome

    ours = night.serving.lineage_in_training()
    lineages = {ours, *night.serving.champion_lineage()}
    wanted = [(ours, cutoffs) for cutoffs in night.needed_cutoffs]
    # The champion may be of another lineage. It needs vectors only where it is judged and serves:
    # the label windows are for tonight's lineage, and may be older than the champion's.
    others = sorted(lineages - {ours})
    wanted += [(lineage, cutoffs) for lineage in others for cutoffs in (night.gate, night.tonight)]
    anchors = [
        lineage
        for lineage in night.serving.anchor_lineage(lambda: night.gate)
        if lineage not in lineages
    ]
    wanted += [(lineage, night.gate) for lineage in anchors]
    done = Progress("vectors", len(wanted), "pairs of a lineage and cutoffs")
    for lineage, cutoffs in wanted:
        embed(snapshot, serving_tower(night.lake, lineage, cutoffs), cutoffs)
        done.advance()
    tonight = embeddings_at(snapshot, ours, night.tonight)
    figures = {
        "items": len(tonight.item_keys),
        "cutoffs": len(night.needed_cutoffs),
        "lineages": len(lineages),
    }
    return Outcome(tonight.artifact, len(tonight.user_keys), figures)
