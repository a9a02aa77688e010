"""New items, the nearest by content to what the user had last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from recsys_tasks.retrieval.generators.base import Generator, Vote

if TYPE_CHECKING:
    from recsys_tasks.arrays import AnyArray, Float32, Int32
    from recsys_tasks.retrieval.candidates.block import Block
    from recsys_tasks.retrieval.candidates.fitting import Fitting
    from recsys_tasks.retrieval.candidates.tables import GeneratorTables

NEWNESS_WEIGHT = 1e-3
"""Newness only orders fresh items that are equally close to the user's taste."""


class Fresh(Generator):
    """Items of the last four weeks by the cosine of their content with the user's newest items."""

    name = "fresh"
    description = "New items, by content."
    bit = 5
    reason = "new"
    vote = Vote(0.15, 100.0)
    quota = 20
    arrays = ("fresh_items", "fresh_newness")

    def fit(self, data: Fitting) -> Mapping[str, AnyArray]:
        """The new items `[f] int32`, newest first, and their newness in (0, 1]."""
        from recsys_tasks.retrieval.candidates.popularity import fresh

        available_from = data.snapshot.items["available_from"].to_numpy()
        items, newness = fresh(available_from, data.cutoffs.history, data.eligible)
        return {"fresh_items": items, "fresh_newness": newness}

    def facts(self, arrays: Mapping[str, AnyArray]) -> Mapping[str, int]:
        """`fresh`: new items."""
        return {"fresh": len(arrays["fresh_items"])}

    def open(
        self, arrays: Mapping[str, AnyArray], tables: GeneratorTables
    ) -> Mapping[str, AnyArray]:
        """With the new items' content beside them, as CSR: few enough to stay at hand."""
        import numpy as np

        items = np.asarray(arrays["fresh_items"])
        content = tables.content.items[items]
        newness = np.float32(NEWNESS_WEIGHT) * np.asarray(arrays["fresh_newness"])
        return {
            "items": items,
            "newness": newness,
            "data": content.data,
            "indices": content.indices,
            "indptr": content.indptr,
        }

    def fill(
        self, block: Block, arrays: Mapping[str, AnyArray], items: Int32, scores: Float32
    ) -> None:
        """Compare the content of all new items with each user's."""
        import numpy as np

        from recsys_tasks.retrieval.candidates.content_kernels import (
            Csr,
            FreshScratch,
            NewItems,
            fresh_items,
        )
        from recsys_tasks.retrieval.select import sorted_rows, unpack_rows

        content = block.content
        words = Csr(arrays["data"], arrays["indices"], arrays["indptr"])
        new = NewItems(arrays["items"], arrays["newness"], words)
        alike: Float32 = np.empty(len(new.items), np.float32)
        scratch = FreshScratch(
            np.zeros(content.shape[1], np.float32), block.marked, alike, alike.view(np.uint32)
        )
        cells = block.cells(len(alike))
        known = Csr(content.data, content.indices, content.indptr)
        limit = items.shape[1] if block.bans_and_rules is None else len(alike)
        width = fresh_items(block.taste, new, known, scratch, limit, cells)
        block.bar(cells[:, :width])
        unpack_rows(sorted_rows(cells[:, :width], items.shape[1]), items, scores.view(np.uint32))


GENERATOR = Fresh()
