"""Nearest items to the user's vector, by the index over the two-tower's item vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.retrieval.generators.base import SPARE_PLACES, Generator, Vote

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Int32
    from recsys_tasks.retrieval.candidates.block import Block


class TwoTower(Generator):
    """The nearest neighbours; names nothing without vectors, or to a user who has none."""

    name = "two_tower"
    description = "Nearest items to the user's vector."
    bit = 0
    reason = "for_you"
    vote = Vote(1.0, 120.0)
    quota = 400

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """Search with the vectors of those users who have one."""
        import numpy as np

        from recsys_tasks.arrays import find_sorted

        embeddings, searcher = block.embeddings, block.searcher
        if embeddings is None or searcher is None:
            return
        place, known = find_sorted(embeddings.user_keys, block.users)
        rows = np.flatnonzero(known)
        if len(rows):
            # As many for every block: what is found must not depend on who else is asked.
            cut = block.config.repeat_consumption != "allow" or block.bans_and_rules is not None
            spare = SPARE_PLACES if cut else 0
            queries = np.ascontiguousarray(embeddings.user_vectors[place[rows]])
            deep = block.depths(rows, items.shape[1] + spare)
            for depth in np.unique(deep):
                some = np.flatnonzero(deep == depth)
                lists = searcher.search(queries[some], int(depth))
                block.fill_allowed(lists, np.arange(len(some)), items, scores, rows[some])


GENERATOR = TwoTower()
