"""Kinds of artifacts of retrieval."""

from __future__ import annotations

from recsys_tasks.lake.keys import CutoffsKey, EmbeddingsKey, NightKey, TowerKey
from recsys_tasks.lake.kinds import Holding, Kind, Retire

TOWER = Kind(
    name="tower",
    what="a version of a two-tower lineage: weights, vocabulary, ledger",
    key=TowerKey,
    # The user tower has no parameters by user.
    files={"weights.npz": Holding.NOTHING, "archive.npz": Holding.NOTHING},
    retire=Retire.CHAIN,
    made_by=("recsys_tasks.retrieval.tower.lineage",),
)
EMBEDDINGS = Kind(
    name="embeddings",
    what="vectors of items and users by a tower version",
    key=EmbeddingsKey,
    files={
        "user_keys.npy": Holding.OTHER,
        "user_vectors.npy": Holding.OTHER,
        "item_keys.npy": Holding.NOTHING,
        "item_vectors.npy": Holding.NOTHING,
    },
    retire=Retire.LINEAGE,
    made_by=("recsys_tasks.retrieval.tower.embed",),
    eraser="recsys_tasks.retrieval.erasing:erase_embeddings",
)
INDEX = Kind(
    name="index",
    what="the search index over a night's item vectors, and its measured recall",
    key=NightKey,
    files={"item_keys.npy": Holding.NOTHING, "scann/*": Holding.NOTHING},
    retire=Retire.NIGHT,
    made_by=("recsys_tasks.retrieval.index.build",),
)
GENERATOR_TABLES = Kind(
    name="generators",
    what="tables of the other candidate generators at two cutoffs",
    key=CutoffsKey,
    files={
        "history_*": Holding.OTHER,
        "segment.npy": Holding.OTHER,
        # of generators' own arrays, see `candidates.array_files`
        "*.by_user.npy": Holding.OTHER,
        "*.user_lists.npy": Holding.OTHER,
        "*.shared.npy": Holding.NOTHING,
        # by item, or counts over many users
        "content_*": Holding.NOTHING,
        "neighbour_*": Holding.NOTHING,
        "after_*": Holding.NOTHING,
        "before_*": Holding.NOTHING,
        "popular_*": Holding.NOTHING,
        "trending_*": Holding.NOTHING,
        "fresh_*": Holding.NOTHING,
        "eligible.npy": Holding.NOTHING,
        "exists.npy": Holding.NOTHING,  # of older artifacts
    },
    retire=Retire.NIGHT_OR_GATE,
    made_by=("recsys_tasks.retrieval.candidates.tables",),
    eraser="recsys_tasks.retrieval.erasing:erase_generators",
)

VOTES = Kind(
    name="votes",
    what="what each candidate generator's list is worth in the fusion, learned from past weeks",
    key=EmbeddingsKey,
    files={"votes.json": Holding.NOTHING},  # sums over many users
    retire=Retire.LINEAGE,
    made_by=("recsys_tasks.retrieval.candidates.votes",),
)

KINDS = (TOWER, EMBEDDINGS, INDEX, GENERATOR_TABLES, VOTES)
