"""Why an item is on a list: its strongest source, and the history item that it goes with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.ranking._similarity import vectors_of
from recsys_tasks.ranking.inputs import Vectors
from recsys_tasks.schema import REASONS, SOURCES

Items = npt.NDArray[np.int32]
Places = npt.NDArray[np.int64]

_REASON_OF = {
    "two_tower": "for_you",
    "covisitation": "because_of",
    "own_history": "again",
    "segment_popular": "popular",
    "trending": "trending",
    "fresh": "new",
}
_BY_SOURCE = np.array([REASONS.index(_REASON_OF[source]) for source in SOURCES], np.int8)
_CHUNK = 512


def source_masks(ranks: npt.NDArray[np.int16], column: Places) -> npt.NDArray[np.int16]:
    """`[n, k]`: bit s is set where generator s named the item; 0 on pads (column -1)."""
    named = np.take_along_axis(ranks, np.maximum(column, 0)[:, :, None], axis=1) >= 0
    bits = (named * (1 << np.arange(len(SOURCES)))).sum(axis=2)
    return np.where(column >= 0, bits, 0).astype(np.int16)


def reasons(
    items: Items,
    column: Places,
    promoted: npt.NDArray[np.bool_],
    ranks: npt.NDArray[np.int16],
    history: npt.NDArray[np.int32],
    embeddings: Vectors,
) -> tuple[npt.NDArray[np.int8], Items]:
    """`[n, k]` indices into schema.REASONS (0 on pads) and the anchor items (-1 where the reason has none).

    The generator that put the item highest gives the reason; an item of the user's own history is `again`, whoever
    named it. `because_of` is anchored on the nearest history item in tower space, and is `for_you` without one.
    """
    among = np.take_along_axis(ranks, np.maximum(column, 0)[:, :, None], axis=1)
    strongest = np.argmin(np.where(among >= 0, among, np.iinfo(np.int16).max), axis=2)
    reason = _BY_SOURCE[strongest]
    own = (items[:, :, None] == history[:, None, :]).any(axis=2) | (among[:, :, SOURCES.index("own_history")] >= 0)
    reason[own] = REASONS.index("again")
    because = (reason == REASONS.index("because_of")) & (column >= 0) & ~promoted
    anchor = np.where(because, _nearest(items, because, history, embeddings), np.int32(-1))
    reason[because & (anchor < 0)] = REASONS.index("for_you")
    reason[promoted] = REASONS.index("promoted")
    reason[items < 0] = 0
    return reason, anchor.astype(np.int32)


def _nearest(items: Items, wanted: npt.NDArray[np.bool_], history: Items, embeddings: Vectors) -> Items:
    """`[n, k]`: the history item with the largest dot, where wanted; -1 elsewhere and without vectors."""
    out = np.full(items.shape, -1, np.int32)
    rows: Keys = np.flatnonzero(wanted.any(axis=1)).astype(np.int32)
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        past = vectors_of(embeddings.item_keys, embeddings.item_vectors, history[part])
        mine = vectors_of(embeddings.item_keys, embeddings.item_vectors, items[part])
        dots = mine @ past.transpose(0, 2, 1)
        dots[np.isnan(dots)] = -np.inf
        best = dots.argmax(axis=2)
        found = np.take_along_axis(history[part], best, axis=1)
        out[part] = np.where(np.isfinite(dots.max(axis=2)), found, -1)
    return np.where(wanted, out, np.int32(-1))
