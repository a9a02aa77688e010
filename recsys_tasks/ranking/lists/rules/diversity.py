"""Diversity: maximal marginal relevance over the first `serving.k` items (`rerank.diversity`)."""

from __future__ import annotations

from recsys_tasks.ranking.lists.rules.base import Asked, BuiltIn, Entries, Rearrange, Shop
from recsys_tasks.ranking.lists.rules.mmr import Likeness, diversified


def diverse(first: int, diversity: float, likeness: Likeness) -> Rearrange:
    """Trade score for being unlike the items before, in the first `first` places (see mmr)."""

    def rearrange(entries: Entries, asked: Asked) -> Entries:
        parts = (entries.items, entries.scores, entries.kind)
        return entries.take(diversified(*parts, first, diversity, likeness))

    return rearrange


def _asked(shop: Shop) -> Rearrange | None:
    rerank, inputs = shop.config.rerank, shop.inputs
    if not rerank.diversity:
        return None
    if rerank.diversity_by == "tower":
        likeness = Likeness.of_vectors(inputs.item_row, inputs.embeddings.item_vectors)
    elif inputs.content is not None:
        likeness = Likeness.of_content(inputs.content)
    else:  # no item has an attribute: all are alike
        return None
    return diverse(shop.config.serving.k, rerank.diversity, likeness)


RULE = BuiltIn("diversity", 30, _asked)
