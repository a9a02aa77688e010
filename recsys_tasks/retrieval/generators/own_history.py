"""The user's own items, to be had again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.retrieval.generators.base import Generator, Vote

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Int32
    from recsys_tasks.retrieval.candidates.block import Block

SMALLEST = 1e-30
"""Least score of an own item: one that decayed to 0 is still one."""


class OwnHistory(Generator):
    """What the user had, by its count decayed over time."""

    name = "own_history"
    description = "The user's own items, decayed; needs repeat_consumption allow or after_days."
    bit = 2
    reason = "again"
    vote = Vote(0.75, 80.0, sure=1.5, half_score=0.6)
    quota = 400

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """The eligible ones that the repeat policy does not bar."""
        import numpy as np

        from recsys_tasks.retrieval.candidates.kernels import OwnItems, own_items

        history = block.history
        weights: Float32 = np.maximum(history.weights, np.float32(SMALLEST))
        own = OwnItems(
            history.offsets,
            history.items,
            block.forbidden,
            weights.view(np.uint32),
            block.eligible,
        )
        own_items(own, np.empty(block.longest, np.uint64), items, scores.view(np.uint32))


GENERATOR = OwnHistory()
