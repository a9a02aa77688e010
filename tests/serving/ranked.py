"""Ranked lists as the recommender gives them, made from their items alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recsys_tasks import schema
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.ranking.lists.recommender import RankedLists
from recsys_tasks.serving.precompute import list_batches


def ranked(users: Keys, items: list[list[int]]) -> RankedLists:
    """Lists of these items, with scores that fall by 0.1 from 0.9."""
    keys = np.array(items, np.int32).reshape(len(users), -1)
    places = np.broadcast_to(np.arange(keys.shape[1]), keys.shape)
    return RankedLists(
        users=users,
        items=keys,
        scores=(0.9 - 0.1 * places).astype(np.float32),
        sources=np.ones_like(keys, np.int16),
        reasons=np.zeros_like(keys, np.int8),
        reason_items=np.full_like(keys, -1),
        ranks_before=(places + 1).astype(np.int16),
        propensities=np.ones_like(keys, np.float32),
        rung=np.zeros(len(users), np.int8),
    )


def read_lists(artifact: Artifact) -> pa.Table:
    """All lists of a shard."""
    return pa.Table.from_batches(list_batches(artifact), schema=schema.LISTS.schema)
