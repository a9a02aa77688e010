"""Stage `precompute_shard`: one shard's lists, loaded into the unpublished publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import SNAPSHOT, NightArtifact, Stage

if TYPE_CHECKING:
    from recsys_tasks.lake import Artifact
    from recsys_tasks.snapshot.dataset import Snapshot
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "precompute_shard",
    minutes=180,
    sharded=True,
    opens=(SNAPSHOT, NightArtifact("plan")),
    reads=(
        "events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "index",
        "release",
    ),
    makes=("lists",),
)


def run(night: Night, shard: int, *, snapshot: Snapshot, plan: Artifact) -> Outcome:
    """Compute the lists of the shard's users and load them. Raises ServingError."""
    from recsys_tasks.serving.load import load_lists
    from recsys_tasks.serving.precompute import Shard, list_batches, precompute_shard, shard_users
    from recsys_tasks.serving.publication import read_publication
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items
    from recsys_tasks.stages.inputs import open_inputs, open_recommender
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.plan import list_settings, plan_of, planned_users

    planned, users = plan_of(plan), planned_users(plan)
    inputs = open_inputs(snapshot, planned.lineage, night.tonight, night.lake.get(planned.index))
    release = night.lake.get(planned.release) if planned.release else None
    settings = list_settings(night.config)
    artifact = precompute_shard(
        night.lake,
        Shard(planned.token, shard, night.config.serving, planned.contents, settings),
        open_recommender(snapshot, inputs, release),
        users,
        eligible=eligible_items(snapshot, night.as_of),
        threads=max(1, night.config.resources.threads // night.shards_at_once),
    )
    publication = read_publication(night.engine, planned.publication_id)
    loaded = load_lists(night.engine, publication, list_batches(artifact), shard)
    rows = len(shard_users(users, shard, night.config.serving.shards))
    return Outcome(artifact, rows, {"loaded": loaded})
