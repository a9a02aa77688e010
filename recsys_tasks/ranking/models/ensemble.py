"""Several LightGBM models as one, which every reader of a model can open.

Models that differ by their draws alone err in different places, and their mean errs less (Breiman
1996, "Bagging predictors"). LightGBM has no call that joins models, but its text format is a
header, trees, and what follows them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, zip_longest

import lightgbm as lgb

SIZES = re.compile(
    r"^tree_sizes=.*\n", re.MULTILINE
)  # of each tree's text: LightGBM counts them where there is none
NUMBER = re.compile(r"^Tree=\d+$", re.MULTILINE)
LEAVES = re.compile(r"^num_leaves=(\d+)$", re.MULTILINE)
END = "end of trees"


def averaged(models: Sequence[lgb.Booster]) -> lgb.Booster:
    """One model whose raw score is the mean of theirs: of one objective, over the same columns.

    Their trees take turns, so that the first trees of the whole are the mean of the first of each.
    """
    if len(models) == 1:
        return models[0]
    texts = [model.model_to_string() for model in models]
    turns = chain.from_iterable(zip_longest(*map(_trees, texts)))
    trees = [NUMBER.sub(f"Tree={number}", tree) for number, tree in enumerate(filter(None, turns))]
    head, tail = texts[0][: texts[0].index("Tree=0")], texts[0][texts[0].index(END) :]
    joined = lgb.Booster(model_str=SIZES.sub("", head) + "".join(trees) + tail)
    for number, tree in enumerate(trees):
        for leaf in range(int(LEAVES.findall(tree)[0])):
            joined.set_leaf_output(number, leaf, joined.get_leaf_output(number, leaf) / len(models))
    return joined


def _trees(text: str) -> list[str]:
    """Each tree's own text."""
    body = text[text.index("Tree=0") : text.index(END)]
    starts = [found.start() for found in NUMBER.finditer(body)]
    return [body[start:end] for start, end in zip(starts, [*starts[1:], len(body)], strict=True)]
