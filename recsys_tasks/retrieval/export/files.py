"""Vectors as files for other programs: parquet, and the three files that TensorBoard's Embedding
Projector opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from recsys_tasks.arrays import Float32

PROJECTOR_ROWS = 20_000
"""Points of an entity that the projector gets, at most: a browser draws them all."""
ROWS_PER_GROUP = 65_536


@dataclass(frozen=True)
class Named:
    """Vectors of one kind of thing: row i of `vectors [n, d]` belongs to `ids[i]`; `about` has
    columns to show.
    """

    kind: str
    ids: npt.NDArray[np.object_]
    vectors: Float32
    about: Mapping[str, Sequence[object]]

    def sample(self, count: int, seed: int) -> Named:
        """`count` of them at most, in their order."""
        if len(self.ids) <= count:
            return self
        rows = np.sort(np.random.default_rng(seed).permutation(len(self.ids))[:count])
        about = {name: [values[row] for row in rows] for name, values in self.about.items()}
        return Named(self.kind, self.ids[rows], np.asarray(self.vectors[rows]), about)


def write_parquet(path: Path, named: Named) -> None:
    """Columns `id` and `vector`, a list of float32 of the same length in every row; written group
    by group.
    """
    kind = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32()))])
    d = named.vectors.shape[1]
    with pq.ParquetWriter(path, kind) as writer:
        for at in range(0, len(named.ids), ROWS_PER_GROUP):
            block = np.ascontiguousarray(named.vectors[at : at + ROWS_PER_GROUP], np.float32)
            offsets = np.arange(len(block) + 1, dtype=np.int32) * d
            lists = pa.ListArray.from_arrays(offsets, pa.array(block.ravel()))
            ids = pa.array(named.ids[at : at + ROWS_PER_GROUP], pa.string())
            writer.write_table(pa.Table.from_arrays([ids, lists], schema=kind))


def write_projector(folder: Path, entities: Sequence[Named], seed: int) -> None:
    """`<kind>/vectors.tsv`, `<kind>/metadata.tsv` and `projector_config.pbtxt`, which names
    them.
    """
    lines = []
    for entity in entities:
        some = entity.sample(PROJECTOR_ROWS, seed)
        place = folder / some.kind
        place.mkdir(parents=True)
        np.savetxt(place / "vectors.tsv", some.vectors, fmt="%.6g", delimiter="\t")
        (place / "metadata.tsv").write_text("\n".join(_metadata(some)) + "\n", encoding="utf-8")
        lines += [
            "embeddings {",
            f'  tensor_name: "{some.kind}"',
            f'  tensor_path: "{some.kind}/vectors.tsv"',
        ]
        lines += [f'  metadata_path: "{some.kind}/metadata.tsv"', "}"]
    (folder / "projector_config.pbtxt").write_text("\n".join(lines) + "\n")


def _metadata(named: Named) -> Iterator[str]:
    """A line a point, the id first; below a header where there is more than ids."""
    # The name of no attribute has a space.
    about = {
        "attribute id" if name == "id" else name: values for name, values in named.about.items()
    }
    if about:  # the projector takes a first line without a tab for the first point's
        yield "\t".join(("id", *about))
    for row in zip(named.ids, *about.values(), strict=True):
        yield "\t".join(map(_cell, row))


def _cell(value: object) -> str:
    """One value on one line, without tabs; nothing for a missing one."""
    if value is None or value != value:  # a NaN is not itself
        return ""
    return " ".join(str(value).split())
