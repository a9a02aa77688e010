"""Stage `embed`: every user's and item's vector at every cutoff that tonight needs.

The last stage that loads TensorFlow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.progress import Progress
from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.clock import Cutoffs
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "embed", minutes=120, reads=("snapshot", "events", "tower", "release"), makes=("embeddings",)
)


def run(night: Night) -> Outcome:
    """Compute the vectors of each lineage that is trained on, judged or serves tonight."""
    from recsys_tasks.retrieval.tower.embed import embed
    from recsys_tasks.stages.inputs import embeddings_at, lineage_tonight, serving_tower
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.schedule import needed_cutoffs
    from recsys_tasks.stages.serving_state import champion_lineage

    ours = lineage_tonight(night.lake, night.config, night.as_of)
    lineages = {ours, *champion_lineage(night)}
    wanted = _wanted(night, ours, lineages)
    done = Progress("vectors", len(wanted), "pairs of a lineage and cutoffs")
    for lineage, cutoffs in wanted:
        embed(night.snapshot, serving_tower(night.lake, lineage, cutoffs), cutoffs)
        done.advance()
    tonight = embeddings_at(night.snapshot, ours, night.tonight)
    figures = {
        "items": len(tonight.item_keys),
        "cutoffs": len(needed_cutoffs(night)),
        "lineages": len(lineages),
    }
    return Outcome(tonight.artifact, len(tonight.user_keys), figures)


def _wanted(night: Night, ours: str, lineages: set[str]) -> list[tuple[str, Cutoffs]]:
    """Lineages and the cutoffs at which their vectors are read tonight."""
    from recsys_tasks.stages.schedule import needed_cutoffs
    from recsys_tasks.stages.serving_state import anchor_lineage

    wanted = [(ours, cutoffs) for cutoffs in needed_cutoffs(night)]
    # Another champion is judged and serves; label windows are tonight's lineage's, and older than
    # it may be.
    others = sorted(lineages - {ours})
    wanted += [(lineage, cutoffs) for lineage in others for cutoffs in (night.gate, night.tonight)]
    anchors = [lineage for lineage in anchor_lineage(night) if lineage not in lineages]
    return wanted + [(lineage, night.gate) for lineage in anchors]
