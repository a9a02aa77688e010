"""Stage `precompute_shard`: one shard's lists, loaded into the unpublished publication."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recsys_tasks.stages.stage import Stage

if TYPE_CHECKING:
    from recsys_tasks.stages.night import Night
    from recsys_tasks.stages.outcome import Outcome

STAGE = Stage(
    "precompute_shard",
    minutes=180,
    sharded=True,
    reads=(
        "snapshot",
        "events",
        "tower",
        "embeddings",
        "features",
        "generators",
        "index",
        "release",
        "plan",
    ),
    makes=("lists",),
)


def run(night: Night, shard: int) -> Outcome:
    """Compute the lists of the shard's users and load them. Raises ServingError."""
    from recsys_tasks.serving.load import load_lists
    from recsys_tasks.serving.precompute import Shard, list_batches, precompute_shard, shard_users
    from recsys_tasks.serving.publication import read_publication
    from recsys_tasks.snapshot.eligibility.eligible import eligible_items
    from recsys_tasks.stages.inputs import open_inputs, open_recommender
    from recsys_tasks.stages.outcome import Outcome
    from recsys_tasks.stages.plan import list_settings, planned_users, read_plan

    plan = read_plan(night.lake, night.as_of)
    users = planned_users(night.lake, night.as_of)
    inputs = open_inputs(night.snapshot, plan.lineage, night.tonight, night.lake.get(plan.index))
    release = night.lake.get(plan.release) if plan.release else None
    artifact = precompute_shard(
        night.lake,
        Shard(plan.token, shard, night.config.serving, plan.contents, list_settings(night.config)),
        open_recommender(night.snapshot, inputs, release),
        users,
        eligible=eligible_items(night.snapshot, night.as_of),
        threads=max(1, night.config.resources.threads // night.shards_at_once),
    )
    publication = read_publication(night.engine, plan.publication_id)
    loaded = load_lists(night.engine, publication, list_batches(artifact), shard)
    rows = len(shard_users(users, shard, night.config.serving.shards))
    return Outcome(artifact, rows, {"loaded": loaded})
