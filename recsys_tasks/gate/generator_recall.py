"""What each generator finds of what users did next, and what it alone finds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from recsys_tasks.arrays import Ragged
from recsys_tasks.gate.evaluate import Truth
from recsys_tasks.retrieval.candidates.recall import recall
from recsys_tasks.retrieval.candidates.source import Candidates


def generator_recall(blocks: Iterable[Candidates], truth: Truth) -> dict[str, dict[str, float]]:
    """Generator, and `union` for all together → `recall` and `unique`, shares of all user-item
    pairs of the truth.

    `blocks` hold the truth's users in its order. A pair counts for every generator that named it
    among the user's candidates; `unique` counts those that no other generator named. Without a pair
    in the truth all are 0.
    """
    total, at = len(truth.items), 0
    found: dict[str, dict[str, float]] = defaultdict(lambda: {"recall": 0.0, "unique": 0.0})
    for block in blocks:
        offsets = truth.offsets[at : at + len(block.users) + 1]
        pairs = truth.items[offsets[0] : offsets[-1]]
        for name, shares in recall(block, Ragged(offsets - offsets[0], pairs)).items():
            for metric, share in shares.items():
                found[name][metric] += share * len(pairs) / max(total, 1)
        at += len(block.users)
    return dict(found)
