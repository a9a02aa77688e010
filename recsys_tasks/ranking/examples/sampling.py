"""Draws that depend on what is drawn for, not on order or block size: a hash of keys instead of a
generator.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]


def hashed(keys: npt.NDArray[np.signedinteger[Any]], *salts: int) -> Hashes:
    """Uniform 64-bit numbers, one a key: splitmix64 of the key, mixed again with each salt."""
    value = _mix(keys.astype(np.uint64))
    for salt in salts:
        value = _mix(value ^ np.uint64(salt % 2**63))
    return value


def shares(hashes: Hashes) -> npt.NDArray[np.float64]:
    """The same numbers as uniform floats in [0, 1)."""
    return np.asarray((hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mix(value: Hashes) -> Hashes:
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))
