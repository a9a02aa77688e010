"""Towers and batches small enough to compute by hand."""

from __future__ import annotations

from datetime import date

import numpy as np

from recsys_tasks.retrieval.tower.examples import FlatHistories
from recsys_tasks.retrieval.tower.model import Tower
from recsys_tasks.retrieval.tower.weights import Arrays, Batch, start_arrays
from tests.retrieval.tower_world import group_config

DAY_10, DAY_12, DAY_14 = date(2024, 10, 14), date(2024, 10, 16), date(2024, 10, 18)


RATE = np.float32(0.002)


MEMBERS = 2


ALL = [[True, True], [True, True]]


def tower_of(**settings: float | str) -> tuple[Tower, Arrays]:
    """Three items, of which the first two share a value; one user; dropout off."""
    config = group_config(dropout=0.0, item_dropout=0.0, **settings).two_tower
    arrays = start_arrays(config, {"item": 3, "value": 2, "user_value": 1}, 1)
    values = np.array([[1], [1], [0]], np.int32)
    return Tower(config, copied(arrays), values, np.zeros((2, 1), np.int32), 1), arrays


def copied(arrays: Arrays) -> Arrays:
    """For a tower to move, so that it can be compared with its start."""
    return {name: array.copy() for name, array in arrays.items()}


def batch_of(allowed: list[list[bool]]) -> Batch:
    """User 0 had item 0 and takes 1; user 1 had items 1 and 2 and takes 2."""
    history = FlatHistories(*(np.array(v, np.int32) for v in ([0, 1, 2], [0, 1, 1], [0, 1, 0])))
    one = np.ones(2, np.float32)
    keys = np.array([0, 1], np.int32), np.array([1, 2], np.int32)
    return Batch(history, *keys, one, np.array([1.0, 0.5], np.float32), np.array(allowed), RATE)


def vectors_of(arrays: Arrays, member: int) -> tuple[np.ndarray, np.ndarray]:
    """The model's formulas once more, in numpy: one member's user vectors of `batch_of`, and item
    vectors of its targets.
    """
    inputs = arrays["item"] + np.stack(
        [arrays["value"][1], arrays["value"][1], 0 * arrays["value"][1]]
    )
    inputs = np.split(inputs, MEMBERS, axis=1)[member]
    pooled = np.stack([inputs[0], (inputs[1] + inputs[2]) / 2])  # no decay at the start
    w1, b1, w2, b2 = (arrays[name][member] for name in ("w1", "b1", "w2", "b2"))
    hidden = np.concatenate([pooled, inputs[[0, 2]], np.zeros_like(pooled)], 1) @ w1 + b1
    users = pooled + np.maximum(hidden, 0) @ w2 + b2
    items = inputs[[1, 2]]
    return tuple(v / np.linalg.norm(v, axis=1, keepdims=True) for v in (users, items))


def joined_of(arrays: Arrays, side: int) -> np.ndarray:
    """Both members' vectors of users (side 0) or items (side 1), end to end, of length one
    together.
    """
    members = [vectors_of(arrays, member)[side] for member in range(MEMBERS)]
    joined: np.ndarray = np.concatenate(members, 1) / np.sqrt(MEMBERS)
    return joined


def of_member(arrays: Arrays, member: int) -> Arrays:
    """The arrays of one member as those of a model by itself."""
    cut = {
        name: np.split(arrays[name], MEMBERS, 1)[member]
        for name in arrays
        if arrays[name].ndim == 2
    }
    layers = {name: arrays[name][member : member + 1] for name in arrays if arrays[name].ndim == 3}
    return {"step": arrays["step"]} | cut | layers
