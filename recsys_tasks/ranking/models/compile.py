"""From a LightGBM model to arrays (`trees.Compiled`), where they can say it all; else LightGBM
itself predicts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from recsys_tasks.arrays import Float32, Float64
from recsys_tasks.ranking.models.trees import (
    ALL,
    AT_ONCE,
    DE_BRUIJN,
    HIGHEST,
    MAX_LEAVES,
    PLACE,
    Compiled,
    Predictor,
)


@dataclass(frozen=True)
class Plain:
    """LightGBM itself: the oracle, and the fallback for models that `compiled` does not cover."""

    model: lgb.Booster
    threads: int

    def predict(self, X: Float32) -> Float64:
        """`[rows]` for `X [rows, f]` (see `Predictor`)."""
        if len(X) == 0:
            return np.zeros(0)
        return np.asarray(self.model.predict(X, num_threads=self.threads), np.float64)


def predictor(model: lgb.Booster, threads: int) -> Predictor:
    """The compiled model where it can be, LightGBM where not (categories, linear leaves, more than
    32 leaves).
    """
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
        tree_nodes=np.concatenate([[0], np.cumsum([len(tree.nodes) for tree in parsed])]).astype(
            np.int64
        ),
        leaves=np.stack([_placed(tree.leaves) for tree in parsed]),
        sigmoid=sigmoid,
    )


def _placed(leaves: list[float]) -> Float64:
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
    if name == "cross_entropy":
        return 1.0
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
    """Append the tests of a subtree whose leftmost leaf is `first`; False where one cannot be
    said.
    """
    if "split_index" not in node:
        return True
    if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
        return False
    left = sum(1 for _ in _leaves(node["left_child"]))
    cleared = ((1 << left) - 1) << first
    threshold = float(node["threshold"])
    # LightGBM reads an unknown value as 0 where training saw none, else it goes the default way.
    nan_right = not node["default_left"] if node["missing_type"] == "NaN" else threshold < 0.0
    nodes.append(
        _Node(int(node["split_feature"]), _below(threshold), int(ALL) ^ cleared, bool(nan_right))
    )
    return _walk(node["left_child"], first, nodes) and _walk(
        node["right_child"], first + left, nodes
    )


def _below(threshold: float) -> np.float32:
    """The largest float32 not above: `x <= threshold` is the same for every float32 x."""
    with np.errstate(over="ignore"):
        near = np.float32(threshold)
    return (
        near
        if float(near) <= threshold or math.isnan(threshold)
        else np.nextafter(near, np.float32(-np.inf))
    )
