"""What is popular in the user's segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.retrieval.generators.base import SPARE_PLACES, Generator, Vote

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Int32
    from recsys_tasks.retrieval.candidates.block import Block
    from recsys_tasks.retrieval.candidates.fitting import Fitting


class SegmentPopular(Generator):
    """One list a segment of users, drawn towards the shop's where the segment is small."""

    name = "segment_popular"
    description = "Popular in the user's segment."
    bit = 3
    reason = "popular"
    vote = Vote(0.4, 140.0)
    quota = 350
    arrays = ("popular_items", "popular_scores")
    user_arrays = ("segment",)

    def fit(self, data: Fitting) -> Mapping[str, AnyArray]:
        """`segment [n_users] int32`, 0 is everyone else; a list a segment, `[segments, p]`."""
        from recsys_tasks.features.segments import segments
        from recsys_tasks.retrieval.candidates.popularity import popular

        segment = segments(data.snapshot.users, data.config.users.segment_by)
        depth = data.quota(self) + SPARE_PLACES
        days, until = data.popular_days, data.cutoffs.learned
        items, scores = popular(data.learned, segment, until, days, data.eligible, depth)
        return {"segment": segment, "popular_items": items, "popular_scores": scores}

    def facts(self, arrays: Mapping[str, AnyArray]) -> Mapping[str, int]:
        """`segments`: lists stored, the shop's own among them."""
        return {"segments": len(arrays["popular_items"])}

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """The list of each user's segment; for users from whom something is kept, then all other
        items.
        """
        import numpy as np

        segment = arrays["segment"]
        inside = block.users < len(segment)  # a user newer than the tables is in no segment
        which = np.where(inside, segment[np.where(inside, block.users, 0)], 0).astype(np.int64)
        lists = (arrays["popular_items"], arrays["popular_scores"])
        block.fill_allowed(lists, which, items, scores)
        block.fill_up(items, scores)


GENERATOR = SegmentPopular()
