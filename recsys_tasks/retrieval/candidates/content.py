"""Items as sparse rows of their declared attributes: similarity that needs no interaction.

An attribute value counts log(m / (1 + items with it)); rows have unit length, so that a product of
two is their cosine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from recsys_tasks.arrays import Bool
from recsys_tasks.config import Attribute, Config

NUMERIC_BUCKETS = 10


@dataclass(frozen=True)
class ContentSpace:
    """`items`: `[m, v] float32` CSR of attribute values, rows of unit length or empty."""

    items: sp.csr_matrix

    def save(self, folder: Path) -> None:
        """Write the matrix as three .npy files and its width."""
        for name in ("data", "indices", "indptr"):
            np.save(folder / f"content_{name}.npy", getattr(self.items, name))
        np.save(folder / "content_shape.npy", np.array(self.items.shape, np.int64))

    @classmethod
    def open(cls, folder: Path) -> ContentSpace:
        """Memory-map what `save` wrote."""
        parts = [
            np.load(folder / f"content_{name}.npy", mmap_mode="r")
            for name in ("data", "indices", "indptr")
        ]
        shape = tuple(int(size) for size in np.load(folder / "content_shape.npy"))
        return cls(sp.csr_matrix(tuple(parts), shape=shape))


def content_space(config: Config, items: pd.DataFrame, known: Bool) -> ContentSpace:
    """Content of items by key; rows where `known` is false are empty and count for nothing.

    `known [m] bool`. The space has a row an item, `[m, f] float32` of unit length, f different
    values.
    """
    rows, values = [np.empty(0, np.int64)], [np.empty(0, object)]
    for attribute in config.items.value_attributes:
        tokens = _tokens(attribute, items.loc[known, attribute.name])
        rows.append(tokens.index.to_numpy(np.int64))
        values.append((attribute.name + "=" + tokens.astype(str)).to_numpy(object))
    codes, names = pd.factorize(np.concatenate(values), sort=True)
    shape = (len(items), max(len(names), 1))
    counts = sp.csr_matrix(
        (np.ones(len(codes), np.float32), (np.concatenate(rows), codes)), shape=shape
    )
    counts.data[:] = 1.0  # a word twice in a title counts once
    frequency = np.bincount(counts.indices, minlength=shape[1])
    idf = np.maximum(np.log(max(int(known.sum()), 1) / (1.0 + frequency)), 0.0) + 1e-3
    return ContentSpace(unit_rows(counts @ sp.diags(idf)))


def _tokens(attribute: Attribute, column: pd.Series[str]) -> pd.Series[str]:
    """Values of one attribute, one row a value, indexed by item key."""
    column = column.dropna()
    if attribute.kind == "numeric":
        inner = np.linspace(0, 1, NUMERIC_BUCKETS + 1)[1:-1]
        edges = (
            np.unique(np.quantile(column.to_numpy(float), inner)) if len(column) else np.empty(0)
        )
        return pd.Series(np.searchsorted(edges, column, side="right"), index=column.index).astype(
            str
        )
    column = column.astype(str)
    if attribute.kind == "multi":
        column = column.str.split(attribute.separator, regex=False).explode()
    elif attribute.kind == "text":
        column = column.str.lower().str.findall(r"\w+").explode()
    column = column.dropna()
    return column[column != ""]


def unit_rows(matrix: sp.spmatrix) -> sp.csr_matrix:
    """The rows divided by their Euclidean length, as float32 CSR."""
    rows = sp.csr_matrix(matrix)
    length = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    unit = sp.diags(1.0 / np.where(length > 0, length, 1.0)) @ rows
    return sp.csr_matrix(unit, dtype=np.float32)
