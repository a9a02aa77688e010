"""Kinds of artifacts that a publication is made from."""

from __future__ import annotations

from recsys_tasks.lake.keys import ListsKey, NightKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

PLAN = Kind(
    name="plan",
    what="what a night publishes: release, tower, index, and the users who get a list",
    key=NightKey,
    files={"users.npy": Holding.KEYS, "plan.json": Holding.NOTHING},
    retire=Retire.NIGHT_OR_PUBLICATION,
    # Shards, too: the publication's fingerprint has this code, and a shard's key begins with it.
    made_by=("recsys_tasks.stages.prepare_publication", "recsys_tasks.stages.precompute_shard"),
)
LISTS = Kind(
    name="lists",
    what="the ranked lists of one shard's users",
    key=ListsKey,
    files={"lists.arrow": Holding.OTHER, "lists.parquet": Holding.OTHER},
    retire=Retire.PUBLICATION,
    made_by=("recsys_tasks.serving.precompute", "recsys_tasks.ranking.lists.recommender"),
    eraser="recsys_tasks.serving.erasing:erase_lists",
)

KINDS = (PLAN, LISTS)
