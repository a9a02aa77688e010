"""Compiled kernels for the embedding tables in a training step: read rows, pool histories, and
bring gradients back to the rows.

A row is `members` parts of `k` numbers. All operations except Adam are linear, so their gradients
are written here by hand; TensorFlow differentiates the dense part in between. TensorFlow's own
operations would copy the rows of all histories, `[r, d]`, about twelve times a step: at a hundred
events a history that took two thirds of the step. These kernels sum the rows in place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recsys_tasks.arrays import Float32, Int32
from recsys_tasks.ids import Keys
from recsys_tasks.kernels import kernel, sums

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class HistoryRows(NamedTuple):
    """Events of the histories of n queries, end to end: `place [r]`, the row of each event's item
    among the inputs; `row` and `age [r]` as in `FlatHistories`.
    """

    place: Keys
    row: Keys
    age: Keys


class Pooled(NamedTuple):
    """Of each query's history, or the gradients by them, `[n, members, k]`: the weighted `mean` of
    all its events' inputs, and the even mean of those of its `last` timestamp.
    """

    mean: Float32
    last: Float32


class Slots:
    """Number the different keys of a batch. The memory, one entry for each row of the table, is
    allocated once, so the time depends on the batch alone.
    """

    def __init__(self, rows: int) -> None:
        self._slot = np.full(rows, -1, np.int32)

    def number(self, keys: Keys) -> tuple[Keys, Keys]:
        """The different keys by first appearance, and the number of each given one. Key 0 is a
        normal key.

        `keys [n] int32`; keys `[k] int32` and numbers `[n] int32` in [0, k).
        """
        found, places = np.empty_like(keys), np.empty_like(keys)
        count = _number(keys, self._slot, found, places)
        return found[:count], places


@kernel
def _number(keys: Keys, slot: Keys, found: Keys, places: Keys) -> int:
    count = 0
    for at in range(len(keys)):
        key = keys[at]
        if slot[key] < 0:
            slot[key] = count
            found[count] = key
            count += 1
        places[at] = slot[key]
    for at in range(count):
        slot[found[at]] = -1
    return count


@sums
def _add(weight: np.float32, source: Float32, target: Float32) -> None:
    for at in range(len(source)):
        target[at] += weight * source[at]


@sums
def _product(a: Float32, b: Float32) -> np.float32:
    total = np.float32(0.0)
    for at in range(len(a)):
        total += a[at] * b[at]
    return total


@kernel
def add_means(values: Float32, lists: Int32, entities: Keys, sums_of: Float32) -> None:
    """Add to each entity's row of `sums_of [u, members, k]` the mean of its `values [rows, members,
    k]`; 0 pads.
    """
    for at in range(len(entities)):
        row = lists[entities[at]]
        count = np.count_nonzero(row)
        for place in range(len(row)):
            if row[place] > 0:
                for member in range(values.shape[1]):
                    _add(
                        np.float32(1.0) / np.float32(count),
                        values[row[place], member],
                        sums_of[at, member],
                    )


@kernel
def spread_means(gradient: Float32, lists: Int32, places: Int32, of_values: Float32) -> None:
    """Gradient of `add_means`: added to `of_values` at the `places [u, v]` of each entity's values
    `lists [u, v]`.
    """
    for at in range(len(lists)):
        row = lists[at]
        count = np.count_nonzero(row)
        for place in range(len(row)):
            if row[place] > 0:
                for member in range(gradient.shape[1]):
                    _add(
                        np.float32(1.0) / np.float32(count),
                        gradient[at, member],
                        of_values[places[at, place], member],
                    )


@kernel
def _weigh(row: Keys, age: Keys, weight: Float32, start: int, total: Float32) -> tuple[int, int]:
    """Where the history that begins at `start` ends, and how many newest events it has; `total
    [members]` is filled.
    """
    end, newest = start, 0
    total[:] = np.float32(0.0)
    while end < len(row) and row[end] == row[start]:
        newest += age[end] == 0
        for member in range(len(total)):
            total[member] += weight[age[end], member]
        end += 1
    return end, newest


@kernel
def pool(inputs: Float32, events: HistoryRows, weight: Float32, pooled: Pooled) -> None:
    """Pool `inputs [u, members, k]` by `weight [l, members]` of each age into `pooled`, which comes
    as zeros.
    """
    place, row, age = events
    means, lasts = pooled
    members = weight.shape[1]
    total = np.zeros(members, np.float32)
    start = 0
    while start < len(row):
        query = row[start]
        end, newest = _weigh(row, age, weight, start, total)
        for member in range(members):
            for at in range(start, end):
                source = inputs[place[at], member]
                _add(weight[age[at], member] / total[member], source, means[query, member])
                if age[at] == 0:
                    _add(np.float32(1.0) / np.float32(newest), source, lasts[query, member])
        start = end


@kernel
def pool_gradients(
    inputs: Float32,
    events: HistoryRows,
    weight: Float32,
    pooled: Pooled,
    of_pooled: Pooled,
    of_inputs: Float32,
    of_decay: Float32,
) -> None:
    """Gradients of `pool`: added to `of_inputs`, and to `of_decay [l, members]`, that of the
    weights' logarithms.

    With share s = weight / total and mean = Σ s · input, the loss moves with an input by s ·
    of_mean, and with the logarithm of a weight by s · of_mean · (input − mean).
    """
    place, row, age = events
    of_means, of_lasts = of_pooled
    means = pooled.mean
    members = weight.shape[1]
    total = np.zeros(members, np.float32)
    start = 0
    while start < len(row):
        query = row[start]
        end, newest = _weigh(row, age, weight, start, total)
        for member in range(members):
            by_pooled, by_last = of_means[query, member], of_lasts[query, member]
            mean = _product(by_pooled, means[query, member])
            for at in range(start, end):
                share = weight[age[at], member] / total[member]
                of_decay[age[at], member] += share * (
                    _product(by_pooled, inputs[place[at], member]) - mean
                )
                _add(share, by_pooled, of_inputs[place[at], member])
                if age[at] == 0:
                    _add(
                        np.float32(1.0) / np.float32(newest), by_last, of_inputs[place[at], member]
                    )
        start = end


@kernel
def add_rows(rows: Float32, places: Keys, target: Float32) -> None:
    """Add `rows [n, members, k]` to those of `target` at `places`, which may name one twice."""
    for at in range(len(places)):
        for member in range(rows.shape[1]):
            _add(np.float32(1.0), rows[at, member], target[places[at], member])


def adam(
    parameter: Float32,
    first: Float32,
    second: Float32,
    rows: Keys,
    gradient: Float32,
    step: int,
    rate: float,
) -> None:
    """Adam's step number `step` (from 1) on some rows of a table and of its two moments, in place.

    Kingma and Ba 2015, "Adam: a method for stochastic optimization", in the order of operations of
    TensorFlow's kernel. `parameter`, `first` and `second` are `[m, d] float32`, `rows [k] int32`
    without repeats, `gradient [k, d] float32`.
    """
    size = rate * (1.0 - BETA_2**step) ** 0.5 / (1.0 - BETA_1**step)
    _adam(parameter, first, second, rows, gradient, np.float32(size))


@kernel
def _adam(
    parameter: Float32,
    first: Float32,
    second: Float32,
    rows: Keys,
    gradient: Float32,
    size: np.float32,
) -> None:
    for at in range(len(rows)):
        p, m, v, g = parameter[rows[at]], first[rows[at]], second[rows[at]], gradient[at]
        for column in range(len(g)):
            m[column] += (g[column] - m[column]) * np.float32(1.0 - BETA_1)
            v[column] += (g[column] * g[column] - v[column]) * np.float32(1.0 - BETA_2)
            p[column] -= size * m[column] / (np.sqrt(v[column]) + np.float32(EPSILON))


class Dropout:
    """What a step drops of some rows: drawn once, applied to the rows and then to their gradients.

    About a share `rate` of places, to one part in 256, becomes 0, the others grow by 1 / (1 −
    rate). A place takes a byte of the generator's: a mask of factors would take four, and pass
    through memory once more.
    """

    def __init__(self, rows: int, width: int, rate: float, seed: list[int]) -> None:
        self._below = min(round(256 * rate), 255)
        words = -(-rows * width // 8) if self._below else 0
        self._drawn = np.random.PCG64(seed).random_raw(words).view(np.uint8)[: rows * width]

    def apply_mask(self, rows: Float32) -> None:
        """Drop of `rows`, contiguous, and scale what is left, in place.

        `rows [n, d] float32`.
        """
        if self._below:
            _drop(
                rows.reshape(-1),
                self._drawn,
                np.uint8(self._below),
                np.float32(256 / (256 - self._below)),
            )


@kernel
def _drop(
    numbers: Float32, drawn: npt.NDArray[np.uint8], below: np.uint8, scale: np.float32
) -> None:
    for at in range(len(numbers)):
        numbers[at] = numbers[at] * scale if drawn[at] >= below else np.float32(0.0)
