"""Features, opened: dense arrays by key for users and items, a sorted table for pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PairTable:
    """Features of user-item pairs with history.

    `codes`: user_key * n_items + item_key, sorted, `[p] int64`; `values`: `[p, fp] float32`.
    """

    codes: npt.NDArray[np.int64]
    values: Floats
    n_items: int

    def gather(self, user_keys: Keys, item_keys: Keys) -> Floats:
        """Features of the pairs (user_keys[r], item_keys[r]), `[r, fp] float32`; NaN without history."""
        if not len(self.codes):
            return np.full((len(user_keys), self.values.shape[1]), np.nan, np.float32)
        wanted = user_keys.astype(np.int64) * self.n_items + item_keys
        place = np.minimum(np.searchsorted(self.codes, wanted), len(self.codes) - 1)
        gathered = self.values[place]
        gathered[self.codes[place] != wanted] = np.nan
        return gathered


@dataclass(frozen=True)
class FeatureTables:
    """`user`: `[n_users, fu]`, `item`: `[n_items, fi]`, float32 by key, NaN where a key has no row."""

    user: Floats
    item: Floats
    pair: PairTable
    user_names: tuple[str, ...]
    item_names: tuple[str, ...]
    pair_names: tuple[str, ...]

    @classmethod
    def open(cls, artifact: Artifact, n_users: int, n_items: int) -> FeatureTables:
        """Read a `features` artifact. Raises ArtifactError when a file is missing."""
        user_names, users, user_values = _read(artifact, "user", 1)
        item_names, items, item_values = _read(artifact, "item", 1)
        pair_names, pairs, pair_values = _read(artifact, "pair", 2)
        codes = pairs[0].astype(np.int64) * n_items + pairs[1]
        return cls(
            user=_dense(users[0], user_values, n_users),
            item=_dense(items[0], item_values, n_items),
            pair=PairTable(codes, pair_values, n_items),
            user_names=user_names,
            item_names=item_names,
            pair_names=pair_names,
        )


def _read(artifact: Artifact, family: str, n_keys: int) -> tuple[tuple[str, ...], list[Keys], Floats]:
    """Feature names, key columns, and values `[rows, f] float32` of one family."""
    table = pq.read_table(artifact.file(f"{family}.parquet"))
    names = table.column_names
    keys = [table[name].to_numpy() for name in names[:n_keys]]
    values = np.empty((table.num_rows, len(names) - n_keys), np.float32)
    for column, name in enumerate(names[n_keys:]):
        values[:, column] = table[name].to_numpy()
    return tuple(names[n_keys:]), keys, values


def _dense(keys: Keys, values: Floats, rows: int) -> Floats:
    dense = np.full((rows, values.shape[1]), np.nan, np.float32)
    dense[keys] = values
    return dense
