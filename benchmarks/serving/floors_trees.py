"""The floor of asking LightGBM's trees: the comparisons and the leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numba
import numpy as np

from recsys_tasks.ranking.models.ranker import Ranker
from recsys_tasks.ranking.models.trees import Compiled, Predictor

CACHE_BYTES = 64


def trees_alone(
    ranker: Ranker, users: int, candidates: int, survivors: int
) -> Callable[[], object]:
    """Every test compared with every row, within the processor's cache, and every tree's leaf read
    and added.
    """
    light, heavy = (_sizes(models) for models in (ranker.light_models, ranker.heavy_models))
    rows = 128
    x, bits, sums = (
        _aligned((64, rows), np.float32),
        _aligned((rows,), np.uint32),
        _aligned((rows,), np.float64),
    )
    x[:] = np.random.default_rng(0).random(x.shape)
    leaves = np.random.default_rng(0).random((256, 32))

    def work() -> object:
        for (tests, trees), entries in ((light, candidates), (heavy, survivors)):
            _compare(x, bits, leaves, sums, tests // trees, trees, users * entries // rows)
        return sums

    return work


def _aligned(shape: tuple[int, ...], kind: type) -> np.ndarray:
    """Zeros that begin where a line of the processor's cache does: elsewhere the same comparisons
    take up to twice as long, and a floor that may be beaten is none."""
    size = int(np.prod(shape)) * np.dtype(kind).itemsize
    raw = np.zeros(size + CACHE_BYTES, np.uint8)
    start = -raw.ctypes.data % CACHE_BYTES
    return raw[start : start + size].view(kind).reshape(shape)


def _sizes(models: Sequence[Predictor]) -> tuple[int, int]:
    """Tests and trees."""
    known = [model for model in models if isinstance(model, Compiled)]
    return sum(len(m.node_column) for m in known), sum(len(m.leaves) for m in known)


@numba.njit
def _compare(
    x: np.ndarray,
    bits: np.ndarray,
    leaves: np.ndarray,
    sums: np.ndarray,
    tests: int,
    trees: int,
    blocks: int,
) -> None:
    for _ in range(blocks):
        for tree in range(trees):
            for test in range(tests):
                threshold, keep, column = np.float32(test), np.uint32(test), x[test % 64]
                for r in range(bits.shape[0]):
                    bits[r] &= keep if column[r] > threshold else np.uint32(0xFFFFFFFF)
            row = leaves[tree % 256]
            for r in range(bits.shape[0]):
                sums[r] += row[bits[r] & 31]
