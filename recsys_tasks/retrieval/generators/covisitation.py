"""Items that follow or accompany the user's last items in other users' histories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.retrieval.generators.base import Generator, Vote

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Int32
    from recsys_tasks.retrieval.candidates.block import Block
    from recsys_tasks.retrieval.candidates.fitting import Fitting

TOGETHER_SHARE = 2 / 3
"""Weight of shared users against sequences among co-visited items; the two find different ones."""


class Covisitation(Generator):
    """Co-occurrence within users and along their sequences, summed over the user's newest items."""

    name = "covisitation"
    description = "Items that follow or accompany the user's last items."
    bit = 1
    reason = "because_of"
    vote = Vote(0.6, 70.0)
    quota = 400
    arrays = ("neighbour_items", "neighbour_scores")

    def fit(self, data: Fitting) -> Mapping[str, AnyArray]:
        """Neighbours of every item, `[m, t]`, best first, -1 pads with score 0."""
        from recsys_tasks.retrieval.candidates.cooccurrence import following, neighbours, together

        company = together(data.learned_histories, data.n_items, data.cutoffs.learned)
        sequences = following(data.learned, data.n_items)
        items, scores = neighbours(
            [(TOGETHER_SHARE, company), (1.0 - TOGETHER_SHARE, sequences)], data.eligible
        )
        return {"neighbour_items": items, "neighbour_scores": scores}

    def facts(self, arrays: Mapping[str, AnyArray]) -> Mapping[str, int]:
        """`neighbours`: pairs stored."""
        return {"neighbours": int((arrays["neighbour_items"] >= 0).sum())}

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """Sum the strengths of the neighbours, each history item weighing by its recency."""
        import numpy as np

        from recsys_tasks.retrieval.candidates.kernels import Neighbours, Sums, covisited
        from recsys_tasks.retrieval.select import sorted_rows, unpack_rows

        known = Neighbours(arrays["neighbour_items"], arrays["neighbour_scores"])
        visited = min(block.longest, block.newest) * known.items.shape[1]
        values: Float32 = np.zeros(block.n_items, np.float32)
        sums = Sums(values, values.view(np.uint32), np.empty(visited, np.int32))
        cells = block.cells(visited)
        width = covisited(block.taste, known, sums, cells)
        block.bar(cells[:, :width])
        unpack_rows(sorted_rows(cells[:, :width], items.shape[1]), items, scores.view(np.uint32))


GENERATOR = Covisitation()
