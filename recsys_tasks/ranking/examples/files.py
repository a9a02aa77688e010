"""The examples of a night, opened: one row a candidate, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recsys_tasks.ids import Keys
from recsys_tasks.lake import Artifact

Bools = npt.NDArray[np.bool_]

COLUMNS: dict[str, Any] = {
    "user": np.int32,
    "item": np.int32,
    "group": np.int32,
    "part": np.int8,
    "weight": np.float32,
    "position": np.int16,
}
"""Columns of a row besides its features and labels: a flat file each."""


@dataclass(frozen=True)
class Examples:
    """One row per kept candidate, grouped by window and user.

    `X [rows, f] float32`; `labels [rows, objectives] bool`; `user`, `item`, `group` int32 (groups
    are runs of rows); `part` int8; `weight` float32: candidates that the row stands for (1 unless a
    sampled negative); `position` int16: highest position, from 1, at which the item was shown to
    the user in the window, 0 if it was not.
    """

    names: tuple[str, ...]
    light_names: tuple[str, ...]
    X: npt.NDArray[np.float32]
    labels: Bools
    user: Keys
    item: Keys
    group: Keys
    part: npt.NDArray[np.int8]
    weight: npt.NDArray[np.float32]
    position: npt.NDArray[np.int16]
    facts: dict[str, Any]
    worth: npt.NDArray[np.float32] | None = None
    """`[rows, objectives]`: how much was watched (watch_time), else the label; None: no
    objective asks.
    """

    @classmethod
    def open(cls, artifact: Artifact) -> Self:
        """Memory-map an `examples` artifact."""
        facts = json.loads(artifact.file("examples.json").read_text())
        rows, names, objectives = artifact.rows, tuple(facts["names"]), facts["objectives"]
        shape = (rows, len(objectives))
        return cls(
            names=names,
            light_names=tuple(facts["light_names"]),
            X=_mapped(artifact, "X", np.float32, (rows, len(names))),
            labels=_mapped(artifact, "labels", np.bool_, shape),
            worth=_mapped(artifact, "worth", np.float32, shape) if facts["counts_from"] else None,
            **{name: _mapped(artifact, name, dtype, (rows,)) for name, dtype in COLUMNS.items()},
            facts=facts,
        )

    def outcome(self, rows: Any, objective: int) -> Bools | npt.NDArray[np.float64]:
        """`[rows]` in [0, 1]: what came true of an objective, which is what its score is to say."""
        if self.worth is None:
            return np.asarray(self.labels[rows, objective])
        return self.worth[rows, objective].astype(np.float64)

    def hits(self, rows: Any) -> Bools:
        """`[rows]`: whether some objective was fulfilled, as the measures count it."""
        if self.worth is None:
            return np.asarray(self.labels[rows].any(axis=1))
        enough = np.array(self.facts["counts_from"], np.float32)
        return np.asarray((self.labels[rows] & (self.worth[rows] >= enough)).any(axis=1))


def _mapped(artifact: Artifact, name: str, dtype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    path = artifact.file(f"{name}.bin")
    return np.memmap(path, dtype, "r", shape=shape) if shape[0] else np.zeros(shape, dtype)
