"""LightGBM models compiled for whole blocks of rows: every test of every tree, sixty-four rows or more at a time.

A tree's leaves are bits of one integer. Each test that sends a row to the right clears the leaves on its left; the
lowest bit that is left is the row's leaf. Nothing branches, so the processor compares many rows at once (QuickScorer,
Lucchese et al. 2015; its vectorised form, 2016). The sums are LightGBM's own, in its order: scores are the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from recsys_tasks.kernels import kernel

Floats = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint32]

BLOCK_ROWS = 128
"""Rows compared at once: their features and leaf bits stay in the processor's own cache."""
AT_ONCE = 2
"""Tests taken together: the leaf bits are read and written once for both."""
MAX_LEAVES = 32
ALL = np.uint32(2**32 - 1)
DE_BRUIJN = np.uint32(0x077CB531)
"""Times this number, one set bit comes out as its place in the five highest bits (Leiserson et al. 1998)."""
HIGHEST = np.uint32(27)
PLACE = np.uint32(31)


class Predictor(Protocol):
    """What turns rows of features into one model's scores."""

    def predict(self, X: Matrix) -> Floats:
        """`[rows]` for `X [rows, f] float32`, NaN where a feature is unknown."""
        ...


@dataclass(frozen=True)
class Plain:
    """LightGBM itself: the oracle, and the fallback for models that `compiled` does not cover."""

    model: lgb.Booster
    threads: int

    def predict(self, X: Matrix) -> Floats:
        """See `Predictor`."""
        if len(X) == 0:
            return np.zeros(0)
        return np.asarray(self.model.predict(X, num_threads=self.threads), np.float64)


@dataclass(frozen=True)
class Compiled:
    """A model as flat arrays. `node_*`: every test, tree after tree, as (column, threshold): above it is right.

    A column is a feature with a way for the unknown: `column_feature`, and `column_unknown` (-inf: left, inf: right).
    """

    column_feature: npt.NDArray[np.int32]
    column_unknown: npt.NDArray[np.float32]
    node_column: npt.NDArray[np.int32]
    node_threshold: npt.NDArray[np.float32]
    node_keeps: Bits
    """Leaves that a row may still reach when it goes right."""
    tree_nodes: npt.NDArray[np.int64]
    """`[trees + 1]`: tests of tree t are [tree_nodes[t], tree_nodes[t + 1])."""
    leaves: Floats
    """`[trees, 32]`: values, each at the place that DE_BRUIJN gives its bit."""
    sigmoid: float
    """Steepness of the logistic that the objective ends with; 0 for raw scores."""

    def predict(self, X: Matrix) -> Floats:
        """See `Predictor`."""
        raw = np.zeros(len(X))
        _predict(
            np.ascontiguousarray(X, np.float32),
            self.column_feature,
            self.column_unknown,
            self.node_column,
            self.node_threshold,
            self.node_keeps,
            self.tree_nodes,
            self.leaves,
            raw,
        )
        return 1.0 / (1.0 + np.exp(-self.sigmoid * raw)) if self.sigmoid else raw


def predictor(model: lgb.Booster, threads: int) -> Predictor:
    """The compiled model where it can be, LightGBM where not (categories, linear leaves, more than 32 leaves)."""
    return compiled(model) or Plain(model, threads)


def compiled(model: lgb.Booster) -> Compiled | None:
    """A model as arrays; None when it holds something that the arrays cannot say."""
    dump = model.dump_model()
    sigmoid = _sigmoid(dump.get("objective", ""))
    trees = [tree["tree_structure"] for tree in dump["tree_info"]]
    if sigmoid is None or dump["num_tree_per_iteration"] != 1 or dump.get("average_output"):
        return None
    parsed = [_Tree.of(tree) for tree in trees]
    if not all(tree.sayable for tree in parsed):
        return None
    nodes = [node for tree in parsed for node in tree.nodes]
    columns = sorted({(node.feature, node.nan_right) for node in nodes})
    number = {column: at for at, column in enumerate(columns)}
    return Compiled(
        column_feature=np.array([feature for feature, _ in columns], np.int32),
        column_unknown=np.array([np.inf if right else -np.inf for _, right in columns], np.float32),
        node_column=np.array([number[node.feature, node.nan_right] for node in nodes], np.int32),
        node_threshold=np.array([node.threshold for node in nodes], np.float32),
        node_keeps=np.array([node.keeps for node in nodes], np.uint32),
        tree_nodes=np.concatenate([[0], np.cumsum([len(tree.nodes) for tree in parsed])]).astype(np.int64),
        leaves=np.stack([_placed(tree.leaves) for tree in parsed]),
        sigmoid=sigmoid,
    )


