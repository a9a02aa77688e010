"""A tower's parameters as named arrays: their shapes, their start, their growth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recsys_tasks.arrays import AnyArray, AnyInt, Bool, Float32
from recsys_tasks.config import TwoTowerConfig
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel
from recsys_tasks.retrieval.tower.examples import FlatHistories

Arrays = dict[str, AnyArray]

TABLES = ("item", "value", "user_value")
"""Row tables `[rows, d]`: id vectors by item key, item value vectors, user value vectors, the
members' end to end.
"""
LAYERS = ("w1", "b1", "w2", "b2")
DENSE = ("decay", *LAYERS)
"""Decay `[l, members]` (log weight by how many later timestamps, newest first) and each member's
user MLP.
"""
ROWS = (*TABLES, "decay")
"""Parameters that kernels read and move; TensorFlow has the others, `LAYERS`."""
PROJECTION = "projection."
"""Begins the name of an attribute's projection `[its dimensions, d]`, which takes supplied vectors
to item inputs.
"""
MOMENTS = ("", "/m", "/v")
"""A parameter's own name, and what its two moments of Adam add to it."""
START_SCALE, START_BLOCK = 0.05, 1024
_STREAM = 1  # of the generator: dropout of step n is drawn from [seed, 0 or 1, n]


@dataclass(frozen=True)
class Batch:
    """What one training step reads."""

    history: FlatHistories  # of n queries
    user: Keys  # [n]
    target: Keys  # [n]
    weight: Float32  # [n] weight of the event's kind
    sampling_probability: Float32
    """`[n]`: Q of the logQ correction, the chance of the target to be drawn into a batch, relative
    to the most frequent target's.
    """
    allowed: Bool  # [n, n] may candidate j be a negative of query i
    rate: np.float32  # Adam's step size


def projection(attribute: str) -> str:
    """Name of the projection of a vector attribute."""
    return PROJECTION + attribute


def parameters(arrays: Arrays) -> list[str]:
    """Names of all parameters, without their moments."""
    return [*TABLES, *DENSE, *projections(arrays)]


def projections(names: Iterable[str]) -> list[str]:
    """Those of the names that are projections, without their moments."""
    return [name for name in names if name.startswith(PROJECTION) and "/" not in name]


def start_rows(name: str, rows: AnyInt, dimensions: int, seed: int) -> Float32:
    """The random start of some ascending rows of a table, `[n, d]`: a row's is the same whatever
    others are asked for.

    They are drawn by the block, so that a few new rows of a large table cost a few blocks.
    """
    table: Float32 = np.empty((len(rows), dimensions), np.float32)
    block = rows // START_BLOCK
    bounds = (
        np.r_[np.flatnonzero(np.r_[True, block[1:] != block[:-1]]), len(rows)]
        if len(rows)
        else np.zeros(1, int)
    )
    for a, b in pairwise(bounds):
        rng = np.random.default_rng([seed, TABLES.index(name), int(block[a]), _STREAM])
        drawn = rng.standard_normal((START_BLOCK, dimensions), np.float32)
        np.multiply(drawn[rows[a:b] % START_BLOCK], np.float32(START_SCALE), out=table[a:b])
    return table


def start_arrays(config: TwoTowerConfig, rows: dict[str, int], seed: int) -> Arrays:
    """Random tables, Glorot-uniform MLP, no decay, zero moments.

    Projections start at zero: of what no vector in training had to say, nothing is learned and
    nothing must be said.
    """
    d, members, rng = config.dimensions, config.members, np.random.default_rng([seed, len(TABLES)])
    arrays: Arrays = {name: start_rows(name, np.arange(rows[name]), d, seed) for name in TABLES}
    for name in ("value", "user_value"):
        arrays[name][0] = 0.0
    arrays["decay"] = np.zeros((config.history_length, members), np.float32)
    k = d // members
    for layer, (inputs, outputs) in (("1", (3 * k, 2 * k)), ("2", (2 * k, k))):
        limit = np.sqrt(6.0 / (inputs + outputs))
        arrays[f"w{layer}"] = rng.uniform(-limit, limit, (members, inputs, outputs)).astype(
            np.float32
        )
        arrays[f"b{layer}"] = np.zeros((members, 1, outputs), np.float32)
    for name in projections(rows):
        arrays[name] = np.zeros((rows[name], d), np.float32)
    for name in parameters(arrays):
        for moment in "mv":
            arrays[f"{name}/{moment}"] = np.zeros_like(arrays[name])
    arrays["step"] = np.asarray(0, np.int64)
    return arrays


def grow(arrays: Arrays, rows: dict[str, int], dimensions: int, seed: int) -> None:
    """Put new rows at the end of each table, random vectors and zero moments, one table after
    another.

    A table with new rows is copied, so for a while one of them is there twice; one without is left
    as it is.
    """
    for name in TABLES:
        have = len(arrays[name])
        if rows[name] > have:
            fresh = start_rows(name, np.arange(have, rows[name]), dimensions, seed)
            for moment, added in zip(
                MOMENTS, (fresh, np.zeros_like(fresh), np.zeros_like(fresh)), strict=True
            ):
                arrays[name + moment] = np.concatenate([arrays[name + moment], added])


def trained_rows(arrays: Arrays, name: str) -> Bool:
    """`[rows]`: which rows of a table training has moved: those with a second moment."""
    return any_in_row(arrays[f"{name}/v"])


@kernel
def any_in_row(table: Float32) -> Bool:
    """`[rows]`: whether a row of `table [rows, d]` has anything but zeros. Most say so with their
    first number.
    """
    found = np.zeros(len(table), np.bool_)
    for row in range(len(table)):
        for number in table[row]:
            if number != 0.0:
                found[row] = True
                break
    return found


def zero_untrained(arrays: Arrays) -> None:
    """Zero, in place, the rows that training never moved: their random start says nothing about an
    id or a value.

    An item without interactions is placed by the values it shares with others, not by the noise of
    its own.
    """
    for name in TABLES:
        arrays[name][~trained_rows(arrays, name)] = 0.0
