"""NumPy arrays by their dtype, ragged rows, and look-ups in sorted arrays: what signatures use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Bool: TypeAlias = npt.NDArray[np.bool_]
Int8: TypeAlias = npt.NDArray[np.int8]
Int16: TypeAlias = npt.NDArray[np.int16]
Int32: TypeAlias = npt.NDArray[np.int32]
Int64: TypeAlias = npt.NDArray[np.int64]
UInt32: TypeAlias = npt.NDArray[np.uint32]
UInt64: TypeAlias = npt.NDArray[np.uint64]
Float32: TypeAlias = npt.NDArray[np.float32]
Float64: TypeAlias = npt.NDArray[np.float64]
AnyInt: TypeAlias = npt.NDArray[np.signedinteger[Any]]
"""Integers of a width that does not matter, such as the indices of a SciPy matrix."""
AnyFloat: TypeAlias = npt.NDArray[np.floating[Any]]
AnyArray: TypeAlias = npt.NDArray[Any]


class Ragged(NamedTuple):
    """Rows of different lengths, end to end: row r is `items[offsets[r]:offsets[r + 1]]`.

    `offsets [n + 1] int64`, ascending from 0; `items [p] int32`. A kernel takes it as one argument.
    """

    offsets: Int64
    items: Int32

    @property
    def sizes(self) -> Int64:
        """`[n] int64`: entries of each row."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> Int64:
        """`[p] int64`: the row that each entry belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.sizes)


def find_sorted(known: AnyInt, wanted: AnyInt) -> tuple[Int64, Bool]:
    """Where each wanted value is in the ascending `known [m]`, and whether it is there at all.

    Both have the shape of `wanted`; the place of a value that is not there is in range and means
    nothing (0 where `known` is empty, which then must not be indexed).
    """
    if not len(known):
        return np.zeros(wanted.shape, np.int64), np.zeros(wanted.shape, np.bool_)
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return place, np.asarray(known[place] == wanted)


@dataclass(frozen=True)
class PairIndex:
    """Distinct user-item pairs as ascending codes: `codes [p] int64` = user * n_items + item."""

    codes: Int64

    def contains(self, codes: Int64) -> Bool:
        """Whether each pair is among them: `codes [n] int64` or any other shape, which the result
        has, too.
        """
        return find_sorted(self.codes, codes)[1]

    def look_up(self, codes: Int64, values: AnyArray, missing: float) -> AnyArray:
        """The `values [p]` of some pairs, in the shape of `codes`; `missing` where there is none.

        The dtype is that of `values`.
        """
        place, found = find_sorted(self.codes, codes)
        if not len(self.codes):
            return np.full(codes.shape, missing, values.dtype)
        return np.where(found, values[place], values.dtype.type(missing))