def _placed(leaves: list[float]) -> Floats:
    """A tree's leaf values where the single bits of their numbers lead."""
    row = np.zeros(32)
    for bit, value in enumerate(leaves):
        row[((1 << bit) * int(DE_BRUIJN) >> int(HIGHEST)) & int(PLACE)] = value
    return row


def _sigmoid(objective: str) -> float | None:
    """How the objective turns raw scores into predictions; None for one that is not known here."""
    name = objective.split(" ")[0]
    if name in ("lambdarank", "regression", ""):
        return 0.0 if "sqrt" not in objective else None
    found = re.search(r"sigmoid:([0-9.e+-]+)", objective)
    return float(found.group(1)) if name == "binary" and found else None


@dataclass(frozen=True)
class _Node:
    feature: int
    threshold: np.float32
    keeps: int
    nan_right: bool


_NEVER = _Node(0, np.float32(np.inf), int(ALL), False)
"""A test that sends no row to the right: fills a tree's tests up."""


@dataclass(frozen=True)
class _Tree:
    nodes: list[_Node]
    leaves: list[float]
    sayable: bool

    @classmethod
    def of(cls, structure: dict[str, Any]) -> _Tree:
        leaves = list(_leaves(structure))
        if len(leaves) > MAX_LEAVES or any("leaf_coeff" in leaf for leaf in leaves):
            return cls([], [], False)
        nodes: list[_Node] = []
        sayable = _walk(structure, 0, nodes)
        nodes += [_NEVER] * (-len(nodes) % AT_ONCE)
        return cls(nodes, [float(leaf["leaf_value"]) for leaf in leaves], sayable)


def _leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Leaves from left to right."""
    if "split_index" not in node:
        yield node
        return
    yield from _leaves(node["left_child"])
    yield from _leaves(node["right_child"])


def _walk(node: dict[str, Any], first: int, nodes: list[_Node]) -> bool:
    """Append the tests of a subtree whose leftmost leaf is `first`; False where one cannot be said."""
    if "split_index" not in node:
        return True
    if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
        return False
    left = sum(1 for _ in _leaves(node["left_child"]))
    cleared = ((1 << left) - 1) << first
    threshold = float(node["threshold"])
    # LightGBM reads an unknown value as 0 where training saw none, else it goes the default way.
    nan_right = not node["default_left"] if node["missing_type"] == "NaN" else threshold < 0.0
    nodes.append(_Node(int(node["split_feature"]), _below(threshold), int(ALL) ^ cleared, bool(nan_right)))
    return _walk(node["left_child"], first, nodes) and _walk(node["right_child"], first + left, nodes)


def _below(threshold: float) -> np.float32:
    """The largest float32 not above: `x <= threshold` is the same for every float32 x."""
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    return near if float(near) <= threshold or math.isnan(threshold) else np.nextafter(near, np.float32(-np.inf))


@kernel
def _predict(
    rows: Matrix,
    features: npt.NDArray[np.int32],
    unknown: Matrix,
    columns: npt.NDArray[np.int32],
    thresholds: Matrix,
    keeps: Bits,
    tree_nodes: npt.NDArray[np.int64],
    leaves: Floats,
    out: Floats,
) -> None:
    block = np.zeros((len(features), BLOCK_ROWS), np.float32)
    bits = np.empty(BLOCK_ROWS, np.uint32)
    sums = np.empty(BLOCK_ROWS, np.float64)
    for start in range(0, len(rows), BLOCK_ROWS):
        here = min(BLOCK_ROWS, len(rows) - start)
        for r in range(here):
            for column in range(len(features)):
                x = rows[start + r, features[column]]
                block[column, r] = unknown[column] if np.isnan(x) else x
        sums[:] = 0
        for t in range(len(tree_nodes) - 1):
            bits[:] = ALL
            for node in range(tree_nodes[t], tree_nodes[t + 1], AT_ONCE):
                x, over_x, keep_x = block[columns[node]], thresholds[node], keeps[node]
                y, over_y, keep_y = block[columns[node + 1]], thresholds[node + 1], keeps[node + 1]
                for r in range(BLOCK_ROWS):
                    left = keep_x if x[r] > over_x else ALL
                    bits[r] &= left & (keep_y if y[r] > over_y else ALL)
            for r in range(BLOCK_ROWS):
                bits[r] = (((bits[r] & -bits[r]) * DE_BRUIJN) >> HIGHEST) & PLACE
            row = leaves[t]
            for r in range(BLOCK_ROWS):
                sums[r] += row[bits[r]]
        out[start : start + here] = sums[:here]
