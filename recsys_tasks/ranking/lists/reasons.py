"""Why an item is on a list: its strongest source, and the history item that it goes with."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from recsys_tasks import schema
from recsys_tasks.arrays import Bool, Float32, Int8, Int16, Int32, Int64
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import dot, kernel
from recsys_tasks.ranking.columns.history import read_history, touch_vectors
from recsys_tasks.ranking.inputs import RankingInputs
from recsys_tasks.schema import REASONS

_AGAIN, _BECAUSE, _FOR_YOU, _PROMOTED = map(
    REASONS.index, ("again", "because_of", "for_you", "promoted")
)


class Generators(NamedTuple):
    """What the generators stand for on a list: `bits [g]` of the mask, `reasons [g]` as indices
    into schema.REASONS, and `again`, the mask of those that name the user's own items.

    An argument and no constants of a kernel, whose machine code is kept: an installed package may
    bring another generator.
    """

    bits: Int32
    reasons: Int8
    again: int


def _generators() -> Generators:
    bits, codes = list(schema.generator_bits().values()), schema.reason_codes()
    again = sum(1 << bit for bit, code in zip(bits, codes, strict=True) if code == _AGAIN)
    return Generators(np.array(bits, np.int32), np.array(codes, np.int8), again)


class Explained(NamedTuple):
    """`[n, k]` each: bit mask of the generators that named the item, index into schema.REASONS,
    and the anchor's item key, -1 for none. Pads have 0, 0 and -1.
    """

    sources: Int16
    reasons: Int8
    anchors: Int32


class Shown(NamedTuple):
    """What is explained, `[n, k]` each: item keys, their columns among the candidates (-1 for
    none), and whether they are promoted.
    """

    items: Keys
    column: Int64
    promoted: Bool


class ItemVectors(NamedTuple):
    """`row [n_items]`: an item's row of `vectors [m, d]`, -1 for none."""

    row: Int32
    vectors: Float32


def explained(shown: Shown, ranks: Int16, history: Keys, inputs: RankingInputs) -> Explained:
    """Why each item is on its list.

    `ranks [n, c, g]`: the generators' ranks of the candidates, -1 for not named; `history [n, L]`:
    the users' newest items first. The generator that put the item highest gives the reason; an item
    of the user's own history is `again`, whoever named it. `because_of` is anchored on the nearest
    history item in tower space, and is `for_you` without one.
    """
    shape = shown.items.shape
    out = Explained(
        np.zeros(shape, np.int16), np.zeros(shape, np.int8), np.full(shape, -1, np.int32)
    )
    vectors = ItemVectors(inputs.item_row, inputs.embeddings.item_vectors)
    explain_lists(shown, ranks, history, vectors, _generators(), out)
    return out


@kernel
def explain_lists(
    shown: Shown,
    ranks: Int16,
    history: Keys,
    vectors: ItemVectors,
    generators: Generators,
    out: Explained,
) -> None:
    """Fill `out [n, k]` (see `explained`)."""
    # Read once: numba counts a reference each time that an array is taken out of a tuple.
    column, promoted, (row, rows) = shown.column, shown.promoted, vectors
    bits, by_generator, own = generators
    sources, reasons, anchors = out
    length, depth = history.shape[1], rows.shape[1]
    past, kept = np.empty((length, depth), np.float32), np.empty(length, np.int32)
    owner = np.full(len(row), -1, np.int64)  # the user whose history holds the item
    because, seen = np.empty(shown.items.shape[1], np.int32), np.empty(1, np.float32)
    for u in range(len(shown.items)):
        items = shown.items[u]
        _mark(history[u], u, owner)
        count = 0
        for k in range(len(items)):
            item = items[k]
            if item < 0:
                continue
            strongest = -1
            if column[u, k] >= 0:
                sources[u, k], strongest = _named(ranks[u, column[u, k]], bits)
            code = by_generator[max(strongest, 0)]
            if promoted[u, k]:
                code = _PROMOTED
            elif sources[u, k] & own or owner[item] == u:
                code = _AGAIN
            elif code == _BECAUSE:
                because[count] = k
                count += 1
            reasons[u, k] = code
        if count > 0:
            known = read_history(history[u], row, rows, past, kept)
            if known > 0:  # else no vector may be read: there may be none at all
                seen[0] = touch_vectors(items[because[:count]], row, rows)
            anchor = (reasons[u], anchors[u])
            _anchor(items, because[:count], vectors, past[:known], kept, anchor)


@kernel
def _anchor(
    items: Keys,
    because: Int32,
    vectors: ItemVectors,
    past: Float32,
    kept: Int32,
    out: tuple[Int8, Int32],
) -> None:
    """The nearest history item of each item that is there because of one; `for_you` where there is
    none.
    """
    codes, anchors = out
    row, rows = vectors
    for k in because:
        mine = row[items[k]]
        if mine >= 0 and len(past) > 0:
            anchors[k] = kept[_nearest(rows, mine, past, len(past))]
        else:
            codes[k] = _FOR_YOU


@kernel
def _mark(history: Keys, user: int, owner: Int64) -> None:
    for h in range(len(history)):
        if history[h] >= 0:
            owner[history[h]] = user


@kernel
def _named(ranks: Int16, bits: Int32) -> tuple[int, int]:
    """Bits of the generators that named an item, and the one that put it highest (-1: none did)."""
    mask, strongest = 0, -1
    for g in range(len(ranks)):
        if ranks[g] >= 0:
            mask |= 1 << bits[g]
            if strongest < 0 or ranks[g] < ranks[strongest]:
                strongest = g
    return mask, strongest


@kernel
def _nearest(vectors: Float32, mine: int, past: Float32, known: int) -> int:
    """The row of `past` with the largest dot, the first of equal ones."""
    best, most = 0, np.float32(-np.inf)
    for h in range(known):
        near = dot(vectors, mine, past, h)
        if near > most:
            best, most = h, near
    return best
