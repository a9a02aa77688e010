"""Draws that depend on what is drawn for, not on order or block size: a hash of keys instead of a
random generator.
"""

from __future__ import annotations

import numpy as np

from recsys_tasks.arrays import AnyInt, Bool, Float64, Int32, UInt64

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: splitmix64's step from one state to the next."""


def splitmix64(keys: AnyInt | UInt64) -> UInt64:
    """`[...] uint64`: the first output of splitmix64 from each of the `keys [...]` as its state.

    Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators". Sums and products
    of 64 bits wrap around, as they are meant to.
    """
    value = keys.astype(np.uint64) + GOLDEN
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ (value >> np.uint64(31)))


def hashed(keys: AnyInt, *salts: int) -> UInt64:
    """`[...] uint64`: a uniform number of each of the `keys [...]`, splitmix64 of the key mixed
    again with each salt.
    """
    value = splitmix64(keys)
    for salt in salts:
        value = splitmix64(value ^ np.uint64(salt % 2**63))
    return value


def shares(hashes: UInt64) -> Float64:
    """`[...] float64`: uniform numbers in [0, 1) of the `hashes [...]`."""
    return np.asarray((hashes >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def is_drawn(keys: Int32, share: float, salt: int) -> Bool:
    """`[n] bool`: a fixed pseudo-random `share` of the `keys [n]`, another one for each salt.

    A hash of its own, weaker than splitmix64. It must never change: users whom it holds out of a
    tower's training are held out of the training of every version of a lineage.
    """
    with np.errstate(over="ignore"):
        mixed = (keys.astype(np.uint64) + np.uint64(salt) * np.uint64(7_919)) * GOLDEN
        mixed ^= mixed >> np.uint64(31)
        mixed *= GOLDEN
    return np.asarray((mixed >> np.uint64(40)).astype(np.float64) / 2.0**24 < share)
