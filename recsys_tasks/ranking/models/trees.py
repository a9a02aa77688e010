"""LightGBM models compiled for whole blocks of rows: every test of every tree, many rows at a time.

A tree's leaves are bits of one integer. Each test that sends a row to the right clears the leaves
on its left; the lowest bit that is left is the row's leaf. Nothing branches, so the processor
compares many rows at once (QuickScorer, Lucchese et al. 2015; its vectorised form, 2016). The sums
are LightGBM's own, in its order: scores are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from recsys_tasks.arrays import Float32, Float64, Int32, Int64, UInt32
from recsys_tasks.kernels import kernel

BLOCK_ROWS = 128
"""Rows compared at once: their features and leaf bits stay in the processor's own cache."""
AT_ONCE = 2
"""Tests taken together: the leaf bits are read and written once for both."""
MAX_LEAVES = 32
ALL = np.uint32(2**32 - 1)
DE_BRUIJN = np.uint32(0x077CB531)
"""Times this number, one set bit comes out as its place in the five highest bits (Leiserson et al.
1998).
"""
HIGHEST = np.uint32(27)
PLACE = np.uint32(31)


class Predictor(Protocol):
    """What turns rows of features into one model's scores."""

    def predict(self, X: Float32) -> Float64:
        """`[rows]` for `X [rows, f] float32`, NaN where a feature is unknown."""
        ...


@dataclass(frozen=True)
class Compiled:
    """A model as flat arrays. `node_*`: every test, tree after tree, as (column, threshold): above
    it is right.

    A column is a feature with a way for the unknown: `column_feature`, and `column_unknown` (-inf:
    left, inf: right).
    """

    column_feature: Int32
    column_unknown: Float32
    node_column: Int32
    node_threshold: Float32
    node_keeps: UInt32
    """Leaves that a row may still reach when it goes right."""
    tree_nodes: Int64
    """`[trees + 1]`: tests of tree t are [tree_nodes[t], tree_nodes[t + 1])."""
    leaves: Float64
    """`[trees, 32]`: values, each at the place that DE_BRUIJN gives its bit."""
    sigmoid: float
    """Steepness of the logistic that the objective ends with; 0 for raw scores."""

    def predict(self, X: Float32) -> Float64:
        """`[rows]` for `X [rows, f]` (see `Predictor`)."""
        raw = np.zeros(len(X))
        nodes = _Nodes(self.node_column, self.node_threshold, self.node_keeps, self.tree_nodes)
        columns = _Columns(self.column_feature, self.column_unknown)
        _predict(np.ascontiguousarray(X, np.float32), columns, nodes, self.leaves, raw)
        return 1.0 / (1.0 + np.exp(-self.sigmoid * raw)) if self.sigmoid else raw

    def save(self, path: Path) -> None:
        """Write the arrays, so that whoever serves needs no LightGBM."""
        arrays: dict[str, Any] = {
            field.name: np.asarray(getattr(self, field.name)) for field in fields(self)
        }
        np.savez(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            values = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**{**values, "sigmoid": float(values["sigmoid"])})


class _Columns(NamedTuple):
    """See Compiled's `column_feature` and `column_unknown`."""

    feature: Int32
    unknown: Float32


class _Nodes(NamedTuple):
    """See Compiled's `node_*` and `tree_nodes`."""

    column: Int32
    threshold: Float32
    keeps: UInt32
    of_tree: Int64


@kernel
def _predict(
    rows: Float32, columns: _Columns, nodes: _Nodes, leaves: Float64, out: Float64
) -> None:
    """`out [rows]`: sums of the trees' leaf values, in LightGBM's order, of `rows [rows, f]`."""
    block = np.zeros((len(columns.feature), BLOCK_ROWS), np.float32)
    near = np.empty((BLOCK_ROWS, rows.shape[1]), np.float32)
    bits = np.empty(BLOCK_ROWS, np.uint32)
    sums = np.empty(BLOCK_ROWS, np.float64)
    column, threshold, keeps, of_tree = nodes
    for start in range(0, len(rows), BLOCK_ROWS):
        here = min(BLOCK_ROWS, len(rows) - start)
        _turn(rows[start : start + here], columns, near, block)
        sums[:] = 0
        for t in range(len(of_tree) - 1):
            bits[:] = ALL
            for node in range(of_tree[t], of_tree[t + 1], AT_ONCE):
                x, over_x, keep_x = block[column[node]], threshold[node], keeps[node]
                y, over_y, keep_y = block[column[node + 1]], threshold[node + 1], keeps[node + 1]
                for r in range(BLOCK_ROWS):
                    left = keep_x if x[r] > over_x else ALL
                    bits[r] &= left & (keep_y if y[r] > over_y else ALL)
            # The lowest bit that is left, as its place: see DE_BRUIJN.
            for r in range(BLOCK_ROWS):
                bits[r] = (((bits[r] & -bits[r]) * DE_BRUIJN) >> HIGHEST) & PLACE
            row = leaves[t]
            for r in range(BLOCK_ROWS):
                sums[r] += row[bits[r]]
        out[start : start + here] = sums[:here]


@kernel
def _turn(rows: Float32, columns: _Columns, near: Float32, block: Float32) -> None:
    """Some rows as columns of the model, `block [columns, BLOCK_ROWS]`. They are copied first, to
    `near`: memory is read fastest from end to end.
    """
    for r in range(len(rows)):
        for f in range(rows.shape[1]):
            near[r, f] = rows[r, f]
    features, unknown = columns.feature, columns.unknown
    for column in range(len(features)):
        feature, otherwise = features[column], unknown[column]
        values = block[column]
        for r in range(len(rows)):
            x = near[r, feature]
            values[r] = otherwise if np.isnan(x) else x
