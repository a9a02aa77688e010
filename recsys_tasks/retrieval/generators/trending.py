"""What grew most over the last week."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.retrieval.generators.base import SPARE_PLACES, Generator, Vote

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Int32
    from recsys_tasks.retrieval.candidates.block import Block
    from recsys_tasks.retrieval.candidates.fitting import Fitting


class Trending(Generator):
    """One list for everyone."""

    name = "trending"
    description = "Largest growth over the last week."
    bit = 4
    reason = "trending"
    vote = Vote(0.3, 30.0)
    quota = 20
    arrays = ("trending_items", "trending_scores")

    def fit(self, data: Fitting) -> Mapping[str, AnyArray]:
        """The list and its scores, `[1, p]`, best first."""
        from recsys_tasks.retrieval.candidates.popularity import trending

        depth = data.quota(self) + SPARE_PLACES
        items, scores = trending(data.learned, data.cutoffs.learned, data.eligible, depth)
        return {"trending_items": items, "trending_scores": scores}

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """The same list for all, without the items that are forbidden to a user."""
        import numpy as np

        lists = (arrays["trending_items"], arrays["trending_scores"])
        block.fill_allowed(lists, np.zeros(len(block.users), np.int64), items, scores)


GENERATOR = Trending()
