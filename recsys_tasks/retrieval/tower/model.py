"""The two towers, their loss and their optimizer, over named arrays.

An item's input is its id vector plus the mean of its value vectors plus, of each vector attribute,
its supplied vector times a learned projection; the item tower scales it to unit length (metric
cosine). The user tower pools the inputs of the newest history items with a learned decay by
timestamp (the items of one basket weigh the same), and adds an MLP of [pooled, mean of the last
timestamp's, mean user value vector] to it.

There are several such towers in one model, its members, trained side by side on the same batches:
each has its own start, decay, MLP and softmax and its own part of every row, and none sees
another's loss. Their vectors are laid end to end and scaled so that a product of joined vectors is
the mean of the members' products: an ensemble (Lakshminarayanan, Pritzel and Blundell 2017, "Simple
and scalable predictive uncertainty estimation using deep ensembles") that is searched as one
vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recsys_tasks.arrays import AnyInt, Float32, Int32
from recsys_tasks.config import TwoTowerConfig
from recsys_tasks.ids import Keys
from recsys_tasks.retrieval.tower.dense import Layers
from recsys_tasks.retrieval.tower.embedding_rows import (
    Dropout,
    HistoryRows,
    Pooled,
    Slots,
    adam,
    add_means,
    add_rows,
    pool,
    pool_gradients,
    spread_means,
)
from recsys_tasks.retrieval.tower.examples import FlatHistories
from recsys_tasks.retrieval.tower.supplied import Supplied
from recsys_tasks.retrieval.tower.weights import MOMENTS, ROWS, TABLES, Arrays, Batch, projection

BLOCK = 8192


@dataclass(frozen=True)
class _Read:
    """What a step takes out of the tables for a batch; vectors are `[.., members, k]`."""

    items: Keys  # [u] keys of the different items
    targets: Keys  # [n] and each example
    of_items: Dropout  # [u] one mask an item and step, not one an occurrence
    of_targets: Dropout  # [n]
    inputs: Float32  # [u] dropped
    candidates: Float32  # [n] dropped
    events: HistoryRows
    weight: Float32  # [l, members] of an event by its age
    pooled: Pooled  # [n]
    user_values: Float32  # [n]


class Tower:
    """Parameters and Adam's moments, made from arrays and read back as arrays.

    Tables are taken over, not copied, and training moves them where they are. Rows are taken,
    pooled and moved by kernels; TensorFlow has the dense part between and its gradients.
    """

    def __init__(
        self,
        config: TwoTowerConfig,
        arrays: Arrays,
        item_values: Int32,
        user_values: Int32,
        seed: int,
        supplied: Supplied | None = None,
    ) -> None:
        self.config = config
        self._seed = seed
        self._step = int(arrays["step"])
        self._supplied = {projection(name): vectors for name, vectors in (supplied or {}).items()}
        names = (*ROWS, *self._supplied)
        moments = [
            name + moment for name in names for moment in MOMENTS[1:] if name + moment in arrays
        ]
        self._rows = {
            name: arrays[name] for name in (*names, *moments)
        }  # to be read, it needs no moments
        self._layers = Layers(config, arrays)
        self._lists = {"value": item_values, "user_value": user_values}
        self._slots = {name: Slots(len(arrays[name])) for name in TABLES}

    def train(self, batch: Batch) -> float:
        """One step of Adam on a batch; the mean loss."""
        self._step += 1
        read = self._read(batch)
        loss, gradients = self._layers.train(
            [*read.pooled, read.user_values, read.candidates], batch, self._step
        )
        self._backward(batch, read, gradients)
        return loss

    def arrays(self) -> Arrays:
        """Parameters and moments, tables as they stand: another step moves them."""
        return {**self._rows, **self._layers.arrays(), "step": np.asarray(self._step, np.int64)}

    def item_vectors(self, items: AnyInt) -> Float32:
        """Item tower of some keys, `[n, d] float32`."""
        vectors: Float32 = np.empty((len(items), self.config.dimensions), np.float32)
        for a in range(0, len(items), BLOCK):
            vectors[a : a + BLOCK] = self._joined(self._inputs_of(items[a : a + BLOCK]))
        return vectors

    def user_vectors(self, history: FlatHistories, users: Keys) -> Float32:
        """User tower, `[n, d] float32`, of n histories and their users' keys."""
        items, seen = self._slots["item"].number(history.item)
        events = HistoryRows(seen, history.row, history.age)
        pooled = self._pooled(
            self._inputs_of(items), events, np.exp(self._rows["decay"]), len(users)
        )
        return self._joined(self._layers.queries(*pooled, self._mean_user_values(users)))

    # --- forward ------------------------------------------------------------------------------

    def _read(self, batch: Batch) -> _Read:
        history, n = batch.history, len(batch.user)
        items, places = self._slots["item"].number(np.concatenate([history.item, batch.target]))
        seen, targets = places[: len(history.item)], places[len(history.item) :]
        inputs = self._inputs_of(items)
        of_items, of_targets = self._dropout(len(items), 0), self._dropout(n, 1)
        candidates = inputs[targets]
        of_targets.apply_mask(candidates)
        of_items.apply_mask(inputs)
        weight = np.exp(self._rows["decay"])
        events = HistoryRows(seen, history.row, history.age)
        pooled = self._pooled(inputs, events, weight, n)
        user_values = self._mean_user_values(batch.user)
        return _Read(
            items,
            targets,
            of_items,
            of_targets,
            inputs,
            candidates,
            events,
            weight,
            pooled,
            user_values,
        )

    def _inputs_of(self, items: Keys) -> Float32:
        inputs = self._by_member(self._rows["item"][items])
        add_means(self._by_member(self._rows["value"]), self._lists["value"], items, inputs)
        for name, vectors in self._supplied.items():
            inputs += self._by_member(vectors[items] @ self._rows[name])
        return inputs

    def _mean_user_values(self, users: Keys) -> Float32:
        """Mean value vectors of users, `[n, members, k]`."""
        means = self._zeros(len(users))
        add_means(
            self._by_member(self._rows["user_value"]), self._lists["user_value"], users, means
        )
        return means

    def _pooled(self, inputs: Float32, events: HistoryRows, weight: Float32, n: int) -> Pooled:
        """Means of n histories and of their last timestamps."""
        pooled = Pooled(self._zeros(n), self._zeros(n))
        pool(inputs, events, weight, pooled)
        return pooled

    def _dropout(self, n: int, stream: int) -> Dropout:
        """Dropout of n histories' items (stream 0) or targets (1), another one in every step."""
        rate = (self.config.dropout, self.config.item_dropout)[stream]
        return Dropout(n, self.config.dimensions, rate, [self._seed, stream, self._step])

    # --- backward -----------------------------------------------------------------------------

    def _backward(self, batch: Batch, read: _Read, gradients: list[Float32]) -> None:
        """Carry the gradients back to the rows that were read, and update these by Adam."""
        of_pooled, of_last, of_user_values, of_candidates = gradients
        of_items, of_decay = self._zeros(len(read.items)), np.zeros_like(read.weight)
        of_means = Pooled(of_pooled, of_last)
        pool_gradients(
            read.inputs, read.events, read.weight, read.pooled, of_means, of_items, of_decay
        )
        read.of_items.apply_mask(of_items)
        of_targets = of_candidates.copy()  # TensorFlow's own memory is not ours to write
        read.of_targets.apply_mask(of_targets)
        add_rows(of_targets, read.targets, of_items)
        self._adam_step("item", read.items, of_items, batch.rate)
        self._update_values("value", read.items, of_items, batch.rate)
        for name, vectors in self._supplied.items():
            self._update_projection(name, vectors[read.items], of_items, batch.rate)
        self._update_values("user_value", batch.user, of_user_values, batch.rate)
        self._adam_step("decay", np.arange(len(of_decay), dtype=np.int32), of_decay, batch.rate)

    def _update_values(
        self, name: str, entities: Keys, of_means: Float32, rate: np.float32
    ) -> None:
        """Update the value vectors of some entities by Adam; `of_means` is the gradient by their
        means.
        """
        lists = self._lists[name][entities]
        values, places = self._slots[name].number(lists.ravel())
        of_values = self._zeros(len(values))
        spread_means(of_means, lists, places.reshape(lists.shape), of_values)
        self._adam_step(name, values, of_values, rate)

    def _update_projection(
        self, name: str, vectors: Float32, of_items: Float32, rate: np.float32
    ) -> None:
        """Update by Adam the projection that took `vectors [u, dimensions]` to item inputs;
        `of_items` is the gradient by these inputs.
        """
        of_projection = vectors.T @ of_items.reshape(len(vectors), -1)
        self._adam_step(name, np.arange(len(of_projection), dtype=np.int32), of_projection, rate)

    def _adam_step(self, name: str, rows: Keys, gradient: Float32, rate: np.float32) -> None:
        """One step of Adam on the rows of this batch only: its time depends on the batch, not on
        the catalogue's size.
        """
        parameter, first, second = (self._rows[name + moment] for moment in MOMENTS)
        adam(
            parameter, first, second, rows, gradient.reshape(len(rows), -1), self._step, float(rate)
        )

    # --- shapes -------------------------------------------------------------------------------

    def _zeros(self, n: int) -> Float32:
        return self._by_member(np.zeros((n, self.config.dimensions), np.float32))

    def _by_member(self, rows: Float32) -> Float32:
        """`[n, d]` rows as `[n, members, k]`, the same memory."""
        members = self.config.members
        return rows.reshape(len(rows), members, self.config.dimensions // members)

    def _joined(self, vectors: Float32) -> Float32:
        """`[n, d]` of `[n, members, k]`, each to scale: a product of two is the mean of the
        members' products.
        """
        scaled: Float32 = np.asarray(self._layers.scaled(vectors))
        return scaled.reshape(len(scaled), self.config.dimensions) / np.float32(
            self.config.members**0.5
        )
