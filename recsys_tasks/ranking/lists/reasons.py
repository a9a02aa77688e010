"""Why an item is on a list: its strongest source, and the history item that it goes with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks import schema
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import dot, kernel
from recsys_tasks.ranking.columns.history import read_history, touch_vectors
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.schema import REASONS

Places = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ranks = npt.NDArray[np.int16]
Codes = npt.NDArray[np.int8]
Masks = npt.NDArray[np.int16]
Words = npt.NDArray[np.int32]

_AGAIN, _BECAUSE, _FOR_YOU, _PROMOTED = map(
    REASONS.index, ("again", "because_of", "for_you", "promoted")
)


class Generators(NamedTuple):
    """What the generators stand for on a list: `bits [g]` of the mask, `reasons [g]` as indices
    into schema.REASONS, and `again`, the mask of those that name the user's own items.

    An argument and no constants of a kernel, whose machine code is kept: an installed package may
    bring another generator.
    """

    bits: Words
    reasons: Codes
    again: int


def _generators() -> Generators:
    bits, codes = list(schema.generator_bits().values()), schema.reason_codes()
    again = sum(1 << bit for bit, code in zip(bits, codes, strict=True) if code == _AGAIN)
    return Generators(np.array(bits, np.int32), np.array(codes, np.int8), again)


def explained(
    items: Keys, column: Places, promoted: Bools, ranks: Ranks, history: Keys, inputs: RankingInputs
) -> tuple[Masks, Codes, Words]:
    """`[n, k]` each: bit mask of the generators that named the item, index into schema.REASONS,
    anchor item or -1.

    `items`, `column` (place among the candidates, -1 for none), `promoted`: `[n, k]`; `ranks [n, c,
    g]`; `history [n, L]`, newest first. The generator that put the item highest gives the reason;
    an item of the user's own history is `again`, whoever named it. `because_of` is anchored on the
    nearest history item in tower space, and is `for_you` without one. Pads have 0, 0 and -1.
    """
    sources, codes = np.zeros(items.shape, np.int16), np.zeros(items.shape, np.int8)
    anchors: Words = np.full(items.shape, -1, np.int32)
    vectors = inputs.embeddings.item_vectors
    _explain(
        items,
        column,
        promoted,
        ranks,
        history,
        inputs.item_row,
        vectors,
        _generators(),
        sources,
        codes,
        anchors,
    )
    return sources, codes, anchors


@kernel
def _explain(
    items: Keys,
    column: Places,
    promoted: Bools,
    ranks: Ranks,
    history: Keys,
    place: Words,
    vectors: Floats,
    generators: Generators,
    sources: Masks,
    codes: Codes,
    anchors: Words,
) -> None:
    length, depth = history.shape[1], vectors.shape[1]
    past, kept = np.empty((length, depth), np.float32), np.empty(length, np.int32)
    owner = np.full(len(place), -1, np.int64)  # the user whose history holds the item
    because, seen = np.empty(items.shape[1], np.int32), np.empty(1, np.float32)
    for u in range(len(items)):
        _mark(history[u], u, owner)
        count = 0
        for k in range(items.shape[1]):
            item = items[u, k]
            if item < 0:
                continue
            strongest = -1
            if column[u, k] >= 0:
                sources[u, k], strongest = _named(ranks[u, column[u, k]], generators.bits)
            code = generators.reasons[max(strongest, 0)]
            if promoted[u, k]:
                code = _PROMOTED
            elif sources[u, k] & generators.again or owner[item] == u:
                code = _AGAIN
            elif code == _BECAUSE:
                because[count] = k
                count += 1
            codes[u, k] = code
        if count > 0:
            known = read_history(history[u], place, vectors, past, kept)
            if known > 0:
                seen[0] = touch_vectors(items[u][because[:count]], place, vectors)
            _anchor(
                items[u], because[:count], place, vectors, past[:known], kept, codes[u], anchors[u]
            )


@kernel
def _anchor(
    items: Keys,
    because: Words,
    place: Words,
    vectors: Floats,
    past: Floats,
    kept: Words,
    codes: Codes,
    anchors: Words,
) -> None:
    """The nearest history item of each item that is there because of one; `for_you` where there is
    none.
    """
    for k in because:
        mine = place[items[k]]
        if mine >= 0 and len(past) > 0:
            anchors[k] = kept[_nearest(vectors, mine, past, len(past))]
        else:
            codes[k] = _FOR_YOU


@kernel
def _mark(history: Keys, user: int, owner: Places) -> None:
    for h in range(len(history)):
        if history[h] >= 0:
            owner[history[h]] = user


@kernel
def _named(ranks: Ranks, bits: Words) -> tuple[int, int]:
    """Bits of the generators that named an item, and the one that put it highest (-1: none did)."""
    mask, strongest = 0, -1
    for g in range(len(ranks)):
        if ranks[g] >= 0:
            mask |= 1 << bits[g]
            if strongest < 0 or ranks[g] < ranks[strongest]:
                strongest = g
    return mask, strongest


@kernel
def _nearest(vectors: Floats, mine: int, past: Floats, known: int) -> int:
    """The row of `past` with the largest dot, the first of equal ones."""
    best, most = 0, np.float32(-np.inf)
    for h in range(known):
        near = dot(vectors, mine, past, h)
        if near > most:
            best, most = h, near
    return best
