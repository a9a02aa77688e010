"""Stage `build_index`: the nearest-neighbour index over tonight's eligible items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.alarms import OnCall
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "build_index",
    minutes=60,
    opens=(SNAPSHOT,),
    reads=("embeddings", "tower", "release"),
    makes=("index",),
    emits="index",
)


def run(night: Night, *, snapshot: Snapshot) -> Outcome:
    """Build the index over the vectors that serve, and measure its recall."""
    from recsys_tasks.lake.keys import NightKey
    from recsys_tasks.retrieval.index.build import build_index
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items
    from recsys_tasks.stages.inputs import embeddings_at
    from recsys_tasks.stages.outcome import Outcome, plain_figures

    embeddings = embeddings_at(snapshot, night.serving.lineage(), night.tonight)
    eligible = eligible_items(snapshot, night.as_of)
    built = build_index(snapshot, embeddings, str(NightKey(night.as_of)), eligible)
    tell_of_recall(night.on_call, built)
    return Outcome(built, built.rows, plain_figures(built.facts))


def tell_of_recall(on_call: OnCall, index: Artifact) -> None:
    """Raise the `index_recall` alarm when every index fell short and exact search serves: right,
    but slow on a large catalogue.
    """
    if not index.facts["below_floor"]:
        return
    from recsys_tasks.monitoring.alarms import Alarm

    k, floor = index.facts["recall_k"], index.facts["recall_floor"]
    words = (
        f"no index over {index.rows:,} items reaches its recall floor, so exact search serves:"
        " lists are right, slower"
    )
    alarm = Alarm("index_recall", f"index recall@{k}", floor, index.facts["best_recall"], words)
    remedy = "look at the index artifact's recall.json; lower index.recall_floor if that is enough"
    on_call.tell(alarm, remedy)
