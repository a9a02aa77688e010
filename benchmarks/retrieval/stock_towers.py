"""TFRS as its own retrieval tutorial has it: an embedding of 32 a user and an item, in-batch
softmax, keras.fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from recsys_tasks.retrieval.tower.runtime import tf, tfrs

DIMENSIONS, BATCH, LEARNING_RATE, SHUFFLED = 32, 8192, 0.1, 100_000
"""The tutorial's own."""

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[Any]


class StockTowers(tfrs.Model):
    """User and item towers of the tutorial."""

    def __init__(self, users: Ids, items: Ids, dimensions: int = DIMENSIONS) -> None:
        super().__init__()
        self.user_model, self.item_model = _tower(users, dimensions), _tower(items, dimensions)
        # Its FactorizedTopK is left out: the tutorial does not compute it in training, and here
        # judging is not timed.
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, features: dict[str, Any], training: bool = False) -> Any:
        """In-batch softmax."""
        users, items = self.user_model(features["user_id"]), self.item_model(features["item_id"])
        return self.task(users, items, compute_metrics=not training)

    def vectors(self) -> tuple[Vectors, Vectors]:
        """Of users and items, in the vocabularies' order."""
        users, items = (
            model.layers[1].get_weights()[0][1:] for model in (self.user_model, self.item_model)
        )
        return users, items


def _tower(vocabulary: Ids, dimensions: int) -> Any:
    return tf.keras.Sequential(
        [
            tf.keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None),
            tf.keras.layers.Embedding(
                len(vocabulary) + 1, dimensions
            ),  # row 0: ids that are not in it
        ]
    )


def batches(user_ids: npt.NDArray[Any], item_ids: npt.NDArray[Any], size: int = BATCH) -> Any:
    """Shuffled, batched and cached."""
    pairs = tf.data.Dataset.from_tensor_slices({"user_id": user_ids, "item_id": item_ids})
    return pairs.shuffle(SHUFFLED).batch(size).cache()


class AfterEpoch(tf.keras.callbacks.Callback):
    """Calls `hear(epoch)` after each epoch, and ends training where it says False."""

    def __init__(self, hear: Callable[[int], bool]) -> None:
        super().__init__()
        self._hear = hear

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """See keras."""
        if not self._hear(epoch + 1):
            self.model.stop_training = True
