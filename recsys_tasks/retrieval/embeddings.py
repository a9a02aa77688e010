"""Item and user vectors of one night, memory-mapped. Needs no TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from recsys_tasks.arrays import AnyInt, Bool, Float32
from recsys_tasks.errors import ArtifactError
from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact
from recsys_tasks.lake.keys import EmbeddingsKey
from recsys_tasks.snapshot.dataset import Snapshot

ARRAYS = ("item_keys", "item_vectors", "user_keys", "user_vectors")


@dataclass(frozen=True)
class Embeddings:
    """Vectors by key: row i of `item_vectors` belongs to `item_keys[i]`, users alike; keys
    ascend.
    """

    item_keys: Keys  # [m]
    item_vectors: Float32  # [m, d]
    user_keys: Keys  # [n]
    user_vectors: Float32  # [n, d]
    artifact: Artifact

    def findable(self, eligible: Bool | None = None) -> Embeddings:
        """The same with only the items that a search may find: `eligible [n_items]` by key (None:
        all), and known.

        Nobody knows an item whose vector is zero, yet it would stand before all that a user likes
        less than nothing.
        """
        squares = np.einsum("md,md->m", self.item_vectors, self.item_vectors)
        found = np.isfinite(squares) & (squares > 0)
        if eligible is not None:
            found &= eligible[self.item_keys]
        return self if found.all() else self._with_items(np.flatnonzero(found))

    def only(self, keys: Keys) -> Embeddings:
        """The same with only these items, which have vectors; sorted keys.

        `keys [k] int32`.
        """
        return (
            self if np.array_equal(keys, self.item_keys) else self._with_items(self.item_rows(keys))
        )

    def _with_items(self, rows: AnyInt) -> Embeddings:
        return replace(
            self, item_keys=np.asarray(self.item_keys[rows]), item_vectors=self.item_vectors[rows]
        )

    def item_rows(self, keys: Keys) -> Keys:
        """Row of each item key, -1 where it has none.

        `keys [n] int32`; so are the rows, `[n] int32`.
        """
        return _rows(self.item_keys, keys)

    def user_rows(self, keys: Keys) -> Keys:
        """Row of each user key, -1 where it has none.

        `keys [n] int32`; so are the rows, `[n] int32`.
        """
        return _rows(self.user_keys, keys)


def embeddings_of(snapshot: Snapshot, tower: str, history_before: date) -> Embeddings:
    """What `embed` made of a tower version at a cutoff from this snapshot, not from a later
    night's.

    A later night's window may end at the same cutoff: its snapshot knows more, also items that this
    one has not. Raises ArtifactError when there is none.
    """
    key = EmbeddingsKey.of(tower, history_before)
    for made in reversed(snapshot.lake.versions("embeddings", key)):
        if made.manifest["inputs"].get("snapshot") == snapshot.artifact.content:
            return open_embeddings(made)
    raise ArtifactError(
        expected=f"vectors of {key} from the snapshot of {snapshot.as_of}",
        found="none",
        where=str(snapshot.lake.root / "embeddings" / key),
        remedy="run embed for this night first",
    )


def open_embeddings(artifact: Artifact) -> Embeddings:
    """Memory-map an `embeddings` artifact. Raises ArtifactError when a file is missing."""
    loaded = {
        name: np.load(artifact.file(f"{name}.npy"), mmap_mode="r", allow_pickle=False)
        for name in ARRAYS
    }
    return Embeddings(**loaded, artifact=artifact)


def _rows(known: Keys, keys: Keys) -> Keys:
    if not len(known):
        return np.full(len(keys), -1, np.int32)
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return np.where(known[place] == keys, place, -1).astype(np.int32)
